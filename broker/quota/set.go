package quota

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"
)

// The keys of client quotas in ZooKeeper.
const (
	ProducerByteRate  = "producer_byte_rate"
	ConsumerByteRate  = "consumer_byte_rate"
	RequestPercentage = "request_percentage"
)

// Set is the client quotas of a broker: bytes of produce requests and of fetch answers a second,
// and the share of one thread's time that requests take, in percent.
type Set struct {
	Produce, Fetch, Request *Clients

	mu       sync.Mutex
	exempt   *clientRate // time of requests that no quota holds for, in percent
	entities map[Entity]struct{}
}

// SetOptions make a Set.
type SetOptions struct {
	Samples                          int           // quota.window.num
	Window                           time.Duration // quota.window.size.seconds
	ProducerDefault, ConsumerDefault int64         // quota.producer.default, quota.consumer.default; math.MaxInt64: none
}

// NewSet makes a Set without quotas but the defaults.
func NewSet(o SetOptions) *Set {
	clients := func(byDefault int64, most time.Duration) *Clients {
		c := ClientOptions{Samples: o.Samples, Window: o.Window, MaxThrottle: most}
		if byDefault != math.MaxInt64 {
			c.Default = float64(byDefault)
		}
		return NewClients(c)
	}
	return &Set{
		Produce: clients(o.ProducerDefault, 0), Fetch: clients(o.ConsumerDefault, 0), Request: clients(math.MaxInt64, o.Window),
		exempt: newClientRate(o.Samples, o.Window), entities: map[Entity]struct{}{},
	}
}

// Active tells whether there was any quota since the start.
func (s *Set) Active() bool { return s.Produce.Active() || s.Fetch.Active() || s.Request.Active() }

// Apply makes the settings of an entity, as ZooKeeper has them, its quotas: those that are not
// there are taken away. Other keys, such as those of credentials, are passed over; a value that is
// no number is an error and leaves that quota without a limit.
func (s *Set) Apply(e Entity, settings map[string]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs error
	quotas := 0
	for _, q := range []struct {
		key     string
		clients *Clients
		parse   func(v string) (float64, error)
	}{
		{ProducerByteRate, s.Produce, parseLong}, {ConsumerByteRate, s.Fetch, parseLong},
		{RequestPercentage, s.Request, func(v string) (float64, error) { return strconv.ParseFloat(v, 64) }},
	} {
		v, ok := settings[q.key]
		if !ok {
			q.clients.RemoveLimit(e)
			continue
		}
		limit, err := q.parse(v)
		if err != nil {
			errs = errors.Join(errs, fmt.Errorf("%s: %w", q.key, err))
			q.clients.RemoveLimit(e)
			continue
		}
		quotas++
		q.clients.SetLimit(e, limit)
	}
	if quotas > 0 {
		s.entities[e] = struct{}{}
	} else {
		delete(s.entities, e)
	}
	return errs
}

func parseLong(v string) (float64, error) {
	n, err := strconv.ParseInt(v, 10, 64)
	return float64(n), err
}

// Entities are those that have quotas, in no order.
func (s *Set) Entities() []Entity {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.entities))
}

// Limits are the quotas that an entity has, per second: by the keys of ZooKeeper.
func (s *Set) Limits(e Entity) map[string]float64 {
	out := map[string]float64{}
	for key, clients := range map[string]*Clients{ProducerByteRate: s.Produce, ConsumerByteRate: s.Fetch, RequestPercentage: s.Request} {
		if limit, ok := clients.limit(e); ok {
			out[key] = limit
		}
	}
	return out
}

// AddExempt counts the time of a request that no quota holds for.
func (s *Set) AddExempt(now time.Time, d time.Duration) {
	if !s.Request.Active() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.exempt.record(now, Percent(d))
}

// Exempt is the rate of those times, in percent of one thread.
func (s *Set) Exempt(now time.Time) float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	rate, _ := s.exempt.perSecond(now)
	return rate
}

// Percent is d in percent of a second, the measure of request quotas.
func Percent(d time.Duration) float64 { return d.Seconds() * 100 }
