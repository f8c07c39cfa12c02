//go:build interop

package tools

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"momus/integration/testkit"
)

// smallDisk mounts a disk that is soon full, for which it has to be root.
func smallDisk(t *testing.T, megabytes int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", megabytes)); err != nil {
		t.Fatalf("mount a disk of %d MB (needs root): %v", megabytes, err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestToolsBesideJavaOnAFullDisk has a native performance test and Java's fill the disk of the broker
// that leads, with a follower that has room and without.
func TestToolsBesideJavaOnAFullDisk(t *testing.T) {
	const records, limit = 15000, 2 * time.Minute
	for _, c := range []struct {
		name     string
		replicas string
		props    []string
		arrive   bool
	}{
		{"with a follower", "1:2", []string{"acks=all"}, true},
		{"alone", "1", []string{"acks=1", "request.timeout.ms=2000", "delivery.timeout.ms=6000", "max.block.ms=6000"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			ended := map[string]*testkit.Process{}
			for _, l := range bothKinds(t) {
				zookeeper := testkit.Coordination(t)
				brokers := []*testkit.Cluster{testkit.Broker(t, 1, zookeeper, append(smallSettings(), "log.dirs="+filepath.Join(smallDisk(t, 8), "logs"))...)}
				if c.arrive {
					brokers = append(brokers, testkit.Broker(t, 2, zookeeper, smallSettings()...))
				}
				testkit.WaitBrokers(t, brokers, len(brokers))
				bootstrap := testkit.Bootstrap(brokers)
				testkit.Run(t, limit, testkit.Spec{Args: []string{testkit.Binary(t), "topics", "--bootstrap-server", bootstrap, "--create", "--topic", "full", "--replica-assignment", c.replicas}})
				p := l.start(t, "producer-perf-test", "producer-perf-test", append([]string{"--topic", "full", "--throughput", "4000", "--num-records", fmt.Sprint(records), "--record-size", "1000",
					"--producer-props", "bootstrap.servers=" + bootstrap}, c.props...)...)
				brokers[0].Process.WaitOutput(t, syscall.ENOSPC.Error(), limit)
				select {
				case <-p.Done():
				case <-time.After(limit):
					t.Fatalf("%s: the performance test hangs", l.kind)
				}
				ended[l.kind] = p
				t.Logf("%s: exit %d, %d lines: %s; log %v", l.kind, p.ExitCode(), strings.Count(p.Output(), "\n"), lastLine(p.Output()), kinds(p.Output()))
				if !c.arrive {
					continue
				}
				if !strings.Contains(p.Output(), fmt.Sprintf("%d records sent", records)) {
					t.Errorf("%s: %s", l.kind, lastLine(p.Output()))
				}
				ends, err := testkit.Admin(t, brokers[1].Bootstrap).ListEndOffsets(t.Context(), "full")
				if err != nil {
					t.Fatal(err)
				}
				if end, ok := ends.Lookup("full", 0); !ok || end.Err != nil || end.Offset < records {
					t.Errorf("%s: %d of %d records are there (%v)", l.kind, end.Offset, records, end.Err)
				}
			}
			java, native := ended["java"], ended["native"]
			if native.ExitCode() != java.ExitCode() {
				t.Errorf("the native test exits with %d, Java's with %d", native.ExitCode(), java.ExitCode())
			}
			if n, j := strings.Count(native.Output(), "\n"), strings.Count(java.Output(), "\n"); n > j {
				t.Errorf("the native test prints %d lines, Java's %d", n, j)
			}
		})
	}
}
