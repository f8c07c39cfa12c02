package console

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	nethttp "net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"momus/broker/http"
	"momus/broker/view"
	"momus/internal/fan"
	"momus/internal/journal"
)

// How often the brokers are looked at while somebody has the page open: what changes is to be seen
// within 200 ms, the browser's part included, and looks at thousands of topics take a twentieth of a
// core at most.
const (
	shortestTick = 60 * time.Millisecond
	longestTick  = 150 * time.Millisecond
	restPerLook  = 20 // for so many times as long as a look took there is none
)

// nextLook is how long to wait after a look that took so long.
func nextLook(took time.Duration) time.Duration {
	return min(max(restPerLook*took, shortestTick), longestTick)
}

// outsideTick is how often for a cluster that is asked over the network.
const outsideTick = time.Second

// hub looks at the cluster for all open pages together, and only while there are any. Each page
// gets the whole once and then what has changed.
type hub struct {
	// site is set once, by init.
	site *Site

	mu struct {
		sync.Mutex
		// pages is how many streams are open; the last one's end stops the looking.
		pages   int
		stop    context.CancelFunc // of the looking goroutine; nil while nobody looks
		looking *sync.WaitGroup    // waits for that goroutine
		frame   *frame             // the latest; nil before the first
		changed chan struct{}      // closed and replaced with each new frame
		// panicked is what ended the looking before its time, until all pages that waited for it
		// have gone.
		panicked *fan.Panic
	}
}

// frame is one look at the cluster. It does not change.
type frame struct {
	// number is one more than that of the frame before, if there is something to tell.
	number uint64
	base   []byte // brokers and controller, as JSON
	// topics are JSON by name. Frames share the bytes of topics that have not changed, so that
	// looks at thousands of quiet topics keep one copy.
	topics  map[string][]byte
	figures []byte // rates, once a second
	play    []byte // what there is to play with; nil without a Player
	entries uint64 // of all journals together
	at      time.Time
	// at and cluster are what figures are measured from, not always those of this look: see next.
	cluster *view.Cluster
}

func (h *hub) init(s *Site) {
	h.site = s
	h.mu.changed = make(chan struct{})
}

// open counts a page in; the first one starts the looking. close counts it out.
func (h *hub) open() (done func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mu.pages++; h.mu.pages == 1 {
		ctx, cancel := context.WithCancel(context.Background())
		h.mu.stop, h.mu.looking, h.mu.panicked = cancel, new(sync.WaitGroup), nil
		h.mu.looking.Go(func() { // ended by the last page
			if p := fan.Guard(func() { h.look(ctx) }); p != nil {
				h.failed(ctx, p)
			}
		})
	}
	return func() {
		if ended := h.leave(); ended != nil {
			ended.Wait() // without the lock, which the look may be about to take
		}
	}
}

// leave counts a page out. The last one stops the looking, and is given what waits for its end.
func (h *hub) leave() (ended *sync.WaitGroup) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mu.pages--; h.mu.pages > 0 {
		return nil
	}
	// The frame goes too: a page that opens later must not be shown what was true long ago. A look
	// that is still under way sees that its context has ended and keeps its frame to itself.
	h.mu.stop()
	h.mu.frame = nil
	return h.mu.looking
}

func (h *hub) look(ctx context.Context) {
	tick := time.NewTimer(outsideTick)
	defer tick.Stop()
	for {
		began := time.Now()
		h.mu.Lock()
		before := h.mu.frame
		h.mu.Unlock()
		// Without the lock: a look may wait for brokers, and pages must be able to come and go.
		next := h.next(ctx, before)
		h.mu.Lock()
		if ctx.Err() == nil && next != before {
			h.mu.frame = next
			close(h.mu.changed)
			h.mu.changed = make(chan struct{})
		}
		h.mu.Unlock()
		if h.site.opts.Outside != nil {
			tick.Reset(outsideTick)
		} else {
			tick.Reset(nextLook(time.Since(began)))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// failed hands a panic of the looking to the pages, each of which it costs its stream: they come
// back, and the first of them starts the looking again.
func (h *hub) failed(ctx context.Context, p *fan.Panic) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ctx.Err() == nil {
		h.mu.panicked = p
		close(h.mu.changed)
		h.mu.changed = make(chan struct{})
	}
}

// next makes the frame after before; it is before itself if nothing has changed.
func (h *hub) next(ctx context.Context, before *frame) *frame {
	c := h.site.Cluster(ctx)
	f := &frame{number: 1, topics: make(map[string][]byte, len(c.Topics)), at: time.Now(), cluster: c}
	// Bytes and messages grow all the time and would make each frame a new one.
	brokers := slices.Clone(c.Brokers)
	for i := range brokers { // figures go with the rates
		brokers[i].BytesIn, brokers[i].MessagesIn = 0, 0
	}
	for _, j := range h.site.journals() {
		f.entries += j.Last()
	}
	f.base = mustJSON(map[string]any{"id": c.ID, "controller": c.Controller, "brokers": brokers, "topicCount": len(c.Topics)})
	if p := h.site.opts.Player; p != nil {
		f.play = mustJSON(p.State())
	}
	same := before != nil && before.entries == f.entries && bytes.Equal(before.play, f.play) && bytes.Equal(before.base, f.base) && len(before.topics) == len(c.Topics)
	for i := range c.Topics {
		t := &c.Topics[i]
		b := mustJSON(t)
		if before != nil {
			f.number = before.number + 1
			if old, ok := before.topics[t.Name]; ok && bytes.Equal(old, b) {
				b = old // so that frames share what has not changed
			} else {
				same = false
			}
		}
		f.topics[t.Name] = b
	}
	switch {
	case before == nil:
		f.figures = rates(c, c, 1)
	case f.at.Sub(before.at) >= time.Second || !same:
		f.figures = before.figures
		if d := f.at.Sub(before.at); d >= time.Second {
			f.figures = rates(before.cluster, c, d.Seconds())
			same = same && bytes.Equal(f.figures, before.figures)
		} else {
			// Rates are measured over a second at least, so that a look in between, for something
			// else that has changed, must not begin a new measurement.
			f.at, f.cluster = before.at, before.cluster
		}
	}
	if same && f.at.Sub(before.at) < time.Second {
		return before
	}
	if same { // the figures are what they were: a new start for the next, and nothing to tell
		f.number = before.number
	}
	return f
}

// rates are the rates of brokers and of the topics that have any.
func rates(before, now *view.Cluster, seconds float64) []byte {
	type rate struct {
		ID       int32   `json:"id"`
		BytesIn  float64 `json:"bytesIn"`
		Messages float64 `json:"messages"`
	}
	out := struct {
		Brokers []rate             `json:"brokers"`
		Topics  map[string]float64 `json:"topics"` // records a second
	}{Topics: map[string]float64{}}
	old := map[int32]view.Broker{}
	for _, b := range before.Brokers {
		old[b.ID] = b
	}
	for _, b := range now.Brokers {
		o := old[b.ID]
		// A broker that has begun again counts from 0: its rate is shown as 0 once, not as
		// negative.
		out.Brokers = append(out.Brokers, rate{b.ID, max(0, float64(b.BytesIn-o.BytesIn)/seconds), max(0, float64(b.MessagesIn-o.MessagesIn)/seconds)})
	}
	ends := map[string]int64{}
	sum := func(c *view.Cluster, sign int64) {
		for _, t := range c.Topics {
			for _, p := range t.Partitions {
				if p.End > 0 {
					ends[t.Name] += sign * p.End
				}
			}
		}
	}
	// By the ends of partitions, not by the counter of messages: that one is of a broker, and does
	// not tell topics apart.
	sum(now, 1)
	sum(before, -1)
	for name, n := range ends {
		if n > 0 {
			out.Topics[name] = float64(n) / seconds
		}
	}
	return mustJSON(out)
}

// mustJSON encodes types of this package and of view, which have nothing in them that JSON cannot
// say: rates are divided by a number of seconds that is never 0.
func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("console: a value of ours is not JSON: " + err.Error()) // a fault of this package
	}
	return b
}

// latest is the newest frame, nil before the first, and a channel that is closed when there is
// another. It panics if the looking has.
func (h *hub) latest() (*frame, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mu.panicked != nil {
		panic(h.mu.panicked)
	}
	return h.mu.frame, h.mu.changed
}

// stream sends the cluster and the journal to one page.
func (s *Site) stream(ctx context.Context, r *nethttp.Request, out *http.Stream) {
	defer s.hub.open()()
	lang := language(r)
	var seen *frame
	told := map[int32]uint64{} // last entry by broker
	for {
		f, changed := s.hub.latest()
		if f != nil && f != seen {
			if sendFrame(out, seen, f) != nil {
				return
			}
			seen = f
		}
		if sendEntries(out, s.journals(), told, lang) != nil {
			return
		}
		// An entry of a journal makes a new frame, too: see entries in next.
		if !out.Wait(ctx, changed) {
			return
		}
	}
}

// sendFrame sends what is new in a frame.
func sendFrame(out *http.Stream, seen, f *frame) error {
	if seen == nil || !bytes.Equal(seen.base, f.base) {
		if err := out.Send("cluster", "", f.base); err != nil {
			return err
		}
	}
	var b bytes.Buffer
	n := 0
	for _, name := range sortedKeys(f.topics) {
		topic := f.topics[name]
		if seen != nil {
			if old, ok := seen.topics[name]; ok && bytes.Equal(old, topic) {
				continue
			}
		}
		if n++; n > 1 {
			b.WriteByte(',')
		}
		b.Write(topic)
	}
	gone := []string{}
	if seen != nil {
		for name := range seen.topics {
			if _, ok := f.topics[name]; !ok {
				gone = append(gone, name)
			}
		}
	}
	if n > 0 || len(gone) > 0 || seen == nil {
		data := append([]byte(`{"changed":[`), b.Bytes()...)
		data = append(data, `],"gone":`...)
		data = append(append(data, mustJSON(gone)...), '}')
		if err := out.Send("topics", "", data); err != nil {
			return err
		}
	}
	if f.play != nil && (seen == nil || !bytes.Equal(seen.play, f.play)) {
		if err := out.Send("play", "", f.play); err != nil {
			return err
		}
	}
	if seen == nil || !bytes.Equal(seen.figures, f.figures) {
		return out.Send("rates", "", f.figures)
	}
	return nil
}

// firstEntries is how many entries of each journal a page is sent at first.
const firstEntries = 500

// sendEntries sends the entries after those that were told, in the order of time.
func sendEntries(out *http.Stream, journals []*journal.Journal, told map[int32]uint64, lang journal.Lang) error {
	var all []journal.Entry
	for _, j := range journals {
		id := j.Broker()
		// What was overwritten before it could be sent is lost without a word here; the journal's
		// own stream tells of it.
		entries, _ := j.Since(told[id])
		if len(entries) == 0 {
			continue
		}
		told[id] = entries[len(entries)-1].ID
		all = append(all, entries[max(0, len(entries)-firstEntries):]...)
	}
	slices.SortStableFunc(all, func(a, b journal.Entry) int { return a.Time.Compare(b.Time) })
	for i := range all {
		b, err := all[i].JSON(lang)
		if err != nil {
			return err
		}
		if err := out.Send("entry", strconv.FormatUint(all[i].ID, 10), b); err != nil {
			return err
		}
	}
	return nil
}

// sortedKeys makes the order of a map the same each time, so that equal things are equal as JSON;
// of an empty map it is a list too, not null.
func sortedKeys[T any](m map[string]T) []string {
	keys := slices.AppendSeq([]string{}, maps.Keys(m))
	slices.Sort(keys)
	return keys
}
