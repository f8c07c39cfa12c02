package tool

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Version is what --version prints: scripts compare it.
const Version = "2.5.0 (Commit:66563e712b0b9f84)"

// options are the declared options of a tool and the values of one command line, in the manner of Java's joptsimple, which most of
// Kafka's tools use: --name value and --name=value, one dash as good as two, no abbreviations, words that are not options ignored.
type options struct {
	purpose string
	list    []*option
	byName  map[string]*option
	empty   bool     // no words at all
	order   []string // the names of the options as they were given
}

type option struct {
	name     string
	arg      string // the name of its value; "" for none
	optional bool   // the value may be missing
	numeric  bool   // an optional value may begin with a minus
	help     string
	fallback string // the default, for the usage text

	seen   bool
	values []string
}

// optionError is a mistake in the command line that the parser found.
type optionError struct{ class, text string }

const conversionError = "joptsimple.OptionArgumentConversionException"

func (e *optionError) Error() string { return e.text }

func newOptions(purpose string) *options {
	o := &options{purpose: purpose, byName: map[string]*option{}}
	return o
}

// standard adds --help and --version.
func (o *options) standard() *options {
	o.flag("help", "print this")
	o.flag("version", "print the version of Kafka whose tools these are")
	return o
}

// json adds --json, which Kafka's tools do not have.
func (o *options) json() { o.flag("json", "print a JSON document; with actions that only look") }

// jsonOnlyWith refuses --json with actions other than these.
func (o *options) jsonOnlyWith(actions ...string) error {
	if o.has("json") && !o.any(actions...) {
		return misuse("Option [json] takes one of these options: [%s]", strings.Join(actions, "], ["))
	}
	return nil
}

func (o *options) add(p *option) *option {
	o.list = append(o.list, p)
	o.byName[p.name] = p
	return p
}

func (o *options) flag(name, help string) { o.add(&option{name: name, help: help}) }

func (o *options) value(name, arg, help string) { o.add(&option{name: name, arg: arg, help: help}) }

func (o *options) valueOr(name, arg, fallback, help string) {
	o.add(&option{name: name, arg: arg, help: help, fallback: fallback})
}

func (o *options) optional(name, arg, help string) {
	o.add(&option{name: name, arg: arg, help: help, optional: true})
}

// parse reads the words; errors are *optionError.
func (o *options) parse(args []string) error {
	o.empty = len(args) == 0
	for i := 0; i < len(args); i++ {
		word := args[i]
		if word == "--" {
			return nil
		}
		if len(word) < 2 || word[0] != '-' {
			continue
		}
		name, given, hasValue := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(word, "-"), "-"), "=")
		p := o.byName[name]
		if p == nil {
			if !strings.HasPrefix(word, "--") && name != "" { // read as a cluster of options of one letter
				name = name[:1]
			}
			return &optionError{"joptsimple.UnrecognizedOptionException", name + " is not a recognized option"}
		}
		p.seen = true
		o.order = append(o.order, name)
		switch {
		case p.arg == "":
			if hasValue {
				return &optionError{"joptsimple.OptionArgumentNotAllowedException", "Option " + name + " does not accept an argument"}
			}
		case hasValue:
			p.values = append(p.values, given)
		case i+1 < len(args) && !p.optional:
			i++
			p.values = append(p.values, args[i])
		case i+1 < len(args) && !o.looksLikeOption(p, args[i+1]):
			i++
			p.values = append(p.values, args[i])
		case !p.optional:
			return &optionError{"joptsimple.OptionMissingRequiredArgumentException", "Option " + name + " requires an argument"}
		}
	}
	return nil
}

func (o *options) looksLikeOption(p *option, word string) bool {
	if p.numeric {
		if _, err := strconv.ParseInt(word, 10, 64); err == nil {
			return false
		}
	}
	return len(word) > 1 && word[0] == '-'
}

func (o *options) has(name string) bool { return o.byName[name].seen }

func (o *options) any(names ...string) bool { return slices.ContainsFunc(names, o.has) }

func (o *options) hasValue(name string) bool { return len(o.byName[name].values) > 0 }

// all gives every value of an option that may be repeated.
func (o *options) all(name string) []string { return o.byName[name].values }

// one gives the value of an option, its default when it was not given; giving it twice is an error.
func (o *options) one(name string) (string, error) {
	p := o.byName[name]
	switch len(p.values) {
	case 0:
		return p.fallback, nil
	case 1:
		return p.values[0], nil
	}
	return "", &optionError{"joptsimple.MultipleArgumentsForOptionException",
		"Found multiple arguments for option " + name + ", but you asked for only one"}
}

// number gives the value of an option that is a whole number of so many bits; without value and default it is 0.
func (o *options) number(name string, bits int) (int64, error) {
	s, err := o.one(name)
	if err != nil || s == "" && !o.hasValue(name) {
		return 0, err
	}
	n, err := strconv.ParseInt(s, 10, bits)
	if err != nil {
		return 0, &optionError{conversionError, fmt.Sprintf("Cannot parse argument '%s' of option %s", s, name)}
	}
	return n, nil
}

// texts reads several options that have one value each.
func (o *options) texts(names ...string) (map[string]string, error) {
	out := map[string]string{}
	for _, n := range names {
		v, err := o.one(n)
		if err != nil {
			return nil, err
		}
		out[n] = v
	}
	return out, nil
}

// head is an option as the usage table shows it.
func (p *option) head() string {
	switch {
	case p.arg == "":
		return "--" + p.name
	case p.optional:
		return "--" + p.name + " [" + p.arg + "]"
	}
	return "--" + p.name + " <" + p.arg + ">"
}

// usage is the table of options.
func (o *options) usage() string {
	var b strings.Builder
	width := 0
	list := slices.Clone(o.list)
	slices.SortStableFunc(list, func(x, y *option) int { return strings.Compare(x.name, y.name) })
	for _, p := range list {
		width = max(width, min(len(p.head()), 36))
	}
	for _, p := range list {
		help := p.help
		if p.fallback != "" {
			help += " (default: " + p.fallback + ")"
		}
		h := p.head()
		if len(h) > width {
			fmt.Fprintf(&b, "%s\n%*s  %s\n", h, width, "", help)
			continue
		}
		fmt.Fprintf(&b, "%-*s  %s\n", width, h, help)
	}
	return b.String()
}

// misuse is an error that shows a text and the usage table.
func misuse(format string, a ...any) error { return &usageError{text: fmt.Sprintf(format, a...)} }

// parserMisuse shows a mistake that the parser found together with the usage table.
func parserMisuse(err error) error {
	u := &usageError{text: err.Error()}
	errors.As(err, &u.option)
	return u
}

// require reports the first of the options that is missing.
func (o *options) require(names ...string) error {
	for _, n := range names {
		if !o.has(n) {
			return misuse("Missing required argument \"[%s]\"", n)
		}
	}
	return nil
}

// exclude reports the first of others that was given together with name.
func (o *options) exclude(name string, others ...string) error {
	if !o.has(name) {
		return nil
	}
	for _, n := range others {
		if n != name && o.has(n) {
			return misuse("Option \"[%s]\" can't be used with option \"[%s]\"", name, n)
		}
	}
	return nil
}

// rule is a condition of excludeAll.
type rule struct {
	name   string
	others []string
}

// excludeAll checks rules in order.
func (o *options) excludeAll(rules []rule) error {
	for _, r := range rules {
		if err := o.exclude(r.name, r.others...); err != nil {
			return err
		}
	}
	return nil
}

// without gives the names of all that are not among the others.
func without(all []string, others ...string) []string {
	var out []string
	for _, n := range all {
		if !slices.Contains(others, n) {
			out = append(out, n)
		}
	}
	return out
}

// begin parses the words of a call and treats --help, --version and no words at all as Kafka's tools do. empty is what is said
// without words, "" for what --help says.
func (c *call) begin(o *options, empty string) error {
	c.options = o
	if err := o.parse(c.Args); err != nil {
		return err
	}
	return c.helpOrVersion(o, empty)
}

func (c *call) helpOrVersion(o *options, empty string) error {
	if o.empty && empty != "" {
		return misuse("%s", empty)
	}
	if o.empty || o.has("help") {
		return misuse("%s", o.purpose)
	}
	if o.has("version") {
		c.println(Version)
		return exit(0)
	}
	return nil
}
