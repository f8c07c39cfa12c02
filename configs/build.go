package configs

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"momus/internal/release"
)

// build computes a Broker from settings. It has no side effects; errors and warnings are collected.
type build struct {
	values   map[string]Setting // without defaults, known and unknown keys
	hostname string

	broker   *Broker
	errs     []error
	warnings []Warning
}

func (x *build) given(key string) bool { _, ok := x.values[key]; return ok }

func (x *build) fail(key, text string) {
	x.errs = append(x.errs, &SettingError{Key: key, Origin: x.values[key].Origin, Text: text})
}

func (x *build) warn(key, text string) {
	x.warnings = append(x.warnings, Warning{Key: key, Origin: x.values[key].Origin, Text: text})
}

// run fills the broker and resolves the families; it returns the listeners, nil with errors.
func (x *build) run() *Listeners {
	x.broker = &Broker{}
	// The table goes through every key, so that all mistakes are told at once.
	for i := range brokerKeys {
		k := &brokerKeys[i]
		field := k.broker(x.broker)
		set, ok := x.values[k.Name]
		if !ok {
			if !k.HasDefault {
				storeNull(field)
				if k.Required {
					x.errs = append(x.errs, &SettingError{Key: k.Name, Text: "missing; it has no default. " + requiredHint(k.Name)})
				}
				continue
			}
			set.Value = k.Default
		}
		v, err := k.parse(set.Value)
		if err != nil {
			var ve *ValueError
			errors.As(err, &ve)
			x.errs = append(x.errs, explain(k, set, ve))
			if !k.HasDefault {
				storeNull(field)
				continue
			}
			// Only to go on with: the error stands.
			v, _ = convert(k.Type, k.Default)
		}
		store(field, v)
	}
	x.families()
	listeners := x.resolveListeners()
	x.constraints()
	return listeners
}

func requiredHint(key string) string {
	if key == "zookeeper.connect" {
		return "Give the ZooKeeper servers, for example zookeeper.connect=localhost:2181 (environment: KAFKA_ZOOKEEPER_CONNECT)"
	}
	return ""
}

// families resolves the keys that say the same in different units; the first of each that is set
// wins.
func (x *build) families() {
	b := x.broker
	const minute, hour = int64(60_000), int64(3_600_000)
	// KafkaConfig.getLogRetentionTimeMillis: ms wins over minutes, these over hours; below 0 is for
	// ever.
	if !x.given("log.retention.ms") {
		b.LogRetentionMs = int64(b.LogRetentionHours) * hour
		if x.given("log.retention.minutes") {
			b.LogRetentionMs = int64(b.LogRetentionMinutes) * minute
		}
	}
	if b.LogRetentionMs < 0 {
		b.LogRetentionMs = -1
	}
	if !x.given("log.roll.ms") {
		b.LogRollMs = int64(b.LogRollHours) * hour
	}
	if !x.given("log.roll.jitter.ms") {
		b.LogRollJitterMs = int64(b.LogRollJitterHours) * hour
	}
	// A flush interval that is not given is that of the scheduler, which is never by default.
	if !x.given("log.flush.interval.ms") {
		b.LogFlushIntervalMs = b.LogFlushSchedulerIntervalMs
	}
	if !x.given("log.dirs") {
		b.LogDirs = b.LogDir
	}
	if !x.given("zookeeper.connection.timeout.ms") {
		b.ZookeeperConnectionTimeoutMs = b.ZookeeperSessionTimeoutMs
	}
	if !x.given("num.replica.alter.log.dirs.threads") {
		b.NumReplicaAlterLogDirsThreads = int32(len(b.LogDirectories()))
	}
}

// LogDirectories is log.dirs as a list without empty names.
func (b *Broker) LogDirectories() []string {
	var out []string
	for _, d := range splitList(b.LogDirs) {
		if d != "" {
			out = append(out, d)
		}
	}
	return out
}

// InterBrokerVersion is inter.broker.protocol.version.
func (b *Broker) InterBrokerVersion() release.Version {
	return release.ParseOrLatest(b.InterBrokerProtocolVersion)
}

// constraints checks keys against each other. The texts are Kafka's where it has one.
func (x *build) constraints() {
	b := x.broker
	require := func(ok bool, key, text string) {
		if !ok {
			x.fail(key, text)
		}
	}
	n := func(v int32) string { return strconv.Itoa(int(v)) }

	require(b.BrokerID >= -1, "broker.id", "must be -1 (choose one) or at least 0")
	if b.BrokerIDGenerationEnable {
		require(b.BrokerID <= b.ReservedBrokerMaxID, "broker.id", n(b.BrokerID)+" is above reserved.broker.max.id="+n(b.ReservedBrokerMaxID)+
			", where generated ids begin; use a smaller id, raise reserved.broker.max.id, or set broker.id.generation.enable=false")
	} else {
		require(b.BrokerID >= 0, "broker.id", "must be at least 0 while broker.id.generation.enable=false")
	}
	require(b.LogRollMs >= 1, "log.roll.ms", "must be at least 1")
	require(b.LogRollJitterMs >= 0, "log.roll.jitter.ms", "must be at least 0")
	require(b.LogRetentionMs != 0, "log.retention.ms", "must be -1 (unlimited) or at least 1")
	require(len(b.LogDirectories()) > 0, "log.dirs", "at least one log directory must be given by log.dirs or log.dir")
	// Kafka's LogCleaner gives each thread an equal part of the buffer.
	require(b.LogCleanerThreads == 0 || b.LogCleanerDedupeBufferSize/int64(max(b.LogCleanerThreads, 1)) > 1<<20, "log.cleaner.dedupe.buffer.size",
		"must be more than 1 MiB for each of the "+n(b.LogCleanerThreads)+" cleaner threads")
	require(b.ReplicaFetchWaitMaxMs <= b.ReplicaSocketTimeoutMs, "replica.fetch.wait.max.ms",
		n(b.ReplicaFetchWaitMaxMs)+" is above replica.socket.timeout.ms="+n(b.ReplicaSocketTimeoutMs)+": fetches would time out")
	require(int64(b.ReplicaFetchWaitMaxMs) <= b.ReplicaLagTimeMaxMs, "replica.fetch.wait.max.ms",
		n(b.ReplicaFetchWaitMaxMs)+" is above replica.lag.time.max.ms="+strconv.FormatInt(b.ReplicaLagTimeMaxMs, 10)+": followers would leave the ISR while they wait")
	// Below a group's replication factor: the acks are those of the commit's append.
	require(b.OffsetsCommitRequiredAcks >= -1 && b.OffsetsCommitRequiredAcks <= b.OffsetsTopicReplicationFactor, "offsets.commit.required.acks",
		"must be from -1 to offsets.topic.replication.factor")
	require(b.QueuedMaxRequestBytes <= 0 || b.QueuedMaxRequestBytes >= int64(b.SocketRequestMaxBytes), "queued.max.request.bytes",
		"must be at least socket.request.max.bytes, or 0 or less for no limit")
	require(b.MaxConnectionsPerIP != 0 || b.MaxConnectionsPerIPOverrides != "", "max.connections.per.ip",
		"0 is only possible with max.connections.per.ip.overrides")
	require(b.ConnectionsMaxIdleMs < 0 || int64(b.ConnectionFailedAuthenticationDelayMs) < b.ConnectionsMaxIdleMs, "connection.failed.authentication.delay.ms",
		"must be less than connections.max.idle.ms")
	require(validCompression(b.CompressionType), "compression.type", "invalid value "+strconv.Quote(b.CompressionType)+": valid are "+strings.Join(compressionTypes[:], ", "))
	if format, err := release.Parse(b.LogMessageFormatVersion); err == nil {
		ibp := b.InterBrokerVersion()
		require(format.RecordVersion() <= ibp.RecordVersion(), "log.message.format.version",
			b.LogMessageFormatVersion+" can only be used when inter.broker.protocol.version is set to version "+
				release.OldestWith(format.RecordVersion()).Short()+" or higher; it is "+b.InterBrokerProtocolVersion)
	}
	if _, err := ParseOverridesPerIP(b.MaxConnectionsPerIPOverrides); err != nil {
		x.fail("max.connections.per.ip.overrides", err.Error())
	}
	if b.OffsetsTopicCompressionCodec < 0 || b.OffsetsTopicCompressionCodec > 4 {
		x.fail("offsets.topic.compression.codec", n(b.OffsetsTopicCompressionCodec)+" is an unknown compression codec; valid are 0 (none), 1 (gzip), 2 (snappy), 3 (lz4), 4 (zstd)")
	}
	if b.ZookeeperConnect != "" || x.given("zookeeper.connect") {
		if _, _, err := ParseZooKeeperConnect(b.ZookeeperConnect); err != nil {
			x.fail("zookeeper.connect", err.Error())
		}
	}
}

var compressionTypes = [...]string{"uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"}

func validCompression(s string) bool {
	for _, t := range compressionTypes {
		if strings.EqualFold(t, s) {
			return true
		}
	}
	return false
}

// ParseOverridesPerIP reads max.connections.per.ip.overrides: host:count,….
func ParseOverridesPerIP(s string) (map[string]int32, error) {
	out := map[string]int32{}
	for _, item := range splitList(s) {
		if item == "" {
			continue
		}
		// Addresses of IPv6 have colons; the count is behind the last one.
		i := strings.LastIndexByte(item, ':')
		if i <= 0 {
			return nil, errors.New(strconv.Quote(item) + " is not of the form host:count")
		}
		n, err := strconv.ParseInt(strings.TrimSpace(item[i+1:]), 10, 32)
		if err != nil || n < 0 || n > math.MaxInt32 {
			return nil, errors.New(strconv.Quote(item) + ": the count must be a number from 0 to 2147483647")
		}
		out[strings.TrimSpace(item[:i])] = int32(n)
	}
	return out, nil
}
