package log

import (
	"time"

	"github.com/sirupsen/logrus"

	"momus/configs"
	"momus/internal/journal"
	"momus/internal/model"
	"momus/storage/vfs"
)

// Options say how to open a log.
type Options struct {
	FS  vfs.FS // nil: the operating system's
	Dir string // the partition's directory; created if missing
	// TopicPartition is who the log belongs to, also for a -delete or -future directory.
	TopicPartition model.TopicPartition
	Config         *configs.Topic
	// LogStartOffset and RecoveryPoint come from the checkpoints of the log directory, 0 if absent
	// there.
	LogStartOffset int64
	RecoveryPoint  int64
	// Clean tells that the log directory has the marker of a clean stop: nothing is recovered then.
	Clean bool
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// ProducerExpirationMs is transactional.id.expiration.ms: how long an idle producer id is
	// remembered; 0 is 7 days.
	ProducerExpirationMs int64
	// AdmitTransaction, if set, is asked before a batch that is not replicated opens a transaction;
	// its error refuses the batch. It is called under the log's lock and must not wait.
	AdmitTransaction func(producerID int64, epoch int16) error
	// RefuseZstd is set while inter.broker.protocol.version is below 2.1-IV0.
	RefuseZstd bool
	// After runs fn in another goroutine after d (0: at once), unless the log directory stops
	// first. It must not run fn before it returns. With nil, delayed work is not done: removed
	// files stay as *.deleted until the next Open.
	After func(d time.Duration, fn func())
	// OnIOError is told every I/O error, possibly repeatedly, so that the log directory is taken
	// offline. It must not call the log.
	OnIOError func(error)
	// OnPanic, if set, is told once when a panic under the log's lock has taken the log offline. It
	// must not call the log, and not wait.
	OnPanic func(*Log)
	// OnRecovery, if set, is told the progress of a recovery after each segment: segments done,
	// segments in all, bytes scanned so far.
	OnRecovery func(done, total int, bytes int64)
	// Journal is told of rolled and deleted segments; may be nil.
	Journal *journal.Journal
	// Logger may be nil.
	Logger *logrus.Entry
}

// Isolation says up to where a read may go.
type Isolation int8

// The isolations: replicas read to the log end, read_uncommitted consumers to the high watermark,
// read_committed ones (KIP-98) to the last stable offset.
const (
	UpToLogEnd Isolation = iota
	UpToHighWatermark
	UpToLastStable
)

// AppendInfo tells what an append did.
type AppendInfo struct {
	FirstOffset    int64 // -1 if nothing was appended; for a follower's legacy batches the last offset of the first
	LastOffset     int64 // -1 if nothing was appended
	MaxTimestamp   int64 // ms, -1 none
	LogAppendTime  int64 // ms, -1 unless the topic is LogAppendTime; of a duplicate the remembered batch's max timestamp
	LogStartOffset int64
	Duplicate      bool // an idempotent producer sent this before: nothing was written, offsets are those of the first time
	ValidBytes     int  // bytes written
	Records        int
}

// AbortedTxn is an entry of the aborted transactions of a fetch response.
type AbortedTxn struct {
	ProducerID  int64
	FirstOffset int64
}

// ReadResult is what a read found. The offsets are one consistent view: LogStartOffset <=
// LastStableOffset <= HighWatermark <= LogEndOffset.
type ReadResult struct {
	Records          FileRange
	Aborted          []AbortedTxn // not nil for UpToLastStable, nil otherwise
	HighWatermark    int64
	LastStableOffset int64
	LogStartOffset   int64
	LogEndOffset     int64
	// FirstBatchIncomplete tells that Records ends inside its first batch, as happens without
	// minOneMessage.
	FirstBatchIncomplete bool
	// StartedInOlderSegment tells that the offset is not in the active segment: the reader is
	// catching up.
	StartedInOlderSegment bool
}

// TimestampOffset is the answer to a search by timestamp (KIP-79). LeaderEpoch is -1 if unknown.
type TimestampOffset struct {
	Timestamp   int64 // ms
	Offset      int64
	LeaderEpoch int32
}

// Special timestamps of ListOffsets.
const (
	LatestTimestamp   int64 = -1
	EarliestTimestamp int64 = -2
)
