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
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
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
}

// newRig starts a broker with the given settings besides its own.
func newRig(t *testing.T, settings map[string]string) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir()}
	server, err := zkserver.New(zkserver.Options{Dir: t.TempDir(), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	all := map[string]string{
		"broker.id": "1", "listeners": "PLAINTEXT://127.0.0.1:0", "zookeeper.connect": server.Addr().String(), "log.dirs": t.TempDir(),
		"offsets.topic.num.partitions": "1", "offsets.topic.replication.factor": "1", "password.encoder.secret": "secret",
		"log.cleaner.dedupe.buffer.size": "8388608", "log.cleaner.backoff.ms": "20", "controlled.shutdown.enable": "false",
	}
	for k, v := range settings {
		all[k] = v
	}
	c, err := configs.New(all)
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
	if r.zk, err = zk.Dial(ctx, zk.Options{Connect: server.Addr().String(), SessionTimeout: 10 * time.Second, ConnectTimeout: 5 * time.Second}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.zk.Close() })
	if r.client, err = kgo.NewClient(kgo.SeedBrokers(r.b.Addr("PLAINTEXT").String()), kgo.MaxVersions(nil)); err != nil {
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

func (r *rig) eventually(what string, ok func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
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
	resp, err := req.RequestWith(r.t.Context(), r.client)
	if err != nil {
		r.t.Fatal(err)
	}
	if a := resp.Resources[0]; a.ErrorCode != 0 {
		r.t.Fatalf("%v of %q: error %d %v", settings, resource, a.ErrorCode, *a.ErrorMessage)
	}
}

// dynamicKey is what is to be seen of one dynamic key, alone or together with others that it needs.
type dynamicKey struct {
	key, value string
	probe      func() string // what the part of the broker that uses the key does
	want       string        // of probe while the value holds
	with       map[string]string
}

// check changes a key on a level, waits for the effect, deletes it and waits for the old effect.
func (r *rig) check(resource string, k dynamicKey) {
	// A probe that nobody answers in time may show that for once.
	var before string
	r.eventually(fmt.Sprintf("%s shows something else than %s before the change", k.key, k.want), func() bool { before = k.probe(); return before != k.want })
	set, unset := map[string]*string{k.key: &k.value}, map[string]*string{k.key: nil}
	for name, value := range k.with {
		set[name], unset[name] = &value, nil
	}
	r.alter(resource, set)
	r.eventually(fmt.Sprintf("%s=%s shows %s", k.key, k.value, k.want), func() bool { return k.probe() == k.want })
	r.alter(resource, unset)
	r.eventually(fmt.Sprintf("%s deleted shows %s", k.key, before), func() bool { return k.probe() == before })
}

// topic probes the configuration that the log of t-0 uses.
func (r *rig) topic(f func(c *configs.Topic) any) func() string {
	return func() string { return fmt.Sprint(f(r.b.logs.Get(model.TopicPartition{Topic: "t"}).Config())) }
}

// used probes settings that parts ask for at each use.
func (r *rig) used(f func(c *configs.Broker) any) func() string {
	return func() string { return fmt.Sprint(f(r.b.config.Broker())) }
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
func (r *rig) replicates(f func(s replica.Settings) any) func() string {
	return func() string { return fmt.Sprint(f(r.b.replicaSettings())) }
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
	_, err := frame(c)
	return err == nil
}

// frame reads one answer.
func frame(c net.Conn) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(size[:]))
	_, err := io.ReadFull(c, body)
	return body, err
}

func (r *rig) serves(addr func() string) func() string {
	return func() string { return fmt.Sprint("served ", answered(addr())) }
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
	extra := fmt.Sprintf("127.0.0.1:%d", r.free)
	listeners := fmt.Sprintf("PLAINTEXT://%s,EXTRA://%s", r.b.Addr("PLAINTEXT"), extra)
	const protocols = "PLAINTEXT:PLAINTEXT,EXTRA:PLAINTEXT"
	own := r.serves(func() string { return r.b.Addr("PLAINTEXT").String() })
	second := r.serves(func() string { return extra })
	return []dynamicKey{
		{key: "listeners", value: listeners, probe: second, want: "served true", with: map[string]string{"listener.security.protocol.map": protocols}},
		{key: "listener.security.protocol.map", value: protocols, probe: r.registered, want: "PLAINTEXT at 127.0.0.1,EXTRA at other",
			with: map[string]string{"listeners": listeners, "advertised.listeners": "PLAINTEXT://127.0.0.1:9092,EXTRA://other:9094"}},
		{key: "advertised.listeners", value: "PLAINTEXT://127.0.0.2:9092", probe: r.registered, want: "PLAINTEXT at 127.0.0.2"},
		{key: "max.connections", value: "1", probe: own, want: "served false"},
		{key: "listener.name.plaintext.max.connections", value: "1", probe: own, want: "served false"},
		{key: "max.connections.per.ip", value: "1", probe: own, want: "served false"},
		{key: "max.connections.per.ip.overrides", value: "127.0.0.1:1", probe: own, want: "served false"},
		{key: "compression.type", value: "lz4", probe: r.topic(func(c *configs.Topic) any { return c.CompressionType }), want: "lz4"},
		{key: "log.cleanup.policy", value: "compact", probe: r.topic(func(c *configs.Topic) any { return c.Compact }), want: "true"},
		{key: "log.cleaner.delete.retention.ms", value: "7", probe: r.topic(func(c *configs.Topic) any { return c.DeleteRetentionMs }), want: "7"},
		{key: "log.cleaner.max.compaction.lag.ms", value: "7", probe: r.topic(func(c *configs.Topic) any { return c.MaxCompactionLagMs }), want: "7"},
		{key: "log.cleaner.min.compaction.lag.ms", value: "7", probe: r.topic(func(c *configs.Topic) any { return c.MinCompactionLagMs }), want: "7"},
		{key: "log.cleaner.min.cleanable.ratio", value: "0.7", probe: r.topic(func(c *configs.Topic) any { return c.MinCleanableDirtyRatio }), want: "0.7"},
		{key: "log.flush.interval.messages", value: "7", probe: r.topic(func(c *configs.Topic) any { return c.FlushMessages }), want: "7"},
		{key: "log.flush.interval.ms", value: "7", probe: r.topic(func(c *configs.Topic) any { return c.FlushMs }), want: "7"},
		{key: "log.index.interval.bytes", value: "7", probe: r.topic(func(c *configs.Topic) any { return c.IndexIntervalBytes }), want: "7"},
		{key: "log.index.size.max.bytes", value: "777", probe: r.topic(func(c *configs.Topic) any { return c.SegmentIndexBytes }), want: "777"},
		{key: "log.message.downconversion.enable", value: "false", probe: r.topic(func(c *configs.Topic) any { return c.MessageDownconversionEnable }), want: "false"},
		{key: "log.message.timestamp.difference.max.ms", value: "7", probe: r.topic(func(c *configs.Topic) any { return c.MessageTimestampDifferenceMaxMs }), want: "7"},
		{key: "log.message.timestamp.type", value: "LogAppendTime", probe: r.topic(func(c *configs.Topic) any { return c.LogAppendTime }), want: "true"},
		{key: "log.preallocate", value: "true", probe: r.topic(func(c *configs.Topic) any { return c.Preallocate }), want: "true"},
		{key: "log.retention.bytes", value: "7", probe: r.topic(func(c *configs.Topic) any { return c.RetentionBytes }), want: "7"},
		{key: "log.retention.ms", value: "7777777", probe: r.topic(func(c *configs.Topic) any { return c.RetentionMs }), want: "7777777"},
		{key: "log.roll.jitter.ms", value: "7", probe: r.topic(func(c *configs.Topic) any { return c.SegmentJitterMs }), want: "7"},
		{key: "log.roll.ms", value: "7777777", probe: r.topic(func(c *configs.Topic) any { return c.SegmentMs }), want: "7777777"},
		{key: "log.segment.bytes", value: "777777", probe: r.topic(func(c *configs.Topic) any { return c.SegmentBytes }), want: "777777"},
		{key: "log.segment.delete.delay.ms", value: "7", probe: r.topic(func(c *configs.Topic) any { return c.FileDeleteDelayMs }), want: "7"},
		{key: "message.max.bytes", value: "777", probe: r.topic(func(c *configs.Topic) any { return c.MaxMessageBytes }), want: "777"},
		{key: "min.insync.replicas", value: "2", probe: r.topic(func(c *configs.Topic) any { return c.MinInsyncReplicas }), want: "2"},
		{key: "unclean.leader.election.enable", value: "true", probe: r.topic(func(c *configs.Topic) any { return c.UncleanLeaderElectionEnable }), want: "true"},
		// The cleaner reads all of its settings in one place.
		{key: "log.cleaner.backoff.ms", value: "700", probe: r.cleanerLooks, want: "seldom"},
		// The parts that use these ask for them each time; storage/cleaner and broker/replica have
		// tests of what they then do.
		{key: "log.cleaner.dedupe.buffer.size", value: "4194304", probe: r.used(func(c *configs.Broker) any { return c.LogCleanerDedupeBufferSize }), want: "4194304"},
		{key: "log.cleaner.io.buffer.load.factor", value: "0.7", probe: r.used(func(c *configs.Broker) any { return c.LogCleanerIOBufferLoadFactor }), want: "0.7"},
		{key: "log.cleaner.io.buffer.size", value: "7777", probe: r.used(func(c *configs.Broker) any { return c.LogCleanerIOBufferSize }), want: "7777"},
		{key: "log.cleaner.io.max.bytes.per.second", value: "7777", probe: r.used(func(c *configs.Broker) any { return c.LogCleanerIOMaxBytesPerSecond }), want: "7777"},
		{key: "log.cleaner.threads", value: "2", probe: r.used(func(c *configs.Broker) any { return c.LogCleanerThreads }), want: "2"},
		{key: "num.recovery.threads.per.data.dir", value: "2", probe: r.used(func(c *configs.Broker) any { return c.NumRecoveryThreadsPerDataDir }), want: "2"},
		{key: "num.replica.fetchers", value: "2", probe: r.replicates(func(s replica.Settings) any { return s.Fetchers }), want: "2"},
		{key: "leader.replication.throttled.rate", value: "7", probe: r.replicates(func(s replica.Settings) any { return s.LeaderRate }), want: "7"},
		{key: "follower.replication.throttled.rate", value: "7", probe: r.replicates(func(s replica.Settings) any { return s.FollowerRate }), want: "7"},
		{key: "replica.alter.log.dirs.io.max.bytes.per.second", value: "7", probe: r.replicates(func(s replica.Settings) any { return s.MoveRate }), want: "7"},
	}
}

// TestDynamicKeysTakeEffectAndGoAgain goes through every key that can change while a broker runs:
// for this broker alone, for all brokers, for one listener. What shows the effect is the part that
// uses the key. A key that becomes dynamic fails the test until it has a row.
func TestDynamicKeysTakeEffectAndGoAgain(t *testing.T) {
	r := newRig(t, nil)
	secure := newSecureRig(t)
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
				k.probe = rebind(&on, k)
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
	for _, k := range configs.BrokerKeys() {
		if k.Update != configs.ReadOnly && !k.NoEffect && !rows[k.Name] && !ofGSSAPI[k.Name] {
			t.Errorf("%s is dynamic and has no row", k.Name)
		}
	}
}

// rebind finds the row of k made for another test, so that its probe fails that one.
func rebind(r *rig, k dynamicKey) func() string {
	for _, o := range r.keys() {
		if o.key == k.key {
			return o.probe
		}
	}
	return k.probe
}

// ofGSSAPI are keys of a mechanism, or of connections to other brokers, that a single broker does
// not show.
var ofGSSAPI = map[string]bool{
	"ssl.endpoint.identification.algorithm": true, "sasl.kerberos.service.name": true, "sasl.kerberos.principal.to.local.rules": true, "sasl.mechanism.inter.broker.protocol": true,
}

// secureRig is a broker with a listener SECURE that speaks TLS and PLAIN.
type secureRig struct {
	*rig
	old, other *identity // two servers' certificates, each trusted by itself
}

func newSecureRig(t *testing.T) *secureRig {
	s := &secureRig{old: newIdentity(t, "old", oldSerial), other: newIdentity(t, "other", otherSerial)}
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
)

func newIdentity(t *testing.T, name string, serial int64) *identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
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
func (s *secureRig) handshake(listener string, show func(tls.ConnectionState) string, with ...tls.Certificate) func() string {
	return func() string {
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
	body, err := frame(c)
	resp := req.ResponseKind()
	if err != nil || len(body) < 4 || resp.ReadFrom(body[4:]) != nil {
		return nil
	}
	return resp
}

// mechanisms are what the listener says it has.
func (s *secureRig) mechanisms() string {
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
func (s *secureRig) login(password string) func() string {
	return func() string {
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
	return []dynamicKey{
		{key: on + "ssl.keystore.location", value: s.other.file, probe: s.handshake("SECURE", name), want: "other"},
		{key: on + "ssl.keystore.type", value: "JKS", probe: jks, want: theirs, with: store("key.jks", "", "ssl.keystore.type")},
		{key: on + "ssl.keystore.password", value: "secret1", probe: jks, want: theirs, with: store("key.jks", "JKS", "ssl.keystore.password")},
		{key: on + "ssl.key.password", value: "secret2", probe: jks, want: theirs, with: store("key.jks", "JKS", "ssl.key.password")},
		{key: on + "ssl.enabled.protocols", value: "TLSv1.3", probe: s.handshake("SECURE", version), want: "TLS 1.3"},
		{key: on + "ssl.cipher.suites", value: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", probe: s.handshake("SECURE", suite), want: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"},
		{key: certs + "ssl.client.auth", value: "none", probe: s.handshake("CERTS", name), want: "old"},
		{key: certs + "ssl.truststore.location", value: s.other.file, probe: s.handshake("CERTS", name, s.other.pair), want: "old"},
		{key: certs + "ssl.truststore.type", value: "JKS", probe: s.handshake("CERTS", name, s.old.pair), want: "refused",
			with: map[string]string{certs + "ssl.truststore.location": "testdata/stores/trust.jks", certs + "ssl.truststore.password": "secret1"}},
		{key: certs + "ssl.truststore.password", value: "secret1", probe: s.handshake("CERTS", name, s.old.pair), want: "refused",
			with: map[string]string{certs + "ssl.truststore.location": "testdata/stores/trust.jks", certs + "ssl.truststore.type": "JKS"}},
		{key: on + "sasl.enabled.mechanisms", value: "PLAIN,SCRAM-SHA-256", probe: s.mechanisms, want: "PLAIN,SCRAM-SHA-256", with: map[string]string{
			on + "scram-sha-256.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required;"}},
		{key: on + "plain.sasl.jaas.config", value: `org.apache.kafka.common.security.plain.PlainLoginModule required user_a="2";`, probe: s.login("2"), want: "error 0"},
	}
}
