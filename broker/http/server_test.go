package http

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"go.uber.org/goleak"
)

func get(h nethttp.Handler, change func(r *nethttp.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "http://localhost:9404/x", nil)
	r.RemoteAddr = "127.0.0.1:5555"
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func okHandler(calls *atomic.Int32) nethttp.Handler {
	return nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			nethttp.Error(w, err.Error(), nethttp.StatusRequestEntityTooLarge)
			return
		}
		calls.Add(1)
	})
}

func TestHealth(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
		body string
	}{{nil, 200, "ok\n"}, {errors.New("starting"), 503, "starting\n"}} {
		w := get(Healthz(func() error { return c.err }), nil)
		if w.Code != c.code || w.Body.String() != c.body {
			t.Error(w.Code, w.Body)
		}
	}
}

func TestReaders(t *testing.T) {
	from := func(addr, host string) func(*nethttp.Request) {
		return func(r *nethttp.Request) { r.RemoteAddr, r.Host = addr, host }
	}
	// fetched says what browsers say about where a request comes from (Fetch Metadata).
	fetched := func(site, mode string) func(*nethttp.Request) {
		return func(r *nethttp.Request) {
			r.Header.Set("Sec-Fetch-Site", site)
			r.Header.Set("Sec-Fetch-Mode", mode)
		}
	}
	login := func(user, password string) func(*nethttp.Request) {
		return func(r *nethttp.Request) { r.SetBasicAuth(user, password) }
	}
	closed := Access{User: "u", Password: "p"}
	for name, c := range map[string]struct {
		access Access
		change func(*nethttp.Request)
		code   int
	}{
		"everybody":            {Access{}, from("192.0.2.7:1", "broker.example:9404"), 200},
		"local":                {Access{LocalOnly: true}, nil, 200},
		"local by address":     {Access{LocalOnly: true}, from("[::1]:1", "[::1]:9404"), 200},
		"local without port":   {Access{LocalOnly: true}, from("[::1]:1", "[::1]"), 200},
		"another name":         {Access{LocalOnly: true}, from("127.0.0.1:1", "evil.example:9404"), 403},
		"a name behind a name": {Access{LocalOnly: true}, from("127.0.0.1:1", "localhost:80@evil.example"), 403},
		"a longer name":        {Access{LocalOnly: true}, from("127.0.0.1:1", "localhost.evil.example:9404"), 403},
		"all addresses":        {Access{LocalOnly: true}, from("127.0.0.1:1", "0.0.0.0:9404"), 403},
		"no name":              {Access{LocalOnly: true}, from("127.0.0.1:1", ""), 403},
		"forwarded": {Access{LocalOnly: true}, func(r *nethttp.Request) {
			r.RemoteAddr = "192.0.2.7:1"
			r.Header.Set("X-Forwarded-For", "127.0.0.1")
			r.Header.Set("Forwarded", "for=127.0.0.1")
		}, 403},
		"a script of another site": {Access{}, fetched("cross-site", "no-cors"), 403},
		"a script of another port": {Access{}, fetched("same-site", "cors"), 403},
		"a link of another site":   {Access{}, fetched("cross-site", "navigate"), 200},
		"the page itself":          {Access{}, fetched("same-origin", "cors"), 200},
		"from elsewhere":           {Access{LocalOnly: true}, from("192.0.2.7:1", "localhost:9404"), 403},
		"readers elsewhere":        {Access{LocalReaders: true}, from("192.0.2.7:1", "localhost:9404"), 403},
		"readers, another name":    {Access{LocalReaders: true}, from("127.0.0.1:1", "evil.example"), 403},
		"right password":           {closed, login("u", "p"), 200},
		"wrong password":           {closed, login("u", "q"), 401},
		"wrong user":               {closed, login("v", "p"), 401},
		"no password":              {closed, nil, 401},
		"no certificate":           {Access{Certificate: true}, nil, 403},
		"a certificate": {Access{Certificate: true, LocalReaders: true}, func(r *nethttp.Request) {
			r.RemoteAddr, r.TLS = "192.0.2.7:1", &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{}}}
		}, 200},
		"password from afar": {Access{User: "u", Password: "p", LocalReaders: true}, func(r *nethttp.Request) { r.RemoteAddr = "192.0.2.7:1"; r.SetBasicAuth("u", "p") }, 200},
	} {
		t.Run(name, func(t *testing.T) {
			var calls atomic.Int32
			s := newServer(Options{Access: c.access})
			s.Read("/x", okHandler(&calls))
			w := get(s.Handler(), c.change)
			if w.Code != c.code || (calls.Load() == 1) != (c.code == 200) {
				t.Errorf("%d, %d calls, want %d: %s", w.Code, calls.Load(), c.code, w.Body)
			}
			if w.Header().Get("Content-Security-Policy") == "" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Error("headers", w.Header())
			}
		})
	}
}

// goodChange is a change as the page sends it.
func goodChange(body string) *nethttp.Request {
	r := httptest.NewRequest("POST", "http://localhost:9404/do", strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:5555"
	r.Header.Set("Origin", "http://localhost:9404")
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(TokenHeader, "secret")
	return r
}

func TestChanges(t *testing.T) {
	for name, c := range map[string]struct {
		token  string
		change func(r *nethttp.Request)
		code   int
	}{
		"the page":           {"secret", func(*nethttp.Request) {}, 200},
		"the page in Chrome": {"secret", func(r *nethttp.Request) { r.Header.Set("Sec-Fetch-Site", "same-origin") }, 200},
		"without token":      {"secret", func(r *nethttp.Request) { r.Header.Del(TokenHeader) }, 403},
		"wrong token":        {"secret", func(r *nethttp.Request) { r.Header.Set(TokenHeader, "secre") }, 403},
		"nobody may":         {"", func(r *nethttp.Request) { r.Header.Set(TokenHeader, "") }, 403},
		"from another site":  {"secret", func(r *nethttp.Request) { r.Header.Set("Origin", "http://evil.example") }, 403},
		"from another port":  {"secret", func(r *nethttp.Request) { r.Header.Set("Origin", "http://localhost:9405") }, 403},
		"without origin":     {"secret", func(r *nethttp.Request) { r.Header.Del("Origin") }, 403},
		"as Chrome sees it":  {"secret", func(r *nethttp.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		"as a form":          {"secret", func(r *nethttp.Request) { r.Header.Set("Content-Type", "text/plain") }, 415},
		"by GET":             {"secret", func(r *nethttp.Request) { r.Method = "GET" }, 405},
		"too long": {"secret", func(r *nethttp.Request) {
			r.Body = io.NopCloser(strings.NewReader(strings.Repeat("x", maxBodyBytes+1)))
		}, 413},
		"with a rebound name": {"secret", func(r *nethttp.Request) {
			r.Host = "evil.example:9404"
			r.Header.Set("Origin", "http://evil.example:9404")
		}, 403},
		"from another machine": {"secret", func(r *nethttp.Request) { r.RemoteAddr = "192.0.2.7:1" }, 403},
	} {
		t.Run(name, func(t *testing.T) {
			var calls atomic.Int32
			s := newServer(Options{Access: Access{LocalOnly: true, Token: c.token}})
			s.Change("/do", okHandler(&calls))
			r, w := goodChange("{}"), httptest.NewRecorder()
			c.change(r)
			s.Handler().ServeHTTP(w, r)
			if w.Code != c.code || (calls.Load() == 1) != (c.code == 200) {
				t.Errorf("%d, %d calls, want %d: %s", w.Code, calls.Load(), c.code, w.Body)
			}
			if strings.Contains(w.Body.String(), "secret") {
				t.Error("the token is in the answer")
			}
		})
	}
}

// FuzzChange sends whatever a stranger may send: without the token nothing is changed, and nothing
// but POST changes.
func FuzzChange(f *testing.F) {
	f.Add("POST", "localhost:9404", "http://localhost:9404", "application/json", "secret", "127.0.0.1:1", "/do", "{}")
	f.Add("GET", "[::1]", "null", "application/json;x", "", "", "/do?x=%zz", "")
	f.Add("PUT", "localhost:9404:", "http://localhost:9404:", "a/b; charset=\xff", "Secret", "[::1%25lo]:0", "//do/../do", "\x00")
	f.Fuzz(func(t *testing.T, method, host, origin, media, token, remote, target, body string) {
		var calls atomic.Int32
		s := newServer(Options{Access: Access{LocalOnly: true, Token: "secret"}})
		s.Change("/do", okHandler(&calls))
		s.Read("/x", Healthz(func() error { return nil }))
		r := &nethttp.Request{Method: method, Host: host, RemoteAddr: remote, Header: nethttp.Header{}, Body: io.NopCloser(strings.NewReader(body)), RequestURI: target}
		var err error
		if r.URL, err = url.Parse(target); err != nil || !strings.HasPrefix(r.URL.Path, "/") {
			return
		}
		for k, v := range map[string]string{"Origin": origin, "Content-Type": media, TokenHeader: token} {
			r.Header.Set(k, v)
		}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r.WithContext(t.Context()))
		if calls.Load() > 0 && !(method == "POST" && token == "secret" && origin == "http://"+host && namesLoopback(host)) {
			t.Errorf("changed by %q from %q to %q with token %q", method, origin, host, token)
		}
	})
}

func TestStreamsAreBoundedAndEndWithTheServer(t *testing.T) {
	defer goleak.VerifyNone(t)
	s, err := Listen(t.Context(), Options{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	s.Stream("/events", func(ctx context.Context, _ *nethttp.Request, out *Stream) {
		if out.Send("hello", "7", []byte("{}")) == nil {
			out.Wait(ctx, nil)
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	client := &nethttp.Client{Transport: &nethttp.Transport{}}
	defer client.CloseIdleConnections()
	address := "http://" + s.Addr().String() + "/events"
	var open []*nethttp.Response
	for range maxStreams {
		resp, err := client.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		open = append(open, resp)
	}
	in := bufio.NewReader(open[0].Body)
	for _, want := range []string{"id: 7\n", "event: hello\n", "data: {}\n", "\n"} {
		if line, err := in.ReadString('\n'); err != nil || line != want {
			t.Fatalf("%q, %v, want %q", line, err, want)
		}
	}
	resp, err := client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != nethttp.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Error("one too many got", resp.Status)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for _, r := range open {
		io.Copy(io.Discard, r.Body)
	}
}

// Run ends requests and waits for them: what they read of the broker is closed after it.
func TestRunReturnsWhenRequestsHaveEnded(t *testing.T) {
	s, err := Listen(t.Context(), Options{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	began, ended, early := make(chan struct{}), make(chan error, 1), atomic.Bool{}
	s.Open("/slow", nethttp.HandlerFunc(func(_ nethttp.ResponseWriter, r *nethttp.Request) {
		close(began)
		<-r.Context().Done()
		for late := time.Now().Add(100 * time.Millisecond); !early.Load() && time.Now().Before(late); runtime.Gosched() {
			early.Store(len(ended) > 0)
		}
	}))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- s.Run(ctx) }()
	go func() {
		<-began
		cancel()
	}()
	if r, err := nethttp.Get("http://" + s.Addr().String() + "/slow"); err == nil {
		r.Body.Close()
		t.Errorf("answered %s", r.Status)
	}
	if err := <-ended; err != nil || early.Load() {
		t.Errorf("%v; returned before the request had ended: %v", err, early.Load())
	}
}

func TestAStreamRefusesLinesThatWouldForgeEvents(t *testing.T) {
	out := &Stream{}
	if out.Send("x", "", []byte("a\n\nevent: forged")) == nil {
		t.Error("sent")
	}
}

// A client that never ends its request, and one that never reads a stream, are let go.
func TestSlowClientsAreLetGo(t *testing.T) {
	t.Parallel()
	s, err := Listen(t.Context(), Options{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan error, 1)
	s.Stream("/events", func(_ context.Context, _ *nethttp.Request, out *Stream) {
		line := bytes.Repeat([]byte("x"), 64<<10)
		for {
			if err := out.Send("much", "", line); err != nil {
				over <- err
				return
			}
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go s.Run(ctx)
	for what, request := range map[string]string{"headers": "GET /events HTTP/1.1\r\nHost: x\r\nX: ", "stream": "GET /events HTTP/1.1\r\nHost: x\r\n\r\n"} {
		conn, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		if what == "headers" {
			conn.SetReadDeadline(time.Now().Add(2 * headerTimeout))
			// 408, or the end without a word.
			if answer, err := io.ReadAll(conn); err != nil || len(answer) > 0 && !bytes.Contains(answer, []byte(" 408 ")) {
				t.Errorf("headers without end: %q, %v", answer, err)
			}
		}
	}
	select {
	case <-over:
	case <-time.After(2 * sendTimeout):
		t.Error("a stream that nobody reads goes on")
	}
}

func TestHeadersWithoutEndAreRefused(t *testing.T) {
	s, err := Listen(t.Context(), Options{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	s.Open("/x", Healthz(func() error { return nil }))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go s.Run(ctx)
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /x HTTP/1.1\r\nHost: localhost\r\nX: %s", strings.Repeat("a", 2*maxHeaderBytes))
	conn.SetReadDeadline(time.Now().Add(2 * headerTimeout))
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.Contains(line, "431") {
		t.Errorf("a header without end was answered %q, %v", line, err)
	}
}

// A request that panics costs its connection, and the operator is told at the level of errors.
func TestARequestThatPanicsIsLogged(t *testing.T) {
	logger, hook := logtest.NewNullLogger()
	s, err := Listen(t.Context(), Options{Addr: "127.0.0.1:0", Logger: logrus.NewEntry(logger)})
	if err != nil {
		t.Fatal(err)
	}
	s.Open("/rude", nethttp.HandlerFunc(func(nethttp.ResponseWriter, *nethttp.Request) { panic("injected") }))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	if r, err := nethttp.Get("http://" + s.Addr().String() + "/rude"); err == nil {
		r.Body.Close()
		t.Errorf("answered %s", r.Status)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if e := hook.LastEntry(); e == nil || e.Level != logrus.ErrorLevel || !strings.Contains(e.Message, "injected") {
		t.Errorf("logged %+v", e)
	}
}
