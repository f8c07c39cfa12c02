package handler

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"momus/broker/metadata"
	"momus/broker/network"
	"momus/broker/protocol"
	"momus/broker/security/kerberos"
	"momus/broker/security/principal"
	"momus/broker/security/sasl"
	"momus/configs"
	"momus/internal/model"
	"momus/internal/testbase"
)

// dialogue is a connection to Kafka 2.5.0 as it was recorded.
type dialogue struct {
	Name, Listener string
	Keys           struct {
		Time    time.Time `json:"authenticator_ctime"`
		Cusec   int       `json:"authenticator_cusec"`
		Service string    `json:"service_keytab_base64"`
		Session string    `json:"session_key"`
		Etype   int32
	}
	Steps []dialogueStep
}

type dialogueStep struct {
	Send, Recv, What, Token string
	Prefix                  string `json:"send_prefix"`
	Length                  int    `json:"send_length"`
	After                   int64  `json:"after_ms"`
	Wait                    int64  `json:"wait_ms"`
	Closed                  bool
	Open                    int64 `json:"open_after_ms"`
	Silent                  int64 `json:"silent_for_ms"`
	Principal               string
	Volatile                []struct{ From int }
	APRep                   *struct {
		Decrypted string
		Sequence  int64 `json:"sequence_number"`
	} `json:"ap_rep"`
}

// unlike are the dialogues that must go another way, each with its reason.
var unlike = map[string]string{
	"scram-final-other-nonce": "CVE-2024-56128: another nonce than the server's own is refused",
	"oauth-base64url":         "Base64 of URLs is what other issuers make of a token, and is accepted",
}

const atOnce = 24 // dialogues

// TestDialoguesAreThoseOfKafka sends what was sent to Kafka 2.5.0, over a socket, and compares
// every byte of what comes back; the server's nonces and salts are given. Held answers and closes
// must not come before the failure delay is over, others must.
func TestDialoguesAreThoseOfKafka(t *testing.T) {
	files, err := filepath.Glob("testdata/sasl/*.json")
	if err != nil || len(files) < 100 {
		t.Fatalf("%d dialogues, %v", len(files), err)
	}
	var wg sync.WaitGroup
	errs := make([]error, len(files))
	room := make(chan struct{}, atOnce)
	for i, file := range files {
		wg.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			var d dialogue
			if errs[i] = readDialogue(file, &d); errs[i] == nil {
				errs[i] = replay(t, &d)
			}
			if _, ok := unlike[d.Name]; ok {
				if errs[i] == nil {
					errs[i] = errors.New("goes as in Kafka, although it must not")
				} else {
					errs[i] = nil
				}
			}
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			t.Errorf("%s: %v", strings.TrimSuffix(filepath.Base(files[i]), ".json"), err)
		}
	}
}

func readDialogue(file string, d *dialogue) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, d)
}

// recordedCredentials are those of the recorded brokers.
type recordedCredentials map[string]sasl.Credential

func (c recordedCredentials) Credential(mechanism, user string) (sasl.Credential, bool) {
	v, ok := c[mechanism+" "+user]
	return v, ok
}

func (c recordedCredentials) Token(id string) (sasl.Token, bool) {
	hmac, _ := base64.StdEncoding.DecodeString("Sd89eoyX0Osb5XPNC7pdYOGUMaVZPv0kZy6igc+FXs6gibaHEvqHmvYWGRWqgAThtAgt8gyrRlXs3U3My1CKMQ==")
	return sasl.Token{HMAC: hmac, Owner: model.User("alice"), Expires: time.UnixMilli(0x1a223c23bec)}, id == "A9In2N5kQyWn2rmoqdSVrw"
}

func credentialsOfTheRecording() (recordedCredentials, error) {
	c := recordedCredentials{}
	var errs []error
	for _, u := range []struct {
		mechanism, name, password string
		iterations                int
	}{
		{sasl.SCRAMSHA256, "sally", "sallypw", 4096}, {sasl.SCRAMSHA512, "sally", "sallypw", 8192}, {sasl.SCRAMSHA256, "only256", "x", 4096},
		{sasl.SCRAMSHA256, "a,b=c", "odd", 4096}, {sasl.SCRAMSHA256, "weak", "weakpw", 100},
	} {
		v, err := sasl.NewCredential(u.mechanism, u.password, []byte("fixed-salt-0123456789"), u.iterations)
		errs = append(errs, err)
		c[u.mechanism+" "+u.name] = v
	}
	return c, errors.Join(errs...)
}

var sharedCredentials = sync.OnceValues(credentialsOfTheRecording)

// recordedServer is a listener of the recording, for one dialogue.
func recordedServer(t testing.TB, d *dialogue) (*sasl.Server, error) {
	credentials, err := sharedCredentials()
	if err != nil {
		return nil, err
	}
	options := map[string]string{"unsecuredValidatorAllowableClockSkewMs": "3000"}
	enabled, reauth := []string{sasl.PLAIN, sasl.SCRAMSHA256, sasl.SCRAMSHA512, sasl.OAUTHBEARER, sasl.GSSAPI}, func(string) time.Duration { return 0 }
	switch d.Listener {
	case "NOGSS":
		enabled = []string{sasl.PLAIN, sasl.SCRAMSHA256, sasl.OAUTHBEARER}
		options = map[string]string{"unsecuredValidatorRequiredScope": "kafka write"}
	case "REAUTH":
		reauth = func(m string) time.Duration {
			if m == sasl.SCRAMSHA256 {
				return time.Minute
			}
			return 3 * time.Second
		}
	case "PLAINTEXT":
		return nil, nil
	}
	if d.Keys.Service != "" {
		enabled = []string{sasl.GSSAPI} // of another broker
	}
	s := sasl.NewServer(enabled...)
	s.MaxReauth = reauth
	nonces, salt := recordedNonces(d)
	tokens := sasl.NewTokenLogins(credentials).WithSalt(func(string, string) []byte { return salt })
	scram := sasl.ScramSettings{Users: credentials, Tokens: tokens, Nonce: func() string {
		if len(nonces) == 0 {
			return "none"
		}
		n := nonces[0]
		nonces = nonces[1:]
		return n
	}}
	users := sasl.PlainUsers{"admin": "adminpw", "alice": "alicepw", "bob": "bobpw", "Zoë": "pässword"}
	s.New = func(mechanism string) (sasl.Mechanism, error) {
		switch mechanism {
		case sasl.PLAIN:
			return sasl.NewPlain(users), nil
		case sasl.OAUTHBEARER:
			return sasl.NewOAuth(sasl.NewUnsecured(options)), nil
		case sasl.GSSAPI:
			return recordedAcceptor(t, d)
		}
		return sasl.NewScram(mechanism, scram)
	}
	return s, nil
}

var (
	sentNonce  = regexp.MustCompile(`,r=([^,]*)`)
	serverSent = regexp.MustCompile(`r=([^,]*),s=([^,]*),i=`)
)

// recordedNonces are the server's parts of the nonces, in order, and the last salt.
func recordedNonces(d *dialogue) (nonces []string, salt []byte) {
	client := ""
	for _, s := range d.Steps {
		sent, _ := hex.DecodeString(s.Send)
		if m := sentNonce.FindSubmatch(sent); m != nil {
			client = string(bytes.TrimRight(m[1], "\x00"))
		}
		got, _ := hex.DecodeString(s.Recv)
		if m := serverSent.FindSubmatch(got); m != nil {
			nonces = append(nonces, strings.TrimPrefix(string(m[1]), client))
			salt, _ = base64.StdEncoding.DecodeString(string(m[2]))
		}
	}
	return nonces, salt
}

// spyingHandler remembers the last session.
type spyingHandler struct {
	*Dispatcher
	last atomic.Pointer[model.Principal]
}

func (h *spyingHandler) Serve(ctx context.Context, c *network.Conn, frame []byte, received time.Time, out *network.Output) (network.Verdict, network.Pending) {
	v, p := h.Dispatcher.Serve(ctx, c, frame, received, out)
	if s, ok := c.User.(*session); ok {
		principal := s.principal
		h.last.Store(&principal)
	}
	return v, p
}

func replay(t *testing.T, d *dialogue) error {
	server, err := recordedServer(t, d)
	if err != nil {
		return err
	}
	// The recordings began at this time; only what a dialogue waits for passes.
	clock := time.UnixMilli(1795893195520)
	if !d.Keys.Time.IsZero() {
		clock = d.Keys.Time.Add(time.Duration(d.Keys.Cusec) * time.Microsecond).Add(skews[d.Name])
	}
	var passed atomic.Int64
	e := &Env{Now: func() time.Time { return clock.Add(time.Duration(passed.Load())) }, Logger: testbase.Quiet()}
	c, err := configs.New(map[string]string{"zookeeper.connect": "z:1"})
	if err != nil {
		return err
	}
	e.Settings, e.Metadata = func() Settings { return SettingsOf(c.Broker()) }, metadata.NewCache("c")
	e.Metadata.Apply(metadata.Update{ControllerID: 1, Brokers: []*model.Broker{{ID: 1, Endpoints: []model.Endpoint{{Listener: d.Listener, Host: "127.0.0.1", Port: 1}}}}})
	e.SASL = func(string) *sasl.Server { return server }
	h := &spyingHandler{Dispatcher: New(e)}
	protocols := map[bool]model.SecurityProtocol{true: model.SASLPlaintext}
	limits := &network.Limits{MaxRequestBytes: 100 << 20, MaxConnections: 100, MaxConnectionsPerIP: 100, FailedAuthenticationDelay: time.Hour}
	delays := make(chan chan time.Time, 10)
	after := func(time.Duration) <-chan time.Time {
		over := make(chan time.Time)
		delays <- over
		return over
	}
	n := network.New(network.Options{Handler: h, Logger: e.Logger, Limits: func() *network.Limits { return limits }, After: after,
		Listeners: []network.Listener{{Name: d.Listener, Protocol: protocols[server != nil], Addr: "127.0.0.1:0"}}})
	if err := n.Listen(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = n.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	conn, err := net.Dial("tcp", n.Addr(d.Listener).String())
	if err != nil {
		return err
	}
	defer conn.Close()
	p := &player{conn: conn, handler: h, passed: &passed, delays: delays, session: d}
	for i, s := range d.Steps {
		if err := p.step(s); err != nil {
			return fmt.Errorf("step %d, %s: %w", i, s.What, err)
		}
	}
	return nil
}

// player plays the client.
type player struct {
	conn    net.Conn
	handler *spyingHandler
	passed  *atomic.Int64
	delays  chan chan time.Time // that have begun
	session *dialogue
	key     protocol.Key // of the last request
	delayed bool         // what follows it
}

func (p *player) step(s dialogueStep) error {
	switch {
	case s.Send != "" || s.Prefix != "":
		return p.send(s)
	case s.Recv != "":
		return p.receive(s)
	case s.Closed:
		return p.closed(s)
	case s.Wait > 0:
		p.passed.Add(s.Wait * int64(time.Millisecond))
	case s.Open > 0 || s.Silent > 0:
		return p.open()
	}
	return nil
}

func (p *player) send(s dialogueStep) error {
	b, err := hex.DecodeString(s.Send + s.Prefix)
	if err != nil {
		return err
	}
	if s.Length > len(b) {
		b = append(b, bytes.Repeat(b[len(b)-1:], s.Length-len(b))...)
	}
	if len(b) >= 6 {
		p.key = int16(binary.BigEndian.Uint16(b[4:]))
	}
	p.delayed = false
	_, err = p.conn.Write(b)
	if errors.Is(err, net.ErrClosed) || err != nil && s.Length > 0 { // the server may close without reading all
		return nil
	}
	return err
}

func (p *player) receive(s dialogueStep) error {
	want, err := hex.DecodeString(s.Recv)
	if err != nil {
		return err
	}
	if err := p.timely(s); err != nil {
		return err
	}
	_ = p.conn.SetReadDeadline(time.Now().Add(time.Minute))
	got := make([]byte, 4)
	if _, err := io.ReadFull(p.conn, got); err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	got = append(got, make([]byte, binary.BigEndian.Uint32(got))...)
	if _, err := io.ReadFull(p.conn, got[4:]); err != nil {
		return err
	}
	if p.key == protocol.CreateDelegationToken {
		if last := p.handler.last.Load().String(); s.Principal != "" && s.Principal != last {
			return fmt.Errorf("the principal is %s instead of %s", last, s.Principal)
		}
		return nil // the tokens themselves are tested elsewhere
	}
	if len(s.Volatile) > 0 && s.Volatile[0].From > 0 { // a Metadata answer
		got, want = got[4:s.Volatile[0].From], want[4:s.Volatile[0].From]
	} else if (p.key == protocol.Metadata || strings.HasPrefix(s.What, "Metadata answer")) && len(want) > 30 { // the same, with a broker in it
		got, want = got[4:8], want[4:8]
	}
	if s.APRep != nil { // its encryption begins with random bytes: what it says is compared
		return sameReply(p.session, got, want, s.APRep.Decrypted)
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("\n got %x %q\nwant %x %q", got, got, want, want)
	}
	return nil
}

// timely lets the failure delay pass before a step that was recorded behind it. The others must come
// while it has not.
func (p *player) timely(s dialogueStep) error {
	if s.After < 100 || p.delayed {
		return nil
	}
	select {
	case over := <-p.delays:
		if err := p.silent(time.Millisecond); err != nil {
			return fmt.Errorf("before the delay was over: %w", err)
		}
		p.delayed = true
		close(over)
		return nil
	case <-time.After(time.Minute):
		return fmt.Errorf("not delayed, %d ms were recorded", s.After)
	}
}

func (p *player) closed(s dialogueStep) error {
	if err := p.timely(s); err != nil {
		return err
	}
	_ = p.conn.SetReadDeadline(time.Now().Add(time.Minute))
	n, err := p.conn.Read(make([]byte, 1))
	if n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("not closed: %d bytes, %w", n, err)
	}
	return nil
}

func (p *player) open() error { return p.silent(100 * time.Millisecond) }

func (p *player) silent(d time.Duration) error {
	_ = p.conn.SetReadDeadline(time.Now().Add(d))
	if n, err := p.conn.Read(make([]byte, 1)); n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%d bytes came, %w", n, err)
	}
	return nil
}

// skews are how late dialogues were, whose clients' clocks went wrong.
var skews = map[string]time.Duration{"gssapi-skew-4min": 4 * time.Minute, "gssapi-skew-6min": 6 * time.Minute}

// recordedAcceptor is the service of a dialogue.
func recordedAcceptor(t testing.TB, d *dialogue) (sasl.Mechanism, error) {
	file := "testdata/kafka.keytab"
	if d.Keys.Service != "" {
		data, err := base64.StdEncoding.DecodeString(d.Keys.Service)
		if err != nil {
			return nil, err
		}
		file = filepath.Join(t.TempDir(), d.Name)
		if err := os.WriteFile(file, data, 0o600); err != nil {
			return nil, err
		}
	}
	rules, err := principal.ParseKerberosRules("EXAMPLE.COM", []string{"DEFAULT"})
	if err != nil {
		return nil, err
	}
	a, err := kerberos.NewAcceptor(kerberos.Settings{Principal: "kafka/localhost@EXAMPLE.COM", KeyTab: file, Rules: rules, Skew: 5 * time.Minute, Sequence: func() int64 {
		for _, s := range d.Steps {
			if s.APRep != nil {
				return s.APRep.Sequence
			}
		}
		return 0
	}})
	if err != nil {
		return nil, err
	}
	if d.Name == "gssapi-replay" { // another connection came first
		sent, err := hex.DecodeString(d.Steps[3].Send)
		if err != nil {
			return nil, err
		}
		at := d.Keys.Time.Add(time.Duration(d.Keys.Cusec) * time.Microsecond)
		if _, _, err := a.New().Step(at, sent[bytes.Index(sent, []byte{0x60, 0x82}):]); err != nil {
			return nil, err
		}
	}
	return a.New(), nil
}

// sameReply compares what two answers of mutual authentication say.
func sameReply(d *dialogue, got, want []byte, recorded string) error {
	key, err := hex.DecodeString(d.Keys.Session)
	if err != nil {
		return err
	}
	var plain [2][]byte
	for i, frame := range [][]byte{got, want} {
		from := bytes.Index(frame, []byte{0x02, 0x00, 0x6f})
		if from < 0 {
			return fmt.Errorf("no AP-REP in %x", frame)
		}
		var rep messages.APRep
		if err := rep.Unmarshal(frame[from+2:]); err != nil {
			return err
		}
		if plain[i], err = crypto.DecryptEncPart(rep.EncPart, types.EncryptionKey{KeyType: d.Keys.Etype, KeyValue: key}, keyusage.AP_REP_ENCPART); err != nil {
			return err
		}
	}
	if len(got) != len(want) || !bytes.Equal(plain[0], plain[1]) || hex.EncodeToString(plain[1]) != recorded {
		return fmt.Errorf("\n got %x\nwant %x", plain[0], plain[1])
	}
	return nil
}
