package command

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"momus/cmd/internal/tool"
)

// toolCommands are Kafka's command-line tools: kafka-topics, kafka-topics.sh and, for momus topics,
// the name without kafka-.
func toolCommands() []Command {
	var out []Command
	for _, t := range tool.Tools() {
		c := Command{Name: t.Name, Aliases: []string{t.Name + ".sh"}, Help: t.Help, Run: runTool(t)}
		if short, ok := strings.CutPrefix(t.Name, "kafka-"); ok {
			c.Name, c.Aliases = short, append(c.Aliases, t.Name, short+".sh")
		}
		out = append(out, c)
	}
	return out
}

// runTool runs a tool with this process's standard streams. After a signal the exit code is that of
// a process which it ended.
func runTool(t tool.Tool) func(ctx context.Context, e *Env, args []string) error {
	return func(ctx context.Context, e *Env, args []string) error {
		// The context ends by withSignals; this channel only tells which signal it was.
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
		signal.Ignore(syscall.SIGPIPE) // a closed pipe is an error of the write, as in Java
		code := t.Run(ctx, &tool.Env{Args: args, Stdin: os.Stdin, Stdout: e.Stdout, Stderr: e.Stderr, Getenv: os.Getenv, Program: e.Args[0]})
		signal.Stop(signals)
		select {
		case s := <-signals:
			if n, ok := s.(syscall.Signal); ok {
				code = 128 + int(n)
			}
		default:
		}
		if code != 0 {
			return &Exit{Code: code}
		}
		return nil
	}
}
