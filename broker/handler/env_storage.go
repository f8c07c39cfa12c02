package handler

import (
	"context"
	"time"

	"momus/broker/replica"
	"momus/internal/kerr"
)

// StorageEnv is what the APIs of replicas and log directories use (4, 5, 34, 35); Produce, Fetch,
// ListOffsets, OffsetForLeaderEpoch and DeleteRecords use Replicas too.
type StorageEnv struct {
	// Replicas are the partitions on this broker.
	Replicas *replica.Manager
	// BrokerEpoch is the czxid of the broker's own registration (KIP-380), negative while it is not
	// known, and a channel that is closed when there is another; nil: nothing is checked.
	BrokerEpoch func() (epoch int64, changed <-chan struct{})
}

// registrationWait is how long a controller's request waits for this broker to learn of a
// registration that the controller has seen.
const registrationWait = 2 * time.Second

// checkBrokerEpoch compares the broker epoch in a controller's request with ours: -1 is a
// controller that knows none, a lower one is meant for the broker before its restart. A higher one
// comes when the controller has seen a new registration before ZooKeeper has answered it here: that
// is a matter of milliseconds and waited for. Kafka 2.5.0 refuses the request at once, which the
// controller does not repeat, so that the broker has no partitions until its next restart.
func (e *StorageEnv) checkBrokerEpoch(ctx context.Context, requested int64) error {
	if requested == -1 || e.BrokerEpoch == nil {
		return nil
	}
	own, changed := e.BrokerEpoch()
	if requested > own {
		ctx, cancel := context.WithTimeout(ctx, registrationWait)
		defer cancel()
		for requested > own && ctx.Err() == nil {
			select {
			case <-changed:
				own, changed = e.BrokerEpoch()
			case <-ctx.Done():
			}
		}
	}
	switch {
	case requested < own:
		return kerr.StaleBrokerEpoch
	case requested > own:
		return kerr.UnknownServerError
	}
	return nil
}
