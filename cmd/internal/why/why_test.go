package why

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/cmd/internal/tool/clients"
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
	if !read(t.Context(), sources, &ports{clients.NewHTTPPorts(nil), "u", "p"}) {
		t.Error("nothing new")
	}
	if read(t.Context(), sources, &ports{HTTPPorts: clients.NewHTTPPorts(nil)}) && len(controller.entries) != 4 {
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

// The root of a chain that is told is told too, though it stands below the entry before.
func TestAChainEndsWithItsRoot(t *testing.T) {
	sources := []*Source{
		serve(t, 200, answer(t, 1,
			journal.Entry{Kind: journal.WatermarkStalled, Time: at(5.9), Name: "orders", About: 2, Count: 20},
			journal.Entry{Kind: journal.ControllerElected, Time: at(6), About: 2, ControllerEpoch: 3},
			journal.Entry{Kind: journal.BrokerDown, Time: at(6.1), Cause: 2, About: 2, Reason: journal.MetadataLoad},
			journal.Entry{Kind: journal.ISRShrunk, Time: at(6.2), Cause: 3, Name: "orders", About: 2, To: []int32{1}})),
		serve(t, 200, answer(t, 2, journal.Entry{Kind: journal.ProcessPaused, Time: at(6.5), Took: 3 * time.Second})),
	}
	read(t.Context(), sources, &ports{HTTPPorts: clients.NewHTTPPorts(nil)})
	h, seen := history(sources), newTold()
	tp := (&journal.Entry{Name: "orders"}).TP()
	var got strings.Builder
	for _, e := range h.About(&journal.Subject{Partition: &tp}) {
		got.WriteString(explain(h, e, journal.English, seen))
	}
	if _, last, ok := strings.Cut(got.String(), "broker 2 fell out of sync"); !ok || !strings.Contains(last, "because the controller saw broker 2 go") || !strings.Contains(last, "because the process of broker 2 did not run for 3.0 s") {
		t.Error(got.String())
	}
}

// Two entries with the same cause, of different kinds, are each told with it; many of one kind once.
func TestACauseIsToldWithEachKindOfEffect(t *testing.T) {
	sources := []*Source{
		serve(t, 200, answer(t, 3,
			journal.Entry{Kind: journal.LeaderUnreachable, Time: at(1), About: 1, New: "EOF"},
			journal.Entry{Kind: journal.LeaderUnreachable, Time: at(1.1), About: 1, New: "EOF"},
			journal.Entry{Kind: journal.ControllerElected, Time: at(2), About: 1, ControllerEpoch: 2})),
		serve(t, 200, answer(t, 1, journal.Entry{Kind: journal.BrokerStarted, Time: at(3), Old: "unclean"})),
	}
	read(t.Context(), sources, &ports{HTTPPorts: clients.NewHTTPPorts(nil)})
	h, seen, id := history(sources), newTold(), int32(3)
	var got strings.Builder
	for _, e := range h.About(&journal.Subject{Broker: &id}) {
		got.WriteString(explain(h, e, journal.English, seen))
	}
	const cause = "because broker 1 started; its last stop was unclean"
	if before, after, _ := strings.Cut(got.String(), "became the controller"); strings.Count(before, cause) != 1 || strings.Count(after, cause) != 1 {
		t.Error(got.String())
	}
}

func TestPortsThatAreNoJournals(t *testing.T) {
	for name, s := range map[string]*Source{
		"a refusal":      serve(t, 401, "no"),
		"something else": serve(t, 200, "<html>"),
		"nobody":         {Broker: 3, URL: "http://127.0.0.1:1"},
		"no address":     {Broker: 3, URL: "::"},
	} {
		if s.read(t.Context(), &ports{HTTPPorts: clients.NewHTTPPorts(nil)}) == nil {
			t.Error(name, "was taken for a journal")
		}
	}
}

func TestABrokerThatHasStartedAnewIsReadFromItsBeginning(t *testing.T) {
	s := serve(t, 200, answer(t, 1, journal.Entry{Kind: journal.BrokerStarted, Time: at(0)}))
	s.last = 99
	for range 2 {
		if err := s.read(t.Context(), &ports{HTTPPorts: clients.NewHTTPPorts(nil)}); err != nil {
			t.Fatal(err)
		}
	}
	if s.last != 1 || len(s.entries) != 1 {
		t.Errorf("%d entries up to %d", len(s.entries), s.last)
	}
}

// A coordinator without a journal leaves only its log: what follows from it is told, and what does
// not is not.
func TestATransactionIsJudgedByItsLog(t *testing.T) {
	const timeout = 8 * time.Second
	log := func(state string, after time.Duration) logged {
		return logged{at: at(0).Add(after), state: state, started: at(0), timeout: timeout}
	}
	for name, c := range map[string]struct {
		states []logged
		en, ko string
	}{
		"nothing":      {nil, "nothing in its last records", "없다"},
		"open":         {[]logged{log("Empty", 0), log("Ongoing", 1)}, "It has been open for 3s; after 8s the coordinator aborts it.", "열린 지 3s"},
		"too long":     {[]logged{log("Ongoing", 1), log("PrepareAbort", 8200*time.Millisecond), log("CompleteAbort", 8300*time.Millisecond)}, "because the transaction was open for too long", "너무 오래"},
		"in time":      {[]logged{log("Ongoing", 1), log("PrepareAbort", time.Second), log("CompleteAbort", time.Second)}, "Which, the log does not say.", "로그에 없다"},
		"committed":    {[]logged{log("Ongoing", 1), log("PrepareCommit", time.Second), log("CompleteCommit", time.Second)}, "", ""},
		"an older one": {[]logged{log("PrepareAbort", 9*time.Second), log("CompleteAbort", 9*time.Second), log("PrepareAbort", time.Second)}, "Which, the log", "로그에 없다"},
	} {
		for l, want := range map[journal.Lang]string{journal.English: c.en, journal.Korean: c.ko} {
			got := strings.Join(judge(c.states, at(3), l), "\n")
			if (want == "") != (got == "") || !strings.Contains(got, want) {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
	}
}

func TestARecordOfTransactionStateIsRead(t *testing.T) {
	k := kmsg.NewTxnMetadataKey()
	k.TransactionalID = "pay"
	v := kmsg.NewTxnMetadataValue()
	v.ProducerID, v.ProducerEpoch, v.TimeoutMillis, v.State, v.LastUpdateTimestamp, v.StartTimestamp = 7, 2, 8000, 1, 1_700_000_001_000, 1_700_000_000_000
	topic := kmsg.NewTxnMetadataValueTopic()
	topic.Topic, topic.Partitions = "orders", []int32{0, 3}
	v.Topics = append(v.Topics, topic)
	r := &kgo.Record{Key: k.AppendTo(nil), Value: v.AppendTo(nil)}
	if s, ok := transactionRecord(r, "pay"); !ok || s.state != "Ongoing" || s.epoch != 2 || s.count != 2 || s.timeout != 8*time.Second || !s.started.Equal(at(0)) || !s.at.Equal(at(1)) {
		t.Errorf("%+v, %v", s, ok)
	}
	for _, other := range []*kgo.Record{{Key: k.AppendTo(nil)}, {Key: []byte{0, 9}, Value: r.Value}, {Key: r.Key, Value: []byte{1}}} {
		if _, ok := transactionRecord(other, "pay"); ok {
			t.Errorf("%v was read", other)
		}
	}
	if _, ok := transactionRecord(r, "another"); ok {
		t.Error("a record of another id was read")
	}
}

func TestAnOpenTransaction(t *testing.T) {
	began, ended := &journal.Entry{Kind: journal.TransactionBegan}, &journal.Entry{Kind: journal.TransactionDecided}
	if unended([]*journal.Entry{ended, began}) != began || unended([]*journal.Entry{began, ended}) != nil || unended(nil) != nil {
		t.Error("an open transaction is not seen, or a decided one is")
	}
}
