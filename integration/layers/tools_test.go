package layers

import (
	"slices"
	"strings"
	"testing"
)

// ground are the packages that the tools stand on, from the bottom: each may import those before
// it. Every other package under cmd/internal/tool is a tool.
var ground = []string{"java", "options", "screen", "core", "clients", "complete", "tooltest"}

// TestToolsDoNotKnowEachOther holds the tools apart: one imports the ground, only the registry
// imports tools, and only tests import tooltest.
func TestToolsDoNotKnowEachOther(t *testing.T) {
	const registry = "momus/cmd/internal/tool"
	tools := 0
	for _, p := range packages(t, "./cmd/internal/tool/...") {
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, registry), "/")
		floor := slices.Index(ground, name)
		if name != "" && floor < 0 {
			tools++
		}
		for _, imp := range p.Imports {
			imported, inside := strings.CutPrefix(imp, registry+"/")
			if !inside {
				continue
			}
			below := slices.Index(ground, imported)
			switch {
			case imported == "tooltest":
				t.Errorf("%s imports %s, which is for tests", p.ImportPath, imp)
			case name == "": // the registry knows all
			case below < 0:
				t.Errorf("%s imports the tool %s: what two tools need is in the packages below them", p.ImportPath, imported)
			case floor >= 0 && below >= floor:
				t.Errorf("%s imports %s, which lies above it", p.ImportPath, imported)
			}
		}
	}
	if tools < 20 {
		t.Errorf("only %d tools were looked at", tools)
	}
}
