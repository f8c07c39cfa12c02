package log

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"momus/configs"
	"momus/internal/kerr"
	"momus/storage/record"
	"momus/storage/vfs"
)

// sentBatch is a batch of an idempotent producer and where the log has it.
type sentBatch struct {
	producer int64
	epoch    int16
	sequence int32
	records  int
	first    int64
}

func (s sentBatch) bytes(ts int64) []byte {
	o := record.DefaultOptions()
	o.ProducerID, o.ProducerEpoch, o.BaseSequence = s.producer, s.epoch, s.sequence
	w := record.NewBuilder(o)
	for i := range s.records {
		w.Append(ts, nil, fmt.Appendf(nil, "%d of %d", i, s.producer))
	}
	return w.Bytes()
}

// restarts are the ways in which the state of a log comes back without the log being lost.
var restarts = map[string]func(e *env, rnd *rand.Rand) *env{
	"kill": func(e *env, _ *rand.Rand) *env {
		e.fs = e.fs.(*vfs.Mem).KillClone()
		return e.open(false, 0)
	},
	"kill after a flush": func(e *env, _ *rand.Rand) *env {
		e.must(e.Flush(e.LogEndOffset()))
		point := e.RecoveryPoint()
		e.must(e.DeleteSnapshotsAfterCheckpoint())
		e.fs = e.fs.(*vfs.Mem).KillClone()
		return e.open(false, point)
	},
	"power loss after a flush": func(e *env, rnd *rand.Rand) *env {
		e.must(e.Flush(e.LogEndOffset()))
		e.fs = e.fs.(*vfs.Mem).CrashClone(rnd)
		return e.open(false, 0)
	},
	"clean stop": func(e *env, _ *rand.Rand) *env {
		e.must(e.Close())
		return e.open(true, e.RecoveryPoint())
	},
	"clean stop, then kill": func(e *env, rnd *rand.Rand) *env {
		e.must(e.Close())
		e.open(true, e.RecoveryPoint())
		e.fs = e.fs.(*vfs.Mem).KillClone()
		return e.open(false, e.RecoveryPoint())
	},
	"a new segment, then kill": func(e *env, _ *rand.Rand) *env {
		e.must(e.Roll())
		e.fs = e.fs.(*vfs.Mem).KillClone()
		return e.open(false, e.LogEndOffset())
	},
	"truncation": func(e *env, _ *rand.Rand) *env {
		end := e.LogEndOffset()
		for i := range 3 {
			_, err := e.AppendAsLeader(sentBatch{producer: 99, sequence: int32(end) + int32(i), records: 1}.bytes(e.clock), 0, record.OriginReplication)
			e.must(err)
		}
		e.must(e.TruncateTo(end))
		return e
	},
	"a follower that becomes leader": func(e *env, _ *rand.Rand) *env {
		follower := &env{t: e.t, fs: vfs.NewMem(), config: e.config, clock: e.clock}
		follower.open(false, 0)
		for _, s := range e.Segments() {
			e.must(s.ForEachBatch(true, func(b record.Batch, _ int) error {
				_, err := follower.AppendAsFollower(append([]byte(nil), b...))
				return err
			}))
		}
		return follower
	},
	"a move to another directory": func(e *env, _ *rand.Rand) *env {
		const there = "/logs/t-0.0123-future"
		e.must(e.Rename(there))
		e.must(e.Rename(testDir))
		return e
	},
}

func (e *env) must(err error) {
	e.t.Helper()
	if err != nil {
		e.t.Fatal(err)
	}
}

// resend sends the last batches of a producer again, as one does whose connection broke with five
// requests unanswered.
func (e *env) resend(what string, last []sentBatch) {
	e.t.Helper()
	end := e.LogEndOffset()
	for i, s := range last {
		info, err := e.AppendAsLeader(s.bytes(e.clock), 0, record.OriginClient)
		if err != nil || !info.Duplicate || info.FirstOffset != s.first || info.LastOffset != s.first+int64(s.records)-1 {
			e.t.Fatalf("%s: batch %d of %d of producer %d, sequence %d at %d: %+v, %v", what, i, len(last), s.producer, s.sequence, s.first, info, err)
		}
	}
	if e.LogEndOffset() != end {
		e.t.Fatalf("%s: the log ends at %d instead of %d", what, e.LogEndOffset(), end)
	}
}

// TestWindowOfFiveSurvives restarts logs in every way, again and again, with producers that write
// more or less often, change their epoch and roll segments. After each restart the last five
// batches of each producer are known, and nothing older.
func TestWindowOfFiveSurvives(t *testing.T) {
	for name, restart := range restarts {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(12) {
				rnd := rand.New(rand.NewPCG(seed, 5))
				e := newEnv(t, vfs.NewMem(), func(c *configs.Topic) {
					c.SegmentBytes, c.IndexIntervalBytes = 600+int32(rnd.IntN(4000)), 50+int32(rnd.IntN(400))
				}).open(false, 0)
				windows := map[int64][]sentBatch{}
				for round := range 6 {
					for range rnd.IntN(40) {
						e.produce(rnd, windows)
					}
					e = restart(e, rnd)
					for id := range int64(4) {
						if rnd.IntN(3) > 0 { // those that do not look must find theirs at the next restart
							e.resend(fmt.Sprintf("seed %d, round %d", seed, round), windows[id])
						}
					}
				}
			}
		})
	}
}

// produce appends a batch of one of four producers, of which one writes seldom, and keeps the last
// five of each.
func (e *env) produce(rnd *rand.Rand, windows map[int64][]sentBatch) {
	e.t.Helper()
	s := sentBatch{producer: int64(min(rnd.IntN(12), 3)), records: 1 + rnd.IntN(3)}
	if rnd.IntN(12) == 0 {
		s.producer = 0
	}
	if sent := windows[s.producer]; len(sent) > 0 {
		last := sent[len(sent)-1]
		s.epoch, s.sequence = last.epoch, last.sequence+int32(last.records)
		if rnd.IntN(15) == 0 {
			s.epoch, s.sequence, sent = s.epoch+1, 0, nil
		}
		windows[s.producer] = sent
	}
	info, err := e.AppendAsLeader(s.bytes(e.clock), 0, record.OriginClient)
	if err != nil || info.Duplicate {
		e.t.Fatalf("%+v: %+v, %v", s, info, err)
	}
	s.first = info.FirstOffset
	sent := append(windows[s.producer], s)
	windows[s.producer] = sent[max(0, len(sent)-5):]
}

// countReads gives the number of reads from now on, of files that are opened from now on.
func (e *env) countReads() (reads func() int) {
	f := vfs.NewFault(e.fs)
	e.fs = f
	return f.Inject(vfs.Rule{Op: vfs.OpRead})
}

// TestWindowEndsAtFive repeats a sixth batch and invents others after a restart; the log is looked
// through once, not for each.
func TestWindowEndsAtFive(t *testing.T) {
	e := newEnv(t, vfs.NewMem(), smallSegments).open(false, 0)
	var sent []sentBatch
	for i := range 8 {
		s := sentBatch{producer: 7, sequence: int32(2*i) + 100, records: 2, first: int64(2 * i)}
		_, err := e.AppendAsLeader(s.bytes(e.clock), 0, record.OriginClient)
		e.must(err)
		sent = append(sent, s)
	}
	e.must(e.Close())
	reads := e.countReads()
	e.open(true, e.RecoveryPoint())
	opened := reads()
	for i, s := range []sentBatch{sent[2], sent[0], {producer: 7, sequence: 50, records: 2}, {producer: 7, sequence: 113, records: 2}, {producer: 7, sequence: 118, records: 2}} {
		if info, err := e.AppendAsLeader(s.bytes(e.clock), 0, record.OriginClient); !errors.Is(err, kerr.OutOfOrderSequenceNumber) {
			t.Fatalf("case %d: %+v, %v", i, info, err)
		}
		if i == 0 {
			if reads() == opened {
				t.Fatal("the log was not looked at")
			}
			opened = reads()
		}
	}
	if more := reads() - opened; more != 0 {
		t.Errorf("%d reads after the window was known", more)
	}
	e.resend("after all", sent[3:])
}

// TestEpochBumpEndsTheWindow: what was sent with the epoch before is neither a repetition nor
// appended, also after a restart.
func TestEpochBumpEndsTheWindow(t *testing.T) {
	e := newEnv(t, vfs.NewMem(), smallSegments).open(false, 0)
	var old []sentBatch
	for i := range 5 {
		old = append(old, sentBatch{producer: 7, epoch: 2, sequence: int32(i), records: 1, first: int64(i)})
		_, err := e.AppendAsLeader(old[i].bytes(e.clock), 0, record.OriginClient)
		e.must(err)
	}
	bumped := sentBatch{producer: 7, epoch: 3, records: 1, first: 5}
	if _, err := e.AppendAsLeader(sentBatch{producer: 7, epoch: 3, sequence: 5, records: 1}.bytes(e.clock), 0, record.OriginClient); !errors.Is(err, kerr.OutOfOrderSequenceNumber) {
		t.Fatal(err)
	}
	_, err := e.AppendAsLeader(bumped.bytes(e.clock), 0, record.OriginClient)
	e.must(err)
	for range 2 {
		for _, s := range old {
			if info, err := e.AppendAsLeader(s.bytes(e.clock), 0, record.OriginClient); !errors.Is(err, kerr.InvalidProducerEpoch) {
				t.Fatalf("%+v, %v", info, err)
			}
		}
		e.resend("the new epoch", []sentBatch{bumped})
		e.must(e.Close())
		e.open(true, e.RecoveryPoint())
	}
}

// TestOpeningDoesNotLookForTheWindow says what the window costs a start: nothing.
func TestOpeningDoesNotLookForTheWindow(t *testing.T) {
	reads := func(batches int) int {
		e := newEnv(t, vfs.NewMem(), nil).open(false, 0)
		for i := range batches {
			_, err := e.AppendAsLeader(sentBatch{producer: int64(i % 10), sequence: int32(i / 10), records: 1}.bytes(e.clock), 0, record.OriginClient)
			e.must(err)
		}
		e.must(e.Close())
		counted := e.countReads()
		e.open(true, e.RecoveryPoint())
		return counted()
	}
	if few, many := reads(10), reads(5000); many > few+1 {
		t.Errorf("%d reads to open a log of 5000 batches, %d for one of 10", many, few)
	}
}

// TestDamageWhileLookingForTheWindow finds what lies after the damage, and is no reason to refuse
// the producer.
func TestDamageWhileLookingForTheWindow(t *testing.T) {
	mem := vfs.NewMem()
	e := newEnv(t, mem, func(c *configs.Topic) { c.SegmentBytes = 200 }).open(false, 0)
	var sent []sentBatch
	for i := range 6 {
		s := sentBatch{producer: 7, sequence: int32(i), records: 1, first: int64(i)}
		_, err := e.AppendAsLeader(s.bytes(e.clock), 0, record.OriginClient)
		e.must(err)
		sent = append(sent, s)
	}
	e.must(e.Close())
	path := testDir + "/" + fileName(e.Segments()[1].BaseOffset(), logSuffix)
	b, err := vfs.ReadFile(mem, path)
	e.must(err)
	b[16] = 9 // the magic of its first batch
	e.must(vfs.WriteFileAtomic(mem, path, b, true))
	e.open(true, e.RecoveryPoint())
	e.resend("behind the damage", sent[4:])
	if info, err := e.AppendAsLeader(sent[1].bytes(e.clock), 0, record.OriginClient); !errors.Is(err, kerr.OutOfOrderSequenceNumber) {
		t.Fatalf("%+v, %v", info, err)
	}
	if len(e.ioErrs) > 0 {
		t.Error(e.ioErrs)
	}
}
