package group

import (
	"slices"

	"github.com/sirupsen/logrus"

	"momus/coordinator/shard"
	"momus/internal/journal"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/storage/record"
)

// expireOffsets removes what has expired in all groups (KIP-211). Groups are looked at in the order
// of their ids, all in one step; the tombstones of a group are one batch. A group that has neither
// members nor offsets left dies with it.
func (p *Partition) expireOffsets() {
	for _, id := range shard.SortedKeys(p.groups) {
		g := p.groups[id]
		expired := g.expired(p.nowMs, int64(p.cfg.RetentionMinutes)*60_000)
		p.counters.OffsetExpirations += int64(len(expired))
		p.removeOffsets(g, expired)
	}
}

// expired lists the offsets of the group that have expired at now (ms), with this retention.
func (g *Group) expired(nowMs, retentionMs int64) []model.TopicPartition {
	var since func(c *committed) int64
	var keep func(topic string) bool
	switch {
	// A group that was never joined, of a client that assigns partitions itself: each offset ages
	// from its commit.
	case g.protocolType == "":
		since = func(c *committed) int64 { return c.commitTime }
	// All offsets age together from the moment at which the last member left, so that a group that
	// committed rarely is not half forgotten.
	case g.state == Empty:
		since = func(c *committed) int64 {
			if g.stateTime != noTimestamp {
				return g.stateTime
			}
			return c.commitTime
		}
	// A live group keeps what it subscribes to, however old.
	case g.protocolType == consumerProtocol && g.subscribed != nil:
		since = func(c *committed) int64 { return c.commitTime }
		keep = g.subscribes
	default:
		return nil
	}
	var expired []model.TopicPartition
	for tp, c := range g.offsets {
		if keep != nil && keep(tp.Topic) {
			continue
		}
		// What is being committed would come back behind its own tombstone.
		if _, pending := g.pendingCommits[tp]; pending {
			continue
		}
		if c.expireTime != noTimestamp && nowMs >= c.expireTime || c.expireTime == noTimestamp && nowMs-since(&c) >= retentionMs {
			expired = append(expired, tp)
		}
	}
	slices.SortFunc(expired, model.TopicPartition.Compare)
	return expired
}

// removeOffsets drops offsets with tombstones, and the group itself when it is Empty and nothing is
// left of it. The tombstones need no acknowledgement: a coordinator that does not find them removes
// the offsets again.
func (p *Partition) removeOffsets(g *Group, partitions []model.TopicPartition) (removed int) {
	b := record.NewBuilder(p.batchOptions())
	for _, tp := range partitions {
		delete(g.pendingCommits, tp)
		for _, t := range g.txns {
			delete(t, tp)
		}
		if _, ok := g.offsets[tp]; !ok {
			continue
		}
		delete(g.offsets, tp)
		removed++
		p.keyBuf = appendOffsetKey(p.keyBuf[:0], g.id, tp)
		b.Append(p.nowMs, p.keyBuf, nil)
	}
	if g.state == Empty && !g.hasOffsets() && len(g.pending) == 0 {
		p.dissolve(g)
		p.groupTombstone(b, g)
	}
	p.appendTombstones(b)
	return removed
}

// groupTombstone removes the group's metadata record; a group that never had a generation has none.
func (p *Partition) groupTombstone(b *record.Builder, g *Group) {
	p.logger.WithFields(logrus.Fields{"group": g.id, "generation": g.generation}).Info("group removed")
	p.note(g, journal.Entry{Kind: journal.GroupRemoved})
	if g.generation > 0 {
		p.keyBuf = appendGroupKey(p.keyBuf[:0], g.id)
		b.Append(p.nowMs, p.keyBuf, nil)
	}
}

// appendTombstones writes them with acks=0: nobody waits for them.
func (p *Partition) appendTombstones(b *record.Builder) {
	if b.Count() > 0 {
		p.append(b.Bytes(), 0, nil)
	}
}

// deleteGroup carries out DeleteGroups for one group; the result is an error or nil.
type deleteGroup struct{ group string }

// deleteGroup takes an empty group only; while it has members their commits would bring it back.
func (p *Partition) deleteGroup(id string) *kerr.Error {
	g := p.groups[id]
	switch {
	case g == nil:
		return kerr.GroupIDNotFound
	case g.state != Empty:
		return kerr.NonEmptyGroup
	}
	b := record.NewBuilder(p.batchOptions())
	for _, tp := range g.sortedOffsets() {
		p.keyBuf = appendOffsetKey(p.keyBuf[:0], g.id, tp)
		b.Append(p.nowMs, p.keyBuf, nil)
	}
	p.dissolve(g)
	p.groupTombstone(b, g)
	p.appendTombstones(b)
	return nil
}

// deleteOffsets carries out OffsetDelete (KIP-496).
// Offsets of topics that members of the group subscribe to are refused, those of others go even
// while it has members.
func (p *Partition) deleteOffsets(r *DeleteOffsetsRequest) DeleteOffsetsResult {
	g := p.groups[r.Group]
	if g == nil {
		return DeleteOffsetsResult{Err: kerr.GroupIDNotFound}
	}
	if g.state != Empty && g.protocolType != consumerProtocol {
		return DeleteOffsetsResult{Err: kerr.NonEmptyGroup}
	}
	result := DeleteOffsetsResult{Errs: make([]*kerr.Error, len(r.Partitions))}
	var free []model.TopicPartition
	for i, tp := range r.Partitions {
		if g.state != Empty && g.subscribes(tp.Topic) {
			result.Errs[i] = kerr.GroupSubscribedToTopic
			continue
		}
		free = append(free, tp)
	}
	if len(free) > 0 {
		p.counters.OffsetDeletions += int64(p.removeOffsets(g, free))
	}
	return result
}

// partitionsDeleted is the event that partitions were deleted from the cluster.
type partitionsDeleted []model.TopicPartition

// partitionsDeleted drops the offsets at once: a topic of the same name that is created later must
// not be read from there.
func (p *Partition) partitionsDeleted(partitions []model.TopicPartition) {
	for _, id := range shard.SortedKeys(p.groups) {
		p.removeOffsets(p.groups[id], partitions)
	}
}
