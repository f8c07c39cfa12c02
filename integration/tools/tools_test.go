//go:build transcripts

package tools

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gozk "github.com/go-zookeeper/zk"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"momus/coordinator/zkserver/zkservertest"
	"momus/integration/testkit"
)

// TestSecuredTranscripts replays the recordings of a cluster with an authorizer.
func TestSecuredTranscripts(t *testing.T) {
	t.Parallel()
	replaySecured(t, securedBroker(t, coordination(t), testkit.BrokerAt))
}

// TestTranscripts replays the recordings against momus, but for those of a secured cluster, which
// TestSecuredTranscripts replays. With MOMUS_TEST_APACHE=1 the brokers are Apache Kafka 2.5.0 (after
// make peers).
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	brokers := func(t *testing.T) *cluster {
		c := threeBrokers(t, testkit.ZooKeeper(t, "zookeeper"), testkit.KafkaAt)
		c.separate = true
		return c
	}
	var apache *cluster
	if os.Getenv("MOMUS_TEST_APACHE") != "" {
		apache = brokers(t)
	}
	slices.SortStableFunc(files, func(a, b string) int { return turn(a) - turn(b) })
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		if secured()[name] {
			continue
		}
		t.Run(name, func(t *testing.T) {
			if apache != nil {
				c := apache
				if name == "degraded-cluster" { // it stops brokers, and wants no internal topics
					c = brokers(t)
				} else {
					tidy(t, c)
				}
				newReplay(t, name, c, exceptionsOnApache()[name]).run(t)
				return
			}
			t.Parallel()
			newReplay(t, name, momusFor(t, name), exceptionsOnMomus()[name]).run(t)
		})
	}
}

// turn is when a transcript is replayed on a cluster that all of them share: two want no internal
// topics yet.
func turn(file string) int {
	switch strings.TrimSuffix(filepath.Base(file), ".yaml") {
	case "kafka-configs":
		return -1
	case "kafka-topics":
		return 0
	}
	return 1
}

// momusFor starts what a transcript needs.
func momusFor(t *testing.T, name string) *cluster {
	t.Helper()
	switch name {
	case "kafka-dump-log":
		return &cluster{}
	case "kafka-server-start-stop":
		return &cluster{zookeeper: coordination(t)}
	case "kafka-log-dirs", "kafka-reassign-partitions", "degraded-cluster": // directories or processes of their own
		c := threeBrokers(t, coordination(t), testkit.BrokerAt)
		c.separate = name == "degraded-cluster"
		return c
	}
	return quickstart(t)
}

// tidy removes what another transcript left behind: topics but for the internal ones, groups,
// configs.
func tidy(t *testing.T, c *cluster) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	topics, err := adm.ListTopics(ctx)
	if names := topics.Names(); err == nil && len(names) > 0 {
		_, err = adm.DeleteTopics(ctx, names...)
	}
	groups, groupsErr := adm.ListGroups(ctx)
	if names := groups.Groups(); groupsErr == nil && len(names) > 0 {
		_, groupsErr = adm.DeleteGroups(ctx, names...)
	}
	if err := errors.Join(err, groupsErr); err != nil {
		t.Fatal(err)
	}
	conn := zkservertest.Connect(t, c.zookeeper)
	testkit.Eventually(t, 30*time.Second, "the topics are gone", func() bool {
		left, _, err := conn.Children("/brokers/topics")
		left = slices.DeleteFunc(left, func(n string) bool { return strings.HasPrefix(n, "__") })
		if len(left) > 0 { // one more, that was about to be made
			_, _ = adm.DeleteTopics(ctx, left...)
		}
		return err == nil && len(left) == 0
	})
	for _, kind := range []string{"users", "clients", "brokers"} {
		names, _, err := conn.Children("/config/" + kind)
		if err != nil && !errors.Is(err, gozk.ErrNoNode) {
			t.Fatal(err)
		}
		for _, n := range names {
			removeTree(t, conn, "/config/"+kind+"/"+n)
		}
	}
}

// forget tells the brokers that the config of an entity is gone: a quota would be in force for
// good.
func forget(t *testing.T, conn *gozk.Conn, entity string) {
	t.Helper()
	if _, err := conn.Create("/config/changes/config_change_", []byte(`{"version":2,"entity_path":"`+entity+`"}`), gozk.FlagSequence, gozk.WorldACL(gozk.PermAll)); err != nil {
		t.Fatal(err)
	}
}

func removeTree(t *testing.T, conn *gozk.Conn, path string) {
	t.Helper()
	names, _, err := conn.Children(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		removeTree(t, conn, path+"/"+n)
	}
	if err := conn.Delete(path, -1); err != nil {
		t.Fatal(err)
	}
	if entity := strings.TrimPrefix(path, "/config/"); strings.Count(entity, "/")%2 == 1 {
		forget(t, conn, entity)
	}
}
