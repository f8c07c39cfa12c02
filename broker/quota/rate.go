// Package quota measures rates over sliding windows as Kafka does. It decides nothing by a clock of
// its own: the time comes with each call.
package quota

import "time"

// Rate is the sum of what was recorded over the last samples windows divided by the time that they
// cover, at least one window (Kafka's SimpleRate). It is not safe for concurrent use.
type Rate struct {
	window  time.Duration
	samples []sample
	current int
}

type sample struct {
	start time.Time
	sum   float64
	live  bool
}

// NewRate measures over count samples of the given window; both are at least 1 (of anything).
func NewRate(count int, window time.Duration) *Rate {
	return &Rate{window: max(window, time.Millisecond), samples: make([]sample, max(count, 1))}
}

// Record adds n at now.
func (r *Rate) Record(now time.Time, n float64) {
	s := &r.samples[r.current]
	if s.live && now.Sub(s.start) >= r.window {
		r.current = (r.current + 1) % len(r.samples)
		s = &r.samples[r.current]
		s.live = false
	}
	if !s.live {
		*s = sample{start: now, live: true}
	}
	s.sum += n
}

// PerSecond is the rate at now.
func (r *Rate) PerSecond(now time.Time) float64 {
	sum, oldest := 0.0, now
	for i := range r.samples {
		s := &r.samples[i]
		if s.live && now.Sub(s.start) >= time.Duration(len(r.samples))*r.window {
			s.live = false
		}
		if s.live {
			sum += s.sum
			if s.start.Before(oldest) {
				oldest = s.start
			}
		}
	}
	return sum / max(now.Sub(oldest), r.window).Seconds()
}
