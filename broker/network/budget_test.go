package network

import (
	"testing"
	"time"
)

// TestWhoWaitsBehindLatercomersStarvesToo has the order of waiters that were woken for nothing and
// queued again.
func TestWhoWaitsBehindLatercomersStarvesToo(t *testing.T) {
	first := time.Unix(1000, 0)
	m := budget{waiters: []*budgetWaiter{{since: first.Add(time.Minute)}, {since: first}}}
	for _, c := range []struct {
		than     time.Time
		starving bool
	}{{first, false}, {first.Add(time.Second), true}, {first.Add(time.Hour), true}} {
		if got := m.starving(c.than); got != c.starving {
			t.Errorf("%s: %t", c.than, got)
		}
	}
}
