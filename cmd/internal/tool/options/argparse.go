package options

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Argparse are the options of the tools that use Java's argparse4j: long names may be cut short
// while they stay unique, the last value of an option wins, and a word that belongs to no option is
// an error.
type Argparse struct {
	Name   string
	Usage  string // what is printed first, as recorded
	List   []*Argument
	Groups [][]string // of each exactly one is required
}

// Argument is one option of such a tool, and what the command line had for it.
type Argument struct {
	Name     string // with dashes
	Flag     bool
	Many     bool     // takes all words up to the next option
	Number   string   // Integer or Long: what Java would convert to
	Choices  []string // valid values, nil for all
	Required bool
	Help     string

	Seen   bool
	Values []string
}

// Find gives the option of a name, with its dashes; nil when the tool has none.
func (a *Argparse) Find(name string) *Argument {
	for _, x := range a.List {
		if x.Name == name {
			return x
		}
	}
	return nil
}

// Get gives the last value of an option, "" when there is none.
func (a *Argparse) Get(name string) string {
	x := a.Find(name)
	if len(x.Values) == 0 {
		return ""
	}
	return x.Values[len(x.Values)-1]
}

// Int gives a number that parse has checked.
func (a *Argparse) Int(name string) int64 {
	n, _ := strconv.ParseInt(a.Get(name), 10, 64)
	return n
}

// HelpText is the usage and the table of options.
func (a *Argparse) HelpText() string {
	var b strings.Builder
	b.WriteString(a.Usage + "\n")
	for _, x := range a.List {
		fmt.Fprintf(&b, "  %-28s %s\n", x.Name, x.Help)
	}
	return b.String()
}

// lookup finds an option by its name or a unique beginning of it.
func (a *Argparse) lookup(word string) (*Argument, string) {
	if x := a.Find(word); x != nil {
		return x, ""
	}
	var found []*Argument
	var names []string
	for _, x := range a.List {
		if strings.HasPrefix(x.Name, word) {
			found = append(found, x)
			names = append(names, x.Name)
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

// Read gives the text of a mistake, or help.
func (a *Argparse) Read(args []string) string {
	for i := 0; i < len(args); i++ {
		word := args[i]
		if word == "-h" || word == "--help" {
			return "help"
		}
		name, value, has := strings.Cut(word, "=")
		var x *Argument
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
		for _, g := range a.Groups {
			for _, other := range g {
				if slices.Contains(g, x.Name) && other != x.Name && a.Find(other).Seen {
					return "argument " + x.Name + ": not allowed with argument " + other
				}
			}
		}
		x.Seen = true
		switch {
		case x.Flag:
			continue
		case has:
			x.Values = append(x.Values, value)
		case x.Many:
			x.Values = nil
			for i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
				i++
				x.Values = append(x.Values, args[i])
			}
		case i+1 < len(args) && (!strings.HasPrefix(args[i+1], "--") && !isOptionWord(args[i+1])):
			i++
			x.Values = append(x.Values, args[i])
		}
		if len(x.Values) == 0 {
			return "argument " + x.Name + ": expected one argument"
		}
		if v := a.Get(x.Name); x.Number != "" {
			bits := map[string]int{"Integer": 32, "Long": 64}[x.Number]
			if _, err := strconv.ParseInt(v, 10, bits); err != nil {
				return fmt.Sprintf("argument %s: could not convert '%s' to %s (For input string: \"%s\")", x.Name, v, x.Number, v)
			}
		}
		if v := a.Get(x.Name); x.Choices != nil && !slices.Contains(x.Choices, v) {
			return fmt.Sprintf("argument %s: invalid choice: '%s' (choose from {%s})", x.Name, v, strings.Join(x.Choices, ","))
		}
	}
	for _, x := range a.List {
		if x.Required && !x.Seen {
			return "argument " + x.Name + " is required"
		}
	}
	for _, g := range a.Groups {
		if !slices.ContainsFunc(g, func(n string) bool { return a.Find(n).Seen }) {
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
