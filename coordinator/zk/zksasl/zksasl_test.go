package zksasl

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"momus/internal/digestmd5"
	"momus/internal/testbase"
)

type step struct {
	Send, Recv, What string
	Closed           bool
	Instead          string `json:"instead_of"`
}

func recording(t *testing.T, name string) []step {
	r := testbase.JSON[struct{ Steps []step }](t, "testdata/"+name+".json")
	if len(r.Steps) == 0 {
		t.Fatalf("%s has no steps", name)
	}
	return r.Steps
}

// server plays the recorded server on conn: it expects the frames that the recorded client sent,
// but for their xids, and answers with what was recorded, under the xid that was asked. It returns
// what went wrong.
func server(conn net.Conn, steps []step, decode func(string) []byte) error {
	defer conn.Close()
	var xid [4]byte
	sasl := false
	for _, s := range steps {
		switch {
		case s.Send != "":
			want := decode(s.Send)
			got := make([]byte, len(want))
			if _, err := io.ReadFull(conn, got); err != nil {
				return err
			}
			if sasl = binary.BigEndian.Uint32(want[8:]) == opSASL && len(want) < 500 && !strings.HasPrefix(s.What, "ConnectRequest"); sasl {
				copy(xid[:], got[4:])
				copy(want[4:8], xid[:])
			}
			if string(got) != string(want) {
				return errors.New(s.What + ":\n got " + hex.EncodeToString(got) + "\nwant " + hex.EncodeToString(want))
			}
		case s.Recv != "":
			frame := decode(s.Recv)
			if sasl {
				copy(frame[4:8], xid[:])
			}
			if _, err := conn.Write(frame); err != nil {
				return err
			}
		case s.Closed:
			return nil
		}
	}
	return nil
}

// recordedDigest is Digest with the recorded client nonce.
func recordedDigest(user, password, uri string) Mechanism {
	return func(string) (Exchange, error) {
		return &digest{client: digestmd5.Client{User: user, Password: password, URI: uri, CNonce: "OA6MHXh6VqTrRk"}}, nil
	}
}

// TestDialoguesReplay plays the library: it sends and reads what the recorded client did beside
// SASL, and must not notice anything of that.
func TestDialoguesReplay(t *testing.T) {
	for _, c := range []struct {
		name, user, password, uri string
		result                    error // errors.Is; nil for a login
	}{
		{"zk-digest-md5", "kafka", "kafkasecret", digestURI, nil},
		{"zk-digest-md5-wrong-password", "kafka", "wrong", digestURI, ErrRefused},
		{"zk-digest-md5-unknown-user", "nobody", "x", digestURI, ErrRefused},
		{"zk-digest-md5-other-uri", "kafka", "kafkasecret", "kafka/localhost", ErrRefused},
		{"zk-no-sasl-server", "kafka", "kafkasecret", digestURI, ErrUnsupported},
	} {
		t.Run(c.name, func(t *testing.T) {
			steps := recording(t, c.name)
			here, there := net.Pipe()
			played := make(chan error, 1)
			go func() { played <- server(there, steps, func(s string) []byte { return testbase.Unhex(t, s) }) }()
			var results []error
			dial := Dialer(func(string, string, time.Duration) (net.Conn, error) { return here, nil }, Options{
				Mechanism: recordedDigest(c.user, c.password, c.uri),
				Result:    func(_ string, err error) { results = append(results, err) },
			})
			conn, err := dial("tcp", "zoo:2181", time.Second)
			if err != nil {
				t.Fatal(err)
			}
			err = library(t, conn, steps)
			if len(results) != 1 || !errors.Is(results[0], c.result) {
				t.Errorf("the result is %v, want %v", results, c.result)
			}
			if refused := errors.Is(c.result, ErrRefused); refused != (err != nil) || refused && (!errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "zoo:2181")) {
				t.Errorf("the library sees %v", err)
			}
			conn.Close()
			if err := <-played; err != nil {
				t.Error(err)
			}
		})
	}
}

// library sends and expects the steps that are not SASL.
func library(t *testing.T, conn net.Conn, steps []step) error {
	sasl := false
	for _, s := range steps {
		switch {
		case s.Send != "":
			frame := testbase.Unhex(t, s.Send)
			if sasl = strings.Contains(s.What, "initial token") || strings.HasPrefix(s.What, "response"); !sasl {
				if _, err := conn.Write(frame); err != nil {
					return err
				}
			}
		case s.Recv != "" && !sasl:
			want := testbase.Unhex(t, s.Recv)
			got := make([]byte, len(want))
			if _, err := io.ReadFull(conn, got); err != nil {
				return err
			}
			if string(got) != string(want) {
				t.Errorf("%s: got %x, want %x", s.What, got, want)
			}
		}
	}
	return nil
}

func frame(words ...uint32) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(4*len(words)))
	for _, w := range words {
		b = binary.BigEndian.AppendUint32(b, w)
	}
	return b
}

// connected gives a wrapped connection and its other end.
func connected(timeout time.Duration, result func(string, error)) (conn, there net.Conn) {
	here, there := net.Pipe()
	conn, _ = Dialer(func(string, string, time.Duration) (net.Conn, error) { return here, nil }, Options{Mechanism: Digest("u", "hush"), Timeout: timeout, Result: result})("", "zoo:1", 0)
	return conn, there
}

func TestAnExpiredSessionIsShownWithoutALogin(t *testing.T) {
	conn, there := connected(0, func(string, error) { t.Error("an exchange was made") })
	expired := frame(0, 0, 0, 0, 4, 0)
	go func() { there.Write(expired); there.Close() }()
	got, err := io.ReadAll(conn)
	if err != nil || string(got) != string(expired) {
		t.Errorf("got %x, %v", got, err)
	}
}

func TestFramesBetweenTokensReachTheLibrary(t *testing.T) {
	conn, there := connected(0, nil)
	response, event := frame(0, 6000, 0, 1, 0), frame(0xffffffff, 0, 0, 0, 1, 3, 0)
	go func() {
		defer there.Close()
		there.Write(response)
		io.ReadFull(there, make([]byte, 16))
		there.Write(event)
		there.Write(frame(firstXid, 0, 0, 0, 0xffffffff))
	}()
	got, err := io.ReadAll(conn)
	if want := string(response) + string(event); err != nil || string(got) != want {
		t.Errorf("got %x, %v; want %x", got, err, want)
	}
}

func TestABadServerEndsTheExchange(t *testing.T) {
	for name, c := range map[string]struct {
		answer []byte
		want   string
	}{
		"an error":          {frame(firstXid, 0, 0, 0xffffff8d, 0), "error -115"},
		"a truncated token": {frame(firstXid, 0, 0, 0, 9, 0), "unexpected EOF"},
		"no token":          {frame(firstXid, 0, 0, 0), "unexpected EOF"},
		"a huge frame":      {[]byte("HTTP/1.1 400"), "not ZooKeeper"},
		"silence":           {nil, "timeout"},
		"a bad challenge":   {frame(firstXid, 0, 0, 0, 1, 0x20000000), "no nonce"},
	} {
		t.Run(name, func(t *testing.T) {
			var result error
			conn, there := connected(50*time.Millisecond, func(_ string, err error) { result = err })
			done := make(chan struct{})
			go func() {
				defer close(done)
				there.Write(frame(0, 6000, 0, 1, 0))
				io.ReadFull(there, make([]byte, 16))
				there.Write(c.answer)
				io.Copy(io.Discard, there)
			}()
			_, err := conn.Read(make([]byte, 4))
			if err == nil || !strings.Contains(err.Error(), c.want) || result == nil || strings.Contains(err.Error(), "hush") {
				t.Errorf("error %v, want %q; result %v", err, c.want, result)
			}
			<-done
		})
	}
}

func TestServicePrincipals(t *testing.T) {
	for _, c := range []struct {
		s       Service
		address string
		want    string
	}{
		{Service{Name: "zookeeper"}, "zoo1.example.com:2181", "zookeeper/zoo1.example.com"},
		{Service{Name: "zk"}, "zoo1", "zk/zoo1"},
		{Service{Name: "zookeeper", Principal: "zk/alias@EXAMPLE.COM"}, "zoo1:2181", "zk/alias"},
	} {
		if got := c.s.of(c.address); got != c.want {
			t.Errorf("%+v at %s: %s, want %s", c.s, c.address, got, c.want)
		}
	}
}

func FuzzServer(f *testing.F) {
	f.Add(frame(0, 6000, 0, 1, 0))
	f.Add(append(frame(0, 6000, 0, 1, 0), frame(firstXid, 0, 0, 0, 0xffffffff)...))
	f.Fuzz(func(t *testing.T, answers []byte) {
		conn, there := connected(time.Second, nil)
		go io.Copy(io.Discard, there)
		go func() { there.Write(answers); there.Close() }()
		io.ReadAll(conn)
		conn.Close()
	})
}
