package interbroker

import (
	"context"
	"errors"
	"fmt"
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
	// Controller finds the active controller's address on the inter-broker listener (never the control plane's), in ZooKeeper.
	Controller func(ctx context.Context) (id int32, at model.Endpoint, err error)
	// MaxRetries is controlled.shutdown.max.retries, Backoff controlled.shutdown.retry.backoff.ms.
	MaxRetries int
	Backoff    time.Duration
	Versions   Versions
	Dialer     Dialer
	// ConnectTimeout and RequestTimeout are controller.socket.timeout.ms and request.timeout.ms.
	ConnectTimeout, RequestTimeout time.Duration
	Logger                         *logrus.Entry
}

// ControlledShutdown asks the controller to move all leaderships away from this broker. It returns nil when that was done; after the
// last attempt, or when ctx ends, the broker stops all the same.
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
		select {
		case <-time.After(o.Backoff):
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		}
	}
	return fmt.Errorf("controlled shutdown, %d attempts: %w", o.MaxRetries, err)
}

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
