package configs

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"

	"momus/internal/release"
)

// topicDefaults is the configuration of a topic without overrides.
func topicDefaults(b *Broker) *Topic {
	// LogConfig.extractLogConfigMap: each key of a topic has its server key, except the two lists
	// of throttled replicas.
	t := &Topic{
		CleanupPolicy:                        b.LogCleanupPolicy,
		CompressionType:                      b.CompressionType,
		DeleteRetentionMs:                    b.LogCleanerDeleteRetentionMs,
		FileDeleteDelayMs:                    b.LogSegmentDeleteDelayMs,
		FlushMessages:                        b.LogFlushIntervalMessages,
		FlushMs:                              b.LogFlushIntervalMs,
		FollowerReplicationThrottledReplicas: []string{},
		IndexIntervalBytes:                   b.LogIndexIntervalBytes,
		LeaderReplicationThrottledReplicas:   []string{},
		MaxCompactionLagMs:                   b.LogCleanerMaxCompactionLagMs,
		MaxMessageBytes:                      b.MessageMaxBytes,
		MessageDownconversionEnable:          b.LogMessageDownconversionEnable,
		MessageFormatVersion:                 b.LogMessageFormatVersion,
		MessageTimestampDifferenceMaxMs:      b.LogMessageTimestampDifferenceMaxMs,
		MessageTimestampType:                 b.LogMessageTimestampType,
		MinCleanableDirtyRatio:               b.LogCleanerMinCleanableRatio,
		MinCompactionLagMs:                   b.LogCleanerMinCompactionLagMs,
		MinInsyncReplicas:                    b.MinInsyncReplicas,
		Preallocate:                          b.LogPreallocate,
		RetentionBytes:                       b.LogRetentionBytes,
		RetentionMs:                          b.LogRetentionMs,
		SegmentBytes:                         b.LogSegmentBytes,
		SegmentIndexBytes:                    b.LogIndexSizeMaxBytes,
		SegmentJitterMs:                      b.LogRollJitterMs,
		SegmentMs:                            b.LogRollMs,
		UncleanLeaderElectionEnable:          b.UncleanLeaderElectionEnable,
	}
	t.derive()
	return t
}

func (t *Topic) derive() {
	t.Compact = slices.Contains(t.CleanupPolicy, "compact")
	t.Delete = slices.Contains(t.CleanupPolicy, "delete")
	t.LogAppendTime = t.MessageTimestampType == "LogAppendTime"
	// Version 2 for what cannot be read: that has been said as an error already.
	t.RecordVersion = 2
	if v, err := release.Parse(t.MessageFormatVersion); err == nil {
		t.RecordVersion = v.RecordVersion()
	}
}

// TopicOfBroker is the effective configuration of a topic with the given overrides on a broker with
// the given snapshot, see Config.Topic.
func TopicOfBroker(b *Broker, overrides map[string]string) *Topic {
	return overlay(topicDefaults(b), b, overrides)
}

// overlay is a topic's configuration: the defaults with its overrides. An override that cannot be
// read is left out, as Kafka does with what somebody wrote by hand.
func overlay(defaults *Topic, b *Broker, overrides map[string]string) *Topic {
	// The snapshot itself, which nobody changes: most topics have none.
	if len(overrides) == 0 {
		return defaults
	}
	t := *defaults
	for name, value := range overrides {
		k, ok := TopicKey(name)
		if !ok {
			continue
		}
		v, err := k.parse(value)
		if err != nil {
			continue
		}
		if name == "message.format.version" && newerThanBroker(b, value) {
			continue
		}
		store(k.topic(&t), v)
	}
	t.derive()
	return &t
}

// newerThanBroker tells whether a topic's message.format.version is ignored because brokers of the
// inter-broker version in use would not understand it.
func newerThanBroker(b *Broker, version string) bool {
	// Versions compare as numbers in the order of their releases.
	v, err := release.Parse(version)
	return err == nil && v > b.InterBrokerVersion()
}

// Topic is the effective configuration of a topic with the given overrides (the config of its
// znode). Unknown and invalid overrides are left out, see ValidateTopic; so is a
// message.format.version newer than inter.broker.protocol.version.
func (c *Config) Topic(overrides map[string]string) *Topic {
	s := c.current.Load()
	return overlay(s.topicDefaults, s.broker, overrides)
}

// MessageFormatIgnored tells whether the override of message.format.version is left out because it
// is newer than inter.broker.protocol.version; the broker warns about it.
func (c *Config) MessageFormatIgnored(overrides map[string]string) bool {
	v, ok := overrides["message.format.version"]
	return ok && newerThanBroker(c.Broker(), v)
}

// InvalidTopicValues are the errors of stored overrides whose values do not fit their keys, in the
// order of the names; none are made for unknown keys and for keys that contradict each other: Kafka
// refuses to store those, but lives with them once they are stored.
func InvalidTopicValues(overrides map[string]string) (errs []error) {
	for _, name := range slices.Sorted(maps.Keys(overrides)) {
		if k, ok := TopicKey(name); ok {
			if _, err := k.parse(overrides[name]); err != nil {
				errs = append(errs, err)
			}
		}
	}
	return errs
}

// ValidateTopic checks overrides as Kafka does before it stores them. The error has Kafka's text
// and is an *UnknownKeyError, a *ValueError or a *ConflictError.
func (c *Config) ValidateTopic(overrides map[string]string) error { return ValidateTopic(overrides) }

// checkOrder is the order in which Kafka looks at a topic's values, that of its LogConfig: of several
// bad values the error names the first.
var checkOrder = [len(topicKeys)]string{"segment.bytes", "segment.ms", "segment.jitter.ms", "segment.index.bytes", "flush.messages", "flush.ms", "retention.bytes", "retention.ms",
	"max.message.bytes", "index.interval.bytes", "delete.retention.ms", "min.compaction.lag.ms", "max.compaction.lag.ms", "file.delete.delay.ms", "min.cleanable.dirty.ratio",
	"cleanup.policy", "unclean.leader.election.enable", "min.insync.replicas", "compression.type", "preallocate", "message.format.version", "message.timestamp.type",
	"message.timestamp.difference.max.ms", "leader.replication.throttled.replicas", "follower.replication.throttled.replicas", "message.downconversion.enable"}

// ValidateTopic is Config.ValidateTopic; the answer depends on no broker.
func ValidateTopic(overrides map[string]string) error {
	names := make([]string, 0, len(overrides))
	for name := range overrides {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		// Unknown names come first in Kafka, before any value is looked at.
		if _, ok := TopicKey(name); !ok {
			return &UnknownKeyError{Key: name}
		}
	}
	var t Topic
	// With the defaults of the table, not the broker's: LogConfig.validateValues is static.
	for _, name := range checkOrder {
		k, _ := TopicKey(name)
		value, ok := overrides[k.Name]
		if !ok {
			value = k.Default
		}
		v, err := k.parse(value)
		if err != nil {
			return err
		}
		store(k.topic(&t), v)
	}
	if t.MinCompactionLagMs > t.MaxCompactionLagMs {
		return &ConflictError{Text: fmt.Sprintf("conflict topic config setting min.compaction.lag.ms (%d) > max.compaction.lag.ms (%d)",
			t.MinCompactionLagMs, t.MaxCompactionLagMs)}
	}
	return nil
}

// UnknownKeyError is a topic key that does not exist.
type UnknownKeyError struct{ Key string }

// Error has Kafka's text.
func (e *UnknownKeyError) Error() string { return "Unknown topic config name: " + e.Key }

// ConflictError is a contradiction between keys, or a change that is not possible while the broker
// runs.
type ConflictError struct{ Text string }

// Error has Kafka's text.
func (e *ConflictError) Error() string { return e.Text }

// IsValueError tells whether err is about a value that does not fit its key.
func IsValueError(err error) bool {
	var v *ValueError
	return errors.As(err, &v)
}
