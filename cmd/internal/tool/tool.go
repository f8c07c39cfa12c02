// Package tool is Kafka 2.5's command-line tools: the same names, options, output and exit codes, as recorded from the released
// tools. One file a tool; options.go and argparse.go read the two styles of options, client.go and files.go what the tools share.
// A tool writes exactly Kafka's bytes to standard output; where Kafka prints a stack trace it prints the message alone.
package tool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Env is what a tool may use of the world.
type Env struct {
	Args           []string // without the name
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Program        string                    // the name this process was started by
	Processes      func() ([]Process, error) // those of this machine; nil for the real ones
}

// Tool is one of Kafka's command-line tools.
type Tool struct {
	Name    string             // without .sh
	Help    string             // one line
	Class   string             // Kafka's, for kafka-run-class; "" for a tool that is none
	Options func() optionTable // what completion offers; nil for a tool that takes words
	Values  map[string]Values  // of options whose names do not say it
	run     func(ctx context.Context, c *call) error
}

// Tools lists the tools in the order in which help shows them.
func Tools() []Tool {
	return []Tool{registerTopics(), registerConsoleProducer(), registerConsoleConsumer(), registerConsumerGroups(), registerConfigsTool(), registerAclsTool(), registerReassign(), registerLeaderElection(), registerPreferredElection(), registerDeleteRecords(), registerLogDirsTool(), registerDumpLog(), registerApiVersions(), registerProducerPerf(), registerConsumerPerf(), registerVerifiableProducer(), registerVerifiableConsumer(), registerReplicaVerification(), registerDelegationTokens(), registerStreamsReset(), registerMirrorMaker(), registerZooKeeperShell(), registerServerStop(), registerCoordinationStop(), registerGetOffsets(), registerRunClass()}
}

// Run runs the tool until it is done or ctx ends and returns its exit code.
func (t Tool) Run(ctx context.Context, e *Env) int {
	out := newOutput(e.Stdout)
	c := &call{Env: e, out: out, terminal: newTerminal(e)}
	err := t.run(ctx, c)
	code := 130 // a signal ended it: whoever knows which one corrects the code
	if err == nil || ctx.Err() == nil {
		code = c.report(err)
	}
	if ctx.Err() == nil {
		c.lastHints(code)
	}
	c.out.Flush()
	if ferr := out.Flush(); ferr != nil && code == 0 {
		code = 1
	}
	return code
}

// call is one run of a tool. Standard output is buffered: it is flushed before anything is written to standard error, so that the
// two are in order on a terminal.
type call struct {
	*Env
	out      *output
	document *output // standard output itself, while --json sends the rest elsewhere
	terminal terminal
	options  *options // those in use, for the usage text; nil before they are known

	hints    []string         // for a person, printed at the end
	exact    bool             // what is on standard error after a mistake in the options is known to the byte
	troubled bool             // the tool failed, whatever its exit code
	watchers []troubleshooter // of the tool's clients
	said     struct {
		sync.Mutex
		hints map[string]bool // printed already
	}
}

func (c *call) println(a ...any)               { fmt.Fprintln(c.out, a...) }
func (c *call) printf(format string, a ...any) { fmt.Fprintf(c.out, format, a...) }

// warn writes to standard error as it is.
func (c *call) errorf(format string, a ...any) {
	c.out.Flush()
	fmt.Fprintf(c.Stderr, format, a...)
}

// log writes a line as Kafka's log4j configuration of the tools does; nothing below WARN is shown.
func (c *call) log(level, class, format string, a ...any) {
	c.errorf("[%s] %s %s (%s)\n", logTime(time.Now()), level, fmt.Sprintf(format, a...), class)
}

// exit is an error that ends the tool with a code; all there is to say was said.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// usageError is a misuse of options: its text and the usage table go to standard error, and the code is 1.
type usageError struct {
	text   string
	option *optionError // the parser's mistake that it tells of, if it is one
}

func (e *usageError) Error() string { return e.text }

// report writes what is left to say about err and gives the exit code.
func (c *call) report(err error) int {
	var (
		code   exit
		misuse *usageError
		option *optionError
	)
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &misuse):
		c.errorf("%s\n", misuse.text)
		if c.options != nil {
			c.errorf("%s", c.options.usage())
		}
		c.hintMisuse(misuse)
		return 1
	}
	c.errorf("%s\n", describe(err))
	if errors.As(err, &option) {
		c.hintOption(option)
	}
	return 1
}

// logTime is a time as log4j writes it, in the local zone.
func logTime(t time.Time) string { return t.Format("2006-01-02 15:04:05,000") }
