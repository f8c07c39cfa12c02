package broker

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"momus/broker/network"
	"momus/broker/quota"
	"momus/configs"
	"momus/coordinator/acl"
	"momus/internal/journal"
)

// noteStart records that the broker serves, and what the stop before it was like.
func (b *Broker) noteStart() {
	before := "" // the first start of all
	switch was, clean := b.logs.LastStop(); {
	case was && clean:
		before = "clean"
	case was:
		before = "unclean"
	}
	b.journal.Record(journal.Entry{Kind: journal.BrokerStarted, About: -1, Old: before, Took: b.opts.Now().Sub(b.began)})
}

// noteStop records that the broker stops, and why: by itself if err says so.
func (b *Broker) noteStop(err error) {
	e := journal.Entry{Kind: journal.BrokerStopping, About: -1, Reason: journal.ByRequest}
	if err != nil {
		e.Reason, e.New = journal.ByFailure, err.Error()
	}
	b.journal.Record(e)
}

// onLoaded records that the coordinator of a partition of an internal topic is ready.
func (b *Broker) onLoaded(topic string) func(partition int32, took time.Duration, batches int) {
	return func(partition int32, took time.Duration, _ int) {
		b.journal.Record(journal.Entry{Kind: journal.CoordinatorLoaded, Name: topic, Partition: partition, About: -1, Took: took})
	}
}

const (
	// pauseTick is how often a broker looks whether it has stood still, pauseLeast what counts as
	// standing still.
	pauseTick  = time.Second
	pauseLeast = time.Second
)

// watchPauses records when the process did not run: it was stopped by a signal, or the whole
// machine was, or there was no processor for it. Others see only that the broker is silent.
func (b *Broker) watchPauses(ctx context.Context) error {
	tick := time.NewTicker(pauseTick)
	defer tick.Stop()
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		// The wall clock goes on while a machine sleeps, the monotonic clock does not.
		// Not the broker's clock, which a test may hold.
		now := time.Now()
		gap := max(now.Sub(last), now.Round(0).Sub(last.Round(0))) - pauseTick
		if last = now; gap >= pauseLeast {
			b.journal.Record(journal.Entry{Kind: journal.ProcessPaused, About: -1, Took: gap})
		}
	}
}

// configHistory remembers the settings of config entities, to tell what has changed.
type configHistory struct {
	journal *journal.Journal

	// mu guards known; it is not held while the journal is written.
	mu    sync.Mutex
	known map[string]map[string]string // by kind and entity
}

// was says what the settings of an entity were until now, where they are known from elsewhere.
func (h *configHistory) was(entity string, settings map[string]string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.setLocked(entity, settings)
}

// none says that an entity that was not seen had no settings until now: all that have some were read
// before.
func (h *configHistory) none(entity string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, seen := h.known[entity]; !seen {
		h.setLocked(entity, nil)
	}
}

func (h *configHistory) setLocked(entity string, settings map[string]string) {
	if h.known == nil {
		h.known = map[string]map[string]string{}
	}
	h.known[entity] = maps.Clone(settings)
}

// forget makes the next look at an entity its first.
func (h *configHistory) forget(entity string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.known, entity)
}

// saw records which settings of an entity have changed since it was last seen; the first look is no
// change. Values of keys that public does not let through are not shown.
func (h *configHistory) saw(entity string, settings map[string]string, public func(key string) bool) {
	h.mu.Lock()
	before, seen := h.known[entity]
	h.mu.Unlock()
	h.was(entity, settings)
	if !seen {
		return
	}
	keys := slices.Sorted(maps.Keys(settings))
	for key := range before {
		if _, ok := settings[key]; !ok {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys[len(settings):]) // those that are gone come last, in an order too
	for _, key := range keys {
		old, had := before[key]
		now, has := settings[key]
		if had == has && old == now {
			continue
		}
		h.journal.Record(journal.Entry{Kind: journal.ConfigChanged, Name: entity, Who: key, About: -1, Old: shown(key, old, had, public), New: shown(key, now, has, public)})
	}
}

// shown is a value as the journal has it: quoted, so that an empty one can be seen.
func shown(key, value string, is bool, public func(string) bool) string {
	switch {
	case !is:
		return "(default)"
	case !public(key):
		return "(hidden)"
	}
	return strconv.Quote(value)
}

// publicBrokerKey reports whether the value of a broker config may be shown.
func publicBrokerKey(key string) bool {
	k, known := configs.BrokerKey(key)
	return known && !k.Sensitive()
}

// publicTopicKey reports whether the value of a topic config may be shown.
func publicTopicKey(key string) bool {
	k, known := configs.TopicKey(key)
	return known && !k.Sensitive()
}

// publicQuotaKey reports whether the value of a config of users or clients may be shown:
// credentials lie beside the quotas.
func publicQuotaKey(key string) bool {
	return key == quota.ProducerByteRate || key == quota.ConsumerByteRate || key == quota.RequestPercentage
}

// repeats keeps what clients cause again and again from filling the journal: the same thing is told
// once in a while.
type repeats struct {
	mu   sync.Mutex
	last map[string]time.Time
}

const (
	repeatAfter = 10 * time.Second
	maxRepeats  = 1000 // different things that are remembered
)

// first reports whether a thing was not told lately.
func (r *repeats) first(what string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if last, ok := r.last[what]; ok && now.Sub(last) < repeatAfter {
		return false
	}
	// All are forgotten at once, and told once more: strangers choose the names, which must not
	// fill the memory.
	if r.last == nil || len(r.last) >= maxRepeats {
		r.last = map[string]time.Time{}
	}
	r.last[what] = now
	return true
}

// sawDenial records that the authorizer has refused something.
func (b *Broker) sawDenial(q acl.Question) {
	e := journal.Entry{Kind: journal.AccessDenied, About: -1, Name: q.Type.String() + " " + q.Name, Who: q.Principal.String(), New: q.Operation.String()}
	if b.repeats.first("denied "+e.Who+" "+e.New+" "+e.Name, b.opts.Now()) {
		b.journal.Record(e)
	}
}

// sawFailedLogin records that a client could not prove who it is.
func (b *Broker) sawFailedLogin(c *network.Conn, err error) {
	host := strings.TrimPrefix(c.ClientHost, "/")
	if b.repeats.first("login "+host+" "+c.Listener, b.opts.Now()) {
		b.journal.Record(journal.Entry{Kind: journal.LoginFailed, About: -1, Name: c.Listener, Who: host, New: err.Error()})
	}
}

// sawThrottle records that a client's quota is used up.
func (b *Broker) sawThrottle(user, client string, forTime bool, d time.Duration) {
	e := journal.Entry{Kind: journal.ClientThrottled, About: -1, Name: "bandwidth", Who: strings.Clone(client), Took: d}
	if forTime {
		e.Name = "request time"
	}
	if user != "" {
		e.Who = strings.Clone(user) + "/" + e.Who
	}
	if b.repeats.first("throttled "+e.Who+" "+e.Name, b.opts.Now()) {
		b.journal.Record(e)
	}
}
