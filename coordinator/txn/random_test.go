package txn

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"momus/coordinator/shard"
	"momus/coordinator/shard/shardtest"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/storage/record"
)

// ledger is what the log of a data partition knows of a producer: the epoch, and whether a
// transaction is open. It is the judge of the promises: a decision that was acknowledged is the one
// that the markers carry, and markers never go back in epoch.
type ledger struct {
	epoch            map[string]int16 // by partition and producer id
	coordinatorEpoch map[string]int32
}

// history is what clients of one transactional id were told.
type history struct {
	producerID int64
	epoch      int16
	added      map[model.TopicPartition]bool // acknowledged partitions of the open transaction of (producerID, epoch)
	decided    *bool                         // the last acknowledged EndTxn, nil since partitions were added
}

func TestRandomRequestsKeepThePromises(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		ids := []string{"a", "b"}
		clients := map[string]*history{"a": {epoch: -1}, "b": {epoch: -1}}
		data := ledger{epoch: map[string]int16{}, coordinatorEpoch: map[string]int32{}}
		w.onReply = func(r request, value any, err error) {
			switch ev := r.ev.(type) {
			case *InitRequest:
				if err != nil {
					break
				}
				h, v := clients[ev.TransactionalID], value.(InitResult)
				if v.ProducerID < h.producerID || v.ProducerID == h.producerID && v.Epoch < h.epoch {
					rt.Fatalf("%s: epoch %d of %d after %d of %d", ev.TransactionalID, v.Epoch, v.ProducerID, h.epoch, h.producerID)
				}
				*h = history{producerID: v.ProducerID, epoch: v.Epoch}
			case *AddRequest:
				h := clients[ev.TransactionalID]
				if ev.ProducerID != h.producerID || ev.Epoch != h.epoch {
					break
				}
				if err != nil {
					if h.decided != nil { // the next transaction may have begun or not
						h.added, h.decided = nil, nil
					}
					break
				}
				if h.decided != nil || h.added == nil {
					h.added, h.decided = map[model.TopicPartition]bool{}, nil
				}
				for _, tp := range ev.Partitions {
					h.added[tp] = true
				}
			case *EndRequest:
				h := clients[ev.TransactionalID]
				switch {
				case ev.ProducerID != h.producerID || ev.Epoch != h.epoch:
				case err == nil:
					h.decided = &ev.Commit
				case err != kerr.ConcurrentTransactions:
					h.added = nil // it may have ended or not
				}
			}
		}
		pid := func(id string) int64 { return clients[id].producerID }
		rt.Repeat(map[string]func(*rapid.T){
			"init": func(rt *rapid.T) {
				id := rapid.SampledFrom(ids).Draw(rt, "id")
				r := &InitRequest{TransactionalID: id, TimeoutMs: 30000, ProducerID: -1, Epoch: -1, fresh: -1}
				if rapid.Bool().Draw(rt, "given") && clients[id].epoch >= 0 {
					r.ProducerID, r.Epoch = pid(id), clients[id].epoch-int16(rapid.IntRange(0, 1).Draw(rt, "older"))
					r.Epoch = max(0, r.Epoch)
				}
				w.call("init", r)
			},
			"add": func(rt *rapid.T) {
				id := rapid.SampledFrom(ids).Draw(rt, "id")
				tps := rapid.SliceOfNDistinct(rapid.Int32Range(0, 3), 1, 3, rapid.ID).Draw(rt, "partitions")
				r := &AddRequest{TransactionalID: id, ProducerID: pid(id), Epoch: clients[id].epoch - int16(rapid.IntRange(0, 1).Draw(rt, "older"))}
				for _, p := range tps {
					r.Partitions = append(r.Partitions, model.TopicPartition{Topic: "t", Partition: p})
				}
				w.call("add", r)
			},
			"end": func(rt *rapid.T) {
				id := rapid.SampledFrom(ids).Draw(rt, "id")
				w.call("end", &EndRequest{TransactionalID: id, ProducerID: pid(id), Epoch: clients[id].epoch - int16(rapid.IntRange(0, 1).Draw(rt, "older")),
					Commit: rapid.Bool().Draw(rt, "commit")})
			},
			"written": func(rt *rapid.T) {
				jobs := shard.SortedKeys(w.jobs)
				if len(jobs) == 0 {
					rt.Skip()
				}
				j := w.jobs[rapid.SampledFrom(jobs).Draw(rt, "job")]
				for _, tp := range j.Partitions {
					key := fmt.Sprint(tp, j.ProducerID)
					if j.Epoch < data.epoch[key] || j.CoordinatorEpoch < data.coordinatorEpoch[key] {
						rt.Fatalf("marker %+v after epoch %d of coordinator %d", j, data.epoch[key], data.coordinatorEpoch[key])
					}
					data.epoch[key], data.coordinatorEpoch[key] = j.Epoch, j.CoordinatorEpoch
				}
				if h := clients[j.TransactionalID]; h.producerID == j.ProducerID && h.epoch == j.Epoch && h.decided != nil {
					if *h.decided != j.Commit {
						rt.Fatalf("markers %+v, but acknowledged was commit=%v", j, *h.decided)
					}
					for tp := range h.added {
						if !slices.Contains(j.Partitions, tp) {
							rt.Fatalf("markers %+v lack the acknowledged partition %s", j, tp)
						}
					}
				}
				w.written(j.TransactionalID)
			},
			"hold":    func(*rapid.T) { w.Held = true },
			"release": func(*rapid.T) { w.Release(nil) },
			"lose":    func(*rapid.T) { w.lose() },
			"refuse": func(rt *rapid.T) {
				w.Refuse = rapid.SampledFrom([]*kerr.Error{nil, nil, kerr.NotEnoughReplicas}).Draw(rt, "error")
			},
			"wait": func(rt *rapid.T) {
				w.Advance(rapid.SampledFrom([]time.Duration{time.Millisecond, concurrentWait, 20 * time.Second, time.Minute}).Draw(rt, "time"))
			},
			"failover": func(*rapid.T) {
				w.Refuse = nil
				w.run(command(t, "failover"))
			},
			"": func(rt *rapid.T) { w.sameAfterReplay(rt) },
		})
		// Whatever happened, in the end every decided transaction ends and nobody waits.
		w.Refuse = nil
		w.Release(nil)
		w.Advance(time.Minute)
		for len(w.jobs) > 0 {
			w.written(shard.SortedKeys(w.jobs)[0])
			w.Advance(time.Minute)
		}
		if len(w.calls) > 0 {
			rt.Fatalf("%d calls are not answered", len(w.calls))
		}
		for id, x := range w.p.transactions {
			if x.busy() || !x.State.ended() {
				rt.Fatalf("%s is %s, pending %s", id, x.State, x.pending)
			}
		}
	})
}

// lose fails the appends that wait as a leader does that is cut off: their records are gone from
// the log.
func (w *world) lose() {
	if len(w.Waiting) == 0 {
		return
	}
	first := w.Waiting[0].BaseOffset
	w.Batches = slices.DeleteFunc(w.Batches, func(b record.Batch) bool { return b.BaseOffset() >= first })
	w.Next = first
	tags := w.Waiting
	w.Waiting, w.Held = nil, false
	// The leadership is lost with it.
	for _, a := range tags {
		a.Err, a.BaseOffset = kerr.NotLeaderForPartition, -1
	}
	w.epoch++
	w.Carry(w.p.Unload(w.Now))
	w.reload()
}

// sameAfterReplay compares the core with one that is loaded from the log now. What differs rightly:
// what is pending or was not acknowledged, and what is not in the records.
func (w *world) sameAfterReplay(rt *rapid.T) {
	if len(w.Waiting) > 0 {
		return
	}
	fresh := NewPartition(w.p.config, shardtest.Quiet(), 0)
	for _, b := range w.Batches {
		if err := fresh.Replay(b); err != nil {
			rt.Fatal(err)
		}
	}
	for id, x := range w.p.transactions {
		y := fresh.transactions[id]
		if y == nil {
			if x.Epoch >= 0 {
				rt.Fatalf("%s is %s, but not in the log", id, showMetadata(&x.Metadata))
			}
			continue // its first record was refused
		}
		a, b := x.Metadata, y.Metadata
		a.LastEpoch, a.LastProducerID = b.LastEpoch, b.LastProducerID
		if x.fenced {
			a.Epoch = b.Epoch
		}
		if showMetadata(&a) != showMetadata(&b) {
			rt.Fatalf("%s is %s, from the log %s", id, showMetadata(&a), showMetadata(&b))
		}
	}
	for id := range fresh.transactions {
		if w.p.transactions[id] == nil {
			rt.Fatalf("%s is in the log only", id)
		}
	}
}

var _ shard.Machine = (*Partition)(nil)
