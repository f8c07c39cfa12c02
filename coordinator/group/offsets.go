package group

import (
	"slices"

	"momus/coordinator/shard"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/storage/record"
)

// commit carries out OffsetCommit and TxnOffsetCommit.
// Offsets whose metadata is too long are refused each by itself; the rest becomes one batch. The
// answer waits for its append, and so does what other requests see; until then the partition counts
// as pending, so that it is not expired or read as stable.
func (p *Partition) commit(r *CommitRequest, call *shard.Call) {
	g, err := p.admitCommit(r)
	if err != nil {
		p.effects.Reply(call, commitFailed(r, err))
		return
	}
	d := &offsetsStored{group: g, request: r, call: call}
	limit := int(p.cfg.MetadataMaxBytes)
	stored := 0
	for i := range r.Offsets {
		if longer(r.Offsets[i].Metadata, limit) {
			if d.errs == nil {
				d.errs = make([]*kerr.Error, len(r.Offsets))
			}
			d.errs[i] = kerr.OffsetMetadataTooLarge
		} else {
			stored++
		}
	}
	if stored == 0 {
		p.effects.Reply(call, CommitResult{Errs: d.errs})
		return
	}
	o := p.batchOptions()
	o.BaseSequence = 0 // as Kafka writes it, also without a producer id
	if r.transactional() {
		o.ProducerID, o.ProducerEpoch, o.Transactional = r.ProducerID, r.ProducerEpoch, true
	}
	b := &p.commits
	b.Reset(o)
	for i := range r.Offsets {
		if d.failed(i) {
			continue
		}
		c := p.committed(&r.Offsets[i])
		p.keyBuf = appendOffsetKey(p.keyBuf[:0], g.id, r.Offsets[i].TP)
		p.valBuf = appendOffsetValue(p.valBuf[:0], &c, p.formats.offset)
		b.Append(p.nowMs, p.keyBuf, p.valBuf)
	}
	d.nowMs = p.nowMs
	// From here on the order of effects is that of the log: a later step's append comes behind this
	// one.
	tag := p.append(b.Bytes(), p.cfg.CommitRequiredAcks, d)
	p.counters.OffsetCommits += int64(stored)
	if r.transactional() {
		t := p.openTransaction(g, r.ProducerID)
		for i := range r.Offsets {
			if !d.failed(i) {
				// The last commit of a transaction for a partition counts; its tag tells the news
				// of an earlier one's append from its own.
				t[r.Offsets[i].TP] = txnOffset{committed: p.committed(&r.Offsets[i]), tag: tag}
			}
		}
		return
	}
	for i := range r.Offsets {
		if !d.failed(i) {
			g.setPending(r.Offsets[i].TP, tag)
		}
	}
}

// setPending notes the last commit under way for a partition.
func (g *Group) setPending(tp model.TopicPartition, tag uint64) {
	if g.pendingCommits == nil {
		g.pendingCommits = map[model.TopicPartition]uint64{}
	}
	g.pendingCommits[tp] = tag
}

// admitCommit finds the group of a commit and checks that the sender may commit.
// A commit without a generation is one of a client that assigns partitions itself, and is taken as
// long as the group has no members. One of a member is a sign of life. Transactional commits of
// before KIP-447 name neither and are always taken.
func (p *Partition) admitCommit(r *CommitRequest) (*Group, *kerr.Error) {
	g := p.groups[r.Group]
	if g == nil {
		if r.Generation >= 0 && !r.transactional() {
			return nil, kerr.IllegalGeneration
		}
		// As in Kafka the group exists from now on, also if a transactional commit is refused
		// below.
		g = p.create(r.Group)
	}
	m := g.members[r.MemberID]
	if r.transactional() {
		switch {
		case g.fenced(r.MemberID, r.InstanceID):
			return nil, kerr.FencedInstanceID
		case r.MemberID != "" && m == nil:
			return nil, kerr.UnknownMemberID
		case r.Generation >= 0 && r.Generation != g.generation:
			return nil, kerr.IllegalGeneration
		}
		return g, nil
	}
	switch {
	case g.fenced(r.MemberID, r.InstanceID):
		return nil, kerr.FencedInstanceID
	case r.Generation < 0 && g.state == Empty:
		return g, nil // the group only stores offsets
	case m == nil:
		return nil, kerr.UnknownMemberID
	case r.Generation != g.generation:
		return nil, kerr.IllegalGeneration
	case g.state == CompletingRebalance:
		return nil, kerr.RebalanceInProgress
	}
	p.restartSession(m)
	return g, nil
}

// transactional reports whether it is a TxnOffsetCommit.
func (r *CommitRequest) transactional() bool { return r.ProducerID != record.NoProducerID }

// commitFailed gives every offset the same error; there is no other place for it in the answer.
func commitFailed(r *CommitRequest, err *kerr.Error) CommitResult {
	return CommitResult{Errs: slices.Repeat([]*kerr.Error{err}, len(r.Offsets))}
}

// committed is what a commit becomes; batchOffset is known later.
func (p *Partition) committed(o *Offset) committed { return committedAt(o, p.nowMs) }

// committedAt is what a commit at nowMs becomes. Times of the client, which old versions send, win
// over nowMs.
func committedAt(o *Offset, nowMs int64) committed {
	c := committed{
		offset: o.Offset, leaderEpoch: o.LeaderEpoch, metadata: o.Metadata, commitTime: o.CommitTimestamp,
		expireTime: o.ExpireTimestamp, batchOffset: -1,
	}
	if c.commitTime == noTimestamp {
		c.commitTime = nowMs
	}
	return c
}

// longer reports whether s has more than limit UTF-16 units, as Java counts.
func longer(s string, limit int) bool {
	// UTF-16 never has more units than UTF-8 has bytes.
	if len(s) <= limit {
		return false
	}
	n := 0
	for _, r := range s {
		if n++; r > 0xffff {
			n++
		}
	}
	return n > limit
}

// offsetsStored waits for the append of a commit.
type offsetsStored struct {
	group   *Group
	request *CommitRequest
	call    *shard.Call
	nowMs   int64
	errs    []*kerr.Error // of the offsets that were not stored; nil if all were
}

// failed reports whether offset i was refused before the append.
func (d *offsetsStored) failed(i int) bool { return d.errs != nil && d.errs[i] != nil }

// appended implements appendDone. A group that died meanwhile has no offsets to make visible, but
// its caller still gets the outcome of the append.
func (d *offsetsStored) appended(p *Partition, tag uint64, r shard.Result) {
	g := d.group
	if g.state != Dead {
		for i := range d.request.Offsets {
			if !d.failed(i) {
				d.settle(p, &d.request.Offsets[i], tag, r)
			}
		}
		if r.Err != nil && d.request.transactional() && len(g.txns[d.request.ProducerID]) == 0 {
			p.forgetProducer(g, d.request.ProducerID)
		}
	}
	d.finish(p, commitError(r.Err))
}

// settle makes one offset visible, or drops it. An offset that was deleted meanwhile stays away.
func (d *offsetsStored) settle(p *Partition, o *Offset, tag uint64, r shard.Result) {
	g := d.group
	if d.request.transactional() {
		t := g.txns[d.request.ProducerID]
		if entry, ok := t[o.TP]; ok && entry.tag == tag {
			if r.Err != nil {
				delete(t, o.TP)
				return
			}
			entry.batchOffset, entry.appended = r.BaseOffset, true
			t[o.TP] = entry
			return
		}
		if g.pendingCommits[o.TP] != tag {
			return // aborted, deleted, or followed by another commit of the transaction
		}
	}
	last, ok := g.pendingCommits[o.TP]
	if ok && r.Err == nil {
		c := committedAt(o, d.nowMs)
		c.batchOffset = r.BaseOffset
		g.apply(o.TP, c)
	}
	if ok && last == tag {
		delete(g.pendingCommits, o.TP)
	}
}

// finish answers the commit. err is that of the append, for all offsets that were appended; the
// others keep their own.
func (d *offsetsStored) finish(p *Partition, err *kerr.Error) {
	if d.errs == nil && err == nil {
		p.effects.Reply(d.call, CommitResult{Errs: make([]*kerr.Error, len(d.request.Offsets))})
		return
	}
	errs := make([]*kerr.Error, len(d.request.Offsets))
	for i := range errs {
		if errs[i] = err; d.failed(i) {
			errs[i] = d.errs[i]
		}
	}
	p.effects.Reply(d.call, CommitResult{Errs: errs})
}

// unload tells the caller to find the new coordinator. The offsets may be in the log all the same;
// committing them again does no harm.
func (d *offsetsStored) unload(p *Partition) { d.finish(p, kerr.NotCoordinator) }

// openTransaction is the offsets of a producer's open transaction in a group.
func (p *Partition) openTransaction(g *Group, producerID int64) txnOffsets {
	if g.txns == nil {
		g.txns = map[int64]txnOffsets{}
	}
	t := g.txns[producerID]
	if t == nil {
		t = txnOffsets{}
		g.txns[producerID] = t
	}
	if p.producers[producerID] == nil {
		p.producers[producerID] = map[string]*Group{}
	}
	p.producers[producerID][g.id] = g
	return t
}

// forgetProducer ends a producer's transaction in a group.
// The group is no longer looked for when the producer's marker comes.
func (p *Partition) forgetProducer(g *Group, producerID int64) {
	delete(g.txns, producerID)
	delete(p.producers[producerID], g.id)
	if len(p.producers[producerID]) == 0 {
		delete(p.producers, producerID)
	}
}

// transactionCompleted is the event that the marker of a producer's transaction is in the
// partition.
type transactionCompleted struct {
	producerID int64
	commit     bool
}

// completeTransaction applies or drops the offsets of a producer's transaction in all groups.
// The marker of a producer that this partition knows nothing of is nothing.
func (p *Partition) completeTransaction(producerID int64, commit bool) {
	for _, g := range p.producers[producerID] {
		if commit {
			for tp, t := range g.txns[producerID] {
				if t.appended {
					g.apply(tp, t.committed)
				} else { // the marker was quicker than the news of the append: from here on a plain commit under way
					g.setPending(tp, t.tag)
				}
			}
		}
		p.forgetProducer(g, producerID)
	}
}

// fetchOffsets carries out OffsetFetch.
// An unknown group is one without offsets, as in Kafka: -1 and no error. With RequireStable
// (KIP-447) an offset with a commit under way is refused instead of being served old.
func (p *Partition) fetchOffsets(r *FetchOffsetsRequest, call *shard.Call) {
	g := p.groups[r.Group]
	partitions := r.Partitions
	if r.All && g != nil {
		partitions = g.sortedOffsets()
	}
	result := FetchOffsetsResult{Offsets: make([]FetchedOffset, len(partitions))}
	for i, tp := range partitions {
		f := FetchedOffset{TP: tp, Offset: -1, LeaderEpoch: model.NoEpoch}
		if g != nil {
			if r.RequireStable && g.unstable(tp) {
				f.Err = kerr.UnstableOffsetCommit
			} else if c, ok := g.offsets[tp]; ok {
				f.Offset, f.LeaderEpoch, f.Metadata = c.offset, c.leaderEpoch, c.metadata
			}
		}
		result.Offsets[i] = f
	}
	p.effects.Reply(call, result)
}

// sortedOffsets are the partitions with a committed offset.
func (g *Group) sortedOffsets() []model.TopicPartition {
	partitions := make([]model.TopicPartition, 0, len(g.offsets))
	for tp := range g.offsets {
		partitions = append(partitions, tp)
	}
	slices.SortFunc(partitions, model.TopicPartition.Compare)
	return partitions
}
