//go:build ecosystem

package ecosystem

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"momus/integration/testkit"
)

const (
	count = 100
	limit = 3 * time.Minute
)

// programs is a file of what setup.sh has fetched.
func programs(t testing.TB, name ...string) string {
	t.Helper()
	dir := os.Getenv("MOMUS_ECOSYSTEM")
	if dir == "" {
		dir = filepath.Join(testkit.Root(t), "build", "ecosystem")
	}
	path := filepath.Join(append([]string{dir}, name...)...)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: run `make ecosystem`, which fetches it", err)
	}
	return path
}

func java(t testing.TB, profile, class string, args ...string) []string {
	t.Helper()
	dir := programs(t, profile)
	return append([]string{"java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
		"--add-opens=java.base/java.lang=ALL-UNNAMED", "--add-opens=java.base/java.util=ALL-UNNAMED", "--add-opens=java.base/java.util.concurrent.atomic=ALL-UNNAMED", // for Flink of the days of Java 11
		"--add-opens=java.base/java.nio=ALL-UNNAMED", "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED", "--add-opens=java.base/java.lang.invoke=ALL-UNNAMED", // for Spark of the same days
		"-cp", dir + ":" + filepath.Join(dir, "*"), class}, args...)
}

// Each of these writes some records to a topic of its own, reads them back, most of them in a
// group, and says how many they were.
func TestProgramsReadWhatTheyWrite(t *testing.T) {
	c := testkit.Quickstart(t, 1)
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	python := func(file string) func(testing.TB, ...string) []string {
		return func(t testing.TB, args ...string) []string {
			return append([]string{programs(t, "python", "bin", "python"), filepath.Join(here, "python", file)}, args...)
		}
	}
	node := func(file string) func(testing.TB, ...string) []string {
		return func(t testing.TB, args ...string) []string {
			modules := programs(t, "node", "node_modules")
			return append([]string{"env", "NODE_PATH=" + modules, "node", "--no-deprecation", filepath.Join(here, "node", file)}, args...)
		}
	}
	jvm := func(profile, class string) func(testing.TB, ...string) []string {
		return func(t testing.TB, args ...string) []string { return java(t, profile, class, args...) }
	}
	binary := func(name ...string) func(testing.TB, ...string) []string {
		return func(t testing.TB, args ...string) []string { return append([]string{programs(t, name...)}, args...) }
	}
	for _, p := range []struct {
		name    string
		command func(testing.TB, ...string) []string
	}{
		{"spring-kafka-2.3", jvm("spring-2.3", "SpringEcho")},
		{"spring-kafka", jvm("spring", "SpringEcho")},
		{"spring-kafka-2.9", jvm("spring-2.9", "SpringEcho")},
		{"alpakka", jvm("alpakka", "AlpakkaEcho")},
		{"vertx", jvm("vertx", "VertxEcho")},
		{"camel", jvm("camel", "CamelEcho")},
		{"flink", jvm("flink", "FlinkEcho")},
		{"spark", jvm("spark", "SparkEcho")},
		{"micronaut", jvm("micronaut", "echo.MicronautEcho")},
		{"quarkus", func(t testing.TB, args ...string) []string {
			return append([]string{"java", "-Xmx256m", "-jar", programs(t, "quarkus", "quarkus-app", "quarkus-run.jar")}, args...)
		}},
		{"aiokafka", python("aiokafka_echo.py")},
		{"faust", python("faust_echo.py")},
		{"pykafka", python("pykafka_echo.py")},
		{"quixstreams", python("quixstreams_echo.py")},
		{"debian-confluent-kafka", func(_ testing.TB, args ...string) []string {
			return append([]string{"/usr/bin/python3", filepath.Join(here, "python", "confluent_kafka_echo.py")}, args...)
		}},
		{"kafka-node", node("kafka-node-echo.js")},
		{"node-rdkafka", node("rdkafka-echo.js")},
		{"rskafka", binary("rust", "release", "rskafka-echo")},
		{"rust-rdkafka", binary("rust", "release", "rdkafka-echo")},
		{"opentelemetry", binary("go", "otel")},
		{"watermill", binary("go", "watermill")},
	} {
		t.Run(p.name, func(t *testing.T) {
			topic := "echo-" + p.name
			out := testkit.Run(t, limit, testkit.Spec{Args: p.command(t, c.Bootstrap, topic, fmt.Sprint(count), t.TempDir()), Dir: t.TempDir()})
			if !strings.Contains(out, fmt.Sprintf("read %d", count)) {
				t.Error(out)
			}
			if got := len(records(t, c.Bootstrap, topic, count)); got != count {
				t.Errorf("%d records are in the topic", got)
			}
		})
	}
}

// records reads a topic until that many committed records have come.
func records(t testing.TB, bootstrap, topic string, n int) (values []string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(bootstrap, ",")...), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.MetadataMinAge(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for len(values) < n {
		f := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Errorf("%s: %d records of %d came", topic, len(values), n)
			return values
		}
		f.EachRecord(func(r *kgo.Record) { values = append(values, string(r.Value)) })
	}
	return values
}

func write(t testing.TB, file string, lines ...string) string {
	t.Helper()
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func produce(t testing.TB, bootstrap, topic string, n int) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(bootstrap, ",")...), kgo.AllowAutoTopicCreation(), kgo.MetadataMinAge(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for i := range n {
		if err := cl.ProduceSync(context.Background(), &kgo.Record{Topic: topic, Value: fmt.Appendf(nil, "line %d", i)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

func lines(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("line %d", i))
	}
	return list
}

// A file goes through Kafka Connect's source into a topic, and through its sink into another file:
// by a worker alone, and by one of a group that keeps its state in topics.
func TestKafkaConnect(t *testing.T) {
	for _, mode := range []string{"standalone", "distributed"} {
		t.Run(mode, func(t *testing.T) {
			c := testkit.Quickstart(t, 1)
			dir := t.TempDir()
			in, out := write(t, filepath.Join(dir, "in.txt"), lines(count)...), filepath.Join(dir, "out.txt")
			rest := testkit.FreePort(t)
			worker := []string{"bootstrap.servers=" + c.Bootstrap, "key.converter=org.apache.kafka.connect.storage.StringConverter",
				"value.converter=org.apache.kafka.connect.storage.StringConverter", "offset.flush.interval.ms=500", fmt.Sprintf("listeners=http://127.0.0.1:%d", rest)}
			connectors := map[string][]string{
				"source": {"name=source", "connector.class=FileStreamSource", "tasks.max=1", "file=" + in, "topic=lines"},
				"sink":   {"name=sink", "connector.class=FileStreamSink", "tasks.max=1", "file=" + out, "topics=lines"},
			}
			if mode == "standalone" {
				files := []string{write(t, filepath.Join(dir, "worker"), append(worker, "offset.storage.file.filename="+filepath.Join(dir, "offsets"))...)}
				for name, text := range connectors {
					files = append(files, write(t, filepath.Join(dir, name), text...))
				}
				testkit.Start(t, "connect", testkit.Spec{Args: java(t, "connect", "org.apache.kafka.connect.cli.ConnectStandalone", files...), Dir: dir})
			} else {
				startWorker(t, "connect", worker)
				for name, text := range connectors {
					addConnector(t, rest, name, text)
				}
			}
			testkit.Eventually(t, limit, "the file has come out again", func() bool {
				text, err := os.ReadFile(out)
				return err == nil && string(text) == strings.Join(lines(count), "\n")+"\n"
			})
		})
	}
}

// startWorker starts a worker of a group of Kafka Connect, with the topics it keeps its state in.
func startWorker(t testing.TB, profile string, lines []string) {
	t.Helper()
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, "worker"), append(lines, "group.id=workers",
		"offset.storage.topic=connect-offsets", "offset.storage.replication.factor=1", "config.storage.topic=connect-configs", "config.storage.replication.factor=1",
		"status.storage.topic=connect-status", "status.storage.replication.factor=1")...)
	testkit.Start(t, "connect", testkit.Spec{Args: java(t, profile, "org.apache.kafka.connect.cli.ConnectDistributed", file), Dir: dir})
}

// addConnector asks a worker to run a connector, until it does.
func addConnector(t testing.TB, port int, name string, text []string) {
	t.Helper()
	var fields []string
	for _, line := range text {
		key, value, _ := strings.Cut(line, "=")
		fields = append(fields, fmt.Sprintf("%q:%q", key, value))
	}
	body := fmt.Sprintf(`{"name":%q,"config":{%s}}`, name, strings.Join(fields, ","))
	testkit.Eventually(t, limit, "the worker takes "+name, func() bool {
		r, err := http.Post(fmt.Sprintf("http://127.0.0.1:%d/connectors", port), "application/json", strings.NewReader(body))
		if err != nil {
			return false
		}
		defer r.Body.Close()
		return r.StatusCode == http.StatusCreated
	})
}

// postgres starts a database server that tells its changes, as a user that is not root, which it
// refuses, and returns its port and a function that carries out SQL.
func postgres(t testing.TB) (port int, sql func(text string)) {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(found) == 0 {
		t.Fatal("PostgreSQL is not installed: integration/ecosystem/setup.sh says what it needs")
	}
	bin := filepath.Dir(found[len(found)-1])
	dir, err := os.MkdirTemp("", "postgres") // t.TempDir cannot be entered by another user
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	var as []string
	if os.Getuid() == 0 {
		testkit.Run(t, limit, testkit.Spec{Args: []string{"chown", "postgres:", dir}})
		as = []string{"setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--pdeathsig=TERM"}
	}
	run := func(args ...string) testkit.Spec {
		return testkit.Spec{Args: append(slices.Clone(as), append([]string{filepath.Join(bin, args[0])}, args[1:]...)...), Dir: dir}
	}
	data := filepath.Join(dir, "data")
	testkit.Run(t, limit, run("initdb", "-D", data, "-U", "momus", "-A", "trust", "-N"))
	port = testkit.FreePort(t)
	server := testkit.Start(t, "postgres", run("postgres", "-D", data, "-p", fmt.Sprint(port), "-k", dir, "-c", "listen_addresses=127.0.0.1", "-c", "wal_level=logical", "-c", "fsync=off"))
	t.Cleanup(func() { server.Stop(t, limit) })
	psql := func(text string) testkit.Spec {
		return run("psql", "-h", "127.0.0.1", "-p", fmt.Sprint(port), "-U", "momus", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-q", "-c", text)
	}
	testkit.Eventually(t, limit, "the database answers", func() bool {
		_, err := testkit.TryRun(limit, psql("SELECT 1"))
		return err == nil
	})
	return port, func(text string) { testkit.Run(t, limit, psql(text)) }
}

// Debezium tells in a topic what is in a table and what happens to it, each as its operation and
// the row after it: in the release of Kafka 2.5's days and in one of today, in Connect 4.1.
func TestDebezium(t *testing.T) {
	for _, profile := range []string{"debezium", "debezium-3"} {
		t.Run(profile, func(t *testing.T) {
			c := testkit.Quickstart(t, 1)
			port, sql := postgres(t)
			sql("CREATE TABLE orders (id INT PRIMARY KEY, what TEXT); INSERT INTO orders SELECT i, 'line ' || i FROM generate_series(0, 49) i")
			rest := testkit.FreePort(t)
			startWorker(t, profile, []string{"bootstrap.servers=" + c.Bootstrap, "key.converter=org.apache.kafka.connect.json.JsonConverter",
				"value.converter=org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable=false", "offset.flush.interval.ms=500", fmt.Sprintf("listeners=http://127.0.0.1:%d", rest)})
			addConnector(t, rest, "orders", []string{"connector.class=io.debezium.connector.postgresql.PostgresConnector", "tasks.max=1", "plugin.name=pgoutput",
				"database.hostname=127.0.0.1", fmt.Sprintf("database.port=%d", port), "database.user=momus", "database.password=none", "database.dbname=postgres",
				"database.server.name=shop", "topic.prefix=shop"}) // the same thing before and since 2.0
			var want []string
			for i := range 50 {
				want = append(want, fmt.Sprintf("r %d line %d", i, i))
			}
			if got := changes(t, c.Bootstrap, 50); !slices.Equal(got, want) {
				t.Errorf("the snapshot is %q", got)
			}
			sql("INSERT INTO orders SELECT i, 'line ' || i FROM generate_series(50, 99) i; UPDATE orders SET what = 'changed' WHERE id = 7; DELETE FROM orders WHERE id = 8")
			for i := range 50 {
				want = append(want, fmt.Sprintf("c %d line %d", 50+i, 50+i))
			}
			want = append(want, "u 7 changed", "d", "tombstone")
			if got := changes(t, c.Bootstrap, len(want)); !slices.Equal(got, want) {
				t.Errorf("the changes are %q", got)
			}
		})
	}
}

// changes reads that many of Debezium's records of the table orders.
func changes(t testing.TB, bootstrap string, n int) (list []string) {
	t.Helper()
	for _, value := range records(t, bootstrap, "shop.public.orders", n) {
		var change struct {
			Op    string
			After *struct {
				ID   int
				What string
			}
		}
		switch {
		case value == "":
			list = append(list, "tombstone")
		case json.Unmarshal([]byte(value), &change) != nil:
			t.Fatalf("not a change: %s", value)
		case change.After == nil:
			list = append(list, change.Op)
		default:
			list = append(list, fmt.Sprintf("%s %d %s", change.Op, change.After.ID, change.After.What))
		}
	}
	return list
}

// Telegraf's output writes the metrics of a file to a topic, and its consumer's come out into another.
func TestTelegraf(t *testing.T) {
	c := testkit.Quickstart(t, 1)
	telegraf, dir := programs(t, "go", "telegraf"), t.TempDir()
	var metrics []string
	for i := range count {
		metrics = append(metrics, fmt.Sprintf("orders,shop=a n=%di %d", i, (1_600_000_000+i)*1_000_000_000)) // Telegraf rounds to seconds here
	}
	in, out := write(t, filepath.Join(dir, "in"), metrics...), filepath.Join(dir, "out")
	agent := []string{"[agent]", "omit_hostname=true", `flush_interval="1s"`, `interval="1s"`}
	to := write(t, filepath.Join(dir, "to.conf"), append(slices.Clone(agent), "[[inputs.file]]", fmt.Sprintf("files=[%q]", in), `data_format="influx"`,
		"[[outputs.kafka]]", fmt.Sprintf("brokers=[%q]", c.Bootstrap), `topic="metrics"`, `compression_codec=1`, `required_acks=-1`, `data_format="influx"`)...)
	testkit.Run(t, limit, testkit.Spec{Args: []string{telegraf, "--config", to, "--once"}, Dir: dir})
	if got := records(t, c.Bootstrap, "metrics", count); len(got) != count {
		t.Errorf("%d records are in the topic", len(got))
	}
	from := write(t, filepath.Join(dir, "from.conf"), append(slices.Clone(agent), "[[inputs.kafka_consumer]]", fmt.Sprintf("brokers=[%q]", c.Bootstrap), `topics=["metrics"]`,
		`consumer_group="telegraf"`, `offset="oldest"`, `data_format="influx"`, "[[outputs.file]]", fmt.Sprintf("files=[%q]", out), `data_format="influx"`)...)
	testkit.Start(t, "telegraf", testkit.Spec{Args: []string{telegraf, "--config", from}, Dir: dir})
	testkit.Eventually(t, limit, "the metrics have come out again", func() bool {
		text, err := os.ReadFile(out)
		return err == nil && string(text) == strings.Join(metrics, "\n")+"\n"
	})
}

// MirrorMaker 2 copies topics from one cluster to another, with its own groups, configs and topics.
func TestMirrorMaker2(t *testing.T) {
	from, to := testkit.Quickstart(t, 1), testkit.Quickstart(t, 1)
	produce(t, from.Bootstrap, "orders", count)
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, "mm2.properties"), "clusters=a,b", "a.bootstrap.servers="+from.Bootstrap, "b.bootstrap.servers="+to.Bootstrap,
		"a->b.enabled=true", "a->b.topics=orders", "b->a.enabled=false", "replication.factor=1", "checkpoints.topic.replication.factor=1", "heartbeats.topic.replication.factor=1",
		"offset-syncs.topic.replication.factor=1", "offset.storage.replication.factor=1", "status.storage.replication.factor=1", "config.storage.replication.factor=1", "refresh.topics.interval.seconds=2")
	testkit.Start(t, "mirror", testkit.Spec{Args: java(t, "mirror", "org.apache.kafka.connect.mirror.MirrorMaker", file), Dir: dir})
	if got := records(t, to.Bootstrap, "a.orders", count); !slices.Equal(got, lines(count)) {
		t.Errorf("%d records, %q …", len(got), got[:min(3, len(got))])
	}
}

// MirrorMaker 1, a consumer and a producer back to back.
func TestMirrorMaker1(t *testing.T) {
	from, to := testkit.Quickstart(t, 1), testkit.Quickstart(t, 1)
	produce(t, from.Bootstrap, "orders", count)
	dir := t.TempDir()
	consumer := write(t, filepath.Join(dir, "consumer"), "bootstrap.servers="+from.Bootstrap, "group.id=mirror", "auto.offset.reset=earliest")
	producer := write(t, filepath.Join(dir, "producer"), "bootstrap.servers="+to.Bootstrap)
	testkit.Start(t, "mirror", testkit.Spec{Args: testkit.Java(t, "kafka", "kafka.tools.MirrorMaker", "--consumer.config", consumer, "--producer.config", producer, "--whitelist", "orders")})
	if got := records(t, to.Bootstrap, "orders", count); !slices.Equal(got, lines(count)) {
		t.Errorf("%d records, %q …", len(got), got[:min(3, len(got))])
	}
}

// Burrow reads the offsets topic, like a consumer of its own, and tells how far a group is behind.
func TestBurrow(t *testing.T) {
	c := testkit.Quickstart(t, 1)
	produce(t, c.Bootstrap, "orders", count)
	testkit.Run(t, limit, testkit.Spec{Args: []string{testkit.Binary(t), "kafka-console-consumer", "--bootstrap-server", c.Bootstrap, "--topic", "orders", "--group", "billing", "--from-beginning", "--max-messages", "40"}})
	dir, port := t.TempDir(), testkit.FreePort(t)
	write(t, filepath.Join(dir, "burrow.toml"), "[general]", fmt.Sprintf("pidfile=%q", filepath.Join(dir, "pid")),
		"[logging]", fmt.Sprintf("filename=%q", filepath.Join(dir, "log")), `level="info"`,
		"[zookeeper]", fmt.Sprintf("servers=[%q]", c.ZooKeeper), "timeout=6", `root-path="/burrow"`,
		"[client-profile.p]", `client-id="burrow"`, `kafka-version="2.0.0"`,
		"[cluster.local]", `class-name="kafka"`, fmt.Sprintf("servers=[%q]", c.Bootstrap), `client-profile="p"`, "topic-refresh=2", "offset-refresh=1",
		"[consumer.local]", `class-name="kafka"`, `cluster="local"`, fmt.Sprintf("servers=[%q]", c.Bootstrap), `client-profile="p"`, "start-latest=false",
		"[httpserver.default]", fmt.Sprintf(`address="127.0.0.1:%d"`, port),
		"[storage.default]", `class-name="inmemory"`, "intervals=1", "min-distance=0")
	testkit.Start(t, "burrow", testkit.Spec{Args: []string{"/usr/bin/Burrow", "-config-dir", dir}, Dir: dir})
	testkit.Eventually(t, limit, "the group is 60 behind", func() bool {
		r, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/v3/kafka/local/consumer/billing/lag", port))
		if err != nil {
			return false
		}
		defer r.Body.Close()
		text, _ := io.ReadAll(r.Body)
		return strings.Contains(string(text), `"totallag":60`)
	})
}

// kcat lists, writes, and reads by itself and in a group.
func TestKcat(t *testing.T) {
	c := testkit.Quickstart(t, 1)
	in := write(t, filepath.Join(t.TempDir(), "in"), lines(3)...)
	text := strings.Join(lines(3), "\n")
	for _, x := range []struct {
		name, want string
		args       []string
	}{
		{"write", "", []string{"-P", "-t", "orders", "-l", in}},
		{"list", `topic "orders" with 1 partitions`, []string{"-L"}},
		{"read", text, []string{"-C", "-t", "orders", "-e", "-q"}},
		{"group", text, []string{"-G", "kcat", "-X", "auto.offset.reset=earliest", "-c", "3", "-q", "orders"}},
		{"offset of a time", "orders [0] offset 3", []string{"-Q", "-t", "orders:0:-1"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			out := testkit.Run(t, limit, testkit.Spec{Args: append([]string{"kcat", "-b", c.Bootstrap}, x.args...)})
			if !strings.Contains(out, x.want) {
				t.Errorf("%q is not in\n%s", x.want, out)
			}
		})
	}
}

// A syslog daemon writes what it reads from a file: rsyslog's module omkafka, and syslog-ng's
// destination kafka-c. A Debian machine has one of them.
func TestSyslogDaemons(t *testing.T) {
	ran := 0
	for _, d := range []struct {
		program string
		config  func(dir, in, bootstrap string) []string
		args    func(dir, file string) []string
	}{
		{"/usr/sbin/rsyslogd", func(dir, in, bootstrap string) []string {
			return []string{`global(workDirectory="` + dir + `")`, `module(load="imfile")`, `module(load="omkafka")`, `template(name="raw" type="string" string="%msg%")`,
				`input(type="imfile" File="` + in + `" Tag="in" Ruleset="out")`,
				`ruleset(name="out") { action(type="omkafka" broker=["` + bootstrap + `"] topic="syslog" template="raw") }`}
		}, func(dir, file string) []string { return []string{"-n", "-f", file, "-i", filepath.Join(dir, "pid")} }},
		{"/usr/sbin/syslog-ng", func(_, in, bootstrap string) []string {
			return []string{"@version: 3.38", `source in { file("` + in + `" flags(no-parse) follow-freq(1)); };`,
				`destination out { kafka-c(bootstrap-servers("` + bootstrap + `") topic("syslog") message("$MSG")); };`, "log { source(in); destination(out); };"}
		}, func(dir, file string) []string {
			return []string{"-F", "-f", file, "--persist-file", filepath.Join(dir, "persist"), "--pidfile", filepath.Join(dir, "pid"), "--control", filepath.Join(dir, "control")}
		}},
	} {
		if _, err := os.Stat(d.program); err != nil {
			continue
		}
		ran++
		t.Run(filepath.Base(d.program), func(t *testing.T) {
			c := testkit.Quickstart(t, 1)
			dir := t.TempDir()
			in := write(t, filepath.Join(dir, "in.log"), lines(count)...)
			file := write(t, filepath.Join(dir, "config"), d.config(dir, in, c.Bootstrap)...)
			testkit.Start(t, "syslog", testkit.Spec{Args: append([]string{d.program}, d.args(dir, file)...), Dir: dir})
			if got := records(t, c.Bootstrap, "syslog", count); !slices.Equal(got, lines(count)) {
				t.Errorf("%d records, %q …", len(got), got[:min(3, len(got))])
			}
		})
	}
	if ran == 0 {
		t.Error("neither rsyslog-kafka nor syslog-ng-mod-rdkafka is installed")
	}
}
