package doctor_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// use makes a cluster busy in all ordinary ways: topics, a group that reads, a transaction.
func (l *lab) use(replicas int16) {
	l.t.Helper()
	l.topic("orders", 3, replicas)
	l.topic("prices", 2, replicas, "cleanup.policy=compact")
	l.write("orders", values(100)...)
	var keyed []*kgo.Record
	for i := range 50 {
		keyed = append(keyed, &kgo.Record{Key: fmt.Append(nil, i%5), Value: []byte("v")})
	}
	l.write("prices", keyed...)
	group := l.connect(kgo.ConsumerGroup("readers"), kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.AutoCommitInterval(200*time.Millisecond))
	for n := 0; n < 100; {
		fetches := group.PollFetches(l.ctx())
		l.must(fetches.Err())
		n += fetches.NumRecords()
	}
	l.must(group.CommitUncommittedOffsets(l.ctx()))
	txn := l.connect(kgo.TransactionalID("payments"))
	l.must(txn.BeginTransaction())
	l.must(txn.ProduceSync(l.ctx(), &kgo.Record{Topic: "orders", Value: []byte("paid")}).FirstErr())
	l.must(txn.EndTransaction(l.ctx(), kgo.TryCommit))
}

func TestNothingIsWrongWithHealthyClusters(t *testing.T) {
	t.Parallel()
	for _, brokers := range []int{1, 3} {
		t.Run(fmt.Sprintf("%d brokers", brokers), func(t *testing.T) {
			t.Parallel()
			l := start(t, brokers, nil)
			if r := l.examine(); len(r.Findings) > 0 || r.code != 0 {
				t.Errorf("before anything was done: exit code %d\n%s", r.code, r)
			}
			l.use(int16(brokers))
			l.options.Wait = time.Second
			if r := l.examine(); len(r.Findings) > 0 || r.code != 0 || r.Brokers[0].Version != "2.5" || !r.Brokers[0].Momus {
				t.Errorf("exit code %d\n%s%+v", r.code, r, r.Brokers)
			}
		})
	}
}
