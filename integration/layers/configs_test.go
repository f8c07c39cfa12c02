package layers

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"testing"
)

// whole are the packages that may know the whole configuration of a broker: those that assemble
// brokers, and the program.
var whole = []string{"momus/broker", "momus/broker/embed"}

// TestPartsReadSettingsOfTheirOwn holds every other package to the keys that it names: it may see
// all of them in SettingsOf only, which takes its own out.
func TestPartsReadSettingsOfTheirOwn(t *testing.T) {
	settings := 0
	for _, pattern := range []string{"./storage/...", "./coordinator/...", "./broker/..."} {
		for _, p := range packages(t, pattern) {
			if slices.Contains(whole, p.ImportPath) {
				continue
			}
			for _, name := range p.GoFiles {
				files := token.NewFileSet()
				f, err := parser.ParseFile(files, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range f.Decls {
					fn, _ := d.(*ast.FuncDecl)
					takesOut := fn != nil && fn.Name.Name == "SettingsOf"
					if takesOut {
						settings++
					}
					ast.Inspect(d, func(n ast.Node) bool {
						if s, ok := n.(*ast.SelectorExpr); ok && !takesOut && isWhole(s) {
							t.Errorf("%s: configs.%s is the configuration of the whole broker: name the keys that are read in a struct Settings, with SettingsOf", files.Position(s.Pos()), s.Sel.Name)
						}
						return true
					})
				}
			}
		}
	}
	if settings < 5 {
		t.Errorf("only %d SettingsOf were seen", settings)
	}
}

// isWhole reports whether a name is a type with all keys of a broker.
func isWhole(s *ast.SelectorExpr) bool {
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == "configs" && (s.Sel.Name == "Broker" || s.Sel.Name == "Config")
}
