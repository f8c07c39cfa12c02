package core

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"

	"momus/cmd/internal/tool/options"
	"momus/cmd/internal/tool/screen"
)

// Values says what the values of an option are: a set of the constants.
type Values int

const (
	ValueList      Values = 1 << iota // separated by commas
	ValueBrokerIDs                    // ids of brokers
)

// Process is a process of this machine.
type Process struct {
	ID      int
	Command []string
	Signal  func(os.Signal) error
}

// ProgramName is the name of a program without directory and suffix.
func ProgramName(path string) string {
	return strings.TrimSuffix(strings.TrimSuffix(filepath.Base(path), ".exe"), ".sh")
}

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
	Name    string               // without .sh
	Help    string               // one line
	Class   string               // Kafka's, for kafka-run-class; "" for a tool that is none
	Options func() options.Table // what completion offers; nil for a tool that takes words
	Values  map[string]Values    // of options whose names do not say it
	Main    func(ctx context.Context, c *Call) error
}

// WithOptions gives the tool its options, in joptsimple's style, and what it does with them: run
// gets them unread, and its first step is Begin. read is called anew for each call.
func (t Tool) WithOptions(read func() *options.Options, run func(context.Context, *Call, *options.Options) error) Tool {
	t.Options = func() options.Table { return read() }
	t.Main = func(ctx context.Context, c *Call) error { return run(ctx, c, read()) }
	return t
}

// Begun is WithOptions for a tool that has nothing to say or do before Begin: run gets options that
// were read and checked.
func (t Tool) Begun(read func() *options.Options, run func(context.Context, *Call, *options.Options) error) Tool {
	return t.WithOptions(read, func(ctx context.Context, c *Call, o *options.Options) error {
		if err := c.Begin(o); err != nil {
			return err
		}
		return run(ctx, c, o)
	})
}

// WithTexts makes what Begun takes of a run that begins with reading options which have one value
// each; texts are their values by name.
func WithTexts(run func(ctx context.Context, c *Call, o *options.Options, texts map[string]string) error, names ...string) func(context.Context, *Call, *options.Options) error {
	return func(ctx context.Context, c *Call, o *options.Options) error {
		texts, err := o.Texts(names...)
		if err != nil {
			return err
		}
		return run(ctx, c, o, texts)
	}
}

// Prepared makes what Begun takes of a tool that puts its options together first, and then does
// what they say.
func Prepared[S any](prepare func(*Call, *options.Options) (S, error), run func(context.Context, *Call, S) error) func(context.Context, *Call, *options.Options) error {
	return func(ctx context.Context, c *Call, o *options.Options) error {
		s, err := prepare(c, o)
		if err != nil {
			return err
		}
		return run(ctx, c, s)
	}
}

// WithArguments is Begun for a tool that uses argparse4j.
func (t Tool) WithArguments(read func() *options.Argparse, run func(context.Context, *Call, *options.Argparse) error) Tool {
	t.Options = func() options.Table { return read() }
	t.Main = func(ctx context.Context, c *Call) error {
		a := read()
		if err := c.BeginArguments(a); err != nil {
			return err
		}
		return run(ctx, c, a)
	}
	return t
}

// Run runs the tool until it is done or ctx ends and returns its exit code.
func (t Tool) Run(ctx context.Context, e *Env) int {
	out := screen.NewOutput(e.Stdout)
	c := &Call{Env: e, Out: out, Terminal: newTerminal(e)}
	err := t.Main(ctx, c)
	code := 130 // a signal ended it: whoever knows which one corrects the code
	if err == nil || ctx.Err() == nil {
		code = c.report(err)
	}
	if ctx.Err() == nil {
		c.hintDenial(err)
		c.lastHints(code)
	}
	c.Out.Flush()
	if ferr := out.Flush(); ferr != nil && code == 0 {
		code = 1
	}
	return code
}
