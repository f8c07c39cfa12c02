// Package checkpoint reads and writes the small text files of a log directory: offset checkpoints, meta.properties, the marker
// of a clean stop. Formats are those of Kafka 2.5.0.
package checkpoint

import (
	"errors"

	"momus/storage/model"
	"momus/storage/vfs"
)

// Names of the files in a log directory.
const (
	RecoveryPointFile = "recovery-point-offset-checkpoint"
	LogStartFile      = "log-start-offset-checkpoint"
	HighWatermarkFile = "replication-offset-checkpoint"
	CleanerFile       = "cleaner-offset-checkpoint"
	MetaFile          = "meta.properties"
	CleanShutdownFile = ".kafka_cleanshutdown"
	LockFile          = ".lock"
	LeaderEpochFile   = "leader-epoch-checkpoint" // in the partition's directory
)

// ReadOffsets reads an offset checkpoint. A missing or empty file has no entries. A *FormatError says what is wrong with it.
func ReadOffsets(fs vfs.FS, path string) (map[model.TopicPartition]int64, error) {
	return nil, errors.New("not implemented yet")
}

// WriteOffsets replaces an offset checkpoint atomically.
func WriteOffsets(fs vfs.FS, path string, offsets map[model.TopicPartition]int64) error {
	return errors.New("not implemented yet")
}

// FormatError says that a small file is not as it should be. Kafka takes the log directory offline.
type FormatError struct {
	Path   string
	Line   int // from 1; 0: the file as a whole
	Reason string
}

func (e *FormatError) Error() string { return e.Path + ": " + e.Reason }

// Meta is the identity in meta.properties.
type Meta struct {
	BrokerID  int32  // -1: no broker.id in the file
	ClusterID string // empty: none
}

// ReadMeta reads DIR/meta.properties and removes a left-over temporary file; false if there is none.
func ReadMeta(fs vfs.FS, dir string) (Meta, bool, error) {
	return Meta{}, false, errors.New("not implemented yet")
}

// WriteMeta replaces DIR/meta.properties atomically.
func WriteMeta(fs vfs.FS, dir string, m Meta) error { return errors.New("not implemented yet") }

// HasCleanShutdown tells whether DIR has the marker of a clean stop.
func HasCleanShutdown(fs vfs.FS, dir string) (bool, error) {
	return false, errors.New("not implemented yet")
}

// WriteCleanShutdown creates the marker.
func WriteCleanShutdown(fs vfs.FS, dir string) error { return errors.New("not implemented yet") }

// RemoveCleanShutdown removes the marker if it is there.
func RemoveCleanShutdown(fs vfs.FS, dir string) error { return errors.New("not implemented yet") }
