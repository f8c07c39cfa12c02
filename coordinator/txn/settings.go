package txn

import "momus/configs"

// Settings are the keys of a broker that the coordinator reads.
type Settings struct {
	ExpirationMs    int32 // transactional.id.expiration.ms
	AbortSweepMs    int32 // transaction.abort.timed.out.transaction.cleanup.interval.ms
	ExpirySweepMs   int32 // transaction.remove.expired.transaction.cleanup.interval.ms
	LoadBufferBytes int32 // transaction.state.log.load.buffer.size
	TimeoutMs       int32 // request.timeout.ms, of the removal of ids
}

// SettingsOf reads them from a configuration.
func SettingsOf(b *configs.Broker) Settings {
	return Settings{
		ExpirationMs: b.TransactionalIDExpirationMs, AbortSweepMs: b.TransactionAbortTimedOutTransactionCleanupIntervalMs,
		ExpirySweepMs:   b.TransactionRemoveExpiredTransactionCleanupIntervalMs,
		LoadBufferBytes: b.TransactionStateLogLoadBufferSize, TimeoutMs: b.RequestTimeoutMs,
	}
}
