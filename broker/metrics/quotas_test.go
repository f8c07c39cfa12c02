package metrics

import (
	"math"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"momus/broker/quota"
	"momus/broker/view"
)

func TestQuotaMetrics(t *testing.T) {
	now := time.Unix(1000, 0)
	s := quota.NewSet(quota.SetOptions{Samples: 11, Window: time.Second, ProducerDefault: 1000, ConsumerDefault: math.MaxInt64})
	s.Produce.Record(now, "u", "c", 20000)
	s.Produce.Throttled(now, "u", "c", 10*time.Second)
	if err := s.Apply(quota.Entity{User: quota.Name{Kind: quota.Named, Text: "a b"}}, map[string]string{quota.RequestPercentage: "5"}); err != nil {
		t.Error(err)
	}
	s.Request.Record(now, "a b", "c", 10)
	s.AddExempt(now, time.Second)
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(quotaCollector{func() ([]view.QuotaUse, float64) { return view.UseOf(s, now) }})
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			key := f.GetName()
			for _, l := range m.Label {
				key += " " + l.GetName() + "=" + l.GetValue()
			}
			found[key] = m.GetGauge().GetValue()
		}
	}
	const p = "kafka_server_quota_"
	for key, want := range map[string]float64{
		p + "byte_rate clientId=c resource=Produce user=":        2000,
		p + "throttle_time clientId=c resource=Produce user=":    10000,
		p + "request_time clientId= resource=Request user=a%20b": 1,
		p + "queue_size resource=Produce":                        1,
		p + "queue_size resource=Fetch":                          0,
		p + "queue_size resource=Request":                        0,
		p + "exempt_request_time resource=Request":               10,
	} {
		if got, ok := found[key]; !ok || got != want {
			t.Errorf("%s is %v (%v), want %v; found %v", key, got, ok, want, found)
		}
	}
}
