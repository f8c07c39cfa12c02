package options

import (
	"strings"
)

// Info is an option as completion and the manual see it.
type Info struct {
	Name, Help string // the name without dashes
	Value      bool   // it takes a value
	Arg        string // the name of the value; "" for one without a name
	Optional   bool   // the value may be missing
	Fallback   string // the default value
	Many       bool   // it takes values up to the next option
	Choices    []string
}

// Table is the options of a tool, in either style.
type Table interface{ Infos() []Info }

// Infos implements Table.
func (o *Options) Infos() []Info {
	var out []Info
	for _, p := range o.List {
		out = append(out, Info{Name: p.Name, Help: p.Help, Value: p.Arg != "", Arg: p.Arg, Optional: p.Optional, Fallback: p.Fallback})
	}
	return out
}

// Infos implements Table.
func (a *Argparse) Infos() []Info {
	var out []Info
	for _, x := range a.List {
		out = append(out, Info{Name: strings.TrimPrefix(x.Name, "--"), Help: x.Help, Value: !x.Flag, Many: x.Many, Choices: x.Choices})
	}
	return out
}
