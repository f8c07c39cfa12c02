package broker

import (
	"momus/broker/handler"
	"momus/broker/network"
	"momus/coordinator/admin"
	"momus/internal/model"
)

// handlerEnv is what the handlers of requests work with.
func (b *Broker) handlerEnv() *handler.Env {
	e := &handler.Env{
		BrokerID: b.id, Settings: func() handler.Settings { return handler.SettingsOf(b.config.Broker()) }, TopicConfig: b.dynamic.Topic, Logger: b.logFor("kafka.server.KafkaApis"), Now: b.opts.Now, Metrics: b.metrics,
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
