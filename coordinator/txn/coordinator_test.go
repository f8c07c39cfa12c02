package txn

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"momus/coordinator/shard/shardtest"
	"momus/internal/kerr"
	"momus/internal/model"
)

type coordinatorTest struct {
	t   *testing.T
	c   *Coordinator
	b   *brokers
	log *shardtest.Log
	ids *blocks

	bomb atomic.Bool // see config
}

func inCoordinator(t *testing.T, run func(w *coordinatorTest)) {
	synctest.Test(t, func(t *testing.T) {
		w := &coordinatorTest{t: t, b: &brokers{answers: map[string][]*kerr.Error{}, down: map[int32]bool{}}, log: shardtest.New(), ids: &blocks{}}
		cfg := testConfig()
		w.c = New(Options{
			Settings: w.config(cfg), Log: w.log, ProducerIDs: NewProducerIDs(w.ids), Logger: shardtest.Quiet(),
			Cluster: newCluster(map[string]int32{"t-0": 1, "t-1": 2}), Sender: w.b,
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- w.c.Run(ctx) }()
		run(w)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// lead makes the coordinator lead partition 0 in epoch 3, and a producer of id "id".
func (w *coordinatorTest) lead() InitResult {
	w.t.Helper()
	w.c.Start(1)
	w.c.OnBecomeLeader(0, 3)
	synctest.Wait()
	return w.init("id", nil)
}

func (w *coordinatorTest) init(id string, want *kerr.Error) InitResult {
	w.t.Helper()
	r := w.c.InitProducerID(w.t.Context(), InitRequest{TransactionalID: id, TimeoutMs: 60000, ProducerID: -1, Epoch: -1})
	if r.Err != want {
		w.t.Errorf("InitProducerId: %v, want %v", r.Err, want)
	}
	return r
}

func (w *coordinatorTest) add(r InitResult, want *kerr.Error) {
	w.t.Helper()
	err := w.c.AddPartitions(w.t.Context(), &AddRequest{TransactionalID: "id", ProducerID: r.ProducerID, Epoch: r.Epoch,
		Partitions: []model.TopicPartition{{Topic: "t", Partition: 1}, {Topic: "t"}}})
	if err != want {
		w.t.Errorf("AddPartitionsToTxn: %v, want %v", err, want)
	}
}

func (w *coordinatorTest) end(r InitResult, commit bool, want *kerr.Error) {
	w.t.Helper()
	if err := w.c.EndTxn(w.t.Context(), &EndRequest{TransactionalID: "id", ProducerID: r.ProducerID, Epoch: r.Epoch, Commit: commit}); err != want {
		w.t.Errorf("EndTxn: %v, want %v", err, want)
	}
}

func (w *coordinatorTest) sent(want int) {
	w.t.Helper()
	synctest.Wait()
	if got := w.b.take(); len(got) != want {
		w.t.Errorf("sent %q, want %d requests", got, want)
	}
}

func TestCoordinatorServesWhatItLeads(t *testing.T) {
	inCoordinator(t, func(w *coordinatorTest) {
		w.init("id", kerr.CoordinatorNotAvailable)
		w.c.Start(1)
		w.init("id", kerr.NotCoordinator)
		w.c.OnBecomeLeader(0, 3)
		synctest.Wait()
		w.init("", kerr.InvalidRequest)
		w.ids.err = errors.New("ZooKeeper is away")
		w.init("id", kerr.CoordinatorLoadInProgress)
		w.ids.err = nil
		p := w.init("id", nil)
		if p.ProducerID != 0 || p.Epoch != 0 {
			t.Errorf("%+v", p)
		}
		w.add(p, nil)
		w.end(p, true, nil)
		w.sent(2) // to the two leaders
		if s := w.c.Stats(w.t.Context()); s.TransactionalIDs != 1 || s.Ongoing != 0 {
			t.Errorf("%+v", s)
		}
		w.c.OnResign(0)
		w.init("id", kerr.NotCoordinator)
	})
}

func TestNextTransactionWaitsForTheMarkers(t *testing.T) {
	inCoordinator(t, func(w *coordinatorTest) {
		p := w.lead()
		w.add(p, nil)
		w.b.hold = make(chan struct{})
		w.end(p, true, nil) // answered before the markers are
		began := time.Now()
		w.add(p, kerr.ConcurrentTransactions)
		if took := time.Since(began); took != concurrentWait {
			t.Errorf("told to try again after %v", took)
		}
		time.AfterFunc(3*time.Millisecond, func() {
			w.b.mu.Lock()
			defer w.b.mu.Unlock()
			close(w.b.hold)
			w.b.hold = nil
		})
		began = time.Now()
		w.add(p, nil)
		if took := time.Since(began); took != 3*time.Millisecond {
			t.Errorf("waited %v", took)
		}
	})
}

func TestNextCoordinatorEndsDecidedTransactions(t *testing.T) {
	inCoordinator(t, func(w *coordinatorTest) {
		p := w.lead()
		w.add(p, nil)
		w.b.down[1], w.b.down[2] = true, true
		w.end(p, false, nil)
		w.sent(2)
		w.c.OnResign(0)
		time.Sleep(time.Minute)
		w.sent(0)
		w.b.mu.Lock()
		clear(w.b.down)
		w.b.mu.Unlock()
		w.c.OnBecomeLeader(0, 8)
		synctest.Wait()
		for _, sent := range w.b.take() {
			if sent != "to 1: 0/0/8 commit=false [t-0]" && sent != "to 2: 0/0/8 commit=false [t-1]" {
				t.Errorf("sent %q", sent)
			}
		}
		w.end(p, false, nil)
		w.add(p, nil)

		// The same broker goes on with a newer leader epoch.
		w.c.OnBecomeLeader(0, 9)
		w.end(p, true, nil)
		synctest.Wait()
		for _, sent := range w.b.take() {
			if sent != "to 1: 0/0/9 commit=true [t-0]" && sent != "to 2: 0/0/9 commit=true [t-1]" {
				t.Errorf("sent %q", sent)
			}
		}
	})
}

func TestCallsEndWithTheCoordinator(t *testing.T) {
	inCoordinator(t, func(w *coordinatorTest) {
		p := w.lead()
		w.log.Hold()
		go func() { time.Sleep(time.Second); w.c.OnResign(0) }()
		w.add(p, kerr.NotCoordinator)
	})
}
