package quota

import "time"

// clientRate is Kafka's Rate as client quotas measure it: the sum of the live samples divided by
// the time since the oldest began, but by no less than all windows but one (so that a burst is not
// taken for a rate).
type clientRate struct {
	window  time.Duration
	samples []sample // grows to count
	count   int
	current int
}

func newClientRate(count int, window time.Duration) *clientRate {
	return &clientRate{window: max(window, time.Millisecond), count: max(count, 1)}
}

func (r *clientRate) record(now time.Time, n float64) {
	if len(r.samples) == 0 {
		r.samples = append(r.samples, sample{start: now})
	}
	s := &r.samples[r.current]
	if now.Sub(s.start) >= r.window {
		r.current = (r.current + 1) % r.count
		if r.current >= len(r.samples) {
			r.samples = append(r.samples, sample{})
		}
		s = &r.samples[r.current]
		*s = sample{start: now}
	}
	s.sum += n
}

// perSecond is the rate at now, and the time over which it was measured.
func (r *clientRate) perSecond(now time.Time) (rate float64, over time.Duration) {
	sum, oldest := 0.0, now
	for i := range r.samples {
		s := &r.samples[i]
		if now.Sub(s.start) >= time.Duration(r.count)*r.window {
			*s = sample{start: now}
		}
		sum += s.sum
		if s.start.Before(oldest) {
			oldest = s.start
		}
	}
	over = now.Sub(oldest)
	if full := int(over / r.window); full < r.count-1 {
		over += time.Duration(r.count-1-full) * r.window
	}
	if sum == 0 || over <= 0 {
		return 0, over
	}
	return sum / over.Seconds(), over
}
