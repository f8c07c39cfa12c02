package txn

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"momus/coordinator/shard"
	"momus/internal/journal"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/storage/record"
)

const (
	// concurrentWait is how long a request waits for the end of the transaction before it. Clients
	// come back after pauses of 20 ms (Java, the first partitions) to 100 ms (everything else), so
	// nobody is held up longer than by the answer CONCURRENT_TRANSACTIONS.
	concurrentWait = 100 * time.Millisecond
	// completeRetry is the pause before the record of an ended transaction is written again after
	// it failed.
	completeRetry = 100 * time.Millisecond
)

// Partition is all transactional ids of one partition of __transaction_state: the machine that a
// shard runs. It is pure: what happens depends on the events and their times only.
type Partition struct {
	config  func() Settings
	logger  *logrus.Entry
	epoch   int32            // the coordinator epoch: leader epoch of the state partition
	journal *journal.Journal // may be nil

	transactions map[string]*transaction
	appends      map[uint64]*appendDone
	lastTag      uint64
	parked       []*parkedCall // by deadline; those answered meanwhile are passed over
	retries      []retry       // by time
	abortSweep   time.Time     // when transactions that take too long are next looked for
	expirySweep  time.Time     // when ids that nobody uses are next looked for

	// Of the step that is running.
	cfg     Settings
	now     time.Time
	nowMs   int64
	effects shard.Effects
	keyBuf  []byte
	valBuf  []byte
}

// retry is a transaction whose Complete record is to be appended again.
type retry struct {
	t  *transaction
	at time.Time
}

// SendMarkers is emitted when a transaction is decided: its markers are to be written. The answer
// is the event markersWritten.
type SendMarkers struct {
	TransactionalID  string
	ProducerID       int64
	Epoch            int16
	CoordinatorEpoch int32
	Commit           bool
	Partitions       []model.TopicPartition // not to be changed
}

// DropMarkers is emitted when the partition is unloaded: the markers that were not written are no
// longer this broker's business.
type DropMarkers struct{}

// markersWritten is the event that all markers of a decided transaction are written.
type markersWritten struct {
	id         string
	producerID int64
	epoch      int16
}

// epochRaised is the event that this broker leads the state partition with a newer epoch, without
// having lost it.
type epochRaised int32

// stats asks for Stats.
type stats struct{}

// appendDone is what happens when an append ends.
type appendDone struct {
	kind appendKind
	t    *transaction
	next Metadata
	call *shard.Call
	ev   any // a request to carry out once the transaction has ended
	ids  []*transaction
}

type appendKind int8

const (
	changed   appendKind = iota // answer the call
	decided                     // the same, and send markers
	completed                   // the transaction is over
	removed                     // ids are gone
)

// NewPartition makes the empty state of a partition, to be loaded by Replay. epoch is the leader
// epoch with which it is led.
func NewPartition(config func() Settings, logger *logrus.Entry, epoch int32) *Partition {
	return &Partition{config: config, logger: logger, epoch: epoch, transactions: map[string]*transaction{}, appends: map[uint64]*appendDone{}}
}

func (p *Partition) begin(now time.Time) {
	p.cfg, p.now, p.nowMs = p.config(), now, now.UnixMilli()
	p.effects.Reset()
}

// Step implements shard.Machine.
func (p *Partition) Step(now time.Time, ev any, call *shard.Call) []shard.Effect {
	p.begin(now)
	switch ev := ev.(type) {
	case *AddRequest, *EndRequest, *InitRequest:
		if t, wait := p.handle(ev, call); wait {
			p.park(t, ev, call)
		}
	case shard.Appended:
		if d := p.appends[ev.Tag]; d != nil {
			delete(p.appends, ev.Tag)
			p.appended(d, ev.Err)
		}
	case markersWritten:
		p.markersWritten(ev)
	case shard.Tick:
		p.tick()
	case epochRaised:
		p.epoch = max(p.epoch, int32(ev))
	case stats:
		p.effects.Reply(call, p.stats())
	case list:
		p.effects.Reply(call, p.list())
	default:
		p.effects.Refuse(call, fmt.Errorf("transaction coordinator: event of type %T", ev))
	}
	return p.effects
}

// handle carries out a request; wait is true if it has to wait for the pending state of t.
func (p *Partition) handle(ev any, call *shard.Call) (t *transaction, wait bool) {
	switch r := ev.(type) {
	case *AddRequest:
		return p.add(r, call)
	case *EndRequest:
		return p.end(r, call)
	default:
		return p.init(ev.(*InitRequest), call)
	}
}

// add carries out AddPartitionsToTxn.
func (p *Partition) add(r *AddRequest, call *shard.Call) (t *transaction, wait bool) {
	t = p.transactions[r.TransactionalID]
	switch {
	case t == nil || t.ProducerID != r.ProducerID:
		p.effects.Refuse(call, kerr.InvalidProducerIDMapping)
	case t.Epoch != r.Epoch:
		p.effects.Refuse(call, kerr.InvalidProducerEpoch)
	case t.busy():
		return t, true
	default:
		slices.SortFunc(r.Partitions, model.TopicPartition.Compare)
		if t.State == Ongoing && t.has(r.Partitions) {
			p.effects.Reply(call, nil)
			break
		}
		p.change(t, t.prepareAdd(r.Partitions, p.nowMs), &appendDone{call: call})
	}
	return t, false
}

// end carries out EndTxn.
func (p *Partition) end(r *EndRequest, call *shard.Call) (t *transaction, wait bool) {
	t = p.transactions[r.TransactionalID]
	switch {
	case t == nil || t.ProducerID != r.ProducerID:
		p.effects.Refuse(call, kerr.InvalidProducerIDMapping)
	case r.Epoch < t.Epoch:
		p.effects.Refuse(call, kerr.InvalidProducerEpoch)
	case t.pending != noState:
		return t, true
	case r.Epoch > t.Epoch && t.State != Empty:
		// An epoch that was never given out ends nobody's transaction. 2.5.0 answers the same over
		// an open one and is stuck with it; where no transaction was ever begun it answers
		// INVALID_TXN_STATE, below.
		p.effects.Refuse(call, kerr.InvalidProducerEpoch)
	case t.State != Ongoing:
		wait, err := t.endAgain(r.Commit)
		if wait {
			return t, true
		}
		if err != nil {
			p.effects.Refuse(call, err)
		} else {
			p.effects.Reply(call, nil)
		}
	default:
		p.change(t, t.prepareEnd(r.Commit, p.nowMs), &appendDone{kind: decided, call: call})
	}
	return t, false
}

// init carries out InitProducerId.
func (p *Partition) init(r *InitRequest, call *shard.Call) (t *transaction, wait bool) {
	t = p.transactions[r.TransactionalID]
	fresh := r.fresh
	if t == nil {
		if fresh < 0 {
			p.effects.Refuse(call, errNeedProducerID)
			return nil, false
		}
		t = newTransaction(r.TransactionalID, fresh, r.TimeoutMs, p.nowMs)
		p.transactions[t.id] = t
		fresh = -1
	}
	if t.pending != noState {
		return t, true
	}
	if err := t.admitInit(r); err != nil {
		p.effects.Refuse(call, err)
		return t, false
	}
	switch {
	case t.State.decided():
		return t, true
	case t.State == Ongoing:
		p.fence(t, call, r)
		return t, false
	}
	next, needID, err := t.prepareInit(r, fresh, p.nowMs)
	switch {
	case needID:
		p.effects.Refuse(call, errNeedProducerID)
	case err != nil:
		p.effects.Refuse(call, err)
	default:
		p.change(t, next, &appendDone{call: call, ev: r})
	}
	return t, false
}

// fence aborts an open transaction with a new epoch; r, if any, is carried out when that is done.
func (p *Partition) fence(t *transaction, call *shard.Call, r *InitRequest) {
	next := t.prepareFence(p.nowMs)
	if t.why = journal.Fenced; r == nil {
		t.why = journal.TimedOut
	}
	// From here on the old owner is refused, even if the record fails.
	t.Epoch, t.LastEpoch, t.fenced = next.Epoch, next.LastEpoch, true
	p.stand(t, nil)
	d := &appendDone{kind: decided, call: call}
	if r != nil {
		d.ev = r
	}
	p.change(t, next, d)
}

// change appends the record of what t becomes.
func (p *Partition) change(t *transaction, next Metadata, d *appendDone) {
	d.t, d.next = t, next
	t.pending = next.State
	if next.State == Ongoing {
		p.stand(t, &next)
	}
	b := record.NewBuilder(record.DefaultOptions())
	p.keyBuf = appendKey(p.keyBuf[:0], t.id)
	p.valBuf = appendValue(p.valBuf[:0], &next)
	b.Append(p.nowMs, p.keyBuf, p.valBuf)
	p.append(b.Bytes(), next.TimeoutMs, d)
}

func (p *Partition) append(batch []byte, timeoutMs int32, d *appendDone) {
	p.lastTag++
	p.appends[p.lastTag] = d
	p.effects.Add(shard.Append{Tag: p.lastTag, Batch: batch, Acks: -1, Timeout: time.Duration(timeoutMs) * time.Millisecond})
}

// appended makes a change effective, or undoes it.
func (p *Partition) appended(d *appendDone, err error) {
	t := d.t
	switch {
	case d.kind == removed:
		p.removed(d.ids, err)
		return
	case d.kind == completed && err != nil:
		// The markers are out, so there is no way back. If the leadership is gone, the next
		// coordinator writes them again.
		p.logger.WithError(err).WithField("transactional_id", t.id).Warn("end of a transaction not recorded, trying again")
		p.retries = append(p.retries, retry{t, p.now.Add(completeRetry)})
		return
	case err != nil:
		t.pending = noState
		p.stand(t, nil)
		p.effects.Refuse(d.call, appendError(err))
		p.settle(t)
		return
	}
	if t.ProducerID != d.next.ProducerID {
		p.leave(t.ProducerID)
	}
	before := t.State
	t.Metadata = d.next
	p.sawState(t, before)
	t.pending, t.completing, t.fenced = noState, false, false
	p.stand(t, nil)
	if d.kind == decided {
		p.sendMarkers(t)
		if d.ev != nil {
			p.park(t, d.ev, d.call)
			return
		}
	}
	if _, ok := d.ev.(*InitRequest); ok {
		p.effects.Reply(d.call, InitResult{ProducerID: t.ProducerID, Epoch: t.Epoch})
	} else {
		p.effects.Reply(d.call, nil)
	}
	p.settle(t)
}

// sendMarkers begins the end of a decided transaction.
func (p *Partition) sendMarkers(t *transaction) {
	t.pending = completion(t.State)
	p.effects.Add(shard.Emit{Value: SendMarkers{
		TransactionalID: t.id, ProducerID: t.ProducerID, Epoch: t.Epoch, CoordinatorEpoch: p.epoch, Commit: t.State == PrepareCommit,
		Partitions: t.Partitions,
	}})
}

// markersWritten records the end of a transaction.
func (p *Partition) markersWritten(ev markersWritten) {
	t := p.transactions[ev.id]
	if t == nil || !t.State.decided() || t.completing || t.ProducerID != ev.producerID || t.Epoch != ev.epoch {
		return // of an earlier leadership
	}
	p.complete(t)
}

func (p *Partition) complete(t *transaction) {
	t.completing = true
	p.change(t, t.prepareComplete(p.nowMs), &appendDone{kind: completed})
}

// park lets a request wait until t is settled, or for concurrentWait.
func (p *Partition) park(t *transaction, ev any, call *shard.Call) {
	c := &parkedCall{t: t, ev: ev, call: call, deadline: p.now.Add(concurrentWait)}
	t.parked = append(t.parked, c)
	p.parked = append(p.parked, c)
}

// settle carries out what waited for t, as long as nothing is pending.
func (p *Partition) settle(t *transaction) {
	for len(t.parked) > 0 && !t.busy() {
		c := t.parked[0]
		t.parked = slices.Delete(t.parked, 0, 1)
		if now, wait := p.handle(c.ev, c.call); wait {
			c.t = now
			now.parked = append(now.parked, c)
		} else {
			c.answered = true
		}
	}
}

// tick carries out the deadlines that have come.
func (p *Partition) tick() {
	for len(p.parked) > 0 && (p.parked[0].answered || !p.parked[0].deadline.After(p.now)) {
		c := p.parked[0]
		p.parked = slices.Delete(p.parked, 0, 1)
		if !c.answered {
			c.answered = true
			c.t.parked = slices.DeleteFunc(c.t.parked, func(o *parkedCall) bool { return o == c })
			p.effects.Refuse(c.call, kerr.ConcurrentTransactions)
		}
	}
	for len(p.retries) > 0 && !p.retries[0].at.After(p.now) {
		t := p.retries[0].t
		p.retries = slices.Delete(p.retries, 0, 1)
		p.complete(t)
	}
	if !p.abortSweep.After(p.now) {
		p.abortTimedOut()
		p.abortSweep = p.now.Add(interval(p.cfg.AbortSweepMs))
	}
	if !p.expirySweep.After(p.now) {
		p.expire()
		p.expirySweep = p.now.Add(interval(p.cfg.ExpirySweepMs))
	}
}

func interval(ms int32) time.Duration { return time.Duration(max(1, ms)) * time.Millisecond }

// NextDeadline implements shard.Machine.
func (p *Partition) NextDeadline() (time.Time, bool) {
	var next time.Time
	earlier := func(at time.Time) {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	for len(p.parked) > 0 && p.parked[0].answered {
		p.parked = slices.Delete(p.parked, 0, 1)
	}
	if len(p.parked) > 0 {
		earlier(p.parked[0].deadline)
	}
	if len(p.retries) > 0 {
		earlier(p.retries[0].at)
	}
	if len(p.transactions) > 0 {
		earlier(p.abortSweep)
		earlier(p.expirySweep)
	}
	return next, !next.IsZero()
}

// Replay implements shard.Machine: the last record of an id counts. Records that cannot be read are
// left out and reported; the others are applied (Kafka 2.5 gives up the whole rest of the
// partition).
func (p *Partition) Replay(batch record.Batch) error {
	if batch.IsControl() {
		return nil
	}
	var bad error
	err := batch.ForEach(nil, func(r *record.Record) error {
		if err := p.replay(r); err != nil {
			bad = errors.Join(bad, fmt.Errorf("record at %d: %w", r.Offset, err))
		}
		return nil
	})
	return errors.Join(bad, err)
}

func (p *Partition) replay(r *record.Record) error {
	id, err := decodeKey(r.Key)
	if err != nil {
		return err
	}
	if r.Value == nil {
		delete(p.transactions, id)
		return nil
	}
	m, err := decodeValue(r.Value)
	if err != nil {
		return fmt.Errorf("transactional id %q: %w", id, err)
	}
	p.transactions[id] = &transaction{id: id, Metadata: m, pending: noState}
	return nil
}

// Loaded implements shard.Machine: decided transactions get their markers, for the second time
// perhaps.
func (p *Partition) Loaded(now time.Time) []shard.Effect {
	p.begin(now)
	p.abortSweep = now.Add(interval(p.cfg.AbortSweepMs))
	p.expirySweep = now.Add(interval(p.cfg.ExpirySweepMs))
	for _, id := range shard.SortedKeys(p.transactions) {
		p.stand(p.transactions[id], nil)
	}
	for _, t := range p.those(func(t *transaction) bool { return t.State.decided() }) {
		p.sendMarkers(t)
	}
	return p.effects
}

// Unload implements shard.Machine: whoever waits is told to find the new coordinator.
func (p *Partition) Unload(now time.Time) []shard.Effect {
	p.begin(now)
	for _, c := range p.parked {
		if !c.answered {
			p.effects.Refuse(c.call, kerr.NotCoordinator)
		}
	}
	for _, tag := range shard.SortedKeys(p.appends) {
		p.effects.Refuse(p.appends[tag].call, kerr.NotCoordinator)
	}
	for _, id := range shard.SortedKeys(p.transactions) {
		p.leave(p.transactions[id].ProducerID)
	}
	p.effects.Add(shard.Emit{Value: DropMarkers{}})
	p.transactions, p.appends, p.parked, p.retries = nil, nil, nil, nil
	return p.effects
}

func (p *Partition) stats() Stats {
	s := Stats{TransactionalIDs: len(p.transactions), LogAppendRetry: len(p.retries)}
	for _, t := range p.transactions {
		s.Parked += len(t.parked)
		if t.State == Ongoing {
			s.Ongoing++
		}
	}
	return s
}

// those are the transactions that ok picks, by id: most of the many are not sorted.
func (p *Partition) those(ok func(t *transaction) bool) []*transaction {
	var picked []*transaction
	for _, t := range p.transactions {
		if ok(t) {
			picked = append(picked, t)
		}
	}
	slices.SortFunc(picked, func(a, b *transaction) int { return strings.Compare(a.id, b.id) })
	return picked
}
