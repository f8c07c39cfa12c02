package playground

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"momus/broker/console"
	"momus/broker/sabotage"
	"momus/broker/view"
	"momus/internal/model"
)

// Bounds of records that are followed.
const (
	maxTraces   = 5 // that are shown
	maxFollowed = 3 // at the same time
	maxValue    = 16 << 10
	followTick  = time.Millisecond // at first: what takes longer is looked at less often
	slowTick    = 20 * time.Millisecond
	slowAfter   = time.Second
	groupTick   = 250 * time.Millisecond
	followTime  = 2 * time.Minute
)

// traceHeader marks a record that is followed, so that it is found in the leader's log before it is
// acknowledged.
const traceHeader = "momus-page"

// trace is a record that was sent from the page, on its way through the cluster.
type trace struct {
	id    string
	began time.Time

	mu struct {
		sync.Mutex
		state traceState
	}
}

// traceState is a trace as the page is shown it.
type traceState struct {
	ID        string  `json:"id"`
	Topic     string  `json:"topic"`
	Partition int32   `json:"partition"`
	Offset    int64   `json:"offset"` // -1: not known yet
	Acks      string  `json:"acks"`
	At        int64   `json:"at"` // ms since 1970
	Stages    []stage `json:"stages"`
	Error     string  `json:"error,omitempty"`
	Over      bool    `json:"over"`
}

// stage is a station of a record: sent, appended (by the leader), fetched (by a follower),
// committed (the high watermark has passed it), acked (the producer was told), read (by a consumer
// of the page), offset (a group has committed it).
type stage struct {
	What   string  `json:"what"`
	Broker int32   `json:"broker,omitempty"`
	Who    string  `json:"who,omitempty"`
	Ms     float64 `json:"ms"` // after it was sent; -1: not yet
}

// show is a copy that may be written out while the record goes on.
func (t *trace) show() traceState {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.mu.state
	s.Stages = slices.Clone(s.Stages)
	return s
}

// reach notes that a stage is reached; one that was not expected is added.
func (t *trace) reach(what string, broker int32, who string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ms := float64(time.Since(t.began).Microseconds()) / 1000
	for i := range t.mu.state.Stages {
		// The first time counts: looks come again and again.
		if s := &t.mu.state.Stages[i]; s.What == what && s.Broker == broker && s.Who == who {
			if s.Ms < 0 {
				s.Ms = ms
			}
			return
		}
	}
	t.mu.state.Stages = append(t.mu.state.Stages, stage{what, broker, who, ms})
}

// change changes the state under the lock.
func (t *trace) change(fn func(s *traceState)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fn(&t.mu.state)
}

// send sends one record and follows it.
func (p *Playground) send(o *console.Order) (any, error) {
	if o.Acks == "" {
		o.Acks = "all"
	}
	acks := map[string]kgo.Acks{"0": kgo.NoAck(), "1": kgo.LeaderAck(), "all": kgo.AllISRAcks()}
	wanted, ok := acks[o.Acks]
	// A pointer tells no key from an empty one.
	key, value := bytesOf(o.Key), bytesOf(o.Value)
	switch {
	case o.Topic == "" || model.IsInternalTopic(o.Topic):
		return nil, errors.New("a record needs a topic, and not an internal one")
	case !ok:
		return nil, errors.New("acks must be 0, 1 or all")
	case len(key)+len(value) > maxValue:
		return nil, fmt.Errorf("key and value may have %d bytes together", maxValue)
	}
	// Without retries by sequence a record is sent as plainly as the page explains it.
	// A client of its own, so that a record does not wait behind another's trouble.
	client, err := p.client(sabotage.NewNetwork(), kgo.ClientID("page"), kgo.RequiredAcks(wanted), kgo.DisableIdempotentWrite(), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.RecordDeliveryTimeout(followTime), kgo.ProducerLinger(0))
	if err != nil {
		return nil, err
	}
	t, err := p.newTrace(o)
	if err != nil {
		client.Close()
		return nil, err
	}
	p.workers.Go(func() { // ended by followTime or Close
		defer client.Close()
		p.trace(client, t, o, key, value)
	})
	return map[string]string{"id": t.id}, nil
}

// trace follows a record to its end. A panic is shown as any other reason why it was lost sight of.
func (p *Playground) trace(client *kgo.Client, t *trace, o *console.Order, key, value []byte) {
	ctx, cancel := context.WithTimeout(p.life, followTime)
	defer cancel()
	var err error
	if fault := p.guard("record "+t.id, func() { err = p.follow(ctx, client, t, o, key, value) }); fault != nil {
		err = fault
	}
	t.change(func(s *traceState) {
		s.Over = true
		if err != nil {
			s.Error = oneLine(err)
		}
	})
}

// bytesOf is a key or a value: none is null in the record, which is not the same as an empty one.
func bytesOf(s *string) []byte {
	if s == nil {
		return nil
	}
	return []byte(*s)
}

// newTrace begins to follow a record; only so many are followed at a time, and only the last ones
// are kept for the page.
func (p *Playground) newTrace(o *console.Order) (*trace, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	open := 0
	for _, t := range p.mu.sent {
		if !t.show().Over {
			open++
		}
	}
	if open >= maxFollowed {
		return nil, fmt.Errorf("%d records are on their way already: wait for one of them", open)
	}
	p.mu.traced++
	// The random part keeps records of an earlier process, in the same log, from being found.
	t := &trace{id: strconv.Itoa(p.mu.traced) + "-" + strconv.FormatUint(rand.Uint64(), 36), began: time.Now()}
	t.mu.state = traceState{ID: t.id, Topic: o.Topic, Partition: -1, Offset: -1, Acks: o.Acks, At: t.began.UnixMilli(), Stages: []stage{}}
	p.mu.sent = append(slices.Clone(p.mu.sent), t)
	p.mu.sent = p.mu.sent[max(0, len(p.mu.sent)-maxTraces):]
	return t, nil
}

// follow sends a record and looks at the brokers until everybody has it.
func (p *Playground) follow(ctx context.Context, client *kgo.Client, t *trace, o *console.Order, key, value []byte) error {
	details, err := kadm.NewClient(client).ListTopics(ctx, o.Topic)
	if err != nil {
		return err
	}
	topic := details[o.Topic]
	if topic.Err != nil {
		return fmt.Errorf("topic %s: %w", o.Topic, topic.Err)
	}
	r := &kgo.Record{Topic: o.Topic, Key: key, Value: value, Headers: []kgo.RecordHeader{{Key: traceHeader, Value: []byte(t.id)}}}
	if r.Partition, err = choosePartition(o, r, len(topic.Partitions)); err != nil {
		return err
	}
	tp := model.TopicPartition{Topic: o.Topic, Partition: r.Partition}
	// The look begins at today's end: what was there before is not read.
	before := p.end64(tp)
	t.began = time.Now()
	t.change(func(s *traceState) {
		s.Partition, s.At = tp.Partition, t.began.UnixMilli()
		leader := topic.Partitions[tp.Partition].Leader
		s.Stages = append(s.Stages, stage{"sent", 0, "", 0}, stage{"appended", leader, "", -1})
		for _, id := range topic.Partitions[tp.Partition].Replicas {
			if id != leader {
				s.Stages = append(s.Stages, stage{"fetched", id, "", -1})
			}
		}
		s.Stages = append(s.Stages, stage{"committed", leader, "", -1}, stage{"acked", 0, "", -1})
	})
	// One: Produce answers once, and watch may be gone.
	answered := make(chan error, 1) // one answer
	client.Produce(ctx, r, func(_ *kgo.Record, err error) { answered <- err })
	return p.watch(ctx, t, tp, before, answered)
}

// choosePartition is the partition that was asked for, or the one that Kafka's producer chooses for
// the key.
func choosePartition(o *console.Order, r *kgo.Record, partitions int) (int32, error) {
	if partitions == 0 {
		return 0, errors.New("the topic has no partitions")
	}
	if o.Partition != nil {
		if *o.Partition < 0 || int(*o.Partition) >= partitions {
			return 0, fmt.Errorf("there is no partition %d", *o.Partition)
		}
		return *o.Partition, nil
	}
	// Kafka's default spreads these over batches; a single record goes anywhere.
	if r.Key == nil {
		return rand.Int32N(int32(partitions)), nil
	}
	// murmur2 of the key, as in Kafka's DefaultPartitioner.
	return int32(kgo.StickyKeyPartitioner(nil).ForTopic(r.Topic).Partition(r, partitions)), nil
}

// end64 is the log end of a partition's leader, 0 if no leader tells.
func (p *Playground) end64(tp model.TopicPartition) int64 {
	for _, m := range p.site.Members() {
		if r, ok := m.View.Replica(tp); ok && r.Leading {
			return r.End
		}
	}
	return 0
}

// watch looks at the brokers until the record is everywhere, or there is nobody left to wait for.
func (p *Playground) watch(ctx context.Context, t *trace, tp model.TopicPartition, from int64, answered <-chan error) error {
	tick := time.NewTicker(followTick)
	defer tick.Stop()
	w := watched{p: p, t: t, tp: tp, from: from, offset: -1}
	acked, slow := false, false
	var looked, reached time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-answered:
			if err != nil {
				return err
			}
			w.look() // what came before the answer is told before it
			t.reach("acked", 0, "")
			answered, acked = nil, true
			continue
		case <-tick.C:
		}
		if !slow && time.Since(t.began) > slowAfter {
			slow = true
			tick.Reset(slowTick)
		}
		if w.look(); w.offset < 0 || time.Since(looked) < groupTick {
			continue
		}
		looked = time.Now()
		past, open := p.groupsPast(ctx, tp, w.offset)
		w.look() // what came before is told before it
		for _, group := range past {
			t.reach("offset", 0, group)
		}
		// A follower that is away, or a group that stands still, keeps it open until followTime.
		if !acked || open > 0 || slices.ContainsFunc(t.show().Stages, func(s stage) bool { return s.Ms < 0 }) {
			reached = time.Time{}
			continue
		}
		if reached.IsZero() {
			reached = time.Now()
		}
		if time.Since(reached) > 2*time.Second { // a consumer that has read it will commit it
			return nil
		}
	}
}

// watched is a record that is looked for: its offset is -1 until it is found, from on.
type watched struct {
	p            *Playground
	t            *trace
	tp           model.TopicPartition
	from, offset int64
}

// look notes which stages are reached.
func (w *watched) look() {
	if w.offset < 0 {
		if w.offset, w.from = w.p.find(w.tp, w.t.id, w.from); w.offset < 0 {
			return
		}
		w.t.change(func(s *traceState) { s.Offset = w.offset })
	}
	// Asked before the brokers and told after them: what a consumer has read is committed.
	readers := w.readers()
	var followers []int32 // told after the leader, from whom they have it
	for _, m := range w.p.site.Members() {
		x, ok := m.View.Replica(w.tp)
		// An end behind the record's offset: the replica has it.
		if !ok || x.End <= w.offset {
			continue
		}
		if !x.Leading {
			followers = append(followers, x.Broker)
			continue
		}
		w.t.reach("appended", x.Broker, "")
		if x.Committed > w.offset {
			w.t.reach("committed", x.Broker, "")
		}
	}
	for _, id := range followers {
		w.t.reach("fetched", id, "")
	}
	for _, id := range readers {
		w.t.reach("read", 0, id)
	}
}

// readers are the consumers of the page that have read the record.
func (w *watched) readers() (ids []string) {
	w.p.mu.Lock()
	machines := slices.Clone(w.p.mu.machines)
	w.p.mu.Unlock()
	for _, m := range machines {
		if m.order.Kind == consumer && m.past(w.tp, w.offset) {
			ids = append(ids, m.id)
		}
	}
	return ids
}

// find looks for a record that is followed in the leader's log.
func (p *Playground) find(tp model.TopicPartition, id string, from int64) (offset, next int64) {
	for _, m := range p.site.Members() {
		x, ok := m.View.Replica(tp)
		if !ok || !x.Leading || x.End <= from {
			continue
		}
		batches, err := m.View.Batches(tp, max(from, x.Start))
		if err != nil {
			// The log may be moving or closed; the next look tries again.
			return -1, from
		}
		for _, b := range batches {
			for _, r := range b.Records {
				if slices.ContainsFunc(r.Headers, func(h view.Header) bool { return h.Key == traceHeader && h.Value != nil && h.Value.Text == id }) {
					return r.Offset, from
				}
				from = max(from, r.Offset+1)
			}
		}
	}
	return -1, from
}

// groupsPast lists the groups that have committed an offset behind a record, and says how many groups
// with members still have to.
func (p *Playground) groupsPast(ctx context.Context, tp model.TopicPartition, offset int64) (past []string, open int) {
	// Each broker knows the groups that it coordinates.
	for _, m := range p.site.Members() {
		for _, g := range m.View.Groups(ctx) {
			for _, o := range g.Offsets {
				if o.Topic != tp.Topic || o.Partition != tp.Partition {
					continue
				}
				if o.Committed > offset {
					past = append(past, g.Name)
				} else if len(g.Members) > 0 {
					open++
				}
			}
		}
	}
	return past, open
}
