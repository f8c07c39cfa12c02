package txn

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"momus/internal/kerr"
	"momus/internal/model"
)

// TestLateBatchesAreRefused asks, in every state of a transaction, which batches may open it in a
// partition.
func TestLateBatchesAreRefused(t *testing.T) {
	inCoordinator(t, func(w *coordinatorTest) {
		var p InitResult
		// expect lists the answers for t-0, t-1 and t-2, with the producer's epoch, the one before
		// and the one after.
		expect := func(when string, present, before, after string) {
			t.Helper()
			for epoch, want := range map[int16]string{p.Epoch: present, p.Epoch - 1: before, p.Epoch + 1: after} {
				var got []string
				for i := range int32(3) {
					err := w.c.Admit(model.TopicPartition{Topic: "t", Partition: i}, p.ProducerID, epoch)
					got = append(got, map[error]string{nil: "yes", kerr.InvalidProducerEpoch: "fenced", kerr.NotEnoughReplicas: "no"}[err])
				}
				if g := strings.Join(got, " "); g != want {
					t.Errorf("%s, epoch %+d: %s, want %s", when, epoch-p.Epoch, g, want)
				}
			}
		}
		const all, none, fenced = "yes yes yes", "no no no", "fenced fenced fenced"
		expect("nobody is known", all, all, all)
		w.c.Start(1)
		w.c.OnBecomeLeader(0, 3)
		synctest.Wait()
		w.init("id", nil)
		p = w.init("id", nil)
		expect("no transaction", none, fenced, all)
		w.log.Hold()
		added := make(chan struct{})
		go func() { defer close(added); w.add(p, nil) }()
		synctest.Wait()
		expect("being added", "yes yes no", fenced, all)
		w.log.Release()
		<-added
		expect("open", "yes yes no", fenced, all)
		w.b.hold = make(chan struct{})
		w.end(p, true, nil)
		expect("decided", none, fenced, all)
		w.b.mu.Lock()
		close(w.b.hold)
		w.b.hold = nil
		w.b.mu.Unlock()
		synctest.Wait()
		expect("committed", none, fenced, all)
		w.add(p, nil)
		expect("open again", "yes yes no", fenced, all)
		w.c.OnResign(0)
		synctest.Wait()
		expect("of another broker", all, all, all)
		w.c.OnBecomeLeader(0, 5)
		synctest.Wait()
		expect("loaded", "yes yes no", fenced, all)
		old := p
		p = w.init("id", nil) // fences, and aborts
		if err := w.c.Admit(model.TopicPartition{Topic: "t"}, old.ProducerID, old.Epoch); err != kerr.InvalidProducerEpoch {
			t.Errorf("the fenced producer: %v", err)
		}
		expect("fenced", none, fenced, all)
		time.Sleep(8 * 24 * time.Hour)
		synctest.Wait()
		if w.c.Stats(t.Context()).TransactionalIDs == 0 {
			expect("expired", all, all, all)
		} else {
			t.Error("the id did not expire")
		}
	})
}

func TestStandingsOfManyProducers(t *testing.T) {
	inCoordinator(t, func(w *coordinatorTest) {
		w.c.Start(1)
		w.c.OnBecomeLeader(0, 3)
		synctest.Wait()
		for i := range 50 {
			r := w.init(fmt.Sprint("id-", i), nil)
			if err := w.c.Admit(model.TopicPartition{Topic: "t"}, r.ProducerID, r.Epoch); err != kerr.NotEnoughReplicas {
				t.Errorf("producer %d: %v", r.ProducerID, err)
			}
		}
		w.c.OnResign(0)
		synctest.Wait()
		w.c.standings.of.Range(func(k, v any) bool {
			t.Errorf("producer %v is still known", k)
			return true
		})
	})
}
