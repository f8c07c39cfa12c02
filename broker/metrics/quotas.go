package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"momus/broker/view"
	"momus/coordinator/zk"
)

// quotaCollector has the numbers of the client quotas.
type quotaCollector struct {
	use func() (uses []view.QuotaUse, exempt float64)
}

var (
	quotaLabels     = []string{"resource", "user", "clientId"}
	quotaByteRate   = prometheus.NewDesc("kafka_server_quota_byte_rate", "Bytes a second of clients that have a quota.", quotaLabels, nil)
	quotaTime       = prometheus.NewDesc("kafka_server_quota_request_time", "Time of requests of clients that have a quota, in percent of one thread.", quotaLabels, nil)
	quotaThrottle   = prometheus.NewDesc("kafka_server_quota_throttle_time", "Mean of the times for which clients were throttled lately, ms.", quotaLabels, nil)
	quotaQueue      = prometheus.NewDesc("kafka_server_quota_queue_size", "Connections that are throttled.", quotaLabels[:1], nil)
	quotaExemptTime = prometheus.NewDesc("kafka_server_quota_exempt_request_time", "Time of requests that no quota holds for, in percent of one thread.", quotaLabels[:1], nil)
)

// Describe is empty: the clients come and go.
func (c quotaCollector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c quotaCollector) Collect(ch chan<- prometheus.Metric) {
	send := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	uses, exempt := c.use()
	for _, q := range uses {
		rate := quotaByteRate
		if q.Resource == "Request" {
			rate = quotaTime
		}
		send(quotaQueue, float64(q.Muted), q.Resource)
		for _, u := range q.Clients {
			// As in Kafka's metric tags, where a user's name is encoded as in ZooKeeper and the
			// client's is not.
			user := zk.SanitizeEntity(u.User)
			send(rate, u.PerSecond, q.Resource, user, u.Client)
			send(quotaThrottle, u.ThrottleMs, q.Resource, user, u.Client)
		}
	}
	send(quotaExemptTime, exempt, "Request")
}
