// Command write puts the manual pages (man1, man5), the scripts of the shells' completion
// (completions) and the pages as Markdown (pages) into a directory: write -version V DIR.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"momus/cmd/internal/command"
	"momus/cmd/internal/manual"
)

func main() {
	version := flag.String("version", "dev", "version of momus")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "USAGE: write [-version V] DIR")
		os.Exit(2)
	}
	if err := write(flag.Arg(0), *version); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// write makes the pages for man and for the site, and the completion scripts, below dir; packages
// and the site take them from there.
func write(dir, version string) error {
	files := map[string]string{}
	for _, p := range manual.Pages() {
		files[fmt.Sprintf("man%d/%s.%d", p.Section, p.Name, p.Section)] = p.Roff(version)
		files["pages/"+p.Name+".md"] = p.Markdown()
	}
	for shell, name := range map[string]string{"bash": "momus", "zsh": "_momus", "fish": "momus.fish"} {
		files["completions/"+name] = command.CompletionScript(shell, "momus")
	}
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}
