package shard_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"momus/coordinator/shard"
	"momus/coordinator/shard/shardtest"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/internal/testbase"
	"momus/storage/record"
)

// fuse is where bombs panic next, once: at an event, "appended", "tick", "deadline", "replay",
// "loaded" or "unload".
type fuse struct{ at atomic.Value }

func (f *fuse) set(at string) { f.at.Store(at) }

// bomb is a counter that panics where the fuse says.
type bomb struct {
	counter
	*fuse
}

func (b *bomb) boom(where string) {
	if b.at.CompareAndSwap(where, "") {
		panic("injected at " + where)
	}
}

func (b *bomb) Replay(batch record.Batch) error {
	if batch.BaseOffset() == 1 {
		b.boom("replay")
	}
	return b.counter.Replay(batch)
}

func (b *bomb) Loaded(now time.Time) []shard.Effect {
	b.boom("loaded")
	return b.counter.Loaded(now)
}

func (b *bomb) Step(now time.Time, ev any, call *shard.Call) []shard.Effect {
	switch ev := ev.(type) {
	case string:
		b.boom(ev)
	case shard.Appended:
		b.boom("appended")
	case shard.Tick:
		b.boom("tick")
	}
	return b.counter.Step(now, ev, call)
}

func (b *bomb) NextDeadline() (time.Time, bool) {
	b.boom("deadline")
	return b.counter.NextDeadline()
}

func (b *bomb) Unload(now time.Time) []shard.Effect {
	b.boom("unload")
	return b.counter.Unload(now)
}

func (b *bomb) Describe(any) map[string]any { return map[string]any{"count": b.count} }

// minefield is a Runtime of bombs with partition 0 loaded from two batches.
type minefield struct {
	*shard.Runtime
	fuse   fuse
	logged testbase.Buffer // its errors
	stop   func()
}

// armed starts a minefield on log whose fuse is set; "" sets it nowhere.
func armed(t *testing.T, log *shardtest.Log, at string) *minefield {
	t.Helper()
	m := &minefield{}
	m.fuse.set(at)
	logger := logrus.New()
	logger.SetLevel(logrus.ErrorLevel)
	logger.SetOutput(&m.logged)
	tp := model.TopicPartition{Topic: "t"}
	log.Append(tp, batch(1), 0)
	log.Append(tp, batch(2), 0)
	m.Runtime, m.stop = run(t, shard.Options{Log: log, NewMachine: func(int32) shard.Machine { return &bomb{fuse: &m.fuse} }, Logger: logrus.NewEntry(logger)})
	m.Lead(0, 1)
	return m
}

// park leaves a call with the machine; its error comes when it is answered.
func (m *minefield) park(t *testing.T) <-chan error {
	synctest.Wait()
	answered := make(chan error, 1)
	go func() {
		_, err := m.Call(t.Context(), 0, "wait")
		answered <- err
	}()
	synctest.Wait()
	return answered
}

// after lets time pass, and says then what the machine has counted.
func (m *minefield) after(t *testing.T, d time.Duration, count string) {
	t.Helper()
	time.Sleep(d)
	synctest.Wait()
	expect(t, m.Runtime, 0, "count", count)
}

// Wherever a machine panics, who waits is told NOT_COORDINATOR, the partition is loaded again, and
// neither the caller's goroutine nor the process ends.
func TestAMachineThatPanicsIsLoadedAgain(t *testing.T) {
	for _, c := range []struct {
		at    string
		event string // that sets it off; "" nothing but time
		want  string // its answer
		after string // the count of the new machine
	}{
		{"count", "count", "NOT_COORDINATOR", "2"},
		{"appended", "add", "NOT_COORDINATOR", "3"}, // what was appended stays: it is in the log
		{"tick", "", "", "2"},
		{"deadline", "add", "3", "3"}, // its answer had been given
	} {
		t.Run(c.at, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := armed(t, shardtest.New(), "")
				parked := m.park(t)
				m.fuse.set(c.at)
				if c.event != "" {
					expect(t, m.Runtime, 0, c.event, c.want)
				}
				if err := <-parked; kerr.Of(err) != kerr.NotCoordinator {
					t.Errorf("who waited was told %v", err)
				}
				if s := m.Status(0); s != kerr.NotCoordinator {
					t.Errorf("a failed partition answers %v", s)
				}
				m.after(t, time.Second, c.after)
				for _, word := range []string{"injected at " + c.at, "event=", "stack=", "count=", "partition=0"} {
					if text := m.logged.String(); !strings.Contains(text, word) {
						t.Errorf("no %s in the log: %s", word, text)
					}
				}
				m.stop()
			})
		})
	}
}

// In the loop's own goroutine a panic would end the process: events that nobody waits for, and
// those that wait in the mailbox behind.
func TestAPanicInTheLoopsGoroutineIsSurvived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := armed(t, shardtest.New(), "bump")
		m.Cast(0, "bump") // while it loads
		m.Cast(0, "bump") // comes to the new machine
		synctest.Wait()
		m.after(t, time.Second, "102")
		m.stop()
	})
}

// An append of the machine that failed is no news for the next one, whose first append has the same
// tag.
func TestAppendsOfAFailedMachineAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := shardtest.New()
		m := armed(t, log, "")
		synctest.Wait()
		log.Hold()
		add := func() chan string {
			answer := make(chan string, 1)
			go func() {
				v, err := m.Call(t.Context(), 0, "add")
				answer <- fmt.Sprint(v, err)
			}()
			synctest.Wait()
			return answer
		}
		old := add()
		m.fuse.set("count")
		expect(t, m.Runtime, 0, "count", "NOT_COORDINATOR")
		if got := <-old; !strings.Contains(got, "NOT_COORDINATOR") {
			t.Errorf("the append under way was answered %s", got)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		log.Hold()
		late := add()
		log.Release() // both end; the old one first
		if got := <-late; got != "4 <nil>" {
			t.Errorf("the new append was answered %s", got)
		}
		expect(t, m.Runtime, 0, "count", "4")
		m.stop()
	})
}

// A machine that cannot be loaded is tried again and again, ever more slowly; a batch over which it
// panics is left out.
func TestAPanicWhileLoading(t *testing.T) {
	for where, want := range map[string]string{"replay": "1", "loaded": "2"} {
		synctest.Test(t, func(t *testing.T) {
			m := armed(t, shardtest.New(), where)
			synctest.Wait()
			if s := m.Status(0); s == nil {
				t.Error("a partition that is not loaded serves")
			}
			m.after(t, 5*time.Second, want)
			if m.logged.String() == "" {
				t.Error("nothing was logged")
			}
			m.stop()
		})
	}
}

func TestAPanicWhileUnloadingEndsNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := armed(t, shardtest.New(), "unload")
		parked := m.park(t)
		m.Resign(0)
		if err := <-parked; kerr.Of(err) != kerr.NotCoordinator {
			t.Errorf("who waited was told %v", err)
		}
		m.Lead(0, 2)
		m.after(t, 0, "2")
		m.stop()
	})
}
