package vfs

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Mem is a file system in memory that knows what would survive a power failure: the content of a
// file as of its last Sync, and directory entries as of the last SyncDir of any directory (entries
// are journaled in order, as ext4 does). CrashClone makes the file system found after such a
// failure.
type Mem struct {
	mu      sync.Mutex
	names   map[string]*memNode // guarded by mu; clean absolute names
	durable map[string]*memNode // guarded by mu; names after the last SyncDir
	journal []memOp             // guarded by mu; changes of names since then, in order
	locked  map[string]bool     // guarded by mu
	// Now gives modification times; nil is time.Now. Set it before use.
	Now func() time.Time
}

var _ FS = (*Mem)(nil)

// memOp is one change of names: node is put at to (if not empty) and what was at from is gone.
type memOp struct {
	from, to string
	node     *memNode
}

type memNode struct {
	dir bool

	mu     sync.Mutex
	data   []byte // guarded by mu
	synced []byte // guarded by mu; content after the last Sync, never changed in place
	mtime  time.Time
}

// NewMem returns an empty file system with a root directory.
func NewMem() *Mem {
	root := map[string]*memNode{"/": {dir: true}}
	return &Mem{names: root, durable: cloneNames(root), locked: map[string]bool{}}
}

func cloneNames(m map[string]*memNode) map[string]*memNode {
	c := make(map[string]*memNode, len(m))
	for k, v := range m {
		c[k] = v
	}
	return c
}

// now is called with or without mu: it touches nothing but Now.
func (m *Mem) now() time.Time {
	if m.Now != nil {
		return m.Now()
	}
	return time.Now()
}

// clean makes a name absolute and unique, so that it can be a key: "a/../b" and "/b" are one file.
func clean(name string) string { return filepath.ToSlash(filepath.Clean("/" + name)) }

func notExist(op, name string) error { return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist} }

// applyLocked changes names and remembers the change in the journal.
func (m *Mem) applyLocked(op memOp) {
	m.journal = append(m.journal, op)
	op.apply(m.names)
}

// apply moves, removes or creates a name; whatever lies below a directory moves with it.
func (op memOp) apply(names map[string]*memNode) {
	if op.from != "" {
		moved := map[string]*memNode{}
		for name, node := range names {
			if name == op.from || strings.HasPrefix(name, op.from+"/") {
				delete(names, name)
				moved[name] = node
			}
		}
		if op.to != "" {
			for name, node := range moved {
				names[op.to+strings.TrimPrefix(name, op.from)] = node
			}
		}
		return
	}
	names[op.to] = op.node
}

func (m *Mem) OpenFile(name string, flag int) (File, error) {
	if flag&os.O_APPEND != 0 {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	key := clean(name)
	node := m.names[key]
	switch {
	case node == nil && flag&os.O_CREATE == 0:
		return nil, notExist("open", name)
	case node == nil:
		if parent := m.names[clean(filepath.Dir(key))]; parent == nil || !parent.dir {
			return nil, notExist("open", name)
		}
		node = &memNode{mtime: m.now()}
		m.applyLocked(memOp{to: key, node: node})
	case flag&os.O_EXCL != 0:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrExist}
	case node.dir:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fmt.Errorf("is a directory")}
	case flag&os.O_TRUNC != 0:
		node.truncate(0, m.now())
	}
	return &memFile{fs: m, node: node, name: name, writable: flag&(os.O_RDWR|os.O_WRONLY) != 0}, nil
}

func (m *Mem) Rename(oldName, newName string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	from, to := clean(oldName), clean(newName)
	node := m.names[from]
	if node == nil {
		return notExist("rename", oldName)
	}
	if parent := m.names[clean(filepath.Dir(to))]; parent == nil || !parent.dir {
		return notExist("rename", newName)
	}
	if target := m.names[to]; target != nil && target.dir && from != to {
		return &fs.PathError{Op: "rename", Path: newName, Err: fs.ErrExist}
	}
	if from != to {
		m.applyLocked(memOp{from: from, to: to})
	}
	return nil
}

// treeLocked are the names of a file, or of a directory and all below it, in order: each before
// those below it.
func (m *Mem) treeLocked(name string) (tree []string) {
	key := clean(name)
	for other := range m.names {
		if other == key || strings.HasPrefix(other, key+"/") {
			tree = append(tree, other)
		}
	}
	slices.Sort(tree)
	return tree
}

func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	tree := m.treeLocked(name)
	if len(tree) == 0 || tree[0] != clean(name) {
		return notExist("remove", name)
	}
	if len(tree) > 1 {
		return &fs.PathError{Op: "remove", Path: name, Err: fmt.Errorf("directory not empty")}
	}
	m.applyLocked(memOp{from: tree[0]})
	return nil
}

func (m *Mem) RemoveAll(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, other := range slices.Backward(m.treeLocked(name)) { // children first, each a step of its own for CrashClone
		m.applyLocked(memOp{from: other})
	}
	return nil
}

func (m *Mem) MkdirAll(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := clean(name)
	for i := 1; i <= len(key); i++ {
		if i < len(key) && key[i] != '/' {
			continue
		}
		switch node := m.names[key[:i]]; {
		case node == nil:
			m.applyLocked(memOp{to: key[:i], node: &memNode{dir: true, mtime: m.now()}})
		case !node.dir:
			return &fs.PathError{Op: "mkdir", Path: name, Err: fs.ErrExist}
		}
	}
	return nil
}

// Scatter does nothing: memory has no places.
func (m *Mem) Scatter(string) {}

func (m *Mem) ReadDir(name string) ([]fs.DirEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := clean(name)
	if node := m.names[key]; node == nil || !node.dir {
		return nil, notExist("readdir", name)
	}
	var entries []fs.DirEntry
	for other, node := range m.names {
		if other != "/" && clean(filepath.Dir(other)) == key {
			entries = append(entries, fs.FileInfoToDirEntry(node.info(other)))
		}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

func (m *Mem) Stat(name string) (fs.FileInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	node := m.names[clean(name)]
	if node == nil {
		return nil, notExist("stat", name)
	}
	return node.info(name), nil
}

func (m *Mem) Chtimes(name string, mtime time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	node := m.names[clean(name)]
	if node == nil {
		return notExist("chtimes", name)
	}
	node.mu.Lock()
	node.mtime = mtime
	node.mu.Unlock()
	return nil
}

func (m *Mem) SyncDir(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if node := m.names[clean(name)]; node == nil || !node.dir {
		return notExist("sync", name)
	}
	for _, op := range m.journal {
		op.apply(m.durable)
	}
	m.journal = nil
	return nil
}

func (m *Mem) Lock(name string) (io.Closer, error) {
	f, err := m.OpenFile(name, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, err
	}
	f.Close()
	m.mu.Lock()
	defer m.mu.Unlock()
	key := clean(name)
	if m.locked[key] {
		return nil, ErrLocked
	}
	m.locked[key] = true
	return unlocker{m, key}, nil
}

type unlocker struct {
	m   *Mem
	key string
}

func (u unlocker) Close() error {
	u.m.mu.Lock()
	defer u.m.mu.Unlock()
	delete(u.m.locked, u.key)
	return nil
}

// CrashClone returns what a machine finds after losing power now. Names are those of the last
// SyncDir and a random number of the changes after it, in order. The content of each file is that
// of its last Sync, its present one, or a mixture: 512-byte blocks of either, at a length between
// both. With a nil rnd nothing unsynced survives. The receiver is not changed. Locks are free in
// the clone.
func (m *Mem) CrashClone(rnd *rand.Rand) *Mem {
	return m.clone(rnd, false)
}

// KillClone returns what is found after the process, but not the machine, died: everything that was
// written.
func (m *Mem) KillClone() *Mem { return m.clone(nil, true) }

// clone is what a crash leaves: what was synced, a part of what was not, chosen by rnd, or all of
// it.
func (m *Mem) clone(rnd *rand.Rand, keepAll bool) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := cloneNames(m.durable)
	survive := 0
	if rnd != nil {
		survive = rnd.IntN(len(m.journal) + 1)
	}
	if keepAll {
		survive = len(m.journal)
	}
	for _, op := range m.journal[:survive] {
		op.apply(names)
	}
	sorted := make([]string, 0, len(names))
	for name := range names {
		sorted = append(sorted, name)
	}
	slices.Sort(sorted) // so that rnd is used in the same order each time
	c := NewMem()
	c.Now = m.Now
	for _, name := range sorted {
		node := names[name]
		node.mu.Lock()
		content := node.synced
		if keepAll {
			content = node.data
		} else if rnd != nil {
			content = tear(rnd, node.synced, node.data)
		}
		content = bytes.Clone(content)
		c.names[name] = &memNode{dir: node.dir, data: content, synced: bytes.Clone(content), mtime: node.mtime}
		node.mu.Unlock()
	}
	// What was found after a crash is on the disk: a second crash loses none of it.
	c.durable = cloneNames(c.names)
	return c
}

// tear mixes two contents of a file.
func tear(rnd *rand.Rand, synced, data []byte) []byte {
	switch rnd.IntN(4) {
	case 0:
		return synced
	case 1:
		return data
	}
	shorter, longer := len(synced), len(data)
	if shorter > longer {
		shorter, longer = longer, shorter
	}
	mixed := make([]byte, shorter+rnd.IntN(longer-shorter+1))
	const block = 512
	for off := 0; off < len(mixed); off += block {
		from := synced
		if rnd.IntN(2) == 0 {
			from = data
		}
		if off < len(from) {
			copy(mixed[off:min(off+block, len(mixed))], from[off:])
		}
	}
	return mixed
}

// truncate cuts a file off, or makes it longer with zeros.
func (n *memNode) truncate(size int64, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mtime = now
	// The capacity is cut, too: what is written later must not bring back bytes that were cut off.
	if size <= int64(len(n.data)) {
		n.data = n.data[:size:size]
		return
	}
	n.data = append(n.data, make([]byte, size-int64(len(n.data)))...)
}

func (n *memNode) info(name string) fs.FileInfo {
	n.mu.Lock()
	defer n.mu.Unlock()
	return memInfo{name: filepath.Base(name), size: int64(len(n.data)), mtime: n.mtime, dir: n.dir}
}

type memInfo struct {
	name  string
	size  int64
	mtime time.Time
	dir   bool
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return i.size }
func (i memInfo) ModTime() time.Time { return i.mtime }
func (i memInfo) IsDir() bool        { return i.dir }
func (i memInfo) Sys() any           { return nil }
func (i memInfo) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o755
	}
	return 0o644
}

type memFile struct {
	fs       *Mem
	node     *memNode
	name     string
	writable bool
	mu       sync.Mutex
	closed   bool // guarded by mu
}

// check refuses what a closed or a read-only file cannot do.
func (f *memFile) check(op string, write bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return &fs.PathError{Op: op, Path: f.name, Err: fs.ErrClosed}
	}
	if write && !f.writable {
		return &fs.PathError{Op: op, Path: f.name, Err: fs.ErrPermission}
	}
	return nil
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.check("read", false); err != nil {
		return 0, err
	}
	f.node.mu.Lock()
	defer f.node.mu.Unlock()
	if off >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.check("write", true); err != nil {
		return 0, err
	}
	now := f.fs.now()
	f.node.mu.Lock()
	defer f.node.mu.Unlock()
	// Writing behind the end leaves zeros, as a sparse file has.
	if gap := off + int64(len(p)) - int64(len(f.node.data)); gap > 0 {
		f.node.data = append(f.node.data, make([]byte, gap)...)
	}
	copy(f.node.data[off:], p)
	f.node.mtime = now
	return len(p), nil
}

func (f *memFile) WriteBuffersAt(buffers [][]byte, off int64) (int64, error) {
	return writeEach(f, buffers, off)
}

func (f *memFile) Truncate(size int64) error {
	if err := f.check("truncate", true); err != nil {
		return err
	}
	f.node.truncate(size, f.fs.now())
	return nil
}

func (f *memFile) Sync() error {
	if err := f.check("sync", false); err != nil {
		return err
	}
	f.node.mu.Lock()
	defer f.node.mu.Unlock()
	// A copy: data is changed in place afterwards.
	f.node.synced = bytes.Clone(f.node.data)
	return nil
}

func (f *memFile) Close() error {
	if err := f.check("close", false); err != nil {
		return err
	}
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	return nil
}

func (f *memFile) Size() (int64, error) {
	if err := f.check("stat", false); err != nil {
		return 0, err
	}
	f.node.mu.Lock()
	defer f.node.mu.Unlock()
	return int64(len(f.node.data)), nil
}

func (f *memFile) Name() string { return f.name }

// OSFile is nil: who sends files with sendfile must read these.
func (f *memFile) OSFile() *os.File { return nil }
