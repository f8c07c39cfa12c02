// Package shard runs coordinators whose state lives in an internal topic: one loop per partition
// that this broker leads. A loop loads its partition from the log, then owns a pure Machine: it
// takes calls from a mailbox, steps the machine, carries out the effects (append to the log, answer
// a call) and comes back when the machine's next deadline has come. Only one goroutine at a time
// touches the machine, the loop's or that of a caller who finds it idle, so a machine needs no
// lock.
//
// The package knows nothing of groups or transactions, and nothing of the broker: it declares the
// Log that it needs. A Runtime owns all loops of one topic; each loop is one goroutine, plus one
// that waits for replication while appends of that partition are not yet on enough replicas. All of
// them end before Run returns.
package shard

import (
	"context"
	"time"

	"momus/internal/model"
	"momus/storage/record"
)

// Log is what a coordinator needs of the broker's logs. Its methods may be called by many
// goroutines, for different partitions.
type Log interface {
	// Append appends batch, one whole v2 batch, to a partition that this broker leads, with origin
	// coordinator. It returns when the batch is in the leader's log or was refused. The batch is
	// patched in place (offset, leader epoch) and belongs to the caller again on return. acks is 0,
	// 1 or -1 as in Produce.
	Append(tp model.TopicPartition, batch []byte, acks int16) Pending
	// Read returns whole batches from offset on, up to the log end (not the high watermark), at
	// most maxBytes but at least one batch; none at the log end. It may use buf's memory; the
	// result is valid until buf is used again.
	Read(tp model.TopicPartition, offset int64, maxBytes int, buf []byte) ([]byte, error)
	// Bounds returns log start offset and log end offset of a partition that this broker leads.
	Bounds(tp model.TopicPartition) (start, end int64, err error)
}

// Pending is an append on its way to the replicas that its acks ask for.
type Pending interface {
	// Done returns the result and true when nothing needs to be waited for: the append failed, or
	// acks are satisfied.
	Done() (Result, bool)
	// Wait blocks until acks are satisfied, the append failed, timeout has passed
	// (REQUEST_TIMED_OUT) or ctx ended.
	Wait(ctx context.Context, timeout time.Duration) Result
}

// Result is the outcome of an append. BaseOffset is that of the batch; -1 if it was not appended.
type Result struct {
	BaseOffset int64
	Err        error
}

// Machine is the pure state of one partition: no I/O, no goroutine, no clock. The loop calls it
// from one goroutine at a time.
type Machine interface {
	// Replay applies one batch read from the log, in log order; batch is valid during the call
	// only.
	Replay(batch record.Batch) error
	// Loaded ends the replay: from now on the machine serves.
	Loaded(now time.Time) []Effect
	// Step applies one event: whatever was given to Runtime.Call or Cast (with the call that waits
	// for the answer, or nil), Appended, or Tick. The effects are valid until the next call of the
	// machine.
	Step(now time.Time, ev any, call *Call) []Effect
	// NextDeadline tells when Tick is due; ok is false if nothing is.
	NextDeadline() (at time.Time, ok bool)
	// Unload ends the machine: this broker no longer leads the partition. Parked calls are answered
	// by the effects, which may not be appends.
	Unload(now time.Time) []Effect
}

// Tick is the event that a deadline has come.
type Tick struct{}

// Appended is the event that the append with this tag ended. The loop gives it at once when acks
// are satisfied at once.
type Appended struct {
	Tag uint64
	Result
}

// Effect is Append, Reply or Emit.
type Effect interface{ effect() }

// Append asks to append Batch; Appended with the same Tag follows (Tag 0: nobody wants to know).
// The loop has done with Batch before it calls the machine again.
type Append struct {
	Tag     uint64
	Batch   []byte
	Acks    int16
	Timeout time.Duration
}

// Reply answers a call.
type Reply struct {
	Call  *Call
	Value any
	Err   error
}

// Emit hands a value to Options.OnEmit: what the machine asks of the world beside the log and its
// callers.
type Emit struct{ Value any }

func (Append) effect() {}
func (Reply) effect()  {}
func (Emit) effect()   {}

// Call is a request that waits for its answer; a machine keeps it while it is parked and names it
// in a Reply. It is touched by the owner of the machine only, but for done, which the caller
// receives from.
type Call struct {
	answered bool
	now      answer      // with answered, of a call that was carried out by its caller
	done     chan answer // nil while the caller itself carries the call out; capacity 1: answering never blocks, also when the caller has gone
}

type answer struct {
	value any
	err   error
}

// NewCall makes a call outside of a Runtime, for tests of machines.
func NewCall() *Call {
	c := &Call{}
	c.wait()
	return c
}

// wait makes the answer come through done.
func (c *Call) wait() { c.done = make(chan answer, 1) }

// give answers the call. A second answer is a bug of the machine, and dropped.
func (c *Call) give(a answer) {
	switch {
	case c.answered:
		return
	case c.done == nil:
		c.now = a
	default:
		c.done <- a
	}
	c.answered = true
}
