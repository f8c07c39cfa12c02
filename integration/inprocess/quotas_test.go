package inprocess

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kgo"

	"momus/coordinator/zk"
	"momus/integration/testkit"
)

// throttles counts the answers that told a client to wait.
type throttles struct{ n atomic.Int32 }

func (h *throttles) OnBrokerThrottle(kgo.BrokerMetadata, time.Duration, bool) { h.n.Add(1) }

// TestQuotasComeAndGo sets quotas as kafka-configs does, while clients produce.
func TestQuotasComeAndGo(t *testing.T) {
	c := start(t, 1)
	defer c.stop()
	c.use(t, "limited", 1)
	store, err := zk.Dial(t.Context(), zk.Options{Connect: c.zookeeper, Logger: logrus.NewEntry(logrus.New())})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	set := func(kind zk.EntityType, entity string, settings map[string]string) {
		t.Helper()
		if err := store.SetConfig(t.Context(), kind, entity, settings); err != nil {
			t.Fatal(err)
		}
		if err := store.NotifyConfigChange(t.Context(), zk.ConfigChange{Type: kind, Entity: entity}); err != nil {
			t.Fatal(err)
		}
	}
	// throttled tells whether a client with this id is throttled when it produces 4 kB.
	throttled := func(id string) bool {
		t.Helper()
		var h throttles
		cl, err := kgo.NewClient(kgo.SeedBrokers(c.bootstrap...), kgo.ClientID(id), kgo.DefaultProduceTopic("limited"), kgo.WithHooks(&h))
		if err != nil {
			t.Fatal(err)
		}
		defer cl.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if err := cl.ProduceSync(ctx, kgo.StringRecord(strings.Repeat("x", 4000))).FirstErr(); err != nil {
			t.Error(err)
		}
		return h.n.Load() > 0
	}
	for _, step := range []struct {
		what     string
		kind     zk.EntityType
		entity   string
		settings map[string]string
		want     bool
	}{
		{"a quota of the client id", zk.EntityClients, "my%20client", map[string]string{"producer_byte_rate": "350"}, true},
		{"a higher one of the user", zk.EntityUsers, "ANONYMOUS", map[string]string{"producer_byte_rate": "1000000"}, false},
		{"a low one of any client of any user, which is less specific", zk.EntityUsers, "<default>/clients/<default>", map[string]string{"producer_byte_rate": "350"}, false},
		{"a low one of the client of the user", zk.EntityUsers, "ANONYMOUS/clients/my%20client", map[string]string{"producer_byte_rate": "350"}, true},
		{"none any more", zk.EntityUsers, "ANONYMOUS/clients/my%20client", map[string]string{}, false},
	} {
		set(step.kind, step.entity, step.settings)
		testkit.Eventually(t, 20*time.Second, step.what+" holds", func() bool { return throttled("my client") == step.want })
	}
}
