//go:build interop

package differential

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func deleteRecords(topic string, partition int32, offset int64) *kmsg.DeleteRecordsRequest {
	return &kmsg.DeleteRecordsRequest{TimeoutMillis: 5000, Topics: []kmsg.DeleteRecordsRequestTopic{{Topic: topic, Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: partition, Offset: offset}}}}}
}

func txnMarker(pid int64, epoch int16, commit bool, coordinator int32, topic string, partitions ...int32) kmsg.WriteTxnMarkersRequestMarker {
	return kmsg.WriteTxnMarkersRequestMarker{ProducerID: pid, ProducerEpoch: epoch, Committed: commit, CoordinatorEpoch: coordinator,
		Topics: []kmsg.WriteTxnMarkersRequestMarkerTopic{{Topic: topic, Partitions: partitions}}}
}

// edge asks for the first or last offset of a partition.
func edge(topic string, partition int32, ts int64, isolation int8) *kmsg.ListOffsetsRequest {
	r := listOne(topic, ts)
	r.IsolationLevel, r.Topics[0].Partitions[0].Partition = isolation, partition
	return r
}

// at is where an edge of a partition is.
func (s *session) at(topic string, partition int32, ts int64, isolation int8) int64 {
	return s.quiet(5, edge(topic, partition, ts, isolation)).(*kmsg.ListOffsetsResponse).Topics[0].Partitions[0].Offset
}

// logView reads a partition in every way.
func (s *session) logView(label, topic string, partition int32) {
	start, stable := s.at(topic, partition, -2, 0), s.at(topic, partition, -1, 1)
	for iso := range int8(2) {
		for _, ts := range []int64{-2, -1} {
			s.ask(fmt.Sprintf("%s: isolation %d at %d", label, iso, ts), 5, edge(topic, partition, ts, iso))
		}
		for from := start; from < start+4; from++ {
			if iso == 1 && from == stable {
				continue // 2.5.0 names aborted transactions of which it sends nothing (docs/differences.md)
			}
			for _, v := range []int16{4, 11} {
				f := fetch(topic, partition, from, 1<<20)
				f.IsolationLevel = iso
				s.ask(fmt.Sprintf("%s: isolation %d from %d", label, iso, from), v, f)
			}
		}
	}
}

// oddLogCases are producers whose records are deleted, whose transactions are cut into by
// DeleteRecords, and who hear of markers that are nobody's.
func oddLogCases(s *session) {
	s.coordinator()
	s.transactions()
	s.create("ol", 8, "segment.bytes=400")
	s.create("ol-compact", 2, "cleanup.policy=compact,delete", "segment.bytes=400")
	send := func(label string, partition int32, b batch) {
		s.ask(label, 8, produce(-1, part{"ol", partition, b.bytes()}))
	}
	// What is known of a producer outlives its records.
	for i := range int32(6) {
		send("write", 0, sequenced(3000, 0, 2*i, 2))
	}
	for _, to := range []int64{3, 8, 11, 12} {
		s.ask(fmt.Sprintf("delete to %d", to), 1, deleteRecords("ol", 0, to))
		send("last again", 0, sequenced(3000, 0, 10, 2))
		send("first again", 0, sequenced(3000, 0, 0, 2))
		send("a gap", 0, sequenced(3000, 0, 20, 2))
		send("another's first", 0, sequenced(3001+to, 0, 5, 1))
	}
	send("next", 0, sequenced(3000, 0, 12, 2))
	s.ask("delete all", 1, deleteRecords("ol", 0, -1))
	send("next after all", 0, sequenced(3000, 0, 14, 2))
	send("from 0 after all", 0, sequenced(3000, 0, 0, 2))
	send("next epoch", 0, sequenced(3000, 1, 0, 2))
	s.logView("producers", "ol", 0)
	// Markers of an idempotent producer, who has no transaction: they raise its epoch.
	markers := func(label string, m ...kmsg.WriteTxnMarkersRequestMarker) {
		s.ask(label, 0, &kmsg.WriteTxnMarkersRequest{Markers: m})
	}
	send("write", 1, sequenced(3100, 2, 0, 2))
	markers("marker of the epoch", txnMarker(3100, 2, true, 0, "ol", 1))
	send("next", 1, sequenced(3100, 2, 2, 2))
	markers("marker of the next epoch", txnMarker(3100, 3, false, 0, "ol", 1))
	send("old epoch", 1, sequenced(3100, 2, 4, 2))
	send("new epoch, not from 0", 1, sequenced(3100, 3, 4, 2))
	send("new epoch", 1, sequenced(3100, 3, 0, 2))
	markers("marker of an old epoch", txnMarker(3100, 2, true, 0, "ol", 1))
	markers("older coordinator", txnMarker(3100, 3, true, -1, "ol", 1))
	markers("newer coordinator", txnMarker(3100, 3, true, 7, "ol", 1))
	markers("the first coordinator again", txnMarker(3100, 3, true, 0, "ol", 1))
	markers("producer 0", txnMarker(0, 0, true, 0, "ol", 1))
	markers("epoch 32767", txnMarker(3102, 32767, true, 0, "ol", 1))
	markers("two at once", txnMarker(3103, 0, true, 0, "ol", 1), txnMarker(3104, 0, false, 0, "ol", 1))
	markers("two partitions", txnMarker(3105, 0, true, 0, "ol", 1, 2))
	markers("two topics", kmsg.WriteTxnMarkersRequestMarker{ProducerID: 3106, Topics: []kmsg.WriteTxnMarkersRequestMarkerTopic{{Topic: "ol", Partitions: []int32{2}}, {Topic: "ol-compact", Partitions: []int32{0}}}})
	markers("one unknown partition", txnMarker(3107, 0, true, 0, "ol", 2, 99))
	markers("unknown topic", txnMarker(3107, 0, true, 0, "ol-unknown", 0))
	markers("none")
	for _, p := range []int32{1, 2} {
		s.logView(fmt.Sprint("markers ", p), "ol", p)
	}
	s.logView("markers", "ol-compact", 0)
	// An open transaction into which DeleteRecords cuts, and its end.
	inTxn := func(label string, partition int32, pid int64, seq int32) {
		b := sequenced(pid, 0, seq, 2)
		b.txn = true
		req := produce(-1, part{"ol", partition, b.bytes()})
		req.TransactionID = str(fmt.Sprintf("ol-nobody-%d", pid)) // no coordinator knows of it
		s.ask(label, 8, req)
	}
	for n, commit := range []bool{true, false} {
		p := int32(3 + n)
		inTxn("open", p, 3200, 0)
		send("beside it", p, sequenced(3201, 0, 0, 2))
		inTxn("go on", p, 3200, 2)
		inTxn("another", p, 3202, 0)
		s.logView("open", "ol", p)
		for _, to := range []int64{1, 2, 5, 7, 8} {
			s.ask(fmt.Sprintf("delete to %d", to), 1, deleteRecords("ol", p, to))
			s.logView(fmt.Sprintf("deleted to %d", to), "ol", p)
		}
		markers("end", txnMarker(3200, 0, commit, 0, "ol", p))
		s.logView("ended", "ol", p)
		markers("end of the other", txnMarker(3202, 0, !commit, 0, "ol", p))
		s.logView("both ended", "ol", p)
		s.ask("delete all", 1, deleteRecords("ol", p, -1))
		s.logView("deleted", "ol", p)
		inTxn("next", p, 3200, 4)
		markers("end", txnMarker(3200, 0, commit, 0, "ol", p))
		s.logView("and again", "ol", p)
	}
	// Many aborted transactions over many segments, each of which the answer names.
	for i := range int64(6) {
		inTxn("many", 5, 3300+i%3, int32(i/3)*2)
		if i%2 == 1 {
			markers("abort", txnMarker(3300+i%3, 0, false, 0, "ol", 5))
		}
	}
	s.logView("many", "ol", 5)
	stable := s.at("ol", 5, -1, 1)
	for offset := range int64(16) {
		if offset == stable {
			continue // as in logView
		}
		for _, max := range []int32{1, 100, 300, 1 << 20} {
			f := fetch("ol", 5, offset, max)
			f.IsolationLevel = 1
			s.ask(fmt.Sprintf("many from %d max %d", offset, max), 11, f)
		}
	}
	for _, pid := range []int64{3300, 3301, 3302} {
		markers("the rest", txnMarker(pid, 0, true, 0, "ol", 5))
	}
	s.logView("all ended", "ol", 5)
	// A marker for offsets that are pending, written by hand.
	s.ask("offsets of nobody", 3, &kmsg.TxnOffsetCommitRequest{TransactionalID: "ol-nobody", Group: "ol-group", ProducerID: 3400, Generation: -1,
		Topics: []kmsg.TxnOffsetCommitRequestTopic{{Topic: "ol", Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{{Partition: 0, Offset: 5, LeaderEpoch: -1}}}}})
	offsets := func(label string) {
		s.ask(label, 7, &kmsg.OffsetFetchRequest{Group: "ol-group", RequireStable: true, Topics: []kmsg.OffsetFetchRequestTopic{{Topic: "ol", Partitions: []int32{0}}}})
	}
	offsets("pending")
	markers("marker", txnMarker(3400, 0, true, 0, "__consumer_offsets", javaHash("ol-group")%4))
	s.settled("ol-group", "ol", 0)
	offsets("there")
}
