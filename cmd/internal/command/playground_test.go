package command

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// life is a Server that runs until it is told to stop, or fails.
type life struct {
	fails   error
	running *atomic.Int32
}

func (l *life) Run(ctx context.Context) error {
	if l.fails != nil {
		return l.fails
	}
	l.running.Add(1)
	defer l.running.Add(-1)
	<-ctx.Done()
	return nil
}
func (l *life) Ready() <-chan struct{} { return nil }
func (l *life) ID() int32              { return 1 }
func (l *life) Addr(string) net.Addr   { return nil }
func (l *life) HTTPAddr() net.Addr     { return nil }

func TestBrokersAreStoppedAndStartedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running atomic.Int32
		p := newPlayground("v", 2)
		lives := 0
		p.remake = func(int) (Server, error) { lives++; return &life{running: &running}, nil }
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan error, 2)
		for i := range 2 {
			go func() { ended <- p.run(ctx, i, &life{running: &running}) }()
		}
		synctest.Wait()
		do := func(action string, broker int32, want string) {
			t.Helper()
			err := p.Do(ctx, action, broker)
			synctest.Wait()
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("%s broker %d: %v, want %q", action, broker, err, want)
			}
		}
		do(actStart, 1, "runs already")
		do(actStop, 1, "")
		if running.Load() != 1 {
			t.Error("it runs on")
		}
		do(actStop, 1, "does not run")
		do(actStart, 1, "")
		do(actStop, 3, "no broker 3")
		do(actStop, 0, "no broker 0")
		do("explode", 1, "no action")
		do(actStop, 2, "")
		if running.Load() != 1 || lives != 1 {
			t.Errorf("%d run, %d lives", running.Load(), lives)
		}
		cancel() // one runs, one is stopped: both end
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestABrokerThatFailsIsNotPlayedWith(t *testing.T) {
	p := newPlayground("v", 1)
	broken := errors.New("broken")
	if err := p.run(t.Context(), 0, &life{fails: broken}); !errors.Is(err, broken) {
		t.Error(err)
	}
}
