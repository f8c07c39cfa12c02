// Package sabotage breaks one broker of this process on purpose, for tests and for teaching: its
// connections are really cut, held up or slowed down, its disk really fails. A broker is given the
// Tools when it is made (Net and FS of broker.Options); they cost it next to nothing until they are
// used. There are no goroutines here.
package sabotage

import (
	"errors"
	"syscall"

	"momus/storage/vfs"
)

// Tools are what one life of a broker is broken with. Their methods may be called from any
// goroutine.
type Tools struct {
	Network *Network
	Files   *vfs.Fault
}

// New makes the tools of a broker whose log directories are in files.
func New(files vfs.FS) *Tools {
	return &Tools{Network: NewNetwork(), Files: vfs.NewFault(files)}
}

var errKilled = errors.New("the broker was killed")

// Die is what kill -9 does to a broker: its connections break and nothing more of it is written.
// What is left of it has to be ended without leave; the others notice when its session ends.
func (t *Tools) Die() {
	t.Network.Resume()
	t.Network.Sever()
	t.Files.Inject(vfs.Rule{Err: errKilled})
}

// FillDisk makes everything fail that needs room in a directory, as on a full disk.
func (t *Tools) FillDisk(dir string) {
	for _, op := range []vfs.Op{vfs.OpCreate, vfs.OpWrite, vfs.OpMkdir, vfs.OpSync} {
		t.Files.Inject(vfs.Rule{Op: op, Under: dir, Err: syscall.ENOSPC})
	}
}

// FreeDisk ends a FillDisk.
func (t *Tools) FreeDisk() { t.Files.Clear() }
