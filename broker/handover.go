package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"momus/broker/interbroker"
	"momus/internal/model"
)

// handOver asks the controller to move this broker's leaderships before a stop.
func (b *Broker) handOver(orderly bool) {
	c := b.config.Broker()
	if !orderly || !c.ControlledShutdownEnable {
		return
	}
	b.state.Store(int32(PendingControlledShutdown))
	b.replicas.BeginShutdown()
	// Not Run's context, which has ended: that is why the broker stops.
	ctx, cancel := context.WithTimeout(context.Background(), ms(c.RequestTimeoutMs)*time.Duration(max(1, c.ControlledShutdownMaxRetries)))
	var watching sync.WaitGroup
	watching.Go(func() { b.watchCoordination(ctx, cancel) })
	defer watching.Wait()
	defer cancel()
	err := interbroker.ControlledShutdown(ctx, interbroker.ControlledShutdownOptions{
		BrokerID: b.id, BrokerEpoch: b.control.BrokerEpoch, Controller: b.findController,
		MaxRetries: int(c.ControlledShutdownMaxRetries), Backoff: time.Duration(c.ControlledShutdownRetryBackoffMs) * time.Millisecond,
		Versions: b.versions, ConnectTimeout: ms(c.ControllerSocketTimeoutMs), RequestTimeout: ms(c.RequestTimeoutMs),
		Dialer: b.security.Dialer(), Live: b.zk.BrokerIDs, Logger: b.log,
	})
	switch {
	case errors.Is(err, interbroker.ErrNobodyLeft):
		b.log.Info("no other broker is left to take the leaderships over: stopping at once")
	case err != nil:
		b.log.WithError(err).Warn("leaderships were not handed over; partitions without another in-sync replica are offline until this broker is back")
	}
}

// maxCoordinationGap is how long a broker that stops waits for a ZooKeeper that it has lost.
const maxCoordinationGap = 2 * time.Second

// watchCoordination ends a controlled shutdown once ZooKeeper has been out of reach for a while:
// without it nobody can take the leaderships over. It returns when ctx ends.
func (b *Broker) watchCoordination(ctx context.Context, giveUp func()) {
	tick := time.NewTicker(maxCoordinationGap / 8)
	defer tick.Stop()
	for gap := time.Duration(0); gap < maxCoordinationGap; {
		select {
		case <-tick.C:
			if gap += maxCoordinationGap / 8; b.zk.Connected() {
				gap = 0
			}
		case <-ctx.Done():
			return
		}
	}
	giveUp()
}

// findController reads ZooKeeper, not the metadata cache: during a stop that one may know a
// controller that is gone.
func (b *Broker) findController(ctx context.Context) (int32, model.Endpoint, error) {
	id, err := b.zk.ControllerID(ctx)
	if err != nil {
		return -1, model.Endpoint{}, err
	}
	if id < 0 {
		return -1, model.Endpoint{}, errors.New("no broker is controller at the moment")
	}
	other, ok, err := b.zk.Broker(ctx, id)
	if err != nil {
		return -1, model.Endpoint{}, err
	}
	if ok {
		if e, has := other.Endpoint(b.config.Listeners().InterBroker); has {
			return id, e, nil
		}
	}
	return -1, model.Endpoint{}, fmt.Errorf("the controller, broker %d, has no endpoint on listener %s", id, b.config.Listeners().InterBroker)
}
