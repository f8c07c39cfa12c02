package handler

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"momus/internal/kerr"
)

func TestBrokerEpochOfAControllersRequest(t *testing.T) {
	for _, c := range []struct {
		name                  string
		requested, own, later int64
		after                 time.Duration
		want                  *kerr.Error
		waits                 time.Duration
	}{
		{"none given", -1, 5, 5, 0, nil, 0},
		{"the same", 5, 5, 5, 0, nil, 0},
		{"before the restart", 4, 5, 5, 0, kerr.StaleBrokerEpoch, 0},
		{"registered, not known yet", 9, 5, 9, 100 * time.Millisecond, nil, 100 * time.Millisecond},
		{"registered again meanwhile", 9, 5, 11, 100 * time.Millisecond, kerr.StaleBrokerEpoch, 100 * time.Millisecond},
		{"never heard of", 9, 5, 5, 0, kerr.UnknownServerError, registrationWait},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var own atomic.Int64
				own.Store(c.own)
				changed := make(chan struct{})
				e := &StorageEnv{BrokerEpoch: func() (int64, <-chan struct{}) { return own.Load(), changed }}
				if c.later != c.own {
					time.AfterFunc(c.after, func() { own.Store(c.later); close(changed) })
				}
				start := time.Now()
				err := e.checkBrokerEpoch(context.Background(), c.requested)
				if c.want == nil && err != nil || c.want != nil && kerr.Of(err) != c.want {
					t.Errorf("%v, want %v", err, c.want)
				}
				if d := time.Since(start); d < c.waits || d > c.waits {
					t.Errorf("waited %v, want %v", d, c.waits)
				}
				time.Sleep(time.Second)
			})
		})
	}
}
