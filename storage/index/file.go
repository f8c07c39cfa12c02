package index

import (
	"momus/internal/rank"
	"momus/storage/vfs"
)

// file is where an index is, and whether it has to be synced.
type file struct {
	fs vfs.FS

	mu    rank.RWMutex[rank.Index]
	path  string // guarded by mu, as is dirty
	dirty bool   // the file was written or cut since it was synced
}

// SetPath says where the file is after it or its directory was renamed.
func (f *file) SetPath(path string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.path = path
}

// Path is the name of the file.
func (f *file) Path() string {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.path
}

// syncChanged makes the file durable if it was changed since it was synced. The lock is not held
// meanwhile, so that nobody waits for the disk.
func (f *file) syncChanged() error {
	f.mu.Lock()
	name, changed := f.path, f.dirty
	f.dirty = false // first: what is written during the sync is not covered
	f.mu.Unlock()
	if !changed {
		return nil
	}
	err := vfs.SyncFile(f.fs, name)
	if err != nil {
		f.mu.Lock()
		f.dirty = true
		f.mu.Unlock()
	}
	return err
}
