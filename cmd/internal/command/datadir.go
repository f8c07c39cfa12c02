package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"

	"momus/storage/checkpoint"
	"momus/storage/vfs"
)

// dataFile lists the directories that quickstart made, beside them. Nothing else is ever removed.
const dataFile = "momus-quickstart.json"

// madeName guards against a list that somebody edited: --fresh removes only names that quickstart
// gives, and no path.
var madeName = regexp.MustCompile(`^(broker-[1-9][0-9]*|zookeeper|security)$`)

// dataDir is the directory of a quickstart.
type dataDir struct {
	path string
	made []string // names of directories
	lock io.Closer
}

// dataFileContent is a file in the data directory that lists the directories which quickstarts have
// made in it; the comment is for a person who finds it.
type dataFileContent struct {
	Comment     string   `json:"comment"`
	Directories []string `json:"directories"`
}

// openDataDir takes the lock of a quickstart's directory, which it makes if it is missing, and
// reads the list of what was made before. close lets the lock go.
func openDataDir(path string) (*dataDir, error) {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	lock, err := vfs.OS{}.Lock(filepath.Join(path, dataLock))
	if errors.Is(err, vfs.ErrLocked) {
		return nil, inUse(path)
	}
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	d, err := readDataDir(path)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	d.lock = lock
	return d, nil
}

// dataLock is the file that a running quickstart holds locked.
const dataLock = ".momus-quickstart.lock"

// inUse is the error of a directory that another process holds the lock of.
func inUse(path string) error {
	return fmt.Errorf("%s is in use: another momus, or a Kafka, is running with this data. Stop it, or choose another directory with --dir", path)
}

// close gives the lock back; the file of the lock stays.
func (d *dataDir) close() error { return d.lock.Close() }

// readDataDir reads the list of what was made before.
func readDataDir(path string) (*dataDir, error) {
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

// wipe removes the directories that quickstart made, and refuses when one that is needed was made
// by somebody else.
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
	release, err := d.lockAll()
	if err != nil {
		return err
	}
	if runtime.GOOS == "windows" {
		release() // files that are open cannot be removed there
	} else {
		defer release()
	}
	for _, name := range d.made {
		if err := os.RemoveAll(filepath.Join(d.path, name)); err != nil {
			return fmt.Errorf("wipe data directory: %w", err)
		}
	}
	d.made = nil
	return nil
}

// lockAll takes the locks that a server in each directory would hold: whoever lives there may have
// been started in another way.
func (d *dataDir) lockAll() (release func(), err error) {
	var held []func() error
	release = func() {
		for _, f := range held {
			f() // a lock ends with its file
		}
	}
	for _, name := range d.made {
		path := filepath.Join(d.path, name)
		if _, err := os.Stat(path); err != nil {
			continue
		}
		lock, err := vfs.OS{}.Lock(filepath.Join(path, checkpoint.LockFile)) // the coordination server's has the same name
		if err != nil {
			release()
			return nil, inUse(path)
		}
		held = append(held, lock.Close)
	}
	return release, nil
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
