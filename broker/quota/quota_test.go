package quota

import (
	"testing"
	"time"
)

func TestRate(t *testing.T) {
	start := time.Unix(1000, 0)
	r := NewRate(3, time.Second)
	for _, step := range []struct {
		at      time.Duration
		record  float64
		perSec  float64
		because string
	}{
		{0, 1000, 1000, "less than a window counts as a window"},
		{500 * time.Millisecond, 500, 1500, "the same sample"},
		{2 * time.Second, 0, 750, "1500 in two seconds"},
		{2500 * time.Millisecond, 1000, 1000, "2500 in two and a half"},
		{3 * time.Second, 0, 1000, "the first sample is three windows old: 1000 in the one that began at 2 s"},
		{6 * time.Second, 0, 0, "all is forgotten"},
		{7 * time.Second, 10, 10, "begins again"},
	} {
		r.Record(start.Add(step.at), step.record)
		if got := r.PerSecond(start.Add(step.at)); got != step.perSec {
			t.Errorf("at %s: %v per second, want %v: %s", step.at, got, step.perSec, step.because)
		}
	}
}

func TestReplicationLimit(t *testing.T) {
	now := time.Unix(1000, 0)
	q := NewReplication(11, time.Second)
	if q.Exceeded(now, 0) {
		t.Error("nothing has passed yet")
	}
	q.Record(now, 5000)
	for _, c := range []struct {
		after time.Duration
		want  bool
	}{{0, true}, {4900 * time.Millisecond, true}, {5 * time.Second, false}, {20 * time.Second, false}} {
		if got := q.Exceeded(now.Add(c.after), 1000); got != c.want {
			t.Errorf("after %s: exceeded %v, want %v", c.after, got, c.want)
		}
	}
}

func TestThrottled(t *testing.T) {
	for _, c := range []struct {
		list              []string
		partition, broker int32
		want              bool
	}{
		{nil, 0, 1, false},
		{[]string{"*"}, 7, 1, true},
		{[]string{"0:1", "1:2"}, 0, 1, true},
		{[]string{"0:1", " 1:2"}, 1, 2, true},
		{[]string{"0:1", "1:2"}, 0, 2, false},
		{[]string{"10:1"}, 0, 1, false},
	} {
		if got := Throttled(c.list, c.partition, c.broker); got != c.want {
			t.Errorf("%v names partition %d on broker %d: %v", c.list, c.partition, c.broker, got)
		}
	}
}
