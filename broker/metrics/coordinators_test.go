package metrics

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"momus/coordinator/group"
	"momus/coordinator/txn"
)

func TestAScrapeAsksEachCoordinatorOnce(t *testing.T) {
	var asked atomic.Int32
	groups := group.Stats{Offsets: 7}
	groups.Groups[group.Stable], groups.Groups[group.Empty] = 2, 3
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(
		groupCollector(func(context.Context) group.Stats { asked.Add(1); return groups }),
		transactionCollector(func(context.Context) txn.Stats {
			asked.Add(1)
			return txn.Stats{TransactionalIDs: 5, Ongoing: 4, UnknownDestination: 3, LogAppendRetry: 2}
		}),
	)
	var want strings.Builder
	for _, l := range []string{
		"group_groupmetadatamanager_numgroups 5", "group_groupmetadatamanager_numgroupscompletingrebalance 0",
		"group_groupmetadatamanager_numgroupsdead 0", "group_groupmetadatamanager_numgroupsempty 3",
		"group_groupmetadatamanager_numgroupspreparingrebalance 0", "group_groupmetadatamanager_numgroupsstable 2",
		"group_groupmetadatamanager_numoffsets 7", "transaction_ongoing 4", "transaction_transactionalids 5",
		"transaction_transactionmarkerchannelmanager_logappendretryqueuesize 2",
		"transaction_transactionmarkerchannelmanager_unknowndestinationqueuesize 3",
	} {
		want.WriteString("kafka_coordinator_" + l + "\n")
	}
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, f := range families {
		for _, m := range f.Metric {
			got.WriteString(f.GetName() + " " + strings.TrimSuffix(strings.TrimPrefix(m.GetGauge().String(), "value:"), " ") + "\n")
		}
	}
	if got.String() != want.String() {
		t.Errorf("scraped\n%swant\n%s", got.String(), want.String())
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("asked %d times", n)
	}
}
