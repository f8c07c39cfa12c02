package configs

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/magiconair/properties"
)

// setting is one key of a file in the order of the file.
type setting struct {
	key, value string
	line       int
}

// parseProperties reads a Java properties file: ISO 8859-1, escapes, continued lines, no expansion
// of ${}. A key given twice is returned twice; Java takes the last.
func parseProperties(data []byte) ([]setting, error) {
	var out []setting
	for _, l := range logicalLines(latin1(data)) {
		// The library keeps no line numbers, so it gets one logical line at a time.
		loader := properties.Loader{Encoding: properties.UTF8, DisableExpansion: true}
		p, err := loader.LoadBytes([]byte(joinSurrogates(l.text)))
		if err != nil {
			text := strings.TrimPrefix(err.Error(), "properties: ")
			return nil, fmt.Errorf("line %d: %s", l.number, strings.TrimPrefix(text, "Line 1: "))
		}
		for _, k := range p.Keys() {
			v, _ := p.Get(k)
			out = append(out, setting{key: k, value: v, line: l.number})
		}
	}
	return out, nil
}

// joinSurrogates puts a character in place of the two \u escapes that Java writes for one outside
// of the basic plane; the library takes each for a character of its own.
func joinSurrogates(text string) string {
	unit := func(s string) (rune, bool) {
		if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
			return 0, false
		}
		n, err := strconv.ParseUint(s[2:6], 16, 16)
		return rune(n), err == nil
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		if high, ok := unit(text[i:]); ok {
			// The first escape has its six characters, so that i+6 is within the text.
			if low, ok := unit(text[i+6:]); ok && utf16.DecodeRune(high, low) != utf8.RuneError {
				b.WriteRune(utf16.DecodeRune(high, low))
				i += 12
				continue
			}
		}
		// An escaped backslash must not begin an escape with what follows.
		n := 1
		if text[i] == '\\' && i+1 < len(text) {
			n = 2
		}
		b.WriteString(text[i : i+n])
		i += n
	}
	return b.String()
}

// ParseProperties reads a Java properties file; of a key given twice the last value counts. Errors
// name the line.
func ParseProperties(data []byte) (map[string]string, error) {
	list, err := parseProperties(data)
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(list))
	for _, s := range list {
		// ConfigDef trims each value; the tools see them like that.
		out[s.key] = strings.TrimSpace(s.value)
	}
	return out, nil
}

func latin1(data []byte) string {
	var b strings.Builder
	b.Grow(len(data))
	for _, c := range data {
		b.WriteRune(rune(c))
	}
	return b.String()
}

type logicalLine struct {
	text   string
	number int // of its first line, from 1
}

// logicalLines joins lines that end in an odd number of backslashes with the next one and leaves
// out blank lines and comments.
func logicalLines(s string) []logicalLine {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	s = strings.ReplaceAll(s, "\r", "\n")
	lines := strings.Split(s, "\n")
	var out []logicalLine
	for i := 0; i < len(lines); i++ {
		number := i + 1
		text := strings.TrimLeft(lines[i], " \t\f")
		if text == "" || text[0] == '#' || text[0] == '!' {
			continue
		}
		for continued(text) {
			text = text[:len(text)-1]
			if i+1 == len(lines) {
				break
			}
			i++
			// A comment sign at the beginning of a continued line is no comment.
			text += strings.TrimLeft(lines[i], " \t\f")
		}
		if text != "" {
			out = append(out, logicalLine{text: text, number: number})
		}
	}
	return out
}

func continued(s string) bool {
	n := 0
	for n < len(s) && s[len(s)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// FormatProperties writes settings as a Java properties file, in the order of their keys.
func FormatProperties(settings map[string]Setting) []byte {
	var b bytes.Buffer
	for _, k := range slices.Sorted(maps.Keys(settings)) {
		escapeProperty(&b, k, true)
		b.WriteByte('=')
		escapeProperty(&b, settings[k].Value, false)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// escapeProperty writes a text so that Java reads it as it was. In a value only a leading blank
// needs an escape.
func escapeProperty(b *bytes.Buffer, text string, key bool) {
	for i, c := range text {
		switch {
		// Outside of a value's first character a blank is safe.
		case c == '\\', c == '#' || c == '!', key && (c == '=' || c == ':' || c == ' '), c == ' ' && i == 0:
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < 0x20 || c > 0x7e:
			for _, u := range utf16.Encode([]rune{c}) {
				fmt.Fprintf(b, `\u%04X`, u)
			}
		default:
			b.WriteRune(c)
		}
	}
}
