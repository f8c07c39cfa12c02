package playground

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"momus/broker/console"
	"momus/broker/sabotage"
	"momus/internal/model"
)

// Bounds of machines.
const (
	maxMachines  = 20
	maxRate      = 10_000 // records a second
	maxSize      = 64 << 10
	maxKeys      = 1_000_000
	beat         = 20 * time.Millisecond // of a producer
	transaction  = time.Second           // how long a transactional producer keeps one open
	sampleEvery  = time.Second
	shutdownTime = 5 * time.Second
)

// The kinds of machines.
const (
	producer = "producer"
	consumer = "consumer"
)

// machine is a producer or a consumer.
type machine struct {
	order   console.Order // as it was made
	id      string
	client  *kgo.Client
	connect func() (*kgo.Client, error) // makes client
	network *sabotage.Network
	cancel  context.CancelFunc
	done    chan struct{} // closed when its goroutine has ended

	mu struct {
		sync.Mutex
		count, failed int64
		latency       time.Duration // of all of count together
		problem       string        // the last one
		fault         string        // of this program, which has ended the machine
		problemAt     time.Time
		assigned      map[string][]int32
		next          map[model.TopicPartition]int64 // offset after the last record that it read
		sample        struct {                       // of the time before the last one that was shown
			at            time.Time
			count, failed int64
			latency       time.Duration
		}
		shown machineState
	}
}

// machineState is a machine as the page is shown it.
type machineState struct {
	ID            string   `json:"id"`
	Kind          string   `json:"kind"`
	Topic         string   `json:"topic"`
	Group         string   `json:"group,omitempty"`
	Acks          string   `json:"acks,omitempty"`
	Rate          float64  `json:"rate"` // that was asked for; 0: as fast as a consumer can
	Keys          int      `json:"keys,omitempty"`
	Transactional bool     `json:"transactional,omitempty"`
	Committed     bool     `json:"committed,omitempty"`
	Total         int64    `json:"total"`
	PerSecond     float64  `json:"perSecond"`
	Failed        int64    `json:"failed,omitempty"`
	LatencyMs     float64  `json:"latencyMs,omitempty"`
	Assigned      []string `json:"assigned,omitempty"`
	Problem       string   `json:"problem,omitempty"`
}

// startMachine starts a producer or a consumer.
func (p *Playground) startMachine(o *console.Order) (any, error) {
	m := &machine{order: *o, network: sabotage.NewNetwork(), done: make(chan struct{})}
	if err := m.check(); err != nil {
		return nil, err
	}
	p.mu.Lock()
	// Checked again by nobody: two at once may make one more, which does no harm.
	if len(p.mu.machines) >= maxMachines {
		p.mu.Unlock()
		return nil, fmt.Errorf("there are %d machines already: stop one first", maxMachines)
	}
	p.mu.made++
	m.id = m.order.Kind + "-" + strconv.Itoa(p.mu.made)
	p.mu.Unlock()
	m.connect = func() (*kgo.Client, error) { return p.client(m.network, m.options()...) }
	var err error
	if m.client, err = m.connect(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(p.life)
	m.cancel = cancel
	m.mu.next, m.mu.assigned = map[model.TopicPartition]int64{}, map[string][]int32{}
	p.mu.Lock()
	p.mu.machines = append(p.mu.machines, m)
	p.mu.Unlock()
	p.workers.Go(func() { p.work(ctx, m) }) // ended by stopMachine or Close
	return map[string]string{"id": m.id}, nil
}

// work lets a machine run until ctx ends. A panic ends the machine, which the page then shows with
// the reason, and nothing else of this process, in which the brokers run, too.
func (p *Playground) work(ctx context.Context, m *machine) {
	defer close(m.done)
	err := p.guard(m.id, func() {
		if m.order.Kind == producer {
			m.produce(ctx)
		} else {
			m.consume(ctx)
		}
	})
	if left := p.guard(m.id, func() { m.leave(ctx) }); err == nil {
		err = left
	}
	if err != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.mu.fault = oneLine(err)
	}
}

// check puts defaults into an order and refuses what a machine cannot do. The limits keep a page
// from overloading the machine that the brokers run on.
func (m *machine) check() error {
	o := &m.order
	switch {
	case o.Topic == "":
		return errors.New("a machine needs a topic")
	case o.Rate < 0 || o.Rate > maxRate || o.Rate != o.Rate:
		return fmt.Errorf("the rate must be from 0 to %d records a second", maxRate)
	case o.Kind == producer:
		if o.Acks == "" {
			o.Acks = "all"
		}
		if !slices.Contains([]string{"0", "1", "all"}, o.Acks) {
			return errors.New("acks must be 0, 1 or all")
		}
		if o.Transactional && o.Acks != "all" {
			return errors.New("a transactional producer needs acks=all")
		}
		if o.Size < 0 || o.Size > maxSize {
			return fmt.Errorf("the size must be from 0 to %d bytes", maxSize)
		}
		if o.Keys < 0 || o.Keys > maxKeys {
			return fmt.Errorf("there may be 0 to %d keys", maxKeys)
		}
		if o.Rate == 0 {
			o.Rate = 1
		}
		return nil
	case o.Kind == consumer:
		if o.Group == "" {
			return errors.New("a consumer needs a group")
		}
		return nil
	}
	return errors.New("a machine is a producer or a consumer")
}

// options are those of Kafka's own clients, as far as they are others here.
func (m *machine) options() []kgo.Opt {
	o := &m.order
	opts := []kgo.Opt{kgo.ClientID(m.id)}
	if o.Kind == consumer {
		// Kafka's consumer defaults to latest; here what was sent before is to be seen.
		opts = append(opts, kgo.ConsumerGroup(o.Group), kgo.ConsumeTopics(o.Topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
			kgo.Balancers(kgo.RangeBalancer()), kgo.SessionTimeout(10*time.Second), kgo.HeartbeatInterval(time.Second), kgo.AutoCommitInterval(time.Second),
			kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, got map[string][]int32) { m.assign(got, true) }),
			kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, lost map[string][]int32) { m.assign(lost, false) }),
			kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, lost map[string][]int32) { m.assign(lost, false) }))
		if o.Committed {
			opts = append(opts, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
		}
		return opts
	}
	// As many as a second has: a broker that stands still does not fill the memory, and TryProduce
	// counts the rest as failed.
	opts = append(opts, kgo.MaxBufferedRecords(maxRate), kgo.RecordDeliveryTimeout(30*time.Second), kgo.ProducerLinger(0))
	switch o.Acks {
	case "0":
		opts = append(opts, kgo.RequiredAcks(kgo.NoAck()), kgo.DisableIdempotentWrite())
	case "1":
		opts = append(opts, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
	}
	if o.Transactional {
		opts = append(opts, kgo.TransactionalID(m.id), kgo.TransactionTimeout(10*time.Second))
	}
	return opts
}

// produce sends records at the rate that was asked for until ctx ends.
func (m *machine) produce(ctx context.Context) {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	due, last, number := 1.0, time.Now(), 0
	var began time.Time  // of the transaction; zero when there is none
	how := kgo.TryCommit // its end
	for {
		select {
		case <-ctx.Done():
			if !began.IsZero() {
				m.endTransaction(kgo.TryAbort)
			}
			return
		case now := <-tick.C:
			// Time that was lost is made up for, but for no more than a second.
			due = min(due+m.order.Rate*now.Sub(last).Seconds(), m.order.Rate+1)
			last = now
		}
		if m.order.Transactional {
			if !began.IsZero() && time.Since(began) > transaction {
				if !m.endTransaction(how) {
					how = kgo.TryAbort // nobody knows whether it is committed; kgo goes on with nothing else
					continue
				}
				began, how = time.Time{}, kgo.TryCommit
			}
			if began.IsZero() && due >= 1 {
				if err := m.client.BeginTransaction(); err != nil {
					m.trouble(err)
					m.again()
					continue
				}
				began = time.Now()
			}
		}
		for ; due >= 1 && ctx.Err() == nil; due-- {
			// TryProduce does not wait: a full buffer fails the record at once, as the page shows.
			number++
			m.client.TryProduce(ctx, m.record(number), m.answered)
		}
	}
}

// again takes a new client in place of one that can do nothing more, such as a producer whose
// transaction the coordinator has ended in the meantime: a program would be started again.
func (m *machine) again() {
	client, err := m.connect()
	if err != nil {
		m.trouble(err)
		return
	}
	m.client.Close()
	m.client = client
}

// endTransaction waits for what was sent and ends the transaction, for a bounded time. It reports
// whether the transaction is over.
func (m *machine) endTransaction(how kgo.TransactionEndTry) bool {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	// An unsent record would leave the transaction incomplete.
	if how == kgo.TryCommit {
		if err := m.client.Flush(ctx); err != nil {
			how = kgo.TryAbort
		}
	}
	if how == kgo.TryAbort {
		if err := m.client.AbortBufferedRecords(ctx); err != nil {
			m.trouble(err)
		}
	}
	if err := m.client.EndTransaction(ctx, how); err != nil {
		m.trouble(err)
		return false
	}
	return true
}

// record makes the n-th record.
func (m *machine) record(n int) *kgo.Record {
	r := &kgo.Record{Topic: m.order.Topic, Timestamp: time.Now()}
	if m.order.Keys > 0 {
		r.Key = fmt.Appendf(nil, "key-%d", rand.IntN(m.order.Keys))
	}
	r.Value = fmt.Appendf(nil, `{"from":%q,"number":%d}`, m.id, n)
	if more := m.order.Size - len(r.Value); more > 0 {
		// The closing brace makes place for one more field; 12 bytes are its name, quotes and
		// braces.
		r.Value = fmt.Appendf(r.Value[:len(r.Value)-1], `,"filler":%q}`, strings.Repeat("x", max(0, more-12)))
	}
	return r
}

// answered counts a record that was acknowledged, or not.
func (m *machine) answered(r *kgo.Record, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.mu.failed++
		m.troubleLocked(err)
		return
	}
	m.mu.count++
	m.mu.latency += time.Since(r.Timestamp)
}

// consume reads until ctx ends, at most at the rate that was asked for.
func (m *machine) consume(ctx context.Context) {
	most := 0 // any number
	if m.order.Rate > 0 {
		// A fifth of a second's worth, so that the waits between are short.
		most = max(1, int(m.order.Rate/5))
	}
	for ctx.Err() == nil {
		n := m.took(m.client.PollRecords(ctx, most))
		if m.order.Rate > 0 && n > 0 {
			// The wait is for what was read: the rate holds in the mean.
			wait(ctx, time.Duration(float64(n)/m.order.Rate*float64(time.Second)))
		}
	}
}

// took counts what was read.
func (m *machine) took(fetches kgo.Fetches) (records int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	fetches.EachError(func(_ string, _ int32, err error) { m.troubleLocked(err) })
	fetches.EachRecord(func(r *kgo.Record) {
		records++
		m.mu.next[model.TopicPartition{Topic: r.Topic, Partition: r.Partition}] = r.Offset + 1
	})
	m.mu.count += int64(records)
	return records
}

// wait waits for d or the end of ctx.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// leave ends the client: in good order, with a commit and a goodbye, unless it was killed.
func (m *machine) leave(ctx context.Context) {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	if m.order.Kind == consumer {
		m.client.CommitUncommittedOffsets(bounded) // as far as that is possible
		m.client.LeaveGroupContext(bounded)
	}
	m.client.CloseAllowingRebalance()
}

// assign keeps which partitions the consumer has; a rebalance gives or takes them by topic.
func (m *machine) assign(changed map[string][]int32, got bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for topic, ids := range changed {
		for _, id := range ids {
			// Taken out first, so that a partition that is given twice is there once.
			m.mu.assigned[topic] = slices.DeleteFunc(m.mu.assigned[topic], func(x int32) bool { return x == id })
			if got {
				m.mu.assigned[topic] = append(m.mu.assigned[topic], id)
			}
		}
	}
}

// trouble keeps the last error for the page to show; that the client was closed is none.
func (m *machine) trouble(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.troubleLocked(err)
}

// troubleLocked is trouble for who holds the lock.
func (m *machine) troubleLocked(err error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, kgo.ErrClientClosed) {
		return
	}
	m.mu.problem, m.mu.problemAt = oneLine(err), time.Now()
	if errors.Is(err, context.DeadlineExceeded) {
		m.mu.problem = "no broker has answered in time"
	}
}

// problemTime is how long a problem is shown after it was last met.
const problemTime = 10 * time.Second

// show is the machine as the page is shown it: it changes once a second.
func (m *machine) show(now time.Time) machineState {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &m.mu.sample
	passed := now.Sub(s.at)
	// Several pages may look at once: all see the same second.
	if passed < sampleEvery {
		return m.mu.shown
	}
	o := &m.order
	x := machineState{ID: m.id, Kind: o.Kind, Topic: o.Topic, Group: o.Group, Acks: o.Acks, Rate: o.Rate, Keys: o.Keys, Transactional: o.Transactional,
		Committed: o.Committed, Total: m.mu.count, Failed: m.mu.failed}
	if !s.at.IsZero() {
		x.PerSecond = float64(int(10*float64(m.mu.count-s.count)/passed.Seconds()+0.5)) / 10
	}
	if n := m.mu.count - s.count; n > 0 && o.Kind == producer {
		x.LatencyMs = float64(int64((m.mu.latency-s.latency).Microseconds()/n)) / 1000
	}
	for topic, ids := range m.mu.assigned {
		for _, id := range ids {
			x.Assigned = append(x.Assigned, model.TopicPartition{Topic: topic, Partition: id}.String())
		}
	}
	slices.Sort(x.Assigned)
	if now.Sub(m.mu.problemAt) < problemTime {
		x.Problem = m.mu.problem
	}
	if m.mu.fault != "" {
		x.Problem = m.mu.fault
	}
	s.at, s.count, s.failed, s.latency = now, m.mu.count, m.mu.failed, m.mu.latency
	m.mu.shown = x
	return x
}

// past reports whether a consumer has read a record.
func (m *machine) past(tp model.TopicPartition, offset int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.next[tp] > offset
}

// stopMachine ends a machine, in good order or as kill -9 does: a consumer that is killed stays a
// member of its group until its session times out.
func (p *Playground) stopMachine(ctx context.Context, id string, kill bool) error {
	p.mu.Lock()
	i := slices.IndexFunc(p.mu.machines, func(m *machine) bool { return m.id == id })
	if i < 0 {
		p.mu.Unlock()
		// Through oneLine, since the id came from outside.
		return fmt.Errorf("there is no machine %s", oneLine(errors.New(id)))
	}
	m := p.mu.machines[i]
	p.mu.machines = slices.Delete(slices.Clone(p.mu.machines), i, i+1)
	p.mu.Unlock()
	if kill {
		m.network.Sever()
	}
	m.cancel()
	if kill {
		return nil // its goroutine ends by itself; Close waits for it
	}
	select {
	case <-m.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// createTopic creates a topic.
func (p *Playground) createTopic(ctx context.Context, o *console.Order) error {
	if o.Topic == "" || o.Partitions < 0 || o.Partitions > 1000 || o.Replicas < 0 {
		return errors.New("a topic needs a name and 1 to 1000 partitions")
	}
	client, err := p.client(sabotage.NewNetwork())
	if err != nil {
		return err
	}
	defer client.Close()
	// kadm wants numbers that Kafka's own clients may leave to the broker.
	answer, err := kadm.NewClient(client).CreateTopic(ctx, max(1, o.Partitions), max(1, o.Replicas), nil, o.Topic)
	if err != nil && answer.ErrMessage != "" { // the broker says what is wrong; the error says that something is
		return errors.New(answer.ErrMessage)
	}
	return err
}
