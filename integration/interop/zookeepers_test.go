//go:build interop

package interop

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"momus/integration/testkit"
)

// On each line of ZooKeeper that people run: topics by the old tool and by request, records through
// a group, a session that is lost and found again.
func TestZooKeeperVersions(t *testing.T) {
	for _, peer := range []string{"zookeeper", "zookeeper-3.5", "zookeeper-3.8"} {
		t.Run(peer, func(t *testing.T) {
			addr := testkit.ZooKeeper(t, peer)
			c := brokerUnderTest(t, 1, addr+"/some/chroot")
			testkit.Run(t, time.Minute, testkit.Spec{Args: testkit.Java(t, "kafka", "kafka.admin.TopicCommand",
				"--zookeeper", addr+"/some/chroot", "--create", "--topic", "by-znode", "--partitions", "2", "--replication-factor", "1")})
			adm := admin(t, c)
			testkit.Eventually(t, 10*time.Second, "the broker serves the topic made by a znode", func() bool {
				ts, err := adm.ListTopics(context.Background(), "by-znode")
				return err == nil && ts["by-znode"].Err == nil && len(ts["by-znode"].Partitions) == 2 && ts["by-znode"].Partitions[0].Leader == 1
			})
			cl := goClients()[0]
			cl.produce(t, c.Bootstrap, "by-znode", "none", "before", 20)

			conn := testkit.ZooKeeperConn(t, addr)
			const id = "/some/chroot/brokers/ids/1"
			_, before, err := conn.Get(id)
			if err != nil {
				t.Fatal(err)
			}
			c.Process.Signal(t, syscall.SIGSTOP) // longer than the session lives
			testkit.Eventually(t, 40*time.Second, "the session of the paused broker ended", func() bool {
				there, _, err := conn.Exists(id)
				return err == nil && !there
			})
			c.Process.Signal(t, syscall.SIGCONT)
			testkit.Eventually(t, 30*time.Second, "the broker is registered again, with a new epoch", func() bool {
				_, st, err := conn.Get(id)
				return err == nil && st.Czxid > before.Czxid
			})
			testkit.Eventually(t, 30*time.Second, "it leads its partitions again", func() bool {
				return leads(adm, "by-znode")
			})
			cl.produce(t, c.Bootstrap, "by-znode", "none", "after", 20)
			if got := cl.consume(t, c.Bootstrap, "by-znode", 40); len(got) != 40 {
				t.Fatalf("%d of 40 records came back", len(got))
			}
			c.Process.Stop(t, 30*time.Second)
			if there, _, err := conn.Exists(id); err != nil || there {
				t.Fatalf("the znode outlived an orderly stop: %v %v", there, err)
			}
		})
	}
}

func leads(adm *kadm.Client, topic string) bool {
	ends, err := adm.ListEndOffsets(context.Background(), topic)
	return err == nil && ends.Error() == nil && len(ends[topic]) > 0
}
