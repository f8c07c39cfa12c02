package tool

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"momus/cmd/internal/tool/options"
	"momus/cmd/internal/tool/tooltest"
)

// addressed is a use of a tool that takes addresses of brokers; BROKERS stands for them.
type addressed struct {
	line  string // arguments, a word each
	stdin string
	until string // on standard output: it is interrupted then
}

// theirOwnTests are tools that take addresses where one line cannot show it.
var theirOwnTests = map[string]string{
	"kafka-mirror-maker": "reads them from properties files, like every tool's, and runs until it is stopped: integration/tools TestMirrorMaker",
}

// Every tool reads addresses as Java's clients do: with a protocol before them, with a comma behind
// them, and of a:1;b:2 the last.
func TestEveryToolReadsAddressesAsJavaDoes(t *testing.T) {
	c := tooltest.NewCluster(t, 1, nil)
	dir := t.TempDir()
	files := map[string]string{
		"empty.properties": "",
		"none.json":        `{"version":1,"partitions":[]}`,
		"move.json":        `{"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[1],"log_dirs":["any"]}]}`,
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	uses := map[string]addressed{
		"kafka-topics":                     {line: "--bootstrap-server BROKERS --list"},
		"kafka-console-producer":           {line: "--bootstrap-server BROKERS --topic t", stdin: "a\nb\n"},
		"kafka-console-consumer":           {line: "--bootstrap-server BROKERS --topic t --from-beginning --max-messages 1"},
		"kafka-consumer-groups":            {line: "--bootstrap-server BROKERS --list"},
		"kafka-configs":                    {line: "--bootstrap-server BROKERS --describe --entity-type brokers --entity-name 1"},
		"kafka-acls":                       {line: "--bootstrap-server BROKERS --list"},
		"kafka-reassign-partitions":        {line: "--zookeeper ZOOKEEPER --bootstrap-server BROKERS --verify --reassignment-json-file " + filepath.Join(dir, "move.json")},
		"kafka-leader-election":            {line: "--bootstrap-server BROKERS --election-type preferred --all-topic-partitions"},
		"kafka-preferred-replica-election": {line: "--bootstrap-server BROKERS"},
		"kafka-delete-records":             {line: "--bootstrap-server BROKERS --offset-json-file " + filepath.Join(dir, "none.json")},
		"kafka-log-dirs":                   {line: "--bootstrap-server BROKERS --describe --topic-list t"},
		"kafka-broker-api-versions":        {line: "--bootstrap-server BROKERS"},
		"kafka-producer-perf-test":         {line: "--topic t --num-records 1 --record-size 1 --throughput -1 --producer-props bootstrap.servers=BROKERS"},
		"kafka-consumer-perf-test":         {line: "--broker-list BROKERS --topic t --messages 1"},
		"kafka-verifiable-producer":        {line: "--broker-list BROKERS --topic t --max-messages 1"},
		"kafka-verifiable-consumer":        {line: "--broker-list BROKERS --topic t --group-id g --max-messages 1 --reset-policy earliest"},
		"kafka-replica-verification":       {line: "--broker-list BROKERS --topic-white-list t --report-interval-ms 1", until: "max lag is 0"},
		"kafka-delegation-tokens":          {line: "--bootstrap-server BROKERS --command-config " + filepath.Join(dir, "empty.properties") + " --describe"},
		"kafka-streams-application-reset":  {line: "--bootstrap-servers BROKERS --application-id a --input-topics t --dry-run"},
		"kafka-get-offsets":                {line: "--broker-list BROKERS --topic t"},
	}
	run := func(t *testing.T, name, brokers string) (code int, out, errs string) {
		u := uses[name]
		words := strings.Fields(strings.NewReplacer("BROKERS", brokers, "ZOOKEEPER", c.ZooKeeper).Replace(u.line))
		i := slices.IndexFunc(Tools(), func(x Tool) bool { return x.Name == name })
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		stdout, stderr := &interrupting{text: u.until, cancel: cancel}, &bytes.Buffer{}
		code = Tools()[i].Run(ctx, &Env{Args: words, Stdin: strings.NewReader(u.stdin), Stdout: stdout, Stderr: stderr, Getenv: func(string) string { return "" }})
		plain := func(s string) string {
			return numbers.ReplaceAllString(strings.ReplaceAll(s, brokers, c.Bootstrap[0]), "#")
		}
		return code, plain(stdout.String()), plain(stderr.String())
	}
	if code, _, errs := run(t, "kafka-console-producer", c.Bootstrap[0]); code != 0 {
		t.Fatal(errs)
	}
	for _, x := range Tools() {
		takes := x.Options != nil && slices.ContainsFunc(x.Options().Infos(), func(p options.Info) bool {
			return p.Name == "bootstrap-server" || p.Name == "bootstrap-servers" || p.Name == "broker-list" || p.Name == "producer-props" || p.Name == "producer.config"
		})
		if _, ok := uses[x.Name]; !ok {
			if takes && theirOwnTests[x.Name] == "" {
				t.Errorf("%s takes addresses and is not tried", x.Name)
			}
			continue
		}
		t.Run(x.Name, func(t *testing.T) {
			code, out, errs := run(t, x.Name, c.Bootstrap[0])
			if strings.Contains(errs, "bootstrap") {
				t.Fatalf("with one address: %s", errs)
			}
			for _, form := range []string{"PLAINTEXT://%", "%,", "PLAINTEXT://%,", "nobody:1;%"} {
				brokers := strings.ReplaceAll(form, "%", c.Bootstrap[0])
				if c, o, e := run(t, x.Name, brokers); c != code || o != out || e != errs {
					t.Errorf("%s: exit %d\n%s%s\nwith the address alone: exit %d\n%s%s", brokers, c, o, e, code, out, errs)
				}
			}
		})
	}
}

var numbers = regexp.MustCompile(`[0-9][0-9.,:]*`)

// interrupting is output that ends a tool when it shows a text.
type interrupting struct {
	bytes.Buffer
	text   string
	cancel context.CancelFunc
}

func (w *interrupting) Write(p []byte) (int, error) {
	n, err := w.Buffer.Write(p)
	if w.text != "" && bytes.Contains(w.Bytes(), []byte(w.text)) {
		w.cancel()
	}
	return n, err
}
