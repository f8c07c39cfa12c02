package console

import (
	"context"
	"encoding/json"
	nethttp "net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"momus/broker/http"
	"momus/broker/http/porttest"
)

// paths are all that the page asks for, but for the stream.
var paths = []string{"/", "/page/main.js", "/api/about", "/api/partition", "/api/records", "/api/groups", "/api/transactions", "/api/configs", "/api/znode", "/api/sessions",
	"/api/quotas", "/api/rights", "/api/health", "/api/doctor", "/journal"}

// noter is a Player that notes what it is asked to do.
type noter struct{ orders []Order }

func (n *noter) Actions() []string { return []string{"stop", "send"} }
func (n *noter) State() any        { return nil }
func (n *noter) Do(_ context.Context, o *Order) (any, error) {
	n.orders = append(n.orders, *o)
	return nil, nil
}

// FuzzQuestions asks whatever a reader may ask: the answer is the port's own kind of answer, and it
// is no failure of the port.
func FuzzQuestions(f *testing.F) {
	for i, q := range []string{"", "topic=t&partition=0", "topic=__consumer_offsets&partition=0&offset=0&internal=yes", "topic=t&partition=-1&offset=9223372036854775807", "broker=1",
		"path=/a/../b", "path=%00", "user=User:a&host=%zz", "user=x", "lang=ko&since=1", "%gh&%%"} {
		f.Add(uint(i), q, "GET")
	}
	server, err := http.Listen(f.Context(), http.Options{Addr: "127.0.0.1:0"})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { server.Close() })
	NewSite(Options{}).Mount(server)
	f.Fuzz(func(t *testing.T, path uint, query, method string) {
		r := httptest.NewRequestWithContext(t.Context(), "GET", paths[path%uint(len(paths))], nil)
		r.URL.RawQuery, r.Method = query, method
		w := httptest.NewRecorder()
		server.Handler().ServeHTTP(w, r)
		if w.Code == nethttp.StatusInternalServerError || w.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("%s: %d %s", r.URL, w.Code, w.Body)
		}
		if strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s: %s", r.URL, w.Body)
		}
		if method != "GET" && method != "HEAD" && w.Code == nethttp.StatusOK {
			t.Errorf("%s %s was answered", method, r.URL)
		}
	})
}

// FuzzOrder sends whatever the page, or who has its token, may send as an order: the player is asked
// only for what it can do.
func FuzzOrder(f *testing.F) {
	for _, s := range []string{`{"action":"stop","broker":1}`, `{"action":"send","topic":"t","key":null,"value":"v","partition":0}`, `{"action":"explode"}`, `{"action":"stop","x":1}`, `[]`, `{`, "",
		`{"action":"stop"}{"action":"stop"}`, `{"action":"send","rate":1e308,"size":-1,"number":9223372036854775807}`} {
		f.Add([]byte(s))
	}
	server := porttest.Listen(f)
	player := &noter{}
	NewSite(Options{Player: player}).Mount(server)
	f.Fuzz(func(t *testing.T, body []byte) {
		player.orders = nil
		w := porttest.Change(t, server, "/api/play", string(body))
		if (w.Code == nethttp.StatusOK) != (len(player.orders) == 1) || w.Code >= 500 {
			t.Errorf("%s: %d, %d orders", body, w.Code, len(player.orders))
		}
		for _, o := range player.orders {
			if !slices.Contains(player.Actions(), o.Action) {
				t.Errorf("%s: asked to %s", body, o.Action)
			}
		}
	})
}
