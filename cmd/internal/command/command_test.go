package command

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kerr"
	"go.uber.org/goleak"

	"momus/configs"
	"momus/coordinator/zkserver"
	"momus/internal/testbase"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is an Env with servers that only note what happens to them.
type world struct {
	Env
	stdout, stderr testbase.Buffer

	mu      sync.Mutex
	events  []string
	configs []*configs.Config
	http    []string
	fail    error // what brokers return from Run at once
}

func newWorld() *world {
	w := &world{}
	w.Env = Env{Environ: []string{}, Stdout: &w.stdout, Stderr: &w.stderr, Version: "1.2.3", Commit: "0123abcd", NewBroker: w.newBroker, NewCoordination: w.newCoordination,
		Exit: func(int) {}}
	return w
}

func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, fmt.Sprintf(format, args...))
}

func (w *world) newBroker(o BrokerOptions) (Server, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.configs = append(w.configs, o.Config)
	w.http = append(w.http, o.HTTPAddr)
	b := &fakeServer{w: w, id: o.Config.Broker().BrokerID, name: fmt.Sprintf("broker %d", o.Config.Broker().BrokerID), ready: make(chan struct{})}
	bound := func(port string) *net.TCPAddr {
		n, err := strconv.Atoi(port)
		if err != nil || n == 0 {
			n = 40000 + int(b.id)
		}
		return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: n}
	}
	b.kafka = bound(strconv.Itoa(int(o.Config.Listeners().Bind[0].Port)))
	if o.HTTPAddr != "" {
		_, port, _ := net.SplitHostPort(o.HTTPAddr)
		b.http = bound(port)
	}
	return b, nil
}

func (w *world) newCoordination(o zkserver.Options) (Coordination, error) {
	_, port, _ := net.SplitHostPort(o.Listen)
	n, err := strconv.Atoi(port)
	if err != nil || n == 0 {
		n = 40181
	}
	return &fakeCoordination{fakeServer{w: w, name: "coordination", ready: make(chan struct{}), kafka: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: n}}}, nil
}

type fakeServer struct {
	w     *world
	id    int32
	name  string
	ready chan struct{}
	kafka net.Addr
	http  net.Addr
}

func (s *fakeServer) Ready() <-chan struct{} { return s.ready }
func (s *fakeServer) ID() int32              { return s.id }
func (s *fakeServer) HTTPAddr() net.Addr     { return s.http }

// Addr is where the one listener of a broker is.
func (s *fakeServer) Addr(string) net.Addr { return s.kafka }

// fakeCoordination differs in one method.
type fakeCoordination struct{ fakeServer }

func (s *fakeCoordination) Addr() net.Addr { return s.kafka }

func (s *fakeServer) Run(ctx context.Context) error {
	if s.w.fail != nil && s.name != "coordination" {
		return s.w.fail
	}
	close(s.ready)
	<-ctx.Done()
	s.w.note("%s stopped", s.name)
	return nil
}

// do runs a command to its end and returns its exit status.
func (w *world) do(args ...string) int {
	w.Args = append([]string{"/usr/bin/momus"}, args...)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return w.status(run(ctx, &w.Env))
}

// start runs a command until stop is called, which returns the exit status.
func (w *world) start(t *testing.T, args ...string) (stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w.Args = append([]string{"momus"}, args...)
	done := make(chan int, 1)
	go func() { done <- w.status(run(ctx, &w.Env)) }()
	return func() int {
		cancel()
		select {
		case code := <-done:
			return code
		case <-time.After(time.Minute):
			t.Fatal("the command does not stop")
			return -1
		}
	}
}

// until waits for text on the standard output.
func (w *world) until(t *testing.T, text string) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !strings.Contains(w.stdout.String(), text) {
		if time.Now().After(deadline) {
			t.Fatalf("no %q in\n%s\n%s", text, w.stdout.String(), w.stderr.String())
		}
		runtime.Gosched()
	}
}

func TestHelpAndVersion(t *testing.T) {
	for _, tt := range []struct {
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{[]string{}, 1, "", "momus quickstart"},
		{[]string{"help"}, 0, "start a broker", ""},
		{[]string{"--help"}, 0, "start a broker", ""},
		{[]string{"version"}, 0, "momus 1.2.3, compatible with Apache Kafka 2.5.0", ""},
		{[]string{"version", "--json"}, 0, `{"version":"1.2.3","commit":"0123abcd","kafka":"2.5.0","go":"go1.`, ""},
		{[]string{"broker", "--version"}, 0, "momus 1.2.3", ""},
		{[]string{"borker"}, 1, "", `there is no command "borker"; did you mean broker?`},
		{[]string{"broker"}, 1, "USAGE: momus broker [FILE] [--override property=value]*", ""},
		{[]string{"broker", "--help"}, 0, "--override", ""},
		{[]string{"broker", "a.properties", "foo"}, 1, "", "Found non argument parameters: foo"},
		{[]string{"broker", "a.properties", "--foo", "bar"}, 1, "", "foo is not a recognized option"},
		{[]string{"broker", "nofile.properties"}, 1, "", "nofile.properties"},
		{[]string{"quickstart", "--brokers", "0"}, 1, "", "valid are 1 to 100"},
		{[]string{"quickstart", "--broker", "3"}, 1, "", "broker is not a recognized option; did you mean --brokers?"},
		{[]string{"quickstart", "now"}, 1, "", "Found non argument parameters: now"},
		{[]string{"zookeeper", "--help"}, 0, "--port", ""},
		{[]string{"zookeeper", "no.cfg"}, 1, "", "no.cfg"},
		{[]string{"zookeeper", "--port", "many"}, 1, "", "invalid argument"},
	} {
		w := newWorld()
		code := w.do(tt.args...)
		if code != tt.code || !strings.Contains(w.stdout.String(), tt.stdout) || !strings.Contains(w.stderr.String(), tt.stderr) {
			t.Errorf("%v: exit %d, stdout %q, stderr %q; want %d, %q, %q", tt.args, code, w.stdout.String(), w.stderr.String(), tt.code, tt.stdout, tt.stderr)
		}
	}
}

func TestProgramNameSelectsTheCommand(t *testing.T) {
	w := newWorld()
	w.Args = []string{"/opt/kafka/bin/kafka-server-start.sh", "--version"}
	if code := w.status(run(context.Background(), &w.Env)); code != 0 || !strings.Contains(w.stdout.String(), "2.5.0 (Commit:66563e712b0b9f84)") {
		t.Errorf("exit %d, %q", code, w.stdout.String())
	}
}

func TestBrokerTakesFileEnvironmentAndOverrides(t *testing.T) {
	file := filepath.Join(t.TempDir(), "server.properties")
	if err := os.WriteFile(file, []byte("broker.id=4\nzookeeper.connect=localhost:2181\nnum.partitions=2\nlog.dirs=/x\nnum.io.threads=3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld()
	w.fail = errors.New("enough")
	w.Environ = []string{"KAFKA_NUM_PARTITIONS=3", "KAFKA_BROKER_RACK=r1", "MOMUS_HTTP_PORT=-1"}
	if code := w.do("broker", "--override", "broker.id=5", file, "--override=message.max.bytes=99"); code != 1 || !strings.Contains(w.stderr.String(), "enough") {
		t.Fatalf("exit %d, %s", code, w.stderr.String())
	}
	b := w.configs[0].Broker()
	if b.BrokerID != 5 || b.NumPartitions != 3 || b.BrokerRack != "r1" || b.MessageMaxBytes != 99 || w.http[0] != "" {
		t.Errorf("id %d, partitions %d, rack %s, max %d, http %q", b.BrokerID, b.NumPartitions, b.BrokerRack, b.MessageMaxBytes, w.http[0])
	}
	if !strings.Contains(w.stderr.String(), "keys=num.io.threads") {
		t.Errorf("settings without effect are not listed: %s", w.stderr.String())
	}
}

func TestBrokerSaysWhatIsWrongWithTheConfiguration(t *testing.T) {
	file := filepath.Join(t.TempDir(), "badv.properties")
	if err := os.WriteFile(file, []byte("broker.id=abc\nzookeeper.connect=localhost:2181\nlog.dir=x\nnum.partitionss=1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld()
	if code := w.do("broker", file); code != 1 {
		t.Errorf("exit %d", code)
	}
	for _, want := range []string{`broker.id: invalid value "abc"; valid is a whole number`, "(badv.properties:1)", "did you mean num.partitions?"} {
		if !strings.Contains(w.stderr.String(), want) {
			t.Errorf("no %q in %s", want, w.stderr.String())
		}
	}
	w = newWorld()
	w.Environ = []string{"KAFKA_BROKER_ID=1"}
	if code := w.do("broker"); code != 1 || !strings.Contains(w.stderr.String(), "KAFKA_ZOOKEEPER_CONNECT") {
		t.Errorf("exit %d, %s", code, w.stderr.String())
	}
}

func TestQuickstart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	port, zk, http := testbase.FreePorts(t, 3), testbase.FreePorts(t, 1), testbase.FreePorts(t, 3)
	w := newWorld()
	stop := w.start(t, "quickstart", "--brokers", "3", "--dir", dir, "--port", strconv.Itoa(port), "--zookeeper-port", strconv.Itoa(zk),
		"--http-port", strconv.Itoa(http), "--override", "num.partitions=7")
	w.until(t, "--from-beginning")
	if code := stop(); code != 0 {
		t.Errorf("exit %d, %s", code, w.stderr.String())
	}
	if len(w.events) != 4 || w.events[3] != "coordination stopped" {
		t.Errorf("the coordination server must stop last: %v", w.events)
	}
	for i, c := range w.configs {
		b := c.Broker()
		want := fmt.Sprintf("PLAINTEXT://localhost:%d", port+i)
		if b.BrokerID != int32(i+1) || c.Listeners().Advertised[0].String() != want || b.LogDirs != filepath.Join(dir, fmt.Sprintf("broker-%d", i+1)) ||
			b.OffsetsTopicReplicationFactor != 3 || b.TransactionStateLogMinISR != 2 || b.GroupInitialRebalanceDelayMs != 0 || b.NumPartitions != 7 ||
			b.ZookeeperConnect != fmt.Sprintf("localhost:%d", zk) || w.http[i] != fmt.Sprintf("localhost:%d", http+i) {
			t.Errorf("broker %d: %+v %s", i+1, b, w.http[i])
		}
	}
	for _, want := range []string{fmt.Sprintf("Kafka      localhost:%d\n             localhost:%d\n             localhost:%d\n", port, port+1, port+2), fmt.Sprintf("localhost:%d\n", zk), dir} {
		if !strings.Contains(w.stdout.String(), want) {
			t.Errorf("no %q in %s", want, w.stdout.String())
		}
	}

	// The second start uses the data again, --fresh removes what quickstart made and nothing else.
	mark := filepath.Join(dir, "broker-1", "mark")
	foreign := filepath.Join(dir, "mine", "file")
	for _, f := range []string{mark, foreign} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(f), 0o755), os.WriteFile(f, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	again := func(args ...string) {
		t.Helper()
		w := newWorld()
		stop := w.start(t, append([]string{"quickstart", "--dir", dir, "--port", strconv.Itoa(port), "--zookeeper-port", strconv.Itoa(zk), "--http-port", "-1"}, args...)...)
		w.until(t, "is ready")
		if code := stop(); code != 0 {
			t.Errorf("exit %d, %s", code, w.stderr.String())
		}
	}
	exists := func(f string) bool { _, err := os.Stat(f); return err == nil }
	if again(); !exists(mark) {
		t.Error("the data did not last")
	}
	if again("--fresh"); exists(mark) || !exists(foreign) || exists(filepath.Join(dir, "broker-2")) {
		t.Errorf("after --fresh: mark %v, foreign file %v, other broker %v", exists(mark), exists(foreign), exists(filepath.Join(dir, "broker-2")))
	}
}

func TestFreshLeavesWhatOthersMade(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "broker-1", "precious")
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	w := newWorld()
	code := w.do("quickstart", "--dir", dir, "--port", strconv.Itoa(testbase.FreePorts(t, 1)), "--zookeeper-port", strconv.Itoa(testbase.FreePorts(t, 1)), "--http-port", "-1", "--fresh")
	if code != 1 || !strings.Contains(w.stderr.String(), "was not made by momus quickstart") {
		t.Errorf("exit %d, %s", code, w.stderr.String())
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

// Everything of a quickstart is on one disk: when that is full, all of it stops, for one reason.
func TestAFullDiskIsSaidOnce(t *testing.T) {
	w := newWorld()
	dir := t.TempDir()
	w.fail = &os.PathError{Op: "write", Path: dir, Err: syscall.ENOSPC}
	code := w.do("quickstart", "--brokers", "3", "--dir", dir, "--port", "0", "--zookeeper-port", "0", "--http-port", "-1")
	text := w.stderr.String()
	if last := text[max(strings.Index(text, "the disk of"), 0):]; code != 1 || strings.Count(last, dir) != 1 || strings.Count(last, "\n") != 1 || strings.Contains(text, "no space") {
		t.Errorf("exit %d, %s", code, text)
	}
	full, other := fmt.Errorf("broker 1: %w", w.fail), errors.New("broker 2: a port is taken")
	if got := whyStopped([]error{full, nil}, dir); got.Error() != full.Error() {
		t.Errorf("one reason alone: %v", got)
	}
	if got := whyStopped([]error{full, other}, dir).Error(); got != full.Error()+"\n"+other.Error() {
		t.Errorf("with another reason: %s", got)
	}
	if got := whyStopped([]error{nil, nil}, dir); got != nil {
		t.Errorf("a clean stop: %v", got)
	}
}

func TestQuickstartStopsWhenABrokerFails(t *testing.T) {
	w := newWorld()
	w.fail = errors.New("disk is gone")
	code := w.do("quickstart", "--brokers", "2", "--dir", t.TempDir(), "--port", strconv.Itoa(testbase.FreePorts(t, 2)), "--zookeeper-port", strconv.Itoa(testbase.FreePorts(t, 1)), "--http-port", "-1")
	if code != 1 || !strings.Contains(w.stderr.String(), "disk is gone") || !slices.Contains(w.events, "coordination stopped") {
		t.Errorf("exit %d, %s, %v", code, w.stderr.String(), w.events)
	}
}

func TestQuickstartExplainsOptionsThatCannotBe(t *testing.T) {
	port := strconv.Itoa(testbase.FreePorts(t, 2))
	next := strconv.Itoa(testbase.FreePorts(t, 1))
	for want, args := range map[string][]string{
		"--log-level loud: valid are": {"--log-level", "loud"},
		"port " + port + " (Kafka, broker 1) is also that of ZooKeeper's protocol; choose another with --port": {"--port", port, "--zookeeper-port", port},
		"port " + next + " (Kafka, broker 1) is also that of the page":                                         {"--port", next, "--console-port", next, "--zookeeper-port", "0"},
		"--brokers 0": {"--brokers", "0"},
	} {
		w := newWorld()
		if code := w.do(append([]string{"quickstart", "--dir", t.TempDir(), "--http-port", "-1"}, args...)...); code != 1 || !strings.Contains(w.stderr.String(), want) {
			t.Errorf("%v: exit %d, %q, want %q", args, code, w.stderr.String(), want)
		}
	}
}

func TestConfigPrintsTheConfigsOfATopicInOneOrder(t *testing.T) {
	r := &configReport{Topics: []reportTopic{{Name: "t", Partitions: 1, Replicas: 1, Configs: map[string]string{"c": "3", "a": "1", "b": "2", "d": "4"}}}}
	for range 10 {
		var out strings.Builder
		if r.print(&out); !strings.Contains(out.String(), "creates topic t, partitions 1, replicas 1, a=1, b=2, c=3, d=4\n") {
			t.Fatal(out.String())
		}
	}
}

// takenPort is a port of localhost that this process listens on until the test ends.
func takenPort(t *testing.T) int {
	t.Helper()
	_, text, _ := net.SplitHostPort(listening(t))
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestPortInUseNamesPortAndProcess(t *testing.T) {
	port := takenPort(t)
	w := newWorld()
	code := w.do("quickstart", "--dir", t.TempDir(), "--port", strconv.Itoa(port), "--zookeeper-port", strconv.Itoa(testbase.FreePorts(t, 1)), "--http-port", "-1")
	want := fmt.Sprintf("port %d (Kafka, broker 1) is in use", port)
	if runtime.GOOS == "linux" {
		want += fmt.Sprintf(" by process %d (", os.Getpid())
	}
	if code != 1 || !strings.Contains(w.stderr.String(), want) || !strings.Contains(w.stderr.String(), "--port") {
		t.Errorf("exit %d, %q, want %q", code, w.stderr.String(), want)
	}
	_, err := net.Listen("tcp", net.JoinHostPort("localhost", strconv.Itoa(port)))
	if text := explainPort(fmt.Errorf("listen: %w", err)).Error(); runtime.GOOS == "linux" && !strings.Contains(text, strconv.Itoa(os.Getpid())) {
		t.Error(text)
	}
	if err := explainPort(errors.New("other")); err.Error() != "other" {
		t.Error(err)
	}
}

func TestZooKeeperCommandReadsZooCfg(t *testing.T) {
	file := filepath.Join(t.TempDir(), "zoo.cfg")
	content := "tickTime=500\ndataDir=/var/zk\nclientPort=2182\nclientPortAddress=127.0.0.1\nmaxClientCnxns=0\ninitLimit=10\n"
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld()
	var got zkserver.Options
	w.NewCoordination = func(o zkserver.Options) (Coordination, error) { got = o; return w.newCoordination(o) }
	stop := w.start(t, "zookeeper", file)
	w.until(t, "Ctrl-C stops it")
	if code := stop(); code != 0 {
		t.Errorf("exit %d, %s", code, w.stderr.String())
	}
	if got.Dir != "/var/zk" || got.Listen != "127.0.0.1:2182" || got.TickTime != 500*time.Millisecond || got.MaxClientCnxns != -1 {
		t.Errorf("%+v", got)
	}
	if err := os.WriteFile(file, []byte("server.1=a:2888:3888\ntickTime=x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w = newWorld()
	if code := w.do("zookeeper", file); code != 1 || !strings.Contains(w.stderr.String(), "server.1") || !strings.Contains(w.stderr.String(), "tickTime") {
		t.Errorf("exit %d, %s", code, w.stderr.String())
	}
}

func TestHealthcheck(t *testing.T) {
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.WriteHeader(status)
		fmt.Fprintln(rw, "words")
	}))
	w := newWorld()
	if code := w.do("healthcheck", "--url", server.URL+"/healthz"); code != 0 || w.stdout.String() != "words\n" {
		t.Errorf("exit %d, %s%s", code, w.stdout.String(), w.stderr.String())
	}
	status = http.StatusServiceUnavailable
	if code := w.do("healthcheck", "--url", server.URL); code != 1 || !strings.Contains(w.stderr.String(), "503") {
		t.Errorf("exit %d, %s", code, w.stderr.String())
	}
	server.Close()
	if code := w.do("healthcheck", "--url", server.URL); code != 1 {
		t.Errorf("exit %d", code)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestMemoryLimit(t *testing.T) {
	file := func(root, name, content string) {
		p := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	v2, v1, none := t.TempDir(), t.TempDir(), t.TempDir()
	file(v2, "proc/self/cgroup", "0::/system/momus\n")
	file(v2, "sys/fs/cgroup/system/momus/memory.max", "max\n")
	file(v2, "sys/fs/cgroup/system/memory.max", "1000000\n")
	file(v1, "proc/self/cgroup", "3:cpu,cpuacct:/a\n9:memory:/docker/x\n")
	file(v1, "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
	file(v1, "sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes", "2000000\n")
	for _, tt := range []struct {
		env   []string
		heap  int64
		root  string
		limit int64
		from  string
	}{
		{nil, 0, none, 0, ""},
		{nil, 500, none, 500, "KAFKA_HEAP_OPTS"},
		{nil, 0, v2, 900000, "cgroup"},
		{nil, 0, v1, 1800000, "cgroup"},
		{nil, 500, v2, 500, "KAFKA_HEAP_OPTS"},
		{nil, 950000, v2, 900000, "cgroup"},
		{[]string{"GOMEMLIMIT=5MiB"}, 500, v2, 0, "GOMEMLIMIT"},
		{[]string{"GOMEMLIMIT="}, 500, none, 500, "KAFKA_HEAP_OPTS"},
	} {
		if limit, from := memoryLimit(tt.env, tt.heap, tt.root); limit != tt.limit || from != tt.from {
			t.Errorf("%+v: %d from %q", tt, limit, from)
		}
	}
}

func TestTopicsNeedAnOpenListener(t *testing.T) {
	for listeners, want := range map[string]string{"PLAINTEXT://0.0.0.0:9092,SSL://:9093": "localhost:9092", "SSL://:9093,PLAINTEXT://10.0.0.1:9092": "10.0.0.1:9092", "SSL://:9093": ""} {
		c, err := configs.New(map[string]string{"zookeeper.connect": "z:1", "listeners": listeners, "advertised.listeners": strings.NewReplacer("0.0.0.0", "b", "//:", "//b:").Replace(listeners),
			"inter.broker.listener.name": "SSL"})
		if err != nil && strings.Contains(listeners, "SSL") {
			t.Fatal(err)
		}
		if got, err := localAddress(c.Listeners()); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", listeners, got, err)
		}
	}
}

func TestHTTPPortOfAnotherBrokerIsNoError(t *testing.T) {
	for _, c := range []struct {
		key, addr string
		optional  bool
	}{
		{"19404", ":19404", false}, {"-1", "", false}, {"", ":9404", true},
	} {
		settings := map[string]string{"zookeeper.connect": "z:1"}
		if c.key != "" {
			settings[configs.HTTPPortKey] = c.key
		}
		config, err := configs.New(settings)
		if err != nil {
			t.Fatal(err)
		}
		if addr, optional := httpAddr(config); addr != c.addr || optional != c.optional {
			t.Errorf("%q: %q, optional %v", c.key, addr, optional)
		}
	}
}

func TestTopicsThatLackBrokersAreTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 9500*time.Millisecond)
		defer cancel()
		tries := map[string]int{}
		create := func(s configs.TopicSpec) error {
			tries[s.Name]++
			switch {
			case s.Name == "there":
				return kerr.TopicAlreadyExists
			case s.Name == "wrong":
				return fmt.Errorf("%w: no", kerr.InvalidTopicException)
			case s.Name == "later" && tries["later"] < 4:
				return fmt.Errorf("%w: 2 larger than 1", kerr.InvalidReplicationFactor)
			case s.Name == "never":
				return kerr.InvalidReplicationFactor
			}
			return nil
		}
		var specs []configs.TopicSpec
		for _, name := range []string{"never", "there", "wrong", "later", "now"} {
			specs = append(specs, configs.TopicSpec{Name: name})
		}
		var log testbase.Buffer
		createEach(ctx, specs, create, logrus.NewEntry(newLogger(&log, "info", "text")))
		want := map[string]int{"never": 10, "there": 1, "wrong": 1, "later": 4, "now": 1}
		if !maps.Equal(tries, want) {
			t.Errorf("tries %v, want %v", tries, want)
		}
		for text, n := range map[string]int{"created topic": 2, "topic not created yet": 2, `msg="topic not created" `: 2} {
			if got := strings.Count(log.String(), text); got != n {
				t.Errorf("%q is logged %d times, want %d:\n%s", text, got, n, log.String())
			}
		}
	})
}
