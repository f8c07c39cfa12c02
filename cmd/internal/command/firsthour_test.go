package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"momus/configs"
	"momus/storage/vfs"
)

// What runs on a directory keeps it: a second quickstart, with --fresh or without, and --fresh
// below a broker that was started alone.
func TestFreshDeletesNothingOfTheLiving(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first := newWorld()
	stop := first.start(t, "quickstart", "--dir", dir, "--port", "0", "--zookeeper-port", "0", "--http-port", "-1")
	first.until(t, "is ready")
	mark := filepath.Join(dir, "broker-1", "mark")
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	refuses := func(args ...string) {
		t.Helper()
		w := newWorld()
		code := w.do(append([]string{"quickstart", "--dir", dir, "--port", "0", "--zookeeper-port", "0", "--http-port", "-1"}, args...)...)
		if code != 1 || !strings.Contains(w.stderr.String(), "is in use") || !strings.Contains(w.stderr.String(), "--dir") {
			t.Errorf("%v: exit %d, %s", args, code, w.stderr.String())
		}
		if _, err := os.Stat(mark); err != nil {
			t.Errorf("%v: %v", args, err)
		}
	}
	refuses()
	refuses("--fresh")
	if code := stop(); code != 0 {
		t.Fatalf("exit %d, %s", code, first.stderr.String())
	}
	lock, err := vfs.OS{}.Lock(filepath.Join(dir, "broker-1", ".lock"))
	if err != nil {
		t.Fatal(err)
	}
	refuses("--fresh")
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	again := newWorld()
	stop = again.start(t, "quickstart", "--dir", dir, "--port", "0", "--zookeeper-port", "0", "--http-port", "-1", "--fresh")
	again.until(t, "is ready")
	stop()
	if _, err := os.Stat(mark); err == nil {
		t.Error("--fresh has left a file of the last run")
	}
}

func TestAnyPortIsPrintedAndWrittenDown(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ready.json")
	if err := os.WriteFile(file, []byte("of the last run"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld()
	stop := w.start(t, "quickstart", "--brokers", "2", "--dir", t.TempDir(), "--port", "0", "--zookeeper-port", "0", "--http-port", "0", "--ready-file", file)
	w.until(t, "Next")
	var got readyContent
	data, err := os.ReadFile(file)
	if err := errors.Join(err, json.Unmarshal(data, &got)); err != nil {
		t.Fatal(err)
	}
	if got.PID != os.Getpid() || got.Bootstrap != "localhost:40001,localhost:40002" || got.ZooKeeper != "localhost:40181" || len(got.Brokers) != 2 ||
		got.Brokers[1].ID != 2 || got.Brokers[1].Listeners["PLAINTEXT"] != "localhost:40002" || got.Brokers[1].HTTP != "127.0.0.1:40002" {
		t.Errorf("%s", data)
	}
	for _, want := range []string{"Kafka      localhost:40001\n", "ZooKeeper  localhost:40181\n", "metrics    http://localhost:40001/metrics\n"} {
		if !strings.Contains(w.stdout.String(), want) {
			t.Errorf("no %q in\n%s", want, w.stdout.String())
		}
	}
	stop()
	if _, err := os.Stat(file); err == nil {
		t.Error("the ready file has outlived the process")
	}
}

// The banner fits a terminal, and its commands are those of the program that was started.
func TestBannerIsForWhoReadsIt(t *testing.T) {
	for _, args := range [][]string{{"--brokers", "1"}, {"--brokers", "3"}} {
		w := newWorld()
		dir := t.TempDir()
		stop := w.start(t, append([]string{"quickstart", "--dir", dir, "--port", "0", "--zookeeper-port", "0"}, args...)...)
		w.until(t, "and so on")
		stop()
		for _, line := range strings.Split(w.stdout.String(), "\n") {
			if len(line) > 80 && !strings.Contains(line, dir) {
				t.Errorf("%d columns: %s", len(line), line)
			}
		}
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for program, want := range map[string]string{"momus": "momus", "bin/momus": "bin/momus", "./momus": "./momus", "/usr/bin/momus": "/usr/bin/momus",
		filepath.Join(here, "bin/momus"): "bin/momus", filepath.Join(here, "momus"): "./momus"} {
		if got := (&Env{Args: []string{program}}).invocation(); got != want {
			t.Errorf("%s: %s, want %s", program, got, want)
		}
	}
}

// A port for metrics that nobody asked for never keeps a quickstart from starting.
func TestTakenMetricsPortIsNoObstacle(t *testing.T) {
	port := takenPort(t)
	o := quickstartOptions{brokers: 1, httpPort: port}
	if err := o.check(); err != nil {
		t.Error(err)
	}
	o.httpWanted = true
	if err := o.check(); err == nil || !strings.Contains(err.Error(), "--http-port") {
		t.Error(err)
	}
	for _, args := range [][]string{{"--port", "-1"}, {"--port", "65535", "--brokers", "2"}, {"--zookeeper-port", "70000"}, {"--http-port", "-2"}} {
		w := newWorld()
		if code := w.do(append([]string{"quickstart", "--dir", t.TempDir()}, args...)...); code != 1 || !strings.Contains(w.stderr.String(), "valid are") {
			t.Errorf("%v: exit %d, %s", args, code, w.stderr.String())
		}
	}
}

func TestPortForRootIsToldFromATakenOne(t *testing.T) {
	err := &net.OpError{Op: "listen", Net: "tcp", Addr: &net.TCPAddr{Port: 80}, Err: os.NewSyscallError("bind", os.ErrPermission)}
	if text := explainPort(fmt.Errorf("listener: %w", err)).Error(); !strings.Contains(text, "only root may listen on port 80") {
		t.Error(text)
	}
}

func TestConfigPrintsWhereEachValueComesFrom(t *testing.T) {
	file := filepath.Join(t.TempDir(), "server.properties")
	if err := os.WriteFile(file, []byte("# ours\nbroker.id=4\nzookeeper.connect=localhost:2181\nlog.dirs=/x\nssl.key.password=tiger\nnum.io.threads=3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld()
	w.Environ = []string{"KAFKA_NUM_PARTITIONS=3", "KAFKA_MY_PLUGIN_PASSWORD=tiger", "MOMUS_HTTP_PORT=-1"}
	if code := w.do("config", file, "--override", "message.max.bytes=99"); code != 0 {
		t.Fatalf("exit %d, %s", code, w.stderr.String())
	}
	out := w.stdout.String()
	for _, want := range []string{"  broker.id=4  (server.properties:2)\n", "  num.partitions=3  (KAFKA_NUM_PARTITIONS)\n", "  message.max.bytes=99  (--override)\n",
		"  ssl.key.password=(hidden)  (server.properties:5)\n", "  my.plugin.password=(hidden)", "  num.io.threads=3  (server.properties:6; without effect)\n",
		"  momus.http.port=-1  (MOMUS_HTTP_PORT)\n", "  compression.type=producer\n", "wurstmeister/kafka", configs.DialectVariable} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "tiger") || len(w.configs) > 0 {
		t.Errorf("a secret is shown, or something was started")
	}
	w = newWorld()
	w.Environ = []string{"KAFKA_ZOOKEEPER_CONNECT=z:1", "KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://k:9092", "KAFKA_CREATE_TOPICS=a:1:1:compact"}
	if code := w.do("config", "--json", "--given"); code != 0 {
		t.Fatalf("exit %d, %s", code, w.stderr.String())
	}
	var r configReport
	if err := json.Unmarshal([]byte(w.stdout.String()), &r); err != nil {
		t.Fatal(err)
	}
	origins := map[string]string{}
	for _, k := range r.Keys {
		origins[k.Key] = k.Origin.Kind + " " + k.Origin.Name
	}
	if r.Image.Name != configs.Confluent.String() || origins["listeners"] != "environment KAFKA_ADVERTISED_LISTENERS" || origins["zookeeper.connect"] != "environment KAFKA_ZOOKEEPER_CONNECT" ||
		origins["compression.type"] != "" || len(r.Topics) != 1 || r.Topics[0].Configs["cleanup.policy"] != "compact" || r.Advertise[0] != "PLAINTEXT://k:9092" {
		t.Errorf("%s", w.stdout.String())
	}
	w = newWorld()
	w.Environ = []string{"KAFKA_ZOOKEEPER_CONNECT=z:1"}
	if code := w.do("config", "--json"); code != 1 || !strings.Contains(w.stdout.String(), `"errors": [`) {
		t.Errorf("exit %d, %s", code, w.stdout.String())
	}
}

// The names of the images' scripts start a broker with the variables read as that image does.
func TestScriptsOfTheImages(t *testing.T) {
	vars := []string{"KAFKA_ZOOKEEPER_CONNECT=" + listening(t), "KAFKA_LISTENERS=PLAINTEXT://:9092", "KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://k:9092", "KAFKA_EXTRA_FLAGS=--override broker.id=7",
		"ALLOW_PLAINTEXT_LISTENER=yes", "MOMUS_HTTP_PORT=-1"}
	for program, want := range map[string]struct {
		dialect configs.Dialect
		id      int32
	}{
		"/usr/bin/start-kafka.sh":                   {configs.Wurstmeister, -1},
		"/etc/confluent/docker/run":                 {configs.Confluent, -1},
		"/etc/confluent/docker/launch":              {configs.Confluent, -1},
		"/opt/bitnami/scripts/kafka/run.sh":         {configs.Bitnami, 7},
		"/opt/kafka/bin/kafka-server-start.sh none": {},
	} {
		w := newWorld()
		w.fail = errors.New("enough")
		w.Environ = vars
		w.Args = strings.Fields(program)
		code := w.status(run(t.Context(), &w.Env))
		if want.dialect == configs.NoDialect {
			if code != 1 || len(w.configs) != 0 {
				t.Errorf("%s: exit %d", program, code)
			}
			continue
		}
		if len(w.configs) != 1 || w.configs[0].Environment().Dialect != want.dialect || w.configs[0].Broker().BrokerID != want.id {
			t.Errorf("%s: exit %d, %s", program, code, w.stderr.String())
		}
	}
	w := newWorld()
	if code := w.do("entrypoint", "no-such-program"); code != 127 || !strings.Contains(w.stderr.String(), "no such program") {
		t.Errorf("exit %d, %s", code, w.stderr.String())
	}
	w = newWorld()
	if code := w.do("entrypoint", "version"); code != 0 || !strings.Contains(w.stdout.String(), "momus 1.2.3") {
		t.Errorf("exit %d, %s", code, w.stdout.String())
	}
}

// listening is the address of a port that takes connections.
func listening(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// Programs that start brokers wait for Kafka's own line.
func TestBrokerSaysKafkasLineWhenItServes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ready.json")
	w := newWorld()
	w.Environ = []string{readyVariable + "=" + file}
	stop := w.start(t, "broker", "--override", "zookeeper.connect=z:1", "--override", "broker.id=3", "--override", "listeners=PLAINTEXT://:0", "--override", "log.dirs=/x")
	w.until(t, "INFO [KafkaServer id=3] started (kafka.server.KafkaServer)\n")
	data, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(data), `"pid": `+strconv.Itoa(os.Getpid())) || !strings.Contains(string(data), ":40003") {
		t.Errorf("%v, %s", err, data)
	}
	stop()
}
