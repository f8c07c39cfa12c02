package broker

import (
	"strconv"
	"sync/atomic"
	"time"

	"momus/broker/handler"
	"momus/broker/network"
	"momus/configs"
	"momus/coordinator/admin"
	"momus/internal/model"
)

// handlerEnv is what the handlers of requests work with.
func (b *Broker) handlerEnv() *handler.Env {
	e := &handler.Env{
		BrokerID: b.id, Config: b.config.Broker, TopicConfig: b.dynamic.Topic, Logger: b.logFor("kafka.server.KafkaApis"), Now: b.opts.Now, Metrics: b.metrics,
	}
	b.securityEnv(e)
	e.Quotas = b.dynamic.quotas
	e.Metadata = b.metadata
	e.Groups = b.groups
	e.ProducerIDs = b.producers
	e.Transactions = b.txns
	e.Replicas = b.replicas
	e.BrokerEpoch = b.control.BrokerEpochChange
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
			QueuedBytes: c.QueuedMaxRequestBytes, FailedAuthenticationDelay: ms(c.ConnectionFailedAuthenticationDelayMs),
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
		Handshaken: b.handshaken, HandshakeFailed: b.handshakeFailed,
	}
}

// onGone forgets partitions that UpdateMetadata has removed from the cluster.
func (b *Broker) onGone(tps []model.TopicPartition) {
	b.groups.OnPartitionsDeleted(tps)
	for _, tp := range tps {
		b.dynamic.forget(tp.Topic)
	}
}
