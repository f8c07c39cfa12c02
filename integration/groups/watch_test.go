package groups

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// history plays what members ask and are told.
type history struct{ w *watch }

func (h *history) join(generation int32, leader string, members ...string) {
	for _, m := range members {
		resp := kmsg.NewPtrJoinGroupResponse()
		resp.Generation, resp.LeaderID, resp.MemberID = generation, leader, m
		if m == leader {
			for _, o := range members {
				resp.Members = append(resp.Members, kmsg.JoinGroupResponseMember{MemberID: o})
			}
		}
		h.w.joined(kmsg.NewPtrJoinGroupRequest(), resp)
	}
}

func (h *history) rejoin(m string, keeps ...int32) {
	req := kmsg.NewPtrJoinGroupRequest()
	req.MemberID = m
	owned := kmsg.ConsumerMemberMetadata{Version: 1, Topics: []string{"t"}}
	owned.OwnedPartitions = append(owned.OwnedPartitions, kmsg.ConsumerMemberMetadataOwnedPartition{Topic: "t", Partitions: keeps})
	req.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "cooperative-sticky", Metadata: owned.AppendTo(nil)}}
	h.w.giveUp(h.w.members[m], stillOwned(req))
}

func (h *history) sync(generation int32, m string, partitions ...int32) {
	req := kmsg.NewPtrSyncGroupRequest()
	req.Generation, req.MemberID = generation, m
	a := kmsg.ConsumerMemberAssignment{Topics: []kmsg.ConsumerMemberAssignmentTopic{{Topic: "t", Partitions: partitions}}}
	resp := kmsg.NewPtrSyncGroupResponse()
	resp.MemberAssignment = a.AppendTo(nil)
	h.w.synced(req, resp)
}

func (h *history) commit(generation int32, m string, offset int64) {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Generation, req.MemberID = generation, m
	req.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "t", Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Offset: offset}}}}
	resp := kmsg.NewPtrOffsetCommitResponse()
	resp.Topics = []kmsg.OffsetCommitResponseTopic{{Topic: "t", Partitions: []kmsg.OffsetCommitResponseTopicPartition{{}}}}
	h.w.committed(req, resp, h.w.settled)
}

func (h *history) fetch(offset int64) {
	acked := map[partition]committed{}
	for tp, c := range h.w.acked {
		acked[tp] = c
	}
	resp := kmsg.NewPtrOffsetFetchResponse()
	resp.Topics = []kmsg.OffsetFetchResponseTopic{{Topic: "t", Partitions: []kmsg.OffsetFetchResponseTopicPartition{{Offset: offset}}}}
	h.w.fetched(acked, resp)
}

// alone is a generation with one member, who gets all partitions.
func (h *history) alone(generation int32, member string, partitions ...int32) {
	h.join(generation, member, member)
	h.sync(generation, member, partitions...)
}

// The checker finds what must not be, and nothing else.
func TestWatchFindsViolations(t *testing.T) {
	for _, c := range []struct {
		name string
		play func(h *history)
		want string // part of the only violation; "" none
	}{
		{"two members share", func(h *history) {
			h.join(1, "a", "b", "a")
			h.sync(1, "a", 0, 1)
			h.sync(1, "b", 2)
			h.commit(1, "a", 5)
			h.fetch(5)
			h.fetch(6)
		}, ""},
		{"one partition for two in a generation", func(h *history) {
			h.join(1, "a", "b", "a")
			h.sync(1, "a", 0, 1)
			h.rejoin("a")
			h.sync(1, "b", 1)
		}, "belongs to a and to b"},
		{"given away before it was given up", func(h *history) {
			h.alone(1, "a", 0, 1)
			h.join(2, "a", "b", "a")
			h.sync(2, "b", 1)
		}, "given to b in generation 2, while a has it"},
		{"given up first", func(h *history) {
			h.alone(1, "a", 0, 1)
			h.rejoin("a")
			h.join(2, "a", "b", "a")
			h.sync(2, "b", 1)
			h.sync(2, "a", 0)
		}, ""},
		{"kept while it was given away", func(h *history) {
			h.alone(1, "a", 0, 1)
			h.rejoin("a", 0, 1)
			h.join(2, "a", "b", "a")
			h.sync(2, "b", 1)
		}, "while a has it"},
		{"kept by one, the other given up", func(h *history) {
			h.alone(1, "a", 0, 1)
			h.rejoin("a", 0)
			h.join(2, "a", "b", "a")
			h.sync(2, "b", 1)
			h.sync(2, "a", 0)
		}, ""},
		{"taken over from who was removed", func(h *history) {
			h.alone(1, "a", 0)
			h.alone(2, "b", 0)
		}, ""},
		{"late commit", func(h *history) {
			h.alone(1, "a", 0)
			h.alone(2, "b", 0)
			h.commit(1, "a", 5)
		}, "for generation 1 was accepted after generation 2"},
		{"lost commit", func(h *history) {
			h.alone(1, "a", 0)
			h.commit(1, "a", 5)
			h.fetch(4)
		}, "committed offset 4, after 5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &history{newWatch("g")}
			c.play(h)
			got := h.w.snapshot().violations
			switch {
			case c.want == "" && len(got) > 0, c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)):
				t.Errorf("violations %q, want %q", got, c.want)
			}
		})
	}
}
