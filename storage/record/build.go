package record

// BuilderOptions describe the batch to build. The zero value is an uncompressed batch of magic 0 at offset 0 of producer 0: use
// DefaultOptions.
type BuilderOptions struct {
	Magic         int8
	Codec         Codec
	TimestampType TimestampType
	BaseOffset    int64
	LogAppendTime int64 // ms, with TimestampType LogAppendTime
	ProducerID    int64
	ProducerEpoch int16
	BaseSequence  int32
	LeaderEpoch   int32
	Transactional bool
	Control       bool
}

// DefaultOptions are those of a plain uncompressed magic 2 batch with create times.
func DefaultOptions() BuilderOptions {
	return BuilderOptions{
		Magic: Magic2, TimestampType: CreateTime, LogAppendTime: NoTimestamp,
		ProducerID: NoProducerID, ProducerEpoch: NoProducerEpoch, BaseSequence: NoSequence, LeaderEpoch: NoLeaderEpoch,
	}
}

// Builder builds one batch of magic 2, or a message set of magic 0 or 1: one wrapper if a codec is set, else single messages.
type Builder struct{ opts BuilderOptions }

// NewBuilder starts a batch.
func NewBuilder(opts BuilderOptions) *Builder { return &Builder{opts: opts} }

// Append adds a record at the next offset. A nil key or value is null. Everything is copied.
func (b *Builder) Append(timestamp int64, key, value []byte, headers ...Header) {}

// AppendAt adds a record at an offset above that of the previous one.
func (b *Builder) AppendAt(offset, timestamp int64, key, value []byte, headers ...Header) {}

// Count is the number of records appended.
func (b *Builder) Count() int { return 0 }

// Len estimates the size of the result so far in bytes, before compression.
func (b *Builder) Len() int { return 0 }

// Bytes completes the batch and returns it; nil if nothing was appended. The builder is used up and the caller owns the bytes.
func (b *Builder) Bytes() []byte { return nil }

// ControlBatch is an end-transaction marker as the transaction coordinator writes it: base offset 0, no sequence, 78 bytes.
func ControlBatch(producerID int64, producerEpoch int16, coordinatorEpoch int32, commit bool, timestamp int64) []byte {
	return nil
}
