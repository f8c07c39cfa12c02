// Package core is what a tool is and what each of them stands on: its entry in the registry (Tool),
// the world it may touch (Env), and one run of it (Call), with standard output, log lines in
// Kafka's form, exit codes and the hints that follow an error.
//
// It knows no broker and no option of any tool; connections are package clients, options package
// options. A Call belongs to the goroutine that runs the tool; only its Errorf, Log and GiveHints
// may be called by the goroutines of clients as well.
package core

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"momus/cmd/internal/tool/java"
	"momus/cmd/internal/tool/options"
	"momus/cmd/internal/tool/screen"
)

// Call is one run of a tool. Standard output is buffered: it is flushed before anything is written
// to standard error, so that the two are in order on a terminal.
type Call struct {
	*Env
	Out      *screen.Output
	document *screen.Output // standard output itself, while --json sends the rest elsewhere
	Terminal screen.Terminal
	Options  *options.Options // those in use, for the usage text; nil before they are known

	Hints    []string         // for a person, printed at the end
	Exact    bool             // what is on standard error after a mistake in the options is known to the byte
	Troubled bool             // the tool failed, whatever its exit code
	Failure  error            // what the tool failed of and said itself
	Watchers []Troubleshooter // of the tool's clients
	said     struct {
		sync.Mutex
		hints map[string]bool // printed already
	}
}

// Println writes to standard output, which is buffered.
func (c *Call) Println(a ...any) { fmt.Fprintln(c.Out, a...) }

// Printf writes to standard output, which is buffered.
func (c *Call) Printf(format string, a ...any) { fmt.Fprintf(c.Out, format, a...) }

// Errorf writes to standard error as it is.
func (c *Call) Errorf(format string, a ...any) {
	c.Out.Flush()
	fmt.Fprintf(c.Stderr, format, a...)
}

// Log writes a line as Kafka's log4j configuration of the tools does; nothing below WARN is shown.
func (c *Call) Log(level, class, format string, a ...any) {
	c.Errorf("[%s] %s %s (%s)\n", LogTime(time.Now()), level, fmt.Sprintf(format, a...), class)
}

// Exit is an error that ends the tool with a code; all there is to say was said.
type Exit int

// Error is never printed: all there is to say was said.
func (e Exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// report writes what is left to say about err and gives the exit code.
func (c *Call) report(err error) int {
	var (
		code   Exit
		misuse *options.UsageError
		option *options.ParseError
	)
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &misuse):
		c.Errorf("%s\n", misuse.Text)
		if c.Options != nil {
			c.Errorf("%s", c.Options.Usage())
		}
		c.hintMisuse(misuse)
		return 1
	}
	c.Errorf("%s\n", java.Describe(err))
	if errors.As(err, &option) {
		c.hintOption(option)
	}
	return 1
}

// LogTime is a time as log4j writes it, in the local zone.
func LogTime(t time.Time) string { return t.Format("2006-01-02 15:04:05,000") }
