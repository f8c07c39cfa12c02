package command

import (
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// CHANGELOG.md begins with what is not released yet; below it are the releases, newest first, each
// with something to say.
func TestChangelogIsInOrder(t *testing.T) {
	sections := strings.Split(text(t, "CHANGELOG.md"), "\n## ")[1:]
	if len(sections) < 2 || !strings.HasPrefix(sections[0], "Unreleased\n") {
		t.Fatalf("the first section is not Unreleased, or there is no release: %d sections", len(sections))
	}
	last := []int{1 << 30}
	for _, s := range sections[1:] {
		name, body, _ := strings.Cut(s, "\n")
		m := regexp.MustCompile(`^(\d+)\.(\d+)\.(\d+)$`).FindStringSubmatch(name)
		if m == nil {
			t.Fatalf("%q is not MAJOR.MINOR.PATCH", name)
		}
		var version []int
		for _, part := range m[1:] {
			n, err := strconv.Atoi(part)
			if err != nil {
				t.Fatal(err)
			}
			version = append(version, n)
		}
		if slices.Compare(version, last) >= 0 {
			t.Errorf("%s stands below %v", name, last)
		}
		if strings.TrimSpace(body) == "" {
			t.Errorf("%s says nothing", name)
		}
		last = version
	}
}

// What a build is called comes from CHANGELOG.md: its newest release, or that and the commit.
func TestVersionComesFromTheChangelog(t *testing.T) {
	newest := regexp.MustCompile(`(?m)^## (\d+\.\d+\.\d+)$`).FindStringSubmatch(text(t, "CHANGELOG.md"))
	if newest == nil {
		t.Fatal("no release")
	}
	cmd := exec.Command("sh", "packaging/version.sh")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	want := `^` + regexp.QuoteMeta(newest[1]) + `(\+(source|git\.[0-9]{14}\.[0-9a-f]{12,}(\.dirty)?))?\n$`
	if !regexp.MustCompile(want).Match(out) {
		t.Errorf("%q is not %s", out, want)
	}
}
