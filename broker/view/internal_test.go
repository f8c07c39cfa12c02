package view

import (
	"encoding/hex"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/internal/model"
)

func TestRecordsOfInternalTopicsAreReadable(t *testing.T) {
	offsetKey := (&kmsg.OffsetCommitKey{Version: 1, Group: "g", Topic: "t", Partition: 2}).AppendTo(nil)
	offset := (&kmsg.OffsetCommitValue{Version: 3, Offset: 42, LeaderEpoch: 7, CommitTimestamp: 1000}).AppendTo(nil)
	groupKey := (&kmsg.GroupMetadataKey{Version: 2, Group: "g"}).AppendTo(nil)
	protocol, leader := "range", "m"
	member := kmsg.GroupMetadataValueMember{MemberID: "m", ClientID: "c", ClientHost: "/h", SessionTimeoutMillis: 10}
	assigned := kmsg.ConsumerMemberAssignment{Topics: []kmsg.ConsumerMemberAssignmentTopic{{Topic: "t", Partitions: []int32{1, 0}}}}
	member.Assignment = assigned.AppendTo(nil)
	group := (&kmsg.GroupMetadataValue{Version: 3, ProtocolType: "consumer", Generation: 5, Protocol: &protocol, Leader: &leader, CurrentStateTimestamp: 1000,
		Members: []kmsg.GroupMetadataValueMember{member}}).AppendTo(nil)
	transactionKey := (&kmsg.TxnMetadataKey{TransactionalID: "tx"}).AppendTo(nil)
	transaction := (&kmsg.TxnMetadataValue{ProducerID: 9, ProducerEpoch: 3, TimeoutMillis: 60000, State: kmsg.TransactionState(1), LastUpdateTimestamp: 1000, StartTimestamp: -1,
		Topics: []kmsg.TxnMetadataValueTopic{{Topic: "t", Partitions: []int32{1}}}}).AppendTo(nil)
	for _, c := range []struct {
		topic         string
		key, value    []byte
		about, says   string
		notUnderstood bool
	}{
		{topic: model.OffsetsTopic, key: offsetKey, value: offset, about: `{"group":"g","topic":"t","partition":2}`,
			says: `{"offset":42,"leaderEpoch":7,"metadata":"","committed":"1970-01-01T00:00:01.000Z"}`},
		{topic: model.OffsetsTopic, key: offsetKey, about: `{"group":"g","topic":"t","partition":2}`, says: "null"},
		{topic: model.OffsetsTopic, key: groupKey, value: group, about: `{"group":"g"}`,
			says: `{"protocolType":"consumer","generation":5,"protocol":"range","leader":"m","since":"1970-01-01T00:00:01.000Z","members":[{"id":"m","client":"c","host":"/h","sessionTimeoutMs":10,"rebalanceTimeoutMs":0,"partitions":[{"topic":"t","partitions":[0,1]}]}]}`},
		{topic: model.TransactionTopic, key: transactionKey, value: transaction, about: `{"transactionalId":"tx"}`,
			says: `{"producerId":9,"producerEpoch":3,"timeoutMs":60000,"state":"Ongoing","partitions":[{"topic":"t","partitions":[1]}],"changed":"1970-01-01T00:00:01.000Z"}`},
		{topic: model.TransactionTopic, key: transactionKey, about: `{"transactionalId":"tx"}`, says: "null"},
		{topic: "t", key: offsetKey, value: offset, notUnderstood: true},
		{topic: model.OffsetsTopic, key: []byte{0}, notUnderstood: true},
		{topic: model.OffsetsTopic, key: offsetKey, value: []byte{9, 9, 9}, notUnderstood: true},
		{topic: model.TransactionTopic, key: []byte{0, 9, 0, 0}, notUnderstood: true},
	} {
		about, says, ok := decoded(c.topic, c.key, c.value)
		if ok == c.notUnderstood || string(about) != c.about || string(says) != c.says {
			t.Errorf("%s %s: %s %s %v", c.topic, hex.EncodeToString(c.key), about, says, ok)
		}
	}
}

// FuzzDecoded decodes whatever may lie in an internal topic: anybody with the right to write there
// can put it there.
func FuzzDecoded(f *testing.F) {
	f.Add(true, (&kmsg.GroupMetadataKey{Version: 2, Group: "g"}).AppendTo(nil), (&kmsg.GroupMetadataValue{Version: 3, ProtocolType: "consumer"}).AppendTo(nil))
	f.Add(false, (&kmsg.TxnMetadataKey{TransactionalID: "tx"}).AppendTo(nil), (&kmsg.TxnMetadataValue{ProducerID: 9}).AppendTo(nil))
	f.Fuzz(func(t *testing.T, offsets bool, key, value []byte) {
		topic := model.TransactionTopic
		if offsets {
			topic = model.OffsetsTopic
		}
		if about, says, ok := decoded(topic, key, value); ok && (len(about) == 0 || len(says) == 0) {
			t.Errorf("%q %q", about, says)
		}
	})
}
