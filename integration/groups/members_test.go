//go:build interop

package groups

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"momus/integration/testkit"
)

// The members in Go are this test program itself, so that they can be killed like the others:
// MOMUS_GO_MEMBER names the library.
func TestMain(m *testing.M) {
	library := os.Getenv("MOMUS_GO_MEMBER")
	if library == "" {
		os.Exit(m.Run())
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	session, err := time.ParseDuration(os.Getenv("MOMUS_SESSION_MS") + "ms")
	if err == nil {
		run := map[string]func(ctx context.Context, session time.Duration, brokers []string, topic, group string) error{"franz-go": franzMember, "sarama": saramaMember}[library]
		err = run(ctx, session, strings.Split(os.Args[1], ","), os.Args[2], os.Args[3])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func franzMember(ctx context.Context, session time.Duration, brokers []string, topic, group string) error {
	opts := []kgo.Opt{kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(topic), kgo.ConsumerGroup(group), kgo.Balancers(kgo.RangeBalancer()),
		kgo.ClientID(os.Getenv("MOMUS_CLIENT_ID")), kgo.SessionTimeout(session), kgo.HeartbeatInterval(500 * time.Millisecond),
		kgo.AutoCommitInterval(200 * time.Millisecond), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.MetadataMaxAge(2 * time.Second)}
	if id := os.Getenv("MOMUS_INSTANCE_ID"); id != "" {
		opts = append(opts, kgo.InstanceID(id))
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return err
	}
	defer cl.Close()
	for ctx.Err() == nil {
		cl.PollFetches(ctx).EachRecord(func(r *kgo.Record) { fmt.Printf("got %s\n", r.Value) })
	}
	last, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return cl.CommitUncommittedOffsets(last)
}

// saramaHandler prints what a claim brings.
type saramaHandler struct{}

func (saramaHandler) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (saramaHandler) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (saramaHandler) ConsumeClaim(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
	for m := range c.Messages() {
		fmt.Printf("got %s\n", m.Value)
		s.MarkMessage(m, "")
	}
	return nil
}

func saramaMember(ctx context.Context, session time.Duration, brokers []string, topic, group string) error {
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V2_5_0_0
	cfg.ClientID = os.Getenv("MOMUS_CLIENT_ID")
	cfg.Consumer.Group.InstanceId = os.Getenv("MOMUS_INSTANCE_ID")
	cfg.Consumer.Group.Session.Timeout = session
	cfg.Consumer.Group.Heartbeat.Interval = 500 * time.Millisecond
	cfg.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategyRange()}
	cfg.Consumer.Offsets.AutoCommit.Interval = 200 * time.Millisecond
	cfg.Consumer.Offsets.Initial = sarama.OffsetOldest
	cfg.Metadata.RefreshFrequency = 2 * time.Second
	cfg.Metadata.Retry.Max = 20
	g, err := sarama.NewConsumerGroup(brokers, group, cfg)
	if err != nil {
		return err
	}
	defer g.Close()
	for ctx.Err() == nil {
		if err := g.Consume(ctx, []string{topic}, saramaHandler{}); err != nil {
			fmt.Fprintln(os.Stderr, "again after", err)
			select {
			case <-time.After(200 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}
	return nil
}

// kind is a client library that can be a group member.
type kind struct {
	name string
	argv func(t *testing.T) testkit.Spec
}

func javaKind(version string, env ...string) kind {
	return kind{"java-" + version, func(t *testing.T) testkit.Spec {
		return testkit.Spec{Env: env, Args: []string{"java", "-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp",
			filepath.Join(testkit.Peers(t, "clients-"+version), "*") + ":" + testkit.Peers(t, "java-client"), "Client", "member"}}
	}}
}

func pythonKind(library string) kind {
	return kind{library, func(t *testing.T) testkit.Spec {
		return testkit.Spec{Args: []string{filepath.Join(testkit.Peers(t, "python"), "bin/python"),
			filepath.Join(testkit.Root(t), "integration/python/client.py"), library, "member"}}
	}}
}

func nodeKind() kind {
	return kind{"kafkajs", func(t *testing.T) testkit.Spec {
		return testkit.Spec{Args: []string{"node", filepath.Join(testkit.Root(t), "integration/node/client.js"), "member"},
			Env: []string{"NODE_PATH=" + filepath.Join(testkit.Peers(t, "node"), "node_modules"), "KAFKAJS_NO_PARTITIONER_WARNING=1", "MOMUS_ASSIGNOR=range"}}
	}}
}

func goKind(library string) kind {
	return kind{library, func(t *testing.T) testkit.Spec {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		return testkit.Spec{Args: []string{self}, Env: []string{"MOMUS_GO_MEMBER=" + library}}
	}}
}

// process is a running member.
type process struct {
	*testkit.Process
	name string // its client id
	kind kind
	env  []string
}

// party is a group under test: its members, the brokers behind their proxies, and the watch between
// them.
type party struct {
	t       *testing.T
	brokers []*testkit.Cluster
	proxies []*testkit.FrameProxy
	at      string // the proxies
	topic   string
	watch   *watch
	members []*process // alive
	all     []*process // every one that was ever started
	next    int
	sent    int
	writer  *kgo.Client
	admin   *kadm.Client
}

var settings = []string{
	"zookeeper.session.timeout.ms=3000", "replica.lag.time.max.ms=3000", "offsets.topic.replication.factor=3", "offsets.topic.num.partitions=2",
	"min.insync.replicas=1", "log.cleaner.dedupe.buffer.size=4194304", "controlled.shutdown.retry.backoff.ms=500", "replica.socket.timeout.ms=3000",
	"controller.socket.timeout.ms=3000", "group.min.session.timeout.ms=1000", "auto.create.topics.enable=false", "auto.leader.rebalance.enable=false",
}

// limit is how long a group may take to be stable.
const limit = 60 * time.Second

func newParty(t *testing.T, brokers int, partitions int32) *party {
	t.Helper()
	p := &party{t: t, topic: "t", watch: newWatch("g")}
	start := testkit.BrokerAt
	if os.Getenv("MOMUS_TEST_APACHE") != "" {
		start = testkit.KafkaAt
	}
	more := append(slices.Clone(settings), fmt.Sprintf("offsets.topic.replication.factor=%d", brokers))
	bs, proxies := testkit.BehindFrameProxies(t, testkit.ZooKeeper(t, "zookeeper"), brokers, start, p.watch.hooks, more...)
	var addrs []string
	for _, x := range proxies {
		addrs = append(addrs, x.Addr)
	}
	p.proxies = proxies
	p.brokers, p.at = bs, strings.Join(addrs, ",")
	p.admin = testkit.Admin(t, p.at)
	if r, err := p.admin.CreateTopic(t.Context(), partitions, int16(brokers), nil, p.topic); err != nil || r.Err != nil {
		t.Fatal(err, r.Err)
	}
	var err error
	if p.writer, err = kgo.NewClient(kgo.SeedBrokers(addrs...), kgo.DefaultProduceTopic(p.topic), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()),
		kgo.MetadataMinAge(50*time.Millisecond), kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond })); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.writer.Close)
	return p
}

// start adds a member.
func (p *party) start(k kind, env ...string) *process {
	p.t.Helper()
	p.next++
	return p.startAs(k, fmt.Sprintf("%s-%d", k.name, p.next), env...)
}

func (p *party) startAs(k kind, name string, env ...string) *process {
	p.t.Helper()
	s := k.argv(p.t)
	s.Env = append(append(slices.Clone(s.Env), "MOMUS_CLIENT_ID="+name, "MOMUS_SESSION_MS=5000"), env...)
	s.Args = append(s.Args, p.at, p.topic, p.watch.group)
	m := &process{testkit.Start(p.t, name, s), name, k, env}
	p.members, p.all = append(p.members, m), append(p.all, m)
	return m
}

// gone takes a member that was killed or left out.
func (p *party) gone(m *process) {
	p.members = slices.DeleteFunc(p.members, func(o *process) bool { return o == m })
}

// leave ends a member in order.
func (p *party) leave(m *process) {
	p.t.Helper()
	m.CloseInput()
	m.Wait(p.t, 20*time.Second)
	p.gone(m)
}

// crash kills a member.
func (p *party) crash(m *process) {
	m.Kill()
	p.gone(m)
}

// send writes n more records, in every partition.
func (p *party) send(n int) {
	p.t.Helper()
	var rs []*kgo.Record
	for range n {
		rs = append(rs, &kgo.Record{Value: fmt.Appendf(nil, "r%d", p.sent)})
		p.sent++
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), limit)
	defer cancel()
	if err := p.writer.ProduceSync(ctx, rs...).FirstErr(); err != nil {
		p.t.Fatal(err)
	}
}

// fresh is a new client: this library asks the coordinator that it once found for ever.
func (p *party) fresh() (admin *kadm.Client, done func()) {
	p.t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(p.at, ",")...))
	if err != nil {
		p.t.Fatal(err)
	}
	return kadm.NewClient(cl), cl.Close
}

// state is the group as its coordinator describes it, and the number of its members.
func (p *party) state() (string, int) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	admin, done := p.fresh()
	defer done()
	d, err := admin.DescribeGroups(ctx, p.watch.group)
	if err = errors.Join(err, d[p.watch.group].Err); err != nil {
		return err.Error(), 0
	}
	return d[p.watch.group].State, len(d[p.watch.group].Members)
}

// stable waits until the living members, and nobody else, own all partitions; then every one of
// them reads.
func (p *party) stable(what string) {
	p.t.Helper()
	began := time.Now()
	for _, m := range p.members {
		select {
		case <-m.Done():
			p.t.Fatalf("%s: %s has ended", what, m.name)
		default:
		}
	}
	testkit.Eventually(p.t, limit, what+": the group is stable", func() bool {
		state, n := p.state()
		return state == "Stable" && n == len(p.members) && len(p.watch.snapshot().owners) == p.partitions()
	})
	p.send(60)
	p.received(what)
	p.fine(what)
	s := p.watch.snapshot()
	p.t.Logf("%s: %d members, generation %d after %s; %d commits, %d intervals", what, len(p.members), s.generation, time.Since(began).Round(time.Millisecond), s.commits, s.intervals)
}

func (p *party) partitions() int {
	m, err := p.admin.Metadata(p.t.Context(), p.topic)
	if err != nil {
		return -1
	}
	return len(m.Topics[p.topic].Partitions)
}

// received waits until every record that was written was read by a member.
func (p *party) received(what string) {
	p.t.Helper()
	missing := 0
	defer func() {
		if p.t.Failed() {
			p.t.Logf("%s: %d of %d records not received", what, missing, p.sent)
		}
	}()
	testkit.Eventually(p.t, limit, what+": everything is received", func() bool {
		got := map[string]bool{}
		for _, m := range p.all {
			for line := range strings.Lines(m.Output()) {
				if v, ok := strings.CutPrefix(strings.TrimSpace(line), "got "); ok {
					got[v] = true
				}
			}
		}
		missing = p.sent - len(got)
		return missing == 0
	})
}

// fine fails if the watch has seen what must not be.
func (p *party) fine(what string) {
	p.t.Helper()
	if v := p.watch.snapshot().violations; len(v) > 0 {
		p.t.Fatalf("%s: %d violations:\n%s", what, len(v), strings.Join(v[:min(len(v), 20)], "\n"))
	}
}

// kept waits until the committed offsets are those that were acknowledged last, or later ones.
func (p *party) kept(what string) {
	p.t.Helper()
	acked := p.watch.acknowledged()
	if len(acked) == 0 {
		p.t.Fatalf("%s: nothing was committed", what)
	}
	last := ""
	defer func() {
		if p.t.Failed() {
			p.t.Log(last)
		}
	}()
	testkit.Eventually(p.t, limit, what+": the group's offsets can be read", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		admin, done := p.fresh()
		defer done()
		offsets, err := admin.FetchOffsets(ctx, p.watch.group)
		if err != nil {
			last = err.Error()
			return false
		}
		for tp, want := range acked {
			o, ok := offsets.Lookup(tp.topic, tp.id)
			if !ok || o.Err != nil || o.At < want {
				p.t.Fatalf("%s: %s-%d is at %d (%v), %d was acknowledged", what, tp.topic, tp.id, o.At, o.Err, want)
			}
		}
		return true
	})
}

// coordinator is the broker that leads the group's offsets.
func (p *party) coordinator() *testkit.Cluster {
	p.t.Helper()
	id := -1
	testkit.Eventually(p.t, limit, "the group has a coordinator", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		admin, done := p.fresh()
		defer done()
		r := admin.FindGroupCoordinators(ctx, p.watch.group)
		if c, ok := r[p.watch.group]; ok && c.Err == nil {
			id = int(c.NodeID)
		}
		return id > 0
	})
	return p.brokers[id-1]
}

// failOver kills the coordinator, does something meanwhile, and brings the broker back.
func (p *party) failOver(meanwhile func()) {
	p.t.Helper()
	b := p.coordinator()
	b.Process.Kill()
	p.proxies[b.ID-1].Down()
	testkit.SessionGone(p.t, b.ZooKeeper, b.ID)
	meanwhile()
	p.proxies[b.ID-1].Up(p.t)
	b.Restart(p.t)
	testkit.WaitWholeISR(p.t, p.brokers, limit)
}

// failOverWhile takes the coordinator away as soon as the group is in a state and a request of a
// member is held, and lets that request go when there is no coordinator.
func (p *party) failOverWhile(state, doing string, held func() int, release func()) {
	p.t.Helper()
	testkit.Eventually(p.t, limit, "the group is "+state, func() bool {
		is, _ := p.state()
		return is == state && held() > 0
	})
	p.failOver(func() {
		release()
		p.stable(doing + ", without the coordinator")
	})
	p.stable(doing + ", with the coordinator again")
}
