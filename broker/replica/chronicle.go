package replica

import (
	"time"

	"momus/internal/journal"
	"momus/internal/model"
)

// perRequest bounds the entries in the journal that one LeaderAndIsr makes.
const perRequest = 300

// straggler is how far behind a follower was when it was to leave the in-sync replicas.
type straggler struct {
	id     int32
	behind int64 // records; 0 when not known
	since  time.Duration
}

// stragglers describes the members of out. progress is locked.
func (p *Partition) stragglersLocked(out []int32, leaderEnd int64, now time.Time) []straggler {
	list := make([]straggler, 0, len(out))
	for i := range p.progress.followers {
		f := &p.progress.followers[i]
		for _, id := range out {
			if f.id != id {
				continue
			}
			s := straggler{id: id}
			if f.logEndOffset >= 0 {
				s.behind = leaderEnd - f.logEndOffset
			}
			if !f.lastCaughtUp.IsZero() {
				s.since = now.Sub(f.lastCaughtUp)
			}
			list = append(list, s)
		}
	}
	return list
}

// sawISR records in-sync replicas that are in force now.
func (c *isrChange) sawISR(before []int32) {
	p := c.p
	e := journal.Entry{Name: p.tp.Topic, Partition: p.tp.Partition, From: before, To: c.isr, LeaderEpoch: c.role.leaderEpoch, ControllerEpoch: c.role.controllerEpoch}
	for _, s := range c.stragglers {
		e.Kind, e.About, e.Count, e.Took = journal.ISRShrunk, s.id, s.behind, s.since
		p.m.opts.Journal.Record(e)
	}
	for _, id := range without(c.isr, before) {
		e.Kind, e.About, e.Count, e.Took = journal.ISRExpanded, id, 0, 0
		p.m.opts.Journal.Record(e)
	}
}

// sawRefusal records that ZooKeeper did not take the in-sync replicas.
func (c *isrChange) sawRefusal(err error) {
	c.p.m.opts.Journal.Record(journal.Entry{Kind: journal.ISRRefused, Name: c.p.tp.Topic, Partition: c.p.tp.Partition, About: -1, From: c.role.isr, To: c.isr,
		LeaderEpoch: c.role.leaderEpoch, New: err.Error()})
}

// sawRoles records new roles after a LeaderAndIsr.
func (m *Manager) sawRoles(list []assigned, results []PartitionError) {
	n := 0
	for _, a := range list {
		r := a.p.role.Load()
		if results[a.index].Err != nil || r.log == nil || r.leaderEpoch != a.state.State.LeaderEpoch {
			continue
		}
		if n++; n > perRequest {
			return
		}
		e := journal.Entry{Kind: journal.BecameFollower, Name: a.p.tp.Topic, Partition: a.p.tp.Partition, About: r.leader, LeaderEpoch: r.leaderEpoch,
			ControllerEpoch: r.controllerEpoch, Offset: r.log.LogEndOffset(), To: r.isr}
		if r.leading {
			e.Kind = journal.BecameLeader
		}
		m.opts.Journal.Record(e)
	}
}

// sawTruncation records that a follower's log was cut from end to offset.
func (p *Partition) sawTruncation(r *role, end, offset int64) {
	if end <= offset {
		return
	}
	p.m.opts.Journal.Record(journal.Entry{Kind: journal.Truncated, Name: p.tp.Topic, Partition: p.tp.Partition, About: r.leader, LeaderEpoch: r.leaderEpoch,
		Offset: offset, Count: end - offset})
}

// note records an entry about a partition that f copies.
func (f *fetcher) note(kind journal.Kind, tp model.TopicPartition, err error) {
	e := journal.Entry{Kind: kind, Name: tp.Topic, Partition: tp.Partition, About: f.key.leader}
	if err != nil {
		e.New = err.Error()
	}
	f.m.opts.Journal.Record(e)
}

// stall is a high watermark that did not move between two looks although records wait for it.
type stall struct {
	at    int64
	since time.Time
	cause uint64 // of the entry about it; 0 before there is one
}

// stalls are the partitions whose high watermark stands still. It belongs to the goroutine that
// looks.
type stalls map[model.TopicPartition]*stall

// look is called now and then for every partition. A watermark that stands still from one look to
// the next is recorded once, and once more when it moves.
func (s stalls) look(p *Partition) {
	r := p.role.Load()
	known := s[p.tp]
	if !r.leading || r.log == nil || p.offline.Load() {
		delete(s, p.tp)
		return
	}
	hw, end, now := r.log.HighWatermark(), r.log.LogEndOffset(), p.m.now()
	e := journal.Entry{Name: p.tp.Topic, Partition: p.tp.Partition, LeaderEpoch: r.leaderEpoch, Offset: hw, About: -1}
	switch {
	case known != nil && hw != known.at:
		if known.cause != 0 {
			e.Kind, e.Took, e.Cause = journal.WatermarkMoves, now.Sub(known.since), known.cause
			p.m.opts.Journal.Record(e)
		}
		delete(s, p.tp)
	case hw >= end:
		delete(s, p.tp)
	case known == nil:
		s[p.tp] = &stall{at: hw, since: now}
	case known.cause == 0:
		e.Kind, e.Took, e.Count, e.About = journal.WatermarkStalled, now.Sub(known.since), end-hw, p.slowest(r)
		known.cause = p.m.opts.Journal.Record(e)
	}
}

// forget drops what is known about partitions that are no longer here.
func (s stalls) forget(m *Manager) {
	for tp := range s {
		if m.partitions.get(tp) == nil {
			delete(s, tp)
		}
	}
}

// slowest is the in-sync follower with the smallest log end offset, -1 if there is none.
func (p *Partition) slowest(r *role) int32 {
	p.progress.Lock()
	defer p.progress.Unlock()
	slowest, least := int32(-1), int64(0)
	for i := range p.progress.followers {
		f := &p.progress.followers[i]
		for _, id := range r.isr {
			if f.id == id && (slowest < 0 || f.logEndOffset < least) {
				slowest, least = id, f.logEndOffset
			}
		}
	}
	return slowest
}
