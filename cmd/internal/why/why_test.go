package why

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"momus/internal/journal"
)

// serve is an HTTP port with a journal.
func serve(t *testing.T, status int, answer string) *Source {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, ok := r.BasicAuth(); ok && (user != "u" || password != "p") {
			status = http.StatusUnauthorized
		}
		w.WriteHeader(status)
		w.Write([]byte(answer))
	}))
	t.Cleanup(s.Close)
	return &Source{Broker: -1, URL: s.URL}
}

func answer(t *testing.T, broker int32, entries ...journal.Entry) string {
	t.Helper()
	var a struct {
		Last    uint64            `json:"last"`
		Entries []json.RawMessage `json:"entries"`
	}
	for i := range entries {
		e := entries[i]
		e.Broker, e.ID = broker, uint64(i+1)
		a.Last = e.ID
		b, err := e.JSON(journal.English)
		if err != nil {
			t.Fatal(err)
		}
		a.Entries = append(a.Entries, b)
	}
	b, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func at(second float64) time.Time {
	return time.Unix(1_700_000_000, 0).Add(time.Duration(second * float64(time.Second)))
}

func TestAChainIsToldAcrossBrokers(t *testing.T) {
	controller := serve(t, 200, answer(t, 1,
		journal.Entry{Kind: journal.BrokerDown, Time: at(6), About: 2, Reason: journal.SessionEnded},
		journal.Entry{Kind: journal.LeaderElected, Time: at(6.1), Cause: 1, Name: "orders", About: 3, Number: 2, LeaderEpoch: 7, Reason: journal.LeaderGone, To: []int32{3}}))
	leader := serve(t, 200, answer(t, 3, journal.Entry{Kind: journal.BecameLeader, Time: at(6.5), Name: "orders", LeaderEpoch: 7, Offset: 1204, To: []int32{3}}))
	lost := serve(t, 200, answer(t, 2, journal.Entry{Kind: journal.ConnectionLost, Time: at(0), Number: 255}))
	sources := []*Source{controller, leader, lost}
	if !read(t.Context(), sources, &login{user: "u", password: "p"}) {
		t.Error("nothing new")
	}
	if read(t.Context(), sources, &login{}) && len(controller.entries) != 4 {
		t.Error("the same is new again")
	}
	for _, s := range sources {
		if s.Err != nil {
			t.Error(s.Err)
		}
	}
	if controller.Broker != 1 || lost.Broker != 2 {
		t.Error("the journals do not say whose they are", controller.Broker, lost.Broker)
	}
	h := journal.NewHistory(controller.entries[:2], leader.entries[:1], lost.entries[:1])
	var got strings.Builder
	tp := (&journal.Entry{Name: "orders"}).TP()
	seen := newTold()
	for _, e := range h.About(&journal.Subject{Partition: &tp}) {
		got.WriteString(explain(h, e, journal.English, seen))
	}
	for _, want := range []string{
		"leader of orders-0 2 → 3 (epoch 7), because the old leader is gone; in sync: 3\n",
		"because the controller saw broker 2 go", "because broker 2 lost its connection to ZooKeeper (session 0xff)",
		"broker 3 leads orders-0 from offset 1,204 on (epoch 7); in sync: 3; 6.5s without a leader\n",
	} {
		if !strings.Contains(got.String(), want) {
			t.Errorf("not told: %q in\n%s", want, got.String())
		}
	}
	if n := strings.Count(got.String(), "lost its connection"); n != 1 {
		t.Errorf("a cause is told %d times", n)
	}
}

func TestPortsThatAreNoJournals(t *testing.T) {
	for name, s := range map[string]*Source{
		"a refusal":      serve(t, 401, "no"),
		"something else": serve(t, 200, "<html>"),
		"nobody":         {Broker: 3, URL: "http://127.0.0.1:1"},
		"no address":     {Broker: 3, URL: "::"},
	} {
		if s.read(t.Context(), &login{}) == nil {
			t.Error(name, "was taken for a journal")
		}
	}
}

func TestABrokerThatHasStartedAnewIsReadFromItsBeginning(t *testing.T) {
	s := serve(t, 200, answer(t, 1, journal.Entry{Kind: journal.BrokerStarted, Time: at(0)}))
	s.last = 99
	for range 2 {
		if err := s.read(t.Context(), &login{}); err != nil {
			t.Fatal(err)
		}
	}
	if s.last != 1 || len(s.entries) != 1 {
		t.Errorf("%d entries up to %d", len(s.entries), s.last)
	}
}

func TestAnOpenTransaction(t *testing.T) {
	began, ended := &journal.Entry{Kind: journal.TransactionBegan}, &journal.Entry{Kind: journal.TransactionDecided}
	if unended([]*journal.Entry{ended, began}) != began || unended([]*journal.Entry{began, ended}) != nil || unended(nil) != nil {
		t.Error("an open transaction is not seen, or a decided one is")
	}
}
