package vfs

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Op names a kind of call for Fault.
type Op string

// Calls that change something, then calls that read. OpCreate is an OpenFile with os.O_CREATE.
const (
	OpCreate   Op = "create"
	OpWrite    Op = "write"
	OpTruncate Op = "truncate"
	OpSync     Op = "sync"
	OpRename   Op = "rename"
	OpRemove   Op = "remove"
	OpMkdir    Op = "mkdir"
	OpChtimes  Op = "chtimes"
	OpSyncDir  Op = "syncdir"
	OpOpen     Op = "open"
	OpRead     Op = "read"
	OpReadDir  Op = "readdir"
	OpStat     Op = "stat"
	OpLock     Op = "lock"
)

// Changes tells whether the call changes the file system.
func (op Op) Changes() bool {
	switch op {
	case OpOpen, OpRead, OpReadDir, OpStat, OpLock:
		return false
	}
	return true
}

// Rule says which calls fail, and how.
type Rule struct {
	// Op is the kind of call; empty: every call that changes something.
	Op Op
	// Base is a pattern (filepath.Match) for the last element of the name; empty: any name.
	Base string
	// Under is the directory that the name is in or below; empty: any.
	Under string
	// Skip is the number of matching calls that go through first.
	Skip int
	// Times is the number of calls that fail then; 0: all.
	Times int
	// Err is what they return, for instance syscall.ENOSPC. Nil only counts the calls.
	Err error
	// Short makes a failing write put that many bytes into the file first.
	Short int
}

// Fault is an FS whose calls fail according to rules; calls that no rule matches go through to the
// FS it wraps.
type Fault struct {
	fs FS

	mu    sync.Mutex
	rules []*ruleState // guarded by mu
	armed atomic.Bool  // there are rules: without any no call takes the lock
}

type ruleState struct {
	Rule
	// seen is how many calls have matched so far, those that went through by Skip too; Fault.mu
	// guards it.
	seen int
}

var _ FS = (*Fault)(nil)

// NewFault wraps f. Without rules it is transparent.
func NewFault(f FS) *Fault { return &Fault{fs: f} }

// Inject adds a rule and returns a function that tells how many calls have matched it so far.
func (f *Fault) Inject(r Rule) (seen func() int) {
	state := &ruleState{Rule: r}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = append(f.rules, state)
	f.armed.Store(true)
	return func() int {
		f.mu.Lock()
		defer f.mu.Unlock()
		return state.seen
	}
}

// Clear removes all rules.
func (f *Fault) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = nil
	f.armed.Store(false)
}

// check returns the error of the first rule that makes this call fail, and its Short.
func (f *Fault) check(op Op, name string) (short int, err error) {
	if !f.armed.Load() {
		return 0, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.rules {
		if r.Under != "" && !strings.HasPrefix(filepath.Clean(name)+string(filepath.Separator), filepath.Clean(r.Under)+string(filepath.Separator)) {
			continue
		}
		if r.Op != op && (r.Op != "" || !op.Changes()) {
			continue
		}
		if r.Base != "" {
			if ok, _ := filepath.Match(r.Base, filepath.Base(name)); !ok {
				continue
			}
		}
		r.seen++
		// Every rule counts the call, although the first that makes it fail decides how: a rule
		// that only counts sees those that fail by another.
		if r.Err != nil && r.seen > r.Skip && (r.Times == 0 || r.seen <= r.Skip+r.Times) && err == nil {
			short, err = r.Short, &fs.PathError{Op: string(op), Path: name, Err: r.Err}
		}
	}
	return short, err
}

// call makes a call that answers nothing but an error, unless a rule makes it fail.
func (f *Fault) call(op Op, name string, do func(name string) error) error {
	if _, err := f.check(op, name); err != nil {
		return err
	}
	return do(name)
}

// ask is call for one with an answer.
func ask[T any](f *Fault, op Op, name string, do func(name string) (T, error)) (answer T, err error) {
	if _, err := f.check(op, name); err != nil {
		return answer, err
	}
	return do(name)
}

func (f *Fault) OpenFile(name string, flag int) (File, error) {
	op := OpOpen
	if flag&os.O_CREATE != 0 {
		op = OpCreate
	}
	file, err := ask(f, op, name, func(name string) (File, error) { return f.fs.OpenFile(name, flag) })
	if err != nil {
		return nil, err
	}
	return &faultFile{File: file, fault: f}, nil
}

func (f *Fault) Rename(oldName, newName string) error {
	return f.call(OpRename, oldName, func(oldName string) error { return f.fs.Rename(oldName, newName) })
}

func (f *Fault) Chtimes(name string, mtime time.Time) error {
	return f.call(OpChtimes, name, func(name string) error { return f.fs.Chtimes(name, mtime) })
}

func (f *Fault) Remove(name string) error    { return f.call(OpRemove, name, f.fs.Remove) }
func (f *Fault) RemoveAll(name string) error { return f.call(OpRemove, name, f.fs.RemoveAll) }
func (f *Fault) MkdirAll(name string) error  { return f.call(OpMkdir, name, f.fs.MkdirAll) }
func (f *Fault) SyncDir(name string) error   { return f.call(OpSyncDir, name, f.fs.SyncDir) }

func (f *Fault) ReadDir(name string) ([]fs.DirEntry, error) {
	return ask(f, OpReadDir, name, f.fs.ReadDir)
}

func (f *Fault) Scatter(dir string) { f.fs.Scatter(dir) }

func (f *Fault) Stat(name string) (fs.FileInfo, error) { return ask(f, OpStat, name, f.fs.Stat) }
func (f *Fault) Lock(name string) (io.Closer, error)   { return ask(f, OpLock, name, f.fs.Lock) }

type faultFile struct {
	File
	fault *Fault
}

func (f *faultFile) ReadAt(p []byte, off int64) (int, error) {
	if _, err := f.fault.check(OpRead, f.Name()); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

func (f *faultFile) WriteAt(p []byte, off int64) (int, error) {
	if short, err := f.fault.check(OpWrite, f.Name()); err != nil {
		// A torn write: the beginning is in the file, and the caller hears of an error.
		n, _ := f.File.WriteAt(p[:min(short, len(p))], off)
		return n, err
	}
	return f.File.WriteAt(p, off)
}

// WriteBuffersAt writes as many bytes as a short write is to have, and fails.
func (f *faultFile) WriteBuffersAt(buffers [][]byte, off int64) (int64, error) {
	if short, err := f.fault.check(OpWrite, f.Name()); err != nil {
		var written int64
		for _, b := range buffers {
			n, _ := f.File.WriteAt(b[:min(short-int(written), len(b))], off+written)
			written += int64(n)
		}
		return written, err
	}
	return f.File.WriteBuffersAt(buffers, off)
}

func (f *faultFile) Truncate(size int64) error {
	if _, err := f.fault.check(OpTruncate, f.Name()); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *faultFile) Sync() error {
	if _, err := f.fault.check(OpSync, f.Name()); err != nil {
		return err
	}
	return f.File.Sync()
}
