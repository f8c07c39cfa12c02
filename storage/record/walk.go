package record

// Walk walks the entries of a record set in order:
//
//	w := record.NewWalk(records)
//	for w.Next() {
//		… w.Batch …
//	}
//	return w.Err()
//
// It is a value on the caller's stack; a copy walks on by itself.
type Walk struct {
	// Batch is the present entry, which Next cut off: it shares memory with the set.
	Batch Batch

	rest []byte
	err  error
}

// NewWalk is a walk that stands before the first entry of records.
func NewWalk(records []byte) Walk { return Walk{rest: records} }

// Next goes to the next entry. It returns false at the end, which is also where what is left is no
// whole entry, and at an entry that is none: then Err says why.
func (w *Walk) Next() bool {
	w.Batch, w.rest, w.err = Next(w.rest)
	return w.Batch != nil
}

// Err is why the walk has ended before its end, a *CorruptError; nil if it has not.
func (w *Walk) Err() error { return w.err }
