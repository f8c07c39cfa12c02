package journal

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// at is an entry of a broker at a second of the story.
func at(second float64, broker int32, id uint64, e Entry) Entry {
	e.Time = time.Unix(1000, 0).Add(time.Duration(second * float64(time.Second)))
	e.Broker, e.ID = broker, id
	return e
}

func TestCauses(t *testing.T) {
	orders := func(k Kind, epoch int32) Entry { return Entry{Kind: k, Name: "orders", LeaderEpoch: epoch, About: -1} }
	shrunk := Entry{Kind: ISRShrunk, Name: "orders", About: 2}
	down := Entry{Kind: BrokerDown, About: 2}
	elected := func(cause uint64) Entry {
		e := orders(LeaderElected, 7)
		e.About, e.Cause = 3, cause
		return e
	}
	for name, c := range map[string]struct {
		entries []Entry
		// of is the entry whose chain is asked for, want the kinds of the chain with the broker
		// that recorded each.
		of   Ref
		want string
	}{
		"a broker that was stopped": {
			entries: []Entry{at(0, 2, 1, Entry{Kind: BrokerStopping}), at(1, 1, 10, down), at(1.1, 1, 11, elected(10)), at(1.2, 3, 5, orders(BecameLeader, 7))},
			of:      Ref{3, 5}, want: "became-leader@3 leader-elected@1 broker-down@1 broker-stopping@2",
		},
		"a broker whose process stood still, known when it goes on": {
			entries: []Entry{at(9, 1, 10, down), at(9.1, 1, 11, elected(10)), at(20, 2, 8, Entry{Kind: ProcessPaused, Took: 18 * time.Second})},
			of:      Ref{1, 11}, want: "leader-elected@1 broker-down@1 process-paused@2",
		},
		"a broker that lost ZooKeeper": {
			entries: []Entry{at(0, 2, 1, Entry{Kind: ConnectionLost}), at(6, 1, 10, down), at(6.5, 2, 2, Entry{Kind: SessionExpired, Cause: 1})},
			of:      Ref{1, 10}, want: "broker-down@1 session-expired@2 connection-lost@2",
		},
		"a broker that was killed, known when it is back": {
			entries: []Entry{at(0, 2, 1, Entry{Kind: BrokerStarted, Old: "clean"}), at(6, 1, 10, down), at(60, 2, 1000, Entry{Kind: BrokerStarted, Old: "unclean"})},
			of:      Ref{1, 10}, want: "broker-down@1 broker-started@2",
		},
		"a broker that was not killed then, but later": {
			entries: []Entry{at(6, 1, 10, down), at(10, 2, 2, Entry{Kind: BrokerStarted, Old: "clean"}), at(60, 2, 3, Entry{Kind: BrokerStarted, Old: "unclean"})},
			of:      Ref{1, 10}, want: "broker-down@1",
		},
		"a connection that was back before": {
			entries: []Entry{at(0, 2, 1, Entry{Kind: ConnectionLost}), at(1, 2, 2, Entry{Kind: ConnectionRestored}), at(60, 1, 10, down)},
			of:      Ref{1, 10}, want: "broker-down@1",
		},
		"a paused follower": {
			entries: []Entry{at(12, 1, 3, shrunk), at(30, 2, 8, Entry{Kind: ProcessPaused, Took: 28 * time.Second})},
			of:      Ref{1, 3}, want: "isr-shrunk@1 process-paused@2",
		},
		"a follower that cannot reach its leader": {
			entries: []Entry{at(2, 2, 8, Entry{Kind: LeaderUnreachable, About: 1}), at(12, 1, 3, shrunk)},
			of:      Ref{1, 3}, want: "isr-shrunk@1 leader-unreachable@2",
		},
		"the controller's new broker": {
			entries: []Entry{at(0, 2, 1, Entry{Kind: BrokerStopping, Reason: ByRequest}), at(0.5, 1, 4, Entry{Kind: ControllerElected, About: 2, ControllerEpoch: 9})},
			of:      Ref{1, 4}, want: "controller-elected@1 broker-stopping@2",
		},
		"a cause that is no longer kept": {
			entries: []Entry{at(1, 1, 11, elected(10))}, of: Ref{1, 11}, want: "leader-elected@1",
		},
		"entries that name each other": {
			entries: []Entry{at(1, 1, 1, Entry{Kind: MemberLeft, Cause: 2}), at(2, 1, 2, Entry{Kind: MemberLeft, Cause: 1})},
			of:      Ref{1, 2}, want: "member-left@1 member-left@1",
		},
		"an election of another epoch": {
			entries: []Entry{at(1, 1, 11, elected(0)), at(1.2, 3, 5, orders(BecameLeader, 8))}, of: Ref{3, 5}, want: "became-leader@3",
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := NewHistory(c.entries)
			var got []string
			for i := range h.Entries() {
				if e := &h.Entries()[i]; e.Ref() == c.of {
					for _, c := range h.Chain(e) {
						got = append(got, fmt.Sprintf("%s@%d", c.Kind, c.Broker))
					}
				}
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("%s, want %s", s, c.want)
			}
		})
	}
}

func TestSubjects(t *testing.T) {
	two := int32(2)
	tp := (&Entry{Name: "orders", Partition: 1}).TP()
	for _, c := range []struct {
		s    Subject
		e    Entry
		want bool
	}{
		{Subject{Partition: &tp}, Entry{Kind: ISRShrunk, Name: "orders", Partition: 1}, true},
		{Subject{Partition: &tp}, Entry{Kind: ISRShrunk, Name: "orders", Partition: 2}, false},
		{Subject{Partition: &tp}, Entry{Kind: TopicCreated, Name: "orders"}, true},
		{Subject{Partition: &tp}, Entry{Kind: MemberJoined, Name: "orders", Partition: 1}, false},
		{Subject{Group: "orders"}, Entry{Kind: MemberJoined, Name: "orders"}, true},
		{Subject{Group: "orders"}, Entry{Kind: TopicCreated, Name: "orders"}, false},
		{Subject{TransactionalID: "t"}, Entry{Kind: TransactionDecided, Name: "t"}, true},
		{Subject{TransactionalID: "t"}, Entry{Kind: GroupStable, Name: "t"}, false},
		{Subject{Broker: &two}, Entry{Kind: BrokerDown, Broker: 1, About: 2}, true},
		{Subject{Broker: &two}, Entry{Kind: SessionExpired, Broker: 2}, true},
		{Subject{Broker: &two}, Entry{Kind: SessionExpired, Broker: 1}, false},
		{Subject{Broker: &two}, Entry{Kind: ISRShrunk, Broker: 1, About: 2}, false},
	} {
		if got := c.s.Concerns(&c.e); got != c.want {
			t.Errorf("%+v concerns %s: %v", c.s, c.e.Kind, got)
		}
	}
}
