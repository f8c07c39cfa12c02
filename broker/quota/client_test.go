package quota

import (
	"math"
	"testing"
	"time"
)

func name(text string) Name {
	switch text {
	case "":
		return Name{}
	case "<default>":
		return Name{Kind: ByDefault}
	}
	return Name{Named, text}
}

// TestTheMostSpecificQuotaCounts takes the quotas away one by one, in the order of KIP-55.
func TestTheMostSpecificQuotaCounts(t *testing.T) {
	levels := []struct {
		user, client string
		bucket       tags
	}{
		{"u", "c", tags{"u", "c"}},
		{"u", "<default>", tags{"u", "c"}},
		{"u", "", tags{"u", ""}},
		{"<default>", "c", tags{"u", "c"}},
		{"<default>", "<default>", tags{"u", "c"}},
		{"<default>", "", tags{"u", ""}},
		{"", "c", tags{"", "c"}},
		{"", "<default>", tags{"", "c"}},
	}
	c := NewClients(ClientOptions{Samples: 11, Window: time.Second, Default: 99})
	for i, l := range levels {
		c.SetLimit(Entity{name(l.user), name(l.client)}, float64(i+1))
	}
	c.SetLimit(Entity{name("other"), name("c")}, 1000)
	c.SetLimit(Entity{Client: name("other")}, 1000)
	for i, l := range levels {
		bucket, limit := c.findLocked("u", "c")
		if bucket != l.bucket || limit != float64(i+1) {
			t.Errorf("quota %d of %+v, want %d of %+v", int(limit), bucket, i+1, l.bucket)
		}
		c.RemoveLimit(Entity{name(l.user), name(l.client)})
	}
	if bucket, limit := c.findLocked("u", "c"); limit != 99 || bucket != (tags{"", "c"}) {
		t.Errorf("static default: %v of %+v", limit, bucket)
	}
	if _, limit := c.findLocked("u", ""); !math.IsInf(limit, 1) {
		t.Errorf("a client without an id has a quota of %v", limit)
	}
	c.SetLimit(Entity{User: name("<default>")}, 5)
	c.SetLimit(Entity{name("<default>"), name("<default>")}, 6)
	if bucket, limit := c.findLocked("u", ""); limit != 5 || bucket != (tags{"u", ""}) {
		t.Errorf("a client without an id: %v of %+v", limit, bucket)
	}
}

// TestThrottleTimes repeats what a live broker answered: 1000 B/s, requests of 6350 bytes.
func TestThrottleTimes(t *testing.T) {
	c := NewClients(ClientOptions{Samples: 11, Window: time.Second})
	start := time.Unix(1000, 0)
	if got := c.Record(start, "u", "c", 1e9); got != 0 {
		t.Errorf("throttled for %v without a quota", got)
	}
	c.SetLimit(Entity{Client: name("c")}, 1000)
	for _, step := range []struct {
		at    time.Duration
		bytes float64
		want  time.Duration
		what  string
	}{
		{0, 6350, 0, "635 B/s over the ten windows that count at least"},
		{20 * time.Millisecond, 6350, 2680 * time.Millisecond, "12700 bytes in 10.02 s are 1267.465 B/s"},
		{2700 * time.Millisecond, 6350, 8350 * time.Millisecond, "19050 bytes in 2.7 s and eight windows"},
		{11 * time.Second, 0, 0, "the first sample is forgotten"},
		{40 * time.Second, 10000, 0, "the quota exactly"},
	} {
		if got := c.Record(start.Add(step.at), "u", "c", step.bytes); got != step.want {
			t.Errorf("at %v throttled for %v, want %v: %s", step.at, got, step.want, step.what)
		}
	}
	if got := c.Record(start.Add(40*time.Second), "u", "other", 1e9); got != 0 {
		t.Errorf("another client is throttled for %v", got)
	}
	now := start.Add(80 * time.Second)
	c.Record(now, "u", "c", 20000)
	c.Add(now, "u", "c", -20000)
	if got := c.Record(now, "u", "c", 9000); got != 0 {
		t.Errorf("throttled for %v by what was taken back", got)
	}
	if got := c.MostInWindow("u", "c"); got != 10000 {
		t.Errorf("most in a window: %v", got)
	}
}

func TestThrottleTimesAreBounded(t *testing.T) {
	now := time.Unix(1000, 0)
	c := NewClients(ClientOptions{Samples: 11, Window: time.Second, MaxThrottle: time.Second})
	c.SetLimit(Entity{User: name("u")}, 0.001)
	if got := c.Record(now, "u", "c", 100); got != time.Second {
		t.Errorf("throttled for %v", got)
	}
	c.SetLimit(Entity{User: name("u")}, 0)
	if got := c.Record(now, "u", "c", 100); got != time.Second {
		t.Errorf("throttled for %v by a quota of 0", got)
	}
}

func TestUsage(t *testing.T) {
	now := time.Unix(1000, 0)
	c := NewClients(ClientOptions{Samples: 11, Window: time.Second})
	c.SetLimit(Entity{User: name("u")}, 10)
	c.Record(now, "u", "c", 300)
	c.Throttled(now, "u", "c", 20*time.Second)
	c.Throttled(now, "u", "d", 10*time.Second)
	if got := c.Usage(now); len(got) != 1 || got[0] != (ClientUsage{"u", "", 30, 15000}) {
		t.Errorf("usage %+v", got)
	}
	for _, s := range []struct {
		at   time.Duration
		want int
	}{{0, 2}, {10 * time.Second, 1}, {20 * time.Second, 0}} {
		if got := c.Muted(now.Add(s.at)); got != s.want {
			t.Errorf("%d connections muted after %v", got, s.at)
		}
	}
	c.Record(now.Add(2*time.Hour), "v", "", 1)
	if got := c.Usage(now.Add(2 * time.Hour)); len(got) != 1 || got[0].User != "" || got[0].Client != "" {
		t.Errorf("after two hours: %+v", got)
	}
}

func TestApply(t *testing.T) {
	s := NewSet(SetOptions{Samples: 11, Window: time.Second, ProducerDefault: math.MaxInt64, ConsumerDefault: math.MaxInt64})
	e := Entity{User: name("u")}
	if err := s.Apply(e, map[string]string{"SCRAM-SHA-256": "salt=…"}); err != nil || s.Active() || len(s.Entities()) != 0 {
		t.Errorf("credentials are taken for quotas: %v", err)
	}
	if err := s.Apply(e, map[string]string{ConsumerByteRate: "2048", RequestPercentage: "12.5"}); err != nil {
		t.Error(err)
	}
	limits := func() [3]float64 {
		_, p := s.Produce.findLocked("u", "c")
		_, f := s.Fetch.findLocked("u", "c")
		_, r := s.Request.findLocked("u", "c")
		return [3]float64{p, f, r}
	}
	none := math.Inf(1)
	if got := limits(); got != [3]float64{none, 2048, 12.5} || !s.Active() || len(s.Entities()) != 1 {
		t.Errorf("limits %v", got)
	}
	if err := s.Apply(e, map[string]string{ProducerByteRate: "many", ConsumerByteRate: "1"}); err == nil {
		t.Error("a quota of many bytes was taken")
	}
	if got := limits(); got != [3]float64{none, 1, none} {
		t.Errorf("limits %v", got)
	}
	if err := s.Apply(e, nil); err != nil || limits() != [3]float64{none, none, none} || len(s.Entities()) != 0 {
		t.Errorf("limits %v, %v", limits(), err)
	}
}

func TestExemptTime(t *testing.T) {
	now := time.Unix(1000, 0)
	s := NewSet(SetOptions{Samples: 11, Window: time.Second, ProducerDefault: math.MaxInt64, ConsumerDefault: math.MaxInt64})
	s.AddExempt(now, time.Second)
	if got := s.Exempt(now); got != 0 {
		t.Errorf("%v%% counted without a quota", got)
	}
	s.Request.SetLimit(Entity{User: name("u")}, 1)
	s.AddExempt(now, time.Second)
	if got := s.Exempt(now); got != 10 {
		t.Errorf("%v%%", got)
	}
}
