package zk

import (
	"context"
	"testing"

	"momus/coordinator/zkserver/zkservertest"
)

// Who has ended is not told of sessions any more, and is not kept for that.
func TestSessionHandlersAreForgotten(t *testing.T) {
	c, err := Dial(t.Context(), Options{Connect: zkservertest.Start(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	told := ""
	first := c.OnSession(SessionHandler{Lost: func() { told += "1" }})
	second := c.OnSession(SessionHandler{Lost: func() { told += "2" }})
	tell := func() string {
		told = ""
		for _, h := range c.handlers() {
			h.Lost()
		}
		return told
	}
	if got := tell(); got != "12" {
		t.Errorf("told %s, want both in order", got)
	}
	first()
	first() // once is enough, and twice harms nobody
	if got := tell(); got != "2" {
		t.Errorf("told %s, want the second alone", got)
	}
	second()
	r := c.NewConfigChangeReader(nil, func(context.Context, ConfigChange) error { return nil })
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(c.handlers()); n != 1 {
		t.Errorf("%d handlers while a reader of changes is there", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if n := len(c.handlers()); n != 0 {
		t.Errorf("%d handlers when their owners have ended", n)
	}
}
