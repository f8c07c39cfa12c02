package group

import (
	"encoding/binary"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/internal/model"
)

// noTimestamp stands for a commit, expire or state time that is not there.
const noTimestamp int64 = -1

// key is a decoded record key of __consumer_offsets: of an offset when isOffset, else of a group.
type key struct {
	isOffset bool
	group    string
	tp       model.TopicPartition
}

// decodeKey reads keys of version 0 and 1 (offset) and 2 (group). Strings of the result alias b: to
// be cloned where they are kept longer than b is.
func decodeKey(b []byte) (key, error) {
	if len(b) < 2 {
		return key{}, fmt.Errorf("group record key of %d bytes", len(b))
	}
	switch v := int16(binary.BigEndian.Uint16(b)); v {
	case 0, 1:
		var k kmsg.OffsetCommitKey
		if err := k.UnsafeReadFrom(b); err != nil {
			return key{}, fmt.Errorf("offset commit key: %w", err)
		}
		return key{isOffset: true, group: k.Group, tp: model.TopicPartition{Topic: k.Topic, Partition: k.Partition}}, nil
	case 2:
		var k kmsg.GroupMetadataKey
		if err := k.UnsafeReadFrom(b); err != nil {
			return key{}, fmt.Errorf("group metadata key: %w", err)
		}
		return key{group: k.Group}, nil
	default:
		return key{}, fmt.Errorf("group record key of unknown version %d", v)
	}
}

// appendOffsetKey appends the key (version 1) of a group's offset of a partition.
func appendOffsetKey(b []byte, group string, tp model.TopicPartition) []byte {
	k := kmsg.OffsetCommitKey{Version: 1, Group: group, Topic: tp.Topic, Partition: tp.Partition}
	return k.AppendTo(b)
}

// appendGroupKey appends the key (version 2) of a group's metadata.
func appendGroupKey(b []byte, group string) []byte {
	k := kmsg.GroupMetadataKey{Version: 2, Group: group}
	return k.AppendTo(b)
}

// committed is a committed offset as it is kept. batchOffset is the offset of the batch with its
// record: of two commits the one with the higher batchOffset counts, also after compaction.
type committed struct {
	offset      int64
	leaderEpoch int32
	metadata    string
	commitTime  int64 // ms
	expireTime  int64 // ms, noTimestamp: by the group's rule (KIP-211)
	batchOffset int64
}

// maxValueVersion is the newest version of values that is read and written, as in Kafka 2.5.
const maxValueVersion = 3

// appendOffsetValue appends the value of a committed offset. An explicit expiry needs version 1,
// which has no leader epoch.
func appendOffsetValue(b []byte, c *committed, version int16) []byte {
	if c.expireTime != noTimestamp {
		version = 1
	}
	v := kmsg.OffsetCommitValue{
		Version: version, Offset: c.offset, LeaderEpoch: c.leaderEpoch, Metadata: c.metadata,
		CommitTimestamp: c.commitTime, ExpireTimestamp: c.expireTime,
	}
	return v.AppendTo(b)
}

// decodeOffsetValue reads the value of a committed offset; batchOffset is for the caller to set.
// The result does not alias b.
func decodeOffsetValue(b []byte) (committed, error) {
	if err := checkValueVersion(b, "offset commit"); err != nil {
		return committed{}, err
	}
	var v kmsg.OffsetCommitValue
	if err := v.ReadFrom(b); err != nil {
		return committed{}, fmt.Errorf("offset commit value: %w", err)
	}
	c := committed{
		offset: v.Offset, leaderEpoch: v.LeaderEpoch, metadata: v.Metadata, commitTime: v.CommitTimestamp,
		expireTime: noTimestamp, batchOffset: -1,
	}
	if v.Version < 3 {
		c.leaderEpoch = model.NoEpoch
	}
	if v.Version == 1 {
		c.expireTime = v.ExpireTimestamp
	}
	return c, nil
}

// checkValueVersion refuses versions of later Kafkas, whose fields kmsg knows but 2.5 does not.
func checkValueVersion(b []byte, what string) error {
	if len(b) < 2 {
		return fmt.Errorf("%s value of %d bytes", what, len(b))
	}
	if v := int16(binary.BigEndian.Uint16(b)); v < 0 || v > maxValueVersion {
		return fmt.Errorf("%s value of unknown version %d", what, v)
	}
	return nil
}

// appendGroupValue appends the value of a group's metadata in its current state. assignments are by
// member id; a member without one gets an empty assignment.
func appendGroupValue(b []byte, g *Group, assignments map[string][]byte, version int16) []byte {
	v := kmsg.NewGroupMetadataValue()
	v.Version = version
	v.ProtocolType = g.protocolType
	v.Generation = g.generation
	v.Protocol = g.protocol
	if g.leader != "" {
		v.Leader = &g.leader
	}
	v.CurrentStateTimestamp = g.stateTime
	for _, m := range g.order {
		v.Members = append(v.Members, kmsg.GroupMetadataValueMember{
			MemberID:               m.id,
			InstanceID:             m.instanceID,
			ClientID:               m.clientID,
			ClientHost:             m.clientHost,
			RebalanceTimeoutMillis: m.rebalanceTimeoutMs,
			SessionTimeoutMillis:   m.sessionTimeoutMs,
			Subscription:           m.metadataFor(g.protocol),
			Assignment:             assignments[m.id],
		})
	}
	return v.AppendTo(b)
}

// decodeGroupValue reads the value of a group's metadata into a group that has no members: Empty
// without members, Stable with. The result does not alias b.
func decodeGroupValue(g *Group, b []byte) error {
	if err := checkValueVersion(b, "group metadata"); err != nil {
		return err
	}
	var v kmsg.GroupMetadataValue
	if err := v.ReadFrom(b); err != nil {
		return fmt.Errorf("group metadata value: %w", err)
	}
	g.state = Empty
	g.generation = v.Generation
	g.protocolType = v.ProtocolType
	g.protocol = v.Protocol
	g.stateTime = noTimestamp
	if v.Version >= 2 {
		g.stateTime = v.CurrentStateTimestamp
	}
	var protocol string
	if v.Protocol != nil {
		protocol = *v.Protocol
	}
	for i := range v.Members {
		r := &v.Members[i]
		m := &Member{
			id: r.MemberID, instanceID: r.InstanceID, clientID: r.ClientID, clientHost: r.ClientHost,
			rebalanceTimeoutMs: r.RebalanceTimeoutMillis, sessionTimeoutMs: r.SessionTimeoutMillis,
			protocols:  []Protocol{{Name: protocol, Metadata: append([]byte{}, r.Subscription...)}},
			assignment: append([]byte{}, r.Assignment...),
		}
		if v.Version == 0 {
			// Version 0 is from before KIP-62, when one time was both.
			m.rebalanceTimeoutMs = m.sessionTimeoutMs
		}
		if twice := g.members[m.id]; twice != nil {
			g.remove(twice) // nobody writes such a thing; Kafka takes the later one
		}
		g.add(m)
	}
	// Records are written only for groups that are Empty, or about to be Stable.
	if len(g.order) > 0 {
		g.state = Stable
	}
	if v.Leader != nil {
		g.leader = *v.Leader
	}
	g.subscribed = g.subscriptions()
	return nil
}

// parseSubscription reads the topics of a consumer's metadata (ConsumerProtocolSubscription):
// version, topics, nullable user data; that is version 0, a prefix of all versions. ok is false if
// it is something else.
func parseSubscription(b []byte) (topics []string, ok bool) {
	if len(b) < 6 || int8(b[0]) < 0 {
		return nil, false
	}
	n := int32(binary.BigEndian.Uint32(b[2:]))
	b = b[6:]
	// Each topic takes two bytes at least, so that a number that cannot be true makes no slice.
	if n < 0 || int64(n)*2 > int64(len(b)) {
		return nil, false
	}
	topics = make([]string, 0, n)
	for range n {
		if len(b) < 2 {
			return nil, false
		}
		l := int(int16(binary.BigEndian.Uint16(b)))
		if l < 0 || l > len(b)-2 {
			return nil, false
		}
		topics = append(topics, string(b[2:2+l]))
		b = b[2+l:]
	}
	if len(b) < 4 || int64(int32(binary.BigEndian.Uint32(b))) > int64(len(b)-4) {
		return nil, false
	}
	return topics, true
}
