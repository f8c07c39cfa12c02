package controller

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"momus/coordinator/zk"
	"momus/internal/kerr"
	"momus/internal/model"
)

// The rest of the recordings in which the controller of Apache Kafka did anything, or was asked to
// and did not. The tree before an operation is the one that the recording before it left; where
// something else had happened in between, change puts back what the trace shows.
func TestControllerDoesWhatKafkaDidInTheOtherRecordings(t *testing.T) {
	const hashOrder = "Kafka takes the replicas out of sync in hash order, so that another one is the last"
	for _, r := range []replay{
		{fixture: "05-create-topic-noconfig-zk", before: "04-create-topic-bootstrap"},
		{fixture: "07-add-partitions-bootstrap", before: "06-add-partitions-zk"},
		{fixture: "30-create-r3", before: "06-add-partitions-zk"},
		{fixture: "32-reassign-api-complete", before: "31-reassign-zk-tool", begin: reassignByRequest("zkplain", 0, nil, 2, 3)},
		{fixture: "33-reassign-api-complete-2", before: "33-reassign-api-complete-2", begin: reassignByRequest("slow", 0, nil, 3, 2), change: func(s *modelStore) {
			s.state("slow", 0, 0, 1, 0, 1, 2)
			s.assign("slow", 0, 0, 1, 2)
		}},
		{fixture: "37-preferred-election-zk", before: "36-restart-broker3", rebalanceBefore: zk.PreferredElectionPath},
		{fixture: "37b-preferred-election-znode", before: "68f-cancel-api-removes-from-znode", begin: func(b *bench) error {
			return errors.Join(b.core.Step(context.Background(), AutoRebalance{}),
				reassignByRequest("iso", 1, nil, 3, 1, 2)(b), reassignByRequest("iso", 0, nil, 2, 1, 3)(b))
		}},
		{fixture: "40-preferred-election-api", before: "39-restart-broker2", begin: func(b *bench) (err error) {
			step := b.core.Step(context.Background(), &ElectLeaders{Type: PreferredElection, All: true, Reply: func(_ []ElectionResult, failed error) { err = failed }})
			return errors.Join(step, err)
		}},
		{fixture: "43-delete-topic-api", before: "42-delete-topic-zk", ignoreWrites: hashOrder},
		{fixture: "44-delete-nonexistent-znode", before: "43-delete-topic-api"},
		{fixture: "45-delete-topic-with-dead-replica", before: "45-delete-topic-with-dead-replica", change: undoDeletion, ignoreWrites: hashOrder},
		{fixture: "46-delete-topic-resumed-on-restart", before: "45-delete-topic-with-dead-replica", change: undoDeletion, prepare: func(b *bench) error {
			b.store.put(zk.DeleteTopicPath("r3"), nil)
			return b.core.Step(context.Background(), TopicDeletion{})
		}},
		{fixture: "50-session-expiry-broker2", before: "46-delete-topic-resumed-on-restart", change: func(s *modelStore) {
			for topic, first := range map[string][]int32{"iso": {1, 2, 3}, "unc": {3, 2}} {
				s.assign(topic, 0, 0, first...)
				s.state(topic, 0, 0, first[0], 0, first...)
			}
			as, _, _ := s.Assignment(context.Background(), "iso")
			as[1] = model.Assignment{Replicas: []int32{2, 3, 1}}
			s.nodes[zk.TopicPath("iso")].data = zk.EncodeTopic(as)
			s.state("iso", 1, 0, 2, 0, 2, 3, 1)
		}, skip: 2, lost: 1, rest: 4, begin: func(b *bench) error {
			return errors.Join(b.core.Step(context.Background(), AutoRebalance{}), removeBroker(2)(b))
		}},
		{fixture: "51-isr-shrink", before: "51-isr-shrink", skip: 1, rebalanceBefore: zk.TopicsPath + "/iso", change: func(s *modelStore) {
			s.state("iso", 0, 4, 1, 2, 1, 2, 3)
			s.state("slow", 0, 19, 2, 12, 2, 3)
			s.state("unc", 0, 4, 2, 2, 2, 3)
		}},
		{fixture: "52-isr-expand", before: "51-isr-shrink"},
		{fixture: "53-offline-partition", before: "53-offline-partition", change: undoSecondDeath, begin: removeBroker(3)},
		{fixture: "54-broker2-back-no-eligible-leader", before: "53-offline-partition"},
		{fixture: "56-broker3-back", before: "55-unclean-enable-topic-config"},
		{fixture: "58-broker1-back", before: "57-controller-kill9"},
		{fixture: "59-auto-preferred-rebalance", before: "58-broker1-back", rebalance: true},
		{fixture: "60-delete-controller-znode", before: "59-auto-preferred-rebalance", takeover: true},
		{fixture: "62-log-dir-failure-broker3", before: "60-delete-controller-znode", rest: 4, answer: failedDirectory},
		{fixture: "64-reassign-zk-throttled-complete", before: "64-reassign-zk-throttled-complete", change: func(s *modelStore) {
			s.state("big", 0, 0, 1, 0, 1, 2)
			s.assign("big", 0, 0, 1, 2)
		}},
		{fixture: "64b-reassign-in-progress", before: "64b-reassign-in-progress", skip: 2, begin: reassignByRequest("mv", 0, nil, 3, 2), change: func(s *modelStore) {
			s.state("mv", 0, 0, 1, 0, 1, 2)
			s.assign("mv", 0, 0, 1, 2)
		}},
		{fixture: "65b-delete-topic-during-reassign", before: "64b-reassign-in-progress", silent: 3, ignoreWrites: hashOrder},
		{fixture: "66b-reassign-cancel-rejected", before: "65b-delete-topic-during-reassign", silent: 3, begin: func(b *bench) error {
			return errors.Join(reassignByRequest("mv", 0, kerr.UnknownTopicOrPartition)(b), removeBroker(3)(b))
		}},
		{fixture: "68b-reassign-znode-with-extra-key", before: "67b-delete-finished"},
		{fixture: "68e-failover-processes-reassign-znode", before: "68e-failover-processes-reassign-znode", takeover: true, change: func(s *modelStore) {
			s.state("iso", 0, 31, 1, 17, 2, 1, 3)
			s.nodes[zk.TopicPath("iso")] = &modelNode{version: 2, czxid: 1, data: zk.EncodeTopic(zk.Assignments{0: {Replicas: []int32{1, 2, 3}}, 1: {Replicas: []int32{3, 1, 2}}})}
			s.nodes[zk.ReassignPartitionsPath].data = []byte(`{"version":1,"partitions":[{"topic":"nope","partition":0,"replicas":[1,2]},{"topic":"iso","partition":0,"replicas":[1,7]}]}`)
			s.epoch.Epoch--
			s.epoch.ZKVersion--
		}},
		{fixture: "68f-cancel-api-removes-from-znode", before: "68e-failover-processes-reassign-znode", begin: reassignByRequest("iso", 0, nil)},
	} {
		t.Run(r.fixture, func(t *testing.T) { r.run(t) })
	}
}

// reassignByRequest asks for new replicas of a partition, or, without any, for the end of its
// reassignment, and expects an answer.
func reassignByRequest(topic string, partition int32, want error, replicas ...int32) func(*bench) error {
	return func(b *bench) error {
		var got error
		answered := false
		err := b.core.Step(context.Background(), &AlterReassignments{
			Partitions: []zk.Reassignment{{TopicPartition: model.TopicPartition{Topic: topic, Partition: partition}, Replicas: replicas}},
			Reply: func(results []ReassignmentResult, err error) {
				answered = true
				if got = err; len(results) == 1 && err == nil {
					got = results[0].Err
				}
			},
		})
		if err == nil && (!answered || !errors.Is(got, want)) {
			err = fmt.Errorf("the reassignment was answered %v (%v), not %v", got, answered, want)
		}
		return err
	}
}

// state puts a state node back as it was.
func (s *modelStore) state(topic string, partition, version, leader, epoch int32, isr ...int32) {
	tp := model.TopicPartition{Topic: topic, Partition: partition}
	n := s.nodes[zk.StatePath(tp)]
	controller := s.epoch.Epoch
	if n == nil {
		for _, p := range []string{zk.TopicPath(topic), zk.PartitionsPath(topic), zk.PartitionPath(tp)} {
			if s.nodes[p] == nil {
				s.nodes[p] = &modelNode{czxid: 1}
			}
		}
		n = &modelNode{czxid: 1}
		s.nodes[zk.StatePath(tp)] = n
	} else if st, err := zk.DecodeState(n.data, n.version); err == nil {
		controller = st.ControllerEpoch
	}
	n.version = version
	n.data = zk.EncodeState(model.LeaderAndISR{Leader: leader, LeaderEpoch: epoch, ISR: isr, ControllerEpoch: controller})
}

// assign puts the node of a topic with one partition back as it was.
func (s *modelStore) assign(topic string, partition, version int32, replicas ...int32) {
	s.nodes[zk.TopicPath(topic)] = &modelNode{version: version, czxid: 1, data: zk.EncodeTopic(zk.Assignments{partition: {Replicas: replicas}})}
}

// undoDeletion turns the tree of a topic whose deletion waits for broker 3 into the one before it
// was asked for.
func undoDeletion(s *modelStore) {
	delete(s.nodes, zk.DeleteTopicPath("r3"))
	s.state("r3", 0, 7, 1, 4, 1, 2)
	s.state("r3", 1, 8, 2, 5, 1, 2)
	s.state("r3", 2, 9, 1, 6, 1, 2)
}

// undoSecondDeath turns the tree after the death of broker 3, with broker 2 dead already, into the
// one before: broker 3 led what it prefers, and what only it could.
func undoSecondDeath(s *modelStore) {
	s.register(3, model.Endpoint{Listener: "PLAINTEXT", Host: "127.0.0.1", Port: 19093})
	s.state("iso", 0, 7, 1, 3, 1, 3)
	s.state("iso", 1, 5, 3, 3, 3, 1)
	s.state("zkplain", 0, 22, 3, 14, 3)
	s.state("unc", 0, 6, 3, 4, 3)
	s.state("slow", 0, 21, 3, 14, 3)
	s.state("__consumer_offsets", 0, 8, 3, 8, 3)
	s.state("__transaction_state", 1, 8, 3, 8, 3)
}

// failedDirectory answers as broker 3 did when one of its directories had failed.
func failedDirectory(r sentRequest) Event {
	q, ok := r.Request.(*LeaderAndISR)
	if !ok || r.to != 3 {
		return nil
	}
	reply := &LeaderAndISRReply{Broker: 3, Errors: map[model.TopicPartition]int16{}}
	for _, p := range q.Partitions {
		switch p.TopicPartition.String() {
		case "iso-0", "iso-1", "__consumer_offsets-0":
			reply.Errors[p.TopicPartition] = kerr.KafkaStorageError.Code
		default:
			reply.Errors[p.TopicPartition] = 0
		}
	}
	return reply
}
