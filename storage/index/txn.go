package index

// AbortedTxn is one entry of a .txnindex: a transaction whose ABORT marker lies in the segment (KIP-98).
type AbortedTxn struct {
	ProducerID       int64
	FirstOffset      int64 // of the transaction
	LastOffset       int64 // of the marker
	LastStableOffset int64 // right after this abort
}
