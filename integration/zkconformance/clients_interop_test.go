//go:build interop

package zkconformance

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"momus/coordinator/zkserver"
	"momus/coordinator/zkserver/zkservertest"
	"momus/integration/testkit"
)

func TestKazooWorks(t *testing.T) {
	script, err := filepath.Abs("testdata/kazoo_test.py")
	if err != nil {
		t.Fatal(err)
	}
	addr, _ := startOurs(t, zkserver.Options{})
	python := filepath.Join(testkit.Peers(t, "python"), "bin", "python")
	if out := testkit.Run(t, time.Minute, testkit.Spec{Args: []string{python, script, addr}}); !strings.HasSuffix(out, "ok\n") {
		t.Fatal(out)
	}
}

// zkCli takes its commands from standard input or one from its arguments; each command here is a
// run of its own.
func TestZkCliWorks(t *testing.T) {
	hosts := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(hosts, []byte("127.0.0.1 zk zk/<unresolved>\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, peer := range []string{"zookeeper", "kafka"} { // 3.4.14, and the 3.5.7 that Kafka 2.5 carries
		addr, _ := startOurs(t, zkserver.Options{})
		addr = strings.Replace(addr, "127.0.0.1", "zk", 1)
		cli := func(args ...string) string {
			t.Helper()
			java := testkit.Java(t, peer, "org.apache.zookeeper.ZooKeeperMain", append([]string{"-server", addr}, args...)...)
			// The client of 3.4 takes "/<unresolved>", which Java 14 and later print, for a part of
			// the host's name.
			java = slices.Insert(java, 1, "-Dzookeeper.sasl.client=false", "-Djdk.net.hosts.file="+hosts)
			return testkit.Run(t, time.Minute, testkit.Spec{Args: append([]string{"sh", "-c", `exec "$@" 2>&1`, "sh"}, java...)}) // stats go to standard error
		}
		for _, step := range []struct {
			args []string
			want string
		}{
			{[]string{"create", "/cli", "hello"}, ""},
			{[]string{"create", "/cli/a", "x"}, ""},
			{[]string{"ls", "/cli"}, "[a]"},
			{[]string{"get", "/cli"}, "hello"},
			{[]string{"set", "/cli", "world"}, ""},
			{[]string{"get", "/cli"}, "world"},
			{[]string{"stat", "/cli"}, "dataVersion = 1"},
			{[]string{"stat", "/cli"}, "numChildren = 1"},
			{[]string{"getAcl", "/cli"}, "'world,'anyone"},
			{[]string{"delete", "/cli/a"}, ""},
			{[]string{"ls", "/cli"}, "[]"},
		} {
			if out := cli(step.args...); !strings.Contains(out, step.want) {
				t.Errorf("%s: %v: want %q\n%s", peer, step.args, step.want, out)
			}
		}
	}
}

func TestGoZookeeperSeesTheSameTree(t *testing.T) {
	real, ours := startReal(t, "zookeeper"), ""
	ours, _ = startOurs(t, zkserver.Options{})
	var seen [2]string
	for i, addr := range []string{real, ours} {
		c, _ := zkservertest.Session(t, addr, 10*time.Second, nil)
		t.Cleanup(c.Close)
		var b strings.Builder
		for _, step := range []func() (any, error){
			func() (any, error) { return c.Create("/g", []byte("x"), 0, zk.WorldACL(zk.PermAll)) },
			func() (any, error) {
				return c.CreateProtectedEphemeralSequential("/g/p-", nil, zk.WorldACL(zk.PermAll))
			},
			func() (any, error) { _, s, err := c.Children("/g"); return s.NumChildren, err },
			func() (any, error) { return nil, c.AddAuth("digest", []byte("u:p")) },
			func() (any, error) { return c.Create("/g/acl", nil, 0, zk.AuthACL(zk.PermAll)) },
			func() (any, error) { a, _, err := c.GetACL("/g/acl"); return a, err },
			func() (any, error) {
				s, err := c.SetACL("/g/acl", zk.DigestACL(zk.PermRead, "u", "p"), 0)
				return s.Aversion, err
			},
			func() (any, error) { return c.Sync("/g") },
			func() (any, error) { return nil, c.Delete("/g", -1) },
			func() (any, error) {
				r, err := c.Multi(&zk.SetDataRequest{Path: "/g", Data: []byte("y"), Version: 0}, &zk.CreateRequest{Path: "/g/m", Acl: zk.WorldACL(31)})
				return []any{r[0].Stat.Version, r[1].String}, err
			},
			func() (any, error) { l := zk.NewLock(c, "/g/lock", zk.WorldACL(31)); return nil, orUnlock(l) },
		} {
			v, err := step()
			if path, ok := v.(string); ok && strings.Contains(path, "_c_") {
				v = path[len(path)-10:] // the rest is random
			}
			fmt.Fprintln(&b, v, err)
		}
		seen[i] = b.String()
	}
	compare(t, seen[0], seen[1])
}

func orUnlock(l *zk.Lock) error {
	if err := l.Lock(); err != nil {
		return err
	}
	return l.Unlock()
}

// Apache Kafka 2.5.0 coordinated by the embedded server: start, topic, records, restart of both,
// and the end of the session of a broker that was killed.
func TestApacheKafkaRunsOnTheEmbeddedServer(t *testing.T) {
	o := zkserver.Options{Dir: t.TempDir()}
	addr, stop := startOurs(t, o)
	kafka := testkit.Kafka(t, 1, addr)
	client, err := kgo.NewClient(kgo.SeedBrokers(kafka.Bootstrap), kgo.ConsumeTopics("t"), kgo.DefaultProduceTopic("t"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if r, err := kadm.NewClient(client).CreateTopic(ctx, 3, 1, nil, "t"); err != nil || r.Err != nil {
		t.Fatal(err, r.Err)
	}
	produced := 0
	roundTrip := func() {
		t.Helper()
		produced++
		want := fmt.Appendf(nil, "record %d", produced)
		if err := client.ProduceSync(ctx, &kgo.Record{Value: want}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		for {
			fetches := client.PollFetches(ctx)
			if ctx.Err() != nil {
				t.Fatalf("not consumed: %s", want)
			}
			found := false
			fetches.EachRecord(func(r *kgo.Record) { found = found || bytes.Equal(r.Value, want) })
			if found {
				return
			}
		}
	}
	roundTrip()

	// The coordination server restarts below the broker, which goes on with its session.
	before := owner(t, addr)
	stop()
	o.Listen = addr
	addr, _ = startOurs(t, o)
	roundTrip()
	testkit.Eventually(t, time.Minute, "the broker is back with its session", func() bool { return owner(t, addr) == before })

	// A killed broker's node goes when its session has timed out.
	kafka.Process.Kill()
	if owner(t, addr) != before {
		t.Error("the node of the killed broker went before its session timed out")
	}
	testkit.SessionGone(t, addr, 1)
	kafka.Restart(t)
	roundTrip()
	kafka.Process.Stop(t, time.Minute)
	if got := owner(t, addr); got != 0 {
		t.Errorf("the node of the stopped broker is owned by %#x", got)
	}
}

// owner is the session of broker 1, 0 when it is not registered.
func owner(t *testing.T, addr string) int64 {
	t.Helper()
	c, _ := zkservertest.Session(t, addr, 10*time.Second, nil)
	t.Cleanup(c.Close)
	defer c.Close()
	_, stat, err := c.Get("/brokers/ids/1")
	if err == zk.ErrNoNode {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	return stat.EphemeralOwner
}
