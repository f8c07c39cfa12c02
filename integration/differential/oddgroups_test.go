//go:build interop

package differential

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// protocols gives a join other protocols: pairs of name and metadata.
func protocols(req *kmsg.JoinGroupRequest, pairs ...[2]string) *kmsg.JoinGroupRequest {
	req.Protocols = nil
	for _, p := range pairs {
		req.Protocols = append(req.Protocols, kmsg.JoinGroupRequestProtocol{Name: p[0], Metadata: []byte(p[1])})
	}
	return req
}

func offsetDelete(group string, topics ...kmsg.OffsetDeleteRequestTopic) *kmsg.OffsetDeleteRequest {
	return &kmsg.OffsetDeleteRequest{Group: group, Topics: topics}
}

// offsetsOf names offsets of a topic. The scenarios name one partition of each: 2.5.0 answers a topic
// once for each of its partitions (docs/differences.md).
func offsetsOf(topic string, partitions ...int32) (t kmsg.OffsetDeleteRequestTopic) {
	t.Topic = topic
	for _, p := range partitions {
		t.Partitions = append(t.Partitions, kmsg.OffsetDeleteRequestTopicPartition{Partition: p})
	}
	return t
}

// everyState asks all that can be asked of a group, whatever its state, and changes nothing.
func (s *session) everyState(label, g, member string, generation int32) {
	versions(0, 5, func(v int16) {
		s.ask(label, v, &kmsg.DescribeGroupsRequest{Groups: []string{g}, IncludeAuthorizedOperations: v == 4})
	})
	versions(0, 3, func(v int16) {
		resp := s.quiet(v, &kmsg.ListGroupsRequest{}).(*kmsg.ListGroupsResponse)
		kept := resp.Groups[:0]
		for _, l := range resp.Groups {
			if l.Group == g {
				kept = append(kept, l)
			}
		}
		resp.Groups = kept
		s.note(fmt.Sprintf("%s: listed v%d", label, v), s.dump(resp))
	})
	s.ask(label, 7, &kmsg.OffsetFetchRequest{Group: g, RequireStable: true})
	for _, gen := range []int32{generation, generation + 1, generation - 1, -1, 0} {
		for _, m := range []string{member, "nobody", ""} {
			s.ask(fmt.Sprintf("%s: beat %d %q", label, gen-generation, s.names.Replace(m)), 4, beat(g, m, gen, nil))
			s.ask(fmt.Sprintf("%s: beat %d %q instance", label, gen-generation, s.names.Replace(m)), 4, beat(g, m, gen, str("unheard")))
			if m != member {
				s.ask(fmt.Sprintf("%s: sync %d %q", label, gen-generation, m), 5, syncReq(g, m, gen, m, "x"))
			}
		}
	}
	s.ask(label+": leave of nobody", 4, leave(g, "nobody", nil))
	s.ask(label+": leave of an unheard instance", 4, leave(g, "", str("unheard")))
}

func oddGroupCases(s *session) {
	s.coordinator()
	s.create("g-one", 4)
	s.create("g-two", 2)
	versions(0, 7, func(v int16) {
		g := func(n string) string { return fmt.Sprintf("odd-%d-%s", v, n) }
		try := func(name string, f func(r *kmsg.JoinGroupRequest)) {
			r := join(g(name), "", nil)
			f(r)
			id, gen := s.joined(name, name, v, r)
			s.look(name+" joined", g(name))
			if gen <= 0 {
				return
			}
			r2 := syncReq(g(name), id, gen, id, "mine", id, "mine again")
			r2.Protocol, r2.ProtocolType = nil, nil
			s.with(name, func() { s.ask(name+" sync", min(v, 5), r2) })
			s.look(name+" synced", g(name))
			r.MemberID = id
			s.with(name, func() { s.ask(name+" join again", v, r) })
			s.look(name+" joined again", g(name))
			s.with(name, func() { s.ask(name+" leave", min(v, 4), leave(g(name), id, nil)) })
			s.look(name+" left", g(name))
		}
		try("nameless", func(r *kmsg.JoinGroupRequest) { protocols(r, [2]string{"", "a"}) })
		try("empty-metadata", func(r *kmsg.JoinGroupRequest) { protocols(r, [2]string{"range", ""}) })
		try("nonsense-metadata", func(r *kmsg.JoinGroupRequest) {
			protocols(r, [2]string{"range", "\x00\x01\x02"}, [2]string{"b", "\xff"})
		})
		try("other-type", func(r *kmsg.JoinGroupRequest) { r.ProtocolType = "connect" })
		try("odd-type", func(r *kmsg.JoinGroupRequest) { r.ProtocolType = "é x" })
		try("rebalance-0", func(r *kmsg.JoinGroupRequest) { r.RebalanceTimeoutMillis = 0 })
		try("rebalance-negative", func(r *kmsg.JoinGroupRequest) { r.RebalanceTimeoutMillis = -1 })
		try("shortest", func(r *kmsg.JoinGroupRequest) { r.SessionTimeoutMillis = 60000 })
		if v >= 5 {
			try("empty-instance", func(r *kmsg.JoinGroupRequest) { r.InstanceID = str("") })
			try("odd-instance", func(r *kmsg.JoinGroupRequest) { r.InstanceID = str("a b/é") })
		}
	})
	s.joinsInEveryState()
	s.leadersAndFollowers()
	s.staticReturns()
	s.offsetsInEveryState()
}

// joinsInEveryState takes a group through its states and asks everything in each.
func (s *session) joinsInEveryState() {
	g := "odd-states"
	s.everyState("before it is", g, "nobody", 0)
	a, gen := s.joined("a", "a", 3, join(g, "", nil))
	s.everyState("completing", g, a, gen)
	versions(0, 2, func(v int16) { s.ask("delete, completing", v, &kmsg.DeleteGroupsRequest{Groups: []string{g}}) })
	s.ask("delete offsets, completing", 0, offsetDelete(g, offsetsOf("g-one", 0)))
	s.with("a", func() { s.ask("sync", 5, syncReq(g, a, gen, a, "all")) })
	s.everyState("stable", g, a, gen)
	s.ask("commit", 8, commit(g, a, gen, "g-one", 0, 5, nil))
	s.ask("commit", 8, commit(g, a, gen, "g-two", 0, 5, nil))
	versions(0, 2, func(v int16) { s.ask("delete, stable", v, &kmsg.DeleteGroupsRequest{Groups: []string{g, g}}) })
	// The subscription is to g-one: offsets of other topics can go.
	s.ask("delete offsets, stable", 0, offsetDelete(g, offsetsOf("g-one", 0), offsetsOf("g-two", 0), offsetsOf("g-unknown", 0)))
	s.ask("offsets", 7, &kmsg.OffsetFetchRequest{Group: g})
	b := s.start("b", "join b", 3, join(g, "", nil))
	s.until(g, "PreparingRebalance")
	s.everyState("preparing", g, a, gen)
	versions(0, 2, func(v int16) { s.ask("delete, preparing", v, &kmsg.DeleteGroupsRequest{Groups: []string{g}}) })
	s.ask("commit, preparing", 8, commit(g, a, gen, "g-one", 1, 7, nil))
	s.ask("delete offsets, preparing", 0, offsetDelete(g, offsetsOf("g-one", 1)))
	s.ask("commit of the new one, preparing", 8, commit(g, "", -1, "g-one", 1, 8, nil))
	again := s.start("a", "join a", 3, join(g, a, nil))
	ra := again.wait()
	rb := b.wait()
	idB, gen := s.member(rb, "b")
	again.show(ra)
	b.show(rb)
	s.everyState("completing with two", g, a, gen)
	s.ask("commit, completing", 8, commit(g, a, gen, "g-one", 0, 9, nil))
	s.ask("commit of nobody, completing", 8, commit(g, "", -1, "g-one", 0, 9, nil))
	p := s.start("b", "sync b", 5, syncReq(g, idB, gen, idB, "from a follower"))
	s.with("a", func() { s.ask("sync a without b", 5, syncReq(g, a, gen, a, "all")) })
	p.show(p.wait())
	s.look("assigned", g)
	s.ask("two leave at once", 4, &kmsg.LeaveGroupRequest{Group: g, Members: []kmsg.LeaveGroupRequestMember{{MemberID: a}, {MemberID: idB}, {MemberID: a}, {MemberID: ""}}})
	s.everyState("empty", g, a, gen)
	s.ask("delete offsets, empty", 0, offsetDelete(g, offsetsOf("g-one", 0)))
	s.ask("offsets", 7, &kmsg.OffsetFetchRequest{Group: g})
	s.ask("delete, empty", 2, &kmsg.DeleteGroupsRequest{Groups: []string{g}})
	s.everyState("dead", g, a, gen)
	s.ask("delete, dead", 2, &kmsg.DeleteGroupsRequest{Groups: []string{g}})
	s.ask("delete offsets, dead", 0, offsetDelete(g, offsetsOf("g-one", 0)))
	s.ask("commit, dead", 8, commit(g, "", -1, "g-one", 0, 1, nil))
	s.look("risen", g)
	id, gen := s.joined("c", "c", 7, join(g, "", nil))
	s.ask("sync of who came after", 5, syncReq(g, id, gen, id, "z"))
	s.look("after", g)
	s.ask("leave with an unheard instance", 4, leave(g, id, str("unheard")))
	s.look("left", g)
}

// leadersAndFollowers has two members do what is the other's.
func (s *session) leadersAndFollowers() {
	g := "odd-two"
	a, gen := s.joined("a", "a", 3, join(g, "", nil))
	s.ask("sync", 5, syncReq(g, a, gen, a, "first"))
	join2 := s.start("b", "join b", 3, join(g, "", nil))
	s.until(g, "PreparingRebalance")
	join1 := s.start("a", "join a", 3, join(g, a, nil))
	r1, r2 := join1.wait(), join2.wait()
	b, gen := s.member(r2, "b")
	join1.show(r1)
	join2.show(r2)
	// Both join again before anybody has synced.
	s.with("b", func() { s.ask("follower joins again while completing", 3, join(g, b, nil)) })
	s.with("a", func() { s.ask("leader joins again while completing", 3, join(g, a, nil)) })
	s.with("b", func() { s.ask("follower joins again with other protocols", 3, join(g, b, nil, "unheard")) })
	changed := protocols(join(g, b, nil), [2]string{"range", "other metadata"}, [2]string{"other", ""})
	join2 = s.start("b", "follower joins changed", 3, changed)
	s.until(g, "PreparingRebalance")
	s.with("x", func() { s.ask("sync of the leader, preparing", 5, syncReq(g, a, gen, a, "late")) })
	join1 = s.start("a", "join a", 3, join(g, a, nil))
	r1, r2 = join1.wait(), join2.wait()
	_, gen = s.member(r1, "a")
	join1.show(r1)
	join2.show(r2)
	// Other protocol names and types in the sync.
	for _, p := range [][2]*string{{str("connect"), str("range")}, {str("consumer"), str("other")}, {str(""), nil}, {nil, str("")}} {
		r := syncReq(g, a, gen, a, "x")
		r.ProtocolType, r.Protocol = p[0], p[1]
		s.ask("sync with other protocols", 5, r)
	}
	sync2 := s.start("b", "sync b", 5, syncReq(g, b, gen))
	s.with("a", func() { s.ask("sync a with strangers", 5, syncReq(g, a, gen, "nobody", "x", b, "", "", "y")) })
	sync2.show(sync2.wait())
	s.look("assigned", g)
	s.with("a", func() {
		s.ask("leader syncs again with another assignment", 5, syncReq(g, a, gen, a, "other", b, "other"))
	})
	s.look("unchanged", g)
	// The leader leaves while the follower is stable, and the follower finds a round.
	s.ask("leader leaves", 4, leave(g, a, nil))
	s.until(g, "PreparingRebalance")
	s.ask("beat of who left", 4, beat(g, a, gen, nil))
	s.ask("sync of who left", 5, syncReq(g, a, gen))
	s.with("b", func() {
		p := s.start("b", "follower becomes leader", 7, join(g, b, nil))
		p.show(p.wait())
	})
	s.look("one left", g)
}

// staticReturns has static members come again in each state of their group.
func (s *session) staticReturns() {
	versions(5, 7, func(v int16) {
		g := fmt.Sprintf("odd-static-%d", v)
		i := str("i")
		a, gen := s.joined("a", "a", v, join(g, "", i))
		// Completing: the member is replaced at once, and the old one is fenced.
		b, gen2 := s.joined("b", "b", v, join(g, "", i))
		s.look("replaced while completing", g)
		s.ask("old beat", 4, beat(g, a, gen, i))
		withInstance := func(r *kmsg.SyncGroupRequest) *kmsg.SyncGroupRequest { r.InstanceID = i; return r }
		s.ask("old sync", 5, withInstance(syncReq(g, a, gen, a, "x")))
		s.ask("new sync", 5, withInstance(syncReq(g, b, gen2, b, "y")))
		s.look("synced", g)
		// Stable, with the same protocols: no round, the leader is told so. With others: a round.
		c, gen3 := s.joined("c", "c", v, join(g, "", i))
		s.look("replaced while stable", g)
		s.ask("sync of c", 5, withInstance(syncReq(g, c, gen3)))
		changed := protocols(join(g, "", i), [2]string{"range", "changed"})
		d, gen4 := s.joined("d", "d", v, changed)
		s.look("replaced with other metadata", g)
		s.ask("sync of d", 5, withInstance(syncReq(g, d, gen4, d, "for d")))
		s.ask("other protocols", v, join(g, "", i, "unheard"))
		s.look("after other protocols", g)
		s.ask("known id joins with its instance", v, join(g, d, i))
		s.ask("known id joins with another instance", v, join(g, d, str("j")))
		s.ask("known id joins without its instance", v, join(g, d, nil))
		s.look("after", g)
		// Leaving by instance, and coming back to an empty group.
		s.ask("leave by instance", 4, leave(g, "", i))
		s.look("empty", g)
		e, gen5 := s.joined("e", "e", v, join(g, "", i))
		s.ask("sync of e", 5, withInstance(syncReq(g, e, gen5, e, "for e")))
		s.look("back", g)
		c1 := commit(g, d, gen5, "g-one", 0, 3, nil)
		c1.InstanceID = i
		s.ask("commit of the old id", 8, c1)
		c1.MemberID = e
		s.ask("commit of the new id", 8, c1)
		c1.InstanceID = str("j")
		s.ask("commit of another instance", 8, c1)
	})
	// A static member that says nothing keeps its place until its session ends.
	r := join("odd-static-silent", "", str("i"))
	r.SessionTimeoutMillis = 200
	a, gen := s.joined("a", "a", 7, r)
	s.ask("sync", 5, syncReq("odd-static-silent", a, gen, a, "x"))
	s.until("odd-static-silent", "Empty")
	s.look("silent", "odd-static-silent")
	s.ask("beat", 4, beat("odd-static-silent", a, gen, str("i")))
}

// offsetsInEveryState deletes offsets and groups that consist of nothing else.
func (s *session) offsetsInEveryState() {
	g := "odd-offsets"
	for p := range int32(4) {
		s.ask("commit", 8, commit(g, "", -1, "g-one", p, int64(p), str("m")))
	}
	s.everyState("only offsets", g, "nobody", 0)
	s.ask("delete none", 0, offsetDelete(g))
	s.ask("delete one", 0, offsetDelete(g, offsetsOf("g-one", 0)))
	s.ask("delete with unknown", 0, offsetDelete(g, offsetsOf("g-one", 1), offsetsOf("", 0), offsetsOf("a/b", 0)))
	s.ask("offsets", 7, &kmsg.OffsetFetchRequest{Group: g})
	for p := int32(2); p < 4; p++ {
		s.ask("delete the rest", 0, offsetDelete(g, offsetsOf("g-one", p)))
	}
	s.ask("offsets", 7, &kmsg.OffsetFetchRequest{Group: g})
	s.everyState("no offsets", g, "nobody", 0)
	s.ask("delete once more", 0, offsetDelete(g, offsetsOf("g-one", 2)))
	s.ask("delete group", 2, &kmsg.DeleteGroupsRequest{Groups: []string{g}})
	// A topic that goes takes its offsets along.
	s.create("g-going", 2)
	s.ask("commit", 8, commit(g, "", -1, "g-going", 0, 1, nil))
	s.ask("commit", 8, commit(g, "", -1, "g-one", 0, 1, nil))
	s.quiet(4, &kmsg.DeleteTopicsRequest{TimeoutMillis: 30000, TopicNames: []string{"g-going"}})
	for range 500 {
		r := s.quiet(7, &kmsg.OffsetFetchRequest{Group: g}).(*kmsg.OffsetFetchResponse)
		if len(r.Topics) == 1 {
			break
		}
		pause()
	}
	s.ask("after the topic went", 7, &kmsg.OffsetFetchRequest{Group: g})
	s.ask("delete its offsets", 0, offsetDelete(g, offsetsOf("g-going", 0)))
	s.ask("delete group", 2, &kmsg.DeleteGroupsRequest{Groups: []string{g, "odd-none", g}})
}
