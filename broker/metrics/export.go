package metrics

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"momus/broker/replica"
	"momus/broker/view"
	"momus/storage/cleaner"
)

// Export adds the numbers that the parts of the broker keep themselves, under the names that JMX
// exporters give Kafka's. It is called once.
func (m *Metrics) Export(v *view.View) {
	gauge := func(name, help string, read func() int64, labels ...string) {
		m.Gauge(name, help, func() float64 { return float64(read()) }, labels...)
	}
	counter := func(name, help string, read func() int64, labels ...string) {
		m.CounterFunc(name, help, func() float64 { return float64(read()) }, labels...)
	}
	// The replica manager counts its partitions once for all of these: it keeps the result for half
	// a second, which a scrape takes less than.
	of := func(pick func(replica.Gauges) int64) func() int64 {
		return func() int64 { return pick(v.Gauges()) }
	}
	gauge("kafka_server_kafkaserver_brokerstate", "State of the broker: 1 starting, 3 running, 6 handing over, 7 stopping.", func() int64 { return int64(v.State()) })
	gauge("kafka_network_requestchannel_memoryused", "Bytes of requests that are being received or executed.", v.MemoryUsed)

	gauge("kafka_controller_kafkacontroller_activecontrollercount", "1 on the active controller.", func() int64 {
		if v.IsController() {
			return 1
		}
		return 0
	})
	gauge("kafka_controller_kafkacontroller_offlinepartitionscount", "Partitions without a leader; 0 on brokers that are not controller.", func() int64 { return v.ControllerStats().OfflinePartitions })
	gauge("kafka_controller_kafkacontroller_preferredreplicaimbalancecount", "Partitions whose leader is not the preferred replica.", func() int64 { return v.ControllerStats().PreferredReplicaImbalance })
	gauge("kafka_controller_kafkacontroller_globaltopiccount", "Topics of the cluster.", func() int64 { return v.ControllerStats().Topics })
	gauge("kafka_controller_kafkacontroller_globalpartitioncount", "Partitions of the cluster.", func() int64 { return v.ControllerStats().Partitions })

	gauge("kafka_server_replicamanager_leadercount", "Partitions that this broker leads.", of(func(g replica.Gauges) int64 { return int64(g.LeaderCount) }))
	gauge("kafka_server_replicamanager_partitioncount", "Partitions on this broker.", of(func(g replica.Gauges) int64 { return int64(g.PartitionCount) }))
	gauge("kafka_server_replicamanager_offlinereplicacount", "Partitions on failed log directories.", of(func(g replica.Gauges) int64 { return int64(g.OfflineReplicaCount) }))
	gauge("kafka_server_replicamanager_underreplicatedpartitions", "Led partitions with fewer in-sync replicas than replicas.", of(func(g replica.Gauges) int64 { return int64(g.UnderReplicatedPartitions) }))
	gauge("kafka_server_replicamanager_underminisrpartitioncount", "Led partitions below min.insync.replicas.", of(func(g replica.Gauges) int64 { return int64(g.UnderMinISR) }))
	gauge("kafka_server_replicamanager_atminisrpartitioncount", "Led partitions at min.insync.replicas.", of(func(g replica.Gauges) int64 { return int64(g.AtMinISR) }))
	gauge("kafka_server_replicamanager_reassigningpartitions", "Led partitions that are being reassigned.", of(func(g replica.Gauges) int64 { return int64(g.ReassigningPartitions) }))
	counter("kafka_server_replicamanager_isrshrinks_total", "In-sync sets that lost replicas.", of(func(g replica.Gauges) int64 { return g.ISRShrinks }))
	counter("kafka_server_replicamanager_isrexpands_total", "In-sync sets that gained replicas.", of(func(g replica.Gauges) int64 { return g.ISRExpands }))
	counter("kafka_server_replicamanager_failedisrupdates_total", "Writes of in-sync sets that ZooKeeper refused.", of(func(g replica.Gauges) int64 { return g.FailedISRUpdates }))
	gauge("kafka_server_replicafetchermanager_maxlag", "Most records that a followed partition is behind its leader.", of(func(g replica.Gauges) int64 { return g.FetcherMaxLag }), "clientId", "Replica")
	gauge("kafka_server_replicafetchermanager_failedpartitionscount", "Followed partitions that are not fetched any more.", of(func(g replica.Gauges) int64 { return g.FailedPartitions }), "clientId", "Replica")
	for _, r := range []struct {
		name, help string
		pick       func(replica.ThrottleRates) float64
	}{
		{"leader", "Bytes a second of throttled replicas that followers were sent.", func(r replica.ThrottleRates) float64 { return r.Leader }},
		{"follower", "Bytes a second of throttled replicas that were fetched.", func(r replica.ThrottleRates) float64 { return r.Follower }},
		{"alterlogdirs", "Bytes a second of replicas that were moved between log directories.", func(r replica.ThrottleRates) float64 { return r.Moves }},
	} {
		m.Gauge("kafka_server_"+r.name+"replication_byte_rate", r.help, func() float64 { return r.pick(v.ThrottleRates()) })
	}

	for _, p := range []struct {
		name          string
		delayed, size func(replica.Gauges) int64
	}{
		{"Produce", func(g replica.Gauges) int64 { return g.ProduceDelayed }, func(g replica.Gauges) int64 { return g.ProducePurgatory }},
		{"Fetch", func(g replica.Gauges) int64 { return g.FetchDelayed }, func(g replica.Gauges) int64 { return g.FetchPurgatory }},
		{"DeleteRecords", func(g replica.Gauges) int64 { return g.DeleteRecordsDelayed }, func(g replica.Gauges) int64 { return g.DeleteRecordsPurgatory }},
	} {
		gauge("kafka_server_delayedoperationpurgatory_numdelayedoperations", "Requests that wait.", of(p.delayed), "delayedOperation", p.name)
		gauge("kafka_server_delayedoperationpurgatory_purgatorysize", "Conditions that waiting requests watch.", of(p.size), "delayedOperation", p.name)
	}
	exportDirectories(v, gauge)
	m.registry.MustRegister(partitionCollector{v}, groupCollector(v.GroupStats), transactionCollector(v.TransactionStats), quotaCollector{v.QuotaUse})
}

// exportDirectories adds the gauges of log directories and, if it is on, of the cleaner.
func exportDirectories(v *view.View, gauge func(name, help string, read func() int64, labels ...string)) {
	gauge("kafka_log_logmanager_offlinelogdirectorycount", "Log directories that have failed.", func() (n int64) {
		for _, d := range v.Dirs() {
			if d.Err != nil {
				n++
			}
		}
		return n
	})
	if _, on := v.Cleaner(); !on {
		return
	}
	stats := func() cleaner.Stats { s, _ := v.Cleaner(); return s }
	percent := func(v float64) int64 { return int64(100 * v) }
	gauge("kafka_log_logcleanermanager_max_dirty_percent", "Dirty part of the dirtiest compacted log.", func() int64 { return percent(stats().MaxDirtyRatio) })
	gauge("kafka_log_logcleanermanager_time_since_last_run_ms", "Since a log to be cleaned was looked for.", func() int64 {
		last := stats().LastRun
		if last.IsZero() {
			return 0
		}
		return v.Now().Sub(last).Milliseconds()
	})
	gauge("kafka_log_logcleaner_cleaner_recopy_percent", "What the last cleanings kept of what they read.", func() int64 {
		s := stats()
		return percent(s.RecopyRatio())
	})
	// The directories of log.dirs never change while a broker runs, so their gauges are declared
	// once.
	for _, d := range v.Dirs() {
		gauge("kafka_log_logcleanermanager_uncleanable_partitions_count", "Partitions that could not be cleaned.", func() int64 { return int64(stats().Uncleanable[d.Path]) }, "logDirectory", d.Path)
		gauge("kafka_log_logcleanermanager_uncleanable_bytes", "Their bytes.", func() int64 { return stats().UncleanableBytes[d.Path] }, "logDirectory", d.Path)
	}
}

// partitionCollector reads the figures of every partition at each scrape.
type partitionCollector struct{ v *view.View }

var partitionLabels = []string{"topic", "partition"}

var (
	logSize         = prometheus.NewDesc("kafka_log_log_size", "Bytes of the partition's segments.", partitionLabels, nil)
	logStart        = prometheus.NewDesc("kafka_log_log_logstartoffset", "First offset.", partitionLabels, nil)
	logEnd          = prometheus.NewDesc("kafka_log_log_logendoffset", "Offset of the next record.", partitionLabels, nil)
	logSegments     = prometheus.NewDesc("kafka_log_log_numlogsegments", "Segments.", partitionLabels, nil)
	underReplicated = prometheus.NewDesc("kafka_cluster_partition_underreplicated", "1 if replicas are missing from the in-sync set (leader only).", partitionLabels, nil)
	inSync          = prometheus.NewDesc("kafka_cluster_partition_insyncreplicascount", "In-sync replicas (leader only).", partitionLabels, nil)
	replicas        = prometheus.NewDesc("kafka_cluster_partition_replicascount", "Replicas (leader only).", partitionLabels, nil)
	stableLag       = prometheus.NewDesc("kafka_cluster_partition_laststableoffsetlag", "Records between last stable offset and high watermark.", partitionLabels, nil)
)

// Describe is empty: the partitions come and go.
func (c partitionCollector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c partitionCollector) Collect(ch chan<- prometheus.Metric) {
	c.v.EachPartition(func(p *replica.Partition) {
		tp, state, l := p.TopicPartition(), p.State(), p.Log()
		number := strconv.Itoa(int(tp.Partition))
		send := func(d *prometheus.Desc, v int64) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), tp.Topic, number)
		}
		// A failed directory's log has figures that nobody keeps any more.
		if l != nil && !state.Offline {
			send(logSize, l.Size())
			send(logStart, l.LogStartOffset())
			send(logEnd, l.LogEndOffset())
			send(logSegments, int64(len(l.Segments())))
			send(stableLag, l.HighWatermark()-l.LastStableOffset())
		}
		var under, isr, all int64
		if state.Leading {
			isr, all = int64(len(state.ISR)), int64(len(state.Replicas))
			if isr < all {
				under = 1
			}
		}
		// Kafka has these of followers too, always 0.
		send(underReplicated, under)
		send(inSync, isr)
		send(replicas, all)
	})
}
