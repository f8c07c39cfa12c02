package core

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"

	"momus/cmd/internal/tool/options"
)

// Hint keeps a hint for the end, after Kafka's own text. It stands on standard error, where Kafka's
// tools have stack traces or a table of options that nobody compares.
func (c *Call) Hint(format string, a ...any) { c.Hints = append(c.Hints, fmt.Sprintf(format, a...)) }

// HintPerson is hint for errors whose text on standard error is known to the byte: only a terminal
// gets it.
func (c *Call) HintPerson(format string, a ...any) {
	if c.Terminal.Err {
		c.Hint(format, a...)
	}
}

// Troubleshooter is what knows why a client of the tool got nowhere.
type Troubleshooter interface {
	// Hints says what is wrong, for a person; it may look for itself, for a second or so.
	Hints() []string
}

// denials is what knows how a right is given that was lacking.
type denials interface {
	// Denied gives the command for it, "" when err is of another kind.
	Denied(err error) string
}

// hintDenial explains to a person that a right was lacking.
func (c *Call) hintDenial(err error) {
	if c.Failure != nil {
		err = c.Failure
	}
	for _, w := range c.Watchers {
		d, ok := w.(denials)
		if !ok || err == nil {
			continue
		}
		if text := d.Denied(err); text != "" {
			c.HintPerson("%s", text)
			return
		}
	}
}

// lastHints says what is left to say when a tool has failed.
func (c *Call) lastHints(code int) {
	if code == 0 && !c.Troubled {
		return
	}
	for _, w := range c.Watchers {
		c.Hints = append(c.Hints, w.Hints()...)
	}
	c.GiveHints(c.Hints)
}

// GiveHints prints hints now, each one once in a run. Goroutines of clients may call it.
func (c *Call) GiveHints(hints []string) {
	for _, h := range hints {
		c.said.Lock()
		seen := c.said.hints[h]
		if c.said.hints == nil {
			c.said.hints = map[string]bool{}
		}
		c.said.hints[h] = true
		c.said.Unlock()
		if !seen {
			c.Errorf("hint: %s\n", h)
		}
	}
}

// MissingTopic is a hint for a person who reads or writes a topic that is not there, which the
// clients wait for.
func (c *Call) MissingTopic(topic string) []string {
	if !c.Terminal.Err {
		return nil
	}
	return []string{fmt.Sprintf("topic %s does not exist, and the brokers do not create topics (auto.create.topics.enable); kafka-topics --create makes it, --list shows the others", topic)}
}

// Meant is the candidate that a word was probably meant to be, "" for none.
func Meant(word string, candidates []string) string {
	return Nearest(word, candidates, max(2, len(word)/3))
}

// Nearest is the candidate that a word becomes with the fewest edits, the first of several; "" if
// each needs more than most.
func Nearest(word string, candidates []string, most int) string {
	best, distance := "", most+1
	for _, s := range candidates {
		if d := levenshtein.ComputeDistance(word, s); d < distance {
			best, distance = s, d
		}
	}
	return best
}

// hintMisuse explains what stands above a table of options: options that are missing, or a mistake
// of the parser.
func (c *Call) hintMisuse(err *options.UsageError) {
	if err.Option != nil {
		c.hintOption(err.Option)
		return
	}
	if c.Options == nil || !strings.HasPrefix(err.Text, "Missing required ") {
		return
	}
	for _, p := range c.Options.List {
		if strings.Contains(err.Text, "["+p.Name+"]") {
			c.Hint("add %s: %s", p.Head(), p.Help)
		}
	}
}

// hintOption explains a mistake that the parser of options found.
func (c *Call) hintOption(err *options.ParseError) {
	if c.Options == nil {
		return
	}
	hint := c.Hint
	if c.Exact || err.Class == options.ConversionError { // the parser's text is all that is on standard error
		hint = c.HintPerson
	}
	if name, ok := strings.CutSuffix(err.Text, " is not a recognized option"); ok {
		var names []string
		for _, p := range c.Options.List {
			names = append(names, p.Name)
		}
		word := strings.TrimLeft(c.wordOf(name), "-")
		if old := formerly(word, names); old != "" {
			hint("%s", old)
		} else if near := Meant(word, names); near != "" {
			hint("did you mean --%s?", near)
		} else {
			hint("--help lists the options")
		}
		return
	}
	for _, p := range c.Options.List {
		if p.Arg != "" && (strings.HasSuffix(err.Text, " of option "+p.Name) || strings.HasPrefix(err.Text, "Option "+p.Name+" ")) {
			hint("%s: %s", p.Head(), p.Help)
		}
	}
}

// formerly says what takes the place of an option that the tool of another version of Kafka has; ""
// of any other.
func formerly(word string, names []string) string {
	has := func(name string) bool { return slices.Contains(names, name) }
	switch {
	case word == "zookeeper" && has("bootstrap-server"):
		return "since Kafka 2.0 this tool asks the brokers instead of ZooKeeper: --bootstrap-server HOST:9092"
	case word == "new-consumer":
		return "leave --new-consumer out: since Kafka 2.0 there is no other"
	case word == "broker-list" && has("bootstrap-server"):
		return "this tool calls it --bootstrap-server"
	case word == "bootstrap-server" && has("broker-list"):
		return "this tool calls it --broker-list"
	}
	return ""
}

// wordOf is the word that the parser stopped at; of a word with one dash it names only the first
// letter.
func (c *Call) wordOf(name string) string {
	for _, w := range c.Args {
		w, _, _ = strings.Cut(w, "=")
		if strings.TrimLeft(w, "-") == name || len(name) == 1 && strings.HasPrefix(w, "-"+name) {
			return w
		}
	}
	return name
}

// ConfigOption is how the tool is given a property file.
func (c *Call) ConfigOption() string {
	for _, name := range []string{"command-config", "admin.config", "producer.config", "consumer.config"} {
		if c.Options != nil && c.Options.ByName[name] != nil {
			return "the file of --" + name
		}
	}
	return "the client's properties"
}
