package journal

import (
	"cmp"
	"slices"
	"time"

	"momus/internal/model"
)

// History is what several brokers have recorded, in the order of time, with the causes found. It
// does not change.
//
// Clocks of brokers differ a little, so causes on other brokers are found by epochs where there are
// any, and by time only with some slack.
type History struct {
	entries []Entry
	byRef   map[Ref]int
	cause   map[Ref]Ref
	elected map[election]int // LeaderElected by partition and leader epoch
}

type election struct {
	tp    model.TopicPartition
	epoch int32
}

// slack is by how much the clocks of two brokers may differ.
const slack = 2 * time.Second

// reach is how long before its effect a cause on another broker may lie that only time connects.
const reach = 2 * time.Minute

// NewHistory joins the journals of brokers.
func NewHistory(journals ...[]Entry) *History {
	h := &History{byRef: map[Ref]int{}, cause: map[Ref]Ref{}, elected: map[election]int{}}
	for _, j := range journals {
		h.entries = append(h.entries, j...)
	}
	slices.SortStableFunc(h.entries, func(a, b Entry) int {
		if c := a.Time.Compare(b.Time); c != 0 {
			return c
		}
		return cmp.Or(cmp.Compare(a.Broker, b.Broker), cmp.Compare(a.ID, b.ID))
	})
	for i := range h.entries {
		e := &h.entries[i]
		h.byRef[e.Ref()] = i
		if e.Kind == LeaderElected {
			h.elected[election{e.TP(), e.LeaderEpoch}] = i
		}
	}
	for i := range h.entries {
		e := &h.entries[i]
		if c := h.find(i); c != nil && c != e {
			h.cause[e.Ref()] = c.Ref()
		}
	}
	return h
}

// Entries are all entries, the oldest first. They must not be changed.
func (h *History) Entries() []Entry { return h.entries }

// Cause is the entry that caused e; nil if that is not known.
func (h *History) Cause(e *Entry) *Entry {
	ref, ok := h.cause[e.Ref()]
	if !ok {
		return nil
	}
	return &h.entries[h.byRef[ref]]
}

// Chain is e and its causes, the last of which has no known cause.
func (h *History) Chain(e *Entry) []*Entry {
	chain := []*Entry{e}
	for c := h.Cause(e); c != nil && !slices.Contains(chain, c); c = h.Cause(c) {
		chain = append(chain, c)
	}
	return chain
}

// find looks for the cause of the i-th entry: on the same broker it was recorded, unless the entry
// is about what the broker cannot know.
func (h *History) find(i int) *Entry {
	e := &h.entries[i]
	if e.Cause != 0 {
		if at, ok := h.byRef[Ref{e.Broker, e.Cause}]; ok {
			return &h.entries[at]
		}
	}
	switch e.Kind {
	case BecameLeader, BecameFollower, ReplicaDeleted:
		if at, ok := h.elected[election{e.TP(), e.LeaderEpoch}]; ok && e.Kind != ReplicaDeleted {
			return &h.entries[at]
		}
		return h.before(i, reach, func(c *Entry) bool {
			return c.Name == e.Name && (c.Kind == ReassignmentStart && c.Partition == e.Partition || c.Kind == TopicDeleting || c.Kind == TopicCreated)
		})
	case BrokerDown, ControllerElected:
		return h.lossOf(i, e.About)
	case ISRShrunk, WatermarkStalled:
		return h.lagOf(i)
	case ISRExpanded:
		return h.before(i, reach, func(c *Entry) bool {
			return c.Broker == e.About && (c.Kind == BrokerStarted || c.Kind == LeaderReachable || c.Kind == ProcessPaused || c.Kind == ConnectionRestored) ||
				c.About == e.About && c.Kind == BrokerUp
		})
	case BrokerUp:
		return h.before(i, reach, func(c *Entry) bool { return c.Broker == e.About && c.Kind == Registered && c.Number == e.Number })
	case ReplicasFailed:
		return h.before(i, reach, func(c *Entry) bool { return c.Broker == e.About && c.Kind == DirectoryFailed })
	case ConnectionLost, SessionExpired:
		return h.pauseOf(i, e.Broker)
	case CoordinatorLoaded, CoordinatorUnloaded:
		kind := BecameLeader
		if e.Kind == CoordinatorUnloaded {
			kind = BecameFollower
		}
		return h.before(i, reach, func(c *Entry) bool { return c.Broker == e.Broker && c.Kind == kind && c.TP() == e.TP() })
	case MarkersWait:
		return h.before(i, reach, func(c *Entry) bool {
			return c.Kind == PartitionOffline || c.Kind == BrokerDown && c.About == e.About || c.Kind == LeaderUnreachable && c.About == e.About
		})
	case LeaderUnreachable:
		return h.lossOf(i, e.About)
	}
	return nil
}

// before is the latest entry that ok accepts, at most d before the i-th, or a little after it, as
// clocks differ between brokers.
func (h *History) before(i int, d time.Duration, ok func(c *Entry) bool) *Entry {
	at := h.entries[i].Time
	for k := h.lastUpTo(at.Add(slack)); k >= 0 && h.entries[k].Time.After(at.Add(-d)); k-- {
		c := &h.entries[k]
		if k != i && (k < i || c.Broker != h.entries[i].Broker) && ok(c) {
			return c
		}
	}
	return nil
}

func (h *History) lastUpTo(t time.Time) int {
	n, _ := slices.BinarySearchFunc(h.entries, t, func(e Entry, t time.Time) int {
		if e.Time.After(t) {
			return 1
		}
		return -1
	})
	return n - 1
}

// pauseOf is a time during which a broker's process did not run and that the i-th entry falls into.
func (h *History) pauseOf(i int, broker int32) *Entry {
	at := h.entries[i].Time
	for k := range h.entries {
		c := &h.entries[k]
		if c.Kind == ProcessPaused && c.Broker == broker && !c.Time.Add(slack).Before(at) && !c.Time.Add(-c.Took-slack).After(at) {
			return c
		}
	}
	return nil
}

// lossOf is why a broker was lost to the others at the time of the i-th entry, as far as it says so
// itself: it stopped, its process stood still, or it lost ZooKeeper; or, known when it is back, it
// was killed.
func (h *History) lossOf(i int, broker int32) *Entry {
	at := h.entries[i].Time
	if c := h.pauseOf(i, broker); c != nil {
		return c
	}
	var lost *Entry
	if c := h.before(i, reach, func(c *Entry) bool {
		return c.Broker == broker && (c.Kind == BrokerStopping || c.Kind == ConnectionLost || c.Kind == SessionExpired ||
			c.Kind == ConnectionRestored || c.Kind == BrokerStarted || c.Kind == SessionOpened || c.Kind == ControllerResigned)
	}); c != nil && c.Kind != ConnectionRestored && c.Kind != BrokerStarted && c.Kind != SessionOpened {
		lost = c
	}
	if lost != nil {
		return lost
	}
	for k := h.lastUpTo(at) + 1; k < len(h.entries); k++ {
		c := &h.entries[k]
		if c.Broker == broker && (c.Kind == BrokerStarted || c.Kind == BrokerStopping) {
			if c.Kind == BrokerStarted && c.Old == "unclean" {
				return c
			}
			break
		}
	}
	// The controller saw it go before somebody else noticed.
	return h.before(i, reach, func(c *Entry) bool {
		return c.Kind == BrokerDown && c.About == broker && h.entries[i].Kind != BrokerDown
	})
}

// lagOf is why a follower fell behind.
func (h *History) lagOf(i int) *Entry {
	e := &h.entries[i]
	if c := h.pauseOf(i, e.About); c != nil {
		return c
	}
	return h.before(i, reach, func(c *Entry) bool {
		switch c.Kind {
		case LeaderUnreachable:
			return c.Broker == e.About && c.About == e.Broker
		case FetchFailed:
			return c.Broker == e.About && c.TP() == e.TP()
		case DirectoryFailed, BrokerStopping, ConnectionLost:
			return c.Broker == e.About
		case BrokerDown:
			return c.About == e.About
		}
		return false
	})
}

// Subject is what somebody asks about. Exactly one of its fields is set.
type Subject struct {
	Partition       *model.TopicPartition
	Topic           string
	Group           string
	TransactionalID string
	Broker          *int32
}

// Concerns reports whether an entry is about the subject.
func (s *Subject) Concerns(e *Entry) bool {
	switch {
	case s.Partition != nil:
		return e.Kind.ofPartition() && e.TP() == *s.Partition || e.Kind.ofTopic() && e.Name == s.Partition.Topic
	case s.Topic != "":
		return (e.Kind.ofPartition() || e.Kind.ofTopic()) && e.Name == s.Topic
	case s.Group != "":
		return e.Kind.class() == groupClass && e.Name == s.Group
	case s.TransactionalID != "":
		return e.Kind.class() == transactionClass && e.Name == s.TransactionalID
	case s.Broker != nil:
		return e.Broker == *s.Broker && e.Kind.ofBroker() || e.About == *s.Broker && (e.Kind == BrokerUp || e.Kind == BrokerDown || e.Kind == ShutdownRequested || e.Kind == ReplicasFailed)
	}
	return true
}

// ofPartition reports whether Name and Partition are the subject.
func (k Kind) ofPartition() bool {
	switch k {
	case LeaderElected, PartitionOffline, ReassignmentStart, ReassignmentDone, BecameLeader, BecameFollower, ReplicaDeleted, Truncated, ISRShrunk,
		ISRExpanded, ISRRefused, WatermarkStalled, WatermarkMoves, PartitionMoved, FetchFailed, SegmentRolled, SegmentsDeleted, LogCleaned,
		LogRecovered, CoordinatorLoaded, CoordinatorUnloaded:
		return true
	}
	return false
}

// ofTopic reports whether Name is a topic and the whole of it is the subject.
func (k Kind) ofTopic() bool { return k == TopicCreated || k == TopicDeleting || k == TopicDeleted }

// ofBroker reports whether the broker that recorded it is the subject.
func (k Kind) ofBroker() bool {
	return k > 0 && k <= ClusterTaken || k == DirectoryFailed || k == LeaderUnreachable || k == LeaderReachable
}

// About are the entries about a subject, the oldest first.
func (h *History) About(s *Subject) []*Entry {
	var out []*Entry
	for i := range h.entries {
		if s.Concerns(&h.entries[i]) {
			out = append(out, &h.entries[i])
		}
	}
	return out
}
