// Package manual makes manual pages of the program's commands and tools out of the tables that their
// help and completion come from, and one of the configuration's keys: as roff for man(1), as
// Markdown for the site. Nothing of it is in the program.
package manual

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"momus/cmd/internal/command"
	"momus/cmd/internal/tool"
	"momus/configs"
)

// Page is a manual page.
type Page struct {
	Name     string // as man(1) is asked for it, such as momus-quickstart
	Section  int    // 1 for commands, 5 for files
	Help     string // one line
	Synopsis []string
	Parts    []Part
	SeeAlso  []string // such as momus(1)
}

// Part is a chapter of a page: paragraphs, then items.
type Part struct {
	Title string
	Text  []string
	Items []Item
}

// Item is an option, a command or a key, and what there is to say of it.
type Item struct {
	Term string
	Text []string
}

// Pages are those of momus, of each of its commands, of Kafka's tools, and of the keys of the
// configuration.
func Pages() []Page {
	pages := []Page{overview()}
	tools := map[string]tool.Tool{}
	for _, t := range tool.Tools() {
		tools[t.Name] = t
	}
	for _, c := range command.Table() {
		full := c.Name
		if i := slices.IndexFunc(c.Aliases, func(a string) bool { _, ok := tools[a]; return ok }); i >= 0 {
			full = c.Aliases[i]
		}
		t, isTool := tools[full]
		switch {
		case c.Hidden || c.Name == "help":
		case isTool:
			pages = append(pages, toolPage(c, t))
		case c.Run != nil && slices.ContainsFunc(c.Aliases, func(a string) bool { return strings.HasSuffix(a, ".sh") }):
			pages = append(pages, scriptPage(c))
		default:
			pages = append(pages, commandPage(c))
		}
	}
	return append(pages, keysPage())
}

// overview is momus(1): what the program is, its commands, exit codes and signals.
func overview() Page {
	p := Page{Name: "momus", Section: 1, Help: "a broker for Apache Kafka 2.5's clients and tools",
		Synopsis: []string{"momus COMMAND [ARGUMENT...]", "kafka-TOOL.sh [OPTION...]"},
		SeeAlso:  []string{"momus-configuration(5)", "momus-quickstart(1)", "momus-broker(1)"}}
	about := Part{Title: "DESCRIPTION", Text: []string{
		"momus takes the place of an Apache Kafka 2.5 broker: the same protocol, the same ZooKeeper nodes, the same files on disk. " +
			"Clients, command-line tools and configuration files stay as they are.",
		"A command of it is named by the first argument, or by the name under which the program is called: a link kafka-topics.sh to momus is Kafka's tool of that name.",
	}}
	commands := Part{Title: "COMMANDS"}
	for _, c := range command.Table() {
		if !c.Hidden {
			commands.Items = append(commands.Items, Item{Term: "momus " + c.Name, Text: []string{c.Help + "."}})
		}
	}
	p.Parts = []Part{about, commands, {Title: "EXIT STATUS", Text: []string{
		"0 after an orderly end; 1 when something was wrong, which is said on the standard error; 130 when a second signal ended it at once. Kafka's tools have Kafka's."}},
		{Title: "SIGNALS", Text: []string{"SIGTERM, SIGINT and SIGHUP stop brokers in an orderly way: leaderships are handed over first. A second signal ends the process at once."}}}
	return p
}

// commandPage reads the options of a command of our own out of its usage text, which pflag makes.
func commandPage(c command.Command) Page {
	p := Page{Name: "momus-" + c.Name, Section: 1, Help: c.Help, Synopsis: []string{strings.TrimSpace("momus " + c.Name + " " + c.Args)},
		Parts: []Part{{Title: "DESCRIPTION", Text: []string{sentence(c.Help)}}}, SeeAlso: []string{"momus(1)", "momus-configuration(5)"}}
	options, rest := Part{Title: "OPTIONS"}, Part{Title: "USAGE"}
	for line := range strings.SplitSeq(Usage(c), "\n") {
		term, help, ok := strings.Cut(strings.TrimSpace(line), "   ")
		switch {
		case strings.HasPrefix(line, "USAGE:"), strings.TrimSpace(line) == "":
		case ok && strings.HasPrefix(term, "-"):
			options.Items = append(options.Items, Item{Term: optionTerm(term), Text: []string{sentence(strings.TrimSpace(help))}})
		case strings.HasPrefix(strings.TrimSpace(line), "momus "):
			rest.Items = append(rest.Items, Item{Term: strings.TrimSpace(line)})
		case len(rest.Items) > 0 && strings.HasPrefix(line, "      "):
			last := &rest.Items[len(rest.Items)-1]
			last.Text = append(last.Text, sentence(strings.TrimSpace(line)))
		default:
			rest.Text = append(rest.Text, sentence(strings.TrimSpace(line)))
		}
	}
	for _, part := range []Part{rest, options} {
		if len(part.Items)+len(part.Text) > 0 {
			p.Parts = append(p.Parts, part)
		}
	}
	return p
}

// optionTerm is an option as people write it, from how pflag does: --dir string is --dir TEXT.
func optionTerm(s string) string {
	name, kind, ok := strings.Cut(s, " ")
	if !ok {
		return strings.TrimSuffix(name, "[=true|false]")
	}
	words := map[string]string{"string": "TEXT", "stringArray": "TEXT", "strings": "TEXT,...", "int": "N", "int32": "N", "duration": "TIME"}
	if word, ok := words[kind]; ok {
		kind = word
	}
	return name + " " + kind
}

// Usage is what a command prints when it is asked for help.
func Usage(c command.Command) string {
	var out bytes.Buffer
	if err := c.Run(context.Background(), &command.Env{Args: []string{"momus"}, Stdout: &out, Stderr: io.Discard}, []string{"--help"}); err != nil {
		if exit, ok := err.(*command.Exit); !ok || exit.Err != nil {
			fmt.Fprintln(&out, err)
		}
	}
	return out.String()
}

// scriptPage is the page of a start script, kafka-server-start or zookeeper-server-start, under the
// name that Kafka gives it.
func scriptPage(c command.Command) Page {
	name := strings.TrimSuffix(c.Name, ".sh")
	for _, a := range c.Aliases {
		if strings.HasPrefix(a, "kafka-") && !strings.HasSuffix(a, ".sh") {
			name = a
		}
	}
	return Page{Name: name, Section: 1, Help: c.Help, Synopsis: []string{name + ".sh " + c.Args},
		Parts:   []Part{{Title: "DESCRIPTION", Text: []string{sentence(c.Help), "-daemon starts it in the background, with its output in LOG_DIR."}}},
		SeeAlso: []string{"momus(1)", "momus-broker(1)", "momus-zookeeper(1)"}}
}

// toolPage is the page of a tool. Its options are read from the table that the tool itself parses
// with, so that the page cannot fall behind.
func toolPage(c command.Command, t tool.Tool) Page {
	p := Page{Name: t.Name, Section: 1, Help: t.Help, Synopsis: []string{t.Name + ".sh [OPTION...]", "momus " + c.Name + " [OPTION...]"},
		SeeAlso: []string{"momus(1)", "momus-completion(1)"}}
	text := []string{sentence(t.Help), "It has the options, the output and the exit codes of the tool of this name in Apache Kafka 2.5.0, without a JVM, and works with Apache Kafka too."}
	if t.Class != "" {
		text = append(text, "For kafka-run-class.sh it is "+t.Class+".")
	}
	p.Parts = []Part{{Title: "DESCRIPTION", Text: text}}
	if t.Options == nil {
		return p
	}
	options := Part{Title: "OPTIONS"}
	for _, o := range t.Options().Infos() {
		term, help := "--"+o.Name, o.Help
		value := o.Arg
		if value == "" {
			value = "VALUE"
		}
		if len(o.Choices) > 0 {
			value = strings.Join(o.Choices, "|")
		}
		switch {
		case !o.Value:
		case o.Optional:
			term += " [" + value + "]"
		case o.Many:
			term += " " + value + "..."
		default:
			term += " " + value
		}
		if o.Fallback != "" {
			help += " (default " + o.Fallback + ")"
		}
		options.Items = append(options.Items, Item{Term: term, Text: []string{sentence(help)}})
	}
	p.Parts = append(p.Parts, options)
	return p
}

// keysPage is momus-configuration(5): all keys of brokers, of topics and of momus itself, each with
// the facts of the tables in package configs.
func keysPage() Page {
	p := Page{Name: "momus-configuration", Section: 5, Help: "the keys of server.properties", Synopsis: []string{"/etc/momus/server.properties"},
		SeeAlso: []string{"momus(1)", "momus-broker(1)", "momus-config(1)"}}
	p.Parts = []Part{{Title: "DESCRIPTION", Text: []string{
		"The file that momus broker reads is that of Apache Kafka 2.5, as Java reads a properties file; a name that ends in .yaml or .yml is read as YAML. " +
			"Variables of the environment win over the file, --override wins over both, and what was set in ZooKeeper with kafka-configs.sh over all. " +
			"momus config FILE prints the result, and where each value comes from."}}}
	keys := func(title string, all []configs.Key, topic bool) {
		part := Part{Title: title}
		for i := range all {
			part.Items = append(part.Items, Item{Term: all[i].Name, Text: []string{all[i].Doc, Facts(&all[i], topic)}})
		}
		p.Parts = append(p.Parts, part)
	}
	keys("KEYS OF BROKERS", configs.BrokerKeys(), false)
	keys("KEYS OF TOPICS", configs.TopicKeys(), true)
	own := Part{Title: "KEYS OF MOMUS ITSELF"}
	for _, k := range configs.OwnKeys() {
		facts := "Valid: " + k.Valid + "."
		if k.Default != "" {
			facts = "Default: " + k.Default + ". " + facts
		}
		own.Items = append(own.Items, Item{Term: k.Name, Text: []string{k.Doc, facts}})
	}
	p.Parts = append(p.Parts, own)
	return p
}

// Facts are type, default, valid values and the way of change of a key, in a line.
func Facts(k *configs.Key, topic bool) string {
	facts := []string{strings.ToLower(k.Type.String())}
	switch {
	case k.ServerKey != "":
		facts = append(facts, "default: that of "+k.ServerKey)
	case k.Required:
		facts = append(facts, "required")
	case k.HasDefault && k.Default == "":
		facts = append(facts, "default: empty")
	case k.HasDefault:
		facts = append(facts, "default: "+k.Default)
	}
	if k.Valid != nil {
		facts = append(facts, "valid: "+k.Valid.String())
	}
	switch {
	case topic:
	case k.DynamicOnly:
		facts = append(facts, "only as a dynamic config")
	case k.Update == configs.PerBroker:
		facts = append(facts, "may change at run time, for one broker")
	case k.Update == configs.ClusterWide:
		facts = append(facts, "may change at run time, for one broker or all")
	}
	if k.NoEffect {
		facts = append(facts, "without effect in momus")
	}
	return strings.Join(facts, "; ") + "."
}

// sentence begins with a capital, unless it begins with a name, and ends with a stop.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return s
	}
	if first, _, _ := strings.Cut(s, " "); strings.ToLower(first) == first && !strings.ContainsAny(first, "=._-/") {
		s = strings.ToUpper(s[:1]) + s[1:]
	}
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}
