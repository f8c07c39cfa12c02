package replica

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"momus/internal/model"
	"momus/internal/testbase"
	"momus/storage/log"
)

// A panic under a lock of the fetchers or of the ISR leaves it free: a request that panics costs its
// connection, and those of others must not wait for it for ever.
func TestPanicLeavesNoLock(t *testing.T) {
	now := func() time.Time { panic("injected") }
	m := &Manager{now: now, logger: logrus.NewEntry(logrus.New()), opts: Options{Settings: func() Settings { return Settings{Fetchers: 1} }, Endpoint: func(int32, int) LeaderEndpoint { return nil }}}
	m.fetchers.init(m)
	m.isrWriter.init(m)
	p := &Partition{m: m, tp: model.TopicPartition{Topic: "t"}}
	r := &role{leading: true}
	p.role.Store(r)
	change := &isrChange{p: p, role: r}
	p.progress.pending = change
	f := newFetcher(&m.fetchers, fetcherKey{})
	for _, c := range []struct {
		name  string
		do    func()
		locks []sync.Locker
	}{
		{"the end of a change of the ISR", func() { p.finishISR(change, errors.New("refused"), 0) }, []sync.Locker{&p.mu, &p.progress}},
		{"the news for the controller", func() { m.isrWriter.due() }, []sync.Locker{&m.isrWriter.mu}},
		{"a fetcher's partitions", func() { f.insert([]*fetching{nil}) }, []sync.Locker{&f.mu}},
		{"a partition that is given up", func() { f.giveUp(nil) }, []sync.Locker{&f.mu}},
		{"the choice of fetchers", func() { m.fetchers.assign([]assigned{{}}) }, []sync.Locker{&m.fetchers.mu}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", c.name)
				}
			}()
			c.do()
		}()
		for _, l := range c.locks {
			free := make(chan struct{})
			go func() { // ends when the lock is free
				l.Lock()
				defer l.Unlock()
				close(free)
			}()
			select {
			case <-free:
			case <-time.After(time.Minute):
				t.Fatalf("%s: a lock is held for ever", c.name)
			}
		}
	}
}

// A panic over what a leader sent for one partition costs that partition, not the fetcher.
func TestPanicEndsTheFetchingOfOnePartition(t *testing.T) {
	m := &Manager{logger: testbase.Quiet(), opts: Options{Endpoint: func(int32, int) LeaderEndpoint { return nil }}}
	m.fetchers.init(m)
	f := newFetcher(&m.fetchers, fetcherKey{})
	for i, do := range []func(s *fetching){
		func(s *fetching) { f.append(s, &ReplicaData{HighWatermark: 1}) },
		func(s *fetching) { f.truncateTo(s, 0, true) },
	} {
		p, other := &Partition{m: m, tp: model.TopicPartition{Topic: "t", Partition: int32(i)}}, &Partition{m: m, tp: model.TopicPartition{Topic: "u"}}
		p.role.Store(&role{log: new(log.Log)}) // on which everything panics
		s := &fetching{p: p}
		f.insert([]*fetching{s, {p: other}})
		m.fetchers.mu.owner[p.tp] = f
		do(s)
		if _, ok := m.fetchers.mu.failed[p.tp]; !ok || f.size() != 1 || f.mu.partitions[other.tp] == nil {
			t.Errorf("%d: given up are %v, fetched are %d partitions", i, m.fetchers.mu.failed, f.size())
		}
	}
}

// A panic over the move of one partition to another directory costs that move, not the others.
func TestPanicEndsTheMoveOfOnePartition(t *testing.T) {
	m := &Manager{logger: testbase.Quiet()}
	m.movers.init(m)
	var all []*Partition
	for i := range int32(2) {
		p := &Partition{m: m, tp: model.TopicPartition{Topic: "t", Partition: i}}
		p.role.Store(&role{log: new(log.Log), future: new(log.Log)}) // on which everything panics
		m.movers.add(p.tp, "/data")
		all = append(all, p)
	}
	m.partitions.add(all)
	v := m.movers.mu.byDir["/data"]
	m.movers.work(t.Context(), v)
	if len(v.queue) != 0 {
		t.Errorf("still to be moved: %v", v.queue)
	}
	for _, p := range all {
		func() { // waits for ever if the lock was left behind
			p.mu.Lock()
			defer p.mu.Unlock()
		}()
	}
}
