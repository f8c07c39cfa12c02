// Command site makes the documentation as static pages: those of docs, the README, the changelog, and
// the manual pages of all commands and tools. The pages ask nobody for anything: they work from a
// directory without a server, and searching happens in them.
//
//	site -version V -root REPOSITORY -out DIR
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

func main() {
	version := flag.String("version", "dev", "version of momus")
	root := flag.String("root", "..", "root of the repository")
	out := flag.String("out", "", "directory of the site, emptied first")
	flag.Parse()
	if err := run(*version, *root, *out); err != nil {
		fmt.Fprintln(os.Stderr, "site:", err)
		os.Exit(1)
	}
}

// run makes the site in out. The manual pages are made anew, in a directory that goes when it is done:
// they belong to the version that is named.
func run(version, root, out string) error {
	if out == "" {
		return fmt.Errorf("give -out")
	}
	work, err := os.MkdirTemp("", "momus-site-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := manual(root, work, version); err != nil {
		return err
	}
	s, err := load(root, filepath.Join(work, "pages"))
	if err != nil {
		return err
	}
	files, err := s.render(version)
	if err != nil {
		return err
	}
	// Only when everything could be rendered: a failed run leaves the old site.
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	for name, data := range files {
		path := filepath.Join(out, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	fmt.Printf("%d files in %s\n", len(files), out)
	return nil
}

// manual has the repository write the manual pages as Markdown.
func manual(root, dir, version string) error {
	cmd := exec.Command("go", "run", "./cmd/internal/manual/write", "-version", version, dir)
	cmd.Dir, cmd.Stderr = root, os.Stderr
	return cmd.Run()
}
