package consumerperf

import (
	"testing"
	"time"
)

func TestOnlyTheFirstIntervalHasTheWaitForTheGroup(t *testing.T) {
	began := time.Unix(1_600_000_000, 0).UTC()
	p := progress{at: began, joined: time.Second}
	for _, x := range []struct {
		after   time.Duration
		n, size int64
		want    string
	}{
		{3 * time.Second, 100, 4 << 20, "43, 0, 4.0000, 1.3333, 100, 33.3333, 1000, 2000, 2.0000, 50.0000"},
		{5 * time.Second, 300, 8 << 20, "45, 0, 8.0000, 2.0000, 300, 100.0000, 0, 2000, 2.0000, 100.0000"},
	} {
		if got := p.next(began.Add(x.after), x.n, x.size, "s"); got != x.want {
			t.Errorf("%s, want %s", got, x.want)
		}
	}
	p.joined = time.Minute // longer than the interval: no rate
	if got, want := p.next(began.Add(6*time.Second), 301, 9<<20, "s"), "46, 0, 9.0000, 1.0000, 301, 1.0000, 60000, -59000, 0.0000, 0.0000"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestDatesAreJavas(t *testing.T) {
	at := time.Date(2020, 4, 5, 16, 7, 8, 9e6, time.FixedZone("EST", -5*3600))
	for pattern, want := range map[string]string{
		"yyyy-MM-dd HH:mm:ss:SSS":   "2020-04-05 16:07:08:009",
		"yyyy-MM-dd'T'HH:mm:ss.SSS": "2020-04-05T16:07:08.009",
		"HH'h'mm'min'":              "16h07min", // letters in quotes have no meaning
		"h 'o''clock' a":            "4 o'clock PM",
		"''yy''":                    "'20'",
		"HH z|Z|X|XX|XXX":           "16 EST|-0500|-05|-0500|-05:00",
	} {
		if err := checkPattern(pattern); err != nil {
			t.Errorf("%s: %v", pattern, err)
		}
		if got := javaDate(at, pattern); got != want {
			t.Errorf("%s: %q, want %q", pattern, got, want)
		}
	}
	for _, pattern := range []string{"HH'h", "b"} {
		if checkPattern(pattern) == nil {
			t.Errorf("%s passed", pattern)
		}
	}
}
