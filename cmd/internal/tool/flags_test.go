package tool

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"momus/cmd/internal/tool/core"
)

// recordedOption is an option of a released tool.
type recordedOption struct {
	Name     string
	Aliases  []string
	Argument string
	Default  *string
}

// own are options that the released tools do not have.
func own() []string { return []string{"json"} }

// TestOptionsAreThoseOfTheReleasedTools compares the tables of options with the recorded ones:
// names, whether they take a value, and default values.
func TestOptionsAreThoseOfTheReleasedTools(t *testing.T) {
	data, err := os.ReadFile("testdata/flags.json")
	if err != nil {
		t.Fatal(err)
	}
	var recorded struct {
		Tools map[string]struct {
			Parser  string
			Options []recordedOption
		}
	}
	if err := json.Unmarshal(data, &recorded); err != nil {
		t.Fatal(err)
	}
	compared := 0
	for name, r := range recorded.Tools {
		if r.Parser != "jopt" && r.Parser != "argparse" { // positional words only
			continue
		}
		compared++
		i := slices.IndexFunc(Tools(), func(t core.Tool) bool { return t.Name == strings.TrimSuffix(name, ".sh") })
		if i < 0 || Tools()[i].Options == nil {
			t.Errorf("%s: no table of options", name)
			continue
		}
		found := map[string]recordedOption{}
		if r.Parser == "argparse" {
			found["--help"] = recordedOption{Name: "--help", Argument: "none"} // every such tool has it
		}
		for _, p := range Tools()[i].Options().Infos() {
			x := recordedOption{Name: "--" + p.Name, Argument: "none"}
			switch {
			case p.Many:
				x.Argument = "one or more words"
			case p.Value && p.Optional:
				x.Argument = "optional"
			case p.Value:
				x.Argument = "required"
			}
			if r.Parser == "jopt" {
				x.Default = &p.Fallback
			}
			found[x.Name] = x
		}
		for _, want := range r.Options {
			got, ok := found[want.Name]
			delete(found, want.Name)
			switch {
			case !ok:
				t.Errorf("%s %s: missing", name, want.Name)
			case got.Argument != want.Argument:
				t.Errorf("%s %s: argument %s, recorded %s", name, want.Name, got.Argument, want.Argument)
			case got.Default != nil && want.Default != nil && *got.Default != *want.Default && !strings.Contains(*want.Default, "<N>"): // a number at random
				t.Errorf("%s %s: default %q, recorded %q", name, want.Name, *got.Default, *want.Default)
			}
		}
		for extra := range found {
			if !slices.Contains(own(), strings.TrimPrefix(extra, "--")) {
				t.Errorf("%s %s: the released tool has no such option", name, extra)
			}
		}
	}
	if compared < 18 {
		t.Errorf("only %d tools were compared", compared)
	}
}
