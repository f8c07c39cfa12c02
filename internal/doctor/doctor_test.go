package doctor

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

var writeDocs = flag.Bool("write-docs", false, "write the table of docs/doctor.md anew")

const page = "../../docs/doctor.md"

// The table of the page is that of the rules.
func TestPageListsTheRules(t *testing.T) {
	const head = "| name | looks for |\n|---|---|\n"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, _, ok := strings.Cut(string(text), head)
	if !ok {
		t.Fatalf("%s has no table", page)
	}
	var want strings.Builder
	want.WriteString(before + head)
	for _, r := range Rules() {
		fmt.Fprintf(&want, "| `%s` | %s |\n", r.Name, r.Looks)
	}
	if want.String() == string(text) {
		return
	}
	if !*writeDocs {
		t.Fatalf("%s does not list the rules; write it again with: go test ./internal/doctor -run Page -write-docs", page)
	}
	if err := os.WriteFile(page, []byte(want.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestRulesAreWellFormed(t *testing.T) {
	name, seen := regexp.MustCompile(`^[a-z]+\.[a-z-]+$`), map[string]bool{}
	for _, r := range Rules() {
		if !name.MatchString(r.Name) || seen[r.Name] || r.Looks == "" || r.Check == nil {
			t.Errorf("%+v", r)
		}
		seen[r.Name] = true
	}
	if len(seen) < 30 {
		t.Errorf("only %d rules", len(seen))
	}
}

// Nothing can be said about an empty snapshot, and nothing may panic.
func TestEmptySnapshot(t *testing.T) {
	if r := Examine(&Snapshot{Controller: -1}); len(r.Findings) != 1 || r.Findings[0].Name != "controller.none" {
		t.Errorf("%+v", r.Findings)
	}
}
