package zkserver

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/sirupsen/logrus"

	"momus/storage/vfs"
)

// The data directory holds log.N files, which are transactions after zxid N, and snapshot.N files,
// which are the whole state as of zxid N; N is in hex. A log is a header and then frames:
//
//	length   uint32  bytes of the payload
//	crc      uint32  CRC-32C of the payload
//	payload          count int32, then that many transactions (txn.append)
//
// A frame is what one fsync made durable, so a crash can tear the last frame of the last log only,
// and nothing of a torn frame was acknowledged. Numbers are big-endian.
const (
	logHeader      = "momuszk\x01"
	frameHeader    = 8
	maxFrame       = 256 << 20
	logPrefix      = "log."
	snapshotPrefix = "snapshot."
	keptSnapshots  = 2 // the newest, and one to fall back on
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli) // read only

// CorruptError says that a file of the data directory is damaged where a crash cannot have done it.
type CorruptError struct {
	File   string
	Offset int64
	Reason string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s is damaged at byte %d (%s): restore the directory from a backup, or move it away to start empty",
		e.File, e.Offset, e.Reason)
}

// store is the log that is being written, in its directory. One goroutine uses it.
type store struct {
	fs     vfs.FS
	dir    string
	noSync bool
	logger *logrus.Entry
	lock   io.Closer
	file   vfs.File
	size   int64 // of file
	buf    encoder
}

var errInUse = errors.New("another coordination server uses this directory; stop it, or choose another directory")

// openStore locks dir and replays what it holds into c. A torn end of the log is cut off.
func openStore(files vfs.FS, dir string, noSync bool, c *core, logger *logrus.Entry) (*store, error) {
	if err := files.MkdirAll(dir); err != nil {
		return nil, err
	}
	lock, err := files.Lock(filepath.Join(dir, ".lock"))
	if errors.Is(err, vfs.ErrLocked) {
		err = errInUse
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	s := &store{fs: files, dir: dir, noSync: noSync, logger: logger, lock: lock}
	if err := s.load(c); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// load replays what the directory holds into c, and opens the log that goes on.
func (s *store) load(c *core) error {
	logs, snapshots, err := s.list()
	if err != nil {
		return err
	}
	if err := s.loadSnapshot(snapshots, logs, c); err != nil {
		return err
	}
	for i, base := range logs {
		// A log is needed unless the next one begins within the snapshot.
		if i+1 < len(logs) && logs[i+1] <= c.tree.lastZxid {
			continue // the snapshot has it all
		}
		if err := s.replayLog(base, i == len(logs)-1, c); err != nil {
			return err
		}
	}
	if s.file == nil {
		return s.roll(c.tree.lastZxid)
	}
	return nil
}

// list returns the zxids that logs and snapshots are named by, ascending, and removes unfinished
// files.
func (s *store) list() (logs, snapshots []int64, err error) {
	entries, err := s.fs.ReadDir(s.dir)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		name := e.Name()
		// Left by a crash while it was written.
		if strings.HasSuffix(name, ".tmp") {
			if err := s.fs.Remove(filepath.Join(s.dir, name)); err != nil {
				return nil, nil, err
			}
			continue
		}
		for prefix, list := range map[string]*[]int64{logPrefix: &logs, snapshotPrefix: &snapshots} {
			if hex, found := strings.CutPrefix(name, prefix); found {
				if zxid, err := strconv.ParseInt(hex, 16, 64); err == nil {
					*list = append(*list, zxid)
				}
			}
		}
	}
	slices.Sort(logs)
	slices.Sort(snapshots)
	return logs, snapshots, nil
}

func (s *store) path(prefix string, zxid int64) string {
	return filepath.Join(s.dir, fmt.Sprintf("%s%016x", prefix, zxid))
}

// loadSnapshot loads the newest snapshot that is whole.
func (s *store) loadSnapshot(snapshots, logs []int64, c *core) error {
	var damage error
	for _, zxid := range slices.Backward(snapshots) {
		path := s.path(snapshotPrefix, zxid)
		b, err := vfs.ReadFile(s.fs, path)
		if err != nil {
			return err
		}
		if err = decodeSnapshot(b, path, c); err == nil {
			return nil
		}
		damage = errors.Join(damage, err)
		s.logger.WithError(err).Warn("skipped a damaged snapshot")
	}
	// Without a snapshot the logs have to begin at the beginning.
	if len(logs) > 0 && logs[0] != 0 {
		return errors.Join(damage, fmt.Errorf("%s: no snapshot to begin with, and the oldest log begins after zxid %#x", s.dir, logs[0]))
	}
	if len(logs) == 0 {
		return damage
	}
	return nil
}

// replayLog applies the log that begins after base; the last one stays open for appending.
func (s *store) replayLog(base int64, last bool, c *core) error {
	path := s.path(logPrefix, base)
	f, err := s.fs.OpenFile(path, os.O_RDWR)
	if err != nil {
		return err
	}
	defer func() {
		if s.file != f {
			f.Close()
		}
	}()
	size, err := f.Size()
	if err != nil {
		return err
	}
	b, err := io.ReadAll(io.NewSectionReader(f, 0, size))
	if err != nil {
		return err
	}
	good, err := replayFrames(b, path, c)
	if err != nil {
		return err
	}
	if !last {
		if good < int64(len(b)) {
			return &CorruptError{path, good, "a frame that is not whole, and later logs follow"}
		}
		return nil
	}
	if good < int64(len(b)) {
		text := "cut off the torn end of the log; nothing of it had been acknowledged"
		if s.noSync || wholeLength(b[good:]) {
			// All its bytes are there, and some are wrong: pages that were not written yet, or a
			// disk that has changed them since.
			text = "cut off the damaged end of the log; unless the machine stopped while it was written, what it held had been acknowledged and is lost"
		}
		s.logger.WithFields(logrus.Fields{"file": path, "offset": good, "bytes": int64(len(b)) - good}).Warn(text)
		if err := f.Truncate(max(good, 0)); err != nil {
			return err
		}
		if !s.noSync {
			if err := f.Sync(); err != nil {
				return err
			}
		}
	}
	if good == 0 { // even the header was torn
		if _, err := f.WriteAt([]byte(logHeader), 0); err != nil {
			return err
		}
		good = int64(len(logHeader))
	}
	s.file, s.size = f, good
	return nil
}

// replayFrames applies the whole frames of a log to c and returns where they end.
func replayFrames(b []byte, path string, c *core) (good int64, err error) {
	// Zeros are pages that the file system had given out and never filled.
	if len(b) < len(logHeader) || len(bytes.TrimLeft(b, "\x00")) == 0 {
		return 0, nil // the machine stopped before the file had content
	}
	if string(b[:len(logHeader)]) != logHeader {
		return 0, &CorruptError{path, 0, "not the header of a log, or one of a later version"}
	}
	at := len(logHeader)
	for at < len(b) {
		payload := nextFrame(b[at:])
		if payload == nil {
			// A torn end has nothing whole behind it.
			if frameFollows(b[at+1:], c.tree.lastZxid) {
				return 0, &CorruptError{path, int64(at), "a bad checksum, and whole frames follow"}
			}
			break
		}
		d := decoderOf(payload)
		for n := d.Int32(); n > 0; n-- {
			x, err := decodeTxn(d)
			if err != nil {
				return 0, &CorruptError{path, int64(at), err.Error()}
			}
			switch last := c.tree.lastZxid; {
			case x.zxid <= last:
				continue // in the snapshot
			case x.zxid != last+1:
				return 0, &CorruptError{path, int64(at), fmt.Sprintf("zxid %#x follows %#x", x.zxid, last)}
			}
			if !c.replay(x) {
				return 0, &CorruptError{path, int64(at), fmt.Sprintf("zxid %#x does not fit the state before it", x.zxid)}
			}
		}
		at += frameHeader + len(payload)
	}
	return int64(at), nil
}

// nextFrame returns the payload of the frame at the start of b, nil if it is not whole.
func nextFrame(b []byte) []byte {
	if len(b) < frameHeader {
		return nil
	}
	length := binary.BigEndian.Uint32(b)
	if length == 0 || length > maxFrame || int(length) > len(b)-frameHeader {
		return nil
	}
	payload := b[frameHeader : frameHeader+int(length)]
	if crc32.Checksum(payload, castagnoli) != binary.BigEndian.Uint32(b[4:]) {
		return nil
	}
	return payload
}

// wholeLength reports whether the frame at the start of b has all of its bytes, right or wrong.
func wholeLength(b []byte) bool {
	if len(b) < frameHeader {
		return false
	}
	length := binary.BigEndian.Uint32(b)
	return length > 0 && length <= maxFrame && int(length) <= len(b)-frameHeader
}

// frameFollows says whether a whole frame with zxids shortly after last begins anywhere in b. Then
// what precedes it was durable once, and is not the torn end of a log.
func frameFollows(b []byte, last int64) bool {
	// Behind length and checksum, and the count of transactions.
	const first = frameHeader + 4 // of the frame's first transaction, its zxid
	for ; len(b) >= first+8; b = b[1:] {
		zxid := int64(binary.BigEndian.Uint64(b[first:]))
		if zxid > last && zxid < last+1<<20 && nextFrame(b) != nil {
			return true
		}
	}
	return false
}

// append writes transactions as one frame and makes them durable.
func (s *store) append(txns []*txn) error {
	s.buf.b = append(s.buf.b[:0], make([]byte, frameHeader)...)
	s.buf.int32(int32(len(txns)))
	for _, x := range txns {
		x.append(&s.buf)
	}
	b := s.buf.b
	// The queue's bound in bytes is far below this.
	if len(b)-frameHeader > maxFrame {
		return fmt.Errorf("append to %s: a frame of %d bytes", s.file.Name(), len(b))
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-frameHeader))
	binary.BigEndian.PutUint32(b[4:], crc32.Checksum(b[frameHeader:], castagnoli))
	if _, err := s.file.WriteAt(b, s.size); err != nil {
		return err
	}
	s.size += int64(len(b))
	if cap(s.buf.b) > 1<<20 {
		s.buf.b = nil
	}
	if s.noSync {
		return nil
	}
	return s.file.Sync()
}

// roll begins a new log after zxid.
func (s *store) roll(zxid int64) error {
	path := s.path(logPrefix, zxid)
	f, err := vfs.Create(s.fs, path)
	if err != nil {
		return err
	}
	if _, err := f.WriteAt([]byte(logHeader), 0); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := s.fs.SyncDir(s.dir); err != nil {
		return errors.Join(err, f.Close())
	}
	old := s.file
	s.file, s.size = f, int64(len(logHeader))
	if old == nil {
		return nil
	}
	// The old log is whole before anything is written to the new one that depends on it.
	return errors.Join(old.Sync(), old.Close())
}

// writeSnapshot makes img durable, removes what it makes superfluous, and returns its size. It may
// run beside append.
func (s *store) writeSnapshot(img *image) (size int64, err error) {
	path := s.path(snapshotPrefix, img.zxid)
	temp := path + ".tmp"
	f, err := vfs.Create(s.fs, temp)
	if err != nil {
		return 0, err
	}
	err = img.write(io.NewOffsetWriter(f, 0))
	if err == nil {
		err = f.Sync()
	}
	if n, sizeErr := f.Size(); sizeErr == nil {
		size = n
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return 0, errors.Join(err, s.fs.Remove(temp))
	}
	if err := s.fs.Rename(temp, path); err != nil {
		return 0, err
	}
	if err := s.fs.SyncDir(s.dir); err != nil {
		return 0, err
	}
	return size, s.purge()
}

// purge removes all but the newest snapshots, and the logs that these do not need.
func (s *store) purge() error {
	logs, snapshots, err := s.list()
	if err != nil {
		return err
	}
	if len(snapshots) == 0 {
		return nil
	}
	kept := snapshots[max(0, len(snapshots)-keptSnapshots):]
	var errs []error
	for _, zxid := range snapshots[:len(snapshots)-len(kept)] {
		errs = append(errs, s.fs.Remove(s.path(snapshotPrefix, zxid)))
	}
	// The first snapshot has nothing else to fall back on.
	if len(snapshots) < keptSnapshots {
		return errors.Join(errs...) // the logs from the beginning are the fall-back
	}
	for i, base := range logs {
		if i+1 < len(logs) && logs[i+1] <= kept[0] {
			errs = append(errs, s.fs.Remove(s.path(logPrefix, base)))
		}
	}
	return errors.Join(errs...)
}

// close syncs and closes the log and gives the directory free.
func (s *store) close() error {
	var errs []error
	if s.file != nil {
		if !s.noSync {
			errs = append(errs, s.file.Sync())
		}
		errs = append(errs, s.file.Close())
		s.file = nil
	}
	return errors.Join(append(errs, s.lock.Close())...)
}
