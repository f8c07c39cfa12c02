package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
)

// dataFile lists the directories that quickstart made, beside them. Nothing else is ever removed.
const dataFile = "momus-quickstart.json"

var madeName = regexp.MustCompile(`^(broker-[1-9][0-9]*|zookeeper)$`)

// dataDir is the directory of a quickstart.
type dataDir struct {
	path string
	made []string // names of directories
}

type dataFileContent struct {
	Comment     string   `json:"comment"`
	Directories []string `json:"directories"`
}

// openDataDir reads the list of what was made before; the directory need not exist.
func openDataDir(path string) (*dataDir, error) {
	d := &dataDir{path: path}
	data, err := os.ReadFile(filepath.Join(path, dataFile))
	if errors.Is(err, fs.ErrNotExist) {
		return d, nil
	}
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	var content dataFileContent
	if err := json.Unmarshal(data, &content); err != nil {
		return nil, fmt.Errorf("data directory: %s: %w", filepath.Join(path, dataFile), err)
	}
	for _, name := range content.Directories {
		if madeName.MatchString(name) {
			d.made = append(d.made, name)
		}
	}
	return d, nil
}

// wipe removes the directories that quickstart made, and refuses when one that is needed was made by somebody else.
func (d *dataDir) wipe(needed []string) error {
	for _, name := range needed {
		if slices.Contains(d.made, name) {
			continue
		}
		entries, err := os.ReadDir(filepath.Join(d.path, name))
		if err == nil && len(entries) > 0 {
			return fmt.Errorf("%s was not made by momus quickstart, so --fresh does not remove it; remove it yourself or choose another directory with --dir",
				filepath.Join(d.path, name))
		}
	}
	for _, name := range d.made {
		if err := os.RemoveAll(filepath.Join(d.path, name)); err != nil {
			return fmt.Errorf("wipe data directory: %w", err)
		}
	}
	d.made = nil
	return nil
}

// create makes a directory if it is missing and notes that; it returns its path.
func (d *dataDir) create(name string) (string, error) {
	path := filepath.Join(d.path, name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(d.path, 0o755); err != nil {
		return "", fmt.Errorf("data directory: %w", err)
	}
	// The note comes first: a directory that is noted and missing does no harm.
	d.made = append(d.made, name)
	slices.Sort(d.made)
	d.made = slices.Compact(d.made)
	data, err := json.MarshalIndent(dataFileContent{Comment: "directories made by momus quickstart; --fresh removes these and no others", Directories: d.made}, "", "  ")
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(d.path, dataFile), append(data, '\n'), 0o644); err != nil {
		return "", fmt.Errorf("data directory: %w", err)
	}
	if err := os.Mkdir(path, 0o755); err != nil {
		return "", fmt.Errorf("data directory: %w", err)
	}
	return path, nil
}
