package controller

import (
	"momus/internal/kerr"
)

// mayShutDown checks who asks for a controlled shutdown. A broker that is not live gets
// BROKER_NOT_AVAILABLE, but only if its request is too old to carry an epoch: Kafka 2.5 answers the
// others UNKNOWN_SERVER_ERROR.
func (c *core) mayShutDown(ev *ControlledShutdown) error {
	b := c.brokers[ev.Broker]
	switch {
	case b == nil && ev.Epoch < 0:
		return kerr.BrokerNotAvailable
	case b == nil:
		return kerr.UnknownServerError
	case ev.Epoch >= 0 && ev.Epoch < b.Epoch:
		return kerr.StaleBrokerEpoch
	}
	return nil
}
