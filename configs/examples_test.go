package configs

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// Every example loads without a warning, and so does what it shows in comments.
func TestExamplesLoad(t *testing.T) {
	files, err := filepath.Glob("examples/*")
	if err != nil || len(files) < 6 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	shown := regexp.MustCompile(`(?m)^#([a-z]+\.[a-z.]+|listeners)=`)
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all := filepath.Join(t.TempDir(), filepath.Base(f))
		if err := os.WriteFile(all, shown.ReplaceAll(data, []byte("$1=")), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{f, all} {
			no := false
			_, warnings, err := Load(Sources{File: path, Hostname: "h", Container: &no})
			if err != nil {
				t.Errorf("%s: %v", f, err)
			}
			for _, w := range warnings {
				t.Errorf("%s: %s", f, w)
			}
		}
		if bytes.Contains(data, []byte("\t")) {
			t.Errorf("%s has tabs", f)
		}
	}
}

func TestYAMLExampleIsThePropertiesExample(t *testing.T) {
	values := func(file string) map[string]string {
		no := false
		c, _, err := Load(Sources{File: file, Hostname: "h", Container: &no})
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]string{}
		for k, s := range c.Settings() {
			out[k] = s.Value
		}
		return out
	}
	if p, y := values("examples/server.properties"), values("examples/server.yaml"); !maps.Equal(p, y) {
		t.Errorf("properties %v\nyaml %v", p, y)
	}
}

// The distribution's own file, of which the example is made, keeps its values.
func TestExampleHasTheValuesOfTheShippedFile(t *testing.T) {
	no := false
	c, _, err := Load(Sources{File: "examples/server.properties", Hostname: "h", Container: &no})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range stock {
		if s[0] == "log.dirs" {
			continue
		}
		if set, ok := c.Get(s[0]); !ok || set.Value != s[1] {
			t.Errorf("%s is %q, shipped is %q", s[0], set.Value, s[1])
		}
	}
}
