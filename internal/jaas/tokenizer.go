package jaas

import "strings"

// Kinds of tokens; any other kind is the character itself: a sign, or the quotation mark of a
// quoted word.
const (
	endOfText = -1 - iota
	endOfLine
	bareWord
	number
)

type token struct {
	kind rune
	text string // of a bare or quoted word
}

// hasText reports whether the token is a word, quoted or not.
func (t token) hasText() bool { return t.kind == bareWord || t.kind == '"' || t.kind == '\'' }

// tokenizer splits text as java.io.StreamTokenizer does with its defaults, in which much is odd and
// people's files depend on it: a single slash starts a comment to the end of the line, digits,
// points and minus signs start numbers, quotations end with their line.
type tokenizer struct {
	text  []rune
	at    int
	words string // what may begin a word besides letters
}

func newTokenizer(text, words string) *tokenizer {
	return &tokenizer{text: []rune(text), words: words}
}

// peek gives the character at hand, -1 at the end.
func (t *tokenizer) peek() rune {
	if t.at >= len(t.text) {
		return -1
	}
	return t.text[t.at]
}

func isDigit(c rune) bool { return c >= '0' && c <= '9' }

func (t *tokenizer) isAlpha(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 128+32 || c > 0 && c < 128 && strings.ContainsRune(t.words, c)
}

func (t *tokenizer) next() token {
	for {
		c := t.peek()
		switch {
		case c == -1:
			return token{kind: endOfText}
		case c == '\r' || c == '\n':
			t.at++
			if c == '\r' && t.peek() == '\n' {
				t.at++
			}
			if t.linesCount() {
				return token{kind: endOfLine}
			}
		case c <= ' ':
			t.at++
		case c == '/':
			t.comment()
		case isDigit(c) || c == '.' || c == '-':
			if tok, ok := t.number(); ok {
				return tok
			}
			t.at++
			return token{kind: c}
		case t.isAlpha(c):
			return t.word()
		case c == '"' || c == '\'':
			return t.quoted(c)
		default:
			t.at++
			return token{kind: c}
		}
	}
}

// linesCount reports whether ends of lines are tokens: they are in files, whose words may contain
// stars.
func (t *tokenizer) linesCount() bool { return strings.Contains(t.words, "*") }

// comment skips a comment of any of the three kinds.
func (t *tokenizer) comment() {
	if t.at++; t.peek() != '*' {
		for c := t.peek(); c != '\n' && c != '\r' && c != -1; c = t.peek() {
			t.at++
		}
		return
	}
	t.at++
	for last := rune(0); t.at < len(t.text); t.at++ {
		c := t.text[t.at]
		if last == '*' && c == '/' {
			t.at++
			return
		}
		last = c
	}
}

// number skips digits with at most one point and a minus sign before them. A lone minus sign is
// none.
func (t *tokenizer) number() (token, bool) {
	at := t.at
	if t.text[at] == '-' {
		if at++; at >= len(t.text) || t.text[at] != '.' && !isDigit(t.text[at]) {
			return token{}, false
		}
	}
	for point := false; at < len(t.text); at++ {
		c := t.text[at]
		if c == '.' && !point {
			point = true
		} else if !isDigit(c) {
			break
		}
	}
	t.at = at
	return token{kind: number}, true
}

func (t *tokenizer) word() token {
	from := t.at
	for c := t.peek(); t.isAlpha(c) || isDigit(c) || c == '.' || c == '-'; c = t.peek() {
		t.at++
	}
	return token{bareWord, string(t.text[from:t.at])}
}

// quoted reads up to the same mark or the end of the line.
func (t *tokenizer) quoted(mark rune) token {
	var out []rune
	t.at++
	for {
		c := t.peek()
		if c == -1 || c == '\n' || c == '\r' {
			return token{mark, string(out)}
		}
		t.at++
		switch c {
		case mark:
			return token{mark, string(out)}
		case '\\':
			out = t.escape(out)
		default:
			out = append(out, c)
		}
	}
}

var escapes = map[rune]rune{'a': 7, 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}

// escape appends what stands after a backslash: up to three octal digits (not above \377), a letter
// of C, or any character for itself.
func (t *tokenizer) escape(out []rune) []rune {
	c := t.peek()
	if c == -1 {
		return out
	}
	t.at++
	if c < '0' || c > '7' {
		if e, ok := escapes[c]; ok {
			c = e
		}
		return append(out, c)
	}
	first := c
	v := c - '0'
	for n := 1; n < 3; n++ {
		d := t.peek()
		if d < '0' || d > '7' || n == 2 && first > '3' {
			break
		}
		v = v<<3 + d - '0'
		t.at++
	}
	return append(out, v)
}
