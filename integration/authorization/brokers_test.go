package authorization

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"momus/coordinator/acl"
	"momus/coordinator/zk"
)

// TestBrokersAreAuthorizedLikeEverybody lets a broker log in to its own listener as a user who is
// no super user. All that it needs is ClusterAction on the cluster.
func TestBrokersAreAuthorizedLikeEverybody(t *testing.T) {
	entry := acl.Entry{Principal: "User:broker", Host: "*", Operation: acl.ClusterAction, Permission: acl.Allow}
	cluster := acl.Resource{Type: acl.Cluster, Name: acl.ClusterName, Pattern: acl.Literal}
	u := startBrokerWith(t, map[string]string{
		"inter.broker.listener.name": "USERS", "sasl.mechanism.inter.broker.protocol": "PLAIN",
		"listener.name.users.plain.sasl.jaas.config": `org.apache.kafka.common.security.plain.PlainLoginModule required username="broker" password="brokerpw" user_broker="brokerpw" user_alice="alicepw";`,
	}, func(address string) {
		store, err := zk.Dial(t.Context(), zk.Options{Connect: address})
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		if err := store.CreateACLPaths(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := store.ChangeACLs(t.Context(), cluster, func(old []acl.Entry) []acl.Entry { return append(old, entry) }); err != nil {
			t.Fatal(err)
		}
	})
	u.createTopic("sec-t") // which needs LeaderAndIsr and UpdateMetadata
	u.setGrants([]grant{on(T, WRITE), on(C, IW)})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	alice := u.client(plain.Auth{User: "alice", Pass: "alicepw"}.AsMechanism(), kgo.DefaultProduceTopic("sec-t"))
	if err := alice.ProduceSync(ctx, kgo.StringRecord("x")).FirstErr(); err != nil {
		t.Error(err)
	}
}
