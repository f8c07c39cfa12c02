package broker

import (
	"math"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"momus/broker/quota"
	"momus/coordinator/zk"
)

func TestQuotaEntities(t *testing.T) {
	named := func(s string) quota.Name { return quota.Name{Kind: quota.Named, Text: s} }
	byDefault := quota.Name{Kind: quota.ByDefault}
	for _, c := range []struct {
		kind zk.EntityType
		path string
		want quota.Entity
	}{
		{zk.EntityClients, "my%20client", quota.Entity{Client: named("my client")}},
		{zk.EntityClients, "<default>", quota.Entity{Client: byDefault}},
		{zk.EntityClients, "%3Cdefault%3E", quota.Entity{Client: named("<default>")}},
		{zk.EntityUsers, "CN%3Du%2CO%3Dx", quota.Entity{User: named("CN=u,O=x")}},
		{zk.EntityUsers, "<default>", quota.Entity{User: byDefault}},
		{zk.EntityUsers, "u/clients/<default>", quota.Entity{User: named("u"), Client: byDefault}},
		{zk.EntityUsers, "<default>/clients/c%2Fd", quota.Entity{User: byDefault, Client: named("c/d")}},
	} {
		if got, err := quotaEntity(c.kind, c.path); err != nil || got != c.want {
			t.Errorf("%s/%s: %+v, %v", c.kind, c.path, got, err)
		}
	}
	for _, path := range []string{"u/clients", "u/groups/g", "u/clients/c/d", "u/"} {
		if got, err := quotaEntity(zk.EntityUsers, path); err == nil {
			t.Errorf("users/%s: %+v", path, got)
		}
	}
	if got, err := quotaEntity(zk.EntityTopics, "t"); err == nil {
		t.Errorf("topics/t: %+v", got)
	}
}

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
	r.MustRegister(&quotaCollector{s, func() time.Time { return now }})
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
