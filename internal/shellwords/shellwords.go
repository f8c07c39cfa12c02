// Package shellwords cuts a command line into words as a POSIX shell does where nothing is to be
// expanded: at blanks, with 'single' and "double" quotes. A $ is a letter like any other, and but
// for Escaped a backslash, too, so that regular expressions and templates pass as they are written.
package shellwords

import (
	"fmt"
	"strings"
)

// Word is one word of a command line.
type Word struct {
	Text     string // without its quotes
	Raw      string // as it is written
	Operator bool   // it is one of the operators, and nothing in it was quoted
}

// OpenQuote is the error of a line that ends within this quote.
type OpenQuote rune

func (q OpenQuote) Error() string { return fmt.Sprintf("a %c is open at the end of the line", q) }

// Cut gives the words of a line. Each letter of operators is a word of its own wherever it stands
// outside quotes, with or without blanks around it. A quote that is still open at the end is an
// error, an OpenQuote; its word then reaches to the end of the line.
func Cut(line, operators string) ([]Word, error) {
	var (
		words []Word
		text  strings.Builder
		begun = -1 // where the word begins that is being read; -1 between words
		quote rune // 0 outside of quotes
		end   = func(at int) {
			if begun >= 0 {
				words = append(words, Word{Text: text.String(), Raw: line[begun:at]})
				text.Reset()
				begun = -1
			}
		}
	)
	for i, r := range line {
		blank := r == ' ' || r == '\t' || r == '\n'
		switch {
		case quote != 0 && r == quote:
			quote = 0
			continue
		case quote == 0 && blank:
			end(i)
			continue
		case quote == 0 && strings.ContainsRune(operators, r):
			end(i)
			words = append(words, Word{Text: string(r), Raw: string(r), Operator: true})
			continue
		}
		if begun < 0 { // also for an empty pair of quotes, which is a word
			begun = i
		}
		if quote == 0 && (r == '\'' || r == '"') {
			quote = r
			continue
		}
		text.WriteRune(r)
	}
	end(len(line))
	if quote != 0 {
		return words, OpenQuote(quote)
	}
	return words, nil
}

// Split gives the texts of the words of a line that has no operators. An open quote reaches to the
// end of the line.
func Split(line string) []string {
	words, _ := Cut(line, "") // the words are there whether a quote is open or not
	var out []string
	for _, w := range words {
		out = append(out, w.Text)
	}
	return out
}

// Escaped is Split for a line in which a backslash takes its meaning from the letter behind it, but
// between single quotes. inWord says that the line ends in a word, which is the last one then, and
// open that a quote or a backslash at its end waits for more.
func Escaped(line string) (words []string, inWord, open bool) {
	var word strings.Builder
	quote, escaped := rune(0), false
	for _, r := range line {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			inWord, escaped = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			inWord, quote = true, r
		case r == ' ' || r == '\t' || r == '\n':
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
		default:
			inWord = true
			word.WriteRune(r)
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, inWord, quote != 0 || escaped
}
