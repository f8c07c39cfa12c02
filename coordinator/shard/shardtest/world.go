package shardtest

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"momus/coordinator/shard"
	"momus/internal/kerr"
	"momus/storage/record"
)

// EpochMs is when worlds begin; transcripts show times relative to it.
const EpochMs = 1_600_000_000_000

// World drives a machine of a coordinator without goroutines: it is the loop, the log and the clock
// of a transcript. What happens is written to Out. The fields below are set by who makes the world;
// a world belongs to one goroutine.
type World struct {
	T       testing.TB
	Machine shard.Machine
	Now     time.Time
	Out     strings.Builder

	Batches []record.Batch // the log
	Next    int64          // the offset of the next record
	Held    bool           // appends wait for Release
	Waiting []shard.Appended
	Refuse  *kerr.Error // what appends fail with; nil: they succeed

	Record   func(r *record.Record) string               // shows a record of the log
	Appended func(e shard.Append, b record.Batch) string // what else the transcript says of an append
	// Reply is told of each answer, in the middle of a step; what it returns, if not nil, runs after it.
	Reply func(e shard.Reply) (after func())
	Emit  func(value any) // is told of what the machine emits
	Check func()          // holds the invariants of the machine, after each step
}

// under says which test is being run: datadriven has one of its own for each file.
func (w *World) under(t testing.TB) { w.T = t }

// Quiet is a logger that writes nothing.
func Quiet() *logrus.Entry {
	l := logrus.New()
	l.SetOutput(io.Discard)
	return logrus.NewEntry(l)
}

// Printf writes to the transcript.
func (w *World) Printf(format string, a ...any) { fmt.Fprintf(&w.Out, format, a...) }

// Load gives the log to a machine that is new, as the next coordinator does.
func (w *World) Load(m shard.Machine) {
	w.Machine = m
	for _, b := range w.Batches {
		if err := m.Replay(b); err != nil {
			w.Printf("replay: %v\n", err)
		}
	}
	w.Carry(m.Loaded(w.Now))
	w.Check()
}

// Step gives the machine an event, and carries its effects out.
func (w *World) Step(ev any, call *shard.Call) {
	w.Carry(w.Machine.Step(w.Now, ev, call))
	w.Check()
}

// Carry carries out effects, in their order; appends that end at once are told of after all.
func (w *World) Carry(effects []shard.Effect) {
	var ended []shard.Appended
	var after []func()
	for _, e := range slices.Clone(effects) {
		switch e := e.(type) {
		case shard.Reply:
			if f := w.Reply(e); f != nil {
				after = append(after, f)
			}
		case shard.Append:
			if a, ok := w.append(e); ok {
				ended = append(ended, a)
			}
		case shard.Emit:
			w.Emit(e.Value)
		}
	}
	for _, a := range ended {
		w.Carry(w.Machine.Step(w.Now, a, nil))
	}
	for _, f := range after {
		f()
	}
}

// append puts a batch into the log; ok says that the machine is to be told now.
func (w *World) append(e shard.Append) (a shard.Appended, ok bool) {
	a = shard.Appended{Tag: e.Tag, Result: shard.Result{BaseOffset: w.Next}}
	if w.Refuse != nil {
		w.Printf("append refused: %s\n", w.Refuse.Name)
		a.Result = shard.Result{BaseOffset: -1, Err: w.Refuse}
		return a, e.Tag != 0
	}
	b := record.Batch(slices.Clone(e.Batch))
	b.SetBaseOffset(w.Next)
	if err := b.Verify(); err != nil {
		w.T.Fatalf("batch written: %v", err)
	}
	w.Printf("append at %d%s\n", w.Next, w.Appended(e, b))
	if err := b.ForEach(nil, func(r *record.Record) error {
		w.Printf("  %s\n", w.Record(r))
		return nil
	}); err != nil {
		w.T.Fatal(err)
	}
	w.Batches = append(w.Batches, b)
	w.Next = b.NextOffset()
	if w.Held && e.Tag != 0 {
		w.Waiting = append(w.Waiting, a)
		return a, false
	}
	return a, e.Tag != 0
}

// Release ends the appends that wait, all with err.
func (w *World) Release(err *kerr.Error) {
	waiting := w.Waiting
	w.Held, w.Waiting = false, nil
	for _, a := range waiting {
		if err != nil {
			a.Result = shard.Result{BaseOffset: -1, Err: err}
		}
		w.Step(a, nil)
	}
}

// Advance lets time pass, with a tick at each deadline; the transcript has the time of what
// happens meanwhile.
func (w *World) Advance(d time.Duration) {
	until := w.Now.Add(d)
	for {
		at, ok := w.Machine.NextDeadline()
		if !ok || at.After(until) {
			break
		}
		if at.After(w.Now) {
			w.Now = at
		}
		before := w.Out.String()
		w.Step(shard.Tick{}, nil)
		if rest, ok := strings.CutPrefix(w.Out.String(), before); ok && rest != "" {
			w.Out.Reset()
			w.Printf("%sat %s:\n%s", before, w.Now.Sub(time.UnixMilli(EpochMs)), rest)
		}
	}
	w.Now = until
}

// ShowMs is a time of records, which are milliseconds; negative is none.
func ShowMs(ms int64) string {
	if ms < 0 {
		return "none"
	}
	return (time.Duration(ms-EpochMs) * time.Millisecond).String()
}
