// Package metadata is the broker's view of the cluster: the live brokers, the controller, and the
// leadership of every partition, as the controller last told it by UpdateMetadata (Kafka's
// MetadataCache). A Snapshot is immutable and swapped atomically, so readers take no lock and see
// one consistent state. The broker owns one Cache; the package starts no goroutine.
package metadata

import (
	"context"
	"hash/maphash"
	"maps"
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"momus/internal/model"
)

// NoController is the ControllerID of a snapshot as long as no controller is known.
const NoController int32 = -1

// Partition is what the controller said about one partition. The slices belong to the snapshot:
// nobody changes them.
type Partition struct {
	ID int32
	model.LeaderAndISR
	Replicas        []int32
	OfflineReplicas []int32 // replicas on dead brokers or failed disks
}

// PartitionUpdate is one partition of an Update. Leader model.LeaderDuringDelete removes it.
type PartitionUpdate struct {
	Topic     string
	Partition Partition
}

// Update is the content of one UpdateMetadata request: the brokers replace all former ones, the
// partitions are a delta. The cache keeps all slices and pointers of an Update.
type Update struct {
	ControllerID int32 // negative: none
	Brokers      []*model.Broker
	Partitions   []PartitionUpdate
}

// shardCount is how many maps the topics are spread over; an update copies only the maps that it
// touches.
const shardCount = 64

// Snapshot is one immutable state of the cluster.
type Snapshot struct {
	ClusterID    string
	ControllerID int32 // NoController when unknown
	Brokers      map[int32]*model.Broker

	seed   maphash.Seed
	shards [shardCount]map[string][]Partition
	names  func() []string
	alive  func() []*model.Broker
}

// Topic returns the partitions of a topic sorted by id, nil when the topic is unknown.
func (s *Snapshot) Topic(name string) []Partition { return s.shards[s.shard(name)][name] }

// Partition finds one partition.
func (s *Snapshot) Partition(tp model.TopicPartition) (*Partition, bool) {
	ps := s.Topic(tp.Topic)
	// Ids are dense except while a topic is created or deleted, so the id is nearly always the
	// index.
	if i := int(tp.Partition); i >= 0 && i < len(ps) && ps[i].ID == tp.Partition {
		return &ps[i], true
	}
	i := sort.Search(len(ps), func(i int) bool { return ps[i].ID >= tp.Partition })
	if i < len(ps) && ps[i].ID == tp.Partition {
		return &ps[i], true
	}
	return nil, false
}

// Topics lists all topic names, sorted. The slice is shared: read only.
func (s *Snapshot) Topics() []string { return s.names() }

// AliveBrokers lists the live brokers by id. The slice is shared: read only.
func (s *Snapshot) AliveBrokers() []*model.Broker { return s.alive() }

// IsAlive tells whether the controller counts the broker among the live ones.
func (s *Snapshot) IsAlive(id int32) bool { return s.Brokers[id] != nil }

// Endpoint is the address of a live broker on a listener.
func (s *Snapshot) Endpoint(id int32, listener string) (model.Endpoint, bool) {
	if b := s.Brokers[id]; b != nil {
		return b.Endpoint(listener)
	}
	return model.Endpoint{}, false
}

func (s *Snapshot) shard(topic string) int {
	return int(maphash.String(s.seed, topic) % shardCount)
}

// Cache holds the current Snapshot. Its methods may be called from any goroutine.
type Cache struct {
	snapshot atomic.Pointer[Snapshot]

	mu struct {
		sync.Mutex
		changed chan struct{} // closed and replaced by Apply
	}
}

// NewCache starts with an empty cluster without a controller.
func NewCache(clusterID string) *Cache {
	c := &Cache{}
	c.mu.changed = make(chan struct{})
	s := &Snapshot{ClusterID: clusterID, ControllerID: NoController, Brokers: map[int32]*model.Broker{}, seed: maphash.MakeSeed()}
	s.finish()
	c.snapshot.Store(s)
	return c
}

// Snapshot is the current state; never nil.
func (c *Cache) Snapshot() *Snapshot { return c.snapshot.Load() }

// Changed returns a channel that is closed by the next Apply. Take it before looking at Snapshot,
// else a change is missed.
func (c *Cache) Changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.changed
}

// WaitFor returns true as soon as ok holds for the current snapshot, false when ctx ends first. It
// is the waiting place of CreateTopics, CreatePartitions, DeleteTopics and ElectLeaders (Kafka's
// topic and election purgatories).
func (c *Cache) WaitFor(ctx context.Context, ok func(*Snapshot) bool) bool {
	for {
		changed := c.Changed()
		if ok(c.Snapshot()) {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// SetClusterID stores the cluster id, which is known only after ZooKeeper was asked.
func (c *Cache) SetClusterID(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := *c.snapshot.Load()
	next.ClusterID = id
	c.snapshot.Store(&next)
}

// Apply makes the next snapshot and returns the partitions that this update removed, in the order
// of the update.
func (c *Cache) Apply(u Update) (deleted []model.TopicPartition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := *c.snapshot.Load()
	next.ControllerID = max(u.ControllerID, NoController)
	next.Brokers = make(map[int32]*model.Broker, len(u.Brokers))
	for _, b := range u.Brokers {
		next.Brokers[b.ID] = b
	}

	var copied [shardCount]bool
	byTopic := make(map[string][]Partition)
	var order []string
	for i := range u.Partitions {
		p := &u.Partitions[i]
		if _, ok := byTopic[p.Topic]; !ok {
			order = append(order, p.Topic)
		}
		byTopic[p.Topic] = append(byTopic[p.Topic], p.Partition)
	}
	for _, topic := range order {
		i := next.shard(topic)
		if !copied[i] {
			copied[i] = true
			if next.shards[i] = maps.Clone(next.shards[i]); next.shards[i] == nil {
				next.shards[i] = make(map[string][]Partition)
			}
		}
		merged, gone := merge(next.shards[i][topic], byTopic[topic])
		for _, id := range gone {
			deleted = append(deleted, model.TopicPartition{Topic: topic, Partition: id})
		}
		if len(merged) == 0 {
			delete(next.shards[i], topic)
		} else {
			next.shards[i][topic] = merged
		}
	}
	next.finish()
	c.snapshot.Store(&next)
	close(c.mu.changed)
	c.mu.changed = make(chan struct{})
	return deleted
}

// finish sets what is computed at most once a snapshot, when first asked for.
func (s *Snapshot) finish() {
	shards, brokers := s.shards, s.Brokers
	s.names = sync.OnceValue(func() []string {
		var names []string
		for _, shard := range shards {
			for name := range shard {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return names
	})
	s.alive = sync.OnceValue(func() []*model.Broker {
		alive := slices.Collect(maps.Values(brokers))
		slices.SortFunc(alive, func(a, b *model.Broker) int { return int(a.ID) - int(b.ID) })
		return alive
	})
}

// merge returns a new sorted list: old with the changes applied; gone are the ids that were there
// and are removed.
func merge(old, changes []Partition) (merged []Partition, gone []int32) {
	byID := make(map[int32]int, len(changes)) // the last change of an id wins
	for i := range changes {
		byID[changes[i].ID] = i
	}
	merged = make([]Partition, 0, len(old)+len(changes))
	for i := range old {
		j, changed := byID[old[i].ID]
		switch {
		case !changed:
			merged = append(merged, old[i])
			continue
		case changes[j].Leader == model.LeaderDuringDelete:
			gone = append(gone, old[i].ID)
		default:
			merged = append(merged, changes[j])
		}
		delete(byID, old[i].ID)
	}
	for _, i := range byID {
		if changes[i].Leader != model.LeaderDuringDelete {
			merged = append(merged, changes[i])
		}
	}
	slices.SortFunc(merged, func(a, b Partition) int { return int(a.ID) - int(b.ID) })
	return merged, gone
}
