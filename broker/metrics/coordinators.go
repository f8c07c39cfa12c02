package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"momus/coordinator/group"
	"momus/coordinator/txn"
)

// statsTimeout bounds how long a scrape waits for a coordinator: a partition that appends may keep
// us waiting.
const statsTimeout = time.Second

// statsCollector turns one reading of a coordinator's numbers into all of its gauges, so that a
// scrape asks every partition once.
type statsCollector[S any] struct {
	stats  func(ctx context.Context) S
	descs  []*prometheus.Desc
	values []func(s *S) int
}

func (c *statsCollector[S]) gauge(name, help string, value func(s *S) int) {
	c.descs = append(c.descs, prometheus.NewDesc(name, help, nil, nil))
	c.values = append(c.values, value)
}

// Describe implements prometheus.Collector.
func (c *statsCollector[S]) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *statsCollector[S]) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), statsTimeout)
	defer cancel()
	s := c.stats(ctx)
	for i, d := range c.descs {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(c.values[i](&s)))
	}
}

// groupCollector has the numbers of the group coordinator.
func groupCollector(stats func(ctx context.Context) group.Stats) prometheus.Collector {
	c := &statsCollector[group.Stats]{stats: stats}
	const prefix = "kafka_coordinator_group_groupmetadatamanager_"
	c.gauge(prefix+"numoffsets", "Committed offsets of the groups coordinated here.", func(s *group.Stats) int { return s.Offsets })
	c.gauge(prefix+"numgroups", "Groups coordinated here.", func(s *group.Stats) (n int) {
		for _, of := range s.Groups {
			n += of
		}
		return n
	})
	for _, of := range []struct {
		state group.State
		name  string
	}{
		{group.PreparingRebalance, "preparingrebalance"}, {group.CompletingRebalance, "completingrebalance"}, {group.Stable, "stable"},
		{group.Dead, "dead"}, {group.Empty, "empty"},
	} {
		c.gauge(prefix+"numgroups"+of.name, "Groups in that state.", func(s *group.Stats) int { return s.Groups[of.state] })
	}
	return c
}

// transactionCollector has the numbers of the transaction coordinator.
func transactionCollector(stats func(ctx context.Context) txn.Stats) prometheus.Collector {
	c := &statsCollector[txn.Stats]{stats: stats}
	const prefix = "kafka_coordinator_transaction_"
	c.gauge(prefix+"transactionmarkerchannelmanager_unknowndestinationqueuesize", "Partitions whose transaction markers wait for a living leader.", func(s *txn.Stats) int { return s.UnknownDestination })
	c.gauge(prefix+"transactionmarkerchannelmanager_logappendretryqueuesize", "Ended transactions whose last record has to be written again.", func(s *txn.Stats) int { return s.LogAppendRetry })
	c.gauge(prefix+"transactionalids", "Transactional ids that this broker coordinates.", func(s *txn.Stats) int { return s.TransactionalIDs })
	c.gauge(prefix+"ongoing", "Transactions that are open.", func(s *txn.Stats) int { return s.Ongoing })
	return c
}
