package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"momus/cmd/internal/tool"
)

// startScript is one of Kafka's scripts that start a server.
type startScript struct {
	name    string // without .sh
	usage   string // what follows the name
	help    string // what --help says, with exit status 1 as in Kafka
	output  string // where a daemon's output goes, in LOG_DIR
	command string // the command of this program that is the server
	run     func(ctx context.Context, e *Env, args []string) error
}

// startScripts lists Kafka's scripts that start servers, each with its own words of help.
func startScripts() []startScript {
	return []startScript{
		{name: "kafka-server-start", usage: "[-daemon] server.properties [--override property=value]*", output: "kafkaServer.out", command: "broker",
			help: "USAGE: java [options] KafkaServer server.properties [--override property=value]*", run: runBroker},
		{name: "zookeeper-server-start", usage: "[-daemon] zookeeper.properties", output: "zookeeper.out", command: "zookeeper",
			help: "USAGE: zookeeper-server-start [-daemon] zookeeper.properties", run: runZooKeeper},
	}
}

// startCommands are kafka-server-start.sh and zookeeper-server-start.sh.
func startCommands() []Command {
	var out []Command
	for _, s := range startScripts() {
		c := Command{Name: s.name, Aliases: []string{s.name + ".sh"}, Args: s.usage, Help: "the same as momus " + s.command + ", as a script of Kafka's", Run: s.start}
		if short, ok := strings.CutPrefix(s.name, "kafka-"); ok {
			c.Name, c.Aliases = short, append(c.Aliases, s.name)
		}
		out = append(out, c)
	}
	return out
}

// start reads the words as the script does, which knows -daemon only as the first, and leaves the
// others to the server.
func (s startScript) start(ctx context.Context, e *Env, args []string) error {
	program := s.name + ".sh"
	if strings.TrimSuffix(filepath.Base(e.Args[0]), ".sh") == s.name {
		program = e.Args[0]
	}
	switch {
	case len(args) == 0:
		fmt.Fprintf(e.Stdout, "USAGE: %s %s\n", program, s.usage)
		return &Exit{Code: 1}
	case args[0] == "-daemon":
		return s.daemon(e, program, args[1:])
	case slices.Contains(args, "--help"):
		return &Exit{Code: 1, Err: errors.New(s.help)}
	case slices.Contains(args, "--version"):
		fmt.Fprintln(e.Stdout, tool.Version)
		return nil
	}
	return s.run(ctx, e, args)
}

// daemon starts the server as a process of its own, which outlives this one and its terminal, and
// does not wait for it.
func (s startScript) daemon(e *Env, program string, args []string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	// kafka-run-class.sh's default for LOG_DIR: logs, beside the directory of the scripts.
	dir := filepath.Join(filepath.Dir(program), "..", "logs")
	if value := e.getenv("LOG_DIR"); value != "" {
		dir = value
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("%w; set LOG_DIR to a directory for %s", err, s.output)
	}
	out, err := os.OpenFile(filepath.Join(dir, s.output), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return fmt.Errorf("%w; set LOG_DIR to a directory for %s", err, s.output)
	}
	defer out.Close()
	cmd := exec.Command(self, append([]string{s.command}, args...)...)
	cmd.Env = e.Environ
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = detached()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", self, err)
	}
	return cmd.Process.Release()
}
