// Package producer keeps what a partition remembers of idempotent and transactional producers (KIP-98).
package producer

// Batch is a remembered batch of a producer.
type Batch struct {
	LastSequence int32
	OffsetDelta  int32 // last offset - first offset
	LastOffset   int64
	Timestamp    int64 // ms
}

// Entry is what is known of one producer id.
type Entry struct {
	ProducerID       int64
	Epoch            int16 // -1 unknown
	CoordinatorEpoch int32 // of the last marker, -1 none
	LastTimestamp    int64 // ms, -1 none
	TxnFirstOffset   int64 // first offset of the open transaction, -1 none
	batches          [5]Batch
	n                uint8
}

// LastBatch is the latest remembered batch with data; false if there is none.
func (e *Entry) LastBatch() (Batch, bool) {
	if e.n == 0 {
		return Batch{}, false
	}
	return e.batches[e.n-1], true
}
