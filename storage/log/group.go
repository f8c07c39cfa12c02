package log

import (
	"errors"
	"sync"

	"momus/configs"
	"momus/storage/record"
)

// Append is one of several appends that are made together.
type Append struct {
	Records []byte // patched in place; the caller's again afterwards
	Origin  record.Origin
	// Info and Err are what AppendAsLeader would have returned.
	Info AppendInfo
	Err  error

	found   record.Info
	checked bool // found is known, or Err says why not
	decided bool // Info and Err are final
}

// Check verifies frames and checksums, which needs no lock: its caller does it while the bytes are
// at hand, before they wait for others.
func (l *Log) Check(a *Append) {
	a.found, a.Err = record.Analyze(a.Records, a.Origin, int(l.config.Load().MaxMessageBytes))
	a.checked = true
}

// AppendTogether does what AppendAsLeader would do with each of the appends in turn, and leaves the
// same log and the same answers, but under one lock, and with one write for as many as continue each
// other in a segment. If that write fails they are appended one by one.
func (l *Log) AppendTogether(leaderEpoch int32, list []*Append) {
	if len(list) == 1 {
		a := list[0]
		l.checkOnce(a)
		if !a.decided {
			a.decide(l.appended(l.appendAsLeader(a.Records[:a.found.ValidBytes], a.found, leaderEpoch, a.Origin)))
		}
		return
	}
	g := groups.Get().(*group)
	defer g.release()
	for _, a := range list {
		if l.checkOnce(a); !a.decided {
			g.list = append(g.list, a)
		}
	}
	fault := l.appendGroup(g, leaderEpoch)
	for _, a := range g.list {
		if !a.decided {
			a.Err = fault
		}
		a.decide(l.appended(a.Info, a.Err))
	}
}

// checkOnce is Check if the caller has not called it; what it refuses is decided.
func (l *Log) checkOnce(a *Append) {
	if !a.checked {
		l.Check(a)
	}
	a.checked = false // an Append may be used again
	a.Info, a.decided = l.nothingAppended(), a.Err != nil || a.found.Batches == 0
}

func (a *Append) decide(info AppendInfo, err error) { a.Info, a.Err, a.decided = info, err, true }

// maxGroup bounds the appends that are written with one call. What they add to the indexes must fit
// behind what index.Prepare leaves.
const maxGroup = 64

// group is a list of appends, and those of them that are to be written with the next call: they
// continue the log end, go to the active segment, and are of format 2.
type group struct {
	list    []*Append
	members []member
	buffers [][]byte // of the members that are to be written
	bytes   int64    // in them
	next    int64    // offset after the last one
}

// member is an append with the offsets that it has if all before it are written. One that repeats
// another, or is refused for what its producer sent before, is a member too: the answer may be
// another one if the write fails.
type member struct {
	a       *Append
	records []byte
	info    record.Info
	// write is false for repetitions and refusals: they have an answer, and no bytes.
	write bool
}

var groups = sync.Pool{New: func() any { return &group{} }}

// reset makes the group empty, but for its list.
func (g *group) reset(next int64) {
	clear(g.members)
	clear(g.buffers)
	g.members, g.buffers, g.bytes, g.next = g.members[:0], g.buffers[:0], 0, next
}

// release empties it all, so that it keeps nothing alive.
func (g *group) release() {
	g.reset(0)
	clear(g.list)
	g.list = g.list[:0]
	groups.Put(g)
}

// appendGroup appends the list of g. An error is a fault of ours (see unlock), which has met those
// that are not decided.
func (l *Log) appendGroup(g *group, leaderEpoch int32) (err error) {
	l.mu.Lock()
	defer l.unlock(&err)
	g.reset(l.logEndOffset.Load())
	c, now := l.config.Load(), l.nowMs()
	l.policy.Rules, l.policy.Now, l.policy.LeaderEpoch = rules(c), now, leaderEpoch
	for _, a := range g.list {
		if err := l.usableLocked(); err != nil {
			a.decide(AppendInfo{}, err)
			continue
		}
		l.policy.Origin = a.Origin
		if l.groupsLocked(c, leaderEpoch) {
			l.joinLocked(g, a, c, now)
			continue
		}
		l.writeGroupLocked(g, c, now) // there is none, unless a roll came between
		records, info, err := l.assignLocked(a.Records[:a.found.ValidBytes], a.found, l.logEndOffset.Load(), c)
		if err != nil {
			a.decide(AppendInfo{}, err)
			continue
		}
		a.decide(l.appendLocked(records, info, a.Origin, c, now))
		g.reset(l.logEndOffset.Load())
	}
	l.writeGroupLocked(g, c, now)
	return nil
}

// groupsLocked tells whether appends can be made together now: the format has one batch an append,
// the epoch is entered already, and the segment is begun and known.
func (l *Log) groupsLocked(c *configs.Topic, leaderEpoch int32) bool {
	epochs, active := l.epochs.Load(), l.list().active()
	// The first append of an epoch, of a segment or after a start takes the way alone, which enters
	// what the group relies on.
	if c.RecordVersion < record.Magic2 || epochs == nil || active.size.Load() == 0 || active.maxTimestamp.Load() == unknownTimestamp {
		return false
	}
	latest, known := epochs.Latest()
	return known && latest == leaderEpoch
}

// joinLocked makes an append a member of the group, or appends it alone behind the group if it
// cannot be one.
func (l *Log) joinLocked(g *group, a *Append, c *configs.Topic, now int64) {
	records, info, err := l.assignLocked(a.Records[:a.found.ValidBytes], a.found, g.next, c)
	if err != nil {
		a.decide(AppendInfo{}, err)
		return
	}
	m := member{a: a, records: records, info: info}
	roll, err := l.list().active().mayRoll(c, len(records), info, now, g)
	b, _, _ := record.Next(records)
	// Markers end transactions, which those behind them must already see as ended; what may belong
	// to a new segment must be decided with the size as it then is.
	if err != nil || roll || b.IsControl() || len(b) != len(records) || len(g.members) == maxGroup {
		l.writeGroupLocked(g, c, now)
		l.appendMemberLocked(m, c, now)
		g.reset(l.logEndOffset.Load())
		return
	}
	a.Info, a.Err = l.infoOf(records, info), nil
	m.write = true
	if info.HasProducerID {
		known, err := l.checkProducersLocked(records, a.Origin)
		switch {
		case err != nil:
			a.Err, m.write = err, false
		case known != nil:
			known.putInto(&a.Info)
			m.write = false
		default:
			// Members behind this one are checked as if it were written. Unstage takes that back if
			// the write fails.
			l.producers.Stage()
		}
	}
	if g.members = append(g.members, m); m.write {
		g.buffers = append(g.buffers, records)
		g.bytes += int64(len(records))
		g.next = info.LastOffset + 1
	}
}

// appendMemberLocked appends one member alone. Its offsets change if others before it have failed.
func (l *Log) appendMemberLocked(m member, c *configs.Topic, now int64) {
	if err := l.usableLocked(); err != nil {
		m.a.decide(AppendInfo{}, err)
		return
	}
	if shift := l.logEndOffset.Load() - m.info.FirstOffset; shift != 0 {
		m.info.FirstOffset += shift
		m.info.LastOffset += shift
		m.info.LastOffsetOfFirstBatch += shift
		if m.info.OffsetOfMaxTimestamp >= 0 {
			m.info.OffsetOfMaxTimestamp += shift
		}
		w := record.NewWalk(m.records)
		for w.Next() {
			// Offsets are outside of the checksum of format 2, the only one in a group.
			w.Batch.SetLastOffset(w.Batch.LastOffset() + shift)
		}
	}
	m.a.decide(l.appendLocked(m.records, m.info, m.a.Origin, c, now))
}

// writeGroupLocked writes the members of the group and empties it.
func (l *Log) writeGroupLocked(g *group, c *configs.Topic, now int64) {
	defer func() { g.reset(l.logEndOffset.Load()) }()
	if len(g.members) == 0 {
		return
	}
	if len(g.buffers) > 0 {
		active := l.list().active()
		size, err := active.appendGroup(g)
		if err == nil {
			err = l.commitProducersLocked(active)
		}
		switch {
		case errors.Is(err, errBroken):
			l.producers.Unstage()
			l.failed = err
			// The write may have been made: nobody can say what is in the file. Their producers
			// hear of a disk that failed, and ask the next leader.
			for _, m := range g.members {
				m.a.decide(AppendInfo{}, err)
			}
			return
		case err != nil: // what it takes of them, it takes one by one
			l.producers.Unstage()
			for _, m := range g.members {
				l.appendMemberLocked(m, c, now)
			}
			return
		}
		l.producers.SetEndOffset(g.next)
		l.logEndOffset.Store(g.next)
		active.size.Store(size) // after the log end: see Log.Read
	}
	for _, m := range g.members {
		m.a.decided = true
	}
}
