package fetchsession

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"momus/internal/kerr"
	"momus/internal/model"
)

func tp(p int32) model.TopicPartition { return model.TopicPartition{Topic: "t", Partition: p} }

func parts(ids ...int32) (ps []Partition) {
	for _, id := range ids {
		ps = append(ps, Partition{TP: tp(id), MaxBytes: 100, LeaderEpoch: -1, LogStartOffset: -1})
	}
	return ps
}

func ids(ps []Partition) (out []int32) {
	for i := range ps {
		out = append(out, ps[i].TP.Partition)
	}
	return out
}

func newCache(slots int) *Cache {
	next := int32(0)
	return New(func() int { return slots }, func() int32 { next++; return next })
}

// finish answers with the same result everywhere but for the given ones, and returns the partitions
// sent.
func finish(t *testing.T, x *Context, now int64, special map[int32]Result) (sent []int32, id int32, err error) {
	t.Helper()
	results := make([]Result, len(x.Partitions()))
	for i, p := range x.Partitions() {
		r, ok := special[p.TP.Partition]
		if !ok {
			r = Result{HighWatermark: 10}
		}
		results[i] = r
	}
	send := make([]bool, len(results))
	id, err = x.Finish(results, send, now)
	for i, p := range x.Partitions() {
		if send[i] {
			sent = append(sent, p.TP.Partition)
		}
	}
	return sent, id, err
}

func begin(t *testing.T, c *Cache, x *Context, id, epoch int32, fetch []Partition, forget []model.TopicPartition) {
	t.Helper()
	if err := c.Begin(x, Request{SessionID: id, Epoch: epoch}, fetch, forget, 0); err != nil {
		t.Fatal(err)
	}
}

func TestIncrementalAnswersContainOnlyWhatChanged(t *testing.T) {
	c := newCache(10)
	var x Context
	begin(t, c, &x, 0, InitialEpoch, parts(0, 1, 2), nil)
	sent, id, err := finish(t, &x, 0, nil)
	if err != nil || id == NoSession || !slices.Equal(sent, []int32{0, 1, 2}) {
		t.Fatal(sent, id, err)
	}
	steps := []struct {
		name    string
		fetch   []Partition
		forget  []model.TopicPartition
		special map[int32]Result
		order   []int32 // partitions read, in order
		sent    []int32
	}{
		{"nothing changed", nil, nil, nil, []int32{0, 1, 2}, nil},
		{"records and moved last", nil, nil, map[int32]Result{0: {HighWatermark: 10, Size: 5}}, []int32{0, 1, 2}, []int32{0}},
		{"new high watermark", nil, nil, map[int32]Result{1: {HighWatermark: 11}}, []int32{1, 2, 0}, []int32{1}},
		{"remembered", nil, nil, map[int32]Result{1: {HighWatermark: 11}}, []int32{2, 0, 1}, nil},
		{"new log start", nil, nil, map[int32]Result{1: {HighWatermark: 11, LogStartOffset: 3}}, []int32{2, 0, 1}, []int32{1}},
		{"error", nil, nil, map[int32]Result{1: {HighWatermark: -1, LogStartOffset: -1, Failed: true}}, []int32{2, 0, 1}, []int32{1}},
		{"error again", nil, nil, map[int32]Result{1: {HighWatermark: -1, LogStartOffset: -1, Failed: true}}, []int32{2, 0, 1}, []int32{1}},
		{"error gone", nil, nil, map[int32]Result{1: {HighWatermark: 11, LogStartOffset: 3}}, []int32{2, 0, 1}, []int32{1}},
		{"preferred replica", nil, nil, map[int32]Result{1: {HighWatermark: 11, LogStartOffset: 3}, 2: {HighWatermark: 10, Preferred: true}}, []int32{2, 0, 1}, []int32{2}},
		{"added and forgotten", parts(7), []model.TopicPartition{tp(1), tp(99)}, nil, []int32{0, 2, 7}, []int32{7}},
	}
	epoch := int32(1)
	for _, s := range steps {
		begin(t, c, &x, id, epoch, s.fetch, s.forget)
		if !slices.Equal(ids(x.Partitions()), s.order) {
			t.Fatalf("%s: reads %v, want %v", s.name, ids(x.Partitions()), s.order)
		}
		sent, got, err := finish(t, &x, 0, s.special)
		if err != nil || got != id || !slices.Equal(sent, s.sent) {
			t.Fatalf("%s: sent %v session %d err %v, want %v", s.name, sent, got, err, s.sent)
		}
		epoch = NextEpoch(epoch)
	}
	if got := c.Stats(); got.Sessions != 1 || got.Partitions != 3 {
		t.Fatalf("%+v", got)
	}
}

func TestUpdatedPositionsAreUsed(t *testing.T) {
	c := newCache(10)
	var x Context
	begin(t, c, &x, 0, InitialEpoch, parts(0, 1), nil)
	_, id, _ := finish(t, &x, 0, nil)
	moved := parts(1)
	moved[0].FetchOffset, moved[0].MaxBytes = 77, 5
	begin(t, c, &x, id, 1, moved, nil)
	if p := x.Partitions(); len(p) != 2 || p[1] != moved[0] || !x.Incremental() {
		t.Fatalf("%+v", p)
	}
}

func TestSessionErrors(t *testing.T) {
	c := newCache(10)
	var x Context
	if err := c.Begin(&x, Request{SessionID: 5, Epoch: 1}, nil, nil, 0); !errors.Is(err, kerr.FetchSessionIDNotFound) {
		t.Fatal(err)
	}
	begin(t, c, &x, 0, InitialEpoch, parts(0), nil)
	_, id, _ := finish(t, &x, 0, nil)
	if err := c.Begin(&x, Request{SessionID: id, Epoch: 2}, nil, nil, 0); !errors.Is(err, kerr.InvalidFetchSessionEpoch) {
		t.Fatal(err)
	}
	// The same request twice at the same time: the one that began first is answered with an error.
	var y Context
	begin(t, c, &x, id, 1, nil, nil)
	begin(t, c, &y, id, 2, nil, nil)
	if _, got, err := finish(t, &x, 0, nil); got != id || !errors.Is(err, kerr.InvalidFetchSessionEpoch) {
		t.Fatal(got, err)
	}
	if _, _, err := finish(t, &y, 0, nil); err != nil {
		t.Fatal(err)
	}
	// A full fetch with the final epoch closes the session.
	begin(t, c, &x, id, FinalEpoch, parts(0), nil)
	if sent, got, err := finish(t, &x, 0, nil); got != NoSession || err != nil || len(sent) != 1 {
		t.Fatal(sent, got, err)
	}
	if err := c.Begin(&x, Request{SessionID: id, Epoch: 3}, nil, nil, 0); !errors.Is(err, kerr.FetchSessionIDNotFound) {
		t.Fatal(err)
	}
}

func TestEmptiedSessionIsRemoved(t *testing.T) {
	c := newCache(10)
	var x Context
	begin(t, c, &x, 0, InitialEpoch, parts(0), nil)
	_, id, _ := finish(t, &x, 0, nil)
	begin(t, c, &x, id, 1, nil, []model.TopicPartition{tp(0)})
	if _, got, err := finish(t, &x, 0, nil); got != NoSession || err != nil {
		t.Fatal(got, err)
	}
	if s := c.Stats(); s.Sessions != 0 || s.Partitions != 0 {
		t.Fatalf("%+v", s)
	}
}

func TestNextEpochWraps(t *testing.T) {
	for in, want := range map[int32]int32{-1: -1, 0: 1, 1: 2, 1<<31 - 1: 1} {
		if got := NextEpoch(in); got != want {
			t.Errorf("NextEpoch(%d) = %d, want %d", in, got, want)
		}
	}
}

func TestEviction(t *testing.T) {
	type s struct {
		follower bool
		size     int
		at       int64
	}
	const late = evictionMs + 1
	for _, test := range []struct {
		name    string
		present []s
		touch   int // session touched at the time of the request, -1 none
		want    bool
		s
	}{
		{"room", []s{{size: 1}}, -1, true, s{size: 1}},
		{"consumer may not evict fresh sessions", []s{{size: 1}, {size: 1}}, -1, false, s{size: 9, at: 10}},
		{"stale is evicted", []s{{size: 9}, {follower: true, size: 9}}, -1, true, s{size: 1, at: late}},
		{"follower evicts a smaller consumer", []s{{size: 5}, {follower: true, size: 1}}, -1, true, s{follower: true, size: 5, at: 10}},
		{"follower evicts a larger consumer too", []s{{size: 5}, {follower: true, size: 1}}, -1, true, s{follower: true, size: 1, at: 10}},
		{"follower does not evict fresh followers", []s{{follower: true, size: 5}, {follower: true, size: 1}}, -1, false, s{follower: true, size: 9, at: 10}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCache(2)
			make := func(v s) int32 {
				var x Context
				var ps []int32
				for i := range v.size {
					ps = append(ps, int32(i))
				}
				if err := c.Begin(&x, Request{Epoch: InitialEpoch, Follower: v.follower}, parts(ps...), nil, v.at); err != nil {
					t.Fatal(err)
				}
				_, id, err := finish(t, &x, v.at, nil)
				if err != nil {
					t.Fatal(err)
				}
				return id
			}
			for _, v := range test.present {
				make(v)
			}
			if id := make(test.s); (id != NoSession) != test.want {
				t.Fatalf("session %d, want one: %v", id, test.want)
			}
		})
	}
}

// An old session that is still in use is evicted by a consumer only for a larger one.
func TestOldSessionGivesWayToALargerOne(t *testing.T) {
	for size, want := range map[int]bool{1: false, 3: true} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			c := newCache(1)
			var x Context
			begin(t, c, &x, 0, InitialEpoch, parts(0, 1), nil)
			_, id, _ := finish(t, &x, 0, nil)
			if err := c.Begin(&x, Request{SessionID: id, Epoch: 1}, nil, nil, evictionMs+1); err != nil {
				t.Fatal(err)
			}
			var ps []int32
			for i := range size {
				ps = append(ps, int32(i))
			}
			if err := c.Begin(&x, Request{Epoch: InitialEpoch}, parts(ps...), nil, evictionMs+2); err != nil {
				t.Fatal(err)
			}
			if _, id, _ := finish(t, &x, evictionMs+2, nil); (id != NoSession) != want {
				t.Fatalf("session %d, want one: %v", id, want)
			}
		})
	}
}
