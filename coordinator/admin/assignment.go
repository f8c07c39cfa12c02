package admin

import (
	"slices"
	"sort"

	"momus/coordinator/zk"
	"momus/internal/kerr"
	"momus/internal/model"
)

// Placement are the choices of AssignReplicas that Kafka makes at random, and where it begins.
type Placement struct {
	// Start is the index of the broker that leads partition 0, Shift how far its followers are;
	// both in [0, number of brokers).
	Start, Shift int
	// FirstPartition is the number of partitions that exist already.
	FirstPartition int32
}

// AssignReplicas spreads partitions over brokers as Kafka does: leaders round robin from Start,
// followers at a growing distance, in different racks where there are enough. The order of brokers
// matters when they have no racks. All or none must have one.
func AssignReplicas(brokers []*model.Broker, partitions int32, replicationFactor int, pl Placement) (zk.Assignments, error) {
	switch {
	case partitions <= 0:
		return nil, fail(kerr.InvalidPartitions, "Number of partitions must be larger than 0.")
	case replicationFactor <= 0:
		return nil, fail(kerr.InvalidReplicationFactor, "Replication factor must be larger than 0.")
	case replicationFactor > len(brokers):
		return nil, fail(kerr.InvalidReplicationFactor, "Replication factor: %d larger than available brokers: %d.", replicationFactor, len(brokers))
	}
	racked := 0
	for _, b := range brokers {
		if b.Rack != "" {
			racked++
		}
	}
	switch racked {
	case 0:
		return assignWithoutRacks(brokers, partitions, replicationFactor, pl), nil
	case len(brokers):
		return assignWithRacks(brokers, partitions, replicationFactor, pl), nil
	}
	return nil, fail(kerr.UnknownServerError, "Not all brokers have rack information for replica rack aware assignment.")
}

// WithoutRacks is a copy of the brokers in which none has a rack, unless all have one: how topics
// are created automatically.
func WithoutRacks(brokers []*model.Broker) []*model.Broker {
	if !slices.ContainsFunc(brokers, func(b *model.Broker) bool { return b.Rack == "" }) {
		return brokers
	}
	out := make([]*model.Broker, len(brokers))
	for i, b := range brokers {
		bare := *b
		bare.Rack = ""
		out[i] = &bare
	}
	return out
}

// assignWithoutRacks places without racks. The first replica goes round the brokers; the others
// follow at a distance that grows with each round, so that the load of a dead broker falls on many.
func assignWithoutRacks(brokers []*model.Broker, partitions int32, rf int, pl Placement) zk.Assignments {
	n := len(brokers)
	return pl.each(n, partitions, func(first, shift int) []int32 {
		replicas := []int32{brokers[first].ID}
		for j := range rf - 1 {
			replicas = append(replicas, brokers[follower(first, shift, j, n)].ID)
		}
		return replicas
	})
}

// each lets place choose the replicas of partition after partition, given the index of the first
// among n brokers and the shift, which grows by one in each round.
func (pl Placement) each(n int, partitions int32, place func(first, shift int) []int32) zk.Assignments {
	shift := pl.Shift
	as := zk.Assignments{}
	for i := range int(partitions) {
		p := int(pl.FirstPartition) + i
		if p > 0 && p%n == 0 {
			shift++
		}
		as[int32(p)] = model.Assignment{Replicas: place((p+pl.Start)%n, shift)}
	}
	return as
}

// follower is the index of the j-th follower of the broker at index first among n.
func follower(first, shift, j, n int) int { return (first + 1 + (shift+j)%(n-1)) % n }

// assignWithRacks places with racks. Replicas of a partition go to different racks as long as there
// are racks without one, and to different brokers always.
func assignWithRacks(brokers []*model.Broker, partitions int32, rf int, pl Placement) zk.Assignments {
	arranged := alternateRacks(brokers)
	racks := map[string]bool{}
	for _, b := range brokers {
		racks[b.Rack] = true
	}
	n := len(arranged)
	return pl.each(n, partitions, func(first, shift int) []int32 {
		replicas := []int32{arranged[first].ID}
		usedRacks, used := map[string]bool{arranged[first].Rack: true}, map[int32]bool{arranged[first].ID: true}
		for k := 0; len(replicas) < rf; k++ {
			b := arranged[follower(first, shift*len(racks), k, n)]
			if (!usedRacks[b.Rack] || len(usedRacks) == len(racks)) && (!used[b.ID] || len(used) == n) {
				replicas = append(replicas, b.ID)
				usedRacks[b.Rack], used[b.ID] = true, true
			}
		}
		return replicas
	})
}

// alternateRacks takes one broker from each rack in turn: racks by name, brokers of a rack by id.
func alternateRacks(brokers []*model.Broker) []*model.Broker {
	byRack := map[string][]*model.Broker{}
	var names []string
	for _, b := range brokers {
		if byRack[b.Rack] == nil {
			names = append(names, b.Rack)
		}
		byRack[b.Rack] = append(byRack[b.Rack], b)
	}
	sort.Strings(names)
	for _, bs := range byRack {
		sort.Slice(bs, func(i, j int) bool { return bs[i].ID < bs[j].ID })
	}
	out := make([]*model.Broker, 0, len(brokers))
	for i := 0; len(out) < len(brokers); i++ {
		for _, name := range names {
			if i < len(byRack[name]) {
				out = append(out, byRack[name][i])
			}
		}
	}
	return out
}
