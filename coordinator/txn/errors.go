package txn

import "momus/internal/kerr"

// appendError is what a client is told when the append of a transaction's record ended with err.
func appendError(err error) *kerr.Error {
	switch e := kerr.Of(err); e {
	case kerr.UnknownTopicOrPartition, kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend, kerr.RequestTimedOut:
		return kerr.CoordinatorNotAvailable
	case kerr.NotLeaderForPartition, kerr.KafkaStorageError:
		return kerr.NotCoordinator
	case kerr.MessageTooLarge, kerr.RecordListTooLarge:
		return kerr.UnknownServerError
	default:
		return e
	}
}
