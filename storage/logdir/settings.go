package logdir

import (
	"momus/configs"
	"momus/internal/release"
)

// Settings are the keys of a broker that a Manager reads.
type Settings struct {
	RetentionCheckMs      int64           // log.retention.check.interval.ms
	FlushCheckMs          int64           // log.flush.scheduler.interval.ms
	RecoveryPointMs       int32           // log.flush.offset.checkpoint.interval.ms
	StartOffsetMs         int32           // log.flush.start.offset.checkpoint.interval.ms
	DeleteDelayMs         int64           // log.segment.delete.delay.ms, of whole logs
	ProducerExpirationMs  int32           // transactional.id.expiration.ms
	RecoveryThreadsPerDir int32           // num.recovery.threads.per.data.dir
	BackgroundThreads     int32           // background.threads, as it was at the start
	InterBroker           release.Version // inter.broker.protocol.version
}

// SettingsOf reads them from a configuration.
func SettingsOf(b *configs.Broker) Settings {
	return Settings{
		RetentionCheckMs: b.LogRetentionCheckIntervalMs, FlushCheckMs: b.LogFlushSchedulerIntervalMs,
		RecoveryPointMs: b.LogFlushOffsetCheckpointIntervalMs, StartOffsetMs: b.LogFlushStartOffsetCheckpointIntervalMs,
		DeleteDelayMs: b.LogSegmentDeleteDelayMs, ProducerExpirationMs: b.TransactionalIDExpirationMs,
		RecoveryThreadsPerDir: b.NumRecoveryThreadsPerDataDir, BackgroundThreads: b.BackgroundThreads,
		InterBroker: b.InterBrokerVersion(),
	}
}
