package replica

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"momus/internal/bell"
	"momus/internal/model"
	"momus/internal/rank"
)

// isrChange is an ISR that a leader wants to write. While it is on its way the old ISR is in force
// for min.insync.replicas, and the members of both hold the high watermark back.
type isrChange struct {
	p    *Partition
	role *role // as it was when the change was proposed
	isr  []int32
	// stragglers are those who leave.
	stragglers []straggler
}

const (
	isrWriters = 4   // lists of ISR changes that wait for ZooKeeper at the same time
	isrBatch   = 100 // changes in a list
	// Kafka's periods of the notification to the controller.
	isrPropagationTick  = 2500 * time.Millisecond
	isrPropagationQuiet = 5 * time.Second
	isrPropagationMax   = time.Minute
	// isrRetryBackoff is how long a leader waits after a write has failed.
	isrRetryBackoff = time.Second
)

// isrWriter carries out ISR changes and tells the controller about them. Its queue is bounded by
// the number of led partitions, as each has at most one change on its way.
type isrWriter struct {
	m           *Manager
	wake        bell.Bell
	dirFailures bell.Bell // there is a failure that the controller has not been told of

	// mu guards what is to be written and announced.
	mu struct {
		rank.Mutex[rank.ISRWriter]
		queue        []*isrChange
		changed      map[model.TopicPartition]struct{} // not propagated yet
		lastChange   time.Time
		lastAnnounce time.Time
	}
}

func (w *isrWriter) init(m *Manager) {
	w.m = m
	w.wake = bell.New()
	w.dirFailures = bell.New()
	w.mu.changed = map[model.TopicPartition]struct{}{}
}

// proposeLocked makes a change of the ISR the pending one. progress is locked and nothing is
// pending.
func (p *Partition) proposeLocked(r *role, isr []int32) *isrChange {
	c := &isrChange{p: p, role: r, isr: isr}
	p.progress.pending = c
	return c
}

func (w *isrWriter) submit(c *isrChange) {
	w.mu.Lock()
	w.mu.queue = append(w.mu.queue, c)
	w.mu.Unlock()
	w.signal()
}

func (w *isrWriter) signal() {
	w.wake.Ring()
}

// next takes what is queued, but not too much for one; nil when there is nothing.
func (w *isrWriter) next() []*isrChange {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(w.mu.queue), isrBatch)
	if n == 0 {
		return nil
	}
	list := w.mu.queue[:n:n]
	if w.mu.queue = w.mu.queue[n:]; len(w.mu.queue) > 0 {
		w.signal() // another worker may take the next
	} else {
		w.mu.queue = nil
	}
	return list
}

func (w *isrWriter) run(ctx context.Context) error {
	var g errgroup.Group
	for range isrWriters {
		g.Go(func() error {
			for {
				if list := w.next(); list != nil {
					w.write(ctx, list)
					continue
				}
				select {
				case <-w.wake:
				case <-ctx.Done():
					return nil
				}
			}
		})
	}
	g.Go(func() error { return w.announceDirFailures(ctx) })
	g.Go(func() error {
		for sleep(ctx, isrPropagationTick) {
			w.propagate(ctx)
		}
		return nil
	})
	return g.Wait()
}

// write writes changes to ZooKeeper and makes them the ISRs in force, unless the leadership has
// ended meanwhile.
func (w *isrWriter) write(ctx context.Context, list []*isrChange) {
	updates := make([]ISRUpdate, 0, len(list))
	going := list[:0:0]
	for _, c := range list {
		r := c.role
		if now := c.p.role.Load(); now.leaderEpoch != r.leaderEpoch || !now.leading {
			c.p.finishISR(c, nil, 0)
			continue
		}
		going = append(going, c)
		updates = append(updates, ISRUpdate{TP: c.p.tp, State: model.LeaderAndISR{Leader: w.m.id, LeaderEpoch: r.leaderEpoch, ISR: c.isr,
			ControllerEpoch: r.controllerEpoch, ZKVersion: r.zkVersion}})
	}
	if len(going) == 0 {
		return
	}
	for i, r := range w.m.opts.ISR.UpdateISRs(ctx, updates) {
		going[i].written(r.ZKVersion, r.Err)
	}
}

// written takes the outcome of a write.
func (c *isrChange) written(version int32, err error) {
	p, r := c.p, c.role
	fields := logrus.Fields{"topic": p.tp.Topic, "partition": p.tp.Partition, "from": r.isr, "to": c.isr, "zk_version": r.zkVersion}
	switch {
	case errors.Is(err, context.Canceled):
	case errors.Is(err, ErrISRVersion):
		p.m.metrics.failedISRUpdates.Add(1)
		p.m.logger.WithFields(fields).Info("in-sync replicas were not changed: the partition state has another version in ZooKeeper")
		c.sawRefusal(ErrISRVersion)
	case err != nil:
		p.m.metrics.failedISRUpdates.Add(1)
		p.m.logger.WithFields(fields).WithError(err).Warn("in-sync replicas were not changed")
		c.sawRefusal(err)
	default:
		p.m.logger.WithFields(fields).Info("changed in-sync replicas")
	}
	p.finishISR(c, err, version)
}

// finishISR ends a change. If the znode was written (a new version, no error) and the leadership
// goes on, the new ISR is in force.
func (p *Partition) finishISR(c *isrChange, err error, version int32) {
	before, applied := p.applyISR(c, err, version)
	if !applied {
		return
	}
	// Requests with acks=all look again: they may now have enough, or too few, replicas.
	p.highWatermark.WakeAll()
	p.m.isrWriter.changed(p.tp)
	c.sawISR(before)
}

// applyISR puts the new ISR in force and gives the one before; applied is false when the change came
// to nothing. The high watermark may rise at once: who was waited for may be out of the ISR.
func (p *Partition) applyISR(c *isrChange, err error, version int32) (before []int32, applied bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.role.Load()
	p.endPending(c, err)
	if err != nil || version <= c.role.zkVersion || !r.leading || r.leaderEpoch != c.role.leaderEpoch || r.zkVersion != c.role.zkVersion {
		return nil, false
	}
	next := *r
	next.isr, next.zkVersion = c.isr, version
	p.role.Store(&next)
	if len(c.isr) < len(r.isr) {
		p.m.metrics.isrShrinks.Add(1)
	} else {
		p.m.metrics.isrExpands.Add(1)
	}
	p.raiseHighWatermark(&next)
	return r.isr, true
}

// endPending lets the next change be proposed, after a pause when this one failed.
func (p *Partition) endPending(c *isrChange, err error) {
	p.progress.Lock()
	defer p.progress.Unlock()
	if p.progress.pending != c {
		return
	}
	p.progress.pending = nil
	if err != nil {
		p.progress.retryISRAt = p.m.now().Add(isrRetryBackoff)
	}
}

func (w *isrWriter) changed(tp model.TopicPartition) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.changed[tp] = struct{}{}
	w.mu.lastChange = w.m.now()
}

// propagate tells the controller about changed ISRs: when the changes have been quiet for 5 s, or
// after a minute at the latest.
func (w *isrWriter) propagate(ctx context.Context) {
	tps := w.due()
	if len(tps) == 0 {
		return
	}
	if err := w.m.opts.ISR.NotifyISRChange(ctx, tps); err != nil {
		w.m.logger.WithError(err).Warn("controller was not told about changed in-sync replicas; trying again")
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, tp := range tps {
			w.mu.changed[tp] = struct{}{}
		}
	}
}

// due takes the partitions that the controller is to be told about now, in order; none when their
// time has not come.
func (w *isrWriter) due() []model.TopicPartition {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.m.now()
	if now.Sub(w.mu.lastChange) <= isrPropagationQuiet && now.Sub(w.mu.lastAnnounce) <= isrPropagationMax {
		return nil
	}
	tps := slices.SortedFunc(maps.Keys(w.mu.changed), model.TopicPartition.Compare)
	if len(tps) > 0 {
		clear(w.mu.changed)
		w.mu.lastAnnounce = now
	}
	return tps
}

// shrinkLoop looks every half replica.lag.time.max.ms for followers that have fallen behind.
func (m *Manager) shrinkLoop(ctx context.Context) error {
	standing := stalls{}
	for sleep(ctx, max(m.maxLag()/2, time.Millisecond)) {
		m.partitions.each(func(p *Partition) {
			p.maybeShrinkISR()
			standing.look(p)
		})
		standing.forget(m)
	}
	return nil
}

// maybeShrinkISR proposes an ISR without the followers that have been behind for too long.
func (p *Partition) maybeShrinkISR() {
	r := p.role.Load()
	if !r.leading || len(r.isr) < 2 || p.offline.Load() {
		return
	}
	now := p.m.now()
	p.mu.RLock()
	defer p.mu.RUnlock()
	if r = p.role.Load(); !r.leading || r.log == nil {
		return
	}
	if change := p.proposeShrink(r, now); change != nil {
		p.m.isrWriter.submit(change)
	}
}

// proposeShrink makes the change pending; nil when all are in sync, or a change is on its way.
func (p *Partition) proposeShrink(r *role, now time.Time) *isrChange {
	p.progress.Lock()
	defer p.progress.Unlock()
	if p.progress.pending != nil || now.Before(p.progress.retryISRAt) {
		return nil
	}
	out := outOfSync(r.log.LogEndOffset(), p.progress.followers, r.isr, now, p.m.maxLag())
	if len(out) == 0 {
		return nil
	}
	change := p.proposeLocked(r, without(r.isr, out))
	change.stragglers = p.stragglersLocked(out, r.log.LogEndOffset(), now)
	return change
}

// dirFailed asks run to tell the controller that a log directory has failed.
func (w *isrWriter) dirFailed() {
	w.dirFailures.Ring()
}

// announceDirFailures writes a notification for failed directories, and tries until it is written.
func (w *isrWriter) announceDirFailures(ctx context.Context) error {
	for {
		select {
		case <-w.dirFailures:
		case <-ctx.Done():
			return nil
		}
		for {
			err := w.m.opts.ISR.NotifyLogDirFailure(ctx)
			if err == nil {
				break
			}
			w.m.logger.WithError(err).Warn("controller was not told about the failed log directory; trying again")
			if !sleep(ctx, isrRetryBackoff) {
				return nil
			}
		}
	}
}
