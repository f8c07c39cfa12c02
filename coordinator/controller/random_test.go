package controller

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"momus/coordinator/zk"
	"momus/internal/kerr"
	"momus/internal/model"
)

var seed = flag.Uint64("seed", 0, "seed of the one random cluster history to run; 0 runs many")
var random = flag.Bool("random", false, "begin the random histories at a seed of chance")

// TestRandomHistoriesKeepTheInvariants lets a cluster of up to five brokers live through random
// events, with leaders that write their ISR, answers that come late, writes that conflict, and new
// controllers, and checks after each step what must always hold.
// firstSeed is the same in every run, so that a change is blamed for what it did; -random looks for
// histories that nobody has seen.
func firstSeed() uint64 {
	if *random {
		return rand.Uint64N(1 << 40)
	}
	return 1
}

func TestRandomHistoriesKeepTheInvariants(t *testing.T) {
	if *seed != 0 {
		if err := newHistory(*seed).run(); err != nil {
			t.Fatal(err)
		}
		return
	}
	first, driven := firstSeed(), map[string]bool{}
	for i := range uint64(2000) {
		h := newHistory(first + i)
		if err := h.run(); err != nil {
			t.Fatalf("-seed=%d: %v", first+i, err)
		}
		maps.Copy(driven, h.driven)
	}
	for _, name := range eventTypes(t) {
		if !driven[name] && name != "Inspect" {
			t.Errorf("no history has the event %s", name)
		}
	}
}

// The same events in the same order have the same effects in the same order: the controller can be
// replayed.
func TestSameEventsSameEffects(t *testing.T) {
	first := firstSeed()
	for seed := first; seed < first+30; seed++ {
		var runs [2][]string
		for i := range runs {
			h := newHistory(seed)
			h.effects = &runs[i]
			if err := h.run(); err != nil {
				t.Fatalf("-seed=%d: %v", seed, err)
			}
		}
		for i := range min(len(runs[0]), len(runs[1])) {
			if runs[0][i] != runs[1][i] {
				t.Fatalf("seed %d, effect %d of %d:\n%s\nthe second time\n%s", seed, i, len(runs[0]), runs[0][i], runs[1][i])
			}
		}
		if len(runs[0]) != len(runs[1]) || len(runs[0]) == 0 {
			t.Fatalf("seed %d: %d effects, the second time %d", seed, len(runs[0]), len(runs[1]))
		}
	}
}

type history struct {
	*bench
	r       *rand.Rand
	alive   map[int32]bool
	notes   int
	topics  int
	log     []string
	leaders map[string]int32 // the leader of each epoch of each partition, by incarnation
	epochs  map[string]int32
	stops   []sentRequest
	told    map[int32]*LeaderAndISR // the last LeaderAndIsr to each broker
	driven  map[string]bool         // the types of the events
	effects *[]string               // if not nil: writes and requests, in order

	unclean bool                          // unclean elections may happen in this history
	wishes  int                           // unclean elections that were asked for in this step
	insync  map[string]map[int32]bool     // who was in sync at any time in this step
	was     map[string]model.LeaderAndISR // before this step
}

func newHistory(seed uint64) *history {
	store := newModelStore()
	store.put(zk.ControllerEpochPath, []byte("0"))
	h := &history{bench: newBench(store), r: rand.New(rand.NewPCG(seed, 1)), alive: map[int32]bool{}, leaders: map[string]int32{}, epochs: map[string]int32{},
		told: map[int32]*LeaderAndISR{}, driven: map[string]bool{}}
	h.unclean = h.r.IntN(4) == 0
	store.before = func(tp model.TopicPartition) { // now and then the leader is faster
		if h.r.IntN(10) == 0 {
			h.leaderWrites(tp)
		}
	}
	return h
}

// run lives through some events, most often a few, seldom many, and then lets everybody come back.
func (h *history) run() error {
	steps := 5 + h.r.IntN(20)
	if h.r.IntN(200) == 0 {
		steps = 150
	}
	for id := int32(1); id <= 4; id++ {
		h.alive[id] = true
		h.store.register(id)
	}
	if err := h.elect(); err != nil {
		return err
	}
	for range steps {
		if err := h.step(); err != nil {
			return fmt.Errorf("%w\nhistory: %v", err, h.log)
		}
	}
	// Everybody restarts, everything is answered: all must be well.
	for id := int32(1); id <= 5; id++ {
		h.alive[id] = true
		h.store.register(id)
	}
	h.log = append(h.log, "all back")
	if err := h.do(BrokerChange{}); err != nil {
		return err
	}
	for range 20 {
		if err := h.answer(false); err != nil {
			return err
		}
		for _, name := range h.store.list(zk.TopicsPath) {
			as, _, _ := h.store.Assignment(context.Background(), name)
			for _, id := range as.Partitions() {
				tp := model.TopicPartition{Topic: name, Partition: id}
				if err := h.everybodyInSync(tp); err != nil {
					return err
				}
			}
		}
		if err := h.settled(); err == nil {
			return nil
		}
	}
	return h.settled()
}

func (h *history) do(ev Event) error {
	h.driven[strings.TrimPrefix(strings.TrimPrefix(fmt.Sprintf("%T", ev), "*"), "controller.")] = true
	h.remember()
	if err := h.core.Step(context.Background(), ev); err != nil {
		return fmt.Errorf("%T: %w", ev, err)
	}
	writes, sent := h.take()
	if h.effects != nil {
		*h.effects = append(*h.effects, writes...)
		for _, s := range sent {
			*h.effects = append(*h.effects, s.String())
		}
	}
	for _, s := range sent {
		if stop, ok := s.Request.(*StopReplica); ok && stop.Delete {
			h.stops = append(h.stops, s)
		}
		b := h.core.brokers[s.to]
		var epoch int64
		switch q := s.Request.(type) {
		case *LeaderAndISR:
			epoch = q.BrokerEpoch
			h.told[s.to] = q
		case *UpdateMetadata:
			epoch = q.BrokerEpoch
		case *StopReplica:
			epoch = q.BrokerEpoch
		}
		if b != nil && epoch > b.Epoch {
			return fmt.Errorf("request to broker %d with epoch %d, it has %d", s.to, epoch, b.Epoch)
		}
	}
	return h.check()
}

func (h *history) step() error {
	id := 1 + h.r.Int32N(5)
	note := func(format string, args ...any) { h.log = append(h.log, fmt.Sprintf(format, args...)) }
	switch h.r.IntN(22) {
	case 0:
		if h.alive[id] && len(h.alive) > 1 {
			note("kill %d", id)
			delete(h.alive, id)
			delete(h.store.nodes, zk.BrokerPath(id))
			return h.do(BrokerChange{})
		}
	case 1, 2:
		note("start or bounce %d", id)
		h.alive[id] = true
		h.store.register(id)
		return h.do(BrokerChange{})
	case 3, 4:
		h.topics++
		name := fmt.Sprintf("t%d", h.topics)
		note("create %s", name)
		h.store.put(zk.TopicPath(name), zk.EncodeTopic(h.assignments(0)))
		return h.do(TopicChange{})
	case 5:
		if name := h.topic(); name != "" {
			as, _, _ := h.store.Assignment(context.Background(), name)
			next := int32(0) // an addition that was undone may have left a gap below; nobody writes over what is there
			for p := range as {
				next = max(next, p+1)
			}
			maps.Copy(as, h.assignments(next))
			note("extend %s", name)
			h.store.put(zk.TopicPath(name), zk.EncodeTopic(as))
			return h.do(PartitionModification{name})
		}
	case 6:
		if name := h.topic(); name != "" {
			note("delete %s", name)
			h.store.put(zk.DeleteTopicPath(name), nil)
			return h.do(TopicDeletion{})
		}
	case 7, 8:
		if tp, ok := h.partition(); ok && h.leaderWrites(tp) {
			note("isr %s", tp)
			h.store.put(fmt.Sprintf("%s/isr_change_%010d", zk.ISRChangesPath, h.notes), zk.EncodePartitions([]model.TopicPartition{tp}))
			h.notes++
			if err := h.do(ISRChange{}); err != nil {
				return err
			}
			return h.do(ReassignmentProgress{tp})
		}
	case 9:
		note("answer")
		return h.answer(h.r.IntN(4) == 0)
	case 10:
		note("rebalance")
		return h.do(AutoRebalance{})
	case 11:
		if h.r.IntN(3) == 0 {
			note("new controller")
			h.stops = nil
			h.remember()
			if err := h.elect(); err != nil {
				return err
			}
			_, sent := h.take()
			for _, s := range sent {
				if stop, ok := s.Request.(*StopReplica); ok && stop.Delete {
					h.stops = append(h.stops, s)
				}
			}
			return h.check()
		}
	case 12:
		note("shutdown %d", id)
		return h.do(&ControlledShutdown{Broker: id, Epoch: -1, Reply: func([]model.TopicPartition, error) {}})
	case 13:
		if tp, ok := h.partition(); ok {
			r := zk.Reassignment{TopicPartition: tp, Replicas: h.brokers()}
			if h.r.IntN(3) == 0 {
				r.Replicas = nil
			}
			note("reassign %s to %v", tp, r.Replicas)
			return h.do(&AlterReassignments{Partitions: []zk.Reassignment{r}, Reply: func([]ReassignmentResult, error) {}})
		}
	default:
		return h.rareStep(id, note)
	}
	return nil
}

func (h *history) brokers() []int32 {
	ids := []int32{1, 2, 3, 4, 5}
	h.r.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	return ids[:1+h.r.IntN(3)]
}

func (h *history) assignments(first int32) zk.Assignments {
	as := zk.Assignments{}
	for i := range 1 + h.r.Int32N(3) {
		as[first+i] = model.Assignment{Replicas: h.brokers()}
	}
	return as
}

func (h *history) topic() string {
	if names := h.store.list(zk.TopicsPath); len(names) > 0 {
		return names[h.r.IntN(len(names))]
	}
	return ""
}

func (h *history) partition() (model.TopicPartition, bool) {
	name := h.topic()
	if name == "" {
		return model.TopicPartition{}, false
	}
	as, _, _ := h.store.Assignment(context.Background(), name)
	ids := as.Partitions()
	return model.TopicPartition{Topic: name, Partition: ids[h.r.IntN(len(ids))]}, true
}

// leaderWrites lets the leader of a partition write some in-sync replicas: itself and any of the
// others that live.
func (h *history) leaderWrites(tp model.TopicPartition) bool {
	n := h.store.nodes[zk.StatePath(tp)]
	if n == nil {
		return false
	}
	st, _ := zk.DecodeState(n.data, n.version)
	if st.Leader < 0 || !h.alive[st.Leader] {
		return false
	}
	p := h.core.partition(tp)
	if p == nil {
		return false
	}
	isr := []int32{st.Leader}
	for _, b := range p.assignment.Replicas { // what the leader was told, not what is on its way
		if b != st.Leader && h.alive[b] && h.r.IntN(2) == 0 {
			isr = append(isr, b)
		}
	}
	h.writeISR(tp, isr)
	h.inSync(tp.String(), isr)
	return true
}

// everybodyInSync lets the leader put all replicas in sync and completes a reassignment.
func (h *history) everybodyInSync(tp model.TopicPartition) error {
	n := h.store.nodes[zk.StatePath(tp)]
	if n == nil {
		return nil
	}
	st, _ := zk.DecodeState(n.data, n.version)
	as, _, _ := h.store.Assignment(context.Background(), tp.Topic)
	if st.Leader >= 0 {
		h.writeISR(tp, slices.Clone(as[tp.Partition].Replicas))
	}
	if p := h.core.partition(tp); p == nil || !isReassigning(p.assignment) && h.r.IntN(10) > 0 {
		return nil // it would do nothing
	}
	return h.do(ReassignmentProgress{tp})
}

// answer lets brokers answer what they were asked to delete.
func (h *history) answer(fail bool) error {
	stops := h.stops
	h.stops = nil
	for _, s := range stops {
		reply := &StopReplicaReply{Broker: s.to, Errors: map[model.TopicPartition]int16{}}
		for _, tp := range s.Request.(*StopReplica).Partitions {
			if fail {
				reply.Errors[tp] = kerr.KafkaStorageError.Code
			} else {
				reply.Errors[tp] = 0
			}
		}
		if err := h.do(reply); err != nil {
			return err
		}
	}
	return nil
}

// check verifies what must hold after every event.
func (h *history) check() (err error) {
	stored := map[string]zk.Assignments{}
	h.core.each(func(tt *topic, p *partition) {
		if err != nil || p.leadership == nil {
			return
		}
		l := p.leadership
		key := p.TopicPartition.String()
		switch {
		case l.Leader >= 0 && !slices.Contains(l.ISR, l.Leader):
			err = fmt.Errorf("%s: leader %d is not in sync %v", key, l.Leader, l.ISR)
		case len(l.ISR) == 0:
			err = fmt.Errorf("%s: nobody is in sync", key)
		case !tt.queuedForDeletion && lost(h.store, stored, p):
			err = fmt.Errorf("%s: the controller has %+v, the topic's node something else", key, p.assignment)
		case h.elected(key, *l) && !h.insync[key][l.Leader] && h.wishes == 0 && !h.mayBeUnclean(p.Topic):
			err = fmt.Errorf("%s: leader %d was elected, in sync were %v", key, l.Leader, h.was[key].ISR)
		case l.LeaderEpoch < h.epochs[key]:
			err = fmt.Errorf("%s: leader epoch fell from %d to %d", key, h.epochs[key], l.LeaderEpoch)
		case p.state == OnlinePartition && !tt.queuedForDeletion && !h.core.isOnline(l.Leader, p.TopicPartition) && !h.core.shuttingDown[l.Leader]:
			err = fmt.Errorf("%s is online but its leader %d is not", key, l.Leader)
		case p.state != OnlinePartition && !tt.queuedForDeletion && h.core.isOnline(l.Leader, p.TopicPartition):
			err = fmt.Errorf("%s is %s but its leader %d lives", key, p.state, l.Leader)
		}
		h.epochs[key] = l.LeaderEpoch
		if l.Leader >= 0 && err == nil {
			at := fmt.Sprintf("%s epoch %d", key, l.LeaderEpoch)
			if before, ok := h.leaders[at]; ok && before != l.Leader {
				err = fmt.Errorf("%s has two leaders, %d and %d", at, before, l.Leader)
			}
			h.leaders[at] = l.Leader
		}
		for _, r := range p.replicas {
			if !slices.Contains(p.assignment.Replicas, r.broker) && err == nil {
				err = fmt.Errorf("%s: replica on %d is %s but not assigned %v", key, r.broker, r.state, p.assignment.Replicas)
			}
		}
	})
	return err
}

// settled verifies the end: all brokers live, so every partition has a leader and no deletion is
// left.
func (h *history) settled() (err error) {
	if left := h.store.list(zk.DeleteTopicsPath); len(left) > 0 {
		return fmt.Errorf("not deleted: %v\nhistory: %v", left, h.log)
	}
	h.core.each(func(_ *topic, p *partition) {
		if err != nil {
			return
		}
		n := h.store.nodes[zk.StatePath(p.TopicPartition)]
		if p.leadership == nil || n == nil || p.leadership.Leader < 0 || p.state != OnlinePartition {
			err = fmt.Errorf("%s has no leader: %s, %+v\nhistory: %v", p.TopicPartition, p.state, p.leadership, h.log)
		}
		if isReassigning(p.assignment) {
			err = fmt.Errorf("%s is still being reassigned: %+v\nhistory: %v", p.TopicPartition, p.assignment, h.log)
		}
		for _, r := range p.replicas {
			if r.state != OnlineReplica && err == nil {
				err = fmt.Errorf("%s: replica on %d is %s\nhistory: %v", p.TopicPartition, r.broker, r.state, h.log)
			}
		}
	})
	return err
}
