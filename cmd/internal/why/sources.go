package why

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"momus/cmd/internal/tool/clients"
	"momus/internal/journal"
)

// Source is a broker whose journal is read.
type Source struct {
	Broker int32 // -1 when it was named by its address only
	URL    string
	// Err is why the journal could not be read; nil if it could.
	Err error

	last    uint64
	entries []journal.Entry
}

// errNoPort is the Err of a broker that has no HTTP port to be asked at.
var errNoPort = errors.New("it is not momus, or its HTTP port is closed")

// Bounds of what a journal's answer may be: other programs listen on ports too.
const (
	askTimeout = 3 * time.Second
	maxAnswer  = 32 << 20
)

// read asks all sources for what is new, side by side. It reports whether there is anything new.
func read(ctx context.Context, sources []*Source, ports *ports) (news bool) {
	var wg sync.WaitGroup
	before := 0
	for _, s := range sources {
		before += len(s.entries)
		if s.URL != "" {
			wg.Go(func() { s.Err = s.read(ctx, ports) })
		}
	}
	wg.Wait()
	for _, s := range sources {
		before -= len(s.entries)
	}
	return before != 0
}

// ports asks the HTTP ports, with what they may ask for.
type ports struct {
	*clients.HTTPPorts
	user, password string
}

// read asks for the entries since the last that were read. What a broker answers is bounded, in
// time and in bytes.
func (s *Source) read(ctx context.Context, p *ports) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	// 0 at first, which is everything that the ring still holds.
	defer cancel()
	resp, err := p.Get(ctx, fmt.Sprintf("%s/journal?since=%d", strings.TrimRight(s.URL, "/"), s.last), p.user, p.password)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %.200s", resp.Status, strings.TrimSpace(string(body)))
	}
	var a struct {
		Last    uint64          `json:"last"`
		Entries []journal.Entry `json:"entries"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return fmt.Errorf("%s/journal is not a journal: %w", s.URL, err)
	}
	// Its numbers begin anew; the next look takes all of them.
	if a.Last < s.last { // the broker has started anew
		s.last = 0
		return nil
	}
	s.last = a.Last
	s.entries = append(s.entries, a.Entries...)
	if s.Broker < 0 && len(a.Entries) > 0 {
		s.Broker = a.Entries[0].Broker
	}
	return nil
}

// history merges the journals of all brokers by time, so that a cause on one broker is found from
// its effect on another.
func history(sources []*Source) *journal.History {
	lists := make([][]journal.Entry, len(sources))
	for i, s := range sources {
		lists[i] = s.entries
	}
	return journal.NewHistory(lists...)
}
