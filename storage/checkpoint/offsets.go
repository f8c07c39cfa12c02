// Package checkpoint reads and writes the small text files of a log directory: offset and
// leader-epoch checkpoints, meta.properties, the marker of a clean stop. Formats are those of Kafka
// 2.5.0. Files are replaced atomically (NAME.tmp, fsync, rename); callers see to it that one file
// is written by one goroutine at a time.
package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"

	"momus/internal/model"
	"momus/storage/vfs"
)

// Names of the files in a log directory; LeaderEpochFile is in each partition's directory.
const (
	RecoveryPointFile = "recovery-point-offset-checkpoint"
	LogStartFile      = "log-start-offset-checkpoint"
	HighWatermarkFile = "replication-offset-checkpoint"
	CleanerFile       = "cleaner-offset-checkpoint"
	MetaFile          = "meta.properties"
	CleanShutdownFile = ".kafka_cleanshutdown"
	LockFile          = ".lock"
	LeaderEpochFile   = "leader-epoch-checkpoint"
)

// FormatError says that a small file is not as it should be. Kafka then takes the log directory
// offline, or refuses to start if Fatal is set.
type FormatError struct {
	Path   string
	Line   int // from 1; 0: the file as a whole
	Reason string
	Fatal  bool
}

// Error names file, line and what is wrong there.
func (e *FormatError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.Path, e.Reason)
	}
	return fmt.Sprintf("%s:%d: %s", e.Path, e.Line, e.Reason)
}

// ReadOffsets reads an offset checkpoint: lines "topic partition offset". A missing or empty file
// has no entries; of a repeated entry the last one counts. A malformed file is a *FormatError.
func ReadOffsets(f vfs.FS, path string) (map[model.TopicPartition]int64, error) {
	content, err := vfs.ReadFile(f, path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read offset checkpoint: %w", err)
	}
	offsets := map[model.TopicPartition]int64{}
	return offsets, parseOffsets(path, content, offsets)
}

func parseOffsets(path string, content []byte, offsets map[model.TopicPartition]int64) error {
	return parseLines(path, content, 3, func(fields [][]byte) error {
		partition, err := number(fields[1], 32, "partition")
		if err != nil {
			return err
		}
		offset, err := number(fields[2], 64, "offset")
		if err != nil {
			return err
		}
		offsets[model.TopicPartition{Topic: string(fields[0]), Partition: int32(partition)}] = offset
		return nil
	})
}

// number parses a field of so many bits. what is its name in the error.
func number(field []byte, bits int, what string) (int64, error) {
	n, err := strconv.ParseInt(string(field), 10, bits)
	if err != nil {
		return 0, fmt.Errorf("%s %q is not a number", what, field)
	}
	return n, nil
}

// WriteOffsets replaces an offset checkpoint. Entries are written in order of topic and partition.
func WriteOffsets(f vfs.FS, path string, offsets map[model.TopicPartition]int64) error {
	tps := make([]model.TopicPartition, 0, len(offsets))
	for tp := range offsets {
		tps = append(tps, tp)
	}
	slices.SortFunc(tps, model.TopicPartition.Compare)
	b := appendHeader(nil, len(tps))
	for _, tp := range tps {
		b = append(b, tp.Topic...)
		b = append(b, ' ')
		b = strconv.AppendInt(b, int64(tp.Partition), 10)
		b = append(b, ' ')
		b = strconv.AppendInt(b, offsets[tp], 10)
		b = append(b, '\n')
	}
	if err := vfs.WriteFileAtomic(f, path, b, true); err != nil {
		return fmt.Errorf("write offset checkpoint: %w", err)
	}
	return nil
}

// Epoch is an entry of a leader-epoch checkpoint (KIP-101): a leader epoch and the first offset
// written in it.
type Epoch struct {
	Epoch       int32
	StartOffset int64
}

// ReadEpochs reads a leader-epoch checkpoint: lines "epoch startOffset". A missing or empty file
// has no entries. A malformed file is a *FormatError.
func ReadEpochs(f vfs.FS, path string) ([]Epoch, error) {
	content, err := vfs.ReadFile(f, path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read leader epoch checkpoint: %w", err)
	}
	return parseEpochs(path, content)
}

func parseEpochs(path string, content []byte) ([]Epoch, error) {
	var epochs []Epoch
	err := parseLines(path, content, 2, func(fields [][]byte) error {
		epoch, err := number(fields[0], 32, "leader epoch")
		if err != nil {
			return err
		}
		var start int64
		if start, err = number(fields[1], 64, "start offset"); err == nil {
			epochs = append(epochs, Epoch{int32(epoch), start})
		}
		return err
	})
	var format *FormatError
	if errors.As(err, &format) {
		format.Fatal = true // Kafka 2.5 stops at a malformed epoch file
	}
	return epochs, err
}

// WriteEpochs replaces a leader-epoch checkpoint, durably if sync is set.
func WriteEpochs(f vfs.FS, path string, epochs []Epoch, sync bool) error {
	b := appendHeader(make([]byte, 0, 32+16*len(epochs)), len(epochs))
	for _, e := range epochs {
		b = strconv.AppendInt(b, int64(e.Epoch), 10)
		b = append(b, ' ')
		b = strconv.AppendInt(b, e.StartOffset, 10)
		b = append(b, '\n')
	}
	if err := vfs.WriteFileAtomic(f, path, b, sync); err != nil {
		return fmt.Errorf("write leader epoch checkpoint: %w", err)
	}
	return nil
}

// appendHeader appends the version and the number of entries.
func appendHeader(b []byte, entries int) []byte {
	b = append(b, "0\n"...)
	b = strconv.AppendInt(b, int64(entries), 10)
	return append(b, '\n')
}

// parseLines reads the common format: a version line, a count line, count lines of n fields.
func parseLines(path string, content []byte, n int, entry func(fields [][]byte) error) error {
	if len(content) == 0 {
		return nil
	}
	lines := bytes.Split(bytes.TrimSuffix(content, []byte("\n")), []byte("\n"))
	fail := func(line int, format string, args ...any) error {
		return &FormatError{Path: path, Line: line, Reason: fmt.Sprintf(format, args...)}
	}
	version, err := strconv.Atoi(string(bytes.TrimSuffix(lines[0], []byte("\r"))))
	if err != nil {
		return fail(1, "version %q is not a number", lines[0])
	}
	if version != 0 {
		return fail(1, "version %d is not known, only 0 is", version)
	}
	if len(lines) == 1 {
		return nil
	}
	count, err := strconv.Atoi(string(bytes.TrimSuffix(lines[1], []byte("\r"))))
	if err != nil {
		return fail(2, "number of entries %q is not a number", lines[1])
	}
	for i, line := range lines[2:] {
		fields := bytes.Fields(line)
		if len(fields) != n {
			return fail(i+3, "%q has %d fields, not %d", line, len(fields), n)
		}
		if err := entry(fields); err != nil {
			return fail(i+3, "%v", err)
		}
	}
	if count != len(lines)-2 {
		return fail(2, "there are %d entries, not %d", len(lines)-2, count)
	}
	return nil
}
