package command

import (
	"slices"
	"strings"
	"testing"
)

func TestShellWordsSplitAsAShellDoes(t *testing.T) {
	for line, want := range map[string][]string{
		"momus topics --to":            {"momus", "topics", "--to"},
		"momus topics ":                {"momus", "topics", ""},
		`A=1 B='x y' momus "a b" c\ d`: {"momus", "a b", "c d"},
		`momus --topic 'half`:          {"momus", "--topic", "half"},
		"":                             {""},
		`momus "a\"b" 'c\d' --x="y z"`: {"momus", `a"b`, `c\d`, "--x=y z"},
	} {
		if got := shellWords(line); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

func TestEscapedWordsComeBackWhole(t *testing.T) {
	for _, w := range []string{"plain", "a b", `kafka.X$Y`, `q"u'o\te`, "(x)*[y]?", "ключ"} {
		if got := shellWords(escapeForBash(w)); len(got) != 1 || got[0] != w {
			t.Errorf("%q: %q", w, got)
		}
	}
}

func TestHelpShowsCompletionButNotItsAnswers(t *testing.T) {
	w := newWorld()
	code, out := w.do("help"), w.stdout.String()
	if code != 0 || !strings.Contains(out, "momus completion") || strings.Contains(out, "momus complete ") {
		t.Errorf("help:\n%s", out)
	}
}

func FuzzShellWords(f *testing.F) {
	f.Add(`a "b c" d\ e 'f`)
	f.Fuzz(func(t *testing.T, line string) {
		if len(shellWords(line)) == 0 {
			t.Error("no word at all")
		}
	})
}
