package terminal

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"momus/integration/testkit"
)

const longTopic = "a-topic-with-a-name-that-is-much-longer-than-a-column-of-a-table-should-be-in-a-terminal"

// TestForPeople runs everything against one broker.
func TestForPeople(t *testing.T) {
	c := testkit.Quickstart(t, 1, "--http-port", "-1")
	momus, server := testkit.Binary(t), c.Bootstrap
	for _, args := range [][]string{{"--topic", "orders", "--partitions", "2", "--config", "retention.ms=600000"}, {"--topic", longTopic}} {
		if p := pipe(t, append([]string{"topics", "--bootstrap-server", server, "--create"}, args...)...); p.code != 0 {
			t.Fatalf("create: %+v", p)
		}
	}
	produce := pipe(t, "producer-perf-test", "--topic", "orders", "--num-records", "1000", "--record-size", "10", "--throughput", "-1", "--producer-props", "bootstrap.servers="+server)
	consume := pipe(t, "console-consumer", "--bootstrap-server", server, "--topic", "orders", "--group", "readers", "--from-beginning", "--max-messages", "400")
	if produce.code != 0 || consume.code != 0 {
		t.Fatalf("fill: %+v %+v", produce, consume)
	}

	looks := [][]string{{"topics", "--list"}, {"topics", "--describe"}, {"topics", "--describe", "--under-replicated-partitions"}, {"consumer-groups", "--list"},
		{"consumer-groups", "--describe", "--group", "readers"}, {"consumer-groups", "--describe", "--all-groups", "--state"}, {"configs", "--describe", "--topic", "orders"},
		{"configs", "--describe", "--broker", "1", "--all"}, {"log-dirs", "--describe"}, {"broker-api-versions"}}
	for _, look := range looks {
		args := append(look, "--bootstrap-server", server)
		t.Run("table "+strings.Join(look, " "), func(t *testing.T) { table(t, momus, args) })
		t.Run("json "+strings.Join(look, " "), func(t *testing.T) { document(t, args) })
	}
	t.Run("a pipe gets Kafka's bytes", func(t *testing.T) { exactBytes(t, server) })
	t.Run("a terminal gets colours unless NO_COLOR is set", func(t *testing.T) { colours(t, momus, server) })
	t.Run("documents have the documented shapes", func(t *testing.T) { shapes(t, server) })
	t.Run("progress", func(t *testing.T) { progressBars(t, momus, server, c.Dir) })
	t.Run("completion", func(t *testing.T) { completion(t, server, c.ZooKeeper) })
	t.Run("hints come at once", func(t *testing.T) { atOnce(t, momus, server) })
	t.Run("mistakes", func(t *testing.T) { mistakes(t, server, c.ZooKeeper) })
}

// table checks that what a terminal gets is no wider than it is, and aligned: the head of a table
// in capitals is there.
func table(t *testing.T, momus string, args []string) {
	text := open(t, nil, append([]string{momus}, args...)...).end(t)
	heads := 0
	for _, line := range strings.Split(text, "\n") {
		if strings.Contains(line, "has no active members") || strings.HasPrefix(line, "  ") || strings.HasPrefix(line, "Topic ") { // Kafka's line; a topic's name and configs
			continue
		}
		if n := utf8.RuneCountInString(line); n > columns {
			t.Errorf("%d columns: %q", n, line)
		}
		if strings.ToUpper(line) == line && strings.Trim(line, " \t") != "" {
			heads++
		}
	}
	if heads == 0 || strings.Contains(text, "\t") {
		t.Errorf("no table:\n%s", text)
	}
}

// document checks that --json prints a document and nothing else, to a pipe and to a terminal
// alike.
func document(t *testing.T, args []string) {
	args = append(args, "--json")
	p := pipe(t, args...)
	var doc, shown map[string]any
	if err := json.Unmarshal([]byte(p.out), &doc); err != nil || p.code != 0 || len(doc) == 0 {
		t.Fatalf("%v: exit %d\n%s%s", err, p.code, p.out, p.err)
	}
	text := open(t, nil, append([]string{testkit.Binary(t)}, args...)...).end(t)
	at := strings.Index(text, "{")
	if err := json.Unmarshal([]byte(text[max(at, 0):]), &shown); err != nil || !reflect.DeepEqual(doc, shown) {
		t.Errorf("a terminal gets another document: %v\n%s", err, text)
	}
}

func exactBytes(t *testing.T, server string) {
	for args, want := range map[string]string{
		"topics --list":                       "__consumer_offsets\n" + longTopic + "\norders\n",
		"topics --describe --topic a-topic.*": "Topic: " + longTopic + "\tPartitionCount: 1\tReplicationFactor: 1\tConfigs: \n\tTopic: " + longTopic + "\tPartition: 0\tLeader: 1\tReplicas: 1\tIsr: 1\n",
		"consumer-groups --list":              "readers\n",
		"configs --describe --topic orders":   "Dynamic configs for topic orders are:\n  retention.ms=600000 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:retention.ms=600000}\n",
		"topics --delete --topic orders.not":  "Error while executing topic command : ",
	} {
		p := pipe(t, append(strings.Fields(args), "--bootstrap-server", server)...)
		if p.out != want && !(p.code == 1 && strings.HasPrefix(p.out, want)) || strings.Contains(p.out+p.err, "\x1b") {
			t.Errorf("%s: %q, want %q (%q)", args, p.out, want, p.err)
		}
	}
}

func colours(t *testing.T, momus, server string) {
	args := []string{momus, "topics", "--describe", "--topic", "orders", "--bootstrap-server", server}
	for _, c := range []struct {
		env  []string
		want bool
	}{{nil, true}, {[]string{"NO_COLOR=1"}, false}, {[]string{"TERM=dumb"}, false}} {
		s := open(t, c.env, args...)
		s.end(t)
		if got := strings.Contains(s.raw(), "\x1b["); got != c.want {
			t.Errorf("%v: colours %v\n%q", c.env, got, s.raw())
		}
	}
}

// shapes decodes documents into the shapes that docs/tools.md shows, and looks for a value in each.
func shapes(t *testing.T, server string) {
	text, err := os.ReadFile(filepath.Join(testkit.Root(t), "docs/tools.md"))
	if err != nil {
		t.Fatal(err)
	}
	decode := func(into any, args ...string) {
		t.Helper()
		documented := 0
		for _, block := range strings.Split(string(text), "```json\n")[1:] {
			block, _, _ = strings.Cut(block, "```")
			example := json.NewDecoder(strings.NewReader(block))
			example.DisallowUnknownFields()
			if example.Decode(reflect.New(reflect.TypeOf(into).Elem()).Interface()) == nil {
				documented++
			}
		}
		if documented != 1 {
			t.Errorf("%v: %d examples in docs/tools.md have its shape", args, documented)
		}
		p := pipe(t, append(args, "--bootstrap-server", server, "--json")...)
		dec := json.NewDecoder(strings.NewReader(p.out))
		dec.DisallowUnknownFields()
		if err := dec.Decode(into); err != nil {
			t.Errorf("%v: %v\n%s", args, err, p.out)
		}
	}
	var topics struct {
		Topics []struct {
			Name              string
			PartitionCount    int
			ReplicationFactor int
			Configs           map[string]string
			Partitions        []struct {
				Partition, Leader int
				Replicas, ISR     []int
			}
		}
	}
	decode(&topics, "topics", "--describe", "--topic", "orders")
	if len(topics.Topics) != 1 || topics.Topics[0].PartitionCount != 2 || len(topics.Topics[0].Partitions) != 2 || topics.Topics[0].Configs["retention.ms"] != "600000" || topics.Topics[0].Partitions[0].Leader != 1 {
		t.Errorf("topics: %+v", topics)
	}
	var groups struct {
		Groups []struct {
			Group, State string
			Offsets      []struct {
				Topic                            string
				Partition                        int
				CurrentOffset, LogEndOffset, Lag *int
				ConsumerID, Host, ClientID       *string
			}
			Members []struct {
				ConsumerID, GroupInstanceID, Host, ClientID string
				Partitions                                  []struct {
					Topic     string
					Partition int
				}
			}
			Coordinator *struct {
				ID   int
				Host string
				Port int
			}
			AssignmentStrategy string
			MemberCount        int
		}
	}
	decode(&groups, "consumer-groups", "--describe", "--group", "readers")
	read, lag := 0, 0
	for _, g := range groups.Groups {
		for _, o := range g.Offsets {
			read += *o.CurrentOffset
			lag += *o.Lag
		}
	}
	if read != 400 || lag != 600 || groups.Groups[0].State != "Empty" {
		t.Errorf("groups: read %d, lag %d: %+v", read, lag, groups)
	}
	var configs struct {
		Entities []struct {
			Entity []struct {
				Type string
				Name *string
			}
			Configs []struct {
				Name      string
				Value     *string
				Sensitive bool
				Source    string
				Synonyms  []struct {
					Source, Name string
					Value        *string
				}
			}
		}
	}
	decode(&configs, "configs", "--describe", "--topic", "orders")
	if len(configs.Entities) != 1 || *configs.Entities[0].Entity[0].Name != "orders" || len(configs.Entities[0].Configs) != 1 || *configs.Entities[0].Configs[0].Value != "600000" {
		t.Errorf("configs: %+v", configs)
	}
	var dirs struct {
		Version int
		Brokers []struct {
			Broker  int
			LogDirs []struct {
				LogDir     string
				Error      *string
				Partitions []struct {
					Partition       string
					Size, OffsetLag int
					IsFuture        bool
				}
			}
		}
	}
	decode(&dirs, "log-dirs", "--describe", "--topic-list", "orders")
	if len(dirs.Brokers) != 1 || len(dirs.Brokers[0].LogDirs[0].Partitions) != 2 {
		t.Errorf("log dirs: %+v", dirs)
	}
	var apis struct {
		Brokers []struct {
			ID   int
			Host string
			Port int
			Rack *string
			APIs []struct {
				Key              int
				Name             string
				Min, Max, Usable *int
			}
		}
	}
	decode(&apis, "broker-api-versions")
	if len(apis.Brokers) != 1 || apis.Brokers[0].ID != 1 || len(apis.Brokers[0].APIs) < 40 || apis.Brokers[0].APIs[0].Name != "Produce" || *apis.Brokers[0].APIs[0].Usable != 8 {
		t.Errorf("api versions: %+v", apis)
	}
	decode(&groups, "consumer-groups", "--describe", "--group", "readers", "--state")
	if c := groups.Groups[0].Coordinator; c == nil || c.ID != 1 || c.Port == 0 {
		t.Errorf("state: %+v", groups)
	}
	var message struct {
		Topic             string
		Partition         int
		Offset, Timestamp int64
		TimestampType     string
		Headers           []struct{ Key, Value string }
		Key, Value        *string
	}
	decode(&message, "console-consumer", "--topic", "orders", "--from-beginning", "--max-messages", "1")
	if message.Topic != "orders" || message.Value == nil || message.Timestamp == 0 {
		t.Errorf("message: %+v", message)
	}
	if p := pipe(t, "topics", "--bootstrap-server", server, "--delete", "--topic", "orders", "--json"); p.code != 1 || !strings.Contains(p.err, "Option [json] takes one of these options: [list], [describe]") {
		t.Errorf("--json with --delete: %+v", p)
	}
}

// progressBars looks for bars where somebody can see them, and for none in pipes.
func progressBars(t *testing.T, momus, server, dir string) {
	send := func(n string) []string {
		return []string{"producer-perf-test", "--topic", "orders", "--num-records", n, "--record-size", "100", "--throughput", "200000", "--producer-props", "bootstrap.servers=" + server}
	}
	read := []string{"consumer-perf-test", "--bootstrap-server", server, "--topic", "orders", "--messages", "100000", "--fetch-size", "1000"}
	for _, args := range [][]string{send("100000"), read} {
		s := open(t, nil, append([]string{momus}, args...)...)
		text := s.end(t)
		if !strings.Contains(s.raw(), "% |") || !strings.Contains(text, "/100000)") {
			t.Errorf("%s: no bar:\n%q", args[0], s.raw())
		}
		shown := strings.Split(strings.TrimRight(s.raw(), "\r\n"), "\r\n")
		last := shown[len(shown)-1]
		if last = last[strings.LastIndex(last, "\r")+1:]; strings.Contains(last, "|") || !strings.Contains(last, ".") {
			t.Errorf("%s: the bar is still there: %q", args[0], last)
		}
	}
	if p := pipe(t, send("1000")...); p.code != 0 || p.err != "" || strings.Count(p.out, "\n") != 1 {
		t.Errorf("through a pipe: %+v", p)
	}
	if p := pipe(t, send("100000")...); p.code != 0 {
		t.Fatalf("fill: %+v", p)
	}
	segments, err := filepath.Glob(filepath.Join(dir, "broker-1", "orders-*", "*.log"))
	if err != nil || len(segments) == 0 {
		t.Fatalf("no segments in %s: %v", dir, err)
	}
	dump := []string{"dump-log", "--files", strings.Join(segments, ",")}
	if p := pipe(t, dump...); p.err != "" || p.code != 0 {
		t.Errorf("dump through a pipe: exit %d, %q", p.code, p.err)
	}
	// Standard output to a file, standard error to the terminal.
	out := filepath.Join(t.TempDir(), "dump")
	s := open(t, nil, "sh", "-c", fmt.Sprintf("%s %s --deep-iteration >%s", momus, strings.Join(dump, " "), out))
	if s.end(t); !strings.Contains(s.raw(), "dump ") || !strings.Contains(s.raw(), "% |") {
		t.Errorf("dump: no bar:\n%q", s.raw())
	}
	if data, err := os.ReadFile(out); err != nil || !strings.HasPrefix(string(data), "Dumping ") || strings.Contains(string(data), "\x1b") {
		t.Errorf("dump: %v, %.80q", err, data)
	}
}

// atOnce checks that a terminal is told what is wrong while the tool still tries, which it may do
// for a minute, or for ever.
func atOnce(t *testing.T, momus, server string) {
	closed := fmt.Sprintf("127.0.0.1:%d", testkit.FreePort(t))
	hint := "hint: " + closed + " cannot be reached: nothing listens there"
	for _, args := range [][]string{
		{"topics", "--list", "--bootstrap-server", closed},
		{"console-producer", "--topic", "t", "--broker-list", closed}, // before anything was typed
		{"console-consumer", "--topic", "t", "--bootstrap-server", closed},
	} {
		s := open(t, nil, append([]string{momus}, args...)...)
		s.await(t, 0, hint)
		select {
		case <-s.done:
			t.Errorf("%v ended", args)
		default:
		}
		if n := strings.Count(s.text(), hint); n != 1 {
			t.Errorf("%v: said %d times", args, n)
		}
	}
	text := open(t, nil, momus, "topics", "--describe", "--topic", "ordres", "--bootstrap-server", server).end(t)
	if !strings.Contains(text, "hint: no topic matches ordres; did you mean orders?") {
		t.Errorf("unknown topic: %q", text)
	}
	if p := pipe(t, "topics", "--describe", "--topic", "ordres", "--bootstrap-server", server); p.code != 0 || p.out+p.err != "" {
		t.Errorf("unknown topic in a pipe: %+v", p)
	}
}
