package authorization

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"momus/coordinator/zk"
)

// throttles counts the answers that told a client to wait.
type throttles struct{ n atomic.Int32 }

func (h *throttles) OnBrokerThrottle(kgo.BrokerMetadata, time.Duration, bool) { h.n.Add(1) }

// TestQuotasOfUsers sets quotas of users, client ids and both, as kafka-configs does, for clients
// that log in.
func TestQuotasOfUsers(t *testing.T) {
	u := startBroker(t, map[string]string{
		"listener.name.users.plain.sasl.jaas.config": `org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="alicepw" user_bob="bobpw" "user_a b@c"="odd";`,
		"allow.everyone.if.no.acl.found":             "true",
	})
	u.createTopic("sec-t")
	store, err := zk.Dial(t.Context(), zk.Options{Connect: u.zookeeper})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	passwords := map[string]string{"alice": "alicepw", "bob": "bobpw", "a b@c": "odd"}
	// throttled reports whether a user is throttled who produces 4 kB under a client id.
	throttled := func(name, id string) bool {
		t.Helper()
		var h throttles
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		cl := u.client(plain.Auth{User: name, Pass: passwords[name]}.AsMechanism(), kgo.ClientID(id), kgo.DefaultProduceTopic("sec-t"), kgo.WithHooks(&h), kgo.DisableIdempotentWrite(),
			kgo.ProducerBatchCompression(kgo.NoCompression()))
		defer cl.Close()
		if err := cl.ProduceSync(ctx, kgo.StringRecord(strings.Repeat("x", 4000))).FirstErr(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		return h.n.Load() > 0
	}
	type who struct{ user, client string }
	for _, step := range []struct {
		kind   zk.EntityType
		entity string
		rate   string // "" removes the quota
		yes    []who
		no     []who
	}{
		{zk.EntityUsers, "alice", "350", []who{{"alice", "c"}, {"alice", "d"}}, []who{{"bob", "c"}}},
		{zk.EntityUsers, "alice/clients/c", "100000000", []who{{"alice", "e"}}, []who{{"alice", "c"}}},
		{zk.EntityClients, "f", "350", []who{{"bob", "f"}}, []who{{"bob", "g"}, {"alice", "c"}}},
		{zk.EntityUsers, "<default>", "350", []who{{"bob", "h"}}, []who{{"alice", "c"}}},
		{zk.EntityUsers, "bob", "100000000", []who{{"a b@c", "i"}}, []who{{"bob", "f"}}},
		{zk.EntityUsers, zk.SanitizeEntity("a b@c"), "100000000", nil, []who{{"a b@c", "j"}}},
		{zk.EntityUsers, zk.SanitizeEntity("a b@c") + "/clients/<default>", "350", []who{{"a b@c", "k"}}, nil},
		{zk.EntityUsers, "alice", "", nil, []who{{"alice", "c"}}},
	} {
		settings := map[string]string{}
		if step.rate != "" {
			settings["producer_byte_rate"] = step.rate
		}
		if err := store.SetConfig(t.Context(), step.kind, step.entity, settings); err != nil {
			t.Fatal(err)
		}
		if err := store.NotifyConfigChange(t.Context(), zk.ConfigChange{Type: step.kind, Entity: step.entity}); err != nil {
			t.Fatal(err)
		}
		for _, w := range step.yes {
			u.eventually(step.entity+": "+w.user+" as "+w.client+" is throttled", func() bool { return throttled(w.user, w.client) })
		}
		for _, w := range step.no {
			u.eventually(step.entity+": "+w.user+" as "+w.client+" is not throttled", func() bool { return !throttled(w.user, w.client) })
		}
	}
}
