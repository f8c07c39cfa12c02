//go:build interop

package groups

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/integration/testkit"
)

// Members of six libraries are in one group, join, leave and crash, and the coordinator is killed
// in every state of the group.
func TestMembersOfEveryKindInOneGroup(t *testing.T) {
	p := newParty(t, 3, 12)
	kinds := []kind{goKind("franz-go"), javaKind("2.5.0"), pythonKind("librdkafka"), goKind("sarama"), pythonKind("kafka-python"), nodeKind()}
	for _, k := range kinds {
		p.start(k)
	}
	p.stable("six libraries")
	first := slices.Clone(p.members)
	for _, i := range []int{1, 2, 4} {
		p.leave(first[i])
	}
	p.stable("three have left")
	p.crash(p.members[0])
	p.start(kinds[1])
	p.start(kinds[2])
	p.stable("one has crashed, two have joined")
	p.crash(p.members[1])
	p.crash(p.members[1])
	p.start(kinds[0])
	p.start(kinds[4])
	p.stable("two have crashed, two have joined")

	p.failOver(func() { p.stable("stable, without the coordinator") })
	p.stable("stable, with the coordinator again")

	// Nobody but the new member joins, so that the round is open when the coordinator goes.
	held, release := p.watch.hold(func(client string, req kmsg.Request) bool {
		_, join := req.(*kmsg.JoinGroupRequest)
		return join && client != "newcomer"
	})
	defer release()
	p.startAs(kinds[3], "newcomer")
	p.failOverWhile("PreparingRebalance", "joining", held, release)

	// The leader's assignment does not arrive before the coordinator goes.
	held, release = p.watch.hold(func(_ string, req kmsg.Request) bool {
		s, sync := req.(*kmsg.SyncGroupRequest)
		return sync && len(s.GroupAssignment) > 0
	})
	defer release()
	p.leave(p.members[0])
	p.failOverWhile("CompletingRebalance", "syncing", held, release)

	for len(p.members) > 0 {
		p.leave(p.members[0])
	}
	testkit.Eventually(t, limit, "the group is empty", func() bool {
		state, _ := p.state()
		return state == "Empty"
	})
	p.kept("empty")
	p.failOver(func() { p.kept("empty, without the coordinator") })
	p.kept("empty, with the coordinator again")
	p.send(60)
	for _, k := range kinds[:3] {
		p.start(k)
	}
	p.stable("three go on where the others have stopped")
	p.kept("at the end")
}

// A static member that is killed and started again within its session has its partitions back, and
// the others hear nothing of it.
func TestStaticMembersRestartWithoutRebalance(t *testing.T) {
	p := newParty(t, 1, 12)
	kinds := []kind{goKind("franz-go"), javaKind("2.5.0"), pythonKind("librdkafka"), goKind("sarama"), pythonKind("kafka-python")}
	for i, k := range kinds {
		p.startAs(k, "static-"+k.name, fmt.Sprintf("MOMUS_INSTANCE_ID=instance-%d", i), "MOMUS_SESSION_MS=60000")
	}
	p.stable("five static members")
	for i, k := range kinds {
		before := p.watch.snapshot()
		m := p.members[0]
		p.crash(m)
		p.startAs(k, m.name, m.env...)
		testkit.Eventually(t, limit, "it has joined again", func() bool { return p.watch.snapshot().joins[m.name] > before.joins[m.name] })
		p.stable(k.name + " again")
		after := p.watch.snapshot()
		if after.generation != before.generation {
			t.Errorf("the restart of %s made generation %d of %d", k.name, after.generation, before.generation)
		}
		if !maps.Equal(after.owners, before.owners) {
			t.Errorf("the restart of instance-%d (%s) moved partitions: %v before, %v after", i, k.name, before.owners, after.owners)
		}
		for _, o := range kinds {
			if name := "static-" + o.name; o.name != k.name && after.joins[name] != before.joins[name] {
				t.Errorf("the restart of %s made %s join again", k.name, name)
			}
		}
	}
	p.kept("at the end")
}

// Cooperative members of Java 2.5: who keeps a partition through a rebalance never stops reading
// it, and nobody else has it meanwhile.
func TestCooperativeMembersKeepTheirPartitions(t *testing.T) {
	p := newParty(t, 1, 12)
	java := javaKind("2.5.0", "MOMUS_ASSIGNOR=org.apache.kafka.clients.consumer.CooperativeStickyAssignor")
	p.start(java)
	p.start(java)
	p.stable("two")
	first := p.watch.snapshot()
	p.start(java)
	p.stable("three")
	moved := 0
	for tp, owner := range p.watch.snapshot().owners {
		if first.owners[tp] != owner {
			moved++
		}
	}
	if moved != 4 {
		t.Errorf("%d of 12 partitions have moved to the third member, expected 4", moved)
	}
	if n := p.watch.snapshot().intervals; n != first.intervals+4 {
		t.Errorf("partitions were given to members %d times for the third one, expected 4", n-first.intervals)
	}
	p.crash(p.members[0])
	p.stable("one has crashed")
	p.leave(p.members[0])
	p.start(java)
	p.stable("one has left, one has come")
	p.kept("at the end")
}

// A hundred members: all at once, thirty leave, thirty come, the coordinator is killed.
func TestHundredMembers(t *testing.T) {
	p := newParty(t, 3, 200)
	ms := newCrowd(p)
	ms.join(100)
	ms.stable("a hundred")
	ms.leave(30)
	ms.stable("seventy")
	ms.join(30)
	ms.stable("a hundred again")
	p.failOver(func() { ms.stable("without the coordinator") })
	ms.stable("with the coordinator again")
	ms.leave(100)
	p.kept("empty")
}
