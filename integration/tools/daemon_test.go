//go:build transcripts

package tools

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"momus/integration/testkit"
)

// TestDaemon starts a broker with kafka-server-start.sh -daemon, finds that it outlives the script,
// and ends it. (kafka-server-stop.sh would stop all brokers of the machine; how it chooses them is
// tested with processes that are made up.)
func TestDaemon(t *testing.T) {
	if _, err := os.Stat("/proc/self/cmdline"); err != nil {
		t.Fatalf("this test finds processes in /proc: %v", err)
	}
	zookeeper, dir, port := coordination(t), t.TempDir(), testkit.FreePort(t)
	file := testkit.ServerProperties(t, dir, 1, port, zookeeper)
	testkit.Run(t, time.Minute, testkit.Spec{Args: []string{filepath.Join(bin(t), "kafka-server-start.sh"), "-daemon", file, "--override", "broker.id=7"},
		Env: []string{"LOG_DIR=" + filepath.Join(dir, "output")}})
	var pid int
	testkit.Eventually(t, 10*time.Second, "the broker runs", func() bool { pid = brokerWith(file); return pid != 0 })
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) }) // in case it still runs
	output := filepath.Join(dir, "output", "kafkaServer.out")
	testkit.Eventually(t, time.Minute, "the broker is registered under the id of --override", func() bool {
		out, err := testkit.TryRun(time.Minute, testkit.Spec{Args: []string{filepath.Join(bin(t), "zookeeper-shell.sh"), zookeeper, "get", "/brokers/ids/7"}})
		return err == nil && strings.Contains(out, fmt.Sprintf(`"port":%d`, port))
	})
	if session, err := unix.Getsid(pid); err != nil || session != pid {
		t.Errorf("the broker is not in a session of its own: %d, %v", session, err)
	}
	if data, err := os.ReadFile(output); err != nil || !strings.Contains(string(data), "started") {
		t.Errorf("%s: %v\n%s", output, err, data)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, time.Minute, "the broker has ended", func() bool { return brokerWith(file) == 0 })
}

// brokerWith finds the process of the broker that was started with a file; 0 when there is none.
func brokerWith(file string) int {
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return 0
	}
	for _, name := range all {
		data, err := os.ReadFile(name)
		if err != nil || !strings.Contains(string(data), "broker\x00"+file+"\x00") {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name))); err == nil {
			return pid
		}
	}
	return 0
}
