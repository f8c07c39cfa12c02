package vfs

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, f FS, name, content string, sync bool) {
	t.Helper()
	file, err := Create(f, name)
	must(t, err)
	_, err = file.WriteAt([]byte(content), 0)
	must(t, err)
	if sync {
		must(t, file.Sync())
	}
	must(t, file.Close())
}

func get(f FS, name string) string {
	b, err := ReadFile(f, name)
	if err != nil {
		return "error: " + err.Error()
	}
	return string(b)
}

// TestFileSystems holds all implementations to the same contract.
func TestFileSystems(t *testing.T) {
	for name, f := range map[string]FS{"os": OS{}, "mem": NewMem(), "fault": NewFault(NewMem())} {
		t.Run(name, func(t *testing.T) {
			root := filepath.Join(t.TempDir(), "a", "b")
			must(t, f.MkdirAll(root))
			must(t, f.MkdirAll(root))
			path := func(name string) string { return filepath.Join(root, name) }
			if _, err := Open(f, path("x")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("open of a missing file: %v", err)
			}
			if _, err := Create(f, path("no/such/dir")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("create in a missing directory: %v", err)
			}
			file, err := Create(f, path("x"))
			must(t, err)
			n, err := file.WriteBuffersAt([][]byte{[]byte("hello"), nil, []byte(", world")}, 0)
			if n != 12 || err != nil {
				t.Errorf("wrote %d, %v", n, err)
			}
			_, err = file.WriteAt([]byte("W"), 7)
			must(t, err)
			b := make([]byte, 20)
			if n, err := file.ReadAt(b, 0); string(b[:n]) != "hello, World" || err != io.EOF {
				t.Errorf("read %q, %v", b[:n], err)
			}
			must(t, file.Truncate(5))
			must(t, file.Truncate(7))
			must(t, file.Sync())
			if size, err := file.Size(); size != 7 || err != nil {
				t.Errorf("size %d, %v", size, err)
			}
			must(t, file.Close())
			if _, err := file.ReadAt(b, 0); !errors.Is(err, fs.ErrClosed) {
				t.Errorf("read of a closed file: %v", err)
			}
			if got := get(f, path("x")); got != "hello\x00\x00" {
				t.Errorf("content %q", got)
			}
			must(t, WriteFileAtomic(f, path("y"), []byte("new"), true))
			must(t, f.Rename(path("y"), path("x")))
			if got := get(f, path("x")); got != "new" || Exists(f, path("y")) {
				t.Errorf("after the rename %q", got)
			}
			mtime := time.UnixMilli(1_700_000_000_123)
			must(t, f.Chtimes(path("x"), mtime))
			info, err := f.Stat(path("x"))
			must(t, err)
			if !info.ModTime().Equal(mtime) || info.Size() != 3 || info.IsDir() || info.Name() != "x" {
				t.Errorf("stat: %v", info)
			}
			must(t, f.MkdirAll(path("d/e")))
			put(t, f, path("d/e/z"), "z", false)
			entries, err := f.ReadDir(root)
			must(t, err)
			var names []string
			for _, e := range entries {
				names = append(names, e.Name())
			}
			if !slices.Equal(names, []string{"d", "x"}) || !entries[0].IsDir() {
				t.Errorf("directory: %v", names)
			}
			must(t, f.Rename(path("d"), path("f")))
			if got := get(f, path("f/e/z")); got != "z" {
				t.Errorf("in the renamed directory %q", got)
			}
			if err := f.Remove(path("f")); err == nil {
				t.Error("a full directory was removed")
			}
			must(t, f.RemoveAll(path("f")))
			must(t, f.RemoveAll(path("f")))
			must(t, f.SyncDir(root))
			if err := f.Remove(path("f")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("removal of what is gone: %v", err)
			}
			mapped(t, f, path("x"))
			lock, err := f.Lock(path(".lock"))
			must(t, err)
			if _, err := f.Lock(path(".lock")); !errors.Is(err, ErrLocked) {
				t.Errorf("second lock: %v", err)
			}
			must(t, lock.Close())
			lock, err = f.Lock(path(".lock"))
			must(t, err)
			must(t, lock.Close())
		})
	}
}

func mapped(t *testing.T, f FS, path string) {
	t.Helper()
	file, err := Open(f, path)
	must(t, err)
	m, err := Map(file, 3)
	must(t, err)
	must(t, file.Close())
	if string(m.Data) != "new" {
		t.Errorf("mapped %q", m.Data)
	}
	must(t, m.Unmap())
	must(t, m.Unmap())
}

func TestCrashClone(t *testing.T) {
	f := NewMem()
	put(t, f, "/synced", "old", true)
	must(t, f.SyncDir("/"))
	put(t, f, "/synced", "changed", false)
	put(t, f, "/new", "content", true)
	must(t, f.Rename("/new", "/renamed"))
	lost := f.CrashClone(nil)
	if got := get(lost, "/synced"); got != "old" || Exists(lost, "/new") || Exists(lost, "/renamed") {
		t.Errorf("without power: %q", got)
	}
	killed := f.KillClone()
	if get(killed, "/synced") != "changed" || get(killed, "/renamed") != "content" || Exists(killed, "/new") {
		t.Error("a killed process loses nothing")
	}
	seen := map[string]bool{}
	for seed := range uint64(200) {
		c := f.CrashClone(rand.New(rand.NewPCG(seed, 1)))
		if Exists(c, "/new") && Exists(c, "/renamed") {
			t.Fatal("a rename is atomic")
		}
		for _, name := range []string{"/new", "/renamed"} {
			if Exists(c, name) {
				seen[name] = true
				if got := get(c, name); got != "content" {
					t.Fatalf("synced content is %q", got)
				}
			}
		}
		seen[get(c, "/synced")] = true
	}
	for _, want := range []string{"/new", "/renamed", "old", "changed"} {
		if !seen[want] {
			t.Errorf("never found %s", want)
		}
	}
	put(t, lost, "/other", "x", false)
	if Exists(f, "/other") {
		t.Error("a clone is not the original")
	}
}

func TestFaults(t *testing.T) {
	f := NewFault(NewMem())
	seen := f.Inject(Rule{Op: OpWrite, Base: "*.log", Skip: 1, Times: 1, Err: syscall.ENOSPC, Short: 2})
	file, err := Create(f, "/a.log")
	must(t, err)
	other, err := Create(f, "/a.index")
	must(t, err)
	for i, want := range []error{nil, syscall.ENOSPC, nil} {
		if _, err := other.WriteAt([]byte("x"), 0); err != nil {
			t.Error(err)
		}
		if _, err := file.WriteAt([]byte("1234"), int64(4*i)); !errors.Is(err, want) {
			t.Errorf("write %d: %v", i, err)
		}
	}
	if got := get(f, "/a.log"); got != "123412\x00\x001234" || seen() != 3 {
		t.Errorf("content %q, %d calls", got, seen())
	}
	f.Inject(Rule{Err: os.ErrPermission})
	if _, err := f.Stat("/a.log"); err != nil {
		t.Errorf("reading should go on: %v", err)
	}
	if err := f.Remove("/a.log"); !errors.Is(err, os.ErrPermission) {
		t.Errorf("change: %v", err)
	}
	f.Clear()
	must(t, f.Remove("/a.log"))
}

// TestManyBuffers writes more buffers than one call takes.
func TestManyBuffers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	file, err := Create(OS{}, path)
	must(t, err)
	defer file.Close()
	buffers := make([][]byte, 3000)
	want := ""
	for i := range buffers {
		buffers[i] = []byte{byte('a' + i%26)}
		want += string(buffers[i])
	}
	n, err := file.WriteBuffersAt(buffers, 5)
	if n != 3000 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if got := get(OS{}, path); got[5:] != want {
		t.Fatal("wrong content")
	}
}
