//go:build suites

package suites

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"momus/integration/testkit"
)

// suite is the test suite of a library.
type suite struct {
	module   string   // its Go module, of the version in go.mod
	packages []string // to test
	args     []string // of go test
	files    string   // if set, only the tests of these files run
	// broken are tests that panic or hang whatever the broker, which ends all others; they are left
	// out, each with its reason.
	broken map[string]string
	env    []string
	// differs are tests that fail against momus, and why that is right or not ours. A subtest is
	// named with its parents.
	differs map[string]string
}

// event is a line of go test -json.
type event struct{ Action, Package, Test, Output string }

// run tests a copy of the module, as the module cache is read-only, and compares what failed with
// what is known to differ.
func (s suite) run(t *testing.T) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "module")
	copyModule(t, s.module, dir)
	args := append([]string{"test", "-json", "-count", "1", "-timeout", "40m"}, s.args...)
	if s.files != "" {
		args = append(args, "-run", "^("+strings.Join(testsIn(t, dir, s.files), "|")+")$")
	}
	if len(s.broken) > 0 {
		args = append(args, "-skip", strings.Join(slices.Sorted(maps.Keys(s.broken)), "|"))
	}
	cmd := exec.Command("go", append(args, s.packages...)...)
	cmd.Dir, cmd.Env = dir, append(append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off"), s.env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	results, output := map[string]string{}, map[string]*strings.Builder{}
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadBytes('\n')
		var e event
		if json.Unmarshal(line, &e) == nil {
			switch e.Action {
			case "pass", "fail", "skip":
				if e.Test != "" {
					results[e.Test] = e.Action
				} else if e.Action == "fail" {
					results[e.Package] = e.Action
				}
			case "output":
				name := e.Test
				if name == "" {
					name = e.Package
				}
				if output[name] == nil {
					output[name] = &strings.Builder{}
				}
				output[name].WriteString(e.Output)
			}
		}
		if err != nil {
			break
		}
	}
	_ = cmd.Wait() // its exit code says less than the lines did
	s.compare(t, results, output)
}

// compare reports what failed unexpectedly, and what is listed and did not fail.
func (s suite) compare(t *testing.T, results map[string]string, output map[string]*strings.Builder) {
	t.Helper()
	count := map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(results)) {
		count[results[name]]++
		if results[name] != "fail" || s.explained(name, results) {
			continue
		}
		text := ""
		if output[name] != nil {
			text = output[name].String()
		}
		t.Errorf("%s failed\n%s", name, text[max(0, len(text)-4000):])
	}
	for name := range s.differs {
		if results[name] != "fail" {
			t.Errorf("%s is listed as different, but the result is %q: take it off the list", name, results[name])
		}
	}
	t.Logf("%s: %d passed, %d failed of which %d are listed, %d skipped by themselves", s.module, count["pass"], count["fail"], len(s.differs), count["skip"])
	if count["pass"] < 20 {
		t.Error("so few tests cannot be all of them")
	}
}

// explained reports whether a failure is listed, or that of a parent or package of which nothing
// failed that is not listed.
func (s suite) explained(name string, results map[string]string) bool {
	if s.differs[name] != "" {
		return true
	}
	isPackage, within := strings.Contains(name, "."), 0
	for other, result := range results {
		if result != "fail" || other == name || !isPackage && !strings.HasPrefix(other, name+"/") {
			continue
		}
		if s.differs[other] == "" && (isPackage || !s.explained(other, results)) && !slices.ContainsFunc(slices.Collect(maps.Keys(s.differs)), func(d string) bool {
			return strings.HasPrefix(d, other+"/")
		}) {
			return false
		}
		within++
	}
	return within > 0
}

// testsIn lists the tests that the files of a directory declare.
func testsIn(t *testing.T, dir, pattern string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range declared.FindAllSubmatch(text, -1) {
			names = append(names, string(m[1]))
		}
	}
	if len(names) == 0 {
		t.Fatalf("no tests in %s", pattern)
	}
	return names
}

var declared = regexp.MustCompile(`(?m)^func (Test[A-Z]\w+)\(`)

// copyModule copies a module of go.mod into dir, writable.
func copyModule(t *testing.T, module, dir string) {
	t.Helper()
	cmd := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module)
	cmd.Dir = testkit.Root(t)
	from, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(strings.TrimSpace(string(from)))); err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if d.IsDir() {
			mode = 0o755
		}
		return os.Chmod(path, mode)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// port fails the test if one of the ports that a suite has written into it is taken: make
// peers-suites has a network of its own.
func port(t *testing.T, ports ...int) {
	t.Helper()
	for _, p := range ports {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p))
		if err != nil {
			t.Fatalf("this suite needs port %d: %v", p, err)
		}
		l.Close()
	}
}

func TestFranzGo(t *testing.T) {
	c := testkit.Quickstart(t, 3)
	suite{
		module: "github.com/twmb/franz-go", packages: []string{"./pkg/kgo"}, args: []string{"-parallel", "2"},
		env: []string{"KGO_SEEDS=" + c.Bootstrap, "KGO_TEST_RF=3", "KGO_TEST_RECORDS=50000", "KGO_TEST_MAX_TOPIC_PARTS=8", "KGO_LOG_LEVEL=none"},
	}.run(t)
}

// coordination starts momus' own coordination server.
func coordination(t *testing.T, port int) string {
	t.Helper()
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	testkit.Start(t, "coordination", testkit.Spec{Args: []string{testkit.Binary(t), "zookeeper", "--dir", t.TempDir(), "--port", fmt.Sprint(port)}})
	testkit.Eventually(t, 20*time.Second, "the coordination server answers", func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return addr
}

const offsetsOfNobody = "its getOffsets calls ConsumerGroupConfig.connect, which it has left nil"

// TestKafkaGo has the listeners, users and authorizer of the library's own compose file.
func TestKafkaGo(t *testing.T) {
	port(t, 2181, 9092, 9093)
	zk := coordination(t, 2181)
	testkit.Run(t, time.Minute, testkit.Spec{Args: []string{testkit.Binary(t), "kafka-configs", "--zookeeper", zk, "--alter", "--entity-type", "users",
		"--entity-name", "adminscram", "--add-config", "SCRAM-SHA-256=[password=admin-secret-256],SCRAM-SHA-512=[password=admin-secret-512]"}})
	jaas := func(mechanism, module, options string) string {
		return "listener.name.sasl_plaintext." + mechanism + ".sasl.jaas.config=org.apache.kafka.common.security." + module + " required " + options + ";"
	}
	testkit.BrokerAt(t, 1, 9092, zk,
		"listeners=PLAINTEXT://127.0.0.1:9092,SASL_PLAINTEXT://127.0.0.1:9093",
		"advertised.listeners=PLAINTEXT://localhost:9092,SASL_PLAINTEXT://localhost:9093",
		"sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
		jaas("plain", "plain.PlainLoginModule", `username="adminplain" password="admin-secret" user_adminplain="admin-secret"`),
		jaas("scram-sha-256", "scram.ScramLoginModule", `username="adminscram" password="admin-secret"`),
		jaas("scram-sha-512", "scram.ScramLoginModule", `username="adminscram" password="admin-secret"`),
		"authorizer.class.name=kafka.security.authorizer.AclAuthorizer", "allow.everyone.if.no.acl.found=true",
		"auto.create.topics.enable=true", "message.max.bytes=200000000", "delete.topic.enable=true")
	suite{
		module: "github.com/segmentio/kafka-go", packages: []string{"./..."}, env: []string{"KAFKA_VERSION=2.5.0", "KAFKA_SKIP_NETTEST=1"},
		broken: map[string]string{
			"^TestReaderConsumerGroup$/^verify_offset_committed$":                               offsetsOfNobody,
			"^TestReaderConsumerGroup$/^verify_offset_committed_when_using_interval_committer$": offsetsOfNobody,
			"^TestReaderConsumerGroup$/^consumer_group_commits_on_close$":                       offsetsOfNobody,
			"^TestReaderConsumerGroup$/^consumer_group_rebalance$": "it wants 12 records from each of two readers of three partitions with 8 each, which is so only " +
				"if the first has read ahead before the second joins",
		},
	}.run(t)
}

// toxiproxy stands between sarama's tests and five brokers.
func toxiproxy(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(testkit.Root(t), "build", "suites", "server")
	addr := fmt.Sprintf("127.0.0.1:%d", testkit.FreePort(t))
	testkit.Start(t, "toxiproxy", testkit.Spec{Args: []string{binary, "-host", "127.0.0.1", "-port", addr[strings.LastIndex(addr, ":")+1:]}})
	testkit.Eventually(t, 20*time.Second, "toxiproxy answers", func() bool {
		resp, err := http.Get("http://" + addr + "/version")
		if err == nil {
			resp.Body.Close()
		}
		return err == nil
	})
	return "http://" + addr
}

// compose is a docker command whose "compose stop", "start" and "logs" do that with the brokers, as
// the suite does with containers. It returns the directory to put first in PATH.
func compose(t *testing.T, brokers *[]*testkit.Cluster) string {
	t.Helper()
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		verb, service, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		for _, b := range *brokers {
			if verb == "logs" { // of all brokers, whichever are asked for
				fmt.Fprint(w, b.Process.Output())
				continue
			}
			if service != fmt.Sprintf("kafka-%d", b.ID) {
				continue
			}
			switch verb {
			case "stop":
				b.Process.Stop(t, time.Minute)
			case "start":
				b.Restart(t)
			default:
				http.Error(w, verb, http.StatusNotImplemented)
			}
			return
		}
		if verb != "logs" {
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	script := "#!/bin/sh\nexec curl -fsS \"" + server.URL + "/$2/$3\"\n"
	if err := os.WriteFile(filepath.Join(dir, "docker"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestSarama(t *testing.T) {
	port(t, 29091, 29092, 29093, 29094, 29095)
	proxies := toxiproxy(t)
	zk := coordination(t, testkit.FreePort(t))
	var brokers []*testkit.Cluster
	for id := 1; id <= 5; id++ {
		outside := testkit.FreePort(t)
		body := fmt.Sprintf(`{"name":"kafka%d","listen":"127.0.0.1:%d","upstream":"127.0.0.1:%d","enabled":true}`, id, 29090+id, outside)
		resp, err := http.Post(proxies+"/proxies", "application/json", strings.NewReader(body))
		if err != nil || resp.StatusCode != http.StatusCreated {
			t.Fatal(resp, err)
		}
		resp.Body.Close()
		inside := testkit.FreePort(t)
		brokers = append(brokers, testkit.BrokerAt(t, id, inside, zk,
			fmt.Sprintf("listeners=INSIDE://127.0.0.1:%d,LOCAL://127.0.0.1:%d", inside, outside),
			fmt.Sprintf("advertised.listeners=INSIDE://127.0.0.1:%d,LOCAL://localhost:%d", inside, 29090+id),
			"listener.security.protocol.map=INSIDE:PLAINTEXT,LOCAL:PLAINTEXT", "inter.broker.listener.name=INSIDE", fmt.Sprint("broker.rack=", id),
			"default.replication.factor=2", "offsets.topic.replication.factor=2", "transaction.state.log.replication.factor=2",
			"replica.selector.class=org.apache.kafka.common.replica.RackAwareReplicaSelector", "auto.create.topics.enable=false"))
	}
	testkit.WaitBrokers(t, brokers, 5)
	suite{
		module: "github.com/IBM/sarama", packages: []string{"."}, files: "functional_*_test.go", args: []string{"-tags", "functional"},
		env: []string{"TOXIPROXY_ADDR=" + proxies, "KAFKA_VERSION=2.5.0", "PATH=" + compose(t, &brokers) + ":" + os.Getenv("PATH")},
	}.run(t)
}
