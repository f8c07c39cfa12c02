package network

import (
	"context"
	"time"
)

// Mute keeps the connection from being read before t; the answer of the request that is being
// served is sent all the same (KIP-219). Only to be called inside Serve.
func (c *Conn) Mute(t time.Time) { c.mutedUntil = t }

// waitMuted waits until the connection may be read again; false when it ends before.
func (c *Conn) waitMuted(ctx context.Context) bool {
	if c.mutedUntil.IsZero() {
		return true
	}
	t := time.NewTimer(c.mutedUntil.Sub(c.srv.o.Now()))
	defer t.Stop()
	c.mutedUntil = time.Time{}
	select {
	case <-t.C:
		return true
	case <-c.done:
	case <-ctx.Done():
	}
	return false
}
