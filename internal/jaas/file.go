package jaas

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// ParseFile reads a login configuration file. Its grammar is that of Java's ConfigFile: sections of
// entries, values bare words or "…", and ${name} in values is replaced by the system property of
// that name; property may be nil when there are none.
func ParseFile(text string, property func(name string) (string, bool)) (Sections, error) {
	p := &fileParser{tokenizer: newTokenizer(text, "-_$*"), line: 1, property: property}
	if p.property == nil {
		p.property = func(string) (string, bool) { return "", false }
	}
	p.advance()
	all := Sections{}
	for p.ahead.kind != endOfText {
		if err := p.section(all); err != nil {
			return nil, err
		}
	}
	for name, entries := range all {
		if len(entries) == 0 {
			delete(all, name)
		}
	}
	return all, nil
}

// fileParser looks one token ahead. line counts the ends of lines between tokens, which is what
// Java reports.
type fileParser struct {
	*tokenizer
	ahead    token
	line     int
	property func(string) (string, bool)
}

func (p *fileParser) advance() {
	for p.ahead = p.next(); p.ahead.kind == endOfLine; p.ahead = p.next() {
		p.line++
	}
}

// section reads one section into all.
func (p *fileParser) section(all Sections) error {
	name := p.ahead.text
	p.advance()
	if err := p.sign('{'); err != nil {
		return err
	}
	entries := []Entry{}
	for p.ahead.kind != '}' {
		e, err := p.entry()
		if err != nil {
			return err
		}
		entries = append(entries, e)
	}
	p.advance()
	if err := p.sign(';'); err != nil {
		return err
	}
	if _, twice := all[name]; twice {
		return configurationError("Can not specify multiple entries for " + name)
	}
	all[name] = entries
	return nil
}

// entry reads a module up to its semicolon.
func (p *fileParser) entry() (e Entry, err error) {
	e.Options = map[string]string{}
	if e.Module, err = p.word("module class name"); err != nil {
		return e, err
	}
	if e.Flag, err = p.word("controlFlag"); err != nil {
		return e, err
	}
	flag := e.Flag
	if e.Flag = strings.ToLower(flag); !slices.Contains(flags, e.Flag) {
		return e, configurationError("Invalid control flag, " + strings.ToUpper(flag))
	}
	for p.ahead.kind != ';' {
		if err := p.option(e.Options); err != nil {
			return e, err
		}
	}
	p.advance()
	return e, nil
}

func (p *fileParser) option(options map[string]string) error {
	key, err := p.word("option key")
	if err != nil {
		return err
	}
	if err := p.sign('='); err != nil {
		return err
	}
	value, err := p.word("option value")
	if err != nil {
		return err
	}
	expanded, err := expand(value, p.property)
	if err != nil {
		return err
	}
	if expanded == "" && value != "" {
		return configurationError(fmt.Sprintf("Line %d: system property [%s] expanded to empty value", p.line, value))
	}
	options[key] = expanded
	return nil
}

// word takes a bare or double-quoted word; what it is for is said in errors.
func (p *fileParser) word(what string) (string, error) {
	if p.ahead.kind != bareWord && p.ahead.kind != '"' {
		return "", p.unexpected(what)
	}
	text := p.ahead.text
	p.advance()
	return text, nil
}

func (p *fileParser) sign(r rune) error {
	if p.ahead.kind != r {
		return p.unexpected(string(r))
	}
	p.advance()
	return nil
}

func (p *fileParser) unexpected(expected string) error {
	switch p.ahead.kind {
	case endOfText:
		return configurationError(fmt.Sprintf("expected [%s], read [end of file]", expected))
	case '{', '}', ';', '=':
		return configurationError(fmt.Sprintf("Line %d: expected [%s]", p.line, expected))
	}
	found := "null"
	if p.ahead.hasText() {
		found = p.ahead.text
	}
	return configurationError(fmt.Sprintf("Line %d: expected [%s], found [%s]", p.line, expected, found))
}

// configurationError has the form of Java's messages.
func configurationError(text string) error { return fmt.Errorf("Configuration Error:\n\t%s", text) }

// expand replaces ${name} as Java's PropertyExpander does: ${/} is the separator of paths, ${{…}}
// stays as it is, and so does what is not closed.
func expand(value string, property func(string) (string, bool)) (string, error) {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(value, "${")
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		if strings.HasPrefix(rest, "{") {
			end := strings.Index(rest, "}}")
			if end < 0 {
				out.WriteString("${" + rest)
				return out.String(), nil
			}
			out.WriteString("${" + rest[:end+2])
			value = rest[end+2:]
			continue
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			out.WriteString("${" + rest)
			return out.String(), nil
		}
		value = after
		if name == "/" {
			out.WriteRune(filepath.Separator)
			continue
		}
		v, ok := property(name)
		if !ok {
			return "", fmt.Errorf("unable to expand property %s", name)
		}
		out.WriteString(v)
	}
}
