package zkserver

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"momus/storage/vfs"
)

// silenceFile holds how much of its timeout each silent session had left when it was written:
// restarts that come faster than a timeout would give a dead session a whole one each time, for
// ever. Silent is who has not come back since the start, or was not heard for half of its timeout,
// while a client that is connected is heard every third; so most of the time there is no such file.
// It is no part of the state: a session that it does not name has its whole timeout.
const silenceFile = "silent-sessions"

// remaining maps the silent sessions to the milliseconds they have left.
func (t *sessionTable) remaining(now instant) map[int64]int64 {
	var out map[int64]int64
	for id, s := range t.byID {
		left := s.expiresMs - now.elapsedMs
		if s.closing || s.heard && left > int64(s.timeoutMs)/2 {
			continue
		}
		if out == nil {
			out = map[int64]int64{}
		}
		out[id] = max(left, 0)
	}
	return out
}

// shorten gives a session of an earlier run the time that it had left instead of a whole timeout.
// Where touch rounds up to the tick this rounds down, or each restart would give some of the time
// back.
func (t *sessionTable) shorten(s *session, leftMs int64, now instant) {
	expires := (now.elapsedMs + max(leftMs, 0)) / t.tickMs * t.tickMs
	if expires >= s.expiresMs {
		return
	}
	t.leaveBucket(s)
	s.expiresMs = expires
	if t.buckets[expires] == nil {
		t.buckets[expires] = make(map[*session]struct{})
	}
	t.buckets[expires][s] = struct{}{}
}

// formatSilence writes one line for each session, and a checksum in the last.
func formatSilence(remaining map[int64]int64) []byte {
	var b bytes.Buffer
	ids := make([]int64, 0, len(remaining))
	for id := range remaining {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		fmt.Fprintf(&b, "%x %d\n", uint64(id), remaining[id])
	}
	fmt.Fprintf(&b, "crc32c %08x\n", crc32.Checksum(b.Bytes(), castagnoli))
	return b.Bytes()
}

var errSilence = errors.New("not a list of silent sessions")

// parseSilence reads how long each session had been silent: a session's id and milliseconds a line,
// and the checksum of all lines last.
func parseSilence(data []byte) (map[int64]int64, error) {
	lines := bufio.NewScanner(bytes.NewReader(data))
	out := map[int64]int64{}
	read := 0
	for lines.Scan() {
		left, right, ok := strings.Cut(lines.Text(), " ")
		if left == "crc32c" {
			sum, err := strconv.ParseUint(right, 16, 32)
			if err != nil || uint32(sum) != crc32.Checksum(data[:read], castagnoli) {
				return nil, errSilence
			}
			return out, nil
		}
		id, idErr := strconv.ParseUint(left, 16, 64)
		ms, msErr := strconv.ParseInt(right, 10, 64)
		if !ok || idErr != nil || msErr != nil || ms < 0 {
			return nil, errSilence
		}
		out[int64(id)] = ms
		read += len(lines.Bytes()) + 1
	}
	return nil, errSilence
}

// loadSilence reads what the last run left, nil when that was nothing. A damaged file is passed
// over: its sessions have a whole timeout.
func (s *store) loadSilence() map[int64]int64 {
	path := filepath.Join(s.dir, silenceFile)
	data, err := vfs.ReadFile(s.fs, path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var out map[int64]int64
	if err == nil {
		out, err = parseSilence(data)
	}
	if err != nil {
		s.logger.WithError(err).WithField("file", path).Warn("passed over a damaged file: sessions of the last run have their whole time-out again")
	}
	return out
}

// saveSilence replaces the file, or removes it when nobody is silent.
func (s *store) saveSilence(remaining map[int64]int64) error {
	path := filepath.Join(s.dir, silenceFile)
	if len(remaining) == 0 {
		if err := s.fs.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	f, err := vfs.Create(s.fs, path+".tmp")
	if err != nil {
		return err
	}
	_, err = f.WriteAt(formatSilence(remaining), 0)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	// Without a sync: a lost file costs a session's early end, not its life.
	return s.fs.Rename(path+".tmp", path)
}
