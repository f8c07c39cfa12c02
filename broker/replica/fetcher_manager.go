package replica

import (
	"context"

	"golang.org/x/sync/errgroup"

	"momus/internal/bell"
	"momus/internal/model"
	"momus/internal/rank"
)

// fetcherManager owns the fetchers: num.replica.fetchers for each leader that partitions of this
// broker follow.
type fetcherManager struct {
	m *Manager

	// mu guards which fetcher has which partitions.
	mu struct {
		rank.Mutex[rank.FetcherManager]
		fetchers map[fetcherKey]*fetcher
		owner    map[model.TopicPartition]*fetcher
		failed   map[model.TopicPartition]struct{}
		// starting are fetchers whose goroutine has not been started; wake (capacity 1) tells run
		// about them.
		starting []*fetcher
	}
	wake bell.Bell
}

type fetcherKey struct {
	leader int32
	id     int
}

func (fm *fetcherManager) init(m *Manager) {
	fm.m = m
	fm.wake = bell.New()
	fm.mu.fetchers = map[fetcherKey]*fetcher{}
	fm.mu.owner = map[model.TopicPartition]*fetcher{}
	fm.mu.failed = map[model.TopicPartition]struct{}{}
}

// run starts fetchers as they are added and returns when ctx has ended and all of them with it.
func (fm *fetcherManager) run(ctx context.Context) error {
	var g errgroup.Group
	for {
		for _, f := range fm.started() {
			fctx, cancel := context.WithCancel(ctx)
			g.Go(func() error {
				defer cancel()
				stop := context.AfterFunc(f.stopped, cancel)
				defer stop()
				f.run(fctx)
				return nil
			})
		}
		select {
		case <-fm.wake:
		case <-ctx.Done():
			return g.Wait()
		}
	}
}

// started takes the fetchers that have not begun yet.
func (fm *fetcherManager) started() []*fetcher {
	fm.mu.Lock()
	defer fm.mu.Unlock()
	list := fm.mu.starting
	fm.mu.starting = nil
	return list
}

// fetcherID is Kafka's assignment of partitions to the fetchers of one leader.
func fetcherID(tp model.TopicPartition, fetchers int32) int {
	id := 31*model.JavaHash(tp.Topic) + tp.Partition
	if id < 0 {
		id = -id
	}
	if id < 0 { // the smallest number has no counterpart
		id = 0
	}
	return int(id % max(1, fetchers))
}

// add begins to fetch partitions from their leaders, from their high watermarks on.
func (fm *fetcherManager) add(list []assigned) {
	if fm.m.opts.Endpoint == nil {
		return
	}
	for f, states := range fm.assign(list) {
		f.add(states)
	}
	fm.wake.Ring()
}

// assign chooses the fetcher of each partition, new ones where there are none, and remembers it.
func (fm *fetcherManager) assign(list []assigned) map[*fetcher][]*fetching {
	fetchers := fm.m.opts.Settings().Fetchers
	byFetcher := map[*fetcher][]*fetching{}
	fm.mu.Lock()
	defer fm.mu.Unlock()
	for _, a := range list {
		r := a.p.role.Load()
		if r.leading || r.log == nil {
			continue
		}
		key := fetcherKey{leader: r.leader, id: fetcherID(a.p.tp, fetchers)}
		f := fm.mu.fetchers[key]
		if f == nil {
			f = newFetcher(fm, key)
			fm.mu.fetchers[key] = f
			fm.mu.starting = append(fm.mu.starting, f)
		}
		fm.mu.owner[a.p.tp] = f
		delete(fm.mu.failed, a.p.tp)
		byFetcher[f] = append(byFetcher[f], &fetching{p: a.p, epoch: r.leaderEpoch, offset: r.log.HighWatermark(), truncating: true})
	}
	return byFetcher
}

// remove ends fetching of partitions. An append that is going on ends by itself: it checks the
// role.
func (fm *fetcherManager) remove(tps []model.TopicPartition) {
	for f, tps := range fm.disown(tps) {
		f.remove(tps)
	}
}

// disown forgets who fetches the partitions, and gives those by whom they were fetched.
func (fm *fetcherManager) disown(tps []model.TopicPartition) map[*fetcher][]model.TopicPartition {
	byFetcher := map[*fetcher][]model.TopicPartition{}
	fm.mu.Lock()
	defer fm.mu.Unlock()
	for _, tp := range tps {
		if f := fm.mu.owner[tp]; f != nil {
			byFetcher[f] = append(byFetcher[f], tp)
			delete(fm.mu.owner, tp)
		}
		delete(fm.mu.failed, tp)
	}
	return byFetcher
}

// stopIdle ends the fetchers that have no partition left.
func (fm *fetcherManager) stopIdle() {
	fm.mu.Lock()
	defer fm.mu.Unlock()
	for key, f := range fm.mu.fetchers {
		if f.size() == 0 {
			f.stop()
			delete(fm.mu.fetchers, key)
		}
	}
}

// fail gives up a partition until the next LeaderAndIsr.
func (fm *fetcherManager) fail(f *fetcher, tp model.TopicPartition) {
	fm.mu.Lock()
	defer fm.mu.Unlock()
	if fm.mu.owner[tp] == f {
		delete(fm.mu.owner, tp)
		fm.mu.failed[tp] = struct{}{}
	}
}

func (fm *fetcherManager) gauges() (maxLag, failed, fetchers int64) {
	fm.mu.Lock()
	defer fm.mu.Unlock()
	for _, f := range fm.mu.fetchers {
		maxLag = max(maxLag, f.maxLag())
	}
	return maxLag, int64(len(fm.mu.failed)), int64(len(fm.mu.fetchers))
}
