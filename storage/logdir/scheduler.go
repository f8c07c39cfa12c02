package logdir

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"momus/internal/bell"
	"momus/internal/rank"
)

// scheduler runs delayed tasks on a bounded number of goroutines. Tasks that are still waiting when
// it stops are dropped, as Kafka does: what they would have removed is removed at the next start.
type scheduler struct {
	limit int
	wake  bell.Bell // there is an earlier task

	mu struct {
		rank.Mutex[rank.LogDirSchedule]
		tasks taskHeap
		// mu guards all of it; seq is the number of tasks so far.
		seq     uint64
		stopped bool
	}
}

type task struct {
	at  time.Time
	seq uint64 // keeps the order of tasks with the same time
	fn  func()
}

type taskHeap []task

func (h taskHeap) Len() int { return len(h) }
func (h taskHeap) Less(i, j int) bool {
	return h[i].at.Before(h[j].at) || h[i].at.Equal(h[j].at) && h[i].seq < h[j].seq
}
func (h taskHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *taskHeap) Push(x any)   { *h = append(*h, x.(task)) }
func (h *taskHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	// The slice's memory must not keep the closure, and with it a log, alive.
	old[len(old)-1] = task{}
	*h = old[:len(old)-1]
	return t
}

func newScheduler(limit int) *scheduler {
	return &scheduler{limit: max(1, limit), wake: bell.New()}
}

// after runs fn in another goroutine after d, unless the scheduler stops before. Before run is
// called, tasks only wait.
func (s *scheduler) after(d time.Duration, fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.stopped {
		return
	}
	s.mu.seq++
	heap.Push(&s.mu.tasks, task{at: time.Now().Add(d), seq: s.mu.seq, fn: fn})
	s.wake.Ring()
}

// run runs tasks until ctx ends, and returns when those that have begun are done.
func (s *scheduler) run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	// Full slots hold up the loop, and with it all that is due: background.threads bounds the work,
	// as in Kafka.
	slots := make(chan struct{}, s.limit)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		fn, wait := s.next()
		if fn == nil {
			timer.Reset(wait)
			select {
			case <-s.wake:
			case <-timer.C:
			case <-ctx.Done():
				s.stop()
				return
			}
			continue
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			s.stop()
			return
		}
		wg.Go(func() {
			defer func() { <-slots }()
			fn()
		})
	}
}

// next takes the task that is due, or tells how long to wait.
func (s *scheduler) next() (fn func(), wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.mu.tasks) == 0 {
		return nil, time.Hour
	}
	if wait = time.Until(s.mu.tasks[0].at); wait > 0 {
		return nil, wait
	}
	return heap.Pop(&s.mu.tasks).(task).fn, 0
}

// stop drops what waits. It may be called twice, by run and by Close, and without run having been
// called.
func (s *scheduler) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.stopped = true
	s.mu.tasks = nil
}
