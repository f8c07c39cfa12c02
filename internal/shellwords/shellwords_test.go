package shellwords

import (
	"slices"
	"strings"
	"testing"
)

func TestWordsOfALine(t *testing.T) {
	for line, want := range map[string]string{
		"":                            "",
		"  a\tb \n":                   "a;b",
		"a ''":                        "a;",
		`say 'it is' "so'so"`:         "say;it is;so'so",
		`--key="a b"c`:                "--key=a bc",
		`re:^\d+$ a|b`:                `re:^\d+$;a|b`,
		"토픽 '두 낱말'":                   "토픽;두 낱말",
		"'open to the end":            "open to the end",
		"kafka-topics --list 'a|b c'": "kafka-topics;--list;a|b c",
	} {
		if got := strings.Join(Split(line), ";"); got != want {
			t.Errorf("%q is %q, want %q", line, got, want)
		}
	}
}

func TestOperatorsStandAlone(t *testing.T) {
	words, err := Cut("a 'x|y'|b | '|'", "|")
	if err != nil {
		t.Fatal(err)
	}
	want := []Word{{"a", "a", false}, {"x|y", "'x|y'", false}, {"|", "|", true}, {"b", "b", false}, {"|", "|", true}, {"|", "'|'", false}}
	if !slices.Equal(words, want) {
		t.Errorf("%+v", words)
	}
	if _, err := Cut(`a "b`, "|"); err == nil || err.Error() != `a " is open at the end of the line` {
		t.Error(err)
	}
}

func TestBackslashesEscape(t *testing.T) {
	for line, want := range map[string]struct {
		words        string
		inWord, open bool
	}{
		``:           {"", false, false},
		`a b`:        {"a;b", true, false},
		`a b `:       {"a;b", false, false},
		`a\ b "\"" `: {`a b;"`, false, false},
		`'a\' b`:     {`a\;b`, true, false},
		`a ''`:       {"a;", true, false},
		`a "b c`:     {"a;b c", true, true},
		`a b\`:       {"a;b", true, true},
	} {
		words, inWord, open := Escaped(line)
		if got := strings.Join(words, ";"); got != want.words || inWord != want.inWord || open != want.open {
			t.Errorf("%q is %q, %v, %v, want %v", line, got, inWord, open, want)
		}
	}
}
