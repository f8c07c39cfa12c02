package configs

// Topic is one immutable snapshot of the effective configuration of a topic: the 26 keys of Kafka
// 2.5.0, each the topic's override or else the broker's value of the mapped key. A field is named
// after its key and has its unit. Derived fields are at the end.
type Topic struct {
	CleanupPolicy                        []string // cleanup.policy
	CompressionType                      string   // compression.type
	DeleteRetentionMs                    int64    // delete.retention.ms
	FileDeleteDelayMs                    int64    // file.delete.delay.ms
	FlushMessages                        int64    // flush.messages
	FlushMs                              int64    // flush.ms
	FollowerReplicationThrottledReplicas []string // follower.replication.throttled.replicas
	IndexIntervalBytes                   int32    // index.interval.bytes
	LeaderReplicationThrottledReplicas   []string // leader.replication.throttled.replicas
	MaxCompactionLagMs                   int64    // max.compaction.lag.ms
	MaxMessageBytes                      int32    // max.message.bytes
	MessageDownconversionEnable          bool     // message.downconversion.enable
	MessageFormatVersion                 string   // message.format.version
	MessageTimestampDifferenceMaxMs      int64    // message.timestamp.difference.max.ms
	MessageTimestampType                 string   // message.timestamp.type
	MinCleanableDirtyRatio               float64  // min.cleanable.dirty.ratio
	MinCompactionLagMs                   int64    // min.compaction.lag.ms
	MinInsyncReplicas                    int32    // min.insync.replicas
	Preallocate                          bool     // preallocate
	RetentionBytes                       int64    // retention.bytes
	RetentionMs                          int64    // retention.ms
	SegmentBytes                         int32    // segment.bytes
	SegmentIndexBytes                    int32    // segment.index.bytes
	SegmentJitterMs                      int64    // segment.jitter.ms
	SegmentMs                            int64    // segment.ms
	UncleanLeaderElectionEnable          bool     // unclean.leader.election.enable

	// Compact and Delete tell what cleanup.policy contains.
	Compact, Delete bool
	// RecordVersion is the magic (0, 1, 2) of message.format.version (ignored, so 2, if newer than
	// the inter-broker version).
	RecordVersion int8
	// LogAppendTime tells that message.timestamp.type is LogAppendTime.
	LogAppendTime bool
}
