package replica

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"momus/internal/bell"
	"momus/internal/journal"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/internal/rank"
	"momus/storage/log"
)

// fetching is a partition that a fetcher copies. Only the fetcher's goroutine touches it, but for
// adding and removing.
type fetching struct {
	p          *Partition
	epoch      int32 // leader epoch under which it is fetched
	offset     int64 // the next offset to ask for; while truncating the initial offset, the high watermark
	truncating bool
	notBefore  time.Time // back-off after an error
	tries      int       // how often the leader has said that it does not lead yet
	lag        int64     // leader's high watermark minus offset
	caughtUp   bool      // lag was 0 at the last answer
	round      int       // of the fetcher, in which it was asked for last
}

// fetcher copies partitions from one leader (Kafka's ReplicaFetcherThread). Its goroutine is run by
// the fetcherManager.
type fetcher struct {
	fm       *fetcherManager
	m        *Manager
	key      fetcherKey
	endpoint LeaderEndpoint
	logger   *logrus.Entry
	stopped  context.Context // ends when the fetcher is no longer wanted
	stop     context.CancelFunc
	wake     bell.Bell // partitions were added
	polls    polls
	failing  bool  // the last request failed, and was logged; used by run only
	round    int   // counts fetches; used by run only
	among    int32 // num.replica.fetchers when the partitions were last shared out; used by run only

	// mu guards what is fetched.
	mu struct {
		rank.Mutex[rank.Fetcher]
		partitions map[model.TopicPartition]*fetching
		order      []*fetching // of partitions; rotated, so that none starves
	}
}

func newFetcher(fm *fetcherManager, key fetcherKey) *fetcher {
	f := &fetcher{fm: fm, m: fm.m, key: key, wake: bell.New()}
	f.endpoint = fm.m.opts.Endpoint(key.leader, key.id)
	f.logger = fm.m.logger.WithFields(logrus.Fields{"leader": key.leader, "fetcher": key.id})
	f.stopped, f.stop = context.WithCancel(context.Background())
	f.mu.partitions = map[model.TopicPartition]*fetching{}
	return f
}

// add lets the fetcher fetch more partitions. One that it has already, in the same epoch, goes on
// where it is.
func (f *fetcher) add(list []*fetching) {
	f.insert(list)
	f.polls.added(f.m.now())
	f.wake.Ring()
}

// insert puts partitions behind those that are fetched already.
func (f *fetcher) insert(list []*fetching) {
	f.mu.Lock()
	defer f.mu.Unlock()
	replaced := false
	for _, s := range list {
		old := f.mu.partitions[s.p.tp]
		if old != nil && old.epoch == s.epoch && old.p == s.p {
			continue
		}
		replaced = replaced || old != nil
		f.mu.partitions[s.p.tp] = s
		f.mu.order = append(f.mu.order, s)
	}
	if replaced {
		f.orderLocked()
	}
}

func (f *fetcher) remove(tps []model.TopicPartition) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, tp := range tps {
		delete(f.mu.partitions, tp)
	}
	f.orderLocked()
}

// orderLocked takes those out of order that are not wanted any more.
func (f *fetcher) orderLocked() {
	f.mu.order = slices.DeleteFunc(f.mu.order, func(s *fetching) bool { return f.mu.partitions[s.p.tp] != s })
}

func (f *fetcher) removeLocked(s *fetching) {
	delete(f.mu.partitions, s.p.tp)
	f.mu.order = slices.DeleteFunc(f.mu.order, func(o *fetching) bool { return o == s })
}

// giveUp takes a partition away; false when it is not the one that is fetched now.
func (f *fetcher) giveUp(s *fetching) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mu.partitions[s.p.tp] != s {
		return false
	}
	f.removeLocked(s)
	return true
}

// fail gives up a partition until the next LeaderAndIsr.
func (f *fetcher) fail(s *fetching, err error) {
	if !f.giveUp(s) {
		return
	}
	f.fm.fail(f, s.p.tp)
	if kerr.Of(err) == kerr.FencedLeaderEpoch {
		f.entry(s).Debug("leader has a newer epoch; waiting for LeaderAndIsr") // which is on its way
		return
	}
	f.entry(s).WithError(err).Error("stopped fetching until the next LeaderAndIsr")
	f.note(journal.FetchFailed, s.p.tp, err)
}

func (f *fetcher) entry(s *fetching) *logrus.Entry {
	return f.logger.WithFields(logrus.Fields{"topic": s.p.tp.Topic, "partition": s.p.tp.Partition, "leader_epoch": s.epoch, "offset": s.offset})
}

func (f *fetcher) size() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.mu.partitions)
}

// maxLag is how far the partition that is furthest behind its leader is behind, in records.
func (f *fetcher) maxLag() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	lag := int64(0)
	for _, s := range f.mu.order {
		lag = max(lag, s.lag)
	}
	return lag
}

// asked finds a partition of an answer; nil when it was not asked for, or is not wanted any more.
func (f *fetcher) asked(tp model.TopicPartition) *fetching {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.mu.partitions[tp]; s != nil && s.round == f.round {
		return s
	}
	return nil
}

func (f *fetcher) backoff() time.Duration {
	return time.Duration(f.m.opts.Settings().FetchBackoffMs) * time.Millisecond
}

// run copies until ctx ends: truncation of those partitions that need it, then one fetch for all.
func (f *fetcher) run(ctx context.Context) {
	defer f.endpoint.Close()
	for ctx.Err() == nil {
		f.handOver()
		truncating, ready, wait := f.take()
		if len(truncating) > 0 {
			if err := f.truncate(ctx, truncating); err != nil {
				f.retry(ctx, err)
				continue
			}
			if len(ready) == 0 {
				continue
			}
		}
		if len(ready) > 0 {
			if err := f.fetch(ctx, ready); err != nil {
				f.retry(ctx, err)
			} else if f.failing {
				f.failing = false
				f.logger.Info("fetching from the leader again")
				f.note(journal.LeaderReachable, model.TopicPartition{}, nil)
			}
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-f.wake:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// retry waits before the next try after the leader could not be reached, which is logged once.
func (f *fetcher) retry(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	if !f.failing {
		f.failing = true
		f.logger.WithError(err).Warn("cannot fetch from the leader; trying again")
		f.note(journal.LeaderUnreachable, model.TopicPartition{}, err)
	}
	sleep(ctx, f.backoff())
}

// take lists what is to be done now: partitions to truncate, partitions to fetch; wait is the time
// until there is more.
func (f *fetcher) take() (truncating, ready []*fetching, wait time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.m.now()
	wait = time.Hour
	for _, s := range f.mu.order {
		switch {
		case now.Before(s.notBefore):
			wait = min(wait, s.notBefore.Sub(now))
		case s.truncating:
			truncating = append(truncating, s)
		case f.followerThrottled(s, now):
			wait = min(wait, f.backoff())
		default:
			ready = append(ready, s)
		}
	}
	return truncating, ready, wait
}

func (f *fetcher) later(s *fetching) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.notBefore = f.m.now().Add(f.backoff())
}

// firstRetry is the back-off after a leader has said for the first time that it does not lead; it
// doubles up to replica.fetch.backoff.ms.
const firstRetry = 10 * time.Millisecond

// soon tries a partition again whose leader may not have heard from the controller yet: usually it
// is a matter of milliseconds.
func (f *fetcher) soon(s *fetching) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.notBefore = f.m.now().Add(min(f.backoff(), firstRetry<<min(s.tries, 20)))
	s.tries++
}

// truncate brings partitions to where the leader's history and theirs are the same (KIP-101,
// KIP-279).
func (f *fetcher) truncate(ctx context.Context, list []*fetching) error {
	defer f.m.logs.CheckpointDue()
	var asking []*fetching
	var queries []EpochQuery
	for _, s := range list {
		l := s.p.Log()
		if l == nil {
			f.fail(s, kerr.KafkaStorageError)
			continue
		}
		epoch, ok := l.LatestEpoch()
		if !ok {
			f.truncateTo(s, s.offset, true)
			continue
		}
		asking = append(asking, s)
		queries = append(queries, EpochQuery{TP: s.p.tp, CurrentLeaderEpoch: s.epoch, LeaderEpoch: epoch})
	}
	if len(queries) == 0 {
		return nil
	}
	answers, err := f.endpoint.EndOffsets(ctx, queries)
	if err != nil {
		return err
	}
	if len(answers) != len(queries) {
		return fmt.Errorf("leader answered %d of %d epoch queries", len(answers), len(queries))
	}
	for i, s := range asking {
		a := answers[i]
		if a.Err != nil {
			f.partitionError(s, a.Err)
			continue
		}
		l := s.p.Log()
		if l == nil {
			f.fail(s, kerr.KafkaStorageError)
			continue
		}
		offset, done := truncationTo(epochEnd{epoch: a.Epoch, endOffset: a.EndOffset}, s.offset, l.LogEndOffset(), func(e int32) (epochEnd, bool) {
			epoch, end := l.EndOffsetForEpoch(e)
			return epochEnd{epoch: epoch, endOffset: end}, end != unknownOffset
		})
		f.truncateTo(s, offset, done)
	}
	return nil
}

// truncateTo cuts the log of a partition; done means that it may be fetched from then on.
func (f *fetcher) truncateTo(s *fetching, offset int64, done bool) {
	next, err := s.p.truncateFollower(s.epoch, offset, false)
	switch {
	case errors.Is(err, errNotFollowing):
		f.drop(s)
		return
	case err != nil:
		f.fail(s, err)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if done {
		s.offset, s.truncating = next, false
	}
}

// drop forgets a partition whose role has changed: LeaderAndIsr adds it again where it belongs.
func (f *fetcher) drop(s *fetching) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mu.partitions[s.p.tp] == s {
		f.removeLocked(s)
	}
}

// partitionError handles an error that the leader gave for one partition.
func (f *fetcher) partitionError(s *fetching, err error) {
	switch kerr.Of(err) {
	case kerr.FencedLeaderEpoch:
		f.fail(s, err)
	case kerr.NotLeaderForPartition, kerr.UnknownLeaderEpoch, kerr.UnknownTopicOrPartition:
		f.entry(s).WithError(err).Debug("leader does not serve the partition; trying again")
		f.soon(s)
	default:
		f.entry(s).WithError(err).Warn("leader refused to serve the partition; trying again")
		f.later(s)
	}
}

// fetch asks for data of all ready partitions once and appends what comes.
func (f *fetcher) fetch(ctx context.Context, ready []*fetching) error {
	request := make([]ReplicaFetch, 0, len(ready))
	f.round++
	for _, s := range ready {
		l := s.p.Log()
		if l == nil {
			f.fail(s, kerr.KafkaStorageError)
			continue
		}
		request = append(request, ReplicaFetch{TP: s.p.tp, Offset: s.offset, LogStartOffset: l.LogStartOffset(), CurrentLeaderEpoch: s.epoch})
		s.round = f.round
	}
	if len(request) == 0 {
		return nil
	}
	pollCtx, maxWait := f.polls.begin(ctx, f.m.now(), time.Duration(f.m.opts.Settings().FetchWaitMaxMs)*time.Millisecond)
	answer, err := f.endpoint.Fetch(pollCtx, request, maxWait)
	if cut := f.polls.end(); err != nil {
		if cut && ctx.Err() == nil {
			return nil // for the sake of partitions that were added
		}
		return err
	}
	truncated, bytes := false, 0
	for i := range answer {
		d := &answer[i]
		s := f.asked(d.TP)
		if s == nil {
			continue
		}
		bytes += len(d.Records)
		if d.Err != nil {
			if kerr.Of(d.Err) == kerr.OffsetOutOfRange {
				truncated = true
				f.outOfRange(ctx, s)
			} else {
				f.partitionError(s, d.Err)
			}
			continue
		}
		f.append(s, d)
	}
	if truncated {
		f.m.logs.CheckpointDue()
	}
	if bytes >= int(f.m.opts.Settings().FetchResponseMaxBytes)/2 { // there may have been no place for others
		f.rotate(answer)
	}
	return nil
}

// append adds what a leader sent to the log.
func (f *fetcher) append(s *fetching, d *ReplicaData) {
	next, err := s.p.appendFollower(s.epoch, s.offset, d)
	switch {
	case err == nil:
		f.mu.Lock()
		s.offset = next
		s.lag = max(0, d.HighWatermark-next)
		s.caughtUp = s.lag == 0
		s.tries = 0
		f.mu.Unlock()
	case errors.Is(err, errNotFollowing):
		f.drop(s)
	case kerr.Of(err) == kerr.CorruptMessage || kerr.Of(err) == kerr.InvalidRecord:
		// A bad transfer, or a leader whose disk lies: another try may get it right.
		f.entry(s).WithError(err).Error("leader sent corrupt records; trying again")
		f.later(s)
	default:
		f.fail(s, err)
	}
}

// outOfRange finds out how to go on when the leader does not have the offset asked for.
func (f *fetcher) outOfRange(ctx context.Context, s *fetching) {
	l := s.p.Log()
	if l == nil {
		f.fail(s, kerr.KafkaStorageError)
		return
	}
	leaderEnd, err := f.endpoint.Offset(ctx, s.p.tp, s.epoch, log.LatestTimestamp)
	var action outOfRangeAction
	if err == nil {
		action, err = afterOffsetOutOfRange(l.LogEndOffset(), leaderEnd, func() (int64, error) {
			return f.endpoint.Offset(ctx, s.p.tp, s.epoch, log.EarliestTimestamp)
		})
	}
	if err != nil {
		f.partitionError(s, err)
		return
	}
	f.entry(s).WithFields(logrus.Fields{"log_end": l.LogEndOffset(), "truncate_to": action.truncateTo, "restart_at": action.restartAt}).
		Warn("offset is out of the leader's range")
	switch {
	case action.truncateTo >= 0:
		_, err = s.p.truncateFollower(s.epoch, action.truncateTo, false)
	case action.restartAt >= 0:
		_, err = s.p.truncateFollower(s.epoch, action.restartAt, true)
	}
	switch {
	case errors.Is(err, errNotFollowing):
		f.drop(s)
	case err != nil:
		f.fail(s, err)
	default:
		f.mu.Lock()
		s.offset = action.fetchFrom
		f.mu.Unlock()
	}
}

// rotate moves the partitions that got data to the end of the order, so that a full answer does not
// starve the others.
func (f *fetcher) rotate(answer []ReplicaData) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.mu.order) < 2 {
		return
	}
	served := make(map[model.TopicPartition]bool, len(answer))
	for i := range answer {
		if len(answer[i].Records) > 0 {
			served[answer[i].TP] = true
		}
	}
	if len(served) == 0 || len(served) == len(f.mu.order) {
		return
	}
	next := make([]*fetching, 0, len(f.mu.order))
	for _, pass := range []bool{false, true} {
		for _, s := range f.mu.order {
			if served[s.p.tp] == pass {
				next = append(next, s)
			}
		}
	}
	f.mu.order = next
}
