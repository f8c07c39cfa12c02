package console

import (
	"bytes"
	"context"
	"encoding/json"
	nethttp "net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"momus/broker/http"
	"momus/broker/view"
	"momus/internal/fan"
)

func TestNobodyLooksUnlessAPageIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSite(Options{})
		if f, _ := s.hub.latest(); f != nil {
			t.Error("there is a frame before anybody looks")
		}
		one, two := s.hub.open(), s.hub.open()
		synctest.Wait()
		f, changed := s.hub.latest()
		if f == nil {
			t.Fatal("no frame although somebody looks")
		}
		time.Sleep(20 * time.Second)
		if g, _ := s.hub.latest(); g.number > f.number+1 {
			t.Errorf("%d frames although nothing has changed", g.number-f.number)
		}
		one()
		time.Sleep(time.Second)
		if f, _ := s.hub.latest(); f == nil {
			t.Error("the other page is forgotten")
		}
		two()
		synctest.Wait() // the looking goroutine has ended, or the bubble would wait for ever
		if f, _ := s.hub.latest(); f != nil {
			t.Error("a frame is kept although nobody looks")
		}
		_ = changed
	})
}

// rude is a Player whose state cannot be told.
type rude struct{ Player }

func (rude) State() any { panic("injected") }

// A panic of the looking ends the streams of the pages that wait for it, and no more: a page that
// comes back later is served again.
func TestAPanicOfTheLookingCostsStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSite(Options{Player: rude{}})
		latest := func() (panicked any) {
			defer func() { panicked = recover() }()
			s.hub.latest()
			return nil
		}
		_, changed := s.hub.latest()
		done := s.hub.open()
		<-changed
		if p, ok := latest().(*fan.Panic); !ok || p.Value != "injected" || !strings.Contains(string(p.Stack), "rude.State") {
			t.Errorf("the pages are told %v", p)
		}
		done()
		s.opts.Player = nil
		done = s.hub.open()
		synctest.Wait()
		if p := latest(); p != nil {
			t.Errorf("a page that comes later is told %v", p)
		}
		done()
	})
}

// events parses what was sent to a page.
func events(t *testing.T, body string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, m := range regexp.MustCompile(`event: (\w+)\ndata: (.*)\n\n`).FindAllStringSubmatch(body, -1) {
		if !json.Valid([]byte(m[2])) {
			t.Errorf("%s has %q", m[1], m[2])
		}
		out[m[1]] = append(out[m[1]], m[2])
	}
	return out
}

func TestAPageIsSentOnlyWhatHasChanged(t *testing.T) {
	frameOf := func(topics map[string]string) *frame {
		f := &frame{base: []byte(`{"controller":1}`), figures: []byte(`{}`), topics: map[string][]byte{}}
		for n, v := range topics {
			f.topics[n] = []byte(v)
		}
		return f
	}
	first := frameOf(map[string]string{"a": `{"name":"a"}`, "b": `{"name":"b"}`})
	next := frameOf(map[string]string{"b": `{"name":"b","x":1}`})
	for _, c := range []struct {
		seen, f *frame
		want    map[string]string
	}{
		{nil, first, map[string]string{"cluster": `{"controller":1}`, "topics": `{"changed":[{"name":"a"},{"name":"b"}],"gone":[]}`, "rates": `{}`}},
		{first, next, map[string]string{"topics": `{"changed":[{"name":"b","x":1}],"gone":["a"]}`}},
		{next, next, map[string]string{}},
	} {
		w := httptest.NewRecorder()
		s, err := http.Listen(t.Context(), http.Options{Addr: "127.0.0.1:0"})
		if err != nil {
			t.Fatal(err)
		}
		s.Events(w, httptest.NewRequest("GET", "/", nil), func(_ context.Context, _ *nethttp.Request, out *http.Stream) {
			if err := sendFrame(out, c.seen, c.f); err != nil {
				t.Error(err)
			}
		})
		s.Close()
		got := events(t, w.Body.String())
		if len(got) != len(c.want) {
			t.Errorf("sent %v, want %v", got, c.want)
		}
		for k, v := range c.want {
			if len(got[k]) != 1 || got[k][0] != v {
				t.Errorf("%s: %v, want %s", k, got[k], v)
			}
		}
	}
}

func TestThePageAsksForNothingElsewhere(t *testing.T) {
	base := port(t, func(s *http.Server) { NewSite(Options{}).Mount(s) })
	for path, want := range map[string]string{
		"/": "text/html", "/page/main.js": "text/javascript", "/page/style.css": "text/css", "/page/icon.svg": "image/svg", "/page/vendor/LICENSE.htm.txt": "text/plain",
		"/page/vendor/htm-preact.js": "text/javascript", "/page/vendor/uplot.js": "text/javascript",
	} {
		resp, body := get(t, base+path)
		if resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), want) {
			t.Errorf("%s: %s, %s", path, resp.Status, resp.Header.Get("Content-Type"))
		}
		if strings.Contains(path, "vendor") {
			continue
		}
		for _, link := range regexp.MustCompile(`(?:src|href|url|from|import)\s*[=(]?\s*["'(]https?://[^"']*`).FindAll(body, -1) {
			t.Errorf("%s has %s", path, link)
		}
		if bytes.Contains(body, []byte("<script>")) || bytes.Contains(body, []byte("style=\"")) {
			t.Errorf("%s has what the content security policy forbids", path)
		}
	}
	for path, want := range map[string]int{
		"/page/../site.go": 404, "/page/..%2fsite.go": 404, "/page/%2e%2e/site.go": 404, "/page/..%2f..%2f..%2fetc%2fpasswd": 404, "/page/%00": 404, "/api/znode?path=%00": 400, "/api/znode?path=/%2e%2e/a": 400, "/page/": 404, "/nonsense": 404, "/api/znode?path=/a": 503, "/api/znode?path=a/..": 400, "/api/znode?path=/a//b": 400,
		"/api/records?topic=__consumer_offsets&partition=0&offset=0": 403, "/api/records?topic=t&partition=x&offset=0": 400,
		"/api/records?topic=t&partition=0&offset=0": 404, "/api/configs?broker=1": 404, "/api/configs": 400, "/api/groups": 200, "/api/health": 200, "/api/doctor": 200, "/api/sessions": 200, "/api/quotas": 200, "/api/rights": 503,
	} {
		resp, err := nethttp.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %s, want %d", path, resp.Status, want)
		}
	}
	if resp, err := nethttp.Post(base+"/api/play", "application/json", strings.NewReader(`{}`)); err != nil || resp.StatusCode != 404 && resp.StatusCode != 405 {
		t.Errorf("a page without a player: %v, %v", resp, err)
	}
}

func TestNodesThatMayHoldCredentialsAreSecret(t *testing.T) {
	for path, want := range map[string]bool{
		"/prod/config/users/u": true, "/a/b/config/brokers/1": true, "/prod/delegation_token/tokens/x": true,
		"/config/users": true, "/config/users/u": true, "/config/brokers/1": true, "/delegation_token/tokens/x": true,
		"/config/usersx": false, "/config/topics/t": false, "/controller": false, "/": false,
	} {
		if secret(path) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
}

func TestLooksLeaveTheProcessorAlone(t *testing.T) {
	for took, want := range map[time.Duration]time.Duration{
		0: shortestTick, time.Millisecond: shortestTick, 5 * time.Millisecond: 100 * time.Millisecond, time.Second: longestTick,
	} {
		if got := nextLook(took); got != want {
			t.Errorf("after a look of %v the next comes in %v", took, got)
		}
	}
}

func TestRatesAreThoseOfTheTimeBetweenTwoLooks(t *testing.T) {
	look := func(messages, end int64) *view.Cluster {
		return &view.Cluster{Brokers: []view.Broker{{ID: 1, MessagesIn: messages}}, Topics: []view.Topic{{Name: "t", Partitions: []view.Partition{{End: end}}}, {Name: "u", Partitions: []view.Partition{{End: -1}}}}}
	}
	if got := string(rates(look(100, 10), look(300, 30), 2)); got != `{"brokers":[{"id":1,"bytesIn":0,"messages":100}],"topics":{"t":10}}` {
		t.Error(got)
	}
	if got := string(rates(look(300, 30), look(0, 0), 1)); got != `{"brokers":[{"id":1,"bytesIn":0,"messages":0}],"topics":{}}` {
		t.Error("after a restart:", got)
	}
}
