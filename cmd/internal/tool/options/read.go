package options

import (
	"fmt"
	"strings"
)

// Read makes the options of a tool from the table that its usage shows, a line an option: its name,
// its value in <> or, when the value may be missing, in [], two blanks or more, and what it does,
// with the default at the end:
//
//	--list                list the topics
//	--topic <NAME>        the topic
//	--timeout <MS>        time limit of each request (default: 5000)
//	--codec [CODEC]       the codec; gzip without a value
//
// purpose is what --help says first. A line of another form is a mistake of the program.
func Read(purpose, table string) *Options {
	o := &Options{Purpose: purpose, ByName: map[string]*Option{}}
	for line := range strings.Lines(table) {
		if line = strings.TrimSpace(line); line != "" {
			o.add(readOption(line))
		}
	}
	return o
}

// readOption reads a line of a table; a panic names the line that cannot be read.
func readOption(line string) *Option {
	head, help, found := strings.Cut(line, "  ")
	name, arg, _ := strings.Cut(head, " ")
	name, dashes := strings.CutPrefix(name, "--")
	if !found || !dashes || name == "" {
		panic(fmt.Sprintf("not an option: %q", line))
	}
	p := &Option{Name: name, Help: strings.TrimSpace(help)}
	if arg != "" {
		last := len(arg) - 1
		if ends := arg[:1] + arg[last:]; last < 2 || ends != "<>" && ends != "[]" {
			panic(fmt.Sprintf("not a value: %q", line))
		}
		p.Arg, p.Optional = arg[1:last], arg[0] == '['
	}
	if text, ok := strings.CutSuffix(p.Help, ")"); ok {
		if i := strings.LastIndex(text, " (default: "); i >= 0 {
			p.Help, p.Fallback = text[:i], text[i+len(" (default: "):]
		}
	}
	return p
}

// add declares an option; the usage table sorts them, completion has them in this order.
func (o *Options) add(p *Option) {
	o.List = append(o.List, p)
	o.ByName[p.Name] = p
}

// Standard adds --help and --version.
func (o *Options) Standard() *Options {
	o.add(&Option{Name: "help", Help: "print this"})
	o.add(&Option{Name: "version", Help: "print the version of Kafka whose tools these are"})
	return o
}

// JSON adds --json, which Kafka's tools do not have.
func (o *Options) JSON() *Options {
	o.add(&Option{Name: "json", Help: "print a JSON document; with actions that only look"})
	return o
}

// Numeric says of options whose value may be missing that the word behind them is their value also
// when it begins with a minus, if it is a number.
func (o *Options) Numeric(names ...string) *Options {
	for _, n := range names {
		o.ByName[n].Numeric = true
	}
	return o
}
