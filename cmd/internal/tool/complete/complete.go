// Package complete says what may come next on the command line of a tool: its options and their
// values, the latter from the cluster that the line names. It prints nothing; which shell asks is
// the caller's business.
package complete

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/options"
	"momus/cmd/internal/tool/screen"
)

// Candidate is a word that may come next on a command line.
type Candidate struct{ Word, Help string }

// Completion is what may stand where the cursor is.
type Completion struct {
	Words []Candidate
	Files bool // names of files, which the shell knows best
}

// completionTime is how long a broker or ZooKeeper may take to answer while somebody waits for the
// list.
const completionTime = time.Second

// Options completes the words of a tool.
func Options(ctx context.Context, t core.Tool, getenv func(string) string, args []string, word string) Completion {
	if t.Options == nil {
		return Completion{Files: true}
	}
	ctx, cancel := context.WithTimeout(ctx, completionTime)
	defer cancel()
	x := &completer{ctx: ctx, values: t.Values, infos: t.Options().Infos(), args: args,
		c: &core.Call{Env: &core.Env{Stdout: io.Discard, Stderr: io.Discard, Getenv: getenv}, Out: screen.NewOutput(io.Discard)}}
	return x.complete(word)
}

// completer completes one line of one tool.
type completer struct {
	ctx    context.Context
	values map[string]core.Values // of options whose names do not say it
	infos  []options.Info
	args   []string
	c      *core.Call
}

// option is the option that a word of the line names, nil for a word that is none.
func (x *completer) option(word string) *options.Info {
	name := strings.TrimPrefix(strings.TrimPrefix(word, "-"), "-")
	if name == word {
		return nil
	}
	for i := range x.infos {
		if x.infos[i].Name == name {
			return &x.infos[i]
		}
	}
	return nil
}

// open is the option whose value the next word is, if any.
func (x *completer) open() *options.Info {
	var last *options.Info
	for i := 0; i < len(x.args); i++ {
		p := x.option(x.args[i])
		if p == nil {
			if last != nil && !last.Many {
				last = nil
			}
			continue
		}
		if last = nil; p.Value {
			last = p
			if !p.Many && i+1 < len(x.args) { // its value, whatever it looks like
				last = nil
				i++
			}
		}
	}
	return last
}

// complete decides what a word may become: the value of the option before it, the value behind its
// own =, or an option that was not given yet.
func (x *completer) complete(word string) Completion {
	if p := x.open(); p != nil && (!p.Many || !strings.HasPrefix(word, "-")) {
		return x.value(p, word)
	}
	if name, value, ok := strings.Cut(word, "="); ok {
		p := x.option(name)
		if p == nil || !p.Value {
			return Completion{}
		}
		out := x.value(p, value)
		for i := range out.Words {
			out.Words[i].Word = name + "=" + out.Words[i].Word
		}
		out.Files = false // shells complete whole words
		return out
	}
	var out []Candidate
	for _, p := range x.infos {
		if !slices.Contains(x.args, "--"+p.Name) || repeatable(p.Name) {
			out = append(out, Candidate{"--" + p.Name, p.Help})
		}
	}
	return Completion{Words: Matching(out, word)}
}

// repeatable reports whether an option may be given more than once; others are offered until they
// are there.
func repeatable(name string) bool {
	return slices.Contains([]string{"topic", "group", "config", "delete-config", "property", "producer-property", "consumer-property", "entity-type", "entity-name",
		"entity-default", "operation", "allow-principal", "deny-principal", "allow-host", "deny-host", "principal", "owner-principal", "renewer-principal"}, name)
}

// Matching are the candidates that begin so, in order.
func Matching(all []Candidate, prefix string) []Candidate {
	var out []Candidate
	for _, c := range all {
		if strings.HasPrefix(c.Word, prefix) {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b Candidate) int { return strings.Compare(a.Word, b.Word) })
	return out
}

// words are candidates without help.
func words(list ...string) []Candidate {
	var out []Candidate
	for _, w := range list {
		out = append(out, Candidate{Word: w})
	}
	return out
}

// value completes the value of an option.
func (x *completer) value(p *options.Info, word string) Completion {
	if p.Choices != nil {
		return Completion{Words: Matching(words(p.Choices...), word)}
	}
	if isFileOption(p.Name) {
		return Completion{Files: true}
	}
	done, last := "", word // a list keeps what stands before its last comma
	if x.values[p.Name]&core.ValueList != 0 || isListOption(p.Name) {
		if i := strings.LastIndexByte(word, ','); i >= 0 {
			done, last = word[:i+1], word[i+1:]
		}
	}
	out := Matching(x.candidates(p.Name), last)
	for i := range out {
		out[i].Word = done + out[i].Word
	}
	return Completion{Words: out}
}

// isFileOption reports whether the value is a path, which the shell completes better.
func isFileOption(name string) bool {
	return strings.HasSuffix(name, ".config") || strings.HasSuffix(name, "-file") || strings.HasSuffix(name, "-config-file") || slices.Contains([]string{"command-config", "files", "config-file"}, name)
}

// isListOption reports whether the value is a list with commas: what is offered goes behind the
// last one.
func isListOption(name string) bool {
	return slices.Contains([]string{"topic-list", "broker-list", "add-config", "delete-config", "input-topics", "intermediate-topics"}, name)
}

// last is the last value that was given for an option, "" for none.
func (x *completer) last(name string) string {
	value := ""
	for i, w := range x.args {
		if v, ok := strings.CutPrefix(w, "--"+name+"="); ok {
			value = v
		} else if w == "--"+name && i+1 < len(x.args) {
			value = x.args[i+1]
		}
	}
	return value
}
