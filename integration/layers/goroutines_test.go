package layers

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// ends is how a comment says who ends a goroutine.
var ends = regexp.MustCompile(`\b[Ee]nd(s|ed)\b`)

// TestGoroutinesHaveOwners wants every goroutine to belong to a group that is waited for (Go of a
// WaitGroup or errgroup), or a comment at its go statement that says who ends it.
func TestGoroutinesHaveOwners(t *testing.T) {
	seen := 0
	for _, p := range packages(t, "./...") {
		if under(p.ImportPath, "momus/integration") {
			continue
		}
		for _, name := range p.GoFiles {
			files := token.NewFileSet()
			f, err := parser.ParseFile(files, filepath.Join(p.Dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			said := map[int]bool{} // lines with such a comment, and those below one
			for _, c := range f.Comments {
				if ends.MatchString(strings.ReplaceAll(c.Text(), "\n", " ")) {
					last := files.Position(c.End()).Line
					said[last], said[last+1] = true, true
				}
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if g, ok := n.(*ast.GoStmt); ok {
					seen++
					if at := files.Position(g.Pos()); !said[at.Line] {
						t.Errorf("%s: say who ends this goroutine in a comment at its go statement, or start it with Go of a WaitGroup", at)
					}
				}
				return true
			})
		}
	}
	if seen < 10 {
		t.Errorf("only %d go statements were looked at", seen)
	}
}
