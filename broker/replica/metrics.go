package replica

import (
	"sync/atomic"
	"time"

	"momus/internal/kerr"
	"momus/storage/log"
)

// Metrics counts what the manager does. All counters only grow.
type Metrics struct {
	isrShrinks, isrExpands, failedISRUpdates atomic.Int64
	bytesIn, messagesIn                      atomic.Int64
	replicationBytesIn                       atomic.Int64
	failedProduce                            atomic.Int64
}

func (c *Metrics) appended(info *log.AppendInfo) {
	if !info.Duplicate {
		c.bytesIn.Add(int64(info.ValidBytes))
		c.messagesIn.Add(info.LastOffset - info.FirstOffset + 1)
	}
}

func (c *Metrics) produceFailed(err error) {
	switch kerr.Of(err) {
	case kerr.MessageTooLarge, kerr.NotLeaderForPartition, kerr.KafkaStorageError, kerr.RecordListTooLarge, kerr.CorruptMessage:
	default:
		c.failedProduce.Add(1)
	}
}

// Gauges are the numbers of kafka.server:type=ReplicaManager at one moment.
type Gauges struct {
	LeaderCount, PartitionCount, OfflineReplicaCount           int
	UnderReplicatedPartitions, UnderMinISR, AtMinISR           int
	ReassigningPartitions                                      int
	ISRShrinks, ISRExpands, FailedISRUpdates                   int64
	BytesIn, MessagesIn, ReplicationBytesIn, FailedProduces    int64
	ProduceDelayed, FetchDelayed, DeleteRecordsDelayed         int64 // NumDelayedOperations
	ProducePurgatory, FetchPurgatory, DeleteRecordsPurgatory   int64 // PurgatorySize
	ProduceExpires, FetchExpires, DeleteRecordsExpires         int64
	FetcherMaxLag, FailedPartitions, FetcherCount, MoverMaxLag int64
}

// gaugesMaxAge is for how long counted gauges are good: a scrape asks for each of them by itself,
// and counting walks over all partitions.
const gaugesMaxAge = 500 * time.Millisecond

// Gauges returns the numbers, at most gaugesMaxAge old.
func (m *Manager) Gauges() Gauges {
	m.counted.Lock()
	defer m.counted.Unlock()
	if now := m.now(); m.counted.at.IsZero() || now.Sub(m.counted.at) > gaugesMaxAge {
		m.counted.gauges, m.counted.at = m.countGauges(), now
	}
	return m.counted.gauges
}

// Received is how many bytes and records clients and coordinators have had appended, as of now: rates
// over a second come out wrong of what is up to gaugesMaxAge old.
func (m *Manager) Received() (bytes, messages int64) {
	return m.metrics.bytesIn.Load(), m.metrics.messagesIn.Load()
}

// countGauges counts what the metrics of the replica manager show, in one pass over the partitions.
func (m *Manager) countGauges() Gauges {
	g := Gauges{
		ISRShrinks: m.metrics.isrShrinks.Load(), ISRExpands: m.metrics.isrExpands.Load(), FailedISRUpdates: m.metrics.failedISRUpdates.Load(),
		BytesIn: m.metrics.bytesIn.Load(), MessagesIn: m.metrics.messagesIn.Load(), ReplicationBytesIn: m.metrics.replicationBytesIn.Load(),
		FailedProduces: m.metrics.failedProduce.Load(),
		ProduceDelayed: m.produce.Delayed(), FetchDelayed: m.fetch.Delayed(), DeleteRecordsDelayed: m.deleteRecords.Delayed(),
		ProducePurgatory: m.produce.Watched(), FetchPurgatory: m.fetch.Watched(), DeleteRecordsPurgatory: m.deleteRecords.Watched(),
		ProduceExpires: m.produce.Expired(), FetchExpires: m.fetch.Expired(), DeleteRecordsExpires: m.deleteRecords.Expired(),
	}
	m.partitions.each(func(p *Partition) {
		g.PartitionCount++
		if p.offline.Load() {
			g.OfflineReplicaCount++
			return
		}
		r := p.role.Load()
		if !r.leading || r.log == nil {
			return
		}
		g.LeaderCount++
		if len(r.adding)+len(r.removing) > 0 {
			g.ReassigningPartitions++
		}
		// Replicas that a reassignment adds do not count until they are in (KIP-455).
		if len(r.isr) < len(r.replicas)-len(r.adding) {
			g.UnderReplicatedPartitions++
		}
		switch least := int(r.log.Config().MinInsyncReplicas); {
		case len(r.isr) < least:
			g.UnderMinISR++
		case len(r.isr) == least:
			g.AtMinISR++
		}
	})
	g.FetcherMaxLag, g.FailedPartitions, g.FetcherCount = m.fetchers.gauges()
	return g
}

// EachPartition calls fn for every hosted partition, in no particular order.
func (m *Manager) EachPartition(fn func(p *Partition)) { m.partitions.each(fn) }
