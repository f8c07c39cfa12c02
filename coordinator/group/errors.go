package group

import "momus/internal/kerr"

// commitError is what a client is told when the append of offsets ended with err.
func commitError(err error) *kerr.Error {
	switch e := kerr.Of(err); e {
	case kerr.UnknownTopicOrPartition, kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend:
		// The client looks for the coordinator again, and tries again. The codes of Produce itself
		// would mean nothing to it.
		return kerr.CoordinatorNotAvailable
	case kerr.NotLeaderForPartition, kerr.KafkaStorageError:
		return kerr.NotCoordinator
	case kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidFetchSize:
		return kerr.InvalidCommitOffsetSize
	default:
		return e
	}
}

// groupError is what members are told when the append of a group's metadata ended with err.
func groupError(err error) *kerr.Error {
	switch e := kerr.Of(err); e {
	case kerr.UnknownTopicOrPartition, kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend:
		return kerr.CoordinatorNotAvailable
	case kerr.NotLeaderForPartition, kerr.KafkaStorageError:
		return kerr.NotCoordinator
	// The members join again, which is what a client does with this code; a timeout it would take
	// for its own.
	case kerr.RequestTimedOut:
		return kerr.RebalanceInProgress
	case kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidFetchSize:
		return kerr.UnknownServerError
	default:
		return e
	}
}
