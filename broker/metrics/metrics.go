package metrics

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metrics are the metrics of one broker. All methods are safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	now      func() time.Time

	// All are the figures of all topics together.
	All Topic
	// Entries are made for topics that the broker has partitions of; whoever adds names that
	// clients send must make sure that they exist.
	topics sync.Map // topic name → *Topic

	// An array, so that the hot path finds its counters by index without a lock.
	requests [maxRequests]Request
	named    int // how many of requests have a name

	// Connections.
	Accepted, Closed, Refused, IdleClosed, Panics Counter

	auth       authentications
	collecting collectState
}

// maxRequests is the number of request names: the APIs, FetchConsumer and FetchFollower.
const maxRequests = 64

// Counter only grows.
type Counter struct{ v atomic.Int64 }

// Add adds n, which is not negative.
func (c *Counter) Add(n int64) { c.v.Add(n) }

// Inc adds one.
func (c *Counter) Inc() { c.v.Add(1) }

// Value is the present count.
func (c *Counter) Value() int64 { return c.v.Load() }

// Topic are the BrokerTopicMetrics of one topic, or of all.
type Topic struct {
	MessagesIn, BytesIn, BytesOut, BytesRejected             Counter
	TotalProduceRequests, FailedProduceRequests              Counter // counted by partition
	TotalFetchRequests, FailedFetchRequests                  Counter // counted by partition
	ProduceMessageConversions, FetchMessageConversions       Counter
	ReplicationBytesIn, ReplicationBytesOut                  Counter // all topics only
	ReassignmentBytesIn, ReassignmentBytesOut                Counter // all topics only
	NoKeyCompactedTopicRecords, InvalidMagicNumberRecords    Counter // all topics only
	InvalidMessageCRCRecords, InvalidOffsetOrSequenceRecords Counter // all topics only
}

// New makes the metrics of a broker whose APIs are named by requests, each with its index.
func New(requests []string, now func() time.Time) *Metrics {
	if now == nil {
		now = time.Now
	}
	m := &Metrics{registry: prometheus.NewRegistry(), now: now, named: len(requests)}
	for i, name := range requests {
		m.requests[i].name = name
	}
	// The registry is the broker's own: several brokers in one process do not share figures.
	m.registry.MustRegister(m, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Registry is where components register collectors of their own.
func (m *Metrics) Registry() *prometheus.Registry { return m.registry }

// Topic are the figures of a topic; made on first use, to be kept by who counts often.
func (m *Metrics) Topic(name string) *Topic {
	if t, ok := m.topics.Load(name); ok {
		return t.(*Topic)
	}
	t, _ := m.topics.LoadOrStore(name, &Topic{})
	return t.(*Topic)
}

// RemoveTopic forgets a topic that the broker hosts no longer.
func (m *Metrics) RemoveTopic(name string) { m.topics.Delete(name) }

// Gauge declares a gauge that is read when it is scraped. labels are constant, as name, value,
// name, value.
func (m *Metrics) Gauge(name, help string, read func() float64, labels ...string) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: pairs(labels)}, read))
}

// CounterFunc declares a counter that is read when it is scraped.
func (m *Metrics) CounterFunc(name, help string, read func() float64, labels ...string) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: pairs(labels)}, read))
}

// pairs makes name, value, name, value a map; a name without a value is left out.
func pairs(labels []string) prometheus.Labels {
	l := prometheus.Labels{}
	for i := 0; i+1 < len(labels); i += 2 {
		l[labels[i]] = labels[i+1]
	}
	return l
}
