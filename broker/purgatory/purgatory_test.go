package purgatory

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestWaiterWakesOnlyAtItsThreshold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Purgatory
		var point Point
		var hw atomic.Int64
		checks := 0
		result := make(chan bool)
		go func() {
			w := p.New(1)
			defer w.Close()
			w.Watch(&point, 10)
			result <- w.Wait(context.Background(), time.Second, func() bool { checks++; return hw.Load() >= 10 })
		}()
		synctest.Wait()
		for _, v := range []int64{3, 5, 9} {
			hw.Store(v)
			point.Advance(v)
			synctest.Wait()
		}
		if checks != 1 {
			t.Fatalf("condition looked at %d times before the threshold", checks)
		}
		hw.Store(10)
		point.Advance(10)
		if !<-result {
			t.Fatal("waiter was not satisfied")
		}
		synctest.Wait()
		if p.Delayed() != 0 || p.Watched() != 0 || point.Waiting() != 0 || point.first.Load() != 0 {
			t.Fatalf("left behind: %d waiters, %d watches, %d subscriptions, first %d", p.Delayed(), p.Watched(), point.Waiting(), point.first.Load())
		}
	})
}

func TestWaiterStaysSubscribedWhenTheConditionNeedsMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Purgatory
		var a, b Point
		var sum atomic.Int64
		result := make(chan bool)
		go func() {
			w := p.New(2)
			defer w.Close()
			w.Watch(&a, 1)
			w.Watch(&b, 1)
			result <- w.Wait(context.Background(), time.Minute, func() bool { return sum.Load() >= 3 })
		}()
		synctest.Wait()
		sum.Add(1)
		a.Advance(1)
		synctest.Wait()
		sum.Add(1)
		b.Advance(1)
		synctest.Wait()
		a.Advance(1) // nothing new: not woken
		sum.Add(1)
		a.Advance(2)
		if !<-result {
			t.Fatal("not satisfied")
		}
	})
}

func TestWaiterExpiresAndIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Purgatory
		var point Point
		never := func() bool { return false }
		start := time.Now()
		w := p.New(1)
		w.Watch(&point, 1)
		if w.Wait(t.Context(), 3*time.Second, never) {
			t.Fatal("satisfied")
		}
		w.Close()
		if d := time.Since(start); d != 3*time.Second || p.Expired() != 1 {
			t.Fatalf("waited %v, expired %d", d, p.Expired())
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		w = p.New(1)
		defer w.Close()
		w.Watch(&point, 1)
		if w.Wait(ctx, time.Hour, never) || p.Expired() != 1 {
			t.Fatal("cancelled waiter was satisfied or counted as expired")
		}
	})
}

func TestWakeAllAndPooledWaiterHasNoOldWakeUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Purgatory
		var point Point
		w := p.New(1)
		w.Watch(&point, 5)
		point.WakeAll()
		w.Close()
		w = p.New(1)
		defer w.Close()
		w.Watch(&point, 5)
		n := 0
		w.Wait(t.Context(), time.Second, func() bool { n++; return false })
		if n != 2 { // at the start and at the deadline
			t.Fatalf("condition looked at %d times", n)
		}
	})
}

// Every waiter must see the offset it waits for, whatever the order of registration and progress.
func TestNoWakeUpIsLost(t *testing.T) {
	var p Purgatory
	var point Point
	var offset atomic.Int64
	const waiters, last = 32, 2000
	var wg sync.WaitGroup
	for i := range waiters {
		r := rand.New(rand.NewPCG(1, uint64(i)))
		wg.Go(func() {
			for at := int64(r.IntN(20)); at <= last; at += 1 + int64(r.IntN(40)) {
				w := p.New(1)
				w.Watch(&point, at)
				if !w.Wait(context.Background(), time.Minute, func() bool { return offset.Load() >= at }) {
					t.Errorf("offset %d was missed", at)
				}
				w.Close()
			}
		})
	}
	for v := int64(1); v <= last; v++ {
		offset.Store(v)
		point.Advance(v)
	}
	wg.Wait()
	if p.Delayed() != 0 || point.Waiting() != 0 {
		t.Error("waiters left behind")
	}
}

func BenchmarkAdvanceWithNobodyWaiting(b *testing.B) {
	var point Point
	b.ReportAllocs()
	for i := range b.N {
		point.Advance(int64(i))
	}
}

func BenchmarkWaitAndWake(b *testing.B) {
	var p Purgatory
	var point Point
	var at atomic.Int64
	ready := make(chan struct{})
	go func() {
		for v := range int64(b.N) {
			<-ready
			at.Store(v + 1)
			point.Advance(v + 1)
		}
	}()
	b.ReportAllocs()
	for v := range int64(b.N) {
		w := p.New(1)
		w.Watch(&point, v+1)
		ready <- struct{}{}
		w.Wait(context.Background(), time.Minute, func() bool { return at.Load() > v })
		w.Close()
	}
}
