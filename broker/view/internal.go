package view

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/internal/model"
)

// decoded is a record of an internal topic for people: what it is about and what it says, as JSON.
// ok is false for a record that is not understood.
// A record that is not understood is shown as bytes, like those of other topics: what is in
// internal topics was written by coordinators, but other tools may write there too.
func decoded(topic string, key, value []byte) (k, v json.RawMessage, ok bool) {
	var about, says any
	var err error
	switch topic {
	case model.OffsetsTopic:
		about, says, err = decodeOffsets(key, value)
	case model.TransactionTopic:
		about, says, err = decodeTransaction(key, value)
	default:
		return nil, nil, false
	}
	if err != nil {
		return nil, nil, false
	}
	if k, err = json.Marshal(about); err != nil {
		return nil, nil, false
	}
	if v, err = json.Marshal(says); err != nil {
		return nil, nil, false
	}
	return k, v, true
}

// at is a time of a record, "" for none.
func at(ms int64) string {
	if ms < 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}

// version is the first field of keys and values.
// The error is only for decoded, which tells nobody.
func version(b []byte) (int16, error) {
	if len(b) < 2 {
		return 0, fmt.Errorf("%d bytes", len(b))
	}
	return int16(binary.BigEndian.Uint16(b)), nil
}

type offsetKey struct {
	Group     string `json:"group"`
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
}

type offsetValue struct {
	Offset      int64  `json:"offset"`
	LeaderEpoch int32  `json:"leaderEpoch"`
	Metadata    string `json:"metadata"`
	Committed   string `json:"committed"`
	Expires     string `json:"expires,omitempty"`
}

type groupKey struct {
	Group string `json:"group"`
}

type groupValue struct {
	ProtocolType string        `json:"protocolType"`
	Generation   int32         `json:"generation"`
	Protocol     *string       `json:"protocol"`
	Leader       *string       `json:"leader"`
	Since        string        `json:"since,omitempty"`
	Members      []groupMember `json:"members"`
}

type groupMember struct {
	ID         string            `json:"id"`
	Instance   *string           `json:"instance,omitempty"`
	Client     string            `json:"client"`
	Host       string            `json:"host"`
	SessionMs  int32             `json:"sessionTimeoutMs"`
	RebalMs    int32             `json:"rebalanceTimeoutMs"`
	Partitions []TopicPartitions `json:"partitions"`
}

// decodeOffsets reads a record of __consumer_offsets: a committed offset or a group.
func decodeOffsets(key, value []byte) (about, says any, err error) {
	v, err := version(key)
	if err != nil {
		return nil, nil, err
	}
	switch v {
	case 0, 1:
		var k kmsg.OffsetCommitKey
		x := kmsg.NewOffsetCommitValue()
		tombstone, err := readRecord(key, &k, value, &x, 3)
		about = offsetKey{k.Group, k.Topic, k.Partition}
		if err != nil || tombstone { // deleted or expired
			return about, nil, err
		}
		o := offsetValue{Offset: x.Offset, LeaderEpoch: -1, Metadata: x.Metadata, Committed: at(x.CommitTimestamp)}
		// The field that a version does not have keeps its Go zero, which would be an epoch and a
		// time that exist.
		if x.Version >= 3 {
			o.LeaderEpoch = x.LeaderEpoch
		}
		if x.Version == 1 {
			o.Expires = at(x.ExpireTimestamp)
		}
		return about, o, nil
	case 2:
		var k kmsg.GroupMetadataKey
		x := kmsg.NewGroupMetadataValue()
		tombstone, err := readRecord(key, &k, value, &x, 3)
		if err != nil || tombstone {
			return groupKey{k.Group}, nil, err
		}
		g := groupValue{ProtocolType: x.ProtocolType, Generation: x.Generation, Protocol: x.Protocol, Leader: x.Leader, Members: []groupMember{}}
		if x.Version >= 2 {
			g.Since = at(x.CurrentStateTimestamp)
		}
		for _, m := range x.Members {
			g.Members = append(g.Members, groupMember{m.MemberID, m.InstanceID, m.ClientID, m.ClientHost, m.SessionTimeoutMillis, m.RebalanceTimeoutMillis, assignment(x.ProtocolType, m.Assignment)})
		}
		return groupKey{k.Group}, g, nil
	}
	return nil, nil, fmt.Errorf("version %d", v)
}

// readable is a key or a value of a record.
type readable interface{ ReadFrom(b []byte) error }

// readRecord reads key and value of a record, but for versions of the value above newest, which
// Kafka 2.5 does not write. A null value is a tombstone.
func readRecord(key []byte, k readable, value []byte, x readable, newest int16) (tombstone bool, err error) {
	if err := k.ReadFrom(key); err != nil || value == nil {
		return true, err
	}
	v, err := version(value)
	switch {
	case err != nil:
		return false, err
	case v < 0 || v > newest:
		return false, fmt.Errorf("version %d", v)
	}
	return false, x.ReadFrom(value)
}

type transactionKey struct {
	TransactionalID string `json:"transactionalId"`
}

type transactionValue struct {
	ProducerID    int64             `json:"producerId"`
	ProducerEpoch int16             `json:"producerEpoch"`
	TimeoutMs     int32             `json:"timeoutMs"`
	State         string            `json:"state"`
	Partitions    []TopicPartitions `json:"partitions"`
	Changed       string            `json:"changed"`
	Began         string            `json:"began,omitempty"`
}

// decodeTransaction reads a record of __transaction_state.
func decodeTransaction(key, value []byte) (about, says any, err error) {
	if v, err := version(key); err != nil {
		return nil, nil, err
	} else if v != 0 {
		return nil, nil, fmt.Errorf("version %d", v)
	}
	var k kmsg.TxnMetadataKey
	x := kmsg.NewTxnMetadataValue()
	tombstone, err := readRecord(key, &k, value, &x, 0)
	about = transactionKey{k.TransactionalID}
	if err != nil || tombstone {
		return about, nil, err
	}
	t := transactionValue{ProducerID: x.ProducerID, ProducerEpoch: x.ProducerEpoch, TimeoutMs: x.TimeoutMillis, State: x.State.String(), Partitions: []TopicPartitions{},
		Changed: at(x.LastUpdateTimestamp), Began: at(x.StartTimestamp)}
	for _, p := range x.Topics {
		t.Partitions = append(t.Partitions, TopicPartitions{p.Topic, slices.Sorted(slices.Values(p.Partitions))})
	}
	return about, t, nil
}
