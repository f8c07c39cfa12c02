package log

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"testing"

	"momus/configs"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/storage/producer"
	"momus/storage/record"
	"momus/storage/vfs"
)

// appendFrom appends a batch of one record of an idempotent producer.
func (e *env) appendFrom(producer int64, sequence int32) error {
	_, err := e.AppendAsLeader(sentBatch{producer: producer, sequence: sequence, records: 1}.bytes(e.clock), 0, record.OriginClient)
	e.UpdateHighWatermark(e.LogEndOffset())
	return err
}

// A truncation inside the active segment removes snapshots that know producers whose batches go with
// it. They stay away, also when power fails.
func TestTruncationRemovesSnapshotsForGood(t *testing.T) {
	mem := vfs.NewMem()
	e := newEnv(t, mem, nil).open(true, 0)
	e.append(e.clock, "a", "b", "c")
	for sequence := range int32(3) {
		e.must(e.appendFrom(7, sequence))
	}
	e.must(e.Close()) // a snapshot at 6 knows producer 7
	e.open(true, 6)
	e.must(e.TruncateTo(3))
	e.append(e.clock, "d", "e", "f", "g")
	e.must(e.Flush(e.LogEndOffset()))
	e.fs = mem.CrashClone(nil)
	if vfs.Exists(e.fs, testDir+"/"+fmt.Sprintf("%020d.snapshot", 6)) {
		t.Error("the snapshot at 6 is back")
	}
}

// The snapshot that a clean stop relies on is durable, whoever has written it.
func TestCleanStopSyncsTheSnapshotOfOthers(t *testing.T) {
	for name, write := range map[string]func(e *env){
		"a truncation": func(e *env) {
			e.must(e.Close())
			e.open(true, 5)
			e.must(e.TruncateTo(4))
		},
		"a recovery": func(e *env) {
			e.CloseHandlers()
			e.fs = e.fs.(*vfs.Mem).KillClone()
			e.open(false, 0)
		},
	} {
		mem := vfs.NewMem()
		e := newEnv(t, mem, nil).open(true, 0)
		for sequence := range int32(5) {
			e.must(e.appendFrom(7, sequence))
		}
		write(e)
		end := e.LogEndOffset()
		e.must(e.Close())
		fs := e.fs.(*vfs.Mem).CrashClone(nil)
		content, err := vfs.ReadFile(fs, fmt.Sprintf("%s/%020d.snapshot", testDir, end))
		if err != nil || len(content) == 0 {
			t.Errorf("%s: the snapshot at %d has %d bytes: %v", name, end, len(content), err)
		}
		e.fs = fs
		e.open(true, end)
		if err := e.appendFrom(7, int32(end)+1); !errors.Is(err, kerr.OutOfOrderSequenceNumber) {
			t.Errorf("%s: the producer is forgotten: %v", name, err)
		}
	}
}

// DeleteRecords raises the recovery point over what is not durable; if power fails a recovery must
// not begin there, since the log may begin lower again.
func TestPowerLossAfterDeleteRecords(t *testing.T) {
	for seed := range uint64(20) {
		mem := vfs.NewMem()
		e := newEnv(t, mem, smallSegments).open(true, 0)
		e.append(e.clock, "durable")
		e.must(e.Flush(e.LogEndOffset()))
		for i := range 30 {
			e.append(e.clock, fmt.Sprint("value ", i))
		}
		e.must(mem.SyncDir(testDir)) // another log's flush makes all names durable
		e.must(e.MaybeIncrementLogStartOffset(29))
		point := e.CheckpointPoint()
		e.fs = mem.CrashClone(rand.New(rand.NewPCG(seed, 1)))
		e.open(false, point) // the log start was not written yet
		if all := content(t, e.Log); len(all) == 0 || all[0] != "0:durable" {
			t.Errorf("seed %d: %v", seed, all)
		}
	}
}

// A log that is closed as it is needs no recovery either.
func TestCloseAsItIsSyncsTheIndexes(t *testing.T) {
	mem := vfs.NewMem()
	e := newEnv(t, mem, func(c *configs.Topic) { c.IndexIntervalBytes = 50 }).open(true, 0)
	for i := range 10 {
		e.append(e.clock+int64(i), fmt.Sprint("value ", i))
	}
	e.CloseHandlers() // killed
	e.fs = mem
	e.open(false, 0)
	e.must(e.CloseAsItIs())
	for _, suffix := range []string{indexSuffix, timeSuffix} {
		is, err := vfs.ReadFile(mem.CrashClone(nil), testDir+"/"+fileName(0, suffix))
		e.must(err)
		want, err := vfs.ReadFile(mem, testDir+"/"+fileName(0, suffix))
		e.must(err)
		if string(is) != string(want) || len(want) == 0 {
			t.Errorf("%s has %d bytes after a power failure, not %d", suffix, len(is), len(want))
		}
	}
}

// A transaction index that power loss has torn is no reason to read the segments before it, which
// may be torn, too, and are recovered only later.
func TestRecoveryWithTornIndexAndTornSegmentBefore(t *testing.T) {
	mem := vfs.NewMem()
	e := newEnv(t, mem, smallSegments).open(true, 0)
	e.must(e.appendFrom(7, 0))
	o := record.DefaultOptions()
	o.ProducerID, o.ProducerEpoch, o.BaseSequence, o.Transactional = 8, 0, 0, true
	b := record.NewBuilder(o)
	b.Append(e.clock, nil, []byte("in a transaction"))
	_, err := e.AppendAsLeader(b.Bytes(), 0, record.OriginClient)
	e.must(err)
	e.must(e.Roll())
	_, err = e.AppendAsLeader(record.ControlBatch(8, 0, 1, false, e.clock), 0, record.OriginCoordinator)
	e.must(err)
	e.CloseHandlers() // power is lost
	for _, name := range []string{fileName(0, logSuffix), fileName(2, txnSuffix)} {
		f, err := mem.OpenFile(testDir+"/"+name, os.O_RDWR)
		e.must(err)
		size, err := f.Size()
		e.must(err)
		_, err = f.WriteAt(make([]byte, size), 0)
		e.must(err)
		e.must(f.Close())
	}
	e.must(mem.Remove(testDir + "/" + producer.SnapshotName(2)))
	e.open(false, 0).expect()
	if e.LogEndOffset() != 0 {
		t.Errorf("log end %d", e.LogEndOffset())
	}
}

// A segment without offset index is recovered also after a clean stop. If that is cut short, by a kill
// or a power failure, the next start does it again: no time index is left that lacks entries.
func TestRecoveryOfAMissingIndexIsCutShort(t *testing.T) {
	errCut := errors.New("cut")
	for calls, cut := 0, true; cut; calls++ {
		mem := vfs.NewMem()
		e := newEnv(t, mem, smallSegments).open(true, 0)
		for i := range 20 {
			e.append(e.clock+int64(i), fmt.Sprint("value ", i))
		}
		largest, err := e.Segments()[0].LargestTimestamp()
		e.must(err)
		e.must(e.Close())
		e.must(mem.Remove(testDir + "/" + fileName(0, indexSuffix)))
		e.must(mem.Remove(testDir + "/" + fileName(0, timeSuffix)))
		e.must(mem.SyncDir(testDir))
		fault := vfs.NewFault(mem)
		fault.Inject(vfs.Rule{Skip: calls, Err: errCut})
		e.fs = fault
		err = e.tryOpen(true, 0, 20)
		if cut = err != nil; cut && !errors.Is(err, errCut) {
			t.Fatal(err)
		}
		for how, fs := range map[string]*vfs.Mem{"killed": mem.KillClone(), "power lost": mem.CrashClone(rand.New(rand.NewPCG(uint64(calls), 1)))} {
			e.fs = fs
			e.open(true, 20)
			if is, err := e.Segments()[0].LargestTimestamp(); err != nil || is != largest {
				t.Errorf("call %d, %s: the largest time is %d, not %d: %v", calls, how, is, largest, err)
			}
			if at, found, err := e.OffsetForTimestamp(largest); err != nil || !found || at.Timestamp != largest {
				t.Errorf("call %d, %s: %+v, %v, %v", calls, how, at, found, err)
			}
		}
	}
}

// What is to be deleted is not read, whatever it looks like.
func TestTornLogToBeDeleted(t *testing.T) {
	mem := vfs.NewMem()
	e := newEnv(t, mem, smallSegments).open(true, 0)
	e.must(e.appendFrom(7, 0))
	e.must(e.Roll())
	e.append(e.clock, "x")
	e.must(e.Rename("/logs/t-0.x-delete"))
	e.CloseHandlers()
	for name, content := range map[string][]byte{fileName(0, logSuffix): make([]byte, 70), fileName(1, txnSuffix): make([]byte, 34)} {
		e.must(vfs.WriteFileAtomic(mem, "/logs/t-0.x-delete/"+name, content, false))
	}
	e.must(mem.Remove("/logs/t-0.x-delete/" + fileName(1, indexSuffix)))
	for _, clean := range []bool{false, true} {
		l, err := Open(Options{FS: mem, Dir: "/logs/t-0.x-delete", TopicPartition: model.TopicPartition{Topic: "t"}, Config: e.config, Clean: clean})
		if err != nil {
			t.Fatalf("clean %v: %v", clean, err)
		}
		l.CloseHandlers()
	}
}

// A truncation that is cut short leaves a log that ends earlier or later, without a hole.
func TestTruncationIsCutShort(t *testing.T) {
	for name, truncate := range map[string]func(l *Log) error{
		"truncate":       func(l *Log) error { return l.TruncateTo(5) },
		"truncate fully": func(l *Log) error { return l.TruncateFullyAndStartAt(50) },
	} {
		for calls, cut := 0, true; cut; calls++ {
			mem := vfs.NewMem()
			fault := vfs.NewFault(mem)
			e := newEnv(t, fault, smallSegments).open(true, 0)
			for i := range 20 {
				e.append(e.clock, fmt.Sprint("value ", i))
			}
			before := content(t, e.Log)
			e.must(e.Roll()) // the last one is empty, and tells where the log ended
			fault.Inject(vfs.Rule{Skip: calls, Err: errCrash})
			err := truncate(e.Log)
			if cut = err != nil; cut && !errors.Is(err, errCrash) {
				t.Fatal(err)
			}
			e.fs = mem.KillClone()
			e.open(false, 0)
			if left := content(t, e.Log); !slices.Equal(left, before[:len(left)]) || len(left) > 0 && e.LogEndOffset() != int64(len(left)) {
				t.Errorf("%s, call %d: %v is left of a log that ends at %d", name, calls, left, e.LogEndOffset())
			}
		}
	}
}

// TestGoesOnAfterAFailure lets each call of a life that changes something fail once, as on a disk that
// is full for a moment, and goes on with the log, as those do who have not heard that its directory is
// offline: what is acknowledged then is in the log after a kill, once and where it was said to be, and
// what counts as flushed is there after a power failure.
func TestGoesOnAfterAFailure(t *testing.T) {
	for _, op := range []vfs.Op{vfs.OpWrite, vfs.OpCreate, vfs.OpTruncate, vfs.OpSync, vfs.OpSyncDir, vfs.OpRename, vfs.OpRemove} {
		for calls, met := 0, true; met; calls++ {
			mem := vfs.NewMem()
			fault := vfs.NewFault(mem)
			e := newEnv(t, fault, smallSegments).open(true, 0)
			seen := fault.Inject(vfs.Rule{Op: op, Skip: calls, Times: 1, Err: syscall.ENOSPC, Short: calls % 50})
			acked := map[int64]string{}
			var sequence int32
			for i := range 40 {
				var list []*Append
				var texts []string
				for k := range 1 + i%3 {
					o := record.DefaultOptions()
					if k == 0 {
						o.ProducerID, o.ProducerEpoch, o.BaseSequence = 7, 0, sequence
					}
					b := record.NewBuilder(o)
					texts = append(texts, fmt.Sprint("step ", i, " batch ", k))
					b.Append(e.clock+int64(i), nil, []byte(texts[k]))
					list = append(list, &Append{Records: b.Bytes(), Origin: record.OriginClient})
				}
				e.AppendTogether(0, list)
				e.UpdateHighWatermark(e.LogEndOffset())
				for k, a := range list {
					if a.Err == nil {
						if before, ok := acked[a.Info.FirstOffset]; ok {
							t.Fatalf("%s %d: %s is at %d, as was %s", op, calls, texts[k], a.Info.FirstOffset, before)
						}
						acked[a.Info.FirstOffset] = texts[k]
						if k == 0 {
							sequence++
						}
					} else if !errors.Is(a.Err, kerr.KafkaStorageError) {
						t.Fatalf("%s %d: %v", op, calls, a.Err)
					}
				}
				switch i % 10 {
				case 4:
					e.runTasks()
				case 6:
					e.Flush(e.LogEndOffset()) // may be what fails
				case 8:
					e.MaybeIncrementLogStartOffset(e.LogEndOffset() / 4)
					e.DeleteOldSegments()
				case 9:
					e.Roll()
				}
			}
			met = seen() > calls
			flushed, start, point := e.RecoveryPoint(), e.LogStartOffset(), e.CheckpointPoint()
			for how, fs := range map[string]*vfs.Mem{"killed": mem.KillClone(), "power lost": mem.CrashClone(nil)} {
				e.fs = fs
				if err := e.tryOpen(false, start, point); err != nil {
					t.Fatalf("%s %d, %s: %v", op, calls, how, err)
				}
				found := map[string]bool{}
				for _, text := range content(t, e.Log) {
					found[text] = true
				}
				for o, text := range acked {
					if o >= start && (how == "killed" || o < flushed) && !found[fmt.Sprint(o, ":", text)] {
						t.Errorf("%s %d, %s: %s at %d is lost; flushed to %d", op, calls, how, text, o, flushed)
					}
				}
			}
			if t.Failed() {
				return
			}
		}
	}
}
