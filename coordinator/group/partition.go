package group

import (
	"fmt"
	"time"

	"github.com/sirupsen/logrus"

	"momus/coordinator/shard"
	"momus/internal/journal"
	"momus/internal/kerr"
	"momus/internal/release"
	"momus/storage/record"
)

// newMemberJoinTimeout bounds the first join of a member: it has no session yet, and its connection
// may be gone (KAFKA-7610).
const newMemberJoinTimeout = 5 * time.Minute

// Partition is all groups of one partition of __consumer_offsets: the machine that a shard runs. It
// is pure: what happens depends on the events and their times only.
type Partition struct {
	settings func() Settings
	logger   *logrus.Entry
	settle   time.Duration // see settleTime

	groups    map[string]*Group
	producers map[int64]map[string]*Group // groups with offsets in the open transaction of a producer
	timers    timers
	sweep     time.Duration // when expired offsets are next looked for

	origin time.Time // timers count from here, by the monotonic clock
	// appends are those under way, by tag; tags are never used again.
	appends map[uint64]appendDone
	lastTag uint64

	// Of the load.
	loadingLast   *Group            // of the last record
	loadingTopics map[string]string // names of topics

	// Of the step that is running.
	cfg     Settings
	formats formats
	now     time.Duration // since origin
	nowMs   int64         // wall clock
	effects shard.Effects
	keyBuf  []byte
	valBuf  []byte
	commits record.Builder // of the one batch that a commit makes; it is written before the next step

	counters Counters
	journal  *journal.Journal // may be nil
}

// Counters count what a partition did since it was loaded; they feed the metrics of
// group-coordinator-metrics.
type Counters struct {
	OffsetCommits       int64 // offsets appended, whether or not that succeeded
	OffsetExpirations   int64
	OffsetDeletions     int64
	CompletedRebalances int64
}

// appendDone is what waits for the end of an append.
type appendDone interface {
	appended(p *Partition, tag uint64, r shard.Result)
	unload(p *Partition)
}

// NewPartition makes the empty state of a partition, to be loaded by Replay.
func NewPartition(settings func() Settings, logger *logrus.Entry) *Partition {
	return &Partition{
		settings: settings, logger: logger, settle: settleTime, groups: map[string]*Group{}, producers: map[int64]map[string]*Group{},
		appends: map[uint64]appendDone{}, formats: formatsFor(release.Latest),
	}
}

// begin prepares a step.
func (p *Partition) begin(now time.Time) {
	if p.origin.IsZero() {
		p.origin = now
	}
	// One snapshot for a whole step; a change counts from the next one on.
	if cfg := p.settings(); cfg != p.cfg {
		p.cfg = cfg
		p.formats = formatsFor(cfg.version())
	}
	p.now, p.nowMs = now.Sub(p.origin), now.UnixMilli()
	p.effects.Reset()
}

// Step implements shard.Machine.
func (p *Partition) Step(now time.Time, ev any, call *shard.Call) []shard.Effect {
	p.begin(now)
	switch ev := ev.(type) {
	case *CommitRequest:
		p.commit(ev, call)
	case *HeartbeatRequest:
		p.heartbeat(ev, call)
	case shard.Appended:
		if done, ok := p.appends[ev.Tag]; ok {
			delete(p.appends, ev.Tag)
			done.appended(p, ev.Tag, ev.Result)
		}
	case *FetchOffsetsRequest:
		p.fetchOffsets(ev, call)
	case *JoinRequest:
		p.join(ev, call)
	case *SyncRequest:
		p.sync(ev, call)
	case *LeaveRequest:
		p.leave(ev, call)
	case shard.Tick:
		p.tick()
	case describe:
		p.effects.Reply(call, p.describe(ev.group))
	case list:
		p.effects.Reply(call, p.list())
	case deleteGroup:
		p.effects.Reply(call, p.deleteGroup(ev.group))
	case *DeleteOffsetsRequest:
		p.effects.Reply(call, p.deleteOffsets(ev))
	case partitionsDeleted:
		p.partitionsDeleted(ev)
	case transactionCompleted:
		p.completeTransaction(ev.producerID, ev.commit)
	case stats:
		p.effects.Reply(call, p.stats())
	default:
		p.effects.Refuse(call, fmt.Errorf("group coordinator: event of type %T", ev))
	}
	return p.effects
}

// NextDeadline implements shard.Machine.
func (p *Partition) NextDeadline() (time.Time, bool) {
	if p.origin.IsZero() {
		return time.Time{}, false
	}
	return p.origin.Add(min(p.timers.next(), p.sweep)), true
}

// tick carries out the deadlines that have come.
// One step carries out everything that is due, in the order in which it became due.
func (p *Partition) tick() {
	for {
		t := p.timers.due(p.now)
		switch {
		case t == nil:
			if p.now >= p.sweep {
				p.expireOffsets()
				p.scheduleSweep()
			}
			return
		case t.member != nil:
			p.sessionExpired(t.group, t.member)
		case t.pending != "":
			p.pendingExpired(t.group, t.pending)
		default:
			p.joinDeadline(t.group)
		}
	}
}

// scheduleSweep counts from the end of the last look, as Kafka's scheduler with a fixed delay does.
func (p *Partition) scheduleSweep() {
	p.sweep = p.now + max(time.Millisecond, time.Duration(p.cfg.RetentionSweepMs)*time.Millisecond)
}

// Unload implements shard.Machine: all groups are Dead, and whoever waits is told to find the new
// coordinator.
func (p *Partition) Unload(now time.Time) []shard.Effect {
	p.begin(now)
	for _, id := range shard.SortedKeys(p.groups) {
		g := p.groups[id]
		for _, m := range g.order {
			p.answerJoin(g, m, joinError(m.id, kerr.NotCoordinator))
			p.answerSync(m, SyncResult{Err: kerr.NotCoordinator})
		}
		g.to(Dead, p.nowMs)
	}
	for _, tag := range shard.SortedKeys(p.appends) {
		p.appends[tag].unload(p)
	}
	p.groups, p.timers, p.appends = nil, nil, nil
	return p.effects
}

// append asks for an append whose end done waits for; nil if nobody does.
func (p *Partition) append(batch []byte, acks int16, done appendDone) (tag uint64) {
	if done != nil {
		p.lastTag++
		tag = p.lastTag
		p.appends[tag] = done
	}
	p.effects.Add(shard.Append{
		Tag: tag, Batch: batch, Acks: acks, Timeout: time.Duration(p.cfg.CommitTimeoutMs) * time.Millisecond,
	})
	return tag
}

// batchOptions are those of every batch that the coordinator writes, but for offset commits.
func (p *Partition) batchOptions() record.BuilderOptions {
	o := record.DefaultOptions()
	o.Codec = record.Codec(p.cfg.Codec)
	return o
}

// after is the time in so many milliseconds, on the clock of the timers.
func (p *Partition) after(ms int32) time.Duration {
	return p.now + time.Duration(ms)*time.Millisecond
}

// dissolve removes a group for good.
func (p *Partition) dissolve(g *Group) {
	g.to(Dead, p.nowMs)
	p.timers.remove(g.join)
	for _, m := range g.order {
		p.timers.remove(m.session)
	}
	for _, t := range g.pending {
		p.timers.remove(t)
	}
	for id := range g.txns {
		p.forgetProducer(g, id)
	}
	delete(p.groups, g.id)
}
