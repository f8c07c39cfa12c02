package principal

import (
	"errors"
	"regexp"
	"strings"
	"unicode"
)

// asciiClasses are the predefined classes of Java's regular expressions, which know ASCII only: a
// pattern that was written for plain names must not let others through. Those in capitals are the
// complements. Each ends with a range, so that a dash behind it begins none.
var asciiClasses = map[string]string{
	`\w`: `_a-zA-Z0-9`, `\W`: "\\x00-/:-@\\[-\\^`{-\U0010ffff",
	`\d`: `0-9`, `\D`: "\\x00-/:-\U0010ffff",
	`\s`: ` \t-\r`, `\S`: "\\x00-\\x08\\x0e-\\x1f!-\U0010ffff",
	`\p{Lower}`: `a-z`, `\p{Upper}`: `A-Z`, `\p{Alpha}`: `a-zA-Z`, `\p{Digit}`: `0-9`, `\p{Alnum}`: `a-zA-Z0-9`, `\p{ASCII}`: `\x00-\x7f`,
	`\p{Punct}`: "!-/:-@\\[-`{-~", `\p{Graph}`: `!-~`, `\p{Print}`: ` -~`, `\p{Blank}`: ` \t-\t`, `\p{Cntrl}`: `\x7f\x00-\x1f`, `\p{XDigit}`: `0-9a-fA-F`, `\p{Space}`: ` \t-\r`,
}

// The flags that change what is translated: with s a dot is any character, with i cases are equal.
var (
	dotAll     = regexp.MustCompile(`\(\?[a-zA-Z]*s`)
	ignoreCase = regexp.MustCompile(`\(\?[a-zA-Z]*i`)
)

// notTerminators is what a dot matches: everything but Java's ends of lines.
const notTerminators = `[^\n\r\u0085\u2028\u2029]`

// errNestedClass is a character class within another, which only Java has.
var errNestedClass = errors.New("a character class within another, or an intersection (&&), is not known here: write one class")

// translate gives a pattern of Java the meaning that it has there.
func translate(pattern string) (string, error) {
	dot := notTerminators
	if dotAll.MatchString(pattern) {
		dot = "."
	}
	var b strings.Builder
	class := -1 // where the content of the class begins in which we are
	for i := 0; i < len(pattern); i++ {
		rest := pattern[i:]
		switch {
		case pattern[i] == '\\':
			token := escape(rest)
			i += len(token) - 1
			ascii, ok := asciiClasses[token]
			switch {
			case !ok:
				b.WriteString(token)
			case class >= 0:
				b.WriteString(ascii)
			default:
				b.WriteString("[" + ascii + "]")
			}
		case class < 0 && pattern[i] == '.':
			b.WriteString(dot)
		case class < 0 && pattern[i] == '[':
			b.WriteByte('[')
			if strings.HasPrefix(rest, "[^") {
				b.WriteByte('^')
				i++
			}
			class = i + 1
		case class >= 0 && pattern[i] == '-' && asciiClasses[escape(rest[1:])] != "":
			b.WriteString(`\-`) // a class begins no range either
		case class >= 0 && (pattern[i] == '[' || strings.HasPrefix(rest, "&&")):
			return "", errNestedClass
		case class >= 0 && pattern[i] == ']' && i > class:
			class = -1
			b.WriteByte(']')
		default:
			b.WriteByte(pattern[i])
		}
	}
	return b.String(), nil
}

// escape is the backslash that a text begins with and what belongs to it.
func escape(s string) string {
	if strings.HasPrefix(s, `\p{`) {
		if end := strings.IndexByte(s, '}'); end > 0 {
			return s[:end+1]
		}
	}
	return s[:min(2, len(s))]
}

// folded are the characters beyond ASCII whose lower case is in it. Java's flag i knows ASCII only.
const folded = "\u0130\u212a"

// lower is String.toLowerCase of the locale that Kafka names: one character may become two, and a
// sigma at the end of a word is another.
func lower(s string) string {
	if !strings.ContainsAny(s, "\u0130\u03a3") {
		return strings.ToLower(s)
	}
	in := []rune(s)
	var b strings.Builder
	for i, r := range in {
		switch {
		case r == '\u0130':
			b.WriteString("i\u0307")
		case r == '\u03a3' && i > 0 && unicode.IsLetter(in[i-1]) && (i+1 == len(in) || !unicode.IsLetter(in[i+1])):
			b.WriteRune('\u03c2')
		default:
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return b.String()
}

// longer are the letters of which the upper case is more than one.
var longer = strings.NewReplacer("\u00df", "SS", "\u0149", "\u02bcN", "\u01f0", "J\u030c", "\ufb00", "FF", "\ufb01", "FI", "\ufb02", "FL", "\ufb03", "FFI", "\ufb04", "FFL", "\ufb05", "ST", "\ufb06", "ST")

// upper is String.toUpperCase.
func upper(s string) string { return strings.ToUpper(longer.Replace(s)) }

// letterCase is what the end of a rule, /L or /U, does to the name that it makes.
type letterCase struct{ lower, upper bool }

func (c letterCase) fold(name string) string {
	switch {
	case c.lower:
		return lower(name)
	case c.upper:
		return upper(name)
	}
	return name
}
