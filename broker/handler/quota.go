package handler

import (
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/quota"
)

// user is the name of the authenticated principal.
func (r *Request) user() string {
	name := r.Principal().Name
	return name
}

// chargeRequest counts the time that was spent on a request, but not that for which it waited,
// against the request quota, and returns for how long its client is to be throttled.
func (e *Env) chargeRequest(r *Request, now time.Time) time.Duration {
	if !e.Quotas.Request.Active() {
		return 0
	}
	return e.Quotas.Request.Record(now, r.user(), r.ClientIDString(), quota.Percent(r.worked(now)))
}

// wait counts the time since began as waiting.
func (r *Request) wait(e *Env, began time.Time) { r.waited += e.Now().Sub(began) }

// timed tells whether the time of requests counts.
func (e *Env) timed() bool { return e.Quotas != nil && e.Quotas.Request.Active() }

// worked is how long the request has been worked on.
func (r *Request) worked(now time.Time) time.Duration { return max(0, now.Sub(r.Received)-r.waited) }

// throttle holds up the connection of a request for the longer of two times, and returns what the
// answer says of it, in ms. Its quota notes it.
func (e *Env) throttle(r *Request, now time.Time, bandwidth *quota.Clients, forBytes, forTime time.Duration) int32 {
	// With both alike the time is what is told, as in Kafka, where bandwidth must be larger to win.
	d, by := forTime, e.Quotas.Request
	if forBytes > forTime {
		d, by = forBytes, bandwidth
	}
	if d <= 0 {
		return 0
	}
	by.Throttled(now, r.user(), r.ClientIDString(), d)
	if e.OnThrottled != nil {
		e.OnThrottled(r.user(), r.ClientIDString(), by == e.Quotas.Request, d)
	}
	// The answer goes out at once with the time in it (KIP-219); what is held up is the reading of
	// the next request. Clients that obey the number notice nothing.
	if r.Conn != nil {
		r.Conn.Mute(now.Add(d))
	}
	return int32(min(d.Milliseconds(), math.MaxInt32))
}

// charge counts a request against the request quota, unless its handler does so itself: the answers
// of Produce and Fetch are encoded elsewhere.
func (d *Dispatcher) charge(by throttle, r *Request, reply *Reply) {
	now := d.env.Now()
	switch {
	case by == exempt:
		d.env.Quotas.AddExempt(now, r.worked(now))
	case reply.response != nil:
		ms := d.env.throttle(r, now, nil, 0, d.env.chargeRequest(r, now))
		if t, ok := reply.response.(kmsg.SetThrottleResponse); ok && ms > 0 {
			t.SetThrottle(ms)
		}
	}
}

// charge counts a Produce request, and throttles its connection if a quota asks for it. The records
// are appended anyway.
func (c *produceCall) charge(r *Request) {
	q := c.e.Quotas
	if q == nil || !q.Active() {
		return
	}
	now := c.e.Now()
	var forTime time.Duration
	if c.acks != 0 { // without an answer only bytes count
		forTime = c.e.chargeRequest(r, now)
	}
	c.throttleMs = c.e.throttle(r, now, q.Produce, q.Produce.Record(now, r.user(), r.ClientIDString(), float64(r.Size)), forTime)
}

// charge counts a Fetch. If a quota asks for it the consumer is throttled: it gets an answer
// without partitions, so that the session, if there is one, goes on as if nothing new had been
// there.
func (c *fetchCall) charge(r *Request) (throttled bool) {
	q := c.e.Quotas
	if q == nil || !q.Active() {
		return false
	}
	now := c.e.Now()
	if c.follower {
		q.AddExempt(now, r.worked(now))
		return false
	}
	user, client, size := r.user(), r.ClientIDString(), c.size()
	forTime := c.e.chargeRequest(r, now)
	forBytes := q.Fetch.Record(now, user, client, size)
	if c.throttleMs = c.e.throttle(r, now, q.Fetch, forBytes, forTime); c.throttleMs == 0 {
		return false
	}
	q.Fetch.Add(now, user, client, -size) // what is not sent
	return true
}

// mostBytes bounds a consumer's answer by what its quota allows in all windows.
func (c *fetchCall) mostBytes(r *Request, bytes int) int {
	if c.follower || c.e.Quotas == nil || !c.e.Quotas.Fetch.Active() {
		return bytes
	}
	if most := c.e.Quotas.Fetch.MostInWindow(r.user(), r.ClientIDString()); most < float64(bytes) {
		return int(most)
	}
	return bytes
}

// size is about how many bytes the answer has.
func (c *fetchCall) size() float64 {
	// perPartition is what AppendFetchPartition writes for v11 without aborted transactions:
	// 4+2+8+8+8+4+4 and 4 for the size of the records. It is the quota's measure, not what is sent.
	const head, perPartition = 22, 42 // of version 11, with the response header
	size := head
	topic := ""
	parts := c.session.Partitions()
	for i := range c.answers {
		res := c.answers[i].result
		if c.session.Incremental() && c.answers[i].code == 0 && res.Err == nil && res.Records.Len() == 0 {
			continue // most likely left out
		}
		if tp := parts[i].TP; tp.Topic != topic {
			topic = tp.Topic
			size += 6 + len(topic)
		}
		size += perPartition
		if res != nil {
			size += res.Records.Len()
		}
	}
	return float64(size)
}

// empty makes the answer one without partitions.
func (c *fetchCall) empty() error {
	for i := range c.answers {
		if res := c.answers[i].result; res != nil {
			res.Records.Release()
		}
	}
	clear(c.answers)
	c.answers = c.answers[:0]
	// The session's epoch goes on, else the consumer's next request would be refused as a
	// duplicate.
	id, err := c.session.Skip()
	c.sessionID = id
	return err
}
