package zkserver_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"go.uber.org/goleak"

	"momus/coordinator/zk/zksasl"
	"momus/coordinator/zkserver"
	"momus/coordinator/zkserver/zkservertest"
	"momus/internal/testbase"
)

var users = map[string]string{"kafka": "kafkasecret", "admin": "hush"}

type saslStep struct {
	Send, Recv, What, Token string
	Closed                  bool
}

func saslRecording(t *testing.T, name string) []saslStep {
	r := testbase.JSON[struct{ Steps []saslStep }](t, "testdata/sasl/"+name+".json")
	if len(r.Steps) < 2 {
		t.Fatalf("%s has %d steps", name, len(r.Steps))
	}
	return r.Steps
}

// The dialogues recorded from ZooKeeper 3.4.14 come out the same, but for ids of sessions, zxids
// and times.
func TestSASLDialoguesReplay(t *testing.T) {
	for name, with := range map[string]map[string]string{
		"zk-digest-md5": users, "zk-digest-md5-wrong-password": users, "zk-digest-md5-unknown-user": users, "zk-digest-md5-other-uri": users,
		"zk-digest-md5-other-realm": users, "zk-sasl-late": users, "zk-unauthenticated": users, "zk-no-sasl-server": nil,
	} {
		t.Run(name, func(t *testing.T) {
			steps := saslRecording(t, name)
			addr, _ := startServer(t, zkserver.Options{Users: with, Nonce: func() string { return nonceOf(steps) }, NoSync: true})
			if name == "zk-unauthenticated" {
				prepareKafka(t, addr)
			}
			replay(t, addr, steps)
		})
	}
}

func nonceOf(steps []saslStep) string {
	for _, s := range steps {
		if _, after, found := strings.Cut(s.Token, `nonce="`); found {
			n, _, _ := strings.Cut(after, `"`)
			return n
		}
	}
	return "none"
}

func replay(t *testing.T, addr string, steps []saslStep) {
	conn := testbase.Dial(t, addr)
	conn.SetDeadline(time.Now().Add(time.Minute))
	for _, s := range steps {
		switch {
		case s.Send != "":
			if _, err := conn.Write(testbase.Unhex(t, s.Send)); err != nil {
				t.Logf("%s: %v", s.What, err) // closed by what came before
			}
		case s.Closed:
			if n, err := conn.Read(make([]byte, 1)); err == nil {
				t.Errorf("%d bytes where the connection ends", n)
			}
		default:
			want := testbase.Unhex(t, s.Recv)
			got := make([]byte, len(want))
			if _, err := io.ReadFull(conn, got); err != nil {
				t.Fatalf("%s: %v", s.What, err)
			}
			maskReply(s.What, got)
			maskReply(s.What, want)
			if string(got) != string(want) {
				t.Errorf("%s:\n got %x\nwant %x", s.What, got, want)
			}
		}
	}
}

// maskReply clears what differs from run to run: the id and password of a session, and zxids, times
// and counts of stats, which are the 68 bytes at the end.
func maskReply(what string, frame []byte) {
	switch {
	case what == "ConnectResponse":
		clear(frame[12:20])
		clear(frame[24:40])
	case what != "SetSASLResponse":
		clear(frame[8:16])
		if len(frame) >= 20+68 {
			clear(frame[len(frame)-68:])
		}
	}
}

// client opens a session with a login.
func client(t *testing.T, addr, user, password string) *zk.Conn {
	t.Helper()
	dial := zksasl.Dialer(net.DialTimeout, zksasl.Options{Mechanism: zksasl.Digest(user, password), Result: func(_ string, err error) {
		if err != nil {
			t.Error(err)
		}
	}})
	c, _ := zkservertest.Session(t, addr, 4*time.Second, dial)
	t.Cleanup(c.Close)
	return c
}

var secret = []zk.ACL{{Perms: zk.PermAll, Scheme: "auth"}}

// prepareKafka makes the nodes that a Kafka broker with zookeeper.set.acl has made.
func prepareKafka(t *testing.T, addr string) {
	c := client(t, addr, "kafka", "kafkasecret")
	readable := append(slices.Clone(secret), zk.ACL{Perms: zk.PermRead, Scheme: "world", ID: "anyone"})
	for _, n := range []struct {
		path string
		acl  []zk.ACL
	}{{"/config", readable}, {"/config/users", secret}, {"/brokers", readable}, {"/brokers/ids", readable}} {
		if _, err := c.Create(n.path, nil, 0, n.acl); err != nil {
			t.Fatal(n.path, err)
		}
	}
}

func TestNodesBelongToWhoLoggedIn(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	o := zkserver.Options{Dir: t.TempDir(), Users: users, SuperUser: "admin"}
	addr, stop := startServer(t, o)
	kafka := client(t, addr, "kafka", "kafkasecret")
	if _, err := kafka.Create("/a", []byte("x"), 0, secret); err != nil {
		t.Fatal(err)
	}
	check := func(addr string) {
		acl, _, err := client(t, addr, "kafka", "kafkasecret").GetACL("/a")
		if want := []zk.ACL{{Perms: zk.PermAll, Scheme: "sasl", ID: "kafka"}}; err != nil || !slices.Equal(acl, want) {
			t.Errorf("%v, %v; want %v", acl, err, want)
		}
		nobody, _ := connect(t, addr, 4*time.Second)
		t.Cleanup(nobody.Close)
		if _, _, err := nobody.Get("/a"); err != zk.ErrNoAuth {
			t.Errorf("nobody reads it: %v", err)
		}
		if _, _, err := client(t, addr, "admin", "hush").Get("/a"); err != nil {
			t.Errorf("the super user does not read it: %v", err)
		}
	}
	check(addr)
	kafka.Close()
	stop()
	addr, _ = startServer(t, o) // and they still do after a restart
	check(addr)
}

func TestNamesOfSchemeSASLAreValidatedAndNeedAServerThatHasIt(t *testing.T) {
	with, _ := startServer(t, zkserver.Options{Users: users, NoSync: true})
	without, _ := startServer(t, zkserver.Options{NoSync: true})
	for _, c := range []struct {
		addr, scheme, id string
		want             error
	}{
		{with, "sasl", "bob", nil}, {with, "sasl", "bob/host@REALM", nil}, {with, "sasl", "a@b@c", zk.ErrInvalidACL}, {with, "sasl", "a/b/c@d", zk.ErrInvalidACL},
		{with, "x509", "CN=a", zk.ErrInvalidACL}, {without, "sasl", "bob", zk.ErrInvalidACL}, {without, "super", "", zk.ErrInvalidACL},
	} {
		conn, _ := connect(t, c.addr, 4*time.Second)
		_, err := conn.Create("/n", nil, zk.FlagSequence, []zk.ACL{{Perms: zk.PermAll, Scheme: c.scheme, ID: c.id}})
		if err != c.want {
			t.Errorf("%s:%s: %v, want %v", c.scheme, c.id, err, c.want)
		}
		conn.Close()
	}
}

func TestATokenBeforeTheChallengeClosesTheConnection(t *testing.T) {
	addr, _ := startServer(t, zkserver.Options{Users: users, NoSync: true})
	conn := testbase.Dial(t, addr)
	conn.SetDeadline(time.Now().Add(time.Minute))
	steps := saslRecording(t, "zk-digest-md5")
	conn.Write(testbase.Unhex(t, steps[0].Send))
	io.ReadFull(conn, make([]byte, len(steps[1].Recv)/2))
	token := []byte{0, 0, 0, 1, 0, 0, 0, 102, 0, 0, 0, 1, 'x'}
	conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(token))), token...))
	if n, err := conn.Read(make([]byte, 1)); err == nil {
		t.Errorf("%d bytes", n)
	}
}

// A panic over what a client sends costs its connection; the others, and the server, go on.
func TestAPanicCostsOneConnection(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	addr, _ := startServer(t, zkserver.Options{Users: users, Nonce: func() string { panic("injected") }, NoSync: true})
	other, _ := connect(t, addr, 30*time.Second)
	defer other.Close()
	steps := saslRecording(t, "zk-digest-md5")
	conn := testbase.Dial(t, addr)
	conn.SetDeadline(time.Now().Add(time.Minute))
	for _, s := range steps {
		if s.Send == "" {
			continue
		}
		if _, err := conn.Write(testbase.Unhex(t, s.Send)); err != nil {
			break // closed by what came before
		}
	}
	// Closed with bytes that nobody read it is a reset; only the deadline says that it was left open.
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection was not closed: %v", err)
	}
	if _, _, err := other.Children("/"); err != nil {
		t.Errorf("another client: %v", err)
	}
}
