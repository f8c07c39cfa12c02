// Package options reads command lines as the two libraries do that Kafka 2.5's tools use:
// joptsimple (Options) and argparse4j (Argparse), with their error texts, and prints tables of
// options. It writes nothing and ends nothing: mistakes are errors.
package options

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Options are the declared options of a tool and the values of one command line, in the manner of
// Java's joptsimple, which most of Kafka's tools use: --name value and --name=value, one dash as
// good as two, no abbreviations, words that are not options ignored.
type Options struct {
	Purpose string
	List    []*Option
	ByName  map[string]*Option
	Empty   bool     // no words at all
	Order   []string // the names of the options as they were given

	nothing    string               // said of a call without words; "" for the purpose
	wordless   bool                 // a call without words is one like any other
	usage      bool                 // the parser's mistakes are shown with the usage table
	conditions func(*Options) error // part of parsing; nil for none
	required   []string
	check      func(*Options) error // nil for none
}

// Option is one option of a tool, and what the command line had for it.
type Option struct {
	Name     string
	Arg      string // the name of its value; "" for none
	Optional bool   // the value may be missing
	Numeric  bool   // an optional value may begin with a minus
	Help     string
	Fallback string // the default, for the usage text

	seen   bool
	values []string
}

// ParseError is a mistake in the command line that the parser found.
type ParseError struct{ Class, Text string }

// ConversionError is the class of the mistake that a value is not of the option's type, which is
// found when the value is read.
const ConversionError = "joptsimple.OptionArgumentConversionException"

// Error is Throwable.getMessage.
func (e *ParseError) Error() string { return e.Text }

// ToString is Throwable.toString.
func (e *ParseError) ToString() string { return e.Class + ": " + e.Text }

// JSONOnlyWith refuses --json with actions other than these.
func (o *Options) JSONOnlyWith(actions ...string) error {
	if o.Has("json") && !o.Any(actions...) {
		return Misuse("Option [json] takes one of these options: [%s]", strings.Join(actions, "], ["))
	}
	return nil
}

// Parse reads the words; its errors are of type *ParseError.
func (o *Options) Parse(args []string) error {
	o.Empty = len(args) == 0
	for i := 0; i < len(args); i++ {
		word := args[i]
		if word == "--" {
			return nil
		}
		if len(word) < 2 || word[0] != '-' {
			continue
		}
		name, given, hasValue := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(word, "-"), "-"), "=")
		p := o.ByName[name]
		if p == nil {
			if !strings.HasPrefix(word, "--") && name != "" { // read as a cluster of options of one letter
				name = name[:1]
			}
			return &ParseError{"joptsimple.UnrecognizedOptionException", name + " is not a recognized option"}
		}
		p.seen = true
		o.Order = append(o.Order, name)
		switch {
		case p.Arg == "":
			if hasValue {
				return &ParseError{"joptsimple.OptionArgumentNotAllowedException", "Option " + name + " does not accept an argument"}
			}
		case hasValue:
			p.values = append(p.values, given)
		case i+1 < len(args) && !p.Optional:
			i++
			p.values = append(p.values, args[i])
		case i+1 < len(args) && !o.looksLikeOption(p, args[i+1]):
			i++
			p.values = append(p.values, args[i])
		case !p.Optional:
			return &ParseError{"joptsimple.OptionMissingRequiredArgumentException", "Option " + name + " requires an argument"}
		}
	}
	return nil
}

// looksLikeOption reports whether the word behind an option whose value may be missing is the next
// option.
func (o *Options) looksLikeOption(p *Option, word string) bool {
	if p.Numeric {
		if _, err := strconv.ParseInt(word, 10, 64); err == nil {
			return false
		}
	}
	return len(word) > 1 && word[0] == '-'
}

// Has reports whether an option was given; asking for one that the tool does not have is a mistake
// of the program.
func (o *Options) Has(name string) bool { return o.ByName[name].seen }

// Any reports whether one of the options was given.
func (o *Options) Any(names ...string) bool { return slices.ContainsFunc(names, o.Has) }

// Given is which of the options were given, in the order of names.
func (o *Options) Given(names ...string) []string {
	var out []string
	for _, n := range names {
		if o.Has(n) {
			out = append(out, n)
		}
	}
	return out
}

// hasValue reports whether an option was given with a value, which may be empty.
func (o *Options) hasValue(name string) bool { return len(o.ByName[name].values) > 0 }

// All gives every value of an option that may be repeated.
func (o *Options) All(name string) []string { return o.ByName[name].values }

// One gives the value of an option, its default when it was not given; giving it twice is an error.
func (o *Options) One(name string) (string, error) {
	p := o.ByName[name]
	switch len(p.values) {
	case 0:
		return p.Fallback, nil
	case 1:
		if p.values[0] == "" && p.Arg == "FILE" && strings.Contains(name, "config") {
			return ".", nil // where Java looks for properties without a name
		}
		return p.values[0], nil
	}
	return "", &ParseError{"joptsimple.MultipleArgumentsForOptionException",
		"Found multiple arguments for option " + name + ", but you asked for only one"}
}

// Number gives the value of an option that is a whole number of so many bits; without value and
// default it is 0.
func (o *Options) Number(name string, bits int) (int64, error) {
	s, err := o.One(name)
	if err != nil || s == "" && !o.hasValue(name) {
		return 0, err
	}
	n, err := strconv.ParseInt(s, 10, bits)
	if err != nil {
		return 0, &ParseError{ConversionError, fmt.Sprintf("Cannot parse argument '%s' of option %s", s, name)}
	}
	return n, nil
}

// Texts reads several options that have one value each.
func (o *Options) Texts(names ...string) (map[string]string, error) {
	out := map[string]string{}
	for _, n := range names {
		v, err := o.One(n)
		if err != nil {
			return nil, err
		}
		out[n] = v
	}
	return out, nil
}

// Head is an option as the usage table shows it.
func (p *Option) Head() string {
	switch {
	case p.Arg == "":
		return "--" + p.Name
	case p.Optional:
		return "--" + p.Name + " [" + p.Arg + "]"
	}
	return "--" + p.Name + " <" + p.Arg + ">"
}

// Usage is the table of options.
func (o *Options) Usage() string {
	var b strings.Builder
	width := 0
	list := slices.Clone(o.List)
	slices.SortStableFunc(list, func(x, y *Option) int { return strings.Compare(x.Name, y.Name) })
	for _, p := range list {
		width = max(width, min(len(p.Head()), 36))
	}
	for _, p := range list {
		help := p.Help
		if p.Fallback != "" {
			help += " (default: " + p.Fallback + ")"
		}
		h := p.Head()
		if len(h) > width {
			fmt.Fprintf(&b, "%s\n%*s  %s\n", h, width, "", help)
			continue
		}
		fmt.Fprintf(&b, "%-*s  %s\n", width, h, help)
	}
	return b.String()
}
