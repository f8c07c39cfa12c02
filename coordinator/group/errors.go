package group

import "momus/internal/kerr"

// commitError is what a client is told when the append of offsets ended with err.
func commitError(err error) *kerr.Error { return appendError(err, kerr.InvalidCommitOffsetSize) }

// groupError is what members are told when the append of a group's metadata ended with err.
func groupError(err error) *kerr.Error {
	e := appendError(err, kerr.UnknownServerError)
	// The members join again, which is what a client does with this code; a timeout it would take
	// for its own.
	if e == kerr.RequestTimedOut {
		return kerr.RebalanceInProgress
	}
	return e
}

// appendError is what is told of an append that ended with err. The codes of Produce itself would
// mean nothing to a client, which looks for the coordinator again instead, and tries again.
func appendError(err error, tooLarge *kerr.Error) *kerr.Error {
	switch e := kerr.Of(err); e {
	case kerr.UnknownTopicOrPartition, kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend:
		return kerr.CoordinatorNotAvailable
	case kerr.NotLeaderForPartition, kerr.KafkaStorageError:
		return kerr.NotCoordinator
	case kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidFetchSize:
		return tooLarge
	default:
		return e
	}
}
