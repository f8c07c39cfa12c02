package interbroker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/internal/kerr"
	"momus/internal/model"
)

// ControlledShutdownOptions configure ControlledShutdown.
type ControlledShutdownOptions struct {
	BrokerID    int32
	BrokerEpoch func() int64
	// Controller finds the active controller's address on the inter-broker listener (never the
	// control plane's), in ZooKeeper.
	Controller func(ctx context.Context) (id int32, at model.Endpoint, err error)
	// Live lists the ids of the brokers that are registered, to know when nobody is left; nil never
	// does.
	Live func(ctx context.Context) ([]int32, error)
	// MaxRetries is controlled.shutdown.max.retries, Backoff controlled.shutdown.retry.backoff.ms.
	MaxRetries int
	Backoff    time.Duration
	Versions   Versions
	Dialer     Dialer
	// ConnectTimeout and RequestTimeout are controller.socket.timeout.ms and request.timeout.ms.
	ConnectTimeout, RequestTimeout time.Duration
	Logger                         *logrus.Entry
}

// ErrNobodyLeft says that no other broker is there to take leaderships over.
var ErrNobodyLeft = errors.New("no other broker is left to take the leaderships over")

// ControlledShutdown asks the controller to move all leaderships away from this broker. It returns
// nil when that was done; after the last attempt, or when ctx ends, the broker stops all the same.
// When nobody is left it returns ErrNobodyLeft at once: Kafka waits for all its attempts then,
// until whoever stops a cluster loses patience and kills the last broker.
func ControlledShutdown(ctx context.Context, o ControlledShutdownOptions) error {
	var (
		client *Client
		at     model.Endpoint
		err    error
	)
	defer func() {
		if client != nil {
			client.Close()
		}
	}()
	for attempt := 1; attempt <= o.MaxRetries; attempt++ {
		var now model.Endpoint
		if _, now, err = o.Controller(ctx); err == nil {
			// The controller may have moved, and a broker that became it has another address.
			if client == nil || now != at {
				if client != nil {
					client.Close()
				}
				at = now
				client = NewClient(ClientOptions{
					ClientID: strconv.Itoa(int(o.BrokerID)), Dialer: o.Dialer,
					Endpoint:       func() (model.Endpoint, bool) { return now, true },
					ConnectTimeout: o.ConnectTimeout, RequestTimeout: o.RequestTimeout,
				})
			}
			if err = askForShutdown(ctx, client, &o); err == nil {
				return nil
			}
		}
		o.Logger.WithError(err).WithField("attempt", attempt).Info("controlled shutdown is not possible yet")
		if attempt == o.MaxRetries {
			break
		}
		if waitErr := o.awaitAttempt(ctx); waitErr != nil {
			return errors.Join(waitErr, err)
		}
	}
	return fmt.Errorf("controlled shutdown, %d attempts: %w", o.MaxRetries, err)
}

// liveInterval is how often the other brokers are looked for between two attempts.
const liveInterval = 100 * time.Millisecond

// awaitAttempt waits until the next attempt makes sense: after the backoff, or when another broker
// has come or gone. It returns ErrNobodyLeft, or why ctx has ended.
func (o *ControlledShutdownOptions) awaitAttempt(ctx context.Context) error {
	backoff := time.NewTimer(o.Backoff)
	defer backoff.Stop()
	tick := time.NewTicker(liveInterval)
	defer tick.Stop()
	var before []int32
	for {
		if o.Live != nil {
			live, err := o.Live(ctx)
			others := slices.DeleteFunc(slices.Clone(live), func(id int32) bool { return id == o.BrokerID })
			switch {
			case err != nil: // ZooKeeper is out of reach; nobody can tell
			case len(others) == 0:
				return ErrNobodyLeft
			case before != nil && !slices.Equal(others, before):
				return nil
			default:
				before = others
			}
		}
		select {
		case <-backoff.C:
			return nil
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// askForShutdown asks the controller once to move leaderships away; partitions that are left are an
// error, with which the broker asks again.
func askForShutdown(ctx context.Context, client *Client, o *ControlledShutdownOptions) error {
	req := kmsg.NewPtrControlledShutdownRequest()
	req.Version, req.BrokerID, req.BrokerEpoch = o.Versions.ControlledShutdown, o.BrokerID, o.BrokerEpoch()
	resp, err := client.Do(ctx, req)
	if err != nil {
		return err
	}
	answer := resp.(*kmsg.ControlledShutdownResponse)
	if e := kerr.ForCode(answer.ErrorCode); e != nil {
		return e
	}
	if n := len(answer.PartitionsRemaining); n > 0 {
		return fmt.Errorf("%d partitions are still led by this broker, the first is %s-%d", n,
			answer.PartitionsRemaining[0].Topic, answer.PartitionsRemaining[0].Partition)
	}
	return nil
}
