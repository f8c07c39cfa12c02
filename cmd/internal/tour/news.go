package tour

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// news is an entry of a journal.
type news struct {
	Time     time.Time
	Name     string // of the topic, group and so on
	Sentence string
}

// News is what the journals of all brokers say that they had not said when it was called last, in
// the order in which it happened; what is about internal topics comes last, since it is rarely what
// a step is about. A broker that is down says nothing.
func (s *Session) News(ctx context.Context, lang Lang) (sentences []string) {
	var all []news
	for _, base := range s.cluster.web() {
		more, last, err := journal(ctx, base, s.seen[base], lang)
		if err == nil && last < s.seen[base] { // the broker was started again, and so was its journal
			more, last, err = journal(ctx, base, 0, lang)
		}
		if err == nil {
			s.seen[base] = last
			all = append(all, more...)
		}
	}
	slices.SortStableFunc(all, func(a, b news) int { return a.Time.Compare(b.Time) })
	for _, internal := range []bool{false, true} {
		for _, n := range all {
			// What happens to all brokers, such as a change of a config, is told once.
			if strings.HasPrefix(n.Name, "__") == internal && !slices.Contains(sentences, n.Sentence) {
				sentences = append(sentences, n.Sentence)
			}
		}
	}
	return sentences
}

// journal asks a broker what it did since an entry of its journal, and which entry is the last now.
func journal(ctx context.Context, base string, since uint64, lang Lang) (entries []news, last uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	q := url.Values{"lang": {string(lang)}, "since": {strconv.FormatUint(since, 10)}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/journal?"+q.Encode(), nil)
	if err != nil {
		return nil, 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer resp.Body.Close()
	var answer struct {
		Last    uint64
		Entries []news
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 16<<20)).Decode(&answer); err != nil {
		return nil, 0, fmt.Errorf("the journal of %s: %w", base, err)
	}
	return answer.Entries, answer.Last, nil
}
