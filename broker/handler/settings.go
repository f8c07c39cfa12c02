package handler

import (
	"momus/configs"
	"momus/internal/release"
)

// Settings are the keys of a broker that the handlers read.
type Settings struct {
	// Topics that are created without saying more, or because somebody has asked about them.
	NumPartitions, DefaultReplicationFactor int32
	AutoCreateTopics                        bool          // auto.create.topics.enable
	DeleteTopics                            bool          // delete.topic.enable
	Offsets, Transactions                   InternalTopic // offsets.topic.*, transaction.state.log.*
	TransactionMinISR                       int32         // transaction.state.log.min.isr

	FetchMaxBytes           int32  // fetch.max.bytes
	FetchSessions           int32  // max.incremental.fetch.session.cache.slots
	OffsetMetadataMaxBytes  int32  // offset.metadata.max.bytes
	TransactionMaxTimeoutMs int32  // transaction.max.timeout.ms
	RequestTimeoutMs        int32  // request.timeout.ms
	Protocol                string // inter.broker.protocol.version
}

// InternalTopic are the keys of a topic that a coordinator keeps its state in.
type InternalTopic struct {
	Partitions        int32 // num.partitions
	ReplicationFactor int16 // replication.factor
	SegmentBytes      int32 // segment.bytes
}

// SettingsOf reads them from a configuration.
func SettingsOf(b *configs.Broker) Settings {
	return Settings{
		NumPartitions: b.NumPartitions, DefaultReplicationFactor: b.DefaultReplicationFactor,
		AutoCreateTopics: b.AutoCreateTopicsEnable, DeleteTopics: b.DeleteTopicEnable,
		Offsets:           InternalTopic{b.OffsetsTopicNumPartitions, b.OffsetsTopicReplicationFactor, b.OffsetsTopicSegmentBytes},
		Transactions:      InternalTopic{b.TransactionStateLogNumPartitions, b.TransactionStateLogReplicationFactor, b.TransactionStateLogSegmentBytes},
		TransactionMinISR: b.TransactionStateLogMinISR,
		FetchMaxBytes:     b.FetchMaxBytes, FetchSessions: b.MaxIncrementalFetchSessionCacheSlots, OffsetMetadataMaxBytes: b.OffsetMetadataMaxBytes,
		TransactionMaxTimeoutMs: b.TransactionMaxTimeoutMs, RequestTimeoutMs: b.RequestTimeoutMs, Protocol: b.InterBrokerProtocolVersion,
	}
}

// version is Protocol as a release.
func (s Settings) version() release.Version { return release.ParseOrLatest(s.Protocol) }
