//go:build interop

package mixed

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"momus/integration/testkit"
)

// secured is one broker of a secured cluster, as its users and its admin reach it.
type secured struct {
	name  string
	users string // SASL_PLAINTEXT
	admin *kgo.Client
	alice *kgo.Client
}

func (s *secured) client(t *testing.T, address string, m sasl.Mechanism, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	opts = append(opts, kgo.SeedBrokers(address), kgo.RequestRetries(0))
	if m != nil {
		opts = append(opts, kgo.SASL(m))
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// ask sends a request to this broker.
func ask[R kmsg.Response](t *testing.T, cl *kgo.Client, req kmsg.Request) R {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	resp, err := cl.SeedBrokers()[0].Request(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	return resp.(R)
}

// operations are the authorized operations of a topic that alice is told by this broker; 0 when she
// may not see it.
func (s *secured) operations(t *testing.T, topic string) int32 {
	t.Helper()
	m := kmsg.NewPtrMetadataRequest()
	m.Version, m.IncludeTopicAuthorizedOperations = 9, true
	m.Topics = []kmsg.MetadataRequestTopic{{Topic: &topic}}
	r := ask[*kmsg.MetadataResponse](t, s.alice, m).Topics[0]
	if r.ErrorCode == kerr.TopicAuthorizationFailed.Code {
		return 0
	}
	return r.AuthorizedOperations
}

func (s *secured) create(t *testing.T, topic string, pattern kmsg.ACLResourcePatternType, op kmsg.ACLOperation, permission kmsg.ACLPermissionType) {
	t.Helper()
	c := kmsg.NewPtrCreateACLsRequest()
	c.Version = 1
	c.Creations = []kmsg.CreateACLsRequestCreation{{ResourceType: kmsg.ACLResourceTypeTopic, ResourceName: topic, ResourcePatternType: pattern,
		Principal: "User:alice", Host: "*", Operation: op, PermissionType: permission}}
	if r := ask[*kmsg.CreateACLsResponse](t, s.admin, c); r.Results[0].ErrorCode != 0 {
		t.Fatalf("%s: create: %+v", s.name, r.Results[0])
	}
}

func (s *secured) delete(t *testing.T, topic string, pattern kmsg.ACLResourcePatternType) {
	t.Helper()
	d := kmsg.NewPtrDeleteACLsRequest()
	d.Version = 1
	f := kmsg.NewDeleteACLsRequestFilter()
	f.ResourceType, f.ResourceName, f.ResourcePatternType = kmsg.ACLResourceTypeTopic, &topic, pattern
	f.Operation, f.PermissionType = kmsg.ACLOperationAny, kmsg.ACLPermissionTypeAny
	d.Filters = append(d.Filters, f)
	if r := ask[*kmsg.DeleteACLsResponse](t, s.admin, d); r.Results[0].ErrorCode != 0 || len(r.Results[0].MatchingACLs) == 0 {
		t.Fatalf("%s: delete: %+v", s.name, r.Results[0])
	}
}

// obeyed is how soon a change must be obeyed by the brokers that it was not made at.
const obeyed = time.Second

// securedPair is a broker of Apache Kafka and one of momus, with SASL, an authorizer and delegation
// tokens.
func securedPair(t *testing.T) (kafka, momus *secured) {
	t.Helper()
	zookeeper := testkit.ZooKeeper(t, "zookeeper")
	const module = "org.apache.kafka.common.security."
	start := func(name string, id int, begin func(t testing.TB, id, port int, zookeeper string, lines ...string) *testkit.Cluster) *secured {
		open, users := testkit.FreePort(t), testkit.FreePort(t)
		begin(t, id, open, zookeeper, fmt.Sprintf("listeners=PLAINTEXT://127.0.0.1:%d,SASL_PLAINTEXT://127.0.0.1:%d", open, users),
			"security.inter.broker.protocol=PLAINTEXT", "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256",
			`listener.name.sasl_plaintext.plain.sasl.jaas.config=`+module+`plain.PlainLoginModule required user_alice="alice-pw";`,
			`listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config=`+module+`scram.ScramLoginModule required;`,
			"authorizer.class.name=kafka.security.authorizer.AclAuthorizer", "super.users=User:ANONYMOUS", "delegation.token.master.key=secret")
		s := &secured{name: name, users: fmt.Sprintf("127.0.0.1:%d", users)}
		s.admin = s.client(t, fmt.Sprintf("127.0.0.1:%d", open), nil)
		s.alice = s.client(t, s.users, plain.Auth{User: "alice", Pass: "alice-pw"}.AsMechanism())
		return s
	}
	return start("Apache Kafka", 1, testkit.KafkaAt), start("momus", 2, testkit.BrokerAt)
}

// TestChangesOfACLsAreObeyedByBothSides makes changes at either broker and asks the other.
func TestChangesOfACLsAreObeyedByBothSides(t *testing.T) {
	kafka, momus := securedPair(t)
	changeACLs(t, kafka, momus)
	changeACLs(t, momus, kafka)
}

// changeACLs makes changes at one broker, which must be obeyed by the other.
func changeACLs(t *testing.T, at, other *secured) {
	t.Helper()
	const literal, prefixed = kmsg.ACLResourcePatternTypeLiteral, kmsg.ACLResourcePatternTypePrefixed
	const allow, deny = kmsg.ACLPermissionTypeAllow, kmsg.ACLPermissionTypeDeny
	const describe, read, write = 1 << kmsg.ACLOperationDescribe, 1 << kmsg.ACLOperationRead, 1 << kmsg.ACLOperationWrite
	topic := fmt.Sprintf("t%d-x", len(at.name))
	prefix := topic[:len(topic)-1]
	ask := func(what string, want int32) {
		t.Helper()
		what = "at " + at.name + ", " + what
		if got := at.operations(t, topic); got != want {
			t.Errorf("%s: it allows %d itself, want %d", what, got, want)
		}
		began := time.Now()
		testkit.Eventually(t, obeyed, what+": "+other.name+" obeys", func() bool { return other.operations(t, topic) == want })
		t.Logf("%s: obeyed by %s after %v", what, other.name, time.Since(began).Round(time.Millisecond))
	}
	ask("nothing", 0)
	at.create(t, topic, literal, kmsg.ACLOperationRead, allow)
	ask("a literal ACL", read|describe)
	at.create(t, prefix, prefixed, kmsg.ACLOperationWrite, allow)
	ask("a prefixed ACL", read|write|describe)
	at.create(t, topic, literal, kmsg.ACLOperationRead, deny)
	ask("a denial", write|describe)
	other.create(t, topic, literal, kmsg.ACLOperationDescribe, deny)
	testkit.Eventually(t, obeyed, "a change of the same resource at the other broker", func() bool { return at.operations(t, topic) == 0 })
	at.delete(t, topic, literal)
	ask("without the literal ACLs", write|describe)
	at.delete(t, prefix, prefixed)
	ask("without any", 0)
}

// TestTokensAreGoodAtBothSides makes a delegation token at either broker and logs in with it at the
// other.
func TestTokensAreGoodAtBothSides(t *testing.T) {
	kafka, momus := securedPair(t)
	for _, pair := range [][2]*secured{{kafka, momus}, {momus, kafka}} {
		at, other := pair[0], pair[1]
		made := ask[*kmsg.CreateDelegationTokenResponse](t, at.alice, &kmsg.CreateDelegationTokenRequest{Version: 2, MaxLifetimeMillis: -1})
		if made.ErrorCode != 0 {
			t.Fatalf("%s: %+v", at.name, made)
		}
		login := scram.Auth{User: made.TokenID, Pass: base64.StdEncoding.EncodeToString(made.HMAC), IsToken: true}.AsSha256Mechanism()
		logsIn := func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			_, err := other.client(t, other.users, login).SeedBrokers()[0].Request(ctx, kmsg.NewPtrMetadataRequest())
			if err != nil && !errors.Is(err, kerr.SaslAuthenticationFailed) {
				t.Logf("%s: %v", other.name, err)
			}
			return err == nil
		}
		testkit.Eventually(t, 10*time.Second, "a token of "+at.name+" logs in at "+other.name, logsIn) // each failure is answered after a delay
		described := ask[*kmsg.DescribeDelegationTokenResponse](t, other.alice, &kmsg.DescribeDelegationTokenRequest{Version: 2})
		if n := len(described.TokenDetails); n == 0 || string(described.TokenDetails[n-1].HMAC) != string(made.HMAC) && string(described.TokenDetails[0].HMAC) != string(made.HMAC) {
			t.Errorf("%s lists %d tokens", other.name, n)
		}
		expire := &kmsg.ExpireDelegationTokenRequest{Version: 2, HMAC: made.HMAC, ExpiryPeriodMillis: -1}
		if r := ask[*kmsg.ExpireDelegationTokenResponse](t, other.alice, expire); r.ErrorCode != 0 {
			t.Errorf("%s: expire: %+v", other.name, r)
		}
		testkit.Eventually(t, obeyed, "the token is gone at "+at.name, func() bool {
			return len(ask[*kmsg.DescribeDelegationTokenResponse](t, at.alice, &kmsg.DescribeDelegationTokenRequest{Version: 2}).TokenDetails) == 0
		})
	}
}
