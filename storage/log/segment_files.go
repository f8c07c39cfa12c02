package log

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"momus/storage/index"
	"momus/storage/record"
)

// setDir follows a rename of the directory.
func (s *Segment) setDir(dir string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dir = dir
	s.setIndexPathsLocked()
}

// setIndexPathsLocked tells the indexes where their files are now; open ones stay open.
func (s *Segment) setIndexPathsLocked() {
	s.index.SetPath(s.pathLocked(indexSuffix))
	s.times.SetPath(s.pathLocked(timeSuffix))
	s.txns.SetPath(s.pathLocked(txnSuffix))
}

// changeSuffix renames the files, .log first.
func (s *Segment) changeSuffix(suffix string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, kind := range segmentSuffixes {
		from := s.pathLocked(kind)
		to := strings.TrimSuffix(from, s.suffix) + suffix
		// Most segments never had a transaction that was aborted.
		if kind == txnSuffix && !s.txns.Exists() {
			continue
		}
		// An index may be missing, and is then rebuilt; without the .log there is no segment.
		if err := s.fs.Rename(from, to); err != nil && (kind == logSuffix || !errors.Is(err, fs.ErrNotExist)) {
			return fmt.Errorf("rename segment file: %w", err)
		}
	}
	s.suffix = suffix
	s.setIndexPathsLocked()
	return nil
}

// removeFiles removes the files from dir, where they may be no more.
func (s *Segment) removeFiles(dir string) error {
	s.mu.Lock()
	s.dir = dir
	s.mu.Unlock()
	for _, kind := range segmentSuffixes {
		if err := s.fs.Remove(s.path(kind)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove segment file: %w", err)
		}
	}
	return nil
}

// BaseOffset is the offset the segment begins at; records at that offset may be gone.
func (s *Segment) BaseOffset() int64 { return s.base }

// Size is the length of the .log in bytes.
func (s *Segment) Size() int64 { return s.size.Load() }

// IndexSize is the length of the offset index in bytes.
func (s *Segment) IndexSize() (int64, error) { return s.index.Size() }

// TimeIndexSize is the length of the time index in bytes.
func (s *Segment) TimeIndexSize() (int64, error) { return s.times.Size() }

// NextOffset is the offset after the last batch.
func (s *Segment) NextOffset() (int64, error) { return s.nextOffset() }

// LargestTimestamp is the largest record timestamp in ms, or the modification time of the .log if
// there is none.
func (s *Segment) LargestTimestamp() (int64, error) {
	t, _, err := s.largest()
	if err != nil || t >= 0 {
		return t, err
	}
	mtime, err := s.ModTime()
	return mtime.UnixMilli(), err
}

// FirstBatchTimestamp is the max timestamp of the first batch in ms, -1 if there is none. For what
// this process wrote it is that of the first append.
func (s *Segment) FirstBatchTimestamp() (int64, error) {
	if t := s.rollTimestamp.Load(); t != unknownTimestamp {
		return t, nil
	}
	size := s.size.Load()
	if size == 0 {
		return -1, nil
	}
	d, err := s.acquire()
	if err != nil {
		return 0, err
	}
	defer d.release()
	b, _, _, err := s.scan(d, 0, size, headerBytes).next(false)
	if err != nil || b == nil {
		return -1, err
	}
	t := b.MaxTimestamp()
	s.rollTimestamp.CompareAndSwap(unknownTimestamp, t)
	return t, nil
}

// ModTime is the modification time of the .log.
func (s *Segment) ModTime() (time.Time, error) {
	info, err := s.fs.Stat(s.path(logSuffix))
	if err != nil {
		return time.Time{}, fmt.Errorf("modification time of segment: %w", err)
	}
	return info.ModTime(), nil
}

// Aborted returns the aborted transactions whose marker is in the segment; the slice must not be
// changed.
func (s *Segment) Aborted() ([]index.AbortedTxn, error) { return s.txns.Entries() }

// Range returns the whole content; release it.
func (s *Segment) Range() (FileRange, error) {
	d, err := s.acquire()
	if err != nil {
		return FileRange{}, err
	}
	return FileRange{data: d, n: int(s.size.Load())}, nil
}

// ForEachBatch hands out the batches in order, whole if whole is set, else their headers (the
// fields before the records) with their size. A batch is valid until the function returns; its
// error stops the walk and is returned.
func (s *Segment) ForEachBatch(whole bool, fn func(b record.Batch, size int) error) error {
	d, err := s.acquire()
	if err != nil {
		return err
	}
	defer d.release()
	for scan := s.scan(d, 0, s.size.Load(), fullScan); ; {
		b, _, size, err := scan.next(whole)
		if err != nil || b == nil {
			return err
		}
		if err := fn(b, size); err != nil {
			return err
		}
	}
}
