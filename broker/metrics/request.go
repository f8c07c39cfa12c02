package metrics

import (
	"sync/atomic"
	"time"
)

// maxVersions and errorCodes bound the counters of a request: versions 0 to 15, codes -1 to 88.
const (
	// What is outside is not counted, rather than growing with what strangers send.
	maxVersions = 16
	errorCodes  = 90
)

// Request are the RequestMetrics of one API.
type Request struct {
	name     string
	versions [maxVersions]Counter
	errors   [errorCodes]Counter
	// These are five histograms of 1,288 bytes each; most of the APIs of a broker are never used.
	detail atomic.Pointer[requestTimes]
}

// requestTimes exist from the first request on.
type requestTimes struct {
	total, local, remote, send, bytes histogram
}

// Request are the figures of an API by its index.
func (m *Metrics) Request(i int) *Request { return &m.requests[i] }

// Times are how long a request took, by Kafka's parts.
type Times struct {
	Total, Local, Remote, Send time.Duration
}

// Done counts an answered request.
func (r *Request) Done(version int16, size int, t Times) {
	if version >= 0 && version < maxVersions {
		r.versions[version].Inc()
	}
	d := r.detail.Load()
	if d == nil {
		// Of two that come first one's is thrown away; Load gives both the same.
		r.detail.CompareAndSwap(nil, &requestTimes{})
		d = r.detail.Load()
	}
	d.total.observe(t.Total.Microseconds())
	d.local.observe(t.Local.Microseconds())
	d.remote.observe(t.Remote.Microseconds())
	d.send.observe(t.Send.Microseconds())
	d.bytes.observe(int64(size))
}

// Error counts an error code, 0 included, as it occurs in an answer.
func (r *Request) Error(code int16) {
	if i := int(code) + 1; i >= 0 && i < errorCodes {
		r.errors[i].Inc()
	}
}
