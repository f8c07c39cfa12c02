package serverstop

import (
	"os"
	"slices"
	"strings"
	"testing"

	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/tooltest"
)

func TestServerStopSignalsBrokersOnly(t *testing.T) {
	var signalled []int
	process := func(id int, command string) core.Process {
		return core.Process{ID: id, Command: strings.Fields(command), Signal: func(s os.Signal) error {
			signalled = append(signalled, id)
			if s != os.Kill {
				t.Errorf("signal %v", s)
			}
			return nil
		}}
	}
	all := []core.Process{process(1, "/sbin/init"), process(2, "/opt/bin/momus broker server.properties"), process(3, "momus quickstart --brokers 3"),
		process(4, "/usr/bin/java -Xmx1G -cp x kafka.Kafka server.properties"), process(5, "kafka-server-start.sh server.properties"),
		process(6, "vi kafka.Kafka"), process(7, "momus zookeeper"), process(8, "java -cp x org.apache.zookeeper.server.quorum.QuorumPeerMain zoo.cfg"), {ID: 9}}
	stop := func(tool core.Tool, list []core.Process) (int, string) {
		signalled = nil
		code, out, _ := tooltest.Run(t, tool, &core.Env{Getenv: func(k string) string { return map[string]string{"SIGNAL": "KILL"}[k] }, Processes: func() ([]core.Process, error) { return list, nil }})
		return code, out
	}
	if code, out := stop(Kafka(), all); code != 0 || out != "" || !slices.Equal(signalled, []int{2, 4, 5}) {
		t.Errorf("exit %d, %q, %v", code, out, signalled)
	}
	if code, out := stop(ZooKeeper(), all); code != 0 || out != "" || !slices.Equal(signalled, []int{7, 8}) {
		t.Errorf("exit %d, %q, %v", code, out, signalled)
	}
	if code, out := stop(Kafka(), all[:1]); code != 1 || out != "No kafka server to stop\n" || signalled != nil {
		t.Errorf("none: exit %d, %q, %v", code, out, signalled)
	}
	if code, out := stop(ZooKeeper(), nil); code != 1 || out != "No zookeeper server to stop\n" {
		t.Errorf("none: exit %d, %q", code, out)
	}
}

func TestProcessesAreListed(t *testing.T) {
	all, err := processes()
	if err != nil || slices.ContainsFunc(all, func(p core.Process) bool { return p.ID == os.Getpid() }) {
		t.Errorf("%v, and this process must not be in the list", err)
	}
	if !slices.ContainsFunc(all, func(p core.Process) bool { return p.ID == os.Getppid() && len(p.Command) > 0 }) {
		t.Error("the parent is not in the list")
	}
}
