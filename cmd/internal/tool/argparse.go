package tool

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// argparse are the options of the tools that use Java's argparse4j: long names may be cut short while they stay unique, the last
// value of an option wins, and a word that belongs to no option is an error.
type argparse struct {
	name   string
	usage  string // what is printed first, as recorded
	list   []*argument
	groups [][]string // of each exactly one is required
}

type argument struct {
	name     string // with dashes
	flag     bool
	many     bool     // takes all words up to the next option
	number   string   // Integer or Long: what Java would convert to
	choices  []string // valid values, nil for all
	required bool
	help     string

	seen   bool
	values []string
}

func (a *argparse) find(name string) *argument {
	for _, x := range a.list {
		if x.name == name {
			return x
		}
	}
	return nil
}

func (a *argparse) get(name string) string {
	x := a.find(name)
	if len(x.values) == 0 {
		return ""
	}
	return x.values[len(x.values)-1]
}

// int gives a number that parse has checked.
func (a *argparse) int(name string) int64 {
	n, _ := strconv.ParseInt(a.get(name), 10, 64)
	return n
}

func (a *argparse) helpText() string {
	var b strings.Builder
	b.WriteString(a.usage + "\n")
	for _, x := range a.list {
		fmt.Fprintf(&b, "  %-28s %s\n", x.name, x.help)
	}
	return b.String()
}

// lookup finds an option by its name or a unique beginning of it.
func (a *argparse) lookup(word string) (*argument, string) {
	if x := a.find(word); x != nil {
		return x, ""
	}
	var found []*argument
	var names []string
	for _, x := range a.list {
		if strings.HasPrefix(x.name, word) {
			found = append(found, x)
			names = append(names, x.name)
		}
	}
	switch len(found) {
	case 0:
		return nil, ""
	case 1:
		return found[0], ""
	}
	slices.Sort(names)
	return nil, fmt.Sprintf("ambiguous option: %s could match %s", word, strings.Join(names, ", "))
}

// beginArguments reads the words of a call; an exit means that everything was said.
func (c *call) beginArguments(a *argparse) error {
	if len(c.Args) == 0 {
		c.printf("%s", a.helpText())
		return exit(0)
	}
	if text := a.read(c.Args); text != "" {
		if text == "help" {
			c.printf("%s", a.helpText())
			return exit(1)
		}
		c.errorf("%s%s: error: %s\n", a.usage, a.name, text)
		return exit(1)
	}
	return nil
}

// read gives the text of a mistake, or help.
func (a *argparse) read(args []string) string {
	for i := 0; i < len(args); i++ {
		word := args[i]
		if word == "-h" || word == "--help" {
			return "help"
		}
		name, value, has := strings.Cut(word, "=")
		var x *argument
		if strings.HasPrefix(word, "--") {
			var text string
			if x, text = a.lookup(name); text != "" {
				return text
			}
		}
		if x == nil {
			rest := args[i:] // a stray word takes the rest with it
			if strings.HasPrefix(word, "-") {
				rest = rest[:1]
			}
			return "unrecognized arguments: '" + strings.Join(rest, " ") + "'"
		}
		for _, g := range a.groups {
			for _, other := range g {
				if slices.Contains(g, x.name) && other != x.name && a.find(other).seen {
					return "argument " + x.name + ": not allowed with argument " + other
				}
			}
		}
		x.seen = true
		switch {
		case x.flag:
			continue
		case has:
			x.values = append(x.values, value)
		case x.many:
			x.values = nil
			for i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
				i++
				x.values = append(x.values, args[i])
			}
		case i+1 < len(args) && (!strings.HasPrefix(args[i+1], "--") && !isOptionWord(args[i+1])):
			i++
			x.values = append(x.values, args[i])
		}
		if len(x.values) == 0 {
			return "argument " + x.name + ": expected one argument"
		}
		if v := a.get(x.name); x.choices != nil && !slices.Contains(x.choices, v) {
			return fmt.Sprintf("argument %s: invalid choice: '%s' (choose from {%s})", x.name, v, strings.Join(x.choices, ","))
		}
		if v := a.get(x.name); x.number != "" {
			bits := map[string]int{"Integer": 32, "Long": 64}[x.number]
			if _, err := strconv.ParseInt(v, 10, bits); err != nil {
				return fmt.Sprintf("argument %s: could not convert '%s' to %s (For input string: \"%s\")", x.name, v, x.number, v)
			}
		}
	}
	for _, x := range a.list {
		if x.required && !x.seen {
			return "argument " + x.name + " is required"
		}
	}
	for _, g := range a.groups {
		if !slices.ContainsFunc(g, func(n string) bool { return a.find(n).seen }) {
			return "one of the arguments " + strings.Join(g, " ") + " is required"
		}
	}
	return ""
}

// isOptionWord tells a word with one dash that is not a negative number.
func isOptionWord(w string) bool {
	if !strings.HasPrefix(w, "-") {
		return false
	}
	_, err := strconv.ParseFloat(w, 64)
	return err != nil
}
