package broker

import (
	"strconv"
	"sync/atomic"
	"time"

	"momus/broker/handler"
	"momus/broker/network"
	"momus/configs"
	"momus/coordinator/admin"
	"momus/storage/model"
)

// handlerEnv is what the handlers of requests work with.
func (b *Broker) handlerEnv() *handler.Env {
	e := &handler.Env{
		BrokerID: b.id, Config: b.config.Broker, TopicConfig: b.dynamic.Topic, Logger: b.logFor("kafka.server.KafkaApis"), Now: b.opts.Now, Metrics: b.metrics,
	}
	e.Metadata = b.metadata
	e.Groups = b.groups
	e.ProducerIDs = b.producers
	e.Transactions = b.txns
	e.Replicas = b.replicas
	e.BrokerEpoch = b.control.BrokerEpoch
	e.Admin = &admin.Admin{Store: b.zk}
	e.TopicCreator = handler.AutoCreator{Admin: e.Admin, Metadata: b.metadata}
	e.Controller = b.control
	e.Configs = b.config
	e.Loggers = b.loggers
	e.OnPartitionsDeleted = b.onGone
	return e
}

// limits are the limits of connections, computed anew only when the configuration has changed.
func (b *Broker) limits() func() *network.Limits {
	type cached struct {
		of     *configs.Broker
		limits *network.Limits
	}
	var last atomic.Pointer[cached]
	return func() *network.Limits {
		c := b.config.Broker()
		if l := last.Load(); l != nil && l.of == c {
			return l.limits
		}
		l := &network.Limits{
			MaxRequestBytes: c.SocketRequestMaxBytes, MaxIdle: time.Duration(c.ConnectionsMaxIdleMs) * time.Millisecond,
			MaxConnections: c.MaxConnections, MaxConnectionsListener: map[string]int32{}, MaxConnectionsPerIP: c.MaxConnectionsPerIP,
			InterBrokerListener: b.config.Listeners().InterBroker, SendBuffer: c.SocketSendBufferBytes, RecvBuffer: c.SocketReceiveBufferBytes,
			QueuedBytes: c.QueuedMaxRequestBytes,
		}
		var err error
		if l.MaxConnectionsPerIPHost, err = configs.ParseOverridesPerIP(c.MaxConnectionsPerIPOverrides); err != nil {
			b.log.WithError(err).Warn("max.connections.per.ip.overrides is not used")
		}
		for _, e := range b.config.Listeners().Bind {
			if n, err := strconv.ParseInt(b.config.ListenerValue(e.Listener, "max.connections"), 10, 32); err == nil {
				l.MaxConnectionsListener[e.Listener] = int32(n)
			}
		}
		last.Store(&cached{c, l})
		return l
	}
}

// networkHooks count connections.
func (b *Broker) networkHooks() network.Hooks {
	m := b.metrics
	return network.Hooks{
		Accepted:   func(string) { m.Accepted.Inc() },
		Closed:     func(string) { m.Closed.Inc() },
		Refused:    func(string, string) { m.Refused.Inc() },
		IdleClosed: func(string) { m.IdleClosed.Inc() },
		Panicked:   func() { m.Panics.Inc() },
	}
}

// exportMetrics adds the numbers that the parts keep themselves.
func (b *Broker) exportMetrics() {
	gauge := func(name, help string, read func() int64) {
		b.metrics.Gauge(name, help, func() float64 { return float64(read()) })
	}
	gauge("kafka_server_kafkaserver_brokerstate", "State of the broker: 1 starting, 3 running, 6 handing over, 7 stopping.", func() int64 { return int64(b.State()) })
	gauge("kafka_controller_kafkacontroller_activecontrollercount", "1 on the active controller.", func() int64 {
		if b.control.IsActive() {
			return 1
		}
		return 0
	})
	gauge("kafka_controller_kafkacontroller_offlinepartitionscount", "Partitions without a leader; 0 on brokers that are not controller.", func() int64 { return b.control.Stats().OfflinePartitions })
	gauge("kafka_controller_kafkacontroller_preferredreplicaimbalancecount", "Partitions whose leader is not the preferred replica.", func() int64 { return b.control.Stats().PreferredReplicaImbalance })
	gauge("kafka_controller_kafkacontroller_globaltopiccount", "Topics of the cluster.", func() int64 { return b.control.Stats().Topics })
	gauge("kafka_controller_kafkacontroller_globalpartitioncount", "Partitions of the cluster.", func() int64 { return b.control.Stats().Partitions })
	gauge("kafka_server_replicamanager_leadercount", "Partitions that this broker leads.", func() int64 { return int64(b.replicas.Gauges().LeaderCount) })
	gauge("kafka_server_replicamanager_partitioncount", "Partitions on this broker.", func() int64 { return int64(b.replicas.Gauges().PartitionCount) })
	gauge("kafka_server_replicamanager_offlinereplicacount", "Partitions on failed log directories.", func() int64 { return int64(b.replicas.Gauges().OfflineReplicaCount) })
	gauge("kafka_server_replicamanager_underreplicatedpartitions", "Led partitions with fewer in-sync replicas than replicas.", func() int64 { return int64(b.replicas.Gauges().UnderReplicatedPartitions) })
	gauge("kafka_server_replicamanager_underminisrpartitioncount", "Led partitions below min.insync.replicas.", func() int64 { return int64(b.replicas.Gauges().UnderMinISR) })
	gauge("kafka_server_replicamanager_atminisrpartitioncount", "Led partitions at min.insync.replicas.", func() int64 { return int64(b.replicas.Gauges().AtMinISR) })
	gauge("kafka_server_replicamanager_reassigningpartitions", "Led partitions that are being reassigned.", func() int64 { return int64(b.replicas.Gauges().ReassigningPartitions) })
	gauge("kafka_server_replicafetchermanager_maxlag", "Most records that a followed partition is behind its leader.", func() int64 { return b.replicas.Gauges().FetcherMaxLag })
	gauge("kafka_network_requestchannel_memoryused", "Bytes of requests that are being received or executed.", b.server.MemoryUsed)
}

// onGone forgets partitions that UpdateMetadata has removed from the cluster.
func (b *Broker) onGone(tps []model.TopicPartition) {
	b.groups.OnPartitionsDeleted(tps)
	for _, tp := range tps {
		b.dynamic.forget(tp.Topic)
	}
}
