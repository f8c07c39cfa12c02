//go:build interop

package security

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/kerberos"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"momus/integration/testkit"
	"momus/storage/record"
)

// stranger is a secured cluster as somebody made it whom we do not know: listeners with names of
// their own, each with other mechanisms and prefixes. It runs on either kind.
type stranger struct {
	*testkit.Cluster
	t     *testing.T
	certs *testkit.Certificates
	realm *testkit.Realm
	addr  map[string]string // by listener
	stamp string            // the directory that paths in answers are relative to
	said  []string          // what clients have seen, a line each
}

const listenerNames = "CLEAR INTERNAL CLIENT EXTERNAL KRB"

func startStranger(t *testing.T, certs *testkit.Certificates, r *testkit.Realm, zookeeper string, start func(t testing.TB, id, port int, zookeeper string, lines ...string) *testkit.Cluster) *stranger {
	t.Helper()
	s := &stranger{t: t, certs: certs, realm: r, addr: map[string]string{}}
	var listeners []string
	first := 0
	for _, l := range strings.Fields(listenerNames) {
		port := testkit.FreePort(t)
		if l == "CLEAR" {
			first = port
			listeners = append(listeners, fmt.Sprintf("CLEAR://127.0.0.1:%d", port))
		} else {
			listeners = append(listeners, fmt.Sprintf("%s://localhost:%d", l, port))
		}
		s.addr[l] = fmt.Sprintf("localhost:%d", port)
	}
	for user, credentials := range map[string]string{"inter": "SCRAM-SHA-256=[password=interpw]", "alice": "SCRAM-SHA-512=[password=alicepw],producer_byte_rate=1000",
		"root": "SCRAM-SHA-512=[iterations=8192,password=rootpw]", "bob": "SCRAM-SHA-512=[password=bobpw]"} {
		users(t, zookeeper, user, "--add-config", credentials)
	}
	testkit.Run(t, time.Minute, testkit.Spec{Args: []string{testkit.Binary(t), "configs", "--zookeeper", zookeeper, "--alter", "--entity-type", "users", "--entity-default",
		"--entity-type", "clients", "--entity-name", "slow", "--add-config", "producer_byte_rate=1000"}})
	// Each listener its own store: they are changed one by one.
	dir := t.TempDir()
	for _, name := range []string{"client.p12", "external.p12", "trust.p12"} {
		from := "broker.p12"
		if name == "trust.p12" {
			from = name
		}
		copyFile(t, certs.Path(from), filepath.Join(dir, name))
	}
	s.stamp = dir
	const module = "org.apache.kafka.common.security."
	s.Cluster = start(t, 1, first, zookeeper, "listeners="+strings.Join(listeners, ","),
		"listener.security.protocol.map=CLEAR:PLAINTEXT,INTERNAL:SASL_PLAINTEXT,CLIENT:SASL_SSL,EXTERNAL:SSL,KRB:SASL_PLAINTEXT", "inter.broker.listener.name=INTERNAL",
		"sasl.mechanism.inter.broker.protocol=SCRAM-SHA-256", "sasl.enabled.mechanisms=PLAIN", "listener.name.internal.sasl.enabled.mechanisms=SCRAM-SHA-256,PLAIN",
		"listener.name.client.sasl.enabled.mechanisms=OAUTHBEARER,SCRAM-SHA-512,SCRAM-SHA-256", "listener.name.krb.sasl.enabled.mechanisms=GSSAPI",
		"sasl.kerberos.service.name=kafka", `sasl.kerberos.principal.to.local.rules=RULE:[2:$1-$2](bob-.*)s/bob-/svc_/,RULE:[1:$1](al.*)s/l/L/g/U,RULE:[1:$1@$0](zed@EXAMPLE.COM)s/@.*//,DEFAULT`,
		`ssl.principal.mapping.rules=RULE:^CN=([a-z]+),OU=Team,O=momus$/$1/U,RULE:^CN=([^,]+),OU=.*$/$1@X/L,DEFAULT`,
		"connections.max.reauth.ms=600000", "listener.name.client.connections.max.reauth.ms=500000", "listener.name.client.scram-sha-512.connections.max.reauth.ms=7000",
		"listener.name.client.oauthbearer.sasl.jaas.config="+module+`oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker" unsecuredValidatorRequiredScope="read write" unsecuredValidatorAllowableClockSkewMs="5000";`,
		"listener.name.external.ssl.client.auth=requested", "listener.name.external.ssl.keystore.location="+dir+"/external.p12", "listener.name.client.ssl.keystore.location="+dir+"/client.p12",
		"ssl.keystore.type=PKCS12", "ssl.keystore.password="+store, "ssl.key.password="+store, "ssl.truststore.type=PKCS12", "ssl.truststore.location="+dir+"/trust.p12", "ssl.truststore.password="+store,
		"authorizer.class.name=kafka.security.authorizer.AclAuthorizer", "super.users=User:inter;User:root;User:ALICE@never", "allow.everyone.if.no.acl.found=false",
		"delegation.token.master.key=master", "delegation.token.max.lifetime.ms=86400000", "delegation.token.expiry.time.ms=3600000", "password.encoder.secret=encoder",
		"max.connections.per.ip.overrides=127.0.0.1:200", "quota.window.num=3")
	return s
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// say notes what a client has seen.
func (s *stranger) say(format string, args ...any) {
	s.said = append(s.said, strings.ReplaceAll(fmt.Sprintf(format, args...), s.stamp, "DIR"))
}

// code is an error code as text.
func code(c int16) string {
	if c == 0 {
		return "ok"
	}
	if e := kerr.TypedErrorForCode(c); e != nil {
		return e.Message
	}
	return fmt.Sprint(c)
}

func text(p *string) string {
	if p == nil {
		return "null"
	}
	return *p
}

// client is a client of a listener; m is nil without SASL, cert is "" without a certificate.
func (s *stranger) client(listener, cert string, m sasl.Mechanism, more ...kgo.Opt) *kgo.Client {
	s.t.Helper()
	opts := append(more, kgo.SeedBrokers(s.addr[listener]), kgo.RequestRetries(0), kgo.RecordRetries(0))
	if listener == "CLIENT" || listener == "EXTERNAL" {
		b := &broker{certs: s.certs}
		l := login{mechanism: "none"}
		if cert != "" {
			l = login{certificate: cert}
		}
		opts = append(opts, kgo.DialTLSConfig(b.tls(l)))
	}
	if m != nil {
		opts = append(opts, kgo.SASL(m))
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(cl.Close)
	return cl
}

// request sends one request; the answer is nil, and said, if there is none.
func (s *stranger) request(what string, cl *kgo.Client, r kmsg.Request) kmsg.Response {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	resp, err := cl.SeedBrokers()[0].Request(ctx, r)
	if err != nil {
		var known *kerr.Error
		if errors.As(err, &known) {
			s.say("%s: %v", what, err)
		} else {
			s.say("%s: closed", what)
		}
		return nil
	}
	return resp
}

// gssapi is the login of a principal with its key.
func (s *stranger) gssapi(principal string) sasl.Mechanism {
	return kerberos.Kerberos(func(context.Context) (kerberos.Auth, error) {
		cl, err := login{realm: s.realm, user: principal}.gokrb5()
		return kerberos.Auth{Client: cl, Service: "kafka"}, err
	})
}

// dial connects to a listener, with TLS where it wants that.
func (s *stranger) dial(listener string) net.Conn {
	conn, err := net.DialTimeout("tcp", s.addr[listener], patience)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	if listener == "CLIENT" {
		return tls.Client(conn, &tls.Config{RootCAs: s.certs.Pool, ServerName: "localhost"})
	}
	return conn
}

// ask sends a request and reads the answer. An error is the end of the connection.
func (s *stranger) ask(conn net.Conn, r kmsg.Request, into kmsg.Response) error {
	f := kmsg.NewRequestFormatter(kmsg.FormatterClientID("x"))
	if _, err := conn.Write(f.AppendRequest(nil, r, 1)); err != nil {
		return err
	}
	var size int32
	if err := binary.Read(conn, binary.BigEndian, &size); err != nil {
		return err
	}
	frame := make([]byte, size)
	if _, err := io.ReadFull(conn, frame); err != nil {
		s.t.Fatal(err)
	}
	into.SetVersion(r.GetVersion())
	if err := into.ReadFrom(frame[4:]); err != nil {
		s.t.Fatal(err)
	}
	return nil
}

// exchange does SaslHandshake v1 and, with a message, SaslAuthenticate v1, byte by byte.
func (s *stranger) exchange(listener, mechanism string, message []byte) {
	what := listener + " " + mechanism
	conn := s.dial(listener)
	defer conn.Close()
	ask := func(r kmsg.Request, into kmsg.Response) bool {
		if err := s.ask(conn, r, into); err != nil {
			s.say("%s: closed", what)
			return false
		}
		return true
	}
	var h kmsg.SASLHandshakeResponse
	if !ask(&kmsg.SASLHandshakeRequest{Version: 1, Mechanism: mechanism}, &h) {
		return
	}
	s.say("%s: handshake %s %v", what, code(h.ErrorCode), h.SupportedMechanisms)
	if message == nil || h.ErrorCode != 0 {
		return
	}
	var a kmsg.SASLAuthenticateResponse
	if ask(&kmsg.SASLAuthenticateRequest{Version: 1, SASLAuthBytes: message}, &a) {
		s.say("%s: %s %s, %q, lifetime %d s", what, code(a.ErrorCode), text(a.ErrorMessage), a.SASLAuthBytes, (a.SessionLifetimeMillis+500)/1000)
	}
}

// scoped is an unsigned token with a scope.
func scoped(scope string, lifetime time.Duration) []byte {
	encode := base64.RawURLEncoding.EncodeToString
	now := time.Now()
	return fmt.Appendf(nil, "n,,\x01auth=Bearer %s.%s.\x01\x01", encode([]byte(`{"alg":"none"}`)),
		encode(fmt.Appendf(nil, `{"sub":"olga","scope":%s,"iat":%d,"exp":%d}`, scope, now.Add(-time.Hour).Unix(), now.Add(lifetime).Unix())))
}

func (s *stranger) logins() {
	for _, l := range []string{"CLEAR", "INTERNAL", "CLIENT", "KRB"} {
		for _, m := range []string{"NONE", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "GSSAPI", "scram-sha-512"} {
			s.exchange(l, m, nil)
		}
	}
	s.exchange("INTERNAL", "PLAIN", []byte("\x00inter\x00plainpw"))
	s.exchange("INTERNAL", "PLAIN", []byte("\x00client\x00clientpw"))
	s.exchange("INTERNAL", "PLAIN", []byte("\x00inter\x00no"))
	s.exchange("INTERNAL", "PLAIN", []byte("other\x00inter\x00plainpw"))
	s.exchange("INTERNAL", "SCRAM-SHA-256", []byte("n,,n=nobody,r=abc"))
	s.exchange("CLIENT", "SCRAM-SHA-256", []byte("n,,n=inter,r=a,b"))
	for _, scope := range []string{`["read","write"]`, `["write","read","admin"]`, `"read"`, `["read"]`, `"read write"`} {
		s.exchange("CLIENT", "OAUTHBEARER", scoped(scope, time.Hour))
	}
	s.exchange("CLIENT", "OAUTHBEARER", scoped(`["read","write"]`, -3*time.Second))
	s.exchange("CLIENT", "OAUTHBEARER", scoped(`["read","write"]`, -time.Minute))
}

// whoAmI notes the principal that a login has, by the owner of a token that it makes.
func (s *stranger) whoAmI(what string, cl *kgo.Client) {
	resp := s.request("who is "+what, cl, &kmsg.CreateDelegationTokenRequest{Version: 2, MaxLifetimeMillis: -1})
	if r, ok := resp.(*kmsg.CreateDelegationTokenResponse); ok {
		s.say("who is %s: %s %s:%s", what, code(r.ErrorCode), r.PrincipalType, r.PrincipalName)
	}
}

func (s *stranger) principals() {
	for _, p := range []string{"alice", "bob/admin", "zed", "kafka/localhost", "Carol"} {
		s.whoAmI(p, s.client("KRB", "", s.gssapi(p)))
	}
	for _, c := range []string{"", "alice", "team", "mixed", "other"} {
		s.whoAmI("certificate "+c, s.client("EXTERNAL", c, nil))
	}
	s.whoAmI("nobody", s.client("CLEAR", "", nil))
	s.whoAmI("olga", s.client("CLIENT", "", oauth.Auth{Token: strings.TrimSuffix(strings.TrimPrefix(string(scoped(`["read","write"]`, time.Hour)), "n,,\x01auth=Bearer "), "\x01\x01")}.AsMechanism()))
	s.whoAmI("root", s.root())
	s.whoAmI("plain", s.client("INTERNAL", "", plain.Auth{User: "client", Pass: "clientpw"}.AsMechanism()))
}

func (s *stranger) root(more ...kgo.Opt) *kgo.Client { return s.user("root", "rootpw", more...) }

func (s *stranger) user(name, password string, more ...kgo.Opt) *kgo.Client {
	return s.client("CLIENT", "", scram.Auth{User: name, Pass: password}.AsSha512Mechanism(), more...)
}

// acls are rights of principals as the listeners make them.
func (s *stranger) acls() {
	root := s.root()
	add := func(principal, name string, pattern kmsg.ACLResourcePatternType, op kmsg.ACLOperation, permission kmsg.ACLPermissionType, host string) {
		r := kmsg.NewPtrCreateACLsRequest()
		r.Creations = append(r.Creations, kmsg.CreateACLsRequestCreation{ResourceType: kmsg.ACLResourceTypeTopic, ResourceName: name, ResourcePatternType: pattern,
			Principal: principal, Host: host, Operation: op, PermissionType: permission})
		what := fmt.Sprintf("allow %s %v on %q from %s", principal, op, name, host)
		if resp, ok := s.request(what, root, r).(*kmsg.CreateACLsResponse); ok {
			s.say("%s: %s %s", what, code(resp.Results[0].ErrorCode), text(resp.Results[0].ErrorMessage))
		}
	}
	literal, prefixed, allow, deny := kmsg.ACLResourcePatternTypeLiteral, kmsg.ACLResourcePatternTypePrefixed, kmsg.ACLPermissionTypeAllow, kmsg.ACLPermissionTypeDeny
	add("User:alice", "t", literal, kmsg.ACLOperationAll, allow, "*")
	add("User:bob", "t", literal, kmsg.ACLOperationWrite, allow, "127.0.0.1")
	add("User:ALICE", "t", prefixed, kmsg.ACLOperationRead, allow, "*")
	add("User:TEAM", "t", literal, kmsg.ACLOperationDescribe, allow, "10.0.0.1")
	add("User:mixed name@x", "*", literal, kmsg.ACLOperationRead, allow, "*")
	add("User:CN=other,O=momus", "t", literal, kmsg.ACLOperationWrite, allow, "*")
	add("User:svc_admin", "t", literal, kmsg.ACLOperationDescribeConfigs, allow, "*")
	add("User:*", "secret", literal, kmsg.ACLOperationDescribe, deny, "*")
	add("User:zed", "t", literal, kmsg.ACLOperationCreate, allow, "localhost") // names of hosts never match
	add("alice", "t", literal, kmsg.ACLOperationCreate, allow, "*")
	add("User:alice", "", literal, kmsg.ACLOperationCreate, allow, "*")
	add("User:alice", "t", kmsg.ACLResourcePatternTypeMatch, kmsg.ACLOperationCreate, allow, "*")
	create := kmsg.NewPtrCreateTopicsRequest()
	create.Version = 5
	for _, name := range []string{"t", "secret"} {
		create.Topics = append(create.Topics, kmsg.CreateTopicsRequestTopic{Topic: name, NumPartitions: 1, ReplicationFactor: 1})
	}
	s.request("create topics", root, create)
	testkit.Eventually(s.t, 30*time.Second, "the topics have leaders", func() bool {
		resp, err := (&kmsg.MetadataRequest{Version: 1}).RequestWith(s.t.Context(), root)
		ok := err == nil && len(resp.Topics) >= 2
		return ok && !slices.ContainsFunc(resp.Topics, func(t kmsg.MetadataResponseTopic) bool { return t.ErrorCode != 0 || t.Partitions[0].ErrorCode != 0 })
	})
	time.Sleep(300 * time.Millisecond) // ACLs are obeyed a little later, and only Apache Kafka's own requests know when
	logins := map[string]*kgo.Client{"alice": s.user("alice", "alicepw"), "bob": s.user("bob", "bobpw"), "krb alice": s.client("KRB", "", s.gssapi("alice")), "krb bob/admin": s.client("KRB", "", s.gssapi("bob/admin")),
		"krb zed": s.client("KRB", "", s.gssapi("zed")), "cert team": s.client("EXTERNAL", "team", nil), "cert mixed": s.client("EXTERNAL", "mixed", nil), "cert other": s.client("EXTERNAL", "other", nil),
		"no cert": s.client("EXTERNAL", "", nil), "root": root}
	names := slices.Sorted(func(yield func(string) bool) {
		for n := range logins {
			if !yield(n) {
				return
			}
		}
	})
	for _, name := range names {
		m := kmsg.NewPtrMetadataRequest()
		m.Version, m.IncludeTopicAuthorizedOperations, m.IncludeClusterAuthorizedOperations = 8, true, true
		for _, topic := range []string{"t", "secret", "tt"} {
			m.Topics = append(m.Topics, kmsg.MetadataRequestTopic{Topic: &topic})
		}
		if resp, ok := s.request("metadata as "+name, logins[name], m).(*kmsg.MetadataResponse); ok {
			// Apache Kafka has those that one may not see at the end, momus in the order of the request.
			slices.SortFunc(resp.Topics, func(a, b kmsg.MetadataResponseTopic) int { return strings.Compare(*a.Topic, *b.Topic) })
			for _, topic := range resp.Topics {
				s.say("metadata as %s: %s %s %b, cluster %b", name, *topic.Topic, code(topic.ErrorCode), topic.AuthorizedOperations, resp.AuthorizedOperations)
			}
		}
	}
}

// quotas notes who is slowed down.
func (s *stranger) quotas() {
	for _, c := range []struct {
		name string
		cl   *kgo.Client
	}{{"alice", s.user("alice", "alicepw", kgo.ClientID("a"))}, {"root", s.root(kgo.ClientID("a"))}, {"root by a slow client", s.root(kgo.ClientID("slow"))}, {"bob", s.user("bob", "bobpw", kgo.ClientID("b"))}} {
		produce := func() int32 {
			p := kmsg.NewPtrProduceRequest()
			p.Version, p.Acks, p.TimeoutMillis = 7, 1, 5000
			p.Topics = []kmsg.ProduceRequestTopic{{Topic: "t", Partitions: []kmsg.ProduceRequestTopicPartition{{Records: batch(20000)}}}}
			resp, ok := s.request("produce as "+c.name, c.cl, p).(*kmsg.ProduceResponse)
			if !ok {
				return -1
			}
			if e := resp.Topics[0].Partitions[0].ErrorCode; e != 0 {
				s.say("produce as %s: %s", c.name, code(e))
			}
			return resp.ThrottleMillis
		}
		s.say("%s is slowed down: %v", c.name, produce() > 0)
	}
}

// tokens are delegation tokens: who may make, see, renew, expire and use them.
func (s *stranger) tokens() {
	alice, bob, root := s.user("alice", "alicepw"), s.user("bob", "bobpw"), s.root()
	kerberos := s.client("KRB", "", s.gssapi("alice"))
	issue := func(what string, cl *kgo.Client, lifetime int64, renewers ...string) *kmsg.CreateDelegationTokenResponse {
		r := &kmsg.CreateDelegationTokenRequest{Version: 2, MaxLifetimeMillis: lifetime}
		for _, name := range renewers {
			kind, name, _ := strings.Cut(name, ":")
			r.Renewers = append(r.Renewers, kmsg.CreateDelegationTokenRequestRenewer{PrincipalType: kind, PrincipalName: name})
		}
		resp, ok := s.request(what, cl, r).(*kmsg.CreateDelegationTokenResponse)
		if !ok {
			return nil
		}
		s.say("%s: %s, owner %s:%s, ends after %d s, at most %d s", what, code(resp.ErrorCode), resp.PrincipalType, resp.PrincipalName, seconds(resp.ExpiryTimestamp-resp.IssueTimestamp), seconds(resp.MaxTimestamp-resp.IssueTimestamp))
		return resp
	}
	token := issue("token of alice for bob", alice, -1, "User:bob")
	issue("short token", alice, 60000)
	issue("long token", alice, 1<<40)
	issue("token with a negative life", alice, -5)
	issue("token for a group", alice, -1, "Group:x")
	other := issue("token of KRB alice", kerberos, 120000)
	describe := func(what string, cl *kgo.Client, owners ...string) {
		r := &kmsg.DescribeDelegationTokenRequest{Version: 2}
		for _, o := range owners {
			r.Owners = append(r.Owners, kmsg.DescribeDelegationTokenRequestOwner{PrincipalType: "User", PrincipalName: o})
		}
		if resp, ok := s.request(what, cl, r).(*kmsg.DescribeDelegationTokenResponse); ok {
			var list []string
			for _, d := range resp.TokenDetails {
				list = append(list, fmt.Sprintf("%s %v %d", d.PrincipalName, d.Renewers, seconds(d.MaxTimestamp-d.IssueTimestamp)))
			}
			slices.Sort(list)
			s.say("%s: %s %s", what, code(resp.ErrorCode), strings.Join(list, "; "))
		}
	}
	testkit.Eventually(s.t, 10*time.Second, "the tokens are known", func() bool {
		resp, err := (&kmsg.DescribeDelegationTokenRequest{Version: 2}).RequestWith(s.t.Context(), root)
		return err == nil && len(resp.TokenDetails) > 3
	})
	describe("alice sees", alice)
	describe("bob sees", bob)
	describe("bob sees of alice", bob, "alice")
	describe("alice sees of bob", alice, "bob")
	describe("root sees of ALICE", root, "ALICE")
	renew := func(what string, cl *kgo.Client, hmac []byte, period int64) {
		if resp, ok := s.request(what, cl, &kmsg.RenewDelegationTokenRequest{Version: 2, HMAC: hmac, RenewTimeMillis: period}).(*kmsg.RenewDelegationTokenResponse); ok {
			minutes := int64(0)
			if resp.ErrorCode == 0 {
				minutes = (resp.ExpiryTimestamp - time.Now().UnixMilli() + 30000) / 60000
			}
			s.say("%s: %s, for %d minutes", what, code(resp.ErrorCode), minutes)
		}
	}
	expire := func(what string, cl *kgo.Client, hmac []byte, period int64) {
		if resp, ok := s.request(what, cl, &kmsg.ExpireDelegationTokenRequest{Version: 2, HMAC: hmac, ExpiryPeriodMillis: period}).(*kmsg.ExpireDelegationTokenResponse); ok {
			s.say("%s: %s", what, code(resp.ErrorCode))
		}
	}
	renew("bob renews", bob, token.HMAC, -1)
	renew("alice renews for long", alice, token.HMAC, 1<<40)
	renew("alice renews", alice, token.HMAC, 600000)
	renew("root renews", root, token.HMAC, -1)
	renew("renews nothing", alice, []byte("x"), -1)
	expire("root expires", root, token.HMAC, -1)
	use := func(what, listener string, auth scram.Auth) *kgo.Client {
		cl := s.client(listener, "", auth.AsSha512Mechanism())
		m := kmsg.NewPtrMetadataRequest()
		topic := "t"
		m.Version, m.IncludeTopicAuthorizedOperations = 8, true
		m.Topics = []kmsg.MetadataRequestTopic{{Topic: &topic}}
		if resp, ok := s.request(what, cl, m).(*kmsg.MetadataResponse); ok {
			s.say("%s: %s %b", what, code(resp.Topics[0].ErrorCode), resp.Topics[0].AuthorizedOperations)
		}
		return cl
	}
	auth := scram.Auth{User: token.TokenID, Pass: base64.StdEncoding.EncodeToString(token.HMAC), IsToken: true}
	with := use("with the token of alice", "CLIENT", auth)
	issue("a token by a token", with, -1)
	renew("renewal by a token", with, token.HMAC, -1)
	expire("the end by a token", with, token.HMAC, -1)
	describe("a token sees", with)
	use("with the token of KRB alice", "CLIENT", scram.Auth{User: other.TokenID, Pass: base64.StdEncoding.EncodeToString(other.HMAC), IsToken: true})
	use("with a token that is none", "CLIENT", scram.Auth{User: "nothing", Pass: "x", IsToken: true})
	use("with a token as a password", "CLIENT", scram.Auth{User: token.TokenID, Pass: auth.Pass})
	expire("alice expires", alice, token.HMAC, -1)
	testkit.Eventually(s.t, 10*time.Second, "the token is gone", func() bool {
		resp, err := (&kmsg.DescribeDelegationTokenRequest{Version: 2}).RequestWith(s.t.Context(), bob)
		return err == nil && len(resp.TokenDetails) == 0
	})
	use("with the expired token", "CLIENT", auth)
	expire("alice expires again", alice, token.HMAC, -1)
}

// seconds of milliseconds.
func seconds(ms int64) int64 { return ms / 1000 }

// sessions notes which connections end when their session is over.
func (s *stranger) sessions() {
	alice := s.user("alice", "alicepw")
	s.request("alice", alice, kmsg.NewPtrMetadataRequest())
	for _, l := range []struct{ user, password string }{{"alice", "alicepw"}, {"inter", "interpw"}} {
		mechanism, listener := scram.Auth{User: l.user, Pass: l.password}.AsSha512Mechanism(), "CLIENT"
		if l.user == "inter" {
			mechanism, listener = scram.Auth{User: l.user, Pass: l.password}.AsSha256Mechanism(), "INTERNAL"
		}
		s.lifetime(listener, mechanism)
	}
	s.exchange("INTERNAL", "PLAIN", []byte("\x00client\x00clientpw"))
}

// lifetime notes how long a session of SCRAM lasts.
func (s *stranger) lifetime(listener string, m sasl.Mechanism) {
	conn := s.dial(listener)
	defer conn.Close()
	exchange := func(r kmsg.Request, into kmsg.Response) {
		if err := s.ask(conn, r, into); err != nil {
			s.t.Fatal(err)
		}
	}
	for range 2 { // again on the same connection
		var h kmsg.SASLHandshakeResponse
		exchange(&kmsg.SASLHandshakeRequest{Version: 1, Mechanism: m.Name()}, &h)
		session, message, err := m.Authenticate(s.t.Context(), s.addr[listener])
		for done := false; err == nil && !done; {
			var a kmsg.SASLAuthenticateResponse
			exchange(&kmsg.SASLAuthenticateRequest{Version: 1, SASLAuthBytes: message}, &a)
			if a.ErrorCode != 0 {
				s.say("%s: %s", listener, text(a.ErrorMessage))
				return
			}
			if done, message, err = session.Challenge(a.SASLAuthBytes); done {
				s.say("%s %s: lifetime %d s", listener, m.Name(), (a.SessionLifetimeMillis+500)/1000)
			}
		}
		if err != nil {
			s.t.Fatal(err)
		}
		time.Sleep(1100 * time.Millisecond) // Kafka wants a second between logins
	}
}

// TestAStrangersCluster runs one configuration on Apache Kafka 2.5.0 and on momus; clients must see
// the same.
func TestAStrangersCluster(t *testing.T) {
	certs := testkit.NewCertificates(t)
	names := map[string]pkix.Name{
		"broker": {CommonName: "localhost", Organization: []string{"momus"}}, "alice": {CommonName: "alice", Organization: []string{"momus"}, Country: []string{"NL"}},
		"team": {CommonName: "team", OrganizationalUnit: []string{"Team"}, Organization: []string{"momus"}}, "mixed": {CommonName: "Mixed Name", OrganizationalUnit: []string{"Elsewhere"}},
		"other": {CommonName: "other", Organization: []string{"momus"}},
	}
	for name, subject := range names {
		certs.Sign(name, subject, time.Time{})
	}
	certs.Sign("again", names["broker"], time.Time{})
	certs.Sign("otherdn", pkix.Name{CommonName: "elsewhere", Organization: []string{"momus"}}, time.Time{})
	certs.SignFor("othersan", names["broker"], "localhost")
	certs.SignFor("moresan", names["broker"], "localhost", "127.0.0.1", "kafka.example.com")
	r := testkit.StartRealm(t, "kafka/localhost", "alice", "bob/admin", "zed", "Carol")
	const module = "org.apache.kafka.common.security."
	t.Setenv("KAFKA_OPTS", "-Djava.security.krb5.conf="+r.Config+" "+testkit.LoginOption(t, fmt.Sprintf(`internal.KafkaServer {
  %[1]sscram.ScramLoginModule required username="inter" password="interpw";
  %[1]splain.PlainLoginModule required user_inter="plainpw" user_client="clientpw";
};
KafkaServer {
  %[1]sscram.ScramLoginModule required;
  %[1]splain.PlainLoginModule required user_nobody="x";
};
krb.KafkaServer {
  %[2]s
};
`, module, r.JAAS("kafka/localhost"))))
	zookeeper := testkit.ZooKeeper(t, "zookeeper")
	conn := testkit.ZooKeeperConn(t, zookeeper)
	var sides []*stranger
	for _, kind := range []struct {
		name  string
		start func(t testing.TB, id, port int, zookeeper string, lines ...string) *testkit.Cluster
	}{{"kafka", testkit.KafkaAt}, {"momus", testkit.BrokerAt}} {
		if _, err := conn.Create("/"+kind.name, nil, 0, zk.WorldACL(zk.PermAll)); err != nil {
			t.Fatal(err)
		}
		s := startStranger(t, certs, r, zookeeper+"/"+kind.name, kind.start)
		for _, part := range []func(){s.logins, s.principals, s.acls, s.tokens, s.quotas, s.sessions, s.stores} {
			part()
		}
		s.Process.Stop(t, time.Minute)
		sides = append(sides, s)
	}
	kafka, momus := sides[0].said, sides[1].said
	same := 0
	for i := range max(len(kafka), len(momus)) {
		line := func(said []string) string {
			if i < len(said) {
				return said[i]
			}
			return ""
		}
		if k, m := line(kafka), line(momus); k == m {
			same++
		} else {
			t.Errorf("line %d\n  kafka: %s\n  momus: %s", i, k, m)
		}
	}
	t.Logf("%d lines are the same", same)
	if testing.Verbose() {
		t.Log("\n" + strings.Join(kafka, "\n"))
	}
}

// batch is a record batch with one record of a size.
func batch(size int) []byte {
	b := record.NewBuilder(record.DefaultOptions())
	b.Append(time.Now().UnixMilli(), nil, bytes.Repeat([]byte{'x'}, size))
	return b.Bytes()
}

// details are what momus says beyond Kafka's words: why a store was not read, and whose it is.
var details = regexp.MustCompile(`( of type \S+|SubjectAltNames do not match): .*( for configuration Invalid dynamic configuration)`)

// kafkaWords is a message without momus's own details. Where momus says it all in its own words,
// only the code is compared: Kafka's are those of Java's exceptions there, or a mistake of its own.
func kafkaWords(what, message string) string {
	switch what {
	case "a wrong password of the key", "no store", "connections of a listener", "connections by address", "a listener more":
		return "…"
	}
	return details.ReplaceAllString(message, "$1$2")
}

// stores changes key and trust stores, and credentials, while the broker runs.
func (s *stranger) stores() {
	root := s.root()
	file := func(name string) string { return filepath.Join(s.stamp, name) }
	for _, name := range []string{"again", "otherdn", "othersan", "moresan"} {
		copyFile(s.t, s.certs.Path(name+".p12"), file(name+".p12"))
	}
	if err := os.WriteFile(file("garbage.p12"), []byte("no store"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	// serves notes whose certificate a listener shows to a new connection.
	serves := func(listener string) {
		conn, err := tls.Dial("tcp", s.addr[listener], &tls.Config{RootCAs: s.certs.Pool, ServerName: "localhost"})
		if err != nil {
			s.say("%s shows nothing", listener)
			return
		}
		defer conn.Close()
		shown := conn.ConnectionState().PeerCertificates[0]
		for _, name := range []string{"broker", "again", "moresan"} {
			if pair, err := tls.LoadX509KeyPair(s.certs.Path(name+".crt"), s.certs.Path(name+".key")); err == nil && bytes.Equal(pair.Certificate[0], shown.Raw) {
				s.say("%s shows the certificate %s", listener, name)
			}
		}
	}
	alter := func(node, what string, pairs ...string) {
		r := kmsg.NewPtrIncrementalAlterConfigsRequest()
		resource := kmsg.IncrementalAlterConfigsRequestResource{ResourceType: kmsg.ConfigResourceTypeBroker, ResourceName: node}
		for _, pair := range pairs {
			key, value, set := strings.Cut(pair, "=")
			c := kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: key, Op: kmsg.IncrementalAlterConfigOpDelete}
			if set {
				c.Op, c.Value = kmsg.IncrementalAlterConfigOpSet, &value
			}
			resource.Configs = append(resource.Configs, c)
		}
		r.Resources = append(r.Resources, resource)
		if resp, ok := s.request(what, root, r).(*kmsg.IncrementalAlterConfigsResponse); ok {
			s.say("%s: %s %s", what, code(resp.Resources[0].ErrorCode), kafkaWords(what, text(resp.Resources[0].ErrorMessage)))
		}
	}
	const external, client = "listener.name.external.ssl.", "listener.name.client.ssl."
	serves("EXTERNAL")
	alter("1", "a file that is missing", external+"keystore.location="+file("missing.p12"))
	alter("1", "a file that is no store", external+"keystore.location="+file("garbage.p12"))
	alter("1", "a wrong password", external+"keystore.location="+file("again.p12"), external+"keystore.password=wrong")
	alter("1", "a wrong password of the key", external+"keystore.location="+file("again.p12"), external+"key.password=wrong")
	alter("1", "another name", external+"keystore.location="+file("otherdn.p12"))
	alter("1", "other alternative names", external+"keystore.location="+file("othersan.p12"))
	alter("1", "more alternative names", external+"keystore.location="+file("moresan.p12"))
	alter("1", "a type that does not exist", external+"keystore.type=NOPE")
	alter("1", "no store", external+"keystore.location=")
	alter("1", "a trust store that is missing", external+"truststore.location="+file("missing.p12"))
	alter("1", "a trust store with a wrong password", external+"truststore.password=wrong", external+"truststore.location="+file("trust.p12"))
	alter("1", "without the listener", "ssl.keystore.location="+file("again.p12"))
	alter("", "for all brokers", external+"keystore.location="+file("again.p12"))
	alter("1", "a listener that is none", "listener.name.nobody.ssl.keystore.location="+file("missing.p12"))
	alter("1", "a name that is written otherwise", "listener.name.EXTERNAL.ssl.keystore.location="+file("again.p12"))
	serves("EXTERNAL")
	alter("1", "a good store", external+"keystore.location="+file("again.p12"))
	shows := func(name string) {
		testkit.Eventually(s.t, time.Minute, "a listener shows "+name, func() bool {
			before := len(s.said)
			serves("EXTERNAL")
			ok := strings.HasSuffix(s.said[len(s.said)-1], " "+name)
			s.said = s.said[:before]
			return ok
		})
	}
	shows("again")
	serves("CLIENT")
	// The file of a store in use changes, and the command is given again.
	copyFile(s.t, s.certs.Path("broker.p12"), file("again.p12"))
	later := time.Now().Add(2 * time.Second)
	if err := os.Chtimes(file("again.p12"), later, later); err != nil {
		s.t.Fatal(err)
	}
	alter("1", "the same again", external+"keystore.location="+file("again.p12"))
	shows("broker")
	alter("1", "no override", external+"keystore.location")
	for _, c := range [][2]string{
		{"credentials", "listener.name.client.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;"},
		{"credentials that are none", "listener.name.client.scram-sha-512.sasl.jaas.config=nonsense"},
		{"credentials without a mechanism", "listener.name.client.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;"},
		{"credentials without a listener", "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;"},
		{"client certificates", external + "client.auth=required"},
		{"client certificates, a value that is none", external + "client.auth=perhaps"},
		{"mechanisms", "listener.name.client.sasl.enabled.mechanisms=PLAIN"},
		{"sessions", "connections.max.reauth.ms=1"},
		{"sessions of a listener", "listener.name.client.connections.max.reauth.ms=1"},
		{"rules", "ssl.principal.mapping.rules=DEFAULT"},
		{"super users", "super.users=User:bob"},
		{"connections", "max.connections=1000"},
		{"connections of a listener", "listener.name.client.max.connections=0"},
		{"connections by address", "max.connections.per.ip.overrides=127.0.0.1:many"},
		{"connections of an address that is none", "max.connections.per.ip.overrides=no.such.host.example:5"},
		{"threads of the cleaner", "log.cleaner.threads=5"},
		{"another protocol", "listener.security.protocol.map=CLEAR:PLAINTEXT,INTERNAL:SASL_PLAINTEXT,CLIENT:SASL_SSL,EXTERNAL:PLAINTEXT,KRB:SASL_PLAINTEXT"},
		{"a listener more", "listeners=CLEAR://127.0.0.1:1,MORE://localhost:0"},
	} {
		alter("1", c[0], c[1])
	}
	describe := kmsg.NewPtrDescribeConfigsRequest()
	describe.Version, describe.IncludeSynonyms = 2, true
	describe.Resources = []kmsg.DescribeConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeBroker, ResourceName: "1"}}
	if resp, ok := s.request("describe", root, describe).(*kmsg.DescribeConfigsResponse); ok {
		for _, c := range resp.Resources[0].Configs {
			if strings.Contains(c.Name, "ssl") || strings.Contains(c.Name, "sasl") || strings.Contains(c.Name, "listener") || strings.Contains(c.Name, "super") {
				var synonyms []string
				for _, y := range c.ConfigSynonyms {
					synonyms = append(synonyms, fmt.Sprintf("%s=%s from %v", y.Name, text(y.Value), y.Source))
				}
				if c.Name == "listeners" || strings.HasSuffix(c.Name, "advertised.listeners") {
					continue // ports
				}
				if strings.HasSuffix(c.Name, "scram-sha-512.connections.max.reauth.ms") {
					continue // Apache Kafka obeys it and calls it unknown here; momus shows it
				}
				s.say("%s=%s from %v, read only %v, sensitive %v %v", c.Name, text(c.Value), c.Source, c.ReadOnly, c.IsSensitive, synonyms)
			}
		}
	}
}
