//go:build interop

package differential

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// transactions waits until transactions work.
func (s *session) transactions() {
	for range 500 {
		r := s.quiet(1, &kmsg.FindCoordinatorRequest{CoordinatorKey: "any", CoordinatorType: 1}).(*kmsg.FindCoordinatorResponse)
		if r.ErrorCode == 0 && s.quiet(0, &kmsg.EndTxnRequest{TransactionalID: "none", ProducerID: 1}).(*kmsg.EndTxnResponse).ErrorCode == 49 {
			return
		}
		pause()
	}
	s.fail("no transaction coordinator")
}

// begin initialises a producer and gives its id a name. Others that are busy with the transaction
// before are waited for.
func (s *session) begin(id string, pid int64, epoch int16) (int64, int16) {
	for range 500 {
		r := s.quiet(3, &kmsg.InitProducerIDRequest{TransactionalID: &id, TransactionTimeoutMillis: 60000, ProducerID: pid, ProducerEpoch: epoch}).(*kmsg.InitProducerIDResponse)
		if r.ErrorCode == 51 {
			pause()
			continue
		}
		s.note("init "+id, fmt.Sprint(r.ErrorCode, r.ProducerEpoch))
		return r.ProducerID, r.ProducerEpoch
	}
	s.fail("%s stays busy", id)
	return 0, 0
}

func addParts(id string, pid int64, epoch int16, topic string, partitions ...int32) *kmsg.AddPartitionsToTxnRequest {
	return &kmsg.AddPartitionsToTxnRequest{TransactionalID: id, ProducerID: pid, ProducerEpoch: epoch, Topics: []kmsg.AddPartitionsToTxnRequestTopic{{Topic: topic, Partitions: partitions}}}
}

// idle repeats a request until it is not answered by CONCURRENT_TRANSACTIONS: markers are on their
// way.
func (s *session) idle(label string, v int16, code func(kmsg.Response) int16, req kmsg.Request) {
	for range 500 {
		resp := s.quiet(v, req)
		if code(resp) == 51 {
			pause()
			continue
		}
		s.record(label, req, resp, nil)
		return
	}
	s.fail("%s: stays busy", label)
}

func endCode(r kmsg.Response) int16 { return r.(*kmsg.EndTxnResponse).ErrorCode }
func addCode(r kmsg.Response) int16 {
	return r.(*kmsg.AddPartitionsToTxnResponse).Topics[0].Partitions[0].ErrorCode
}

func txnCases(s *session) {
	s.coordinator()
	s.transactions()
	s.create("x-txn", 4)
	s.create("x-old", 1, "message.format.version=0.10.2")
	versions(0, 1, func(v int16) {
		id := fmt.Sprintf("tx-%d", v)
		g := "group-" + id
		s.begin(id, -1, -1)
		pid, epoch := s.begin(id, -1, -1)
		end := func(id string, pid int64, epoch int16, commit bool) *kmsg.EndTxnRequest {
			return &kmsg.EndTxnRequest{TransactionalID: id, ProducerID: pid, ProducerEpoch: epoch, Commit: commit}
		}
		offsets := func(id string, pid int64, epoch int16, g string) *kmsg.AddOffsetsToTxnRequest {
			return &kmsg.AddOffsetsToTxnRequest{TransactionalID: id, ProducerID: pid, ProducerEpoch: epoch, Group: g}
		}
		commits := func(label string, cv int16, id string, pid int64, epoch int16, group, topic string, offset int64, member string, gen int32) {
			s.ask(label, cv, &kmsg.TxnOffsetCommitRequest{TransactionalID: id, Group: group, ProducerID: pid, ProducerEpoch: epoch, Generation: gen, MemberID: member,
				Topics: []kmsg.TxnOffsetCommitRequestTopic{{Topic: topic, Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{{Partition: 0, Offset: offset, LeaderEpoch: -1, Metadata: str("m")}}}}})
		}
		for _, bad := range []struct {
			label, id string
			pid       int64
			epoch     int16
		}{{"empty id", "", pid, epoch}, {"unknown id", "nobody", pid, epoch}, {"other producer", id, pid + 1000, epoch}, {"old epoch", id, pid, epoch - 1}, {"new epoch", id, pid, epoch + 1}} {
			s.ask(bad.label, v, addParts(bad.id, bad.pid, bad.epoch, "x-txn", 0))
			s.ask(bad.label, v, offsets(bad.id, bad.pid, bad.epoch, g))
			s.ask(bad.label, v, end(bad.id, bad.pid, bad.epoch, true))
			s.ask(bad.label, v, end(bad.id, bad.pid, bad.epoch, false))
		}
		s.ask("nothing to commit", v, end(id, pid, epoch, true))
		s.ask("nothing to abort", v, end(id, pid, epoch, false))
		s.ask("unknown topic", v, addParts(id, pid, epoch, "x-unknown", 0))
		s.ask("one unknown partition", v, addParts(id, pid, epoch, "x-txn", 0, 9))
		s.ask("internal topic", v, addParts(id, pid, epoch, "__consumer_offsets", 0))
		s.ask("no topics", v, &kmsg.AddPartitionsToTxnRequest{TransactionalID: id, ProducerID: pid, ProducerEpoch: epoch})
		s.ask("add", v, addParts(id, pid, epoch, "x-txn", 0, 1))
		s.ask("add again", v, addParts(id, pid, epoch, "x-txn", 0))
		s.ask("empty group", v, offsets(id, pid, epoch, ""))
		s.ask("offsets", v, offsets(id, pid, epoch, g))
		send := func(label string, partition int32, epoch int16, seq int32, txn bool) {
			b := sequenced(pid, epoch, seq, 2)
			b.txn = txn
			req := produce(-1, part{"x-txn", partition, b.bytes()})
			req.TransactionID = &id
			s.ask(label, 8, req)
		}
		send("first", 0, epoch, 0, true)
		send("second", 0, epoch, 2, true)
		send("not transactional", 0, epoch, 4, false)
		send("other partition", 1, epoch, 0, true)
		send("wrong epoch", 0, epoch-1, 4, true)
		for cv := range int16(4) {
			commits("offsets", cv, id, pid, epoch, g, "x-txn", 5, "", -1)
			commits("unknown topic", cv, id, pid, epoch, g, "x-unknown", 5, "", -1)
			commits("empty group", cv, id, pid, epoch, "", "x-txn", 5, "", -1)
			commits("member", cv, id, pid, epoch, g, "x-txn", 6, "nobody", -1)
			commits("generation", cv, id, pid, epoch, g, "x-txn", 6, "", 7)
			commits("other id", cv, "other", pid, epoch, g, "x-txn", 7, "", -1)
		}
		if v == 1 {
			// The group is made by the request that names it, and then has no such member or
			// generation.
			commits("member of a group to be", 3, id, pid, epoch, g+"-member", "x-txn", 6, "nobody", -1)
			commits("generation of a group to be", 3, id, pid, epoch, g+"-generation", "x-txn", 6, "", 7)
			commits("both of a group to be", 3, id, pid, epoch, g+"-both", "x-txn", 6, "nobody", 0)
			s.ask("offsets of a group to be", v, offsets(id, pid, epoch, g+"-zero"))
			commits("generation 0 of a group to be", 3, id, pid, epoch, g+"-zero", "x-txn", 6, "", 0)
			for _, made := range []string{"-member", "-generation", "-both", "-zero"} {
				s.look("made"+made, g+made)
			}
		}
		offs := func(label string) {
			for fv := range int16(8) {
				if fv == 0 {
					continue
				}
				s.ask(label, fv, &kmsg.OffsetFetchRequest{Group: g, RequireStable: true, Topics: []kmsg.OffsetFetchRequestTopic{{Topic: "x-txn", Partitions: []int32{0, 1}}}})
			}
			s.ask(label+", all", 7, &kmsg.OffsetFetchRequest{Group: g, RequireStable: true})
		}
		offs("pending")
		read := func(label string) {
			for _, fv := range []int16{0, 3, 4, 11} {
				for iso := range int8(2) {
					for p := range int32(2) {
						r := fetch("x-txn", p, 0, 1<<20)
						r.IsolationLevel = iso
						s.ask(fmt.Sprintf("%s isolation %d partition %d", label, iso, p), fv, r)
					}
				}
			}
			for iso := range int8(2) {
				r := listOne("x-txn", -1)
				r.IsolationLevel = iso
				s.ask(fmt.Sprintf("%s isolation %d", label, iso), 5, r)
			}
		}
		ended := func(how string) {
			s.settled(g, "x-txn", 0)
			offs(how)
			s.lso("x-txn")
			read(how)
		}
		read("open")
		s.ask("commit, old epoch", v, end(id, pid, epoch-1, true))
		s.ask("commit", v, end(id, pid, epoch, true))
		s.idle("commit again", v, endCode, end(id, pid, epoch, true))
		s.ask("abort what is committed", v, end(id, pid, epoch, false))
		ended("committed")
		// An aborted one.
		s.idle("add", v, addCode, addParts(id, pid, epoch, "x-txn", 0))
		send("to abort", 0, epoch, 4, true)
		s.ask("offsets to abort", v, offsets(id, pid, epoch, g))
		commits("offsets to abort", 3, id, pid, epoch, g, "x-txn", 99, "", -1)
		s.ask("abort", v, end(id, pid, epoch, false))
		s.idle("abort again", v, endCode, end(id, pid, epoch, false))
		s.ask("commit what is aborted", v, end(id, pid, epoch, true))
		ended("aborted")
		// Offsets of an old epoch over good ones. Where the epoch is not known yet Kafka takes
		// them.
		_, epoch = s.begin(id, -1, -1)
		for _, commit := range []bool{true, false} {
			label := fmt.Sprintf("offsets of an old epoch, commit %v", commit)
			og := fmt.Sprintf("%s-old-%v", g, commit)
			s.idle(label, v, func(r kmsg.Response) int16 { return r.(*kmsg.AddOffsetsToTxnResponse).ErrorCode }, offsets(id, pid, epoch, og))
			commits(label+": good", 3, id, pid, epoch, og, "x-txn", 5, "", -1)
			commits(label+": old", 3, id, pid, epoch-1, og, "x-txn", 7, "", -1)
			fetchOne := func(label string, stable bool) {
				s.ask(label, 7, &kmsg.OffsetFetchRequest{Group: og, RequireStable: stable, Topics: []kmsg.OffsetFetchRequestTopic{{Topic: "x-txn", Partitions: []int32{0}}}})
			}
			fetchOne(label+": pending", true)
			fetchOne(label+": pending", false)
			s.ask(label+": end", v, end(id, pid, epoch, commit))
			s.idle(label+": end again", v, endCode, end(id, pid, epoch, commit))
			s.settled(og, "x-txn", 0)
			fetchOne(label+": ended", true)
		}
		// Epochs.
		_, next := s.begin(id, -1, -1)
		s.ask("fenced", v, end(id, pid, epoch, true))
		s.ask("fenced", v, addParts(id, pid, epoch, "x-txn", 0))
		for iv := range int16(4) {
			for _, given := range [][2]int64{{pid, int64(next)}, {pid, int64(next) - 1}, {pid, int64(next) + 5}, {pid + 1000, 0}} {
				r := &kmsg.InitProducerIDRequest{TransactionalID: &id, TransactionTimeoutMillis: 60000, ProducerID: given[0], ProducerEpoch: int16(given[1])}
				if iv < 3 && given[0] != pid {
					continue
				}
				s.ask(fmt.Sprint("init with epoch ", given[1]), iv, r)
			}
		}
		// An epoch that was never given out ends no open transaction. (2.5.0 is stuck with it
		// afterwards, so the id is its own.)
		for i, ahead := range []int16{1, 5} {
			lost := fmt.Sprintf("%s-lost-%d", id, i)
			lostPid, lostEpoch := s.begin(lost, -1, -1)
			s.ask("add", v, addParts(lost, lostPid, lostEpoch, "x-txn", 3))
			s.ask(fmt.Sprintf("commit, epoch %d ahead", ahead), v, end(lost, lostPid, lostEpoch+ahead, true))
			s.ask(fmt.Sprintf("add, epoch %d ahead", ahead), v, addParts(lost, lostPid, lostEpoch+ahead, "x-txn", 3))
		}
		// Fencing an open transaction.
		_, epoch = s.begin(id, -1, -1)
		s.idle("add", v, addCode, addParts(id, pid, epoch, "x-txn", 2))
		s.begin(id, -1, -1)
		s.ask("fenced", v, end(id, pid, epoch, true))
	})
	// Markers by hand.
	marker := func(label string, pid int64, epoch int16, commit bool, coordinator int32, topic string, partitions ...int32) {
		s.ask(label, 0, &kmsg.WriteTxnMarkersRequest{Markers: []kmsg.WriteTxnMarkersRequestMarker{{ProducerID: pid, ProducerEpoch: epoch, Committed: commit, CoordinatorEpoch: coordinator,
			Topics: []kmsg.WriteTxnMarkersRequestMarkerTopic{{Topic: topic, Partitions: partitions}}}}})
	}
	marker("unknown producer", 5000, 3, true, 2, "x-txn", 3)
	marker("again", 5000, 3, false, 2, "x-txn", 3)
	marker("old epoch", 5000, 2, true, 2, "x-txn", 3)
	marker("old coordinator", 5000, 3, true, 1, "x-txn", 3)
	marker("unknown partition", 5000, 3, true, 2, "x-txn", 3, 9)
	marker("unknown topic", 5000, 3, true, 2, "x-unknown", 0)
	marker("old format", 5000, 3, true, 2, "x-old", 0)
	s.ask("two", 0, &kmsg.WriteTxnMarkersRequest{Markers: []kmsg.WriteTxnMarkersRequestMarker{
		{ProducerID: 5001, Topics: []kmsg.WriteTxnMarkersRequestMarkerTopic{{Topic: "x-txn", Partitions: []int32{3}}}},
		{ProducerID: 5002, Committed: true, Topics: []kmsg.WriteTxnMarkersRequestMarkerTopic{{Topic: "x-txn", Partitions: []int32{3}}}}}})
	for p := range int32(4) {
		s.whole("x-txn", p)
	}
}

// lso waits until no transaction is open in the first two partitions.
func (s *session) lso(topic string) {
	for p := range int32(2) {
		for i := 0; ; i++ {
			r := s.quiet(11, fetch(topic, p, 0, 1)).(*kmsg.FetchResponse).Topics[0].Partitions[0]
			if r.LastStableOffset == r.HighWatermark {
				break
			}
			if i > 500 {
				s.fail("%s-%d stays open", topic, p)
			}
			pause()
		}
	}
}
