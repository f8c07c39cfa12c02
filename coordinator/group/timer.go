package group

import (
	"container/heap"
	"time"
)

// timer is a deadline of a member, of a pending member id, or of a group's join round. Moving a
// deadline to a later time, which every heartbeat does, only changes at: the heap keeps the earlier
// time and is put right when that has come.
type timer struct {
	at     time.Duration // since Partition.origin; never: not set
	queued time.Duration // the time by which the heap orders, ≤ at
	index  int           // in the heap, -1 if not there

	group   *Group
	member  *Member // of a member's session
	pending string  // of a pending member id; with neither: the join round
}

const never = time.Duration(1<<63 - 1)

func newTimer(g *Group) *timer { return &timer{at: never, index: -1, group: g} }

// timers is a heap of timers.
type timers []*timer

func (h timers) Len() int           { return len(h) }
func (h timers) Less(i, j int) bool { return h[i].queued < h[j].queued }
func (h timers) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *timers) Push(x any) {
	t := x.(*timer)
	t.index = len(*h)
	*h = append(*h, t)
}
func (h *timers) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	t.index = -1
	return t
}

// set moves the deadline of t.
func (h *timers) set(t *timer, at time.Duration) {
	t.at = at
	switch {
	case t.index < 0:
		t.queued = at
		heap.Push(h, t)
	// A later time is left for due to put right.
	case at < t.queued:
		t.queued = at
		heap.Fix(h, t.index)
	}
}

// remove takes t out for good, or until it is set again.
func (h *timers) remove(t *timer) {
	t.at = never
	if t.index >= 0 {
		heap.Remove(h, t.index)
	}
}

// next is the earliest time at which something may be due; never if nothing.
func (h timers) next() time.Duration {
	if len(h) == 0 {
		return never
	}
	return h[0].queued
}

// due takes out a timer whose deadline has come; nil when there is none.
func (h *timers) due(now time.Duration) *timer {
	for len(*h) > 0 {
		t := (*h)[0]
		switch {
		case t.queued > now:
			return nil
		case t.at > now:
			t.queued = t.at
			heap.Fix(h, 0)
		default:
			heap.Pop(h)
			t.at = never
			return t
		}
	}
	return nil
}
