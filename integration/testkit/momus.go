package testkit

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"momus/configs"
	"momus/internal/testbase"
)

// build is the binary under test, which is built once for all tests of a package.
var build struct {
	once sync.Once
	path string
	err  error
}

// Binary builds bin/momus once per test process and returns its path; MOMUS_BINARY names one that
// is built already.
func Binary(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("MOMUS_BINARY"); path != "" {
		return path
	}
	root := Root(t)
	build.once.Do(func() {
		dir, err := os.MkdirTemp("", "momus-bin-")
		if err != nil {
			build.err = err
			return
		}
		build.path = filepath.Join(dir, "momus")
		_, build.err = TryRun(9*time.Minute, Spec{Args: []string{"go", "build", "-o", build.path, "./cmd/momus"}, Dir: root, Env: []string{"CGO_ENABLED=0"}})
	})
	if build.err != nil {
		t.Fatal(build.err)
	}
	return build.path
}

// Cluster is a running cluster: addresses to reach it and the processes that make it.
type Cluster struct {
	Bootstrap string // host:port,host:port…
	ZooKeeper string // host:port
	HTTP      string // base URL of metrics and health
	Dir       string
	ID        int
	Process   *Process // the process that was started last
	args      []string
}

// Quickstart starts `momus quickstart` on free ports and waits until it serves.
func Quickstart(t testing.TB, brokers int, extra ...string) *Cluster {
	t.Helper()
	c := &Cluster{Dir: t.TempDir()}
	port := testbase.FreePorts(t, brokers)
	zk, web := FreePort(t), FreePort(t)
	c.ZooKeeper = fmt.Sprintf("127.0.0.1:%d", zk)
	c.HTTP = fmt.Sprintf("http://127.0.0.1:%d", web)
	var list []string
	for i := range brokers {
		list = append(list, fmt.Sprintf("127.0.0.1:%d", port+i))
	}
	c.Bootstrap = strings.Join(list, ",")
	c.args = append([]string{Binary(t), "quickstart", "--brokers", fmt.Sprint(brokers), "--dir", c.Dir, "--port", fmt.Sprint(port),
		"--zookeeper-port", fmt.Sprint(zk), "--http-port", fmt.Sprint(web)}, extra...)
	c.Restart(t)
	return c
}

// Restart starts the cluster's process again with the same arguments.
func (c *Cluster) Restart(t testing.TB) {
	t.Helper()
	// The log shows which process is meant: kafka's command line begins with java.
	c.Process = Start(t, fmt.Sprintf("%s %d", filepath.Base(c.args[0]), c.ID), Spec{Args: c.args})
	WaitServing(t, c.Process, strings.Split(c.Bootstrap, ",")...)
}

// Broker starts `momus broker` with a properties file of the given lines, on a free port, and waits
// until it serves.
func Broker(t testing.TB, id int, zookeeper string, lines ...string) *Cluster {
	t.Helper()
	return BrokerAt(t, id, FreePort(t), zookeeper, lines...)
}

// BrokerAt is Broker on a given port.
func BrokerAt(t testing.TB, id, port int, zookeeper string, lines ...string) *Cluster {
	t.Helper()
	return oneBroker(t, id, port, zookeeper, lines).AsMomus(t)
}

// oneBroker is a broker with its server.properties, which nobody has started.
func oneBroker(t testing.TB, id, port int, zookeeper string, lines []string) *Cluster {
	t.Helper()
	c := &Cluster{ID: id, Dir: t.TempDir(), ZooKeeper: zookeeper, Bootstrap: fmt.Sprintf("127.0.0.1:%d", port)}
	ServerProperties(t, c.Dir, id, port, zookeeper, lines...)
	return c
}

// AsMomus starts momus on the directory, id and port of a stopped broker that Kafka or Broker
// started.
func (c *Cluster) AsMomus(t testing.TB) *Cluster {
	t.Helper()
	web := FreePort(t) // the usual one may be another broker's
	m := &Cluster{ID: c.ID, Dir: c.Dir, ZooKeeper: c.ZooKeeper, Bootstrap: c.Bootstrap, HTTP: fmt.Sprintf("http://127.0.0.1:%d", web)}
	m.args = []string{Binary(t), "broker", filepath.Join(c.Dir, "server.properties"), "--override", fmt.Sprintf("%s=%d", configs.HTTPPortKey, web)}
	m.Restart(t)
	return m
}

// ServerProperties writes a server.properties for one broker on 127.0.0.1; later lines win.
func ServerProperties(t testing.TB, dir string, id, port int, zookeeper string, lines ...string) string {
	t.Helper()
	all := append([]string{
		fmt.Sprintf("broker.id=%d", id),
		fmt.Sprintf("listeners=PLAINTEXT://127.0.0.1:%d", port),
		"log.dirs=" + filepath.Join(dir, "logs"),
		"zookeeper.connect=" + zookeeper,
		"zookeeper.session.timeout.ms=6000",
		"offsets.topic.replication.factor=1", "offsets.topic.num.partitions=4",
		"transaction.state.log.replication.factor=1", "transaction.state.log.min.isr=1", "transaction.state.log.num.partitions=4",
		"group.initial.rebalance.delay.ms=0",
	}, lines...)
	file := filepath.Join(dir, "server.properties")
	if err := os.WriteFile(file, []byte(strings.Join(all, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// startTime is what a process may take to start: a JVM takes minutes on a machine that does much else.
const startTime = 5 * time.Minute

// WaitServing waits until every address answers a metadata request that lists as many brokers as
// there are addresses.
func WaitServing(t testing.TB, p *Process, addrs ...string) {
	t.Helper()
	for _, a := range addrs {
		cl, err := kgo.NewClient(kgo.SeedBrokers(a), kgo.MetadataMinAge(10*time.Millisecond), kgo.RetryTimeout(time.Second))
		if err != nil {
			t.Fatal(err)
		}
		Eventually(t, startTime, a+" serves", func() bool {
			select {
			case <-p.Done():
				t.Fatalf("%s ended with status %d", p.Name, p.ExitCode())
			default:
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			return cl.Ping(ctx) == nil
		})
		cl.Close()
	}
}

// Page fetches a page of the HTTP port.
func (c *Cluster) Page(t testing.TB, path string) string {
	t.Helper()
	resp, err := http.Get(c.HTTP + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// Metric is the value of a metric without labels, as the HTTP port shows it now.
func (c *Cluster) Metric(t testing.TB, name string) float64 {
	t.Helper()
	for line := range strings.Lines(c.Page(t, "/metrics")) {
		if text, ok := strings.CutPrefix(line, name+" "); ok {
			value, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return value
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

// Files writes files into a directory of their own, which goes with the test; it gives their paths.
func Files(t testing.TB) func(name, text string) string {
	t.Helper()
	dir := t.TempDir()
	return func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
}

// Coordination starts `momus zookeeper` in a directory of its own and returns its address.
func Coordination(t testing.TB) string {
	t.Helper()
	port, dir := FreePort(t), t.TempDir()
	file := filepath.Join(dir, "zookeeper.properties")
	if err := os.WriteFile(file, []byte(fmt.Sprintf("dataDir=%s\nclientPort=%d\nclientPortAddress=127.0.0.1\n", dir, port)), 0o600); err != nil {
		t.Fatal(err)
	}
	Start(t, "zookeeper", Spec{Args: []string{Binary(t), "zookeeper", file}})
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	Eventually(t, 10*time.Second, "the coordination server listens", func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return addr
}
