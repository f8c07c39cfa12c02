package quota

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Name is a user or a client id in an entity.
type Name struct {
	Kind NameKind
	Text string // of Named
}

// NameKind tells what a Name stands for.
type NameKind int8

// The kinds of names.
const (
	Absent    NameKind = iota // the entity is not about users, or not about client ids
	Named                     // one user or client id
	ByDefault                 // all that have no quota of their own
)

// Entity is what a quota holds for: a user, a client id, or a client id of a user (KIP-55).
type Entity struct{ User, Client Name }

// tags name the bucket that a request counts in; the one that plays no part is "".
type tags struct{ user, client string }

// ClientOptions make a Clients.
type ClientOptions struct {
	Samples     int           // quota.window.num
	Window      time.Duration // quota.window.size.seconds
	Default     float64       // for client ids without any quota (quota.producer.default); 0: none
	MaxThrottle time.Duration // 0: no limit
}

// Clients bounds what clients may use of one resource (KIP-13, KIP-55, KIP-124). It is safe for
// concurrent use.
type Clients struct {
	o      ClientOptions
	active atomic.Bool

	mu      sync.Mutex
	limits  map[Entity]float64
	buckets map[tags]*bucket
	swept   time.Time
	muted   []time.Time // when the connections that are throttled may go on
}

// bucket counts what one group of clients used.
type bucket struct {
	rate      *clientRate
	throttled *Rate // sum of throttle times in ms
	throttles *Rate // their number
	used      time.Time
}

// bucketLife is how long a bucket is kept that is not used.
const bucketLife = time.Hour

// NewClients makes a Clients without quotas.
func NewClients(o ClientOptions) *Clients {
	c := &Clients{o: o, limits: map[Entity]float64{}, buckets: map[tags]*bucket{}}
	c.active.Store(o.Default > 0)
	return c
}

// Active tells whether there was any quota since the start. While there was none, nothing needs to
// be recorded.
func (c *Clients) Active() bool { return c.active.Load() }

// SetLimit sets the quota of an entity, per second.
func (c *Clients) SetLimit(e Entity, limit float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limits[e] = limit
	c.active.Store(true)
}

// limit is the quota that an entity has itself.
func (c *Clients) limit(e Entity) (limit float64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	limit, ok = c.limits[e]
	return limit, ok
}

// RemoveLimit takes the quota of an entity away.
func (c *Clients) RemoveLimit(e Entity) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.limits, e)
}

// findLocked is the quota of a client, the most specific one, and the bucket that it counts in;
// +Inf if there is none.
func (c *Clients) findLocked(user, client string) (tags, float64) {
	u, id := Name{Named, user}, Name{Named, client}
	byDefault := Name{Kind: ByDefault}
	for _, level := range [...]struct {
		entity Entity
		tags   tags
	}{
		{Entity{u, id}, tags{user, client}},
		{Entity{u, byDefault}, tags{user, client}},
		{Entity{User: u}, tags{user: user}},
		{Entity{byDefault, id}, tags{user, client}},
		{Entity{byDefault, byDefault}, tags{user, client}},
		{Entity{User: byDefault}, tags{user: user}},
		{Entity{Client: id}, tags{client: client}},
		{Entity{Client: byDefault}, tags{client: client}},
	} {
		// A client without an id has no part in quotas of client ids.
		if level.entity.Client.Kind != Absent && client == "" {
			continue
		}
		if limit, ok := c.limits[level.entity]; ok {
			return level.tags, limit
		}
	}
	if c.o.Default > 0 && client != "" {
		return tags{client: client}, c.o.Default
	}
	return tags{client: client}, math.Inf(1)
}

func (c *Clients) bucketLocked(now time.Time, t tags) *bucket {
	b := c.buckets[t]
	if b == nil {
		c.sweepLocked(now)
		b = &bucket{
			rate: newClientRate(c.o.Samples, c.o.Window), throttled: NewRate(c.o.Samples, c.o.Window), throttles: NewRate(c.o.Samples, c.o.Window),
		}
		c.buckets[t] = b
	}
	b.used = now
	return b
}

// sweepLocked forgets buckets that nobody uses any more, once in a while.
func (c *Clients) sweepLocked(now time.Time) {
	if now.Sub(c.swept) < bucketLife/10 {
		return
	}
	c.swept = now
	for t, b := range c.buckets {
		if now.Sub(b.used) >= bucketLife {
			delete(c.buckets, t)
		}
	}
}

// Record counts what a client used and returns for how long it is to be throttled: until the rate
// would be within the quota; 0 if it is.
func (c *Clients) Record(now time.Time, user, client string, used float64) time.Duration {
	if !c.Active() {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t, limit := c.findLocked(user, client)
	b := c.bucketLocked(now, t)
	b.rate.record(now, used)
	rate, over := b.rate.perSecond(now)
	if rate <= limit {
		return 0
	}
	most := time.Duration(math.MaxInt32) * time.Millisecond
	if c.o.MaxThrottle > 0 {
		most = c.o.MaxThrottle
	}
	ms := math.Round((rate - limit) / limit * float64(over.Milliseconds()))
	if !(ms < float64(most.Milliseconds())) { // also a quota of 0
		return most
	}
	return time.Duration(ms) * time.Millisecond
}

// Add counts without looking at the quota; used may be negative, to take back what was recorded.
func (c *Clients) Add(now time.Time, user, client string, used float64) {
	if !c.Active() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t, _ := c.findLocked(user, client)
	c.bucketLocked(now, t).rate.record(now, used)
}

// Throttled notes that a client's connection is held up.
func (c *Clients) Throttled(now time.Time, user, client string, d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, _ := c.findLocked(user, client)
	b := c.bucketLocked(now, t)
	b.throttled.Record(now, float64(d.Milliseconds()))
	b.throttles.Record(now, 1)
	c.mutedLocked(now)
	c.muted = append(c.muted, now.Add(d))
}

func (c *Clients) mutedLocked(now time.Time) int {
	left := c.muted[:0]
	for _, until := range c.muted {
		if until.After(now) {
			left = append(left, until)
		}
	}
	c.muted = left
	return len(left)
}

// Muted is the number of connections that are held up.
func (c *Clients) Muted(now time.Time) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mutedLocked(now)
}

// MostInWindow is what a client may use within all windows but the running one; +Inf without a
// quota.
func (c *Clients) MostInWindow(user, client string) float64 {
	if !c.Active() {
		return math.Inf(1)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, limit := c.findLocked(user, client)
	return limit * float64(c.o.Samples-1) * c.o.Window.Seconds()
}

// ClientUsage is what the clients of a bucket used lately.
type ClientUsage struct {
	User, Client string
	PerSecond    float64
	ThrottleMs   float64 // the mean of the throttle times; NaN if there was none
}

// Usage lists all buckets, in no order.
func (c *Clients) Usage(now time.Time) []ClientUsage {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]ClientUsage, 0, len(c.buckets))
	for t, b := range c.buckets {
		rate, _ := b.rate.perSecond(now)
		all = append(all, ClientUsage{t.user, t.client, rate, b.throttled.PerSecond(now) / b.throttles.PerSecond(now)})
	}
	return all
}
