package handler

import (
	"momus/broker/replica"
	"momus/storage/kerr"
)

// StorageEnv is what the APIs of replicas and log directories use (4, 5, 34, 35); Produce, Fetch, ListOffsets,
// OffsetForLeaderEpoch and DeleteRecords use Replicas too.
type StorageEnv struct {
	// Replicas are the partitions on this broker.
	Replicas *replica.Manager
	// BrokerEpoch is the czxid of the broker's own registration (KIP-380); nil or negative while it is not known.
	BrokerEpoch func() int64
}

// checkBrokerEpoch compares the broker epoch in a controller's request with ours: -1 is a controller that knows none, a lower one is
// meant for the broker before its restart, a higher one cannot be.
func (e *StorageEnv) checkBrokerEpoch(requested int64) error {
	if requested == -1 || e.BrokerEpoch == nil {
		return nil
	}
	switch own := e.BrokerEpoch(); {
	case requested < own:
		return kerr.StaleBrokerEpoch
	case requested > own:
		return kerr.UnknownServerError
	}
	return nil
}
