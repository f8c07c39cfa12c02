package log

import (
	"io"
	"os"
	"sync/atomic"

	"momus/storage/vfs"
)

// dataFile is the open .log of a segment with the number of its users: the segment itself and every
// FileRange. The last one to leave closes it, so that a removed segment stays readable for those
// who are reading it.
type dataFile struct {
	file vfs.File
	// refs goes to 0 once and stays there; who finds 0 must open the file anew.
	refs atomic.Int32
}

func newDataFile(f vfs.File) *dataFile {
	d := &dataFile{file: f}
	d.refs.Store(1)
	return d
}

// acquire adds a user; false if the file is closed already.
func (d *dataFile) acquire() bool {
	for {
		n := d.refs.Load()
		if n == 0 {
			return false
		}
		if d.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (d *dataFile) release() {
	if d.refs.Add(-1) == 0 {
		d.file.Close() // nothing is buffered and a reader has nobody to tell
	}
}

// FileRange is a range of the .log file of one segment. It keeps the file open until Release, even
// if the segment is deleted meanwhile. The zero value is empty. A copy is the same range: exactly
// one of them is to be released.
type FileRange struct {
	data *dataFile
	pos  int64
	n    int
}

// Len is the number of bytes.
func (r FileRange) Len() int { return r.n }

// ReadAt reads from byte off of the range, with io.EOF at its end. A range that a truncation (not a
// deletion) took away may end early.
func (r FileRange) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= int64(r.n) {
		return 0, io.EOF
	}
	short := len(p) > r.n-int(off)
	if short {
		p = p[:r.n-int(off)]
	}
	n, err := r.data.file.ReadAt(p, r.pos+off)
	if err == nil && short {
		err = io.EOF
	}
	return n, err
}

// OSFile is the file and where the range begins in it, for sendfile; nil if it is not a file of the
// operating system. The file's own read position must not be used.
func (r FileRange) OSFile() (f *os.File, pos int64) {
	if r.data == nil {
		return nil, 0
	}
	return r.data.file.OSFile(), r.pos
}

// Release gives the file back; the range is empty afterwards. Releasing an empty range does
// nothing.
func (r *FileRange) Release() {
	if r.data != nil {
		r.data.release()
	}
	*r = FileRange{}
}
