package console

import (
	"bufio"
	"encoding/json"
	"io"
	nethttp "net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"momus/broker/http"
	"momus/internal/journal"
)

// port is an HTTP port with what add puts on it.
func port(t *testing.T, add func(s *http.Server)) string {
	t.Helper()
	s, err := http.Listen(t.Context(), http.Options{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	add(s)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(t.Context()) }()
	t.Cleanup(func() {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return "http://" + s.Addr().String()
}

// get asks a port, and gives the answer with its body.
func get(t *testing.T, url string) (*nethttp.Response, []byte) {
	t.Helper()
	resp, err := nethttp.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, body
}

func sample() *journal.Journal {
	j := journal.New(func() time.Time { return time.UnixMicro(0) }) // IDs from 1 on
	j.SetBroker(1)
	j.Record(journal.Entry{Kind: journal.TopicCreated, Name: "orders", Count: 3})
	j.Record(journal.Entry{Kind: journal.BecameLeader, Name: "orders", Partition: 1, To: []int32{1}})
	j.Record(journal.Entry{Kind: journal.BecameLeader, Name: "orders", Partition: 2})
	j.Record(journal.Entry{Kind: journal.MemberJoined, Name: "orders", Who: "m"})
	j.Record(journal.Entry{Kind: journal.TransactionBegan, Name: "tx"})
	j.Record(journal.Entry{Kind: journal.BrokerDown, About: 2})
	return j
}

func TestJournalFilters(t *testing.T) {
	j := sample()
	base := port(t, func(s *http.Server) { ServeJournal(s, j) })
	for query, want := range map[string]string{
		"":                                  "1 2 3 4 5 6",
		"?since=4":                          "5 6",
		"?since=6":                          "",
		"?since=700":                        "", // of a life whose clock was ahead; last says so
		"?topic=orders":                     "1 2 3",
		"?topic=orders&partition=2":         "1 3",
		"?group=orders":                     "4",
		"?transactional-id=tx":              "5",
		"?broker=2":                         "6",
		"?kind=became-leader,broker-down":   "2 3 6",
		"?limit=2":                          "5 6",
		"?kind=nonsense":                    "400",
		"?since=x":                          "400",
		"?topic=o&partition=99999999999999": "400",
		"?limit=0":                          "400",
		"?broker=one":                       "400",
	} {
		resp, body := get(t, base+"/journal"+query)
		got := []string{}
		if resp.StatusCode != nethttp.StatusOK {
			got = append(got, resp.Status[:3])
		} else {
			var a struct {
				Last    uint64
				Entries []struct {
					ID       json.Number
					Sentence string
				}
			}
			if err := json.Unmarshal(body, &a); err != nil || a.Last != 6 {
				t.Fatalf("%s: %v, last %d", body, err, a.Last)
			}
			for _, e := range a.Entries {
				if e.Sentence == "" {
					t.Error("no sentence")
				}
				got = append(got, e.ID.String())
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: %s, want %s", query, s, want)
		}
	}
}

// follow follows a journal behind the entry with an id, and gives the lines of the stream.
func follow(t *testing.T, url, last string) *bufio.Scanner {
	t.Helper()
	r, err := nethttp.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Last-Event-ID", last)
	resp, err := nethttp.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return bufio.NewScanner(resp.Body)
}

func TestJournalIsFollowed(t *testing.T) {
	j := sample()
	base := port(t, func(s *http.Server) { ServeJournal(s, j) })
	in := follow(t, base+"/journal?lang=ko&kind=broker-down,broker-up", "2")
	next := func() (id, data string) {
		for in.Scan() {
			if v, ok := strings.CutPrefix(in.Text(), "id: "); ok {
				id = v
			}
			if v, ok := strings.CutPrefix(in.Text(), "data: "); ok {
				return id, v
			}
		}
		t.Fatal("the stream ended", in.Err())
		return "", ""
	}
	if id, data := next(); id != "6" || !strings.Contains(data, "2번 브로커") {
		t.Error(id, data)
	}
	j.Record(journal.Entry{Kind: journal.GroupEmpty, Name: "g"})
	j.Record(journal.Entry{Kind: journal.BrokerUp, About: 3})
	if id, data := next(); id != "8" || !strings.Contains(data, "broker-up") {
		t.Error(id, data)
	}
}

// Who followed a broker until it was started again is told what it does now, also if its clock was
// set back meanwhile.
func TestJournalIsFollowedIntoANewLife(t *testing.T) {
	j := sample()
	base := port(t, func(s *http.Server) { ServeJournal(s, j) })
	in := follow(t, base+"/journal", "700")
	for in.Scan() {
		if id, ok := strings.CutPrefix(in.Text(), "id: "); ok {
			if id != "1" {
				t.Errorf("the first is %s", id)
			}
			return
		}
	}
	t.Fatal("the stream ended", in.Err())
}

// FuzzQuery sends whatever a stranger may ask for.
func FuzzQuery(f *testing.F) {
	f.Add("topic=a&partition=1&kind=isr-shrunk&since=7&limit=9&lang=ko", "3")
	f.Add("%zz&since=-1&broker=99999999999", "x")
	j := sample()
	f.Fuzz(func(t *testing.T, query, last string) {
		r := httptest.NewRequest("GET", "http://localhost/journal", nil)
		r.URL.RawQuery = query
		r.Header.Set("Last-Event-ID", last)
		q, err := parseQuery(r)
		if err != nil {
			return
		}
		w := httptest.NewRecorder()
		q.answer(w, j)
		if !json.Valid(w.Body.Bytes()) {
			t.Errorf("answered %q", w.Body)
		}
	})
}
