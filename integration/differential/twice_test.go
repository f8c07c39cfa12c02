//go:build interop

package differential

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/storage/record"
)

// twiceCases are requests that name a partition, a topic or a protocol twice, in one entry and in
// two, and a static member that comes back from elsewhere.
func twiceCases(s *session) {
	s.coordinator()
	s.transactions()
	s.create("w-one", 2)
	s.create("w-cut", 2)
	s.quiet(8, produce(1, part{"w-one", 0, plain(2, record.None, 4).bytes()}, part{"w-cut", 0, plain(2, record.None, 9).bytes()}))

	versions(0, 3, func(v int16) {
		at := func(partition, current, epoch int32) kmsg.OffsetForLeaderEpochRequestTopicPartition {
			return kmsg.OffsetForLeaderEpochRequestTopicPartition{Partition: partition, CurrentLeaderEpoch: current, LeaderEpoch: epoch}
		}
		for _, topics := range [][]kmsg.OffsetForLeaderEpochRequestTopic{
			{{Topic: "w-one", Partitions: []kmsg.OffsetForLeaderEpochRequestTopicPartition{at(0, -1, 7), at(1, -1, 0), at(0, -1, 0)}}},
			{{Topic: "w-one", Partitions: []kmsg.OffsetForLeaderEpochRequestTopicPartition{at(0, -1, 7)}}, {Topic: "w-one", Partitions: []kmsg.OffsetForLeaderEpochRequestTopicPartition{at(0, -1, 0), at(9, -1, 0)}}},
		} {
			r := kmsg.NewPtrOffsetForLeaderEpochRequest()
			r.ReplicaID, r.Topics = -2, topics
			s.ask("epochs", v, r)
		}
	})
	versions(0, 1, func(v int16) {
		to := func(partition int32, offset int64) kmsg.DeleteRecordsRequestTopicPartition {
			return kmsg.DeleteRecordsRequestTopicPartition{Partition: partition, Offset: offset}
		}
		at := int64(v) * 4
		for _, topics := range [][]kmsg.DeleteRecordsRequestTopic{
			{{Topic: "w-cut", Partitions: []kmsg.DeleteRecordsRequestTopicPartition{to(0, at+2), to(1, 0), to(0, at+1)}}},
			{{Topic: "w-cut", Partitions: []kmsg.DeleteRecordsRequestTopicPartition{to(0, at+4)}}, {Topic: "w-cut", Partitions: []kmsg.DeleteRecordsRequestTopicPartition{to(0, at+3), to(9, 0)}}},
			{{Topic: "w-cut", Partitions: []kmsg.DeleteRecordsRequestTopicPartition{to(9, 2), to(9, 1)}}},
		} {
			s.ask("delete records", v, &kmsg.DeleteRecordsRequest{TimeoutMillis: 5000, Topics: topics})
			s.ask("after it", 1, listOne("w-cut", -2))
		}
	})
	versions(0, 1, func(v int16) {
		id := "w-tx"
		pid, epoch := s.begin(id, -1, -1)
		for _, topics := range [][]kmsg.AddPartitionsToTxnRequestTopic{
			{{Topic: "w-one", Partitions: []int32{0, 1, 0}}},
			{{Topic: "w-one", Partitions: []int32{0}}, {Topic: "w-cut", Partitions: []int32{0}}, {Topic: "w-one", Partitions: []int32{0, 1}}},
			{{Topic: "w-one", Partitions: []int32{0, 9, 9, 0}}},
		} {
			s.ask("add partitions", v, &kmsg.AddPartitionsToTxnRequest{TransactionalID: id, ProducerID: pid, ProducerEpoch: epoch, Topics: topics})
		}
		s.ask("end", v, &kmsg.EndTxnRequest{TransactionalID: id, ProducerID: pid, ProducerEpoch: epoch})
	})

	one := func(parts ...int32) []kmsg.TxnOffsetCommitRequestTopicPartition {
		var out []kmsg.TxnOffsetCommitRequestTopicPartition
		for i, p := range parts {
			out = append(out, kmsg.TxnOffsetCommitRequestTopicPartition{Partition: p, Offset: int64(i), LeaderEpoch: -1, Metadata: str("m")})
		}
		return out
	}
	versions(0, 3, func(v int16) {
		id, g := "w-tx", "w-offsets-"+string(rune('0'+v))
		pid, epoch := s.begin(id, -1, -1)
		s.ask("add offsets", 1, &kmsg.AddOffsetsToTxnRequest{TransactionalID: id, ProducerID: pid, ProducerEpoch: epoch, Group: g})
		req := func(topics ...kmsg.TxnOffsetCommitRequestTopic) *kmsg.TxnOffsetCommitRequest {
			return &kmsg.TxnOffsetCommitRequest{TransactionalID: id, Group: g, ProducerID: pid, ProducerEpoch: epoch, Generation: -1, Topics: topics}
		}
		s.ask("commit", v, req(kmsg.TxnOffsetCommitRequestTopic{Topic: "w-one", Partitions: one(0, 1, 0, 9, 9)}))
		s.ask("commit in two", v, req(kmsg.TxnOffsetCommitRequestTopic{Topic: "w-one", Partitions: one(0, 1)},
			kmsg.TxnOffsetCommitRequestTopic{Topic: "w-cut", Partitions: one(0)}, kmsg.TxnOffsetCommitRequestTopic{Topic: "w-one", Partitions: one(1, 1, 0)}))
		s.ask("end", 1, &kmsg.EndTxnRequest{TransactionalID: id, ProducerID: pid, ProducerEpoch: epoch, Commit: true})
		for { // the markers come after the answer
			fetched := s.quiet(7, &kmsg.OffsetFetchRequest{Group: g, RequireStable: true, Topics: []kmsg.OffsetFetchRequestTopic{{Topic: "w-one", Partitions: []int32{0}}, {Topic: "w-cut", Partitions: []int32{0}}}})
			r := fetched.(*kmsg.OffsetFetchResponse)
			if r.Topics[0].Partitions[0].ErrorCode == 0 && r.Topics[1].Partitions[0].ErrorCode == 0 {
				break
			}
			pause()
		}
		s.ask("fetch", 7, &kmsg.OffsetFetchRequest{Group: g, RequireStable: true})
		s.ask("describe", 5, &kmsg.DescribeGroupsRequest{Groups: []string{g, "w-none", g}})
		s.ask("delete groups", 2, &kmsg.DeleteGroupsRequest{Groups: []string{g, "w-none", g}})
	})
	versions(0, 1, func(v int16) {
		dir := s.peer.cluster.Dir + "/logs"
		s.ask("log dirs", v, &kmsg.AlterReplicaLogDirsRequest{Dirs: []kmsg.AlterReplicaLogDirsRequestDir{
			{Dir: "/nowhere", Topics: []kmsg.AlterReplicaLogDirsRequestDirTopic{{Topic: "w-one", Partitions: []int32{0, 0, 1, 9}}, {Topic: "w-one", Partitions: []int32{0}}}},
			{Dir: dir, Topics: []kmsg.AlterReplicaLogDirsRequestDirTopic{{Topic: "w-one", Partitions: []int32{0}}}}}})
		s.ask("describe log dirs", v, &kmsg.DescribeLogDirsRequest{Topics: []kmsg.DescribeLogDirsRequestTopic{{Topic: "w-one", Partitions: []int32{1, 1}}, {Topic: "w-one", Partitions: []int32{1}}}})
	})
	s.ask("list reassignments", 0, &kmsg.ListPartitionReassignmentsRequest{TimeoutMillis: 5000, Topics: []kmsg.ListPartitionReassignmentsRequestTopic{
		{Topic: "w-one", Partitions: []int32{0, 0}}, {Topic: "w-one", Partitions: []int32{0}}}})
	// A protocol named twice is not asked for: 2.5.0 never answers such a join.
	versions(5, 7, func(v int16) {
		g, i := "w-static-"+string(rune('0'+v)), str("instance")
		a, gen := s.joined("a", "a", v, join(g, "", i))
		s.with("a", func() { s.ask("sync", 5, syncReq(g, a, gen, a, "for 1")) })
		s.with("b", func() { s.clientID(str("elsewhere")) })
		b, _ := s.joined("b", "b", v, join(g, "", i, "other", "range"))
		s.look("from another client, protocols the other way", g)
		s.ask("leave", 4, leave(g, b, i))
	})
}
