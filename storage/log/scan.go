package log

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"sync"

	"momus/internal/kerr"
	"momus/storage/record"
)

// CorruptError says that a segment file holds something that is no batch where one should begin.
type CorruptError struct {
	File     string
	Position int64 // in bytes
	Reason   string
}

// Error names file, position and what is wrong there.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s is corrupt at byte %d: %s; stop the broker without a clean-shutdown marker to have the segment recovered", e.File, e.Position, e.Reason)
}

// Unwrap makes it CORRUPT_MESSAGE for clients.
func (e *CorruptError) Unwrap() error { return kerr.CorruptMessage }

// Sizes of what a scan reads at once.
const (
	headerScan = 4 << 10   // looking for an offset: headers of a few batches
	fullScan   = 256 << 10 // reading everything
)

// headerBytes is how much of a batch a header scan shows: all fields before the records.
const headerBytes = record.BatchOverhead

// scanner walks the batches of a file from a position on, by Kafka's rules (FileLogInputStream):
// bytes at the end that are no whole batch are not shown.
type scanner struct {
	file io.ReaderAt
	name string
	pos  int64 // of the next batch
	end  int64 // of the file
	buf  []byte
	have []byte // part of buf: bytes of the file from at on
	at   int64
}

// headerBuffers holds buffers for looking up offsets, which happens with every read.
var headerBuffers = sync.Pool{New: func() any { b := make([]byte, headerScan); return &b }}

// fill makes n bytes at s.pos available, or fewer at the end of the file.
func (s *scanner) fill(n int) ([]byte, error) {
	if off := s.pos - s.at; off >= 0 && off+int64(n) <= int64(len(s.have)) {
		return s.have[off:], nil
	}
	if len(s.buf) < n {
		s.buf = make([]byte, max(n, fullScan))
	}
	want := min(int64(len(s.buf)), s.end-s.pos)
	got, err := s.file.ReadAt(s.buf[:want], s.pos)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("read segment: %w", err)
	}
	s.have, s.at = s.buf[:got], s.pos
	return s.have, nil
}

// next returns the next batch: its header, or all of it if whole is set, valid until the following
// call; its position; its size. A nil batch is the end.
func (s *scanner) next(whole bool) (b record.Batch, pos int64, size int, err error) {
	pos = s.pos
	// Kafka's rule takes exactly 17 bytes for the end, too; they can be no batch.
	if pos >= s.end-headerUpToMagic {
		return nil, pos, 0, nil
	}
	have, err := s.fill(int(min(headerBytes, s.end-pos)))
	if err != nil || len(have) < headerUpToMagic {
		return nil, pos, 0, err
	}
	// Signed: a length above 2^31-1 is negative and refused below. What is larger than the file
	// ends the walk, so that no buffer is made for it.
	length := int32(binary.BigEndian.Uint32(have[8:]))
	if length < minRecordSize {
		return nil, pos, 0, &CorruptError{s.name, pos, fmt.Sprintf("record size %d is less than the minimum (%d)", length, minRecordSize)}
	}
	// A torn end, which is no error here: recovery cuts it off, and a reader may find an append
	// half written.
	if pos > s.end-record.LogOverhead-int64(length) {
		return nil, pos, 0, nil
	}
	size = record.LogOverhead + int(length)
	magic := int8(have[16])
	smallest := record.LogOverhead + minRecordSize
	switch {
	case magic < 0 || magic > record.Magic2:
		return nil, pos, 0, &CorruptError{s.name, pos, fmt.Sprintf("magic %d is not known", magic)}
	case magic == record.Magic2:
		smallest = record.BatchOverhead
	case magic == record.Magic1:
		smallest += 8
	}
	if size < smallest {
		return nil, pos, 0, &CorruptError{s.name, pos, fmt.Sprintf("entry of %d bytes is smaller than its header", size)}
	}
	n := min(size, headerBytes)
	if whole {
		n = size
	}
	if have, err = s.fill(n); err != nil || len(have) < n {
		return nil, pos, 0, err
	}
	s.pos += int64(size)
	return record.Batch(have[:n:n]), pos, size, nil
}

// verified is next, and checks the checksum. It shows all of the batch if that fits into the buffer
// of a scan or is a control batch, else its header: what a damaged length claims is read, and no
// memory is made for it. A wrong checksum is a *record.CorruptError.
func (s *scanner) verified() (b record.Batch, pos int64, size int, err error) {
	if b, pos, size, err = s.next(false); b == nil || err != nil {
		return nil, pos, 0, err
	}
	large := size > fullScan
	if large {
		b = slices.Clone(b)
		s.have = nil // the rest is read into its buffer
		rest := io.NewSectionReader(s.file, pos+headerBytes, int64(size)-headerBytes)
		if err := b.VerifyWith(rest, s.buf); err != nil || !b.IsControl() {
			return b, pos, size, err
		}
	}
	s.pos = pos
	if b, _, _, err = s.next(true); b == nil || err != nil {
		return nil, pos, 0, err
	}
	if !large {
		err = b.Verify()
	}
	return b, pos, size, err
}

const (
	headerUpToMagic = 17
	minRecordSize   = 14
)
