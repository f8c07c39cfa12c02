package command

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents are the pages of the project, by path from its root.
func documents(t *testing.T) []string {
	t.Helper()
	pages := sources(t, ".md")
	if len(pages) < 10 {
		t.Fatalf("only %v", pages)
	}
	return pages
}

// sources are the project's own files with an ending.
func sources(t *testing.T, ending string) (names []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "bin", "build", "data", "testdata", "node_modules", "vendor"}, d.Name()):
			return fs.SkipDir
		case !d.IsDir() && strings.HasSuffix(name, ending):
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func exists(name string) bool {
	_, err := os.Stat(filepath.Join(root, filepath.FromSlash(name)))
	return err == nil
}

func TestLinksOfDocumentsLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`)
	for _, page := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(text(t, page), -1) {
			if !strings.Contains(m[1], "://") && !strings.HasPrefix(m[1], "mailto:") && !exists(path.Join(path.Dir(page), m[1])) {
				t.Errorf("%s links to %s, which is not there", page, m[1])
			}
		}
	}
}

// Commands in documents are make targets, commands of momus or tools of Kafka.
func TestCommandsOfDocumentsExist(t *testing.T) {
	makefile := text(t, "Makefile")
	target := regexp.MustCompile("(?m)(?:`|^ {4}|&& )(?:sudo )?make ([a-z][a-z-]*)")
	word := regexp.MustCompile("(?m)(?:`|^ {4})(?:bin/)?momus ([a-z][a-z-]*)")
	tools := regexp.MustCompile("(?m)(?:`|^ {4})(?:bin/)?((?:kafka|zookeeper)-[a-z-]+[a-z])(?:\\.sh)?\\b")
	checked := 0
	for _, page := range documents(t) {
		content := text(t, page)
		for _, m := range target.FindAllStringSubmatch(content, -1) {
			if checked++; !strings.Contains(makefile, "\n"+m[1]+":") {
				t.Errorf("%s: there is no make target %s", page, m[1])
			}
		}
		for _, m := range append(word.FindAllStringSubmatch(content, -1), tools.FindAllStringSubmatch(content, -1)...) {
			if _, ok := find(m[1]); !ok && !foreign[m[1]] {
				t.Errorf("%s: there is no command %s", page, m[1])
			}
			checked++
		}
	}
	if checked < 30 {
		t.Errorf("only %d commands were found", checked)
	}
}

// foreign are words that look like commands of Kafka and are something else.
var foreign = map[string]bool{"kafka-python": true, "kafka-go": true, "kafka-acl": true, "kafka-acl-extended": true, "kafka-acl-changes": true,
	"kafka-acl-extended-changes": true, "kafka-cluster": true, "kafka-clients": true}

// A path of code in a document, in backquotes, is a file or a directory of the project.
func TestCodeNamedInDocumentsExists(t *testing.T) {
	top := `(?:broker|cmd|configs|coordinator|integration|internal|storage|docs)`
	place := regexp.MustCompile("`(" + top + `(?:/[A-Za-z0-9_.-]+)+)(?::[0-9]+)?` + "`")
	for _, page := range documents(t) {
		for _, m := range place.FindAllStringSubmatch(text(t, page), -1) {
			if !strings.Contains(m[1], "NAME") && !exists(m[1]) {
				t.Errorf("%s names %s, which is not there", page, m[1])
			}
		}
	}
}

// A test that a page names is one of the package that stands before it, or, where none does, of any.
func TestTestsNamedInDocumentsExist(t *testing.T) {
	declared := regexp.MustCompile(`(?m)^func (Test[A-Z]\w*)\(`)
	at := map[string][]string{} // the directories that have a test of a name
	for _, name := range sources(t, "_test.go") {
		for _, m := range declared.FindAllStringSubmatch(text(t, name), -1) {
			at[m[1]] = append(at[m[1]], path.Dir(name))
		}
	}
	word := regexp.MustCompile("`((?:broker|cmd|configs|coordinator|integration|internal|storage)(?:/[a-z0-9]+)*)`|\\b(Test[A-Z]\\w*)|[|;.]")
	checked := 0
	for _, page := range documents(t) {
		dir := ""
		for _, m := range word.FindAllStringSubmatch(text(t, page), -1) {
			switch {
			case m[1] != "":
				dir = m[1]
			case m[2] == "":
				dir = ""
			case len(at[m[2]]) == 0 || dir != "" && !slices.Contains(at[m[2]], dir):
				t.Errorf("%s names %s of %q, which is not there", page, m[2], dir)
			default:
				checked++
			}
		}
	}
	if checked < 60 {
		t.Errorf("only %d tests were found", checked)
	}
}

// A comment that cites a page cites one that a reader of the repository has.
func TestPagesNamedInCodeExist(t *testing.T) {
	page := regexp.MustCompile(`\b(?:[a-z_-]+/)*[A-Za-z_-]+\.md\b`)
	pages := documents(t)
	for _, name := range sources(t, ".go") {
		for i, line := range strings.Split(text(t, name), "\n") {
			_, comment, ok := strings.Cut(line, "//")
			if !ok {
				continue
			}
			for _, m := range page.FindAllString(comment, -1) {
				if !slices.Contains(pages, m) && !exists(path.Join(path.Dir(name), m)) {
					t.Errorf("%s:%d cites %s, which is not in the repository", name, i+1, m)
				}
			}
		}
	}
}
