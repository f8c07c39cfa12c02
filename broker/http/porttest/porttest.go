// Package porttest asks an HTTP port as the page in a browser does. It is for tests alone.
package porttest

import (
	"net/http/httptest"
	"strings"
	"testing"

	"momus/broker/http"
)

// token is what a change has to know at the ports of Listen.
const token = "secret"

// Listen opens a port on a free number, to which only this machine may come; it closes with the
// test.
func Listen(t testing.TB) *http.Server {
	t.Helper()
	s, err := http.Listen(t.Context(), http.Options{Addr: "127.0.0.1:0", Access: http.Access{LocalOnly: true, Token: token}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// Change sends a change as the page sends it, though not over the network.
func Change(t testing.TB, s *http.Server, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), "POST", "http://localhost:9400"+path, strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:5555"
	r.Header.Set("Origin", "http://localhost:9400")
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(http.TokenHeader, token)
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}
