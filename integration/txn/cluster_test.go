//go:build faults

package txn

import (
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"momus/integration/testkit"
)

func TestTransactionsGoOnWhileBrokersAreRolled(t *testing.T) {
	ctx := deadline(t)
	zookeeper := coordination(t)
	var brokers []*testkit.Cluster
	var addrs []string
	for id := range 3 {
		b := testkit.Broker(t, id+1, zookeeper, "transaction.state.log.replication.factor=3", "transaction.state.log.min.isr=2",
			"offsets.topic.replication.factor=3", "min.insync.replicas=2")
		brokers, addrs = append(brokers, b), append(addrs, b.Bootstrap)
	}
	all := &testkit.Cluster{Bootstrap: addrs[0]}
	admin := kadm.NewClient(client(t, all))
	testkit.Eventually(t, 20*time.Second, "three brokers are known", func() bool {
		m, err := admin.BrokerMetadata(ctx)
		return err == nil && len(m.Brokers) == 3
	})
	if r, err := admin.CreateTopic(ctx, 4, 3, nil, "t"); errors.Join(err, r.Err) != nil {
		t.Fatal(errors.Join(err, r.Err))
	}

	l := &ledger{of: map[string]outcome{}}
	stop := startTransactions(ctx, addrs, l, 0)
	defer stop()
	for _, b := range brokers {
		l.more(t, 50)
		b.Process.Stop(t, 30*time.Second)
		b.Restart(t)
	}
	l.more(t, 50)
	stop()
	checkTransactions(ctx, t, all, l)
}
