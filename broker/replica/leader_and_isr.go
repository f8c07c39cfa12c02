package replica

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/sirupsen/logrus"

	"momus/internal/fan"
	"momus/internal/journal"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/storage/log"
)

// PartitionState is what the controller says about one partition.
type PartitionState struct {
	TP                         model.TopicPartition
	State                      model.LeaderAndISR
	Replicas, Adding, Removing []int32
	// IsNew tells that the partition has just been created: its log may be made although a log
	// directory is offline.
	IsNew bool
}

// LeaderAndISRRequest is the controller's order to lead and follow. Partitions that are not listed
// are left as they are.
type LeaderAndISRRequest struct {
	ControllerID    int32
	ControllerEpoch int32
	Partitions      []PartitionState
}

// PartitionError is the outcome for one partition; nil is success.
type PartitionError struct {
	TP  model.TopicPartition
	Err error
}

// assigned is a partition whose order was accepted.
type assigned struct {
	p     *Partition
	state *PartitionState
	index int // in the results
}

// LeaderAndISR carries out the controller's order. A deposed controller gets STALE_CONTROLLER_EPOCH
// for all and in each result, and nothing is done. A partition whose leader epoch is not newer than
// ours gets STALE_CONTROLLER_EPOCH: normal after a failover, which sends everything again.
func (m *Manager) LeaderAndISR(ctx context.Context, req LeaderAndISRRequest) ([]PartitionError, error) {
	m.learnTopics(ctx, req.Partitions)
	m.control.Lock()
	defer m.control.Unlock()
	results := make([]PartitionError, len(req.Partitions))
	for i := range req.Partitions {
		results[i].TP = req.Partitions[i].TP
	}
	if err := m.observeControllerLocked(req.ControllerEpoch); err != nil {
		for i := range results {
			results[i].Err = err
		}
		m.logger.WithFields(logrus.Fields{"controller": req.ControllerID, "controller_epoch": req.ControllerEpoch, "newest": m.control.epoch}).
			Warn("refused LeaderAndIsr of a deposed controller")
		return results, err
	}
	leaders, followers := m.admit(req.Partitions, results)
	m.makeLeaders(leaders, results)
	followers = m.makeFollowers(followers, results)
	m.fetchers.stopIdle()
	for i := range req.Partitions {
		// Whatever still has no log could not be created: later requests get KAFKA_STORAGE_ERROR.
		if p := m.partitions.get(req.Partitions[i].TP); p != nil && p.role.Load().log == nil {
			p.offline.Store(true)
			p.wakeAll()
		}
	}
	m.checkpointOnce.Do(func() { close(m.checkpointStart) })
	m.logs.CheckpointDue()
	m.movers.resume(req.Partitions)
	m.sawRoles(leaders, results)
	m.sawRoles(followers, results)
	if m.opts.OnLeadership != nil {
		led, followed := changed(leaders, results), changed(followers, results)
		if len(led)+len(followed) > 0 {
			m.opts.OnLeadership(led, followed)
		}
	}
	return results, nil
}

// changed are the partitions of the list that took the change, for those who follow leaderships.
func changed(list []assigned, results []PartitionError) []Leadership {
	var out []Leadership
	for _, a := range list {
		if results[a.index].Err == nil {
			out = append(out, Leadership{TP: a.state.TP, LeaderEpoch: a.state.State.LeaderEpoch})
		}
	}
	return out
}

// admit decides which partitions of the request count, creates those that are not here yet, and
// fills in the results of the others.
func (m *Manager) admit(states []PartitionState, results []PartitionError) (leaders, followers []assigned) {
	var created []*Partition
	fresh := map[model.TopicPartition]*Partition{}
	for i := range states {
		s := &states[i]
		p := m.partitions.get(s.TP)
		if p == nil {
			p = fresh[s.TP]
		}
		if p == nil {
			p = newPartition(m, s.TP)
			fresh[s.TP] = p
			created = append(created, p)
		}
		switch epoch := p.role.Load().leaderEpoch; {
		case p.offline.Load():
			results[i].Err = kerr.KafkaStorageError
		case s.State.LeaderEpoch <= epoch:
			m.logger.WithFields(logrus.Fields{"topic": s.TP.Topic, "partition": s.TP.Partition, "leader_epoch": epoch,
				"request_epoch": s.State.LeaderEpoch}).Debug("ignored LeaderAndIsr that is not newer")
			results[i].Err = kerr.StaleControllerEpoch
		case !slices.Contains(s.Replicas, m.id):
			results[i].Err = kerr.UnknownTopicOrPartition
			if fresh[s.TP] == p {
				created = slices.DeleteFunc(created, func(c *Partition) bool { return c == p })
				delete(fresh, s.TP)
			}
		case s.State.Leader == m.id:
			leaders = append(leaders, assigned{p: p, state: s, index: i})
		default:
			followers = append(followers, assigned{p: p, state: s, index: i})
		}
	}
	m.partitions.add(created)
	return leaders, followers
}

// learnTopics has the configurations of topics read that are new to this broker: before the control
// lock is taken, so that other orders of the controller need not wait for ZooKeeper.
func (m *Manager) learnTopics(ctx context.Context, states []PartitionState) {
	if m.opts.LearnTopics == nil {
		return
	}
	var topics []string
	seen := map[string]bool{}
	for i := range states {
		if tp := states[i].TP; !seen[tp.Topic] && m.partitions.get(tp) == nil {
			seen[tp.Topic] = true
			topics = append(topics, tp.Topic)
		}
	}
	if len(topics) > 0 {
		m.opts.LearnTopics(ctx, topics)
	}
}

// makeLeaders takes partitions off their fetchers and lets them lead. One that cannot keeps its
// error, and the others go on; who waits is woken, since leadership decides what they wait for.
func (m *Manager) makeLeaders(list []assigned, results []PartitionError) {
	if len(list) == 0 {
		return
	}
	m.fetchers.remove(partitionsOf(list))
	eachAssigned(list, func(_ int, a assigned) {
		err := a.p.makeLeader(a.state)
		fields := logrus.Fields{"topic": a.state.TP.Topic, "partition": a.state.TP.Partition, "leader_epoch": a.state.State.LeaderEpoch, "isr": a.state.State.ISR}
		if err != nil {
			results[a.index].Err = err
			m.logger.WithFields(fields).WithError(err).Error("could not become leader")
			return
		}
		m.logger.WithFields(fields).Debug("became leader")
		a.p.wakeAll()
	})
}

// diskQueue is how many partitions are made leaders or followers at the same time: that is mostly
// waiting for the disk.
const diskQueue = 16

// eachAssigned calls fn for all partitions of the list, many at a time, and returns when all calls
// have.
func eachAssigned(list []assigned, fn func(i int, a assigned)) {
	fan.Each(len(list), diskQueue, func(i int) { fn(i, list[i]) })
}

// makeLeader makes this replica the leader, or begins a new epoch of its leadership.
func (p *Partition) makeLeader(s *PartitionState) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.role.Load()
	l, err := p.openLog(old, s.IsNew)
	if err != nil {
		return err
	}
	start := l.LogEndOffset()
	if err := l.AssignEpochStart(s.State.LeaderEpoch); err != nil {
		return fmt.Errorf("begin leader epoch %d of %s: %w", s.State.LeaderEpoch, p.tp, err)
	}
	next := newRole(s, l, old.future)
	next.leading, next.epochStart, next.isr = true, start, slices.Clone(s.State.ISR)
	next.ledSince = next.leaderEpoch
	if old.leading {
		next.ledSince = old.ledSince
	}
	now := p.m.now()
	p.progress.Lock()
	p.progress.pending = nil
	p.progress.followers = followersFor(p.m.id, next.replicas, p.progress.followers)
	for i := range p.progress.followers {
		f := &p.progress.followers[i]
		f.reset(start, slices.Contains(next.isr, f.id), !old.leading, now)
	}
	p.progress.Unlock()
	p.role.Store(next)
	p.raiseHighWatermark(next)
	return nil
}

func newRole(s *PartitionState, l, future *log.Log) *role {
	return &role{log: l, future: future, leader: s.State.Leader, leaderEpoch: s.State.LeaderEpoch, controllerEpoch: s.State.ControllerEpoch,
		zkVersion: s.State.ZKVersion, replicas: slices.Clone(s.Replicas), adding: slices.Clone(s.Adding), removing: slices.Clone(s.Removing), epochStart: -1}
}

// openLog is the partition's log; the first time it is opened or created, and gets its high
// watermark from the checkpoint. mu is held.
func (p *Partition) openLog(old *role, isNew bool) (*log.Log, error) {
	if old.log != nil {
		return old.log, nil
	}
	l, err := p.m.logs.GetOrCreate(p.tp, p.m.opts.TopicConfig(p.tp.Topic), isNew)
	if err != nil {
		return nil, err
	}
	l.UpdateHighWatermark(p.m.logs.HighWatermark(l))
	return l, nil
}

// makeFollowers makes the listed partitions followers of leaders that are alive, and returns those.
func (m *Manager) makeFollowers(list []assigned, results []PartitionError) (following []assigned) {
	if len(list) == 0 {
		return nil
	}
	snapshot := m.opts.Metadata.Snapshot()
	follows := make([]bool, len(list))
	eachAssigned(list, func(i int, a assigned) {
		fields := logrus.Fields{"topic": a.state.TP.Topic, "partition": a.state.TP.Partition, "leader": a.state.State.Leader,
			"leader_epoch": a.state.State.LeaderEpoch}
		if !snapshot.IsAlive(a.state.State.Leader) {
			// The epoch stays, so that the order counts when it is repeated with a live leader. The
			// log exists nevertheless.
			level := logrus.InfoLevel
			if a.state.State.Leader < 0 {
				level = logrus.DebugLevel // none is elected yet: the next order has one
			}
			m.logger.WithFields(fields).Log(level, "not following: the leader is not alive")
			results[a.index].Err = a.p.ensureLog(a.state.IsNew)
			return
		}
		isNew, err := a.p.makeFollower(a.state)
		if err != nil {
			results[a.index].Err = err
			m.logger.WithFields(fields).WithError(err).Error("could not become follower")
			return
		}
		if isNew {
			m.logger.WithFields(fields).Debug("became follower")
		}
		follows[i] = true
	})
	for i, a := range list {
		if follows[i] {
			following = append(following, a)
		}
	}
	m.fetchers.remove(partitionsOf(following))
	for _, a := range following {
		a.p.wakeAll()
	}
	if !m.stopping.Load() {
		m.fetchers.add(following)
	}
	return following
}

func partitionsOf(list []assigned) []model.TopicPartition {
	tps := make([]model.TopicPartition, len(list))
	for i, a := range list {
		tps[i] = a.state.TP
	}
	return tps
}

// makeFollower makes this replica a follower. changed tells whether leader or epoch are others than
// before.
func (p *Partition) makeFollower(s *PartitionState) (changed bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.role.Load()
	l, err := p.openLog(old, s.IsNew)
	if err != nil {
		return false, err
	}
	p.progress.Lock()
	p.progress.pending = nil
	p.progress.followers = nil
	p.progress.Unlock()
	p.role.Store(newRole(s, l, old.future))
	return old.leader != s.State.Leader || old.leaderEpoch != s.State.LeaderEpoch, nil
}

// ensureLog creates the log of a partition whose role is not decided.
func (p *Partition) ensureLog(isNew bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.role.Load()
	l, err := p.openLog(old, isNew)
	if err != nil || old.log != nil {
		return err
	}
	next := *old
	next.log = l
	p.role.Store(&next)
	return nil
}

// StopReplica ends replication of partitions, and with remove also the replicas: their logs are
// renamed at once and removed later. A deposed controller gets STALE_CONTROLLER_EPOCH and no
// partitions.
func (m *Manager) StopReplica(controllerEpoch int32, remove bool, tps []model.TopicPartition) ([]PartitionError, error) {
	m.control.Lock()
	defer m.control.Unlock()
	if err := m.observeControllerLocked(controllerEpoch); err != nil {
		return nil, err
	}
	m.fetchers.remove(tps)
	m.movers.remove(tps)
	results := make([]PartitionError, len(tps))
	var deleted, gone []model.TopicPartition
	for i, tp := range tps {
		results[i].TP = tp
		p := m.partitions.get(tp)
		if p != nil && p.offline.Load() {
			results[i].Err = kerr.KafkaStorageError
			continue
		}
		if remove {
			if p != nil {
				p.drop()
				gone = append(gone, tp)
			}
			if err := m.logs.Delete(tp); err != nil {
				results[i].Err = kerr.KafkaStorageError
				m.logger.WithFields(logrus.Fields{"topic": tp.Topic, "partition": tp.Partition}).WithError(err).Error("replica was not deleted")
				continue
			}
			deleted = append(deleted, tp)
			m.opts.Journal.Record(journal.Entry{Kind: journal.ReplicaDeleted, Name: tp.Topic, Partition: tp.Partition, About: -1})
		}
		if p != nil {
			p.wakeAll()
		}
	}
	m.partitions.remove(gone)
	m.logs.CheckpointDue()
	if len(deleted) > 0 && m.opts.OnDeleted != nil {
		m.opts.OnDeleted(deleted)
	}
	return results, nil
}

// drop ends the role for good: requests that still hold the partition find neither leader nor log.
func (p *Partition) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.role.Load()
	p.role.Store(&role{leader: model.NoLeader, leaderEpoch: old.leaderEpoch, epochStart: -1})
	p.progress.Lock()
	p.progress.pending, p.progress.followers = nil, nil
	p.progress.Unlock()
}

// handleDirFailure takes the partitions of a failed directory out of service. It runs before their
// files are closed.
func (m *Manager) handleDirFailure(path string, logs []*log.Log) {
	var tps []model.TopicPartition
	for _, l := range logs {
		p := m.partitions.get(l.TopicPartition())
		if p == nil {
			continue
		}
		switch r := p.role.Load(); l {
		case r.log:
			tps = append(tps, p.tp)
		case r.future:
			m.movers.remove([]model.TopicPartition{p.tp})
			p.setFuture(nil)
		}
	}
	m.fetchers.remove(tps)
	m.movers.remove(tps)
	for _, tp := range tps {
		if p := m.partitions.get(tp); p != nil {
			p.offline.Store(true)
			p.wakeAll()
		}
	}
	m.logger.WithFields(logrus.Fields{"dir": path, "partitions": len(tps)}).Error("partitions are offline")
	m.opts.Journal.Record(journal.Entry{Kind: journal.DirectoryFailed, Name: path, About: -1, Count: int64(len(tps)), New: m.whyFailed(path)})
	m.isrWriter.dirFailed()
}

// whyFailed is what the disk said when a directory failed, "" for one that has not: the system's
// error alone if it names a file, as a reader then knows what was tried.
func (m *Manager) whyFailed(path string) string {
	for _, d := range m.logs.Dirs() {
		if d.Path != path || d.Err == nil {
			continue
		}
		var of *fs.PathError
		if errors.As(d.Err, &of) {
			return of.Error()
		}
		return d.Err.Error()
	}
	return ""
}

// setFuture replaces the copy that is on its way to another directory.
func (p *Partition) setFuture(l *log.Log) {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := *p.role.Load()
	next.future = l
	p.role.Store(&next)
}
