package configs

import (
	"fmt"
	"strings"

	"github.com/magiconair/properties"
)

// setting is one key of a file in the order of the file.
type setting struct {
	key, value string
	line       int
}

// parseProperties reads a Java properties file: ISO 8859-1, escapes, continued lines, no expansion of ${}. A key given twice
// is returned twice; Java takes the last.
func parseProperties(data []byte) ([]setting, error) {
	var out []setting
	for _, l := range logicalLines(latin1(data)) {
		// The library keeps no line numbers, so it gets one logical line at a time.
		loader := properties.Loader{Encoding: properties.UTF8, DisableExpansion: true}
		p, err := loader.LoadBytes([]byte(l.text))
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

// ParseProperties reads a Java properties file; of a key given twice the last value counts. Errors name the line.
func ParseProperties(data []byte) (map[string]string, error) {
	list, err := parseProperties(data)
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(list))
	for _, s := range list {
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

// logicalLines joins lines that end in an odd number of backslashes with the next one and leaves out blank lines and comments.
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
