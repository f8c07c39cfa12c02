//go:build interop

package mixed

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"momus/integration/testkit"
)

// What the tools of Apache Kafka 2.5.0 print on three momus brokers is what they printed on three
// of its own, where the transcripts were recorded.
func TestAdministrationWithKafkasTools(t *testing.T) {
	for transcript, skip := range map[string][]string{
		"kafka-topics": {
			"err-assign-unknown-broker", "err-unreachable-zk", // wait for 30 s
			"zk-list-exclude-internal",                                              // lists the topic of the first
			"list-with-internal", "err-delete-internal-zk", "err-alter-internal-zk", // count on __consumer_offsets, which the first steps must not see
		},
		"kafka-configs": {
			"bs-describe-broker-all", // names directories of the recorded cluster
			"bs-logger-describe",     // lists the loggers of a JVM
		},
		"kafka-reassign-partitions": nil, "kafka-leader-election": nil, "kafka-preferred-replica-election": nil, "degraded-cluster": nil, "kafka-replica-verification": nil,
	} {
		t.Run(transcript, func(t *testing.T) {
			zookeeper, dir := testkit.ZooKeeper(t, "zookeeper"), t.TempDir()
			var bs []*testkit.Cluster
			for id := 1; id <= 3; id++ {
				bs = append(bs, testkit.Broker(t, id, zookeeper, fmt.Sprintf("log.dirs=%[1]s/b%[2]d/d0,%[1]s/b%[2]d/d1", dir, id), "zookeeper.session.timeout.ms=4000", "background.threads=4", // as recorded
					"auto.leader.rebalance.enable=false")) // which would come 5 s after the start, whatever step is under way then
			}
			testkit.WaitBrokers(t, bs, 3)
			control := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				words := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
				id, err := strconv.Atoi(words[len(words)-1])
				if err != nil || id < 1 || id > len(bs) {
					http.NotFound(w, r)
					return
				}
				switch words[0] {
				case "stop-broker":
					bs[id-1].Process.Stop(t, 30*time.Second)
				case "start-broker":
					bs[id-1].Restart(t)
				default:
					http.NotFound(w, r)
				}
			}))
			defer control.Close()
			root := testkit.Root(t)
			args := []string{"python3", filepath.Join(root, "integration/walkthrough/run.py"),
				"--jars", testkit.Peers(t, "kafka"), "--zookeeper", zookeeper, "--bootstrap-server", testkit.Bootstrap(bs),
				"--control", control.URL, "--map", "/var/lib/kafka=" + dir}
			for _, step := range skip {
				args = append(args, "--skip", step)
			}
			out, err := testkit.TryRun(10*time.Minute, testkit.Spec{Args: append(args, filepath.Join(root, "integration/tools/testdata", transcript+".yaml"))})
			t.Log(out)
			if err != nil || !strings.HasSuffix(strings.TrimSpace(out), " passed, 0 failed") {
				t.Error(err)
			}
		})
	}
}
