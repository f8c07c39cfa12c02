package network

import (
	"context"
	"testing"
	"time"
)

// muting is an echo that mutes connections whose request begins with m, and answers it.
type muting struct {
	*echo
	until time.Duration
}

func (h *muting) Serve(ctx context.Context, c *Conn, frame []byte, received time.Time, out *Output) (Verdict, Pending) {
	if frame[0] == 'm' {
		c.Mute(time.Now().Add(h.until))
		out.B = append(out.B, frame...)
		return Answered, nil
	}
	return h.echo.Serve(ctx, c, frame, received, out)
}

func TestAMutedConnectionIsAnsweredButNotRead(t *testing.T) {
	const until = 300 * time.Millisecond
	f := start(t, func(o *Options, _ *Limits) { o.Handler = &muting{o.Handler.(*echo), until} })
	c, other := f.dial(), f.dial()
	began := time.Now()
	send(t, c, "m1", "e2")
	expect(t, c, "m1")
	send(t, other, "e")
	expect(t, other, "e")
	expect(t, c, "e2")
	if took := time.Since(began); took < until {
		t.Errorf("read again after %v", took)
	}
	send(t, c, "e3") // once only
	expect(t, c, "e3")
}

func TestStopEndsMutedConnections(t *testing.T) {
	f := start(t, func(o *Options, _ *Limits) { o.Handler = &muting{o.Handler.(*echo), time.Hour} })
	c := f.dial()
	send(t, c, "m")
	expect(t, c, "m")
	f.stop()
	expectClosed(t, c)
}
