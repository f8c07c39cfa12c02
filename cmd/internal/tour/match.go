package tour

import (
	"fmt"
	"regexp"
	"strings"
)

// vars are the words in braces that commands and expectations may use.
type vars map[string]string

var word = regexp.MustCompile(`\{([a-z][a-z0-9-]*)\}`)

// expand replaces {word} by its value; a word that is not known stays, as JSON has braces too.
func (v vars) expand(s string) string {
	return word.ReplaceAllStringFunc(s, func(m string) string {
		if value, ok := v[m[1:len(m)-1]]; ok {
			return value
		}
		return m
	})
}

// mismatch says in which way output is not what a step expects, nil if it is.
func mismatch(s *Step, v vars, output string) error {
	rest := output
	for _, want := range s.Expect {
		want = v.expand(want)
		end, err := find(rest, want)
		if err != nil {
			return err
		}
		if end < 0 {
			return fmt.Errorf("%q did not come out", want)
		}
		rest = rest[end:]
	}
	for _, unwanted := range s.Absent {
		unwanted = v.expand(unwanted)
		end, err := find(output, unwanted)
		if err != nil {
			return err
		}
		if end >= 0 {
			return fmt.Errorf("%q came out", unwanted)
		}
	}
	return nil
}

// find gives the end of the first place in text that is what is wanted, -1 for none.
func find(text, want string) (int, error) {
	pattern, ok := strings.CutPrefix(want, "re:")
	if !ok {
		at := strings.Index(text, want)
		if at < 0 {
			return -1, nil
		}
		return at + len(want), nil
	}
	r, err := regexp.Compile("(?m)" + pattern)
	if err != nil {
		return -1, err
	}
	at := r.FindStringIndex(text)
	if at == nil {
		return -1, nil
	}
	return at[1], nil
}

// capture keeps what a step wants to remember of its output.
func (v vars) capture(s *Step, output string) error {
	for name, pattern := range s.Capture {
		r, err := regexp.Compile("(?m)" + v.expand(pattern))
		if err != nil {
			return err
		}
		m := r.FindStringSubmatch(output)
		if m == nil {
			return fmt.Errorf("nothing to remember as %s: %s is not in the output", name, pattern)
		}
		v[name] = m[1]
	}
	return nil
}

// words splits a command line as a shell does: blanks, 'single' and "double" quotes, no expansion.
// An open quote is an error.
func words(line string) ([]string, error) {
	var (
		out     []string
		current strings.Builder
		inWord  bool
		quote   rune
	)
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			current.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case r == ' ' || r == '\t' || r == '\n':
			if inWord {
				out = append(out, current.String())
				current.Reset()
				inWord = false
			}
		default:
			current.WriteRune(r)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a %c is open at the end of the line", quote)
	}
	if inWord {
		out = append(out, current.String())
	}
	return out, nil
}
