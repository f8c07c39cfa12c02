package console

import (
	"context"
	"encoding/json"
	nethttp "net/http"
	"slices"
	"strconv"
	"strings"

	"momus/broker/http"
	"momus/internal/journal"
	"momus/internal/model"
)

// maxAnswer is how many entries one answer has at most: the latest ones.
const maxAnswer = 10_000

// ServeJournal puts the journal at /journal: as JSON, or as a stream of events for those who accept
// one. Parameters, all optional: since (an id), kind (names, separated by commas), topic,
// partition, group, transactional-id, broker, limit, lang.
func ServeJournal(s *http.Server, j *journal.Journal) {
	s.Read("/journal", nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		q, err := parseQuery(r)
		if err != nil {
			nethttp.Error(w, err.Error(), nethttp.StatusBadRequest)
			return
		}
		if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
			// The stream ends with the request's context, or with the server.
			s.Events(w, r, func(ctx context.Context, _ *nethttp.Request, out *http.Stream) { q.stream(ctx, j, out) })
			return
		}
		q.answer(w, j)
	}))
}

// query is what a reader wants to see.
type query struct {
	since   uint64
	kinds   []journal.Kind
	subject journal.Subject
	limit   int
	lang    journal.Lang
}

// It is always the reader's mistake, answered with 400.
type queryError string

func (e queryError) Error() string { return string(e) }

// parseQuery reads the parameters; Last-Event-ID, which a browser sends when it connects again,
// wins over since.
func parseQuery(r *nethttp.Request) (q query, err error) {
	values := r.URL.Query()
	q.limit, q.lang = maxAnswer, language(r)
	since := values.Get("since")
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		since = id
	}
	if since != "" {
		if q.since, err = strconv.ParseUint(since, 10, 64); err != nil {
			return q, queryError("since must be the id of an entry, a number")
		}
	}
	if names := values.Get("kind"); names != "" {
		for name := range strings.SplitSeq(names, ",") {
			k, ok := journal.ParseKind(name)
			if !ok {
				return q, queryError("kind: there is no kind of that name")
			}
			q.kinds = append(q.kinds, k)
		}
	}
	if n := values.Get("limit"); n != "" {
		if q.limit, err = strconv.Atoi(n); err != nil || q.limit < 1 || q.limit > maxAnswer {
			return q, queryError("limit must be a number from 1 to " + strconv.Itoa(maxAnswer))
		}
	}
	return q, q.parseSubject(values.Get)
}

// parseSubject reads what the entries are to be about; one thing at most.
func (q *query) parseSubject(get func(string) string) error {
	number := func(name string) (int32, error) {
		n, err := strconv.ParseInt(get(name), 10, 32)
		if err != nil {
			return 0, queryError(name + " must be a number")
		}
		return int32(n), nil
	}
	switch {
	case get("topic") != "" && get("partition") != "":
		n, err := number("partition")
		q.subject.Partition = &model.TopicPartition{Topic: get("topic"), Partition: n}
		return err
	case get("topic") != "":
		q.subject.Topic = get("topic")
	case get("group") != "":
		q.subject.Group = get("group")
	case get("transactional-id") != "":
		q.subject.TransactionalID = get("transactional-id")
	case get("broker") != "":
		n, err := number("broker")
		q.subject.Broker = &n
		return err
	}
	return nil
}

// wants is asked for every entry that a reader has not seen: the journal is not searched by
// subject, it is short.
func (q *query) wants(e *journal.Entry) bool {
	return (len(q.kinds) == 0 || slices.Contains(q.kinds, e.Kind)) && q.subject.Concerns(e)
}

// answer writes the entries that are wanted, and from where to go on.
func (q *query) answer(w nethttp.ResponseWriter, j *journal.Journal) {
	entries, lost := j.Since(q.since)
	// No more than there are: a reader sees by it that the journal has begun anew.
	last := min(q.since, j.Last())
	if len(entries) > 0 {
		last = entries[len(entries)-1].ID
	}
	entries = slices.DeleteFunc(entries, func(e journal.Entry) bool { return !q.wants(&e) })
	// The latest ones count; lost tells that there were others.
	if len(entries) > q.limit {
		entries, lost = entries[len(entries)-q.limit:], true
	}
	list := make([]json.RawMessage, 0, len(entries))
	for i := range entries {
		if b, err := entries[i].JSON(q.lang); err == nil {
			list = append(list, b)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(struct {
		Last    uint64            `json:"last"`
		Lost    bool              `json:"lost"`
		Entries []json.RawMessage `json:"entries"`
	}{last, lost, list})
}

// stream sends the entries that are wanted as they come; a reader that is too slow loses the
// oldest.
func (q *query) stream(ctx context.Context, j *journal.Journal, out *http.Stream) {
	if q.since > j.Last() { // the broker has started anew, and its clock was set back
		q.since = 0
	}
	for {
		entries, lost := j.Since(q.since)
		// A reader from the beginning (since 0) has lost nothing that was promised.
		if lost && q.since > 0 {
			if out.Send("lost", "", []byte("{}")) != nil {
				return
			}
		}
		for i := range entries {
			e := &entries[i]
			// Also of entries that are not wanted, so that they are looked at once only.
			q.since = e.ID
			if !q.wants(e) {
				continue
			}
			b, err := e.JSON(q.lang)
			if err != nil || out.Send("entry", strconv.FormatUint(e.ID, 10), b) != nil {
				return
			}
		}
		if !out.Wait(ctx, j.Changed(q.since)) {
			return
		}
	}
}

// language is what a reader wants to read: the parameter lang, else what the browser says.
func language(r *nethttp.Request) journal.Lang {
	l := r.URL.Query().Get("lang")
	if l == "" {
		l = r.Header.Get("Accept-Language")
	}
	if strings.HasPrefix(l, "ko") {
		return journal.Korean
	}
	return journal.English
}
