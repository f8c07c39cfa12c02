package group

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"momus/coordinator/shard/shardtest"
	"momus/internal/kerr"
)

// A panic in the machine costs nobody a connection: who waits is sent to look for the coordinator,
// which is this one again, with what the log has.
func TestAPanicCostsOnlyWhatWasNotDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cfg := t.Context(), testConfig()
		var bomb atomic.Bool
		logger, hook := test.NewNullLogger()
		c := New(Options{Log: shardtest.New(), Logger: logrus.NewEntry(logger), Settings: func() Settings {
			if bomb.CompareAndSwap(true, false) {
				panic("injected")
			}
			return *cfg
		}})
		ended := make(chan struct{})
		runCtx, stop := context.WithCancel(ctx)
		go func() { defer close(ended); c.Run(runCtx) }()
		c.Start(1)
		c.OnBecomeLeader(0, 0)
		synctest.Wait()
		if got := c.CommitOffsets(ctx, plainCommit("g", 0, 5)).Errs[0]; got != nil {
			t.Fatal(got)
		}
		joined := make(chan JoinResult, 1)
		go func() {
			joined <- c.Join(ctx, &JoinRequest{Group: "other", ProtocolType: "consumer", Protocols: []Protocol{{Name: "range"}}, RebalanceTimeoutMs: 60000, SessionTimeoutMs: 10000})
		}()
		synctest.Wait()
		bomb.Store(true)
		if got := c.Heartbeat(ctx, &HeartbeatRequest{Group: "g", MemberID: "m"}); got != kerr.NotCoordinator {
			t.Errorf("the request that set it off was answered %v", got)
		}
		if got := (<-joined).Err; got != kerr.NotCoordinator {
			t.Errorf("the join under way was answered %v", got)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		result := c.FetchOffsets(ctx, &FetchOffsetsRequest{Group: "g", All: true})
		if result.Err != nil || len(result.Offsets) != 1 || result.Offsets[0].Offset != 5 {
			t.Errorf("afterwards %+v", result)
		}
		e := hook.LastEntry()
		for _, key := range []string{"panic", "event", "stack", "group", "state", "generation", "leader_epoch"} {
			if e == nil || e.Data[key] == nil {
				t.Errorf("the log does not tell %s: %+v", key, e)
			}
		}
		stop()
		<-ended
	})
}
