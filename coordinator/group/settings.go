package group

import (
	"momus/configs"
	"momus/internal/release"
)

// Settings are the keys of a broker that the coordinator reads. They are compared with those of the step
// before, so that nothing in them may be more than a value.
type Settings struct {
	MinSessionTimeoutMs     int32  // group.min.session.timeout.ms
	MaxSessionTimeoutMs     int32  // group.max.session.timeout.ms
	MaxSize                 int32  // group.max.size
	InitialRebalanceDelayMs int32  // group.initial.rebalance.delay.ms
	MetadataMaxBytes        int32  // offset.metadata.max.bytes
	RetentionMinutes        int32  // offsets.retention.minutes
	RetentionSweepMs        int64  // offsets.retention.check.interval.ms
	CommitRequiredAcks      int16  // offsets.commit.required.acks
	CommitTimeoutMs         int32  // offsets.commit.timeout.ms
	Codec                   int32  // offsets.topic.compression.codec, by its number
	LoadBufferBytes         int32  // offsets.load.buffer.size
	Protocol                string // inter.broker.protocol.version
}

// SettingsOf reads them from a configuration.
func SettingsOf(b *configs.Broker) Settings {
	return Settings{
		MinSessionTimeoutMs: b.GroupMinSessionTimeoutMs, MaxSessionTimeoutMs: b.GroupMaxSessionTimeoutMs,
		MaxSize: b.GroupMaxSize, InitialRebalanceDelayMs: b.GroupInitialRebalanceDelayMs,
		MetadataMaxBytes: b.OffsetMetadataMaxBytes, RetentionMinutes: b.OffsetsRetentionMinutes, RetentionSweepMs: b.OffsetsRetentionCheckIntervalMs,
		CommitRequiredAcks: b.OffsetsCommitRequiredAcks, CommitTimeoutMs: b.OffsetsCommitTimeoutMs,
		Codec: b.OffsetsTopicCompressionCodec, LoadBufferBytes: b.OffsetsLoadBufferSize, Protocol: b.InterBrokerProtocolVersion,
	}
}

// version is Protocol as a release; one that cannot be read is this one's.
func (s *Settings) version() release.Version {
	v, err := release.Parse(s.Protocol)
	if err != nil {
		return release.Latest
	}
	return v
}
