// Package command holds the commands of the momus program: one file a command, all listed in Table.
// A command gets everything it touches in an Env, so that tests run commands side by side in one
// process. Commands that serve end when their context does.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"momus/cmd/internal/tool"
	"momus/configs"
)

// Env is what a command may use of the world.
type Env struct {
	Args           []string // the program's name and its arguments
	Environ        []string // as os.Environ
	Stdout, Stderr io.Writer
	Version        string
	Commit         string // of the source; "" when the build did not know it
	// Exit ends the process at once; nil means os.Exit. It is used when a second signal asks to
	// stop.
	Exit func(code int)

	// Starters of the servers; nil means the real ones.
	NewBroker       NewBroker
	NewCoordination NewCoordination

	// dialect is the Docker image whose script this program was called as.
	dialect configs.Dialect
}

// Command is one entry of the table.
type Command struct {
	Name    string
	Aliases []string
	Args    string // the arguments in short, for usage
	Help    string // one line
	Hidden  bool   // not in the help: for scripts
	Run     func(ctx context.Context, e *Env, args []string) error
}

// Table lists the commands in the order in which help shows them.
func Table() []Command {
	return append([]Command{
		{Name: "quickstart", Args: "[--brokers N] [--dir DIR] [--port 9092] [--fresh] [--secure] [OPTION...]",
			Help: "start brokers and a coordination server in this process, to try things out", Run: runQuickstart},
		{Name: "broker", Args: "[FILE] [--override property=value]*",
			Help: "start a broker with a server.properties or YAML file, the environment, or both", Run: runBroker},
		{Name: "zookeeper", Args: "[FILE] [--dir DIR] [--port 2181]",
			Help: "start the coordination server alone", Run: runZooKeeper},
		{Name: "certs", Args: "ca|broker|client|check ...", Help: "make the certificates of a secured cluster, and check those of a broker", Run: runCerts},
		{Name: "config", Args: "[FILE] [--override property=value]* [--json] [--given]",
			Help: "print the configuration a broker would start with, and where each value comes from", Run: runConfig},
		{Name: "console", Args: "[--bootstrap-server HOST:PORT] [--zookeeper HOST:PORT] [--port 9400]",
			Help: "serve a page that shows any cluster, Apache Kafka's too, from outside", Run: runConsole},
		{Name: "why", Args: "TOPIC-PARTITION | --group G | --broker N | --transactional-id T | --topic T [--follow]",
			Help: "tell what happened to it, and because of what", Run: runWhy},
		{Name: "doctor", Args: "[--bootstrap-server HOST:PORT] [--zookeeper HOST:PORT] [--command-config FILE] [--json]",
			Help: "say what is wrong with a cluster, Apache Kafka's too, and how to cure it", Run: runDoctor},
		{Name: "tour", Args: "[--lang en|ko] [--brokers N] [--auto] [--list] [CHAPTER]...",
			Help: "learn to operate Kafka 2.x on a live cluster, step by step", Run: runTour},
		{Name: "healthcheck", Args: "[--url URL]", Help: "ask a running broker whether it serves; exit status 0 if it does", Run: runHealthcheck},
		{Name: "completion", Args: "bash|zsh|fish", Help: "print a script that completes options, topics, groups and configs in a shell", Run: runCompletion},
		{Name: "complete", Hidden: true, Args: "[--shell SHELL] [--breaks CHARS] -- WORD...", Help: "answer the scripts of momus completion", Run: runComplete},
		{Name: "version", Aliases: []string{"--version", "-v"}, Args: "[--json]", Help: "print the version, and which Kafka's place it takes", Run: runVersion},
		{Name: "help", Aliases: []string{"--help", "-h"}, Args: "[--tools]", Help: "print this; or the names of Kafka's tools", Run: runHelp},
	}, slices.Concat(startCommands(), toolCommands(), imageCommands())...)
}

// Exit is an error with the exit status that it stands for.
type Exit struct {
	Code int
	Err  error // nil when there is nothing to say
}

// Error is the error that led to the code, or the code itself.
func (e *Exit) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit status %d", e.Code)
	}
	return e.Err.Error()
}

// Unwrap gives the reason.
func (e *Exit) Unwrap() error { return e.Err }

// Main runs the command that e.Args select and returns the exit status. The first SIGINT, SIGTERM
// or SIGHUP stops it in an orderly way, the second at once.
func Main(e *Env) int {
	if e.Exit == nil {
		e.Exit = os.Exit
	}
	ctx, stop := withSignals(context.Background(), e)
	defer stop()
	return e.status(run(ctx, e))
}

// status prints what an error has to say and gives the exit code: 1, unless the command chose
// another.
func (e *Env) status(err error) int {
	if err == nil {
		return 0
	}
	code := 1
	var exit *Exit
	if errors.As(err, &exit) {
		code, err = exit.Code, exit.Err
	}
	if err != nil {
		fmt.Fprintln(e.Stderr, err)
	}
	return code
}

// run finds the command by the program's own name, so that links to it are tools, or by the first
// argument. A name that is none gets the nearest one as a suggestion.
func run(ctx context.Context, e *Env) error {
	name, args := "", e.Args
	if len(args) > 0 {
		// Scripts of images are told by their whole path, since the last part may be a command's
		// name.
		if script, ok := imageScript(args[0]); ok {
			return script(ctx, e, args[1:])
		}
		name, args = strings.TrimSuffix(filepath.Base(args[0]), ".exe"), args[1:]
	}
	if c, ok := find(name); ok {
		return c.Run(ctx, e, args)
	}
	if len(args) == 0 {
		printHelp(e.Stderr)
		return &Exit{Code: 1}
	}
	c, ok := find(args[0])
	if !ok {
		text := fmt.Sprintf("momus: there is no command %q", args[0])
		var names []string
		for _, c := range Table() {
			names = append(names, c.Name)
		}
		if near := nearest(args[0], names); near != "" {
			text += "; did you mean " + near + "?"
		}
		return fmt.Errorf("%s\nmomus help lists the commands", text)
	}
	return c.Run(ctx, e, args[1:])
}

// find looks a command up by its name or one of its aliases.
func find(name string) (Command, bool) {
	for _, c := range Table() {
		if c.Name == name || slices.Contains(c.Aliases, name) {
			return c, true
		}
	}
	return Command{}, false
}

// nearest is the one of names that a word was probably meant to be, "" for none.
func nearest(word string, names []string) string {
	return tool.Nearest(word, names, min(3, len(word)-1))
}

// signalGap is how soon a signal can follow another and still be the same wish: timeout(1) and
// terminals send one to the process and to its group.
const signalGap = 400 * time.Millisecond

// withSignals cancels the context at the first signal and ends the process at the second.
func withSignals(parent context.Context, e *Env) (context.Context, func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 4) // two to stop, sent twice each
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	done := make(chan struct{})
	finished := make(chan struct{})
	go func() { // ended by stop
		defer close(finished)
		var first time.Time
		for {
			select {
			case <-signals:
			case <-done:
				return
			}
			switch {
			case first.IsZero():
				first = time.Now()
				cancel()
			case time.Since(first) > signalGap:
				fmt.Fprintln(e.Stderr, "stopped at once; the next start has to check the logs")
				// 130 is a shell's exit status for SIGINT.
				e.Exit(130)
				return // in tests
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		<-finished
		cancel()
	}
}

// parse reads flags, which may stand before, between and after the other arguments. An unknown
// option and a misuse have the text of Kafka's tools.
func parse(e *Env, c string, flags *pflag.FlagSet, args []string) error {
	flags.SetOutput(io.Discard)
	flags.SortFlags = false
	err := flags.Parse(args)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		fmt.Fprint(e.Stdout, usage(c, flags))
		return &Exit{Code: 0}
	case err != nil:
		text := err.Error()
		if name, ok := strings.CutPrefix(text, "unknown flag: --"); ok {
			text = name + " is not a recognized option"
			var names []string
			flags.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
			if near := nearest(name, names); near != "" {
				text += "; did you mean --" + near + "?"
			}
		}
		return fmt.Errorf("%s\n%s", text, strings.TrimRight(usage(c, flags), "\n"))
	}
	return nil
}

// usage is the usage line of a command, and its flags.
func usage(name string, flags *pflag.FlagSet) string {
	c, _ := find(name)
	s := strings.TrimRight("USAGE: momus "+c.Name+" "+c.Args, " ") + "\n"
	if flags != nil && flags.HasFlags() {
		s += flags.FlagUsages()
	}
	return s
}

// runHelp prints the list of commands; with --tools only the names for which an installation makes
// links.
func runHelp(_ context.Context, e *Env, args []string) error {
	if slices.Contains(args, "--tools") { // the names that make install links
		for _, s := range startScripts() {
			fmt.Fprintln(e.Stdout, s.name)
		}
		for _, t := range tool.Tools() {
			fmt.Fprintln(e.Stdout, t.Name)
		}
		return nil
	}
	printHelp(e.Stdout)
	return nil
}

// printHelp lists the commands that are for people.
func printHelp(w io.Writer) {
	fmt.Fprintln(w, "momus is a broker for Apache Kafka 2.5's clients and tools.")
	fmt.Fprintln(w)
	for _, c := range Table() {
		if c.Hidden {
			continue
		}
		fmt.Fprintf(w, "  momus %-18s %s\n", c.Name, c.Help)
	}
	fmt.Fprintln(w)
	fmt.Fprintln(w, "momus COMMAND --help shows a command's options. Begin with: momus quickstart")
}
