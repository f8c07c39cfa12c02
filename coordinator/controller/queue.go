package controller

import (
	"context"
	"sync"

	"momus/internal/bell"
	"momus/internal/kerr"
)

// queue is the controller's unbounded list of events, as Kafka's: its length is bounded by what
// exists in the cluster, as an event of a watch that is queued already is not queued again (it
// would read the same state once more).
type queue struct {
	mu     sync.Mutex
	events []Event
	queued map[Event]bool // the events of watches in events
	wake   bell.Bell      // something was put
	closed error
}

func newQueue() *queue {
	return &queue{queued: map[Event]bool{}, wake: bell.New()}
}

// collapsible reports whether one queued event stands for many.
func collapsible(ev Event) bool {
	switch ev.(type) {
	case BrokerChange, BrokerModification, TopicChange, PartitionModification, TopicDeletion, ISRChange, LogDirEvent,
		PreferredElectionRequested, ReassignmentRequested, ReassignmentsRewritten, ReassignmentProgress, AutoRebalance, controllerChange:
		return true
	}
	return false
}

// put queues an event. It never blocks. After close the event is dropped with its answer, so who
// asked does not wait for ever.
func (q *queue) put(ev Event) {
	q.mu.Lock()
	closed := q.closed
	if closed == nil && !(collapsible(ev) && q.queued[ev]) {
		if collapsible(ev) {
			q.queued[ev] = true
		}
		q.events = append(q.events, ev)
	}
	q.mu.Unlock()
	if closed != nil {
		drop(ev, closed)
		return
	}
	q.wake.Ring()
}

// clearAndPut drops what is queued, with answers, and queues ev.
// It is for the end of a session: what was queued is about a state that nobody guards any more.
func (q *queue) clearAndPut(ev Event) {
	q.mu.Lock()
	dropped := q.events
	q.events, q.queued = nil, map[Event]bool{}
	q.mu.Unlock()
	for _, d := range dropped {
		drop(d, nil)
	}
	q.put(ev)
}

// take waits for the next event; ok is false when ctx ended.
func (q *queue) take(ctx context.Context) (ev Event, ok bool) {
	for {
		if ctx.Err() != nil {
			return nil, false
		}
		q.mu.Lock()
		if len(q.events) > 0 {
			ev, q.events[0] = q.events[0], nil
			q.events = q.events[1:]
			if collapsible(ev) {
				delete(q.queued, ev)
			}
			q.mu.Unlock()
			return ev, true
		}
		q.mu.Unlock()
		select {
		case <-q.wake:
		case <-ctx.Done():
			return nil, false
		}
	}
}

func (q *queue) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.events) == 0
}

// close drops what is queued and what will be put.
func (q *queue) close(err error) {
	q.mu.Lock()
	dropped := q.events
	q.events, q.closed = nil, err
	q.mu.Unlock()
	for _, d := range dropped {
		drop(d, err)
	}
}

// drop answers the request behind an event that will not be processed; err nil means what Kafka
// answers when a session expires.
func drop(ev Event, err error) {
	or := func(def error) error {
		if err != nil {
			return err
		}
		return def
	}
	switch ev := ev.(type) {
	case *ElectLeaders:
		ev.Reply(nil, or(kerr.NotController))
	case *AlterReassignments:
		ev.Reply(nil, or(kerr.NotController))
	case *ListReassignments:
		ev.Reply(nil, or(kerr.NotController))
	case *ControlledShutdown:
		ev.Reply(nil, or(kerr.StaleControllerEpoch))
	case *Inspect:
		if ev.Failed != nil {
			ev.Failed(or(kerr.NotController))
		}
	case *expire:
		close(ev.done)
	}
}
