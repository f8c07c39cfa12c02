package txn

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/internal/model"
	"momus/storage/record"
)

// maxValueVersion is the newest version of values that is read and written: the only one that Kafka
// 2.5 knows.
const maxValueVersion = 0

// appendKey appends the key of a transactional id.
func appendKey(b []byte, id string) []byte {
	k := kmsg.TxnMetadataKey{TransactionalID: id}
	return k.AppendTo(b)
}

// decodeKey reads the transactional id of a key. The result does not alias b.
func decodeKey(b []byte) (string, error) {
	if len(b) < 2 {
		return "", fmt.Errorf("transaction record key of %d bytes", len(b))
	}
	if v := int16(binary.BigEndian.Uint16(b)); v != 0 {
		return "", fmt.Errorf("transaction record key of unknown version %d", v)
	}
	var k kmsg.TxnMetadataKey
	if err := k.ReadFrom(b); err != nil {
		return "", fmt.Errorf("transaction record key: %w", err)
	}
	return k.TransactionalID, nil
}

// appendValue appends the value of a transactional id. In state Empty the partitions are null, else
// an array.
func appendValue(b []byte, m *Metadata) []byte {
	v := kmsg.TxnMetadataValue{
		ProducerID: m.ProducerID, ProducerEpoch: m.Epoch, TimeoutMillis: m.TimeoutMs, State: kmsg.TransactionState(m.State),
		LastUpdateTimestamp: m.UpdateMs, StartTimestamp: m.StartMs,
	}
	if m.State != Empty {
		v.Topics = []kmsg.TxnMetadataValueTopic{}
		for _, tp := range m.Partitions {
			if n := len(v.Topics); n > 0 && v.Topics[n-1].Topic == tp.Topic {
				v.Topics[n-1].Partitions = append(v.Topics[n-1].Partitions, tp.Partition)
			} else {
				v.Topics = append(v.Topics, kmsg.TxnMetadataValueTopic{Topic: tp.Topic, Partitions: []int32{tp.Partition}})
			}
		}
	}
	return v.AppendTo(b)
}

// decodeValue reads a value. The result does not alias b; partitions are sorted.
func decodeValue(b []byte) (Metadata, error) {
	if len(b) < 2 {
		return Metadata{}, fmt.Errorf("transaction record value of %d bytes", len(b))
	}
	if v := int16(binary.BigEndian.Uint16(b)); v < 0 || v > maxValueVersion {
		return Metadata{}, fmt.Errorf("transaction record value of unknown version %d", v)
	}
	var v kmsg.TxnMetadataValue
	if err := v.ReadFrom(b); err != nil {
		return Metadata{}, fmt.Errorf("transaction record value: %w", err)
	}
	m := Metadata{
		ProducerID: v.ProducerID, LastProducerID: record.NoProducerID, Epoch: v.ProducerEpoch, LastEpoch: record.NoProducerEpoch,
		TimeoutMs: v.TimeoutMillis, State: State(v.State), UpdateMs: v.LastUpdateTimestamp, StartMs: v.StartTimestamp,
	}
	if m.State < Empty || m.State > CompleteAbort {
		return Metadata{}, fmt.Errorf("transaction record value with state %d", v.State)
	}
	for _, t := range v.Topics {
		for _, p := range t.Partitions {
			m.Partitions = append(m.Partitions, model.TopicPartition{Topic: t.Topic, Partition: p})
		}
	}
	slices.SortFunc(m.Partitions, model.TopicPartition.Compare)
	m.Partitions = slices.Compact(m.Partitions)
	return m, nil
}
