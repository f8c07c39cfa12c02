//go:build !windows

package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sirupsen/logrus"
)

// helperVariable makes TestHelperProcess do something in a process of its own: what it changes
// cannot be changed back, or needs a parent that ends.
const helperVariable = "MOMUS_TEST_HELPER"

// TestHelperProcess is no test; others start it.
func TestHelperProcess(t *testing.T) {
	what, arg, _ := strings.Cut(os.Getenv(helperVariable), " ")
	switch what {
	case "settle":
		e := &Env{Environ: []string{runAsVariable + "=1234:0"}}
		log := logrus.New()
		log.SetOutput(os.Stdout)
		file := filepath.Join(arg, "data", "old")
		err := e.settle(log, []string{filepath.Join(arg, "data"), filepath.Join(arg, "new")}, []string{filepath.Join(arg, "secret")})
		fmt.Println("settled:", err, "uid", os.Getuid(), "gid", os.Getgid(), "write:", os.WriteFile(file, nil, 0o600))
	case "follow":
		began := os.Getppid()
		fmt.Println("began")
		fmt.Println("gone:", awaitParent(context.Background(), began))
	}
}

// helper starts TestHelperProcess; the shell is its parent, and ends when its input does.
func helper(t *testing.T, what string) (in io.Closer, out *bufio.Reader) {
	t.Helper()
	cmd := exec.Command("sh", "-c", `"$0" -test.run '^TestHelperProcess$' & read line`, os.Args[0])
	cmd.Env = append(os.Environ(), helperVariable+"="+what)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe() // not StdoutPipe: Wait would close it when the shell ends
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() {
		stdin.Close()
		_ = cmd.Wait() // the shell ends with the status of read
		r.Close()
	})
	return stdin, bufio.NewReader(r)
}

func TestExitWithParent(t *testing.T) {
	in, out := helper(t, "follow")
	if line, err := out.ReadString('\n'); line != "began\n" {
		t.Fatalf("%q %v", line, err)
	}
	in.Close()
	if line, err := out.ReadString('\n'); line != "gone: true\n" {
		t.Errorf("%q %v", line, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if awaitParent(ctx, os.Getppid()) {
		t.Error("the parent of this test is there")
	}
}

// opened makes a directory that every user may pass through.
func opened(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestSettle gives up being root in another process, after what is root's was handed over; a
// process that is not root stays what it is.
func TestSettle(t *testing.T) {
	dir := opened(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(dir, "data"), 0o700))
	must(os.WriteFile(filepath.Join(dir, "data", "old"), nil, 0o600))
	must(os.WriteFile(filepath.Join(dir, "secret"), nil, 0o644))
	_, first := helper(t, "settle "+dir)
	text, err := first.ReadString('\n')
	for err == nil && !strings.HasPrefix(text, "settled: ") {
		text, err = first.ReadString('\n')
	}
	want := "settled: <nil> uid 1234 gid 0 write: <nil>\n"
	if !isRoot() {
		want = fmt.Sprintf("settled: <nil> uid %d gid %d write: <nil>\n", os.Getuid(), os.Getgid())
	}
	if text != want {
		t.Errorf("%q %v, want %q", text, err, want)
	}

	must(os.Chmod(filepath.Join(dir, "secret"), 0o600))
	in, out := helper(t, "settle "+dir)
	in.Close() // so that the output ends with the helper
	all, err := io.ReadAll(out)
	must(err)
	if isRoot() && (!strings.Contains(string(all), "stays root: only root may read a file of the configuration") || !strings.Contains(string(all), "uid 0 ")) {
		t.Errorf("with a secret that is root's: %s", all)
	}
}

func TestHandOver(t *testing.T) {
	dir := filepath.Join(opened(t), "data")
	outside := filepath.Join(filepath.Dir(dir), "outside")
	if err := os.WriteFile(outside, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	uid, whole := os.Getuid(), 0 // one that is not root can hand over what is its own already
	if isRoot() {
		uid, whole = 1234, 3
	}
	for _, want := range []int{whole / 3, whole - whole/3, 0} { // the directory, what is in it, nothing
		n, err := handOver(dir, uid, os.Getgid())
		if err != nil || n != want {
			t.Errorf("%d files were handed over (%v), want %d", n, err, want)
		}
		_ = os.Mkdir(filepath.Join(dir, "t-0"), 0o700)
		_ = os.Symlink(outside, filepath.Join(dir, "link"))
	}
	if info, err := os.Stat(outside); err != nil || int(info.Sys().(*syscall.Stat_t).Uid) != os.Getuid() {
		t.Errorf("what a link leads to was handed over as well (%v)", err)
	}
	linked, disk := filepath.Join(filepath.Dir(dir), "linked"), filepath.Join(filepath.Dir(dir), "disk")
	if err := errors.Join(os.Mkdir(disk, 0o700), os.WriteFile(filepath.Join(disk, "0.log"), nil, 0o600), os.Symlink(disk, linked)); err != nil {
		t.Fatal(err)
	}
	if n, err := handOver(linked, uid, os.Getgid()); err != nil || n != whole-whole/3 {
		t.Errorf("of a data directory that is a link to another, %d files were handed over (%v), want %d", n, err, whole-whole/3)
	}
	if _, err := handOver(filepath.Join(outside, "below"), uid, 0); err == nil {
		t.Error("a directory below a file")
	}
}

func TestReadableBy(t *testing.T) {
	dir := opened(t)
	file := filepath.Join(dir, "key.pem")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	me, group := os.Getuid(), os.Getgid()
	for _, c := range []struct {
		mode, dirMode os.FileMode
		uid, gid      int
		want          bool
	}{
		{0o600, 0o755, me, group, true},
		{0o200, 0o755, me, group, false},
		{0o640, 0o755, me + 1, group, true},
		{0o604, 0o755, me + 1, group, false}, // the group's bits count for the group
		{0o604, 0o755, me + 1, group + 1, true},
		{0o604, 0o750, me + 1, group + 1, false},
		{0o640, 0o750, me + 1, group, true},
	} {
		if err := os.Chmod(file, c.mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, c.dirMode); err != nil {
			t.Fatal(err)
		}
		if got := readableBy(file, c.uid, c.gid); got != c.want {
			t.Errorf("%o in %o by %d:%d: %v", c.mode, c.dirMode, c.uid, c.gid, got)
		}
	}
	if !readableBy(filepath.Join(dir, "nothing"), me, group) {
		t.Error("what is missing is reported by who reads it")
	}
}
