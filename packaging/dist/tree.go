package main

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// File is one of an archive, a package or an image. It belongs to root and has the time of the commit,
// whoever builds it and whenever.
type File struct {
	Name   string // with slashes
	Mode   int64  // permissions, and the sticky bit
	Source string // its content; "" for what is below
	Data   []byte
	Link   string // what a symbolic link points to; "" for a file
	Dir    bool
}

// content is read when it is written, so that not all binaries are in memory at once.
func (f File) content() ([]byte, error) {
	if f.Source == "" {
		return f.Data, nil
	}
	return os.ReadFile(f.Source)
}

// links are the names of Kafka's tools beside the program, with and without .sh.
func (r *Release) links(dir string) ([]File, error) {
	names, err := os.ReadFile(filepath.Join(r.Root, "cmd", "momus", "links.txt"))
	if err != nil {
		return nil, err
	}
	var out []File
	// links.txt is checked against the table of tools by a test of cmd/internal/command.
	for name := range strings.FieldsSeq(string(names)) {
		out = append(out, File{Name: path.Join(dir, name), Link: "momus", Mode: 0o777}, File{Name: path.Join(dir, name+".sh"), Link: "momus", Mode: 0o777})
	}
	return out, nil
}

// tree are the files below a directory, under another name. All are readable and none is executable:
// modes of the working tree depend on who checked it out.
func tree(source, under string) ([]File, error) {
	var out []File
	err := filepath.WalkDir(source, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		relative, err := filepath.Rel(source, name)
		out = append(out, File{Name: path.Join(under, filepath.ToSlash(relative)), Mode: 0o644, Source: name})
		return err
	})
	return out, err
}

// inOrder sorts files by name and puts the directories that they need before them: unpacking makes
// no directory by itself, which would have the mode and the time of the one who unpacks.
func inOrder(files []File) []File {
	seen := map[string]bool{".": true, "/": true}
	for _, f := range files {
		// Directories that were named have modes of their own.
		if f.Dir {
			seen[f.Name] = true
		}
	}
	// A clone, since the slice grows in the loop.
	for _, f := range slices.Clone(files) {
		for dir := path.Dir(f.Name); !seen[dir]; dir = path.Dir(dir) {
			seen[dir] = true
			files = append(files, File{Name: dir, Dir: true, Mode: 0o755})
		}
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return files
}
