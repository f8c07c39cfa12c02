package producer

import (
	"errors"
	"testing"

	"momus/storage/vfs"
)

// A snapshot that cannot be read is named once, and the load goes on without it.
func TestDamagedSnapshotIsNamed(t *testing.T) {
	files := vfs.NewMem()
	if err := files.MkdirAll("/log"); err != nil {
		t.Fatal(err)
	}
	m := NewManager(files, "/log", 1000, []int64{5})
	f, err := vfs.Create(files, m.path(5))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("not a snapshot of producers"), 0); err != nil {
		t.Fatal(err)
	}
	f.Close()
	var named []string
	m.Damaged = func(file string, err error) {
		if !errors.Is(err, ErrCorruptSnapshot) {
			t.Error(err)
		}
		named = append(named, file)
	}
	if err := m.Reload(0, 9, 0); err != nil {
		t.Fatal(err)
	}
	if len(named) != 1 || named[0] != m.path(5) {
		t.Errorf("named %v", named)
	}
}
