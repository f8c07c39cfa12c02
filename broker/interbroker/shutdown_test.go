package interbroker_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"momus/broker/interbroker"
	"momus/internal/model"
	"momus/internal/testbase"
)

// Three brokers are stopped together: the last one has nobody to hand over to and does not wait for
// further attempts.
func TestShutdownEndsWhenNobodyIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		attempts := 0
		o := interbroker.ControlledShutdownOptions{
			BrokerID: 3, MaxRetries: 3, Backoff: 5 * time.Second, Logger: testbase.Quiet(),
			Controller: func(context.Context) (int32, model.Endpoint, error) {
				attempts++
				return -1, model.Endpoint{}, errors.New("no controller")
			},
			Live: func(context.Context) ([]int32, error) {
				switch took := time.Since(began); {
				case took < 300*time.Millisecond:
					return []int32{1, 2, 3}, nil
				case took < 500*time.Millisecond:
					return []int32{2, 3}, nil // one has gone: the next attempt is made at once
				case took < 700*time.Millisecond:
					return nil, errors.New("ZooKeeper is out of reach")
				}
				return []int32{3}, nil
			},
		}
		err := interbroker.ControlledShutdown(t.Context(), o)
		if took := time.Since(began); !errors.Is(err, interbroker.ErrNobodyLeft) || took != 700*time.Millisecond || attempts != 2 {
			t.Errorf("%v after %v, %d attempts", err, took, attempts)
		}
		began = time.Now()
		o.Live = func(context.Context) ([]int32, error) { return []int32{1, 3}, nil }
		if err := interbroker.ControlledShutdown(t.Context(), o); errors.Is(err, interbroker.ErrNobodyLeft) || time.Since(began) != 10*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}
