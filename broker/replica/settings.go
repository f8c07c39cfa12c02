package replica

import "momus/configs"

// Settings are the keys of a broker that a Manager and a Remote read.
type Settings struct {
	LagTimeMaxMs              int64 // replica.lag.time.max.ms
	HighWatermarkCheckpointMs int64 // replica.high.watermark.checkpoint.interval.ms
	Selector                  bool  // replica.selector.class is set: consumers may read from followers (KIP-392)

	// How followers fetch.
	Fetchers              int32 // num.replica.fetchers, for each leader
	FetchBackoffMs        int32 // replica.fetch.backoff.ms
	FetchWaitMaxMs        int32 // replica.fetch.wait.max.ms
	FetchMinBytes         int32 // replica.fetch.min.bytes
	FetchMaxBytes         int32 // replica.fetch.max.bytes, of a partition
	FetchResponseMaxBytes int32 // replica.fetch.response.max.bytes

	// Rates in bytes a second (KIP-73, KIP-113), and the windows that they are measured over, which
	// count as they were at the start.
	LeaderRate, FollowerRate, MoveRate int64
	RateWindows, RateWindowSeconds     int32 // replication.quota.window.num, .size.seconds
	MoveWindows, MoveWindowSeconds     int32 // alter.log.dirs.replication.quota.window.num, .size.seconds
}

// SettingsOf reads them from a configuration.
func SettingsOf(b *configs.Broker) Settings {
	return Settings{
		LagTimeMaxMs: b.ReplicaLagTimeMaxMs, HighWatermarkCheckpointMs: b.ReplicaHighWatermarkCheckpointIntervalMs, Selector: b.ReplicaSelectorClass != "",
		Fetchers: b.NumReplicaFetchers, FetchBackoffMs: b.ReplicaFetchBackoffMs, FetchWaitMaxMs: b.ReplicaFetchWaitMaxMs,
		FetchMinBytes: b.ReplicaFetchMinBytes, FetchMaxBytes: b.ReplicaFetchMaxBytes, FetchResponseMaxBytes: b.ReplicaFetchResponseMaxBytes,
		LeaderRate: b.LeaderReplicationThrottledRate, FollowerRate: b.FollowerReplicationThrottledRate, MoveRate: b.ReplicaAlterLogDirsIOMaxBytesPerSecond,
		RateWindows: b.ReplicationQuotaWindowNum, RateWindowSeconds: b.ReplicationQuotaWindowSizeSeconds,
		MoveWindows: b.AlterLogDirsReplicationQuotaWindowNum, MoveWindowSeconds: b.AlterLogDirsReplicationQuotaWindowSizeSeconds,
	}
}
