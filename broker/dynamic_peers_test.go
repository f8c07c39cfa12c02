package broker

import (
	"crypto/tls"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/iana/msgtype"
	"github.com/jcmturner/gokrb5/v8/iana/patype"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/coordinator/zk"
	"momus/internal/krb5"
	"momus/internal/model"
	"momus/internal/testbase"
)

// peerRig is a broker that speaks to others over PEERS, a listener with TLS and SASL, and another
// broker, which notes how it is spoken to.
type peerRig struct {
	*rig
	kdc   *kdc
	login krb5.Login // of a client

	mu    sync.Mutex
	heard string // by the other broker, last
}

// The principals of realm TEST. Names of the client have two parts, which rules can tell apart.
const (
	brokers = "kafka/127.0.0.1"
	alice   = "alice/admin"
)

func newPeerRig(t *testing.T) *peerRig {
	p := &peerRig{kdc: newKDC(t, brokers, alice, "broker/127.0.0.1", "other/127.0.0.1")}
	own, theirs := newIdentity(t, "own", oldSerial), newIdentityOf(t, "theirs", otherSerial, "elsewhere")
	trusted := filepath.Join(t.TempDir(), "trusted.pem")
	var certificates []byte
	for _, id := range []*identity{own, theirs} {
		certificates = append(certificates, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: id.pair.Certificate[0]})...)
	}
	if err := os.WriteFile(trusted, certificates, 0o600); err != nil {
		t.Fatal(err)
	}
	table := p.kdc.file(brokers, alice)
	p.login = krb5.Login{Principal: alice + "@TEST", KeyTab: table, ConfigFile: p.kdc.config}
	const jaas, peers = ".sasl.jaas.config", "listener.name.peers."
	p.rig = newRig(t, map[string]string{
		"listeners": "PLAINTEXT://127.0.0.1:0,PEERS://127.0.0.1:0", "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,PEERS:SASL_SSL", "inter.broker.listener.name": "PEERS",
		"ssl.keystore.type": "PEM", "ssl.truststore.type": "PEM", "ssl.keystore.location": own.file, "ssl.truststore.location": trusted,
		"ssl.endpoint.identification.algorithm": "", "sasl.enabled.mechanisms": "GSSAPI,PLAIN,SCRAM-SHA-256", "sasl.kerberos.service.name": "kafka",
		peers + "gssapi" + jaas:        fmt.Sprintf(`com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true storeKey=true keyTab=%q principal="%s@TEST";`, table, brokers),
		peers + "plain" + jaas:         `org.apache.kafka.common.security.plain.PlainLoginModule required username="b" password="1" user_b="1";`,
		peers + "scram-sha-256" + jaas: `org.apache.kafka.common.security.scram.ScramLoginModule required username="b" password="1";`,
		"delegation.token.master.key":  "secret",
	}, "KAFKA_OPTS=-Djava.security.krb5.conf="+p.kdc.config)
	p.another(theirs)
	return p
}

// another registers a broker with the certificate of a host that it is not on. The controller speaks
// to it, again and again, as it never answers more than a handshake.
func (p *peerRig) another(as *identity) {
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{as.pair}})
	if err != nil {
		p.t.Fatal(err)
	}
	testbase.Serve(p.t, ln, p.hear)
	address := ln.Addr().(*net.TCPAddr)
	r := &zk.Registration{Version: 4, JMXPort: -1, Endpoints: []model.Endpoint{{Listener: "PEERS", Protocol: model.SASLSSL, Host: "127.0.0.1", Port: int32(address.Port)}}}
	if _, err := p.zk.RegisterBroker(p.t.Context(), 2, r, 0, time.Minute); err != nil {
		p.t.Fatal(err)
	}
}

// hear notes the mechanism that a connection logs in with, or that there was no TLS with it.
func (p *peerRig) hear(c net.Conn) {
	note := func(what string) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.heard = what
	}
	for {
		req, err := testbase.ReadFrame(c)
		if err != nil {
			if c, ok := c.(*tls.Conn); ok && !c.ConnectionState().HandshakeComplete {
				note("refused")
			}
			return
		}
		header := kmsg.NewPtrSASLHandshakeResponse()
		switch key := binary.BigEndian.Uint16(req); key {
		case 18:
			versions := kmsg.NewPtrApiVersionsResponse()
			versions.ApiKeys = []kmsg.ApiVersionsResponseApiKey{{ApiKey: 17, MaxVersion: 1}, {ApiKey: 18}, {ApiKey: 36, MaxVersion: 1}}
			answer(c, req[4:8], versions.AppendTo(nil))
		case 17:
			body := req[10+max(0, int(int16(binary.BigEndian.Uint16(req[8:])))):]
			shake := kmsg.NewPtrSASLHandshakeRequest()
			shake.Version = 1
			if shake.ReadFrom(body) == nil {
				note(shake.Mechanism)
			}
			answer(c, req[4:8], header.AppendTo(nil))
		default:
			return
		}
	}
}

// answer writes a response with its header.
func answer(c net.Conn, correlation, body []byte) {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(correlation)+len(body)))
	_, _ = c.Write(append(append(b, correlation...), body...))
}

// spokenTo is how the other broker is spoken to.
func (p *peerRig) spokenTo(*rig) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.heard
}

// owner is who a client is that logs in with a ticket: whose a token is that it asks for.
func (p *peerRig) owner(r *rig) string {
	c, err := tls.Dial("tcp", p.b.Addr("PEERS").String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	i, err := p.login.Initiate(brokers)
	if err != nil {
		r.t.Fatal(err)
	}
	ask(c, &kmsg.SASLHandshakeRequest{Version: 1, Mechanism: "GSSAPI"})
	token := i.First()
	for step := 0; ; step++ {
		resp, _ := ask(c, &kmsg.SASLAuthenticateRequest{Version: 1, SASLAuthBytes: token}).(*kmsg.SASLAuthenticateResponse)
		if resp == nil || resp.ErrorCode != 0 {
			r.t.Fatalf("login with a ticket: %+v", resp)
		}
		if step > 0 {
			break
		}
		if token, err = i.Next(resp.SASLAuthBytes); err != nil {
			r.t.Fatal(err)
		}
	}
	created, _ := ask(c, &kmsg.CreateDelegationTokenRequest{Version: 1, MaxLifetimeMillis: 60000}).(*kmsg.CreateDelegationTokenResponse)
	if created == nil || created.ErrorCode != 0 {
		r.t.Fatalf("a token: %+v", created)
	}
	return created.PrincipalName
}

// peerKeys are the keys of connections between brokers, and of Kerberos.
func (p *peerRig) peerKeys() []dynamicKey {
	const on = "listener.name.peers."
	return []dynamicKey{
		{"sasl.mechanism.inter.broker.protocol", p.spokenTo, []step{{"PLAIN", "PLAIN", nil}, {"SCRAM-SHA-256", "SCRAM-SHA-256", nil}, {"PLAIN", "PLAIN", nil}}},
		{on + "ssl.endpoint.identification.algorithm", p.spokenTo, toggle("https", "refused", "", "GSSAPI")},
		{on + "sasl.kerberos.service.name", p.kdc.lastService, []step{{"broker", "broker/127.0.0.1", nil}, {"other", "other/127.0.0.1", nil}, {"broker", "broker/127.0.0.1", nil}}},
		{on + "sasl.kerberos.principal.to.local.rules", p.owner, []step{
			{"RULE:[2:$1-$2]", "alice-admin", nil}, {"RULE:[2:$2]", "admin", nil}, {"RULE:[2:$1-$2]", "alice-admin", nil}}},
	}
}

// kdc is a key distribution center that gives whoever asks a ticket for whatever it knows.
type kdc struct {
	t      *testing.T
	keys   *keytab.Keytab
	config string // krb5.conf, a file

	mu      sync.Mutex
	service string // that a ticket was asked for, last
}

// ticketService is who gives tickets for services.
const ticketService = "krbtgt/TEST"

func newKDC(t *testing.T, principals ...string) *kdc {
	t.Helper()
	k := &kdc{t: t, config: filepath.Join(t.TempDir(), "krb5.conf")}
	k.keys = k.table(append(principals, ticketService)...)
	address := testbase.Listen(t, k.serve)
	conf := fmt.Sprintf("[libdefaults]\n default_realm = TEST\n udp_preference_limit = 1\n dns_lookup_kdc = false\n dns_lookup_realm = false\n[realms]\n TEST = {\n  kdc = %s\n }\n", address)
	if err := os.WriteFile(k.config, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	return k
}

// table has the keys of some principals; a key is made of the name, so that it is always the same.
func (k *kdc) table(principals ...string) *keytab.Keytab {
	all := keytab.New()
	for _, name := range principals {
		if err := all.AddEntry(name, "TEST", "secret", time.Now(), 1, etypeID.AES256_CTS_HMAC_SHA1_96); err != nil {
			k.t.Fatal(err)
		}
	}
	return all
}

// file writes a key table.
func (k *kdc) file(principals ...string) string {
	path := filepath.Join(k.t.TempDir(), "keytab")
	f, err := os.Create(path)
	if err != nil {
		k.t.Fatal(err)
	}
	defer f.Close()
	if _, err := k.table(principals...).Write(f); err != nil {
		k.t.Fatal(err)
	}
	return path
}

// lastService is the service that a ticket was asked for last.
func (k *kdc) lastService(*rig) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.service
}

// serve answers one request.
func (k *kdc) serve(c net.Conn) {
	req, err := testbase.ReadFrame(c)
	if err != nil {
		return
	}
	reply, err := k.reply(req)
	if err != nil {
		k.t.Errorf("key distribution center: %v", err)
		return
	}
	answer(c, nil, reply)
}

// reply gives a ticket: for the service that gives tickets, or with that one's for another.
func (k *kdc) reply(req []byte) ([]byte, error) {
	var first messages.ASReq
	if first.Unmarshal(req) == nil {
		key, _, err := k.keys.GetEncryptionKey(first.ReqBody.CName, "TEST", 0, etypeID.AES256_CTS_HMAC_SHA1_96)
		if err != nil {
			return nil, err
		}
		fields, err := k.ticket(first.ReqBody, key, keyusage.AS_REP_ENCPART, msgtype.KRB_AS_REP)
		if err != nil {
			return nil, err
		}
		return (&messages.ASRep{KDCRepFields: fields}).Marshal()
	}
	var next messages.TGSReq
	if err := next.Unmarshal(req); err != nil {
		return nil, err
	}
	k.mu.Lock()
	k.service = next.ReqBody.SName.PrincipalNameString()
	k.mu.Unlock()
	for _, pa := range next.PAData {
		var shown messages.APReq
		if pa.PADataType != patype.PA_TGS_REQ {
			continue
		}
		if err := shown.Unmarshal(pa.PADataValue); err != nil {
			return nil, err
		}
		if err := shown.Ticket.DecryptEncPart(k.keys, nil); err != nil {
			return nil, err
		}
		fields, err := k.ticket(next.ReqBody, shown.Ticket.DecryptedEncPart.Key, keyusage.TGS_REP_ENCPART_SESSION_KEY, msgtype.KRB_TGS_REP)
		if err != nil {
			return nil, err
		}
		return (&messages.TGSRep{KDCRepFields: fields}).Marshal()
	}
	return nil, io.ErrUnexpectedEOF
}

// ticket is one for the service that is asked for, with what the client may read encrypted by key.
func (k *kdc) ticket(asked messages.KDCReqBody, key types.EncryptionKey, usage uint32, kind int) (f messages.KDCRepFields, err error) {
	now := time.Now().UTC().Truncate(time.Second)
	end := now.Add(time.Hour)
	ticket, session, err := messages.NewTicket(asked.CName, "TEST", asked.SName, "TEST", types.NewKrbFlags(), k.keys, etypeID.AES256_CTS_HMAC_SHA1_96, 1, now, now, end, end)
	if err != nil {
		return f, err
	}
	part := messages.EncKDCRepPart{Key: session, LastReqs: []messages.LastReq{{LRValue: now}}, Nonce: asked.Nonce, Flags: types.NewKrbFlags(),
		AuthTime: now, StartTime: now, EndTime: end, RenewTill: end, SRealm: "TEST", SName: asked.SName}
	b, err := part.Marshal()
	if err != nil {
		return f, err
	}
	sealed, err := crypto.GetEncryptedData(b, key, usage, 1)
	return messages.KDCRepFields{PVNO: 5, MsgType: kind, CRealm: "TEST", CName: asked.CName, Ticket: ticket, EncPart: sealed}, err
}
