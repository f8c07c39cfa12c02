package options

import (
	"slices"
	"strings"
)

// A command line is looked at three times, as Kafka's tools do it, and which mistake is told
// depends on it: joptsimple parses and checks the conditions that were declared to it, then --help
// and --version are answered, and then the tool's own checkArgs asks for what is missing (with
// CommandLineUtils) and refuses what does not go together.

// Conditions declares what joptsimple itself checks when it has parsed: options that are required,
// or available only together with others. With --help or --version it does not.
func (o *Options) Conditions(check func(*Options) error) *Options {
	o.conditions = check
	return o
}

// Requires declares options that the tool asks for, in this order, before its other checks.
func (o *Options) Requires(names ...string) *Options {
	o.required = names
	return o
}

// Checks declares the tool's own check of what goes together.
func (o *Options) Checks(check func(*Options) error) *Options {
	o.check = check
	return o
}

// UsageOfMistakes shows the parser's mistakes above the usage table; most of Kafka's tools let the
// exception end them.
func (o *Options) UsageOfMistakes() *Options {
	o.usage = true
	return o
}

// Wordless makes a call without words one like any other, which gets no help.
func (o *Options) Wordless() *Options {
	o.wordless = true
	return o
}

// WithoutWords sets what a call without words is told instead of the purpose.
func (o *Options) WithoutWords(text string) *Options {
	o.nothing = text
	return o
}

// Unavailable is joptsimple's mistake that options were given without those they go with.
func Unavailable(names ...string) error {
	return &ParseError{"joptsimple.UnavailableOptionException",
		"Option(s) [" + strings.Join(names, ", ") + "] are unavailable given other options on the command line"}
}

// ReadArgs parses the words and checks joptsimple's conditions.
func (o *Options) ReadArgs(args []string) error {
	if err := o.Parse(args); err != nil {
		if o.usage {
			return ParserMisuse(err)
		}
		return err
	}
	if o.conditions == nil || o.gave("help") || o.gave("version") {
		return nil
	}
	return o.conditions(o)
}

// Help gives what a call that wants help, or has no words, is told; nil for any other call.
func (o *Options) Help() error {
	switch {
	case o.Empty && !o.wordless && o.nothing != "":
		return Misuse("%s", o.nothing)
	case o.Empty && !o.wordless || o.gave("help"):
		return Misuse("%s", o.Purpose)
	}
	return nil
}

// WantsVersion reports whether --version was given to a tool that has it.
func (o *Options) WantsVersion() bool { return o.gave("version") }

// CheckArgs asks for what is required and makes the tool's own check.
func (o *Options) CheckArgs() error {
	if err := o.Require(o.required...); err != nil || o.check == nil {
		return err
	}
	return o.check(o)
}

// gave is Has for an option that not every tool has.
func (o *Options) gave(name string) bool {
	p := o.ByName[name]
	return p != nil && p.seen
}

// Require reports the first of the options that is missing.
func (o *Options) Require(names ...string) error {
	for _, n := range names {
		if !o.Has(n) {
			return Misuse("Missing required argument \"[%s]\"", n)
		}
	}
	return nil
}

// Exclude reports the first of others that was given together with name.
func (o *Options) Exclude(name string, others ...string) error {
	if !o.Has(name) {
		return nil
	}
	for _, n := range others {
		if n != name && o.Has(n) {
			return Misuse("Option \"[%s]\" can't be used with option \"[%s]\"", name, n)
		}
	}
	return nil
}

// Rule is a condition of excludeAll.
type Rule struct {
	Name   string
	Others []string
}

// ExcludeAll checks rules in order.
func (o *Options) ExcludeAll(rules []Rule) error {
	for _, r := range rules {
		if err := o.Exclude(r.Name, r.Others...); err != nil {
			return err
		}
	}
	return nil
}

// Without gives the names of all that are not among the others.
func Without(all []string, others ...string) []string {
	var out []string
	for _, n := range all {
		if !slices.Contains(others, n) {
			out = append(out, n)
		}
	}
	return out
}
