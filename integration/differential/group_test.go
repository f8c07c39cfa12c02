//go:build interop

package differential

import (
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// coordinator waits until groups work.
func (s *session) coordinator() {
	for range 500 {
		r := s.quiet(1, &kmsg.FindCoordinatorRequest{CoordinatorKey: "any"}).(*kmsg.FindCoordinatorResponse)
		if r.ErrorCode == 0 && s.quiet(0, &kmsg.ListGroupsRequest{}).(*kmsg.ListGroupsResponse).ErrorCode == 0 {
			if s.quiet(5, &kmsg.OffsetFetchRequest{Group: "any"}).(*kmsg.OffsetFetchResponse).ErrorCode == 0 {
				return
			}
		}
		pause()
	}
	s.fail("no coordinator")
}

// join is a request to join with protocols "range" and "other" unless others are given.
func join(group, member string, instance *string, protocols ...string) *kmsg.JoinGroupRequest {
	if len(protocols) == 0 {
		protocols = []string{"range", "other"}
	}
	req := kmsg.NewPtrJoinGroupRequest()
	req.Group, req.MemberID, req.InstanceID, req.ProtocolType = group, member, instance, "consumer"
	req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = 60000, 60000
	for _, p := range protocols {
		m := kmsg.ConsumerMemberMetadata{Topics: []string{"g-one"}}
		req.Protocols = append(req.Protocols, kmsg.JoinGroupRequestProtocol{Name: p, Metadata: m.AppendTo(nil)})
	}
	return req
}

// member gives a member id a name for the transcript and returns it.
func (s *session) member(resp kmsg.Response, name string) (id string, generation int32) {
	r := resp.(*kmsg.JoinGroupResponse)
	s.call(r.MemberID, "<"+name+">")
	return r.MemberID, r.Generation
}

// joined joins with one member and shows the answer: what a client of the version does.
func (s *session) joined(on, name string, v int16, req *kmsg.JoinGroupRequest) (id string, generation int32) {
	p := s.start(on, "join "+name, v, req)
	r := p.wait()
	s.member(r, name)
	p.show(r)
	if r.(*kmsg.JoinGroupResponse).ErrorCode == 79 {
		req.MemberID = r.(*kmsg.JoinGroupResponse).MemberID
		p = s.start(on, "join "+name+" again", v, req)
		r = p.wait()
		s.member(r, name)
		p.show(r)
	}
	return s.member(r, name)
}

func syncReq(group, member string, generation int32, assign ...string) *kmsg.SyncGroupRequest {
	req := kmsg.NewPtrSyncGroupRequest()
	req.Group, req.MemberID, req.Generation = group, member, generation
	req.ProtocolType, req.Protocol = str("consumer"), str("range")
	for i := 0; i < len(assign); i += 2 {
		req.GroupAssignment = append(req.GroupAssignment, kmsg.SyncGroupRequestGroupAssignment{MemberID: assign[i], MemberAssignment: []byte(assign[i+1])})
	}
	return req
}

func beat(group, member string, generation int32, instance *string) *kmsg.HeartbeatRequest {
	return &kmsg.HeartbeatRequest{Group: group, MemberID: member, Generation: generation, InstanceID: instance}
}

func commit(group, member string, generation int32, topic string, partition int32, offset int64, meta *string) *kmsg.OffsetCommitRequest {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.MemberID, req.Generation = group, member, generation
	req.RetentionTimeMillis = -1
	p := kmsg.NewOffsetCommitRequestTopicPartition()
	p.Partition, p.Offset, p.Metadata, p.Timestamp, p.LeaderEpoch = partition, offset, meta, -1, -1
	req.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: topic, Partitions: []kmsg.OffsetCommitRequestTopicPartition{p}}}
	return req
}

func leave(group, member string, instance *string) *kmsg.LeaveGroupRequest {
	return &kmsg.LeaveGroupRequest{Group: group, MemberID: member, Members: []kmsg.LeaveGroupRequestMember{{MemberID: member, InstanceID: instance}}}
}

// look describes a group in all versions.
func (s *session) look(label, group string) {
	s.ask(label, 5, &kmsg.DescribeGroupsRequest{Groups: []string{group}, IncludeAuthorizedOperations: true})
}

func joinCases(s *session) {
	s.coordinator()
	s.create("g-one", 4)
	versions(0, 7, func(v int16) {
		g := fmt.Sprintf("join-%d", v)
		bad := func(label string, f func(r *kmsg.JoinGroupRequest)) {
			r := join(g+"-bad", "", nil)
			f(r)
			s.ask(label, v, r)
		}
		bad("empty group", func(r *kmsg.JoinGroupRequest) { r.Group = "" })
		bad("short session", func(r *kmsg.JoinGroupRequest) { r.SessionTimeoutMillis = 99 })
		bad("long session", func(r *kmsg.JoinGroupRequest) { r.SessionTimeoutMillis = 60001 })
		bad("unknown member", func(r *kmsg.JoinGroupRequest) { r.MemberID = "nobody" })
		bad("no protocol type", func(r *kmsg.JoinGroupRequest) { r.ProtocolType = "" })
		bad("no protocols", func(r *kmsg.JoinGroupRequest) { r.Protocols = nil })
		if v >= 5 {
			bad("unknown member with instance", func(r *kmsg.JoinGroupRequest) { r.MemberID, r.InstanceID = "nobody", str("i") })
		}
		s.look("after errors", g+"-bad")

		// A group of one.
		a, gen := s.joined("a", "a", v, join(g, "", nil))
		s.look("completing", g)
		sv := min(v, 5)
		hv := min(v, 4)
		s.ask("beat while completing", hv, beat(g, a, gen, nil))
		s.ask("commit while completing", 8, commit(g, a, gen, "g-one", 0, 5, nil))
		s.with("a", func() { s.ask("sync", sv, syncReq(g, a, gen, a, "assigned to a")) })
		s.look("stable", g)
		s.ask("sync again", sv, syncReq(g, a, gen))
		for _, bad := range []struct {
			label, group, member string
			gen                  int32
		}{{"empty group", "", a, gen}, {"unknown group", "g-unknown", a, gen}, {"unknown member", g, "nobody", gen}, {"empty member", g, "", gen},
			{"old generation", g, a, gen - 1}, {"new generation", g, a, gen + 1}, {"generation -1", g, a, -1}} {
			s.ask("sync "+bad.label, sv, syncReq(bad.group, bad.member, bad.gen))
			s.ask("beat "+bad.label, hv, beat(bad.group, bad.member, bad.gen, nil))
			s.ask("commit "+bad.label, v, commit(bad.group, bad.member, bad.gen, "g-one", 0, 3, nil))
			s.ask("leave "+bad.label, min(v, 4), leave(bad.group, "x"+bad.member, nil))
		}
		if sv >= 5 {
			for _, p := range [][2]*string{{nil, nil}, {str("consumer"), nil}, {nil, str("range")}, {str("x"), str("range")}, {str("consumer"), str("x")}, {str(""), str("")}} {
				r := syncReq(g, a, gen)
				r.ProtocolType, r.Protocol = p[0], p[1]
				s.ask("sync protocols", sv, r)
			}
		}
		s.ask("beat", hv, beat(g, a, gen, nil))
		s.ask("commit", v, commit(g, a, gen, "g-one", 0, 3, nil))
		s.ask("join, other type", v, func() *kmsg.JoinGroupRequest { r := join(g, "", nil); r.ProtocolType = "connect"; return r }())
		s.ask("join, other protocol", v, join(g, "", nil, "unheard"))
		s.ask("join, unknown member", v, join(g, "nobody", nil))

		// A second member comes: the first must join again.
		rb := join(g, "", nil)
		first := s.start("b", "join b", v, rb)
		if v >= 4 {
			r := first.wait()
			s.member(r, "b")
			first.show(r)
			rb.MemberID = r.(*kmsg.JoinGroupResponse).MemberID
			first = s.start("b", "join b with its id", v, rb)
		}
		s.until(g, "PreparingRebalance")
		s.look("preparing", g)
		s.ask("beat while preparing", hv, beat(g, a, gen, nil))
		s.ask("sync while preparing", sv, syncReq(g, a, gen))
		s.ask("commit while preparing", v, commit(g, a, gen, "g-one", 1, 4, str("meta")))
		second := s.start("a", "join a again", v, join(g, a, nil))
		ra := second.wait()
		rbResp := first.wait()
		b, _ := s.member(rbResp, "b")
		second.show(ra)
		first.show(rbResp)
		_, gen = s.member(ra, "a")
		s.look("completing again", g)
		ps := s.start("b", "sync b", sv, syncReq(g, b, gen))
		s.with("a", func() { s.ask("sync a", sv, syncReq(g, a, gen, a, "one", b, "two", "nobody", "three")) })
		ps.show(ps.wait())
		s.look("stable again", g)
		versions(0, 5, func(dv int16) {
			s.ask("", dv, &kmsg.DescribeGroupsRequest{Groups: []string{g, "g-unknown", "", g}, IncludeAuthorizedOperations: dv == 3})
		})
		versions(0, 3, func(lv int16) { s.ask("", lv, &kmsg.ListGroupsRequest{}) })
		// A follower that joins again unchanged is answered at once; a changed one starts a round.
		s.with("b", func() { s.ask("join b unchanged", v, join(g, b, nil)) })
		versions(0, 2, func(dv int16) { s.ask("while not empty", dv, &kmsg.DeleteGroupsRequest{Groups: []string{g}}) })
		s.ask("while consuming", 0, &kmsg.OffsetDeleteRequest{Group: g, Topics: []kmsg.OffsetDeleteRequestTopic{{Topic: "g-one", Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: 0}}}}})
		s.with("b", func() { s.ask("b leaves", min(v, 4), leave(g, b, nil)) })
		s.until(g, "PreparingRebalance")
		s.ask("beat after b left", hv, beat(g, a, gen, nil))
		third := s.start("a", "join a alone", v, join(g, a, nil))
		r3 := third.wait()
		third.show(r3)
		_, gen = s.member(r3, "a")
		s.with("a", func() { s.ask("sync a alone", sv, syncReq(g, a, gen)) })
		s.with("a", func() { s.ask("a leaves", min(v, 4), leave(g, a, nil)) })
		s.look("empty", g)
		s.ask("a leaves again", min(v, 4), leave(g, a, nil))
		s.ask("beat when empty", hv, beat(g, a, gen, nil))
		s.ask("sync when empty", sv, syncReq(g, a, gen))
		s.ask("commit when empty, -1", v, commit(g, "", -1, "g-one", 2, 9, nil))
		s.ask("commit when empty", v, commit(g, a, gen, "g-one", 2, 9, nil))
		s.ask("offsets", 7, &kmsg.OffsetFetchRequest{Group: g})
	})
}

// until waits for a state of a group.
func (s *session) until(group, state string) {
	is := ""
	for range 500 {
		if is = s.quiet(5, &kmsg.DescribeGroupsRequest{Groups: []string{group}}).(*kmsg.DescribeGroupsResponse).Groups[0].State; is == state {
			return
		}
		pause()
	}
	s.fail("group %s is %s, not %s", group, is, state)
}

func memberCases(s *session) {
	s.coordinator()
	s.create("g-one", 4)
	// A member id that was handed out and not used holds up nobody's leaving; expiry by session
	// timeout.
	r := join("m-expire", "", nil)
	r.SessionTimeoutMillis = 300
	a, gen := s.joined("a", "a", 4, r)
	s.with("a", func() { s.ask("sync", 3, syncReq("m-expire", a, gen, a, "x")) })
	s.until("m-expire", "Empty")
	s.look("expired", "m-expire")
	s.ask("beat after expiry", 3, beat("m-expire", a, gen, nil))
	// Group size: 4 members at most.
	var waiting []*pending
	for i := range 4 {
		waiting = append(waiting, s.start(fmt.Sprint("size", i), fmt.Sprint("member ", i), 3, join("m-size", "", nil)))
		if i == 0 {
			resp := waiting[0].wait()
			id, gen := s.member(resp, "first")
			s.ask("sync", 3, syncReq("m-size", id, gen))
		} else {
			for range 200 {
				d := s.quiet(0, &kmsg.DescribeGroupsRequest{Groups: []string{"m-size"}}).(*kmsg.DescribeGroupsResponse)
				if len(d.Groups[0].Members) == i+1 {
					break
				}
				pause()
			}
		}
	}
	versions(0, 7, func(v int16) { s.ask("one too many", v, join("m-size", "", nil)) })
	// The choice of protocol.
	p := s.start("p1", "first", 3, join("m-vote", "", nil, "x", "y", "z"))
	r1 := p.wait()
	m1, gen := s.member(r1, "p1")
	p.show(r1)
	s.ask("sync", 3, syncReq("m-vote", m1, gen))
	q := s.start("p2", "second", 3, join("m-vote", "", nil, "z", "y"))
	s.until("m-vote", "PreparingRebalance")
	p = s.start("p1", "first again", 3, join("m-vote", m1, nil, "y", "z"))
	r2, r1 := q.wait(), p.wait()
	s.member(r2, "p2")
	s.note("voted", fmt.Sprint(strings.Contains("yz", *r1.(*kmsg.JoinGroupResponse).Protocol)))
	// A follower's sync waits; a new join interrupts it.
	m2, gen := s.member(r2, "p2")
	q = s.start("p2", "sync of a follower", 5, syncReq("m-vote", m2, gen))
	q.req.(*kmsg.SyncGroupRequest).Protocol = nil
	s.note("sync without protocol", s.dump(q.wait()))
	q = s.start("p2", "sync of a follower", 3, syncReq("m-vote", m2, gen))
	s.with("p3", func() { s.ask("no common protocol", 3, join("m-vote", "", nil, "q")) })
	x := s.start("p3", "third", 3, join("m-vote", "", nil, "y", "z"))
	q.show(q.wait())
	p = s.start("p1", "first leaves", 3, leave("m-vote", m1, nil))
	p.show(p.wait())
	q = s.start("p2", "second again", 3, join("m-vote", m2, nil, "y", "z"))
	rx := x.wait()
	s.member(rx, "p3")
	q.wait()
	s.look("after", "m-vote")
	// A client id in a member id, and none.
	for n, id := range []*string{nil, str(""), str("my client"), str("é")} {
		s.with("client", func() {
			s.drop()
			s.clientID(id)
			r := s.quiet(4, join("m-client", "", nil)).(*kmsg.JoinGroupResponse)
			s.note("member id", fmt.Sprintf("%q %d", r.MemberID[:len(r.MemberID)-36], r.ErrorCode))
			s.clientID(str("x"))
			s.ask("leave pending", 3, leave("m-client", r.MemberID, nil))
			if id == nil {
				return // Kafka cannot store such a member
			}
			s.clientID(id)
			g := "m-client-" + fmt.Sprint(n)
			m, gen := s.member(s.quiet(3, join(g, "", nil)), "m")
			s.look("joined", g)
			s.ask("sync", 3, syncReq(g, m, gen, m, "x"))
			s.look("synced", g)
			s.quiet(2, leave(g, m, nil))
		})
	}
	s.clientID(str("differential"))
	s.look("after", "m-client")
}

func staticCases(s *session) {
	s.coordinator()
	s.create("g-one", 4)
	versions(5, 7, func(v int16) {
		g := fmt.Sprintf("static-%d", v)
		i, j := str("instance-1"), str("instance-2")
		a, gen := s.joined("a", "a", v, join(g, "", i))
		s.with("a", func() { s.ask("sync", 5, syncReq(g, a, gen, a, "for 1")) })
		s.look("stable", g)
		b, gen2 := s.joined("b", "b", v, join(g, "", i))
		r := syncReq(g, b, gen2)
		r.InstanceID = i
		s.ask("sync of the new one", 5, r)
		s.look("replaced", g)
		for _, inst := range []*string{i, j, nil} {
			name := "none"
			if inst != nil {
				name = *inst
			}
			for m, id := range map[string]string{"old": a} {
				s.ask(m+" beat "+name, 4, beat(g, id, gen, inst))
				r := syncReq(g, id, gen)
				r.InstanceID = inst
				s.ask(m+" sync "+name, 5, r)
				c := commit(g, id, gen, "g-one", 0, 1, nil)
				c.InstanceID = inst
				s.ask(m+" commit "+name, 8, c)
				s.ask(m+" leave "+name, 4, leave(g, id, inst))
				s.ask(m+" join "+name, v, join(g, id, inst))
			}
		}
		s.ask("beat", 4, beat(g, b, gen2, i))
		s.ask("beat without instance", 4, beat(g, b, gen2, nil))
		s.ask("beat, other instance", 4, beat(g, b, gen2, j))
		c := commit(g, b, gen2, "g-one", 0, 1, nil)
		c.InstanceID = i
		s.ask("commit", 8, c)
		s.look("still", g)
		// Two at once, and batches of leaves.
		q := s.start("c", "second instance", v, join(g, "", j))
		s.until(g, "PreparingRebalance")
		p := s.start("b", "first instance", v, join(g, b, i))
		rq, rp := q.wait(), p.wait()
		m2, _ := s.member(rq, "c")
		p.show(rp)
		q.show(rq)
		s.ask("batch", 4, &kmsg.LeaveGroupRequest{Group: g, Members: []kmsg.LeaveGroupRequestMember{{MemberID: "nobody"}, {InstanceID: str("unknown")}, {MemberID: a, InstanceID: i}, {InstanceID: i}, {MemberID: m2, InstanceID: j}, {MemberID: m2, InstanceID: j}}})
		s.look("gone", g)
		s.ask("none", 4, &kmsg.LeaveGroupRequest{Group: g})
		s.ask("batch v3", 3, &kmsg.LeaveGroupRequest{Group: "unknown", Members: []kmsg.LeaveGroupRequestMember{{MemberID: "a"}, {InstanceID: i}}})
	})
}

func commitCases(s *session) {
	s.coordinator()
	s.create("g-one", 4)
	long := strings.Repeat("m", 4096)
	versions(0, 8, func(v int16) {
		g := fmt.Sprintf("commit-%d", v)
		do := func(label string, c *kmsg.OffsetCommitRequest) { s.ask(label, v, c) }
		do("simple", commit(g, "", -1, "g-one", 0, 5, str("meta")))
		do("null metadata", commit(g, "", -1, "g-one", 1, 6, nil))
		do("empty metadata", commit(g, "", -1, "g-one", 2, 7, str("")))
		do("largest metadata", commit(g, "", -1, "g-one", 3, 8, &long))
		do("too much metadata", commit(g, "", -1, "g-one", 3, 9, str(long+"x")))
		do("characters", commit(g, "", -1, "g-one", 3, 9, str(strings.Repeat("é", 4096))))
		do("surrogates", commit(g, "", -1, "g-one", 3, 9, str(strings.Repeat("😀", 2049))))
		do("unknown topic", commit(g, "", -1, "g-unknown", 0, 5, nil))
		do("unknown partition", commit(g, "", -1, "g-one", 9, 5, nil))
		do("bad name", commit(g, "", -1, "a/b", 0, 5, nil))
		do("negative offset", commit(g, "", -1, "g-one", 0, -5, nil))
		do("offset -1", commit(g, "", -1, "g-one", 1, -1, nil))
		do("generation of an unknown group", commit(g+"x", "", 3, "g-one", 0, 5, nil))
		do("member of an unknown group", commit(g+"x", "me", -1, "g-one", 0, 5, nil))
		do("empty group", commit("", "", -1, "g-one", 0, 5, nil))
		c := commit(g, "", -1, "g-one", 0, 55, nil)
		c.Topics = append(c.Topics, commit(g, "", -1, "g-unknown", 0, 5, nil).Topics...)
		do("one known", c)
		c = commit(g, "", -1, "g-one", 1, 1, nil)
		c.Topics[0].Partitions = append(c.Topics[0].Partitions, c.Topics[0].Partitions[0])
		c.Topics[0].Partitions[1].Offset = 2
		do("twice", c)
		c = commit(g, "", -1, "g-one", 0, 56, nil)
		c.Topics[0].Partitions[0].LeaderEpoch = 7
		c.Topics[0].Partitions[0].Timestamp = then
		c.RetentionTimeMillis = retention
		do("epoch, timestamp, retention", c)
		c = commit(g, "", -1, "g-one", 0, 56, nil)
		c.Topics = nil
		do("nothing", c)
		if v >= 7 {
			c = commit(g, "", -1, "g-one", 0, 57, nil)
			c.InstanceID = str("nobody")
			do("instance", c)
		}
		versions(0, 7, func(fv int16) {
			get := func(label string, group string, topics []kmsg.OffsetFetchRequestTopic) {
				s.ask(label, fv, &kmsg.OffsetFetchRequest{Group: group, Topics: topics, RequireStable: fv == 7})
			}
			get("four", g, []kmsg.OffsetFetchRequestTopic{{Topic: "g-one", Partitions: []int32{0, 1, 2, 3}}})
			get("unknown", g, []kmsg.OffsetFetchRequestTopic{{Topic: "g-one", Partitions: []int32{7}}, {Topic: "g-unknown", Partitions: []int32{0}}, {Topic: "a/b", Partitions: []int32{0}}})
			get("unknown group", "g-unknown", []kmsg.OffsetFetchRequestTopic{{Topic: "g-one", Partitions: []int32{0}}})
			get("empty group", "", []kmsg.OffsetFetchRequestTopic{{Topic: "g-one", Partitions: []int32{0}}})
			get("no topics", g, []kmsg.OffsetFetchRequestTopic{})
			get("no partitions", g, []kmsg.OffsetFetchRequestTopic{{Topic: "g-one", Partitions: []int32{}}})
			get("twice", g, []kmsg.OffsetFetchRequestTopic{{Topic: "g-one", Partitions: []int32{0, 0}}, {Topic: "g-one", Partitions: []int32{1}}})
			if fv >= 2 {
				get("all", g, nil)
				get("all of unknown group", "g-unknown", nil)
			}
		})
	})
}

func groupCases(s *session) {
	s.coordinator()
	s.create("g-one", 4)
	versions(0, 2, func(v int16) {
		g := fmt.Sprintf("d-%d", v)
		s.ask("make", 8, commit(g, "", -1, "g-one", 0, 5, nil))
		s.look("offsets only", g)
		s.ask("delete", v, &kmsg.DeleteGroupsRequest{Groups: []string{g, "g-unknown", "", g}})
		s.look("deleted", g)
		s.ask("after", 7, &kmsg.OffsetFetchRequest{Group: g})
		s.ask("delete again", v, &kmsg.DeleteGroupsRequest{Groups: []string{g}})
	})
	odelete := func(label, group, topic string, partitions ...int32) {
		req := &kmsg.OffsetDeleteRequest{Group: group, Topics: []kmsg.OffsetDeleteRequestTopic{{Topic: topic}}}
		for _, p := range partitions {
			req.Topics[0].Partitions = append(req.Topics[0].Partitions, kmsg.OffsetDeleteRequestTopicPartition{Partition: p})
		}
		s.ask(label, 0, req)
	}
	s.ask("make", 8, commit("od", "", -1, "g-one", 0, 5, nil))
	s.ask("make", 8, commit("od", "", -1, "g-one", 1, 5, nil))
	odelete("one", "od", "g-one", 0)
	s.ask("after", 7, &kmsg.OffsetFetchRequest{Group: "od"})
	odelete("again", "od", "g-one", 0)
	odelete("unknown partition", "od", "g-one", 9)
	odelete("unknown topic", "od", "g-unknown", 0)
	odelete("unknown group", "g-unknown", "g-one", 0)
	odelete("empty group", "", "g-one", 0)
	odelete("no partitions", "od", "g-one")
	// A group of another protocol type.
	r := join("od-connect", "", nil)
	r.ProtocolType = "connect"
	a, gen := s.joined("a", "a", 3, r)
	s.ask("sync", 3, syncReq("od-connect", a, gen, a, "x"))
	odelete("not a consumer", "od-connect", "g-one", 0)
	s.ask("describe", 5, &kmsg.DescribeGroupsRequest{Groups: []string{"od-connect"}})
	s.ask("commit", 7, commit("od-connect", a, gen, "g-one", 0, 5, nil))
	// Group ids of all kinds.
	for _, g := range []string{"é", "a b", "a/b", strings.Repeat("x", 300)} {
		s.ask("odd group", 8, commit(g, "", -1, "g-one", 0, 5, nil))
		s.look("odd group", g)
	}
}
