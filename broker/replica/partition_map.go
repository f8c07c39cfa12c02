package replica

import (
	"maps"
	"sync/atomic"

	"momus/internal/model"
	"momus/internal/rank"
)

// partitionMap finds hosted partitions without a lock. It is two levels of maps, topics and their
// partitions, both replaced on writing: looking up allocates nothing, and adding to one topic
// copies the list of topics and that topic only.
type partitionMap struct {
	mu     rank.Mutex[rank.PartitionMap] // of writers
	topics atomic.Pointer[map[string]*topicPartitions]
	count  atomic.Int64
}

type topicPartitions struct {
	partitions atomic.Pointer[map[int32]*Partition]
}

// get takes no lock: both maps are replaced, never changed.
func (m *partitionMap) get(tp model.TopicPartition) *Partition {
	topics := m.topics.Load()
	if topics == nil {
		return nil
	}
	t := (*topics)[tp.Topic]
	if t == nil {
		return nil
	}
	return (*t.partitions.Load())[tp.Partition]
}

// add puts partitions into the map, replacing those with the same name.
func (m *partitionMap) add(ps []*Partition) {
	if len(ps) == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	byTopic := map[string][]*Partition{}
	for _, p := range ps {
		byTopic[p.tp.Topic] = append(byTopic[p.tp.Topic], p)
	}
	old := map[string]*topicPartitions{}
	if t := m.topics.Load(); t != nil {
		old = *t
	}
	next := old
	for topic, ps := range byTopic {
		t := old[topic]
		parts := map[int32]*Partition{}
		if t != nil {
			parts = maps.Clone(*t.partitions.Load())
		} else {
			if len(next) == len(old) {
				next = maps.Clone(old)
			}
			t = &topicPartitions{}
			next[topic] = t
		}
		before := len(parts)
		for _, p := range ps {
			parts[p.tp.Partition] = p
		}
		t.partitions.Store(&parts)
		m.count.Add(int64(len(parts) - before))
	}
	m.topics.Store(&next)
}

// remove takes partitions out of the map.
func (m *partitionMap) remove(tps []model.TopicPartition) {
	if len(tps) == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	topics := m.topics.Load()
	if topics == nil {
		return
	}
	byTopic := map[string][]int32{}
	for _, tp := range tps {
		byTopic[tp.Topic] = append(byTopic[tp.Topic], tp.Partition)
	}
	var next map[string]*topicPartitions
	for topic, ids := range byTopic {
		t := (*topics)[topic]
		if t == nil {
			continue
		}
		parts := maps.Clone(*t.partitions.Load())
		before := len(parts)
		for _, id := range ids {
			delete(parts, id)
		}
		t.partitions.Store(&parts)
		m.count.Add(int64(len(parts) - before))
		if len(parts) == 0 {
			if next == nil {
				next = maps.Clone(*topics)
			}
			delete(next, topic)
		}
	}
	if next != nil {
		m.topics.Store(&next)
	}
}

// each calls fn for every hosted partition, in no particular order.
func (m *partitionMap) each(fn func(p *Partition)) {
	topics := m.topics.Load()
	if topics == nil {
		return
	}
	for _, t := range *topics {
		for _, p := range *t.partitions.Load() {
			fn(p)
		}
	}
}
