package controller

import (
	"context"
	"fmt"

	"momus/coordinator/zk"
	"momus/internal/kerr"
	"momus/internal/model"
)

// rareStep is one of the events that happen less often in a cluster.
func (h *history) rareStep(id int32, note func(format string, args ...any)) error {
	ctx := context.Background()
	switch h.r.IntN(9) {
	case 0: // a disk of the broker fails; some of what it hosts is lost
		if !h.alive[id] {
			return nil
		}
		note("disk of %d", id)
		h.store.put(fmt.Sprintf("%s/log_dir_event_%010d", zk.LogDirEventsPath, h.notes), zk.EncodeLogDirEvent(id))
		h.notes++
		delete(h.told, id)
		if err := h.do(LogDirEvent{}); err != nil || h.told[id] == nil {
			return err
		}
		reply := &LeaderAndISRReply{Broker: id, Errors: map[model.TopicPartition]int16{}}
		for _, p := range h.told[id].Partitions {
			if h.r.IntN(3) == 0 {
				reply.Errors[p.TopicPartition] = kerr.KafkaStorageError.Code
			} else {
				reply.Errors[p.TopicPartition] = 0
			}
		}
		return h.do(reply)
	case 1: // preferred leaders by the znode
		if tp, ok := h.partition(); ok {
			note("preferred leader of %s", tp)
			h.store.put(zk.PreferredElectionPath, zk.EncodePartitions([]model.TopicPartition{tp}))
			return h.do(PreferredElectionRequested{})
		}
	case 2: // by request, of all or of one
		tp, ok := h.partition()
		ev := &ElectLeaders{Type: PreferredElection, All: !ok || h.r.IntN(2) == 0, Reply: func([]ElectionResult, error) {}}
		if !ev.All {
			ev.Partitions = []model.TopicPartition{tp}
		}
		if h.unclean && h.r.IntN(2) == 0 {
			ev.Type = UncleanElection
			h.wishes++
			defer func() { h.wishes-- }()
		}
		note("elect leaders of %v, type %d", ev.Partitions, ev.Type)
		return h.do(ev)
	case 3: // a reassignment by the znode
		if tp, ok := h.partition(); ok {
			r := zk.Reassignment{TopicPartition: tp, Replicas: h.brokers()}
			note("reassign %s to %v by the node", tp, r.Replicas)
			h.store.put(zk.ReassignPartitionsPath, zk.EncodeReassignments([]zk.Reassignment{r}))
			if err := h.do(ReassignmentRequested{}); err != nil {
				return err
			}
			return h.do(ReassignmentsRewritten{})
		}
	case 4:
		var err error
		if lerr := h.do(&ListReassignments{All: true, Reply: func(running map[model.TopicPartition]model.Assignment, _ error) {
			for tp, a := range running {
				if stored, _, _ := h.store.Assignment(ctx, tp.Topic); !sameAssignment(stored[tp.Partition], a) {
					err = fmt.Errorf("%s is listed as %+v, the node has %+v", tp, a, stored[tp.Partition])
				}
			}
		}}); lerr != nil {
			return lerr
		}
		return err
	case 5:
		if h.alive[id] {
			note("%d has another listener", id)
			e := model.Endpoint{Listener: "PLAINTEXT", Host: "h", Port: 9000 + h.r.Int32N(100)}
			h.store.put(zk.BrokerPath(id), zk.EncodeBroker(&zk.Registration{Version: 4, JMXPort: -1, Endpoints: []model.Endpoint{e}}))
			return h.do(BrokerModification{id})
		}
	case 6:
		if h.unclean {
			note("unclean elections for all")
			h.settings.UncleanLeaderElection = true
			err := h.do(UncleanElectionEnabled{})
			if h.r.IntN(2) == 0 {
				h.settings.UncleanLeaderElection = false
			}
			return err
		}
	case 7:
		if name := h.topic(); name != "" && h.unclean {
			note("unclean elections for %s", name)
			h.store.put(zk.ConfigPath(zk.EntityTopics, name), zk.EncodeConfig(map[string]string{"unclean.leader.election.enable": "true"}))
			return h.do(TopicUncleanElectionEnabled{name})
		}
	case 8: // what brokers of another epoch, or late ones, answer
		note("a stale answer of %d", id)
		return h.do(&LeaderAndISRReply{Broker: id, Code: kerr.StaleControllerEpoch.Code})
	}
	return nil
}

// remember notes who is in sync before an event.
func (h *history) remember() {
	h.was, h.insync = map[string]model.LeaderAndISR{}, map[string]map[int32]bool{}
	for _, name := range h.store.list(zk.TopicsPath) {
		as, _, _ := h.store.Assignment(context.Background(), name)
		for _, id := range as.Partitions() {
			tp := model.TopicPartition{Topic: name, Partition: id}
			if n := h.store.nodes[zk.StatePath(tp)]; n != nil {
				st, _ := zk.DecodeState(n.data, n.version)
				h.was[tp.String()] = st
				h.inSync(tp.String(), st.ISR)
			}
		}
	}
}

func (h *history) inSync(key string, isr []int32) {
	if h.insync == nil {
		return
	}
	if h.insync[key] == nil {
		h.insync[key] = map[int32]bool{}
	}
	for _, b := range isr {
		h.insync[key][b] = true
	}
}

// elected reports whether the partition had a state before this step and has got another leader in
// it.
func (h *history) elected(key string, now model.LeaderAndISR) bool {
	before, ok := h.was[key]
	return ok && now.Leader >= 0 && now.Leader != before.Leader
}

func (h *history) mayBeUnclean(topic string) bool {
	return h.settings.UncleanLeaderElection || h.store.nodes[zk.ConfigPath(zk.EntityTopics, topic)] != nil // nothing else is set there
}

// lost reports whether the topic's node does not say what the controller has; nodes are read once,
// into stored.
func lost(s *modelStore, stored map[string]zk.Assignments, p *partition) bool {
	as, read := stored[p.Topic]
	if !read {
		as, _, _ = s.Assignment(context.Background(), p.Topic)
		stored[p.Topic] = as
	}
	if as == nil { // the topic is gone, and nobody has been told
		return false
	}
	a, there := as[p.Partition]
	return !there || !sameAssignment(a, p.assignment)
}
