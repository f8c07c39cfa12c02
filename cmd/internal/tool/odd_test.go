package tool

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"momus/cmd/internal/tool/tooltest"
	recorded "momus/integration/tools"
)

// TestOddValuesAreAnsweredAsJavas replays what the released tools made of odd values: empty ones,
// -1, huge ones, unicode, repeated options, = in values, files that are missing or empty.
// integration/tools records them (TestOddValuesAreJavas).
func TestOddValuesAreAnsweredAsJavas(t *testing.T) {
	files, err := filepath.Glob("testdata/odd/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	settings := map[string]string{}
	for _, s := range recorded.OddSettings() {
		k, v, _ := strings.Cut(s, "=")
		settings[k] = v
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			odd, err := recorded.LoadOdd(file)
			if err != nil {
				t.Fatal(err)
			}
			c := tooltest.NewCluster(t, 1, settings)
			there, back := recorded.OddAddresses(c.Bootstrap[0], c.ZooKeeper)
			dir := t.TempDir()
			for name, text := range odd.Files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(there.Replace(text)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			t.Chdir(dir)
			for _, x := range odd.Cases {
				replayOdd(t, file, x, there, back, dir)
				if slices.Contains(x.Args, "--alter") && slices.Contains(x.Args, "brokers") {
					c.AwaitBrokerConfigs()
				}
			}
		})
	}
}

func replayOdd(t *testing.T, file string, x *recorded.Odd, there, back *strings.Replacer, dir string) {
	t.Helper()
	i := slices.IndexFunc(Tools(), func(t Tool) bool { return t.Name == x.Args[0] })
	if i < 0 {
		t.Fatalf("%s:%d: there is no tool %s", file, x.Line, x.Args[0])
	}
	var args []string
	for _, a := range x.Args[1:] {
		args = append(args, there.Replace(a))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var stdout, stderr bytes.Buffer
	code := Tools()[i].Run(ctx, &Env{Args: args, Stdin: strings.NewReader(x.Stdin), Stdout: &stdout, Stderr: &stderr, Getenv: func(string) string { return "" }})
	out, errs := stdout.String(), stderr.String()
	plain := func(s string) string { return strings.ReplaceAll(back.Replace(s), dir, "<DIR>") }
	got := recorded.Answer{Stdout: plain(out), Stderr: plain(errs), Exit: code}.Plain()
	want := x.Java
	if x.Why != "" {
		want = x.Native
	}
	if what := want.Differs(x.Mode, got); what != "" {
		t.Errorf("%s:%d: %s\n%s differ\n--- recorded, exit %d\n%s--- on stderr\n%s--- printed, exit %d\n%s--- on stderr\n%s", file, x.Line,
			strings.Join(x.Args, " "), what, want.Exit, want.Stdout, want.Stderr, got.Exit, got.Stdout, got.Stderr)
	}
}
