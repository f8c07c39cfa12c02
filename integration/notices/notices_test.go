// Package notices keeps NOTICES, the licences of what is linked into the program, in step with what
// is linked.
package notices

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"momus/integration/testkit"
)

var write = flag.Bool("write", false, "write NOTICES anew")

// module is what go list says of the module of a package.
type module struct{ Path, Version, Dir string }

// linked lists the modules that ./cmd/momus is made of on all released platforms, by path, without
// the project's own and Go's library.
func linked(t *testing.T, root string) []module {
	t.Helper()
	found := map[string]module{}
	for _, platform := range []string{"linux", "darwin", "windows"} {
		cmd := exec.Command("go", "list", "-deps", "-json=Module", "./cmd/momus")
		cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0", "GOOS="+platform, "GOARCH=amd64")
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		for dec := json.NewDecoder(bytes.NewReader(out)); ; {
			var p struct{ Module *module }
			if err := dec.Decode(&p); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if p.Module != nil && p.Module.Path != "momus" {
				found[p.Module.Path] = *p.Module
			}
		}
	}
	modules := make([]module, 0, len(found))
	for _, m := range found {
		modules = append(modules, m)
	}
	slices.SortFunc(modules, func(a, b module) int { return strings.Compare(a.Path, b.Path) })
	return modules
}

// licences are the texts that a module wants to be passed on: its licence and, with some, a notice.
func licences(t *testing.T, m module) (texts []string) {
	t.Helper()
	files, err := os.ReadDir(m.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		name := strings.ToUpper(f.Name())
		if f.IsDir() || !strings.HasPrefix(name, "LICEN") && !strings.HasPrefix(name, "NOTICE") && !strings.HasPrefix(name, "COPYING") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(m.Dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", "\n")))
	}
	return texts
}

// TestNoticesNameWhatIsLinked: go test ./integration/notices -write
func TestNoticesNameWhatIsLinked(t *testing.T) {
	root := testkit.Root(t)
	var b strings.Builder
	b.WriteString("momus is made with the modules below, each under its own licence.\nThis file is written by: go test ./integration/notices -write\n")
	modules := linked(t, root)
	if len(modules) < 10 {
		t.Fatalf("only %v", modules)
	}
	for _, m := range modules {
		texts := licences(t, m)
		if len(texts) == 0 {
			t.Errorf("%s has no licence", m.Path)
		}
		fmt.Fprintf(&b, "\n%s\n%s\n\n%s\n", strings.Repeat("=", 80), m.Path, strings.Join(texts, "\n\n"))
	}
	file := filepath.Join(root, "NOTICES")
	if *write {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(file)
	if err != nil || string(have) != b.String() {
		t.Errorf("NOTICES does not have the licences of the modules that are linked now (%v); write it with: go test ./integration/notices -write", err)
	}
}
