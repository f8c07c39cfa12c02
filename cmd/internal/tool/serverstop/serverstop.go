// Package serverstop is kafka-server-stop and zookeeper-server-stop: they find the servers of this
// machine and signal them.
package serverstop

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"momus/cmd/internal/tool/core"
)

// Kafka is kafka-server-stop.sh.
func Kafka() core.Tool {
	return core.Tool{Name: "kafka-server-stop", Help: "stop the brokers of this machine", Main: serverStop}
}

// serverStop is kafka-server-stop.sh: it sends a signal, TERM or $SIGNAL, to every broker of this
// machine that it may signal, whether momus or Apache Kafka, and does not wait.
func serverStop(_ context.Context, c *core.Call) error {
	return stopServers(c, "No kafka server to stop", isBroker)
}

// ZooKeeper is zookeeper-server-stop.sh.
func ZooKeeper() core.Tool {
	return core.Tool{Name: "zookeeper-server-stop", Help: "stop the coordination servers of this machine", Main: coordinationStop}
}

// coordinationStop is zookeeper-server-stop.sh, the same for the coordination server and for
// ZooKeeper.
func coordinationStop(_ context.Context, c *core.Call) error {
	return stopServers(c, "No zookeeper server to stop", isCoordinationServer)
}

// stopServers signals every process that fits, as Kafka's script does; SIGNAL in the environment
// chooses another signal than TERM.
func stopServers(c *core.Call, none string, wanted func(command []string) bool) error {
	number, err := signalNumber(c.Getenv("SIGNAL"))
	if err != nil {
		return err
	}
	list := c.Processes
	if list == nil {
		list = processes
	}
	all, err := list()
	if err != nil {
		return err
	}
	found := false
	for _, p := range all {
		if !wanted(p.Command) {
			continue
		}
		found = true
		if err := p.Signal(number); err != nil && !errors.Is(err, os.ErrProcessDone) {
			c.Errorf("process %d: %v\n", p.ID, err)
		}
	}
	if !found {
		c.Println(none)
		return core.Exit(1)
	}
	return nil
}

// isBroker tells a broker by its command: momus broker or a link of that meaning, or Java with
// Kafka's class.
func isBroker(command []string) bool {
	return runs(command, "kafka.Kafka", []string{"broker", "server-start", "kafka-server-start"})
}

// isCoordinationServer reports whether a process is ZooKeeper or ours: Kafka's script looks for the
// class QuorumPeerMain.
func isCoordinationServer(command []string) bool {
	return runs(command, "QuorumPeerMain", []string{"zookeeper", "zookeeper-server-start"})
}

// runs reports whether a command line is a server: a JVM with Kafka's class among its words, a
// program of one of the names, or momus with that command.
func runs(command []string, class string, names []string) bool {
	if len(command) == 0 {
		return false
	}
	program := core.ProgramName(command[0])
	switch {
	case strings.Contains(program, "java"):
		return slices.ContainsFunc(command[1:], func(w string) bool { return strings.HasSuffix(strings.ToLower(w), strings.ToLower(class)) })
	case slices.Contains(names, program):
		return true
	}
	return program == "momus" && len(command) > 1 && slices.Contains(names, strings.TrimSuffix(command[1], ".sh"))
}

// signalNumber reads the name of a signal as kill -s does; TERM when there is none.
func signalNumber(name string) (os.Signal, error) {
	switch strings.TrimPrefix(strings.ToUpper(name), "SIG") {
	case "", "TERM":
		return syscall.SIGTERM, nil
	case "INT":
		return os.Interrupt, nil
	case "HUP":
		return syscall.SIGHUP, nil
	case "QUIT":
		return syscall.SIGQUIT, nil
	case "KILL":
		return os.Kill, nil
	}
	if n, err := strconv.Atoi(name); err == nil && n > 0 && n < 65 {
		return syscall.Signal(n), nil
	}
	return nil, errors.New("SIGNAL=" + name + ": no such signal; valid are TERM, INT, HUP, QUIT, KILL and numbers")
}

// processes lists those of this machine but for this one: from /proc, or from ps where there is
// none.
func processes() ([]core.Process, error) {
	if runtime.GOOS == "windows" {
		return nil, errors.New("this tool does not work on Windows: stop the broker with Ctrl-C in its window")
	}
	dirs, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(dirs) == 0 {
		return processesOfPS()
	}
	var out []core.Process
	for _, file := range dirs {
		id, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		data, rerr := os.ReadFile(file)
		if err != nil || rerr != nil || len(data) == 0 { // it has ended, or is one of the kernel
			continue
		}
		out = appendProcess(out, id, strings.Split(strings.TrimRight(string(data), "\x00"), "\x00"))
	}
	return out, nil
}

// processesOfPS lists processes where there is no /proc.
func processesOfPS() ([]core.Process, error) {
	data, err := exec.Command("ps", "-axo", "pid=,command=").Output()
	if err != nil {
		return nil, errors.New("ps: " + err.Error())
	}
	var out []core.Process
	for line := range strings.SplitSeq(string(data), "\n") {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		if id, err := strconv.Atoi(words[0]); err == nil {
			out = appendProcess(out, id, words[1:])
		}
	}
	return out, nil
}

// appendProcess adds a process, but not this one.
func appendProcess(to []core.Process, id int, command []string) []core.Process {
	p, err := os.FindProcess(id)
	if err != nil || id == os.Getpid() {
		return to
	}
	return append(to, core.Process{ID: id, Command: command, Signal: p.Signal})
}
