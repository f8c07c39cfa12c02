package controller

import (
	"maps"
	"slices"

	"momus/internal/model"
)

// PartitionState is a partition's place in the partition state machine.
type PartitionState int8

// The partition states; the zero value is NonExistentPartition.
const (
	NonExistentPartition PartitionState = iota
	NewPartition
	OnlinePartition
	OfflinePartition
)

// ReplicaState is a replica's place in the replica state machine.
type ReplicaState int8

// The replica states; the zero value is NonExistentReplica.
const (
	NonExistentReplica ReplicaState = iota
	NewReplica
	OnlineReplica
	OfflineReplica
	ReplicaDeletionStarted
	ReplicaDeletionSuccessful
	ReplicaDeletionIneligible
)

var partitionStateNames = [...]string{"NonExistentPartition", "NewPartition", "OnlinePartition", "OfflinePartition"}

var replicaStateNames = [...]string{"NonExistentReplica", "NewReplica", "OnlineReplica", "OfflineReplica",
	"ReplicaDeletionStarted", "ReplicaDeletionSuccessful", "ReplicaDeletionIneligible"}

// String is Kafka's name.
func (s PartitionState) String() string { return partitionStateNames[s] }

// String is Kafka's name.
func (s ReplicaState) String() string { return replicaStateNames[s] }

// partition is what the controller knows about one partition.
type partition struct {
	model.TopicPartition
	topic      *topic
	assignment model.Assignment
	state      PartitionState
	// leadership is the record last read from or written to ZooKeeper; nil when the partition has
	// none. asOf is the event in which that was.
	leadership *model.LeaderAndISR
	asOf       int64
	// replicas has the states of all replicas whose state is not NonExistentReplica.
	replicas []replica
}

type replica struct {
	broker int32
	state  ReplicaState
}

func (p *partition) replicaState(broker int32) ReplicaState {
	for i := range p.replicas {
		if p.replicas[i].broker == broker {
			return p.replicas[i].state
		}
	}
	return NonExistentReplica
}

func (p *partition) setReplicaState(broker int32, s ReplicaState) {
	for i := range p.replicas {
		if p.replicas[i].broker == broker {
			p.topic.inStates[p.replicas[i].state]--
			if s == NonExistentReplica {
				p.replicas = slices.Delete(p.replicas, i, i+1)
			} else {
				p.replicas[i].state = s
				p.topic.inStates[s]++
			}
			return
		}
	}
	if s != NonExistentReplica {
		p.replicas = append(p.replicas, replica{broker, s})
		p.topic.inStates[s]++
	}
}

// topic is what the controller knows about one topic.
type topic struct {
	name       string
	partitions map[int32]*partition
	order      []*partition // by id; nil when partitions has changed since
	// inStates counts the replicas by state.
	inStates [len(replicaStateNames)]int

	// queuedForDeletion: /admin/delete_topics names it. deletionStarted: its partitions are
	// NonExistent. ineligible: deletion waits until a broker comes back or a reassignment ends.
	queuedForDeletion, deletionStarted, ineligibleForDeletion bool
}

// sorted lists the topic's partitions by id. The list is shared: nobody changes it.
func (t *topic) sorted() []*partition {
	if t.order == nil {
		t.order = make([]*partition, 0, len(t.partitions))
		for _, p := range t.partitions {
			t.order = append(t.order, p)
		}
		slices.SortFunc(t.order, func(a, b *partition) int { return int(a.Partition) - int(b.Partition) })
	}
	return t.order
}

// replicaIDs lists the assigned replicas of all partitions of the topic.
func (t *topic) replicaIDs() (ids []ReplicaID) {
	for _, p := range t.sorted() {
		for _, b := range p.assignment.Replicas {
			ids = append(ids, ReplicaID{p.TopicPartition, b})
		}
	}
	return ids
}

// inState lists the replicas of the topic in a state.
func (t *topic) inState(s ReplicaState) (ids []ReplicaID) {
	if t.inStates[s] == 0 {
		return nil
	}
	for _, p := range t.sorted() {
		for _, r := range p.replicas {
			if r.state == s {
				ids = append(ids, ReplicaID{p.TopicPartition, r.broker})
			}
		}
	}
	return ids
}

// Context is the state of the cluster as the active controller sees it. Only the core changes it.
type Context struct {
	// brokers are the live ones, including those that are shutting down.
	brokers      map[int32]*model.Broker
	shuttingDown map[int32]bool
	topics       map[string]*topic
	names        []string // of topics, in order; nil when topics has changed since
	// offlineDirs has the replicas on failed disks of live brokers.
	offlineDirs map[int32]map[model.TopicPartition]bool
	reassigning map[model.TopicPartition]bool
}

func newContext() *Context {
	return &Context{
		brokers: map[int32]*model.Broker{}, shuttingDown: map[int32]bool{}, topics: map[string]*topic{},
		offlineDirs: map[int32]map[model.TopicPartition]bool{}, reassigning: map[model.TopicPartition]bool{},
	}
}

// addTopic returns the topic, new if it was not known.
func (c *Context) addTopic(name string) *topic {
	t := c.topics[name]
	if t == nil {
		t = &topic{name: name, partitions: map[int32]*partition{}}
		c.topics[name], c.names = t, nil
	}
	return t
}

func (c *Context) removeTopic(name string) {
	t := c.topics[name]
	if t == nil {
		return
	}
	delete(c.topics, name)
	c.names = nil
	for _, p := range t.partitions {
		delete(c.reassigning, p.TopicPartition)
		for _, tps := range c.offlineDirs {
			delete(tps, p.TopicPartition)
		}
	}
}

// setAssignment adds the partition if it is not known.
func (c *Context) setAssignment(tp model.TopicPartition, a model.Assignment) *partition {
	t := c.addTopic(tp.Topic)
	p := t.partitions[tp.Partition]
	if p == nil {
		p = &partition{TopicPartition: tp, topic: t}
		t.partitions[tp.Partition], t.order = p, nil
	}
	p.assignment = a
	return p
}

// partition finds a partition, nil when it is not known.
func (c *Context) partition(tp model.TopicPartition) *partition {
	if t := c.topics[tp.Topic]; t != nil {
		return t.partitions[tp.Partition]
	}
	return nil
}

// topicNames lists the topics in order. The list is shared: nobody changes it.
func (c *Context) topicNames() []string {
	if c.names == nil {
		c.names = slices.Sorted(maps.Keys(c.topics))
	}
	return c.names
}

// each calls fn for every partition in order.
func (c *Context) each(fn func(t *topic, p *partition)) {
	for _, name := range c.topicNames() {
		t := c.topics[name]
		for _, p := range t.sorted() {
			fn(t, p)
		}
	}
}

// partitions lists those that ok accepts, in order.
func (c *Context) partitions(ok func(t *topic, p *partition) bool) (tps []model.TopicPartition) {
	c.each(func(t *topic, p *partition) {
		if ok(t, p) {
			tps = append(tps, p.TopicPartition)
		}
	})
	return tps
}

// liveOrShuttingDown lists the brokers that are sent requests.
func (c *Context) liveOrShuttingDown() []int32 { return slices.Sorted(maps.Keys(c.brokers)) }

// liveBrokers is the same as brokers, sorted.
func (c *Context) liveBrokers() []*model.Broker {
	ids := c.liveOrShuttingDown()
	bs := make([]*model.Broker, len(ids))
	for i, id := range ids {
		bs[i] = c.brokers[id]
	}
	return bs
}

// isLive reports whether a broker is live and not shutting down.
func (c *Context) isLive(id int32) bool { return c.brokers[id] != nil && !c.shuttingDown[id] }

// isOnline reports whether a replica is on a live broker and a working disk.
func (c *Context) isOnline(broker int32, tp model.TopicPartition) bool {
	return c.isLive(broker) && !c.offlineDirs[broker][tp]
}

// isOnlineOrShuttingDown counts brokers that are shutting down as well.
func (c *Context) isOnlineOrShuttingDown(broker int32, tp model.TopicPartition) bool {
	return c.brokers[broker] != nil && !c.offlineDirs[broker][tp]
}

func (c *Context) queuedForDeletion(topic string) bool {
	t := c.topics[topic]
	return t != nil && t.queuedForDeletion
}

// replicasOn lists all replicas assigned to any of the brokers.
func (c *Context) replicasOn(brokers []int32) (ids []ReplicaID) {
	c.each(func(_ *topic, p *partition) {
		for _, b := range p.assignment.Replicas {
			if slices.Contains(brokers, b) {
				ids = append(ids, ReplicaID{p.TopicPartition, b})
			}
		}
	})
	return ids
}

// offlineReplicas lists the assigned replicas of a partition that are not online.
func (c *Context) offlineReplicas(p *partition) []int32 {
	offline := []int32{}
	for _, b := range p.assignment.Replicas {
		if !c.isOnline(b, p.TopicPartition) {
			offline = append(offline, b)
		}
	}
	return offline
}
