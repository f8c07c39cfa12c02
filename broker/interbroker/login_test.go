package interbroker

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/protocol"
	"momus/broker/security/sasl"
	"momus/internal/kerr"
	"momus/internal/testbase"
)

type recordedStep struct{ Send, Recv, What string }

// recordedPeer answers with what a broker of Kafka 2.5.0 answered, and compares what it is sent
// with what a broker sent.
func recordedPeer(conn net.Conn, steps []recordedStep) error {
	for _, s := range steps {
		want, _ := hex.DecodeString(s.Send)
		if len(want) > 0 {
			got := make([]byte, len(want))
			if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, want) {
				return fmt.Errorf("%s: %v\n got %x\nwant %x", s.What, err, got, want)
			}
		}
		answer, _ := hex.DecodeString(s.Recv)
		if _, err := conn.Write(answer); err != nil {
			return err
		}
	}
	return nil
}

// TestLoginsAreThoseOfBrokers compares every byte that a broker sends to log in with what one of
// 2.5.0 sent.
func TestLoginsAreThoseOfBrokers(t *testing.T) {
	for _, name := range []string{"plain", "scram-sha-512"} {
		data, err := os.ReadFile("testdata/interbroker-" + name + ".json")
		var recorded struct{ Steps []recordedStep }
		if err == nil {
			err = json.Unmarshal(data, &recorded)
		}
		if err != nil {
			t.Fatal(err)
		}
		steps := recorded.Steps[:len(recorded.Steps)-1] // the last is the first ordinary request
		if len(steps) < 6 {
			t.Fatalf("%s: %d steps", name, len(steps))
		}
		nonce := ""
		for _, s := range steps {
			sent, _ := hex.DecodeString(s.Send)
			if m := regexp.MustCompile(`n,,n=admin,r=([0-9a-z]+)`).FindSubmatch(sent); m != nil {
				nonce = string(m[1])
			}
		}
		near, far := net.Pipe()
		played := make(chan error, 1)
		go func() { played <- recordedPeer(far, steps) }()
		l := &Login{Mechanism: strings.ToUpper(name), Begin: func() (sasl.Client, error) {
			if name == "plain" {
				return sasl.NewPlainClient("admin", "adminpw"), nil
			}
			return sasl.NewScramClient(sasl.SCRAMSHA512, "admin", "adminpw", false, nonce)
		}}
		err = l.Authenticate(&Connection{Conn: near})
		near.Close()
		if err := errors.Join(err, <-played); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// loginPeer is a broker that authenticates: newest says how new it is.
type loginPeer struct {
	newest   int16 // of SaslAuthenticate, -1 for none
	lifetime time.Duration
	logins   int
	keys     []int16
}

func (p *loginPeer) serve(conn net.Conn) {
	users := sasl.PlainUsers{"admin": "adminpw"}
	server := sasl.NewServer(sasl.PLAIN)
	server.New = func(string) (sasl.Mechanism, error) { return sasl.NewPlain(users), nil }
	server.MaxReauth = func(string) time.Duration { return p.lifetime }
	versions := func(protocol.Header, []byte) (kmsg.Response, bool) {
		resp := kmsg.NewPtrApiVersionsResponse()
		resp.ApiKeys = []kmsg.ApiVersionsResponseApiKey{{ApiKey: protocol.SaslHandshake, MaxVersion: 1}}
		if p.newest >= 0 {
			resp.ApiKeys = append(resp.ApiKeys, kmsg.ApiVersionsResponseApiKey{ApiKey: protocol.SaslAuthenticate, MaxVersion: p.newest})
		}
		return resp, true
	}
	x := sasl.NewExchange(server, versions, time.Now())
	var session *sasl.Session
	for {
		frame, err := testbase.ReadFrame(conn)
		if err != nil {
			return
		}
		p.keys = append(p.keys, int16(binary.BigEndian.Uint16(frame)))
		var answer []byte
		if x == nil && p.keys[len(p.keys)-1] == protocol.SaslHandshake {
			x = sasl.NewReauthentication(server, versions, session, time.Now())
		}
		if x == nil {
			h, _, _ := protocol.ParseHeader(frame)
			resp := kmsg.NewPtrHeartbeatResponse()
			answer = protocol.AppendResponse(nil, resp, h.CorrelationID)[4:]
		} else {
			o := x.Step(time.Now(), frame)
			if answer = o.Answer; o.Action == sasl.Done {
				x, session = nil, o.Session
				p.logins++
			}
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(answer))), answer...)); err != nil {
			return
		}
	}
}

func plainLogin(password string) *Login {
	return &Login{Mechanism: sasl.PLAIN, Begin: func() (sasl.Client, error) { return sasl.NewPlainClient("admin", password), nil }}
}

func TestSessionsAreRenewedBeforeTheyEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, newest := range []int16{2, 0, -1} {
			peer := &loginPeer{newest: newest, lifetime: time.Minute}
			near, far := net.Pipe()
			done := make(chan struct{})
			go func() { defer close(done); peer.serve(far) }()
			conn := &Connection{Conn: near}
			if err := plainLogin("adminpw").Authenticate(conn); err != nil {
				t.Fatal(err)
			}
			if sessions := newest > 0; sessions == conn.renew.IsZero() {
				t.Errorf("v%d: to be renewed at %v", newest, conn.renew)
			}
			c := NewClient(ClientOptions{})
			c.conn = conn
			ask := func() {
				t.Helper()
				if _, err := c.Do(t.Context(), kmsg.NewPtrHeartbeatRequest()); err != nil {
					t.Fatal(err)
				}
			}
			ask()
			time.Sleep(45 * time.Second)
			ask()
			if peer.logins != 1 {
				t.Errorf("v%d: renewed too early", newest)
			}
			time.Sleep(13 * time.Second) // 58 of 60 s
			ask()
			if want := map[bool]int{true: 2, false: 1}[newest > 0]; peer.logins != want {
				t.Errorf("v%d: %d logins instead of %d", newest, peer.logins, want)
			}
			near.Close()
			<-done
		}
	})
}

func TestRefusedLoginsSayWhy(t *testing.T) {
	for _, c := range []struct{ mechanism, password, want string }{
		{sasl.PLAIN, "wrong", "failed authentication due to: Authentication failed: Invalid username or password"},
		{sasl.SCRAMSHA256, "", "failed authentication due to: " + kerr.UnsupportedSASLMechanism.Error() + "; the broker has PLAIN for this listener"},
	} {
		near, far := net.Pipe()
		done := make(chan struct{})
		go func() { defer close(done); (&loginPeer{newest: 2}).serve(far) }()
		l := plainLogin(c.password)
		l.Mechanism = c.mechanism
		err := l.Authenticate(&Connection{Conn: near})
		var refused *AuthenticationError
		if !errors.As(err, &refused) || err.Error() != c.want {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
		near.Close()
		<-done
	}
}

// FuzzLogin lets a peer answer anything.
func FuzzLogin(f *testing.F) {
	f.Add([]byte{0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(_ *testing.T, answers []byte) {
		near, far := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, far) }()
		go func() { _, _ = far.Write(answers); far.Close() }()
		_ = plainLogin("x").Authenticate(&Connection{Conn: near})
		near.Close()
	})
}
