package doctor

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// sources are the files of the package, without tests.
func sources(t *testing.T) []*ast.File {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

// literal is the text of a constant expression of texts.
func literal(e ast.Expr) (string, bool) {
	switch x := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(x.Value)
		return s, err == nil
	case *ast.BinaryExpr:
		a, ok := literal(x.X)
		b, also := literal(x.Y)
		return a + b, ok && also
	}
	return "", false
}

// said lists the formats that Lang.say is called with, and the nouns of Lang.count.
func said(t *testing.T) (formats, nouns []string) {
	t.Helper()
	each(t, func(c *ast.CallExpr) {
		s, ok := c.Fun.(*ast.SelectorExpr)
		if !ok || s.Sel.Name != "say" && s.Sel.Name != "count" {
			return
		}
		text, constant := literal(c.Args[len(c.Args)-1])
		if s.Sel.Name == "say" {
			text, constant = literal(c.Args[0])
		}
		switch {
		case !constant:
			t.Errorf("%s is called with a text that is put together", s.Sel.Name)
		case s.Sel.Name == "say":
			formats = append(formats, text)
		default:
			nouns = append(nouns, text)
		}
	})
	return formats, nouns
}

// each looks at what the sources have of a kind of node.
func each[N ast.Node](t *testing.T, look func(N)) {
	t.Helper()
	for _, f := range sources(t) {
		ast.Inspect(f, func(n ast.Node) bool {
			if n, ok := n.(N); ok {
				look(n)
			}
			return true
		})
	}
}

var verb = regexp.MustCompile(`%(?:\[(\d+)\])?([.\d]*)(?:\[(\d+)\])?([a-z%])`)

// verbs are those of a format by the number of their argument.
func verbs(format string) map[int]string {
	all, next := map[int]string{}, 1
	for _, m := range verb.FindAllStringSubmatch(format, -1) {
		if m[4] == "%" {
			continue
		}
		if index := m[1] + m[3]; index != "" {
			next, _ = strconv.Atoi(index)
		}
		all[next] = m[2] + m[4]
		next++
	}
	return all
}

func TestEverySentenceIsInBothLanguages(t *testing.T) {
	tables := maps.Clone(korean)
	maps.Copy(tables, koreanRest)
	if len(tables) != len(korean)+len(koreanRest) {
		t.Error("a format is in both tables")
	}
	formats, nouns := said(t)
	for _, f := range formats {
		ko, ok := tables[f]
		if !ok {
			t.Errorf("%q is not in Korean", f)
			continue
		}
		want := verbs(f)
		got := verbs(ko)
		for i, v := range got {
			if want[i] != v {
				t.Errorf("%q: argument %d is %%%s, not %%%s as in %q", ko, i, v, want[i], f)
			}
		}
		// With an index fmt allows that arguments are left out.
		if len(got) < len(want) && !strings.Contains(ko, "[") {
			t.Errorf("%q leaves arguments of %q out without naming those that it takes", ko, f)
		}
	}
	for _, n := range nouns {
		if koreanNouns[n] == "" {
			t.Errorf("%q has no Korean word", n)
		}
	}
	for _, r := range Rules() {
		if !hangul(looksKorean[r.Name]) {
			t.Errorf("%s does not say in Korean what it looks for", r.Name)
		}
	}
	if len(looksKorean) != len(Rules()) {
		t.Error("there are Korean words of what is no rule")
	}
	for f := range tables {
		if !slices.Contains(formats, f) {
			t.Errorf("%q is said nowhere", f)
		}
	}
}

// What is shown of a finding goes through Lang.say: no field is a text in one language.
func TestFindingsAreSaid(t *testing.T) {
	each(t, func(field *ast.KeyValueExpr) {
		name, ok := field.Key.(*ast.Ident)
		if ok && slices.Contains([]string{"Summary", "Consequence", "Cure"}, name.Name) {
			if text, constant := literal(field.Value); constant {
				t.Errorf("%s %q is in English alone", name.Name, text)
			}
		}
	})
}

func hangul(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Hangul, r) })
}

// english are words that the Korean sentences have no use for.
var english = regexp.MustCompile(`(^|[ (])(is|are|has|have|the|of|and|brokers?|replicas|partitions?)([ ,;:.)]|$)`)

// setting is evidence that is the same in every language.
var setting = regexp.MustCompile(`^[\w.]+=[\w.]+$`)

func TestReportsInKorean(t *testing.T) {
	for i, x := range snapshots() {
		s := three()
		s.Lang = Korean
		x.change(s)
		for _, f := range Examine(s).Findings {
			for _, text := range append([]string{f.Summary, f.Consequence, f.Cure}, f.Evidence...) {
				if !hangul(text) && !setting.MatchString(text) || english.MatchString(text) || strings.Contains(text, "%!") {
					t.Errorf("%d, %s: %s", i, f.Name, text)
				}
			}
		}
	}
	if got, want := Korean.count(3, "partition")+", "+Korean.brokers([]int32{1, 2})+", "+fmt.Sprint(Korean.ids(nil)), "파티션 3개, 1, 2번 브로커, 없음"; got != want {
		t.Errorf("%s instead of %s", got, want)
	}
}
