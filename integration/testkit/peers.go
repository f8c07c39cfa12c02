package testkit

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Peers is the directory with the jars and libraries of the real peers, made by `make interop`:
// kafka, zookeeper, clients-VERSION, python, node.
func Peers(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("MOMUS_PEERS")
	if dir == "" {
		dir = filepath.Join(Root(t), "build", "peers")
	}
	dir = filepath.Join(dir, name)
	if _, err := os.Stat(dir); err != nil {
		t.Fatalf("%s is missing: run `make peers` first (%v)", dir, err)
	}
	return dir
}

// Java is the command line that runs a class with the jars of a peer. The options of KAFKA_OPTS go
// to Kafka's classes, as in kafka-run-class.
func Java(t testing.TB, peer, class string, args ...string) []string {
	t.Helper()
	log4j := filepath.Join(t.TempDir(), "log4j.properties")
	text := "log4j.rootLogger=WARN, stderr\nlog4j.appender.stderr=org.apache.log4j.ConsoleAppender\n" +
		"log4j.appender.stderr.layout=org.apache.log4j.PatternLayout\nlog4j.appender.stderr.layout.ConversionPattern=[%d] %p %m (%c)%n\nlog4j.appender.stderr.Target=System.err\n"
	if err := os.WriteFile(log4j, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	// One collector thread and no second compiler: several JVMs share a machine of two cores.
	line := []string{"java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j.configuration=file:" + log4j, "-Dzookeeper.admin.enableServer=false"}
	if peer == "kafka" {
		line = append(line, strings.Fields(os.Getenv("KAFKA_OPTS"))...)
	}
	return append(append(line, "-cp", filepath.Join(Peers(t, peer), "*"), class), args...)
}

// ZooKeeper starts a real ZooKeeper server of the peer directory (zookeeper, zookeeper-3.5,
// zookeeper-3.8) and returns its address.
func ZooKeeper(t testing.TB, peer string) string {
	t.Helper()
	addr, _ := RestartableZooKeeper(t, peer)
	return addr
}

// SecureZooKeeper is ZooKeeper with more lines of its configuration and more options of its JVM.
func SecureZooKeeper(t testing.TB, peer string, lines, options []string) string {
	t.Helper()
	addr, args := zooKeeperArgs(t, peer, lines, options)
	startZooKeeper(t, peer, addr, args)
	return addr
}

// zooKeeperArgs is the command line of a server on a free port.
func zooKeeperArgs(t testing.TB, peer string, lines, options []string) (addr string, args []string) {
	t.Helper()
	port, dir := FreePort(t), t.TempDir()
	cfg := filepath.Join(dir, "zoo.cfg")
	text := fmt.Sprintf("tickTime=1000\ndataDir=%s\nclientPort=%d\nclientPortAddress=127.0.0.1\nmaxClientCnxns=0\n4lw.commands.whitelist=*\n%s\n", dir, port, strings.Join(lines, "\n"))
	if err := os.WriteFile(cfg, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	args = Java(t, peer, "org.apache.zookeeper.server.quorum.QuorumPeerMain", cfg)
	// Behind the word java.
	return fmt.Sprintf("127.0.0.1:%d", port), slices.Insert(args, 1, options...)
}

// RestartableZooKeeper is ZooKeeper with a function that kills the server, does something
// meanwhile, and starts it again.
func RestartableZooKeeper(t testing.TB, peer string) (addr string, restart func(meanwhile func())) {
	t.Helper()
	addr, args := zooKeeperArgs(t, peer, nil, nil)
	p := startZooKeeper(t, peer, addr, args)
	return addr, func(meanwhile func()) {
		p.Kill()
		meanwhile()
		p = startZooKeeper(t, peer, addr, args)
	}
}

// startZooKeeper starts a server and waits until it answers its four-letter word.
func startZooKeeper(t testing.TB, peer, addr string, args []string) *Process {
	t.Helper()
	p := Start(t, peer, Spec{Args: args})
	Eventually(t, startTime, "ZooKeeper serves", func() bool {
		select {
		case <-p.Done():
			t.Fatal("ZooKeeper ended")
		default:
		}
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err != nil {
			return false
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(2 * time.Second))
		fmt.Fprint(c, "srvr")
		answer, _ := io.ReadAll(c)
		// srvr answers before it serves; the mode is there when it does.
		return bytes.Contains(answer, []byte("Mode: standalone"))
	})
	return p
}

// Walkthrough replays a scenario of users with run.py, whose words args are, and fails unless every
// step has passed.
func Walkthrough(t testing.TB, limit time.Duration, args ...string) {
	t.Helper()
	out, err := TryRun(limit, Spec{Args: append([]string{"python3", filepath.Join(Root(t), "integration/walkthrough/run.py")}, args...)})
	t.Log(out)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(strings.TrimSpace(out), " passed, 0 failed") {
		t.Fatal("the scenario did not pass")
	}
}

// Kafka starts a real Apache Kafka 2.5.0 broker; lines are added to its server.properties.
func Kafka(t testing.TB, id int, zookeeper string, lines ...string) *Cluster {
	t.Helper()
	return KafkaAt(t, id, FreePort(t), zookeeper, lines...)
}

// KafkaAt is Kafka on a given port.
func KafkaAt(t testing.TB, id, port int, zookeeper string, lines ...string) *Cluster {
	t.Helper()
	return oneBroker(t, id, port, zookeeper, lines).AsKafka(t)
}

// AsKafka starts a real Apache Kafka 2.5.0 on the directory, id and port of a stopped broker that
// Broker or Kafka started.
func (c *Cluster) AsKafka(t testing.TB) *Cluster {
	t.Helper()
	k := &Cluster{ID: c.ID, Dir: c.Dir, ZooKeeper: c.ZooKeeper, Bootstrap: c.Bootstrap}
	k.args = Java(t, "kafka", "kafka.Kafka", filepath.Join(c.Dir, "server.properties"))
	k.Restart(t)
	return k
}

// SessionGone waits until the znode of a killed broker is gone.
func SessionGone(t testing.TB, zookeeper string, broker int) {
	t.Helper()
	conn := ZooKeeperConn(t, zookeeper)
	Eventually(t, 30*time.Second, "the session of the killed broker ended", func() bool {
		there, _, err := conn.Exists(fmt.Sprintf("/brokers/ids/%d", broker))
		return err == nil && !there
	})
}

// quietZK keeps the library's log out of the tests'.
type quietZK struct{}

func (quietZK) Printf(string, ...any) {}
