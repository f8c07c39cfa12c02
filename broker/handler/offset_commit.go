package handler

import (
	"context"
	"fmt"
	"unicode/utf16"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/coordinator/acl"
	"momus/coordinator/group"
	"momus/internal/kerr"
	"momus/internal/model"
)

// offsetCommit answers OffsetCommit, v0-v8, when the offsets are durable. v0 stores them in
// ZooKeeper; v1 has a timestamp per partition; v2-v4 a retention time; v6 added leader epochs, v7
// instance ids (KIP-345). Rights: Group:Read, and Topic:Read per partition
// (TOPIC_AUTHORIZATION_FAILED there); partitions that do not exist get UNKNOWN_TOPIC_OR_PARTITION;
// the others are committed.
func offsetCommit(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.OffsetCommitRequest)
	resp := kmsg.NewPtrOffsetCommitResponse()
	resp.Topics = make([]kmsg.OffsetCommitResponseTopic, 0, len(req.Topics))
	c := &group.CommitRequest{
		Group: req.Group, Generation: req.Generation, MemberID: req.MemberID, InstanceID: req.InstanceID,
		ProducerID: -1, ProducerEpoch: -1,
	}
	var refused *kerr.Error
	switch {
	case !e.allowed(r, acl.Read, acl.Group, req.Group):
		refused = kerr.GroupAuthorizationFailed
	case e.staticRefused(req.InstanceID):
		refused = kerr.UnsupportedVersion
	}
	var readable rights
	if refused == nil {
		readable = e.rightsTo(r, acl.Read, acl.Topic, loudly, each(req.Topics, func(t *kmsg.OffsetCommitRequestTopic) (string, int) { return t.Topic, 1 }))
	}
	nowMs := r.Received.UnixMilli()
	call := e.commitCall(req)
	c.Offsets = call.offsets
	slots := call.slots
	given := givenOffsets{}
	for i := range req.Topics {
		t := &req.Topics[i]
		out := kmsg.OffsetCommitResponseTopic{Topic: t.Topic, Partitions: make([]kmsg.OffsetCommitResponseTopicPartition, 0, len(t.Partitions))} // slots point into it
		for j := range t.Partitions {
			p := &t.Partitions[j]
			tp := model.TopicPartition{Topic: t.Topic, Partition: p.Partition}
			// One that is named twice is answered once, where it came first, and its last offset counts.
			last, again := given.find(c.Offsets, tp)
			err := refused
			if err == nil {
				err = e.topicPartitionError(readable, tp)
			}
			if err != nil {
				out.Partitions = append(out.Partitions, kmsg.OffsetCommitResponseTopicPartition{Partition: p.Partition, ErrorCode: err.Code})
				continue
			}
			o := group.Offset{
				TP: tp, Offset: p.Offset, LeaderEpoch: p.LeaderEpoch, Metadata: orEmpty(p.Metadata),
				CommitTimestamp: -1, ExpireTimestamp: -1,
			}
			// -1 means now. Only v1 brings a time, with which the offset's retention begins.
			if req.Version == 1 {
				o.CommitTimestamp = p.Timestamp
			}
			// KIP-211 took the retention time out of v5: without it offsets live as long as their
			// group, and offsets.retention.minutes after it.
			if req.Version >= 2 && req.Version <= 4 && req.RetentionTimeMillis != -1 {
				o.ExpireTimestamp = nowMs + req.RetentionTimeMillis
			}
			if again {
				c.Offsets[last] = o
				continue
			}
			c.Offsets = append(c.Offsets, o)
			given.add(c.Offsets)
			out.Partitions = append(out.Partitions, kmsg.OffsetCommitResponseTopicPartition{Partition: p.Partition})
			slots = append(slots, &out.Partitions[len(out.Partitions)-1].ErrorCode)
		}
		if len(out.Partitions) > 0 || len(t.Partitions) == 0 { // else all of it stands under an earlier entry
			resp.Topics = append(resp.Topics, out)
		}
	}
	if len(c.Offsets) == 0 {
		e.releaseCommit(call, 0)
		return Respond(resp)
	}
	var errs []*kerr.Error
	if req.Version == 0 {
		errs = e.commitToZooKeeper(ctx, c)
	} else {
		errs = e.Groups.CommitOffsets(ctx, c).Errs
	}
	for i, err := range errs {
		if err != nil {
			*slots[i] = err.Code
		}
	}
	if ctx.Err() == nil { // else the coordinator may not be done with the offsets
		e.releaseCommit(call, len(c.Offsets))
	}
	return Respond(resp)
}

// commitCall is the memory for the offsets of one OffsetCommit. It is pooled: members commit all the
// time, and most of what a commit allocates is here.
type commitCall struct {
	offsets []group.Offset // empty, with room for all
	slots   []*int16       // where the error of each goes; likewise
}

// keepOffsets is the largest commit whose memory is used again.
const keepOffsets = 1000

// commitCall returns memory for a request.
func (e *Env) commitCall(req *kmsg.OffsetCommitRequest) *commitCall {
	call, _ := e.commitCalls.Get().(*commitCall)
	if call == nil {
		call = &commitCall{}
	}
	n := 0
	for i := range req.Topics {
		n += len(req.Topics[i].Partitions)
	}
	if cap(call.offsets) < n {
		call.offsets, call.slots = make([]group.Offset, 0, n), make([]*int16, 0, n)
	}
	return call
}

// releaseCommit takes memory back that nobody uses any more; n offsets were in it.
func (e *Env) releaseCommit(call *commitCall, n int) {
	if cap(call.offsets) <= keepOffsets {
		clear(call.offsets[:n])
		clear(call.slots[:n])
		e.commitCalls.Put(call)
	}
}

// givenOffsets finds partitions that a commit has named before: most commits are so small that
// looking at all is quicker than a map.
type givenOffsets struct{ at map[model.TopicPartition]int }

// fewOffsets is how many are looked at one by one.
const fewOffsets = 16

// find is where the offset of a partition stands; short lists are searched, long ones have a map.
func (g *givenOffsets) find(offsets []group.Offset, tp model.TopicPartition) (at int, ok bool) {
	if g.at != nil {
		at, ok = g.at[tp]
		return at, ok
	}
	for i := range offsets {
		if t := &offsets[i].TP; t.Partition == tp.Partition && t.Topic == tp.Topic {
			return i, true
		}
	}
	return 0, false
}

// add notes the last of offsets.
func (g *givenOffsets) add(offsets []group.Offset) {
	switch n := len(offsets); {
	case n == fewOffsets:
		g.at = make(map[model.TopicPartition]int, 2*n)
		for i := range offsets {
			g.at[offsets[i].TP] = i
		}
	case n > fewOffsets:
		g.at[offsets[n-1].TP] = n - 1
	}
}

// commitToZooKeeper stores offsets as clients before 0.8.2 expect it.
func (e *Env) commitToZooKeeper(ctx context.Context, c *group.CommitRequest) []*kerr.Error {
	errs := make([]*kerr.Error, len(c.Offsets))
	most := int(e.Settings().OffsetMetadataMaxBytes)
	for i := range c.Offsets {
		o := &c.Offsets[i]
		if len(utf16.Encode([]rune(o.Metadata))) > most {
			errs[i] = kerr.OffsetMetadataTooLarge
			continue
		}
		if err := e.zooKeeperOffsets(func(s group.OffsetStore) error {
			return s.CommitOffset(ctx, c.Group, o.TP, o.Offset)
		}); err != nil {
			errs[i] = kerr.Of(err)
		}
	}
	return errs
}

// zooKeeperOffsets runs do on the store of version 0 offsets.
func (e *Env) zooKeeperOffsets(do func(s group.OffsetStore) error) error {
	s := e.Groups.ZooKeeper()
	if s == nil {
		return fmt.Errorf("offsets in ZooKeeper are not served: %w", kerr.CoordinatorNotAvailable)
	}
	return do(s)
}
