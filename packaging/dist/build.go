package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// build makes the binaries, the manual pages and the completions. The pages are those of the commands
// in the binaries: the repository writes them of the same tables.
func (r *Release) build(chosen []Platform) error {
	for _, p := range chosen {
		fmt.Println("building", r.Name(p))
		flags := "-s -w -X main.version=" + r.Version + " -X main.commit=" + r.Commit
		// Levels of the processors are named, since the builder's own environment would be in the
		// binary; without VCS stamps, which a tarball of the source does not have.
		if err := r.goTool([]string{"CGO_ENABLED=0", "GOOS=" + p.OS, "GOARCH=" + p.Arch, "GOAMD64=v1", "GOARM64=v8.0"},
			"build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", r.Binary(p), "./cmd/momus"); err != nil {
			return err
		}
	}
	return r.goTool(nil, "run", "./cmd/internal/manual/write", "-version", r.Version, r.Doc())
}

// goTool runs go in the repository. GOFLAGS are not the caller's: they would be in the binary.
func (r *Release) goTool(env []string, args ...string) error {
	cmd := exec.Command("go", args...)
	cmd.Dir = r.Root
	cmd.Env = append(append(os.Environ(), "GOFLAGS=", "GOWORK=off"), env...)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	return nil
}
