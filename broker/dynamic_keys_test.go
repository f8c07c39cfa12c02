package broker

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/replica"
	"momus/configs"
	"momus/coordinator/zk"
	"momus/coordinator/zkserver"
	"momus/internal/model"
	"momus/internal/testbase"
)

// rig is a broker that runs, with a client of it and a topic called t.
type rig struct {
	t      *testing.T
	b      *Broker
	zk     *zk.Client
	client *kgo.Client
	dir    string
	free   int // a port that nobody uses

	coordination string        // the address of the coordination server
	topics       *atomic.Int64 // how many topics were made for one probe each
}

// newRig starts a broker with the given settings besides its own, and an environment.
func newRig(t *testing.T, settings map[string]string, environ ...string) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), topics: new(atomic.Int64)}
	server, err := zkserver.New(zkserver.Options{Dir: t.TempDir(), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	r.coordination = server.Addr().String()
	log := testbase.Quiet().Logger
	all := map[string]string{
		"broker.id": "1", "listeners": "PLAINTEXT://127.0.0.1:0", "zookeeper.connect": r.coordination, "log.dirs": t.TempDir(),
		"offsets.topic.num.partitions": "1", "offsets.topic.replication.factor": "1", "password.encoder.secret": "secret",
		"log.cleaner.dedupe.buffer.size": "8388608", "log.cleaner.backoff.ms": "20", "controlled.shutdown.enable": "false",
		"log.retention.check.interval.ms": "20", "log.flush.scheduler.interval.ms": "20",
	}
	maps.Copy(all, settings)
	overrides := make([]string, 0, len(all))
	for k, v := range all {
		overrides = append(overrides, k+"="+v)
	}
	c, _, err := configs.Load(configs.Sources{Overrides: overrides, Env: environ})
	if err != nil {
		t.Fatal(err)
	}
	if r.b, err = New(Options{Config: c, Logger: log}); err != nil {
		t.Fatal(err)
	}
	zkCtx, stopZK := context.WithCancel(context.Background())
	ctx, stop := context.WithCancel(context.Background())
	zkDone, done := make(chan error, 1), make(chan error, 1)
	go func() { zkDone <- server.Run(zkCtx) }()
	go func() { done <- r.b.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		stopZK()
		<-zkDone
	})
	select {
	case <-r.b.Ready():
	case err := <-done:
		t.Fatal(err)
	}
	if r.zk, err = zk.Dial(ctx, zk.Options{Connect: r.coordination, SessionTimeout: 30 * time.Second, ConnectTimeout: time.Minute}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.zk.Close() })
	if r.client, err = kgo.NewClient(kgo.SeedBrokers(r.b.Addr("PLAINTEXT").String()), kgo.MaxVersions(nil), kgo.ConnIdleTimeout(15*time.Minute)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.client.Close)
	r.free = testbase.FreePorts(t, 1)
	r.eventually("topic t", func() bool {
		req := kmsg.NewPtrCreateTopicsRequest()
		req.TimeoutMillis = 10000
		topic := kmsg.NewCreateTopicsRequestTopic()
		topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "t", 1, 1
		req.Topics = append(req.Topics, topic)
		resp, err := req.RequestWith(ctx, r.client)
		return err == nil && (resp.Topics[0].ErrorCode == 0 || resp.Topics[0].ErrorCode == 36) && r.b.logs.Get(model.TopicPartition{Topic: "t"}) != nil
	})
	return r
}

func (r *rig) eventually(what string, ok func() bool, last ...*string) {
	r.t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			for _, l := range last {
				what += fmt.Sprintf(" (%q is to be seen)", *l)
			}
			r.t.Fatalf("%s: not within a minute", what)
		}
	}
}

// alter sets (value given) or deletes (nil) dynamic configs of the broker ("1") or of all ("").
func (r *rig) alter(resource string, settings map[string]*string) {
	r.t.Helper()
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	res := kmsg.NewIncrementalAlterConfigsRequestResource()
	res.ResourceType, res.ResourceName = kmsg.ConfigResourceTypeBroker, resource
	for name, value := range settings {
		c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		c.Name, c.Value = name, value
		if value == nil {
			c.Op = kmsg.IncrementalAlterConfigOpDelete
		}
		res.Configs = append(res.Configs, c)
	}
	req.Resources = append(req.Resources, res)
	// Always the same connection, which stays open: with max.connections=1 there is no other.
	resp, err := req.RequestWith(r.t.Context(), r.client.Broker(1))
	if err != nil {
		r.t.Fatal(err)
	}
	if a := resp.Resources[0]; a.ErrorCode != 0 {
		r.t.Fatalf("%v of %q: error %d %v", settings, resource, a.ErrorCode, *a.ErrorMessage)
	}
}

// dynamicKey is what is to be seen of one dynamic key, alone or together with others that it needs.
type dynamicKey struct {
	key   string
	probe func(r *rig) string // what the part of the broker that uses the key does
	steps []step              // values one after the other, each with another effect than the one before
}

// step is one change of a key on the running broker.
type step struct {
	value string
	want  string            // of probe while the value holds
	with  map[string]string // keys that change together with it
}

// check takes a key through its values on a level, waits for the effect of each, deletes it and
// waits for the old effect: a part that reads its setting once, at its start or at the first
// change, fails.
func (r *rig) check(resource string, k dynamicKey) {
	if len(k.steps) < 2 {
		r.t.Fatalf("%s changes once only", k.key)
	}
	// A probe that nobody answers in time may show that for once.
	var before string
	first := k.steps[0].want
	r.eventually(fmt.Sprintf("%s shows something else than %s before the change", k.key, first), func() bool { before = k.probe(r); return before != first })
	seen, unset := before, map[string]*string{}
	for _, s := range k.steps {
		if s.want == seen {
			r.t.Fatalf("%s: %q is to be seen before the change to %s", k.key, seen, s.value)
		}
		set := map[string]*string{k.key: &s.value}
		for name, value := range s.with {
			set[name] = &value
		}
		for name := range set {
			unset[name] = nil
		}
		r.alter(resource, set)
		r.eventually(fmt.Sprintf("%s=%s shows %s", k.key, s.value, s.want), func() bool {
			seen = k.probe(r)
			return seen == s.want
		}, &seen)
	}
	r.alter(resource, unset)
	r.eventually(fmt.Sprintf("%s deleted shows %s", k.key, before), func() bool {
		seen = k.probe(r)
		return seen == before
	}, &seen)
}

// used probes settings that parts ask for at each use.
func used(f func(c *configs.Broker) any) func(r *rig) string {
	return func(r *rig) string { return fmt.Sprint(f(r.b.config.Broker())) }
}

// cleanerLooks measures how often the cleaner looks for logs that are due.
func (r *rig) cleanerLooks() string {
	next := func(after time.Time) (look time.Time) {
		r.eventually("the cleaner looks for logs", func() bool {
			look = r.b.cleaner.Stats().LastRun
			return look.After(after)
		})
		return look
	}
	first := next(time.Now())
	if next(first).Sub(first) < 350*time.Millisecond {
		return "often"
	}
	return "seldom"
}

// replicates probes settings that the replicas are given whenever they ask.
func replicates(f func(s replica.Settings) any) func(r *rig) string {
	return func(r *rig) string { return fmt.Sprint(f(r.b.replicaSettings())) }
}

// answered reports whether a connection to an address gets an answer to ApiVersions within half a
// second.
func answered(addr string) bool {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	return asked(c, 500*time.Millisecond)
}

// asked reports whether a connection is answered in time.
func asked(c net.Conn, patience time.Duration) bool {
	_ = c.SetDeadline(time.Now().Add(patience))
	req := []byte{0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff}
	if _, err := c.Write(req); err != nil {
		return false
	}
	_, err := testbase.ReadFrame(c)
	return err == nil
}

// askPlain sends one request over a connection of its own.
func askPlain(r *rig, req kmsg.Request) kmsg.Response {
	c, err := net.DialTimeout("tcp", r.b.Addr("PLAINTEXT").String(), 5*time.Second)
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	return ask(c, req)
}

// serves probes whether an address is answered; of none: the rig's own listener.
func serves(addr ...string) func(r *rig) string {
	return func(r *rig) string {
		return fmt.Sprint("served ", answered(append(addr, r.b.Addr("PLAINTEXT").String())[0]))
	}
}

// registered probes what others read of this broker in ZooKeeper.
func (r *rig) registered() string {
	b, ok, err := r.zk.Broker(r.t.Context(), 1)
	if err != nil || !ok {
		return fmt.Sprint(ok, err)
	}
	var hosts []string
	for _, e := range b.Endpoints {
		hosts = append(hosts, e.Listener+" at "+e.Host)
	}
	return strings.Join(hosts, ",")
}

// keys are all dynamic keys but those of security.
func (r *rig) keys() []dynamicKey {
	return slices.Concat(r.listenerKeys(), limitKeys(), logKeys(), cleanerKeys(), electionKeys(), sharedKeys())
}

func (r *rig) listenerKeys() []dynamicKey {
	own, extra := "PLAINTEXT://"+r.b.Addr("PLAINTEXT").String(), fmt.Sprintf("127.0.0.1:%d", r.free)
	both := own + ",EXTRA://" + extra
	const protocols = "PLAINTEXT:PLAINTEXT,EXTRA:PLAINTEXT"
	with := map[string]string{"listener.security.protocol.map": protocols}
	at := func(host string) map[string]string {
		return map[string]string{"listeners": both, "advertised.listeners": "PLAINTEXT://127.0.0.1:9092,EXTRA://" + host + ":9094"}
	}
	return []dynamicKey{
		{"listeners", serves(extra), []step{{both, "served true", with}, {own, "served false", nil}, {both, "served true", nil}}},
		{"listener.security.protocol.map", (*rig).registered, []step{
			{protocols, "PLAINTEXT at 127.0.0.1,EXTRA at other", at("other")},
			{protocols + ",MORE:PLAINTEXT", "PLAINTEXT at 127.0.0.1,MORE at third", map[string]string{"listeners": own + ",MORE://" + extra,
				"advertised.listeners": "PLAINTEXT://127.0.0.1:9092,MORE://third:9094"}},
		}},
		{"advertised.listeners", (*rig).registered, []step{
			{"PLAINTEXT://127.0.0.2:9092", "PLAINTEXT at 127.0.0.2", nil}, {"PLAINTEXT://127.0.0.3:9092", "PLAINTEXT at 127.0.0.3", nil}}},
	}
}

// limitKeys are those of connections.
func limitKeys() []dynamicKey {
	on, off := "served true", "served false"
	limit := []step{{"1", off, nil}, {"1000", on, nil}, {"1", off, nil}}
	return []dynamicKey{
		{"max.connections", serves(), limit},
		{"listener.name.plaintext.max.connections", serves(), limit},
		{"max.connections.per.ip", serves(), limit},
		{"max.connections.per.ip.overrides", serves(), []step{{"127.0.0.1:1", off, nil}, {"127.0.0.1:1000", on, nil}, {"127.0.0.1:1", off, nil}}},
	}
}

// sharedKeys are keys that parts ask for each time that they use them; the tests of storage/cleaner,
// storage/logdir and broker/replica change them again and again and see what the parts then do.
func sharedKeys() []dynamicKey {
	follows := func(key string, probe func(r *rig) string, values ...string) dynamicKey {
		k := dynamicKey{key: key, probe: probe}
		for _, v := range values {
			k.steps = append(k.steps, step{v, v, nil})
		}
		return k
	}
	return []dynamicKey{
		follows("log.cleaner.dedupe.buffer.size", used(func(c *configs.Broker) any { return c.LogCleanerDedupeBufferSize }), "4194304", "2097152"),
		follows("log.cleaner.io.buffer.load.factor", used(func(c *configs.Broker) any { return c.LogCleanerIOBufferLoadFactor }), "0.7", "0.5"),
		follows("log.cleaner.io.buffer.size", used(func(c *configs.Broker) any { return c.LogCleanerIOBufferSize }), "7777", "8888"),
		follows("log.cleaner.io.max.bytes.per.second", used(func(c *configs.Broker) any { return c.LogCleanerIOMaxBytesPerSecond }), "7777", "8888"),
		follows("log.cleaner.threads", used(func(c *configs.Broker) any { return c.LogCleanerThreads }), "2", "1", "2"),
		follows("num.recovery.threads.per.data.dir", used(func(c *configs.Broker) any { return c.NumRecoveryThreadsPerDataDir }), "2", "3"),
		follows("num.replica.fetchers", replicates(func(s replica.Settings) any { return s.Fetchers }), "2", "3"),
		follows("leader.replication.throttled.rate", replicates(func(s replica.Settings) any { return s.LeaderRate }), "7", "8"),
		follows("follower.replication.throttled.rate", replicates(func(s replica.Settings) any { return s.FollowerRate }), "7", "8"),
		follows("replica.alter.log.dirs.io.max.bytes.per.second", replicates(func(s replica.Settings) any { return s.MoveRate }), "7", "8"),
	}
}

// TestDynamicKeysTakeEffectAndGoAgain goes through every key that can change while a broker runs:
// for this broker alone, for all brokers, for one listener. What shows the effect is the part that
// uses the key. A key that becomes dynamic fails the test until it has a row.
func TestDynamicKeysTakeEffectAndGoAgain(t *testing.T) {
	r := newRig(t, nil)
	secure, peers := newSecureRig(t), newPeerRig(t)
	rows := map[string]bool{}
	for _, k := range r.keys() {
		rows[k.key] = true
		levels := []string{"1", ""}
		if key, ok := configs.BrokerKey(k.key); ok && key.Update == configs.PerBroker {
			levels = levels[:1]
		}
		for _, level := range levels {
			t.Run(fmt.Sprintf("%s of broker %q", k.key, level), func(t *testing.T) {
				on := *r
				on.t = t
				on.check(level, k)
			})
		}
	}
	for _, k := range secure.secureKeys() {
		rows[strings.TrimPrefix(strings.SplitN(k.key, ".", 4)[3], "plain.")] = true
		t.Run(k.key, func(t *testing.T) {
			on := *secure.rig
			on.t = t
			on.check("1", k)
		})
	}
	for _, k := range peers.peerKeys() {
		rows[strings.TrimPrefix(k.key, "listener.name.peers.")] = true
		t.Run(k.key, func(t *testing.T) {
			on := *peers.rig
			on.t = t
			on.check("1", k)
		})
	}
	for _, k := range configs.BrokerKeys() {
		if k.Update != configs.ReadOnly && !k.NoEffect && !rows[k.Name] {
			t.Errorf("%s is dynamic and has no row", k.Name)
		}
	}
}

// secureRig is a broker with a listener SECURE that speaks TLS and PLAIN.
type secureRig struct {
	*rig
	old, other, third *identity // servers' certificates, each trusted by itself
}

func newSecureRig(t *testing.T) *secureRig {
	s := &secureRig{old: newIdentity(t, "old", oldSerial), other: newIdentity(t, "other", otherSerial), third: newIdentity(t, "third", thirdSerial)}
	const jaas = `org.apache.kafka.common.security.plain.PlainLoginModule required user_a="1";`
	s.rig = newRig(t, map[string]string{
		"listeners": "PLAINTEXT://127.0.0.1:0,SECURE://127.0.0.1:0,CERTS://127.0.0.1:0", "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL,CERTS:SSL",
		"ssl.keystore.type": "PEM", "ssl.truststore.type": "PEM", "ssl.keystore.location": s.old.file, "ssl.truststore.location": s.old.file,
		"sasl.enabled.mechanisms": "PLAIN", "listener.name.secure.plain.sasl.jaas.config": jaas, "listener.name.certs.ssl.client.auth": "required",
	})
	return s
}

// identity is a self-signed certificate with its key.
type identity struct {
	file string
	pair tls.Certificate
}

// Certificates differ by their serial number: their names must be the same, or a store could not
// take another's place.
const (
	oldSerial   = 1
	otherSerial = 2
	thirdSerial = 3
)

func newIdentity(t *testing.T, name string, serial int64) *identity {
	t.Helper()
	return newIdentityOf(t, name, serial, "localhost", net.IPv4(127, 0, 0, 1))
}

// newIdentityOf makes the identity of a host.
func newIdentityOf(t *testing.T, name string, serial int64, host string, addresses ...net.IP) *identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: host}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, DNSNames: []string{host}, IPAddresses: addresses}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	for _, b := range []*pem.Block{{Type: "PRIVATE KEY", Bytes: private}, {Type: "CERTIFICATE", Bytes: cert}} {
		if err := pem.Encode(&text, b); err != nil {
			t.Fatal(err)
		}
	}
	id := &identity{file: filepath.Join(t.TempDir(), name+".pem"), pair: tls.Certificate{Certificate: [][]byte{cert}, PrivateKey: key}}
	if err := os.WriteFile(id.file, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return id
}

// connect makes a TLS connection to a listener; nil when the listener refuses it, which with TLS
// 1.3 shows at the first read.
func (s *secureRig) connect(listener string, with ...tls.Certificate) *tls.Conn {
	const patience = 30 * time.Second // a refusal comes by itself
	c, err := net.DialTimeout("tcp", s.b.Addr(listener).String(), patience)
	if err != nil {
		return nil
	}
	client := tls.Client(c, &tls.Config{InsecureSkipVerify: true, Certificates: with}) // the test looks at the certificate itself
	_ = c.SetDeadline(time.Now().Add(patience))
	if client.Handshake() != nil || !asked(client, patience) {
		c.Close()
		return nil
	}
	return client
}

// handshake is what a TLS client sees of a listener.
func (s *secureRig) handshake(listener string, show func(tls.ConnectionState) string, with ...tls.Certificate) func(r *rig) string {
	return func(*rig) string {
		c := s.connect(listener, with...)
		if c == nil {
			return "refused"
		}
		defer c.Close()
		return show(c.ConnectionState())
	}
}

// ask sends a request of SASL over TLS and reads its answer.
func ask(c net.Conn, req kmsg.Request) kmsg.Response {
	f := kmsg.NewRequestFormatter()
	raw := f.AppendRequest(nil, req, 1)
	_, _ = c.Write(raw)
	body, err := testbase.ReadFrame(c)
	resp := req.ResponseKind()
	if err != nil || len(body) < 4 || resp.ReadFrom(body[4:]) != nil {
		return nil
	}
	return resp
}

// mechanisms are what the listener says it has.
func (s *secureRig) mechanisms(*rig) string {
	c := s.connect("SECURE")
	if c == nil {
		return "refused"
	}
	defer c.Close()
	resp, _ := ask(c, &kmsg.SASLHandshakeRequest{Version: 1, Mechanism: "NONE"}).(*kmsg.SASLHandshakeResponse)
	if resp == nil {
		return "no answer"
	}
	return strings.Join(resp.SupportedMechanisms, ",")
}

// login is the outcome of a login of user a with a password.
func (s *secureRig) login(password string) func(r *rig) string {
	return func(*rig) string {
		c := s.connect("SECURE")
		if c == nil {
			return "refused"
		}
		defer c.Close()
		ask(c, &kmsg.SASLHandshakeRequest{Version: 1, Mechanism: "PLAIN"})
		resp, _ := ask(c, &kmsg.SASLAuthenticateRequest{Version: 1, SASLAuthBytes: []byte("\x00a\x00" + password)}).(*kmsg.SASLAuthenticateResponse)
		if resp == nil {
			return "no answer"
		}
		return fmt.Sprint("error ", resp.ErrorCode)
	}
}

func name(c tls.ConnectionState) string {
	switch leaf := c.PeerCertificates[0]; leaf.SerialNumber.Int64() {
	case oldSerial:
		return "old"
	case otherSerial:
		return "other"
	case thirdSerial:
		return "third"
	default:
		return leaf.Subject.CommonName
	}
}
func version(c tls.ConnectionState) string { return tls.VersionName(c.Version) }
func suite(c tls.ConnectionState) string   { return tls.CipherSuiteName(c.CipherSuite) }

// secureKeys are the keys of a listener's security, with its prefix.
func (s *secureRig) secureKeys() []dynamicKey {
	const on, certs = "listener.name.secure.", "listener.name.certs."
	store := func(file, kind string, but string) map[string]string {
		all := map[string]string{on + "ssl.keystore.location": filepath.Join("testdata", "stores", file), on + "ssl.keystore.type": kind,
			on + "ssl.keystore.password": "secret1", on + "ssl.key.password": "secret2"}
		delete(all, on+but)
		return all
	}
	jks, theirs := s.handshake("SECURE", name), "localhost"
	// back returns to the PEM store that is there at the start.
	back := map[string]string{on + "ssl.keystore.location": s.old.file, on + "ssl.keystore.type": "PEM"}
	trusting := func(but string) map[string]string {
		all := map[string]string{certs + "ssl.truststore.location": "testdata/stores/trust.jks", certs + "ssl.truststore.password": "secret1", certs + "ssl.truststore.type": "JKS"}
		delete(all, certs+but)
		return all
	}
	pem := map[string]string{certs + "ssl.truststore.location": s.old.file, certs + "ssl.truststore.type": "PEM"}
	const scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
	scrams := map[string]string{on + "scram-sha-256.sasl.jaas.config": scram, on + "scram-sha-512.sasl.jaas.config": scram}
	user := func(password string) string {
		return fmt.Sprintf(`org.apache.kafka.common.security.plain.PlainLoginModule required user_a=%q;`, password)
	}
	return []dynamicKey{
		{on + "ssl.keystore.location", s.handshake("SECURE", name), []step{{s.other.file, "other", nil}, {s.third.file, "third", nil}}},
		{on + "ssl.keystore.type", jks, []step{{"JKS", theirs, store("key.jks", "", "ssl.keystore.type")}, {"PEM", "old", back}}},
		{on + "ssl.keystore.password", jks, []step{{"secret1", theirs, store("key.jks", "JKS", "ssl.keystore.password")}, {"other", "old", back}}},
		{on + "ssl.key.password", jks, []step{{"secret2", theirs, store("key.jks", "JKS", "ssl.key.password")}, {"other", "old", back}}},
		{on + "ssl.enabled.protocols", s.handshake("SECURE", version), []step{{"TLSv1.3", "TLS 1.3", nil}, {"TLSv1.2", "TLS 1.2", nil}, {"TLSv1.2,TLSv1.3", "TLS 1.3", nil}}},
		{on + "ssl.cipher.suites", s.handshake("SECURE", suite), []step{
			{"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", nil},
			{"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", nil}}},
		{certs + "ssl.client.auth", s.handshake("CERTS", name), []step{{"none", "old", nil}, {"required", "refused", nil}, {"requested", "old", nil}}},
		{certs + "ssl.truststore.location", s.handshake("CERTS", name, s.other.pair), []step{{s.other.file, "old", nil}, {s.third.file, "refused", nil}, {s.other.file, "old", nil}}},
		{certs + "ssl.truststore.type", s.handshake("CERTS", name, s.old.pair), []step{{"JKS", "refused", trusting("ssl.truststore.type")}, {"PEM", "old", pem}}},
		{certs + "ssl.truststore.password", s.handshake("CERTS", name, s.old.pair), []step{{"secret1", "refused", trusting("ssl.truststore.password")}, {"other", "old", pem}}},
		{on + "sasl.enabled.mechanisms", s.mechanisms, []step{
			{"PLAIN,SCRAM-SHA-256", "PLAIN,SCRAM-SHA-256", scrams}, {"SCRAM-SHA-512", "SCRAM-SHA-512", nil}, {"SCRAM-SHA-512,PLAIN", "SCRAM-SHA-512,PLAIN", nil}}},
		{on + "plain.sasl.jaas.config", s.login("2"), []step{{user("2"), "error 0", nil}, {user("3"), "error 58", nil}, {user("2"), "error 0", nil}}},
	}
}
