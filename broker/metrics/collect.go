package metrics

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"momus/internal/kerr"
)

// window is how long the values behind a quantile are kept, at least; at most twice as long.
const window = time.Minute

// collectState serialises collections, which rotate the windows.
type collectState struct {
	mu sync.Mutex
	// mu guards it, and with it each histogram's last.
	rotated time.Time
}

// Labels and quantiles; constant.
var (
	topicLabel   = []string{"topic"}
	requestLabel = []string{"request"}
	shares       = []float64{0.5, 0.75, 0.95, 0.98, 0.99, 0.999}
	shareLabels  = []string{"0.50", "0.75", "0.95", "0.98", "0.99", "0.999"}
)

// topicMetric is one figure of a Topic; perTopic tells that it also exists for single topics.
type topicMetric struct {
	name, help string
	read       func(*Topic) *Counter
	perTopic   bool
}

// topicMetrics lists the BrokerTopicMetrics.
func topicMetrics() []topicMetric {
	return []topicMetric{
		{"messagesin", "records appended by clients and coordinators", func(t *Topic) *Counter { return &t.MessagesIn }, true},
		{"bytesin", "bytes produced, as received", func(t *Topic) *Counter { return &t.BytesIn }, true},
		{"bytesout", "bytes sent to consumers", func(t *Topic) *Counter { return &t.BytesOut }, true},
		{"bytesrejected", "bytes of batches that were too large", func(t *Topic) *Counter { return &t.BytesRejected }, true},
		{"totalproducerequests", "partitions in produce requests", func(t *Topic) *Counter { return &t.TotalProduceRequests }, true},
		{"failedproducerequests", "partitions in produce requests that failed unexpectedly", func(t *Topic) *Counter { return &t.FailedProduceRequests }, true},
		{"totalfetchrequests", "partitions in fetch requests, followers included", func(t *Topic) *Counter { return &t.TotalFetchRequests }, true},
		{"failedfetchrequests", "partitions in fetch requests that failed unexpectedly", func(t *Topic) *Counter { return &t.FailedFetchRequests }, true},
		{"producemessageconversions", "records converted when produced", func(t *Topic) *Counter { return &t.ProduceMessageConversions }, true},
		{"fetchmessageconversions", "records converted when fetched", func(t *Topic) *Counter { return &t.FetchMessageConversions }, true},
		{"replicationbytesin", "bytes fetched from leaders", func(t *Topic) *Counter { return &t.ReplicationBytesIn }, false},
		{"replicationbytesout", "bytes sent to followers", func(t *Topic) *Counter { return &t.ReplicationBytesOut }, false},
		{"reassignmentbytesin", "part of replicationbytesin for replicas being added", func(t *Topic) *Counter { return &t.ReassignmentBytesIn }, false},
		{"reassignmentbytesout", "part of replicationbytesout for replicas being added", func(t *Topic) *Counter { return &t.ReassignmentBytesOut }, false},
		{"nokeycompactedtopicrecords", "records without a key for compacted topics", func(t *Topic) *Counter { return &t.NoKeyCompactedTopicRecords }, false},
		{"invalidmagicnumberrecords", "records with a wrong format version", func(t *Topic) *Counter { return &t.InvalidMagicNumberRecords }, false},
		{"invalidmessagecrcrecords", "records with a wrong checksum", func(t *Topic) *Counter { return &t.InvalidMessageCRCRecords }, false},
		{"invalidoffsetorsequencerecords", "records with wrong offsets or sequence numbers", func(t *Topic) *Counter { return &t.InvalidOffsetOrSequenceRecords }, false},
	}
}

// Describe sends nothing: the set of series grows with topics and versions.
func (m *Metrics) Describe(chan<- *prometheus.Desc) {}

// Collect reads all counters.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	m.collecting.mu.Lock()
	defer m.collecting.mu.Unlock()
	counter := func(name, help string, v int64, labels []string, values ...string) {
		// Descriptions are made anew for each scrape: that costs less than keeping one for each
		// topic.
		ch <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, labels, nil), prometheus.CounterValue, float64(v), values...)
	}
	for _, tm := range topicMetrics() {
		name := "kafka_server_brokertopicmetrics_" + tm.name + "_total"
		all := prometheus.NewDesc(name, tm.help, nil, nil)
		ch <- prometheus.MustNewConstMetric(all, prometheus.CounterValue, float64(tm.read(&m.All).Value()))
		if !tm.perTopic {
			continue
		}
		m.topics.Range(func(k, v any) bool {
			counter(name, tm.help, tm.read(v.(*Topic)).Value(), topicLabel, k.(string))
			return true
		})
	}
	// Only a scrape rotates. A broker that nobody scrapes keeps all values since the last time in
	// one window, which the first scrape then shows.
	rotate := m.now().Sub(m.collecting.rotated) >= window
	if rotate {
		m.collecting.rotated = m.now()
	}
	for i := range m.requests[:m.named] {
		m.requests[i].collect(ch, rotate)
	}
	m.auth.collect(func(name, help string, v int64, labels prometheus.Labels) {
		ch <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, labels), prometheus.CounterValue, float64(v))
	})
	counter("kafka_network_socketserver_expiredconnectionskilledcount", "connections closed because their session had ended", m.auth.expired(), nil)
	counter("momus_connections_idle_closed_total", "connections closed because they were idle", m.IdleClosed.Value(), nil)
	counter("momus_connections_accepted_total", "connections accepted", m.Accepted.Value(), nil)
	counter("momus_connections_closed_total", "connections ended", m.Closed.Value(), nil)
	counter("momus_connections_refused_total", "connections refused for a limit", m.Refused.Value(), nil)
	counter("momus_request_panics_total", "requests that panicked: each is a bug", m.Panics.Value(), nil)
}

// collect gives what was counted for one API. Versions and errors that never came have no series,
// so that a broker at rest does not show hundreds.
func (r *Request) collect(ch chan<- prometheus.Metric, rotate bool) {
	d := r.detail.Load()
	if d == nil {
		return
	}
	const prefix = "kafka_network_requestmetrics_"
	requests := prometheus.NewDesc(prefix+"requests_total", "requests by API and version", []string{"request", "version"}, nil)
	for v := range r.versions {
		if n := r.versions[v].Value(); n > 0 {
			ch <- prometheus.MustNewConstMetric(requests, prometheus.CounterValue, float64(n), r.name, strconv.Itoa(v))
		}
	}
	errors := prometheus.NewDesc(prefix+"errors_total", "error codes in answers by API", []string{"request", "error"}, nil)
	for i := range r.errors {
		if n := r.errors[i].Value(); n > 0 {
			name := "NONE"
			if e := kerr.ForCode(int16(i - 1)); e != nil {
				name = e.Name
			}
			ch <- prometheus.MustNewConstMetric(errors, prometheus.CounterValue, float64(n), r.name, name)
		}
	}
	for _, h := range []struct {
		name, help string
		h          *histogram
		unit       float64
	}{
		{"totaltimems", "ms from the last byte of the request to the last byte of the answer", &d.total, 1000},
		{"localtimems", "ms in the handler", &d.local, 1000},
		{"remotetimems", "ms waiting for replicas, data or group members", &d.remote, 1000},
		{"responsesendtimems", "ms writing the answer", &d.send, 1000},
		{"requestbytes", "size of the request in bytes", &d.bytes, 1},
	} {
		name := prefix + h.name
		ch <- prometheus.MustNewConstMetric(prometheus.NewDesc(name+"_count", h.help, requestLabel, nil), prometheus.CounterValue,
			float64(h.h.count.Load()), r.name)
		quantile := prometheus.NewDesc(name, h.help, []string{"request", "quantile"}, nil)
		var values [6]float64
		h.h.quantiles(shares, values[:])
		for i, v := range values {
			ch <- prometheus.MustNewConstMetric(quantile, prometheus.GaugeValue, v/h.unit, r.name, shareLabels[i])
		}
		if rotate {
			h.h.rotate()
		}
	}
}
