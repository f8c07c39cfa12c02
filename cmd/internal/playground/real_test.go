package playground

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"momus/broker"
	"momus/broker/console"
	"momus/configs"
	"momus/coordinator/zk"
	"momus/coordinator/zkserver"
	"momus/internal/model"
)

// ground is a playground with real brokers.
type ground struct {
	*Playground
	t *testing.T
}

// realGround starts brokers and waits until they serve.
func realGround(t *testing.T, brokers int) *ground {
	t.Helper()
	dir := t.TempDir()
	silent := logrus.New()
	silent.SetLevel(logrus.PanicLevel)
	coordination, err := zkserver.New(zkserver.Options{Dir: filepath.Join(dir, "zookeeper"), NoSync: true, MaxClientCnxns: -1, TickTime: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- coordination.Run(ctx) }()
	p := New("test", brokers)
	logDir := func(i int) string { return filepath.Join(dir, "broker-"+strconv.Itoa(i+1)) }
	p.Configure(Options{Brokers: brokers, Listener: "PLAINTEXT", ZooKeeper: coordination.Addr().String(), Sessions: coordination, LogDir: logDir, Logger: silent})
	made := func(i int) (Server, error) {
		listen := "127.0.0.1:0"
		p.mu.Lock()
		if a := p.mu.brokers[i].address; a != "" {
			listen = a
		}
		p.mu.Unlock()
		outside := false
		c, _, err := configs.Load(configs.Sources{Container: &outside, Overrides: []string{
			"broker.id=" + strconv.Itoa(i+1), "listeners=PLAINTEXT://" + listen, "log.dirs=" + logDir(i), "zookeeper.connect=" + coordination.Addr().String(),
			"zookeeper.session.timeout.ms=1000", "replica.lag.time.max.ms=1000", "transaction.state.log.min.isr=1", "offsets.topic.num.partitions=2", "transaction.state.log.num.partitions=2",
			"offsets.topic.replication.factor=" + strconv.Itoa(brokers), "transaction.state.log.replication.factor=" + strconv.Itoa(brokers),
			"group.initial.rebalance.delay.ms=0",
		}})
		if err != nil {
			return nil, err
		}
		life := p.NewLife(i)
		return broker.New(broker.Options{Config: c, Logger: life.Logger, Net: life.Net, FS: life.FS, Abandon: life.Abandon, Journal: life.Journal, Console: p.Site()})
	}
	o := p.opts
	o.Make = made
	p.Configure(o)
	brokersCtx, stopBrokers := context.WithCancel(context.Background())
	brokersEnded := make(chan error, brokers)
	for i := range brokers {
		b, err := made(i)
		if err != nil {
			t.Fatal(err)
		}
		go func() { brokersEnded <- p.Run(brokersCtx, i, b) }()
	}
	t.Cleanup(func() {
		p.Close()
		stopBrokers()
		for range brokers {
			if err := <-brokersEnded; err != nil {
				t.Error(err)
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	g := &ground{p, t}
	for i := range brokers {
		g.until(fmt.Sprintf("broker %d serves", i+1), func() bool { return g.broker(i+1).State == stateRunning })
	}
	g.until("all know each other", func() bool {
		members := p.site.Members()
		return len(members) == brokers && !slices.ContainsFunc(members, func(m *console.Member) bool { return len(m.View.Metadata().AliveBrokers()) != brokers })
	})
	return g
}

func (g *ground) until(what string, good func() bool) {
	g.t.Helper()
	began := time.Now()
	defer func() { g.t.Logf("%v until %s", time.Since(began).Round(time.Millisecond), what) }()
	deadline := time.Now().Add(60 * time.Second)
	for !good() {
		if time.Now().After(deadline) {
			g.t.Fatalf("not so: %s; %+v", what, g.State())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (g *ground) broker(id int) brokerState {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mu.brokers[id-1].show(g.opts.Sessions)
}

func (g *ground) do(o console.Order) any {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), 60*time.Second)
	defer cancel()
	answer, err := g.Do(ctx, &o)
	if err != nil {
		g.t.Fatalf("%s: %v", o.Action, err)
	}
	return answer
}

// partition is what the page shows of a topic's first partition.
func (g *ground) partition(topic string) (leader int, isr []int32) {
	for _, x := range g.site.Cluster(g.t.Context()).Topics {
		if x.Name == topic {
			return int(x.Partitions[0].Leader), slices.Sorted(slices.Values(x.Partitions[0].ISR))
		}
	}
	return -1, nil
}

// other is a broker that leads nothing of the topic, and is not controller. A broker that was just
// started is in sync before the page knows it, so this waits for one.
func (g *ground) other(topic string) (id int) {
	g.t.Helper()
	g.until("a broker neither leads nor is controller", func() bool {
		leader, _ := g.partition(topic)
		for _, m := range g.site.Members() {
			if id = int(m.View.BrokerID()); id != leader && !m.View.IsController() {
				return true
			}
		}
		return false
	})
	return id
}

func (g *ground) untilISR(topic string, n int) {
	g.t.Helper()
	g.until(fmt.Sprintf("%d in sync in %s", n, topic), func() bool { leader, isr := g.partition(topic); return leader > 0 && len(isr) == n })
}

// inSync are the in-sync replicas as ZooKeeper has them.
func (g *ground) inSync(tp model.TopicPartition) []int32 {
	g.t.Helper()
	client, err := zk.Dial(g.t.Context(), zk.Options{Connect: g.opts.ZooKeeper, ConnectTimeout: time.Minute})
	if err != nil {
		g.t.Fatal(err)
	}
	defer client.Close()
	states, err := client.States(g.t.Context(), []model.TopicPartition{tp})
	if err != nil {
		g.t.Fatal(err)
	}
	return states[tp].ISR
}

func (g *ground) machine(id string) machineState {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range g.mu.machines {
		if m.id == id {
			m.mu.Lock()
			defer m.mu.Unlock()
			s := m.mu.shown
			s.Total, s.Failed = m.mu.count, m.mu.failed
			return s
		}
	}
	return machineState{}
}

func TestWhatIsDoneToABrokerIsReal(t *testing.T) {
	g := realGround(t, 3)
	if _, err := g.Do(t.Context(), &console.Order{Action: actTopic, Topic: "t", Partitions: 1, Replicas: 4}); err == nil || !strings.Contains(err.Error(), "4 larger than available brokers: 3") {
		t.Errorf("too many replicas: %v", err)
	}
	g.do(console.Order{Action: actTopic, Topic: "t", Partitions: 1, Replicas: 3})
	g.untilISR("t", 3)
	made := g.do(console.Order{Action: actMachine, Kind: producer, Topic: "t", Rate: 200, Keys: 5, Size: 100}).(map[string]string)
	g.until("records flow", func() bool { return g.machine(made["id"]).Total > 50 })

	// Cut off from its peers, a follower falls out of the ISR, and comes back.
	f := g.other("t")
	g.do(console.Order{Action: actCutPeers, Broker: int32(f)})
	g.untilISR("t", 2)
	g.do(console.Order{Action: actMendPeers, Broker: int32(f)})
	g.untilISR("t", 3)

	// A slow follower is behind and falls out as well.
	f = g.other("t")
	g.do(console.Order{Action: actSlow, Broker: int32(f), Rate: 512})
	g.untilISR("t", 2)
	g.do(console.Order{Action: actFast, Broker: int32(f)})
	g.untilISR("t", 3)

	// A paused broker loses its session and its leadership, and comes back.
	f, _ = g.partition("t")
	g.do(console.Order{Action: actPause, Broker: int32(f)})
	g.until("another leads", func() bool { leader, _ := g.partition("t"); return leader > 0 && leader != f })
	g.do(console.Order{Action: actResume, Broker: int32(f)})
	g.untilISR("t", 3)

	// Cut off from ZooKeeper, it does too.
	f, _ = g.partition("t")
	g.do(console.Order{Action: actCutZK, Broker: int32(f)})
	g.until("another leads", func() bool { leader, _ := g.partition("t"); return leader > 0 && leader != f })
	g.do(console.Order{Action: actMendZK, Broker: int32(f)})
	g.untilISR("t", 3)

	// The end of a session is noticed at once.
	f, _ = g.partition("t")
	before := g.sessionOf(int32(f))
	g.do(console.Order{Action: actEndSession, Broker: int32(f)})
	g.until("it has another session", func() bool { s := g.sessionOf(int32(f)); return s != 0 && s != before })
	g.untilISR("t", 3)

	// A killed broker takes no leave: its session is there until it times out, then another leads.
	f, _ = g.partition("t")
	said := g.journals[f-1].Last()
	g.do(console.Order{Action: actKill, Broker: int32(f)})
	if s := g.broker(f); s.State != stateKilled || s.SessionIn == nil {
		t.Errorf("after kill: %+v", s)
	}
	g.until("another leads", func() bool { leader, _ := g.partition("t"); return leader > 0 && leader != f })
	if now := g.journals[f-1].Last(); now > said+5 { // what it did while it was being killed
		t.Errorf("a killed broker has told %d things", now-said)
	}
	g.do(console.Order{Action: actStart, Broker: int32(f)})
	g.untilISR("t", 3)

	// A full disk fails the directory, which is the only one, so that the broker ends; it does not
	// start on it, and does once there is room.
	f = g.other("t")
	g.do(console.Order{Action: actFill, Broker: int32(f)})
	g.until("it has ended", func() bool { return g.broker(f).State == stateFailed })
	g.untilISR("t", 2)
	g.do(console.Order{Action: actFree, Broker: int32(f)})
	g.do(console.Order{Action: actStart, Broker: int32(f)})
	g.untilISR("t", 3)

	// An orderly stop hands leaderships over.
	f, _ = g.partition("t")
	g.do(console.Order{Action: actStop, Broker: int32(f)})
	if s := g.broker(f); s.State != stateStopped {
		t.Errorf("after stop: %+v", s)
	}
	// What it handed over is told to the others while it ends.
	g.until("another leads", func() bool { leader, _ := g.partition("t"); return leader > 0 && leader != f })
	g.do(console.Order{Action: actStart, Broker: int32(f)})
	g.untilISR("t", 3)
	g.do(console.Order{Action: actUnmachine, Machine: made["id"]})
}

func TestARecordIsFollowedToItsConsumer(t *testing.T) {
	g := realGround(t, 3)
	g.do(console.Order{Action: actTopic, Topic: "t", Partitions: 1, Replicas: 3})
	g.untilISR("t", 3)
	c := g.do(console.Order{Action: actMachine, Kind: consumer, Topic: "t", Group: "g"}).(map[string]string)["id"]
	g.until("it has its partition", func() bool { g.State(); return len(g.machine(c).Assigned) == 1 })
	key, value := "k", "v"
	g.do(console.Order{Action: actSend, Topic: "t", Key: &key, Value: &value, Acks: "all"})
	sent := func() traceState {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.mu.sent[len(g.mu.sent)-1].show()
	}
	g.until("it is everywhere", func() bool { return sent().Over })
	at := map[string]float64{}
	for _, s := range sent().Stages {
		if s.Ms < 0 {
			t.Errorf("not reached: %+v", s)
		}
		at[s.What] = max(at[s.What], s.Ms)
	}
	for _, order := range [][2]string{{"appended", "fetched"}, {"appended", "committed"}, {"committed", "read"}, {"read", "offset"}} {
		if a, b := at[order[0]], at[order[1]]; a > b || b == 0 {
			t.Errorf("%s after %v ms, %s after %v ms", order[0], a, order[1], b)
		}
	}

	// While a follower is out of reach, the high watermark and the producer wait.
	f := g.other("t")
	g.do(console.Order{Action: actCutPeers, Broker: int32(f)})
	g.do(console.Order{Action: actSend, Topic: "t", Value: &value, Acks: "all"})
	stage := func(what string, broker int32) float64 {
		for _, s := range sent().Stages {
			if s.What == what && (broker == 0 || s.Broker == broker) {
				return s.Ms
			}
		}
		return -1
	}
	g.until("the leader has it", func() bool { return stage("appended", 0) >= 0 })
	if stage("committed", 0) >= 0 || stage("acked", 0) >= 0 {
		// ZooKeeper has known for longer who is in sync.
		if isr := g.inSync(model.TopicPartition{Topic: "t"}); len(isr) == 3 {
			t.Errorf("committed although not all in sync have it: %v", isr)
		}
	}
	g.until("it is committed without the follower", func() bool { return stage("committed", 0) >= 0 && stage("acked", 0) >= 0 })
	if stage("fetched", int32(f)) >= 0 {
		t.Error("fetched by a follower that is cut off")
	}
	g.do(console.Order{Action: actMendPeers, Broker: int32(f)})
	g.until("the follower has it", func() bool { return stage("fetched", int32(f)) >= 0 })

	// Offsets are reset while nobody consumes, after a look at what that would do.
	reset := console.Order{Action: actReset, Group: "g", To: "earliest"}
	g.until("both are committed", func() bool {
		rows := g.do(reset).(*resetPlan).Rows
		return len(rows) == 1 && rows[0].Now == 2
	})
	plan := g.do(reset).(*resetPlan)
	if plan.Applied || plan.Rows[0].New != 0 || plan.State != "Stable" {
		t.Errorf("%+v", plan)
	}
	reset.Apply = true
	if _, err := g.Do(t.Context(), &reset); err == nil {
		t.Error("reset under a member")
	}
	g.do(console.Order{Action: actUnmachine, Machine: c})
	if plan := g.do(reset).(*resetPlan); !plan.Applied {
		t.Errorf("%+v", plan)
	}
	reset.Apply, reset.To, reset.Number = false, "shift", 1
	if plan := g.do(reset).(*resetPlan); plan.Rows[0].Now != 0 || plan.Rows[0].New != 1 {
		t.Errorf("%+v", plan)
	}
	for to, want := range map[string]int64{"latest": 2, "offset": 2, "time": 2} {
		reset.To, reset.Number = to, time.Now().Add(time.Hour).UnixMilli()
		if plan := g.do(reset).(*resetPlan); plan.Rows[0].New != want {
			t.Errorf("%s: %+v", to, plan)
		}
	}
}

// A transactional producer goes on after its broker has not answered: the transaction that could not be
// committed is over then, whoever ended it.
func TestTransactionsGoOnAfterATrouble(t *testing.T) {
	g := realGround(t, 1)
	g.do(console.Order{Action: actTopic, Topic: "t", Partitions: 2, Replicas: 1})
	p := g.do(console.Order{Action: actMachine, Kind: producer, Topic: "t", Rate: 50, Transactional: true}).(map[string]string)["id"]
	g.until("transactions are committed", func() bool { return g.machine(p).Total > 60 })
	g.do(console.Order{Action: actPause, Broker: 1})
	g.until("it cannot commit", func() bool { g.State(); return g.machine(p).Problem == "no broker has answered in time" })
	g.do(console.Order{Action: actResume, Broker: 1})
	before := g.machine(p).Total
	g.until("it commits again", func() bool { return g.machine(p).Total > before+200 }) // in several transactions
}

func TestAKilledConsumerIsMissedByItsHeartbeat(t *testing.T) {
	g := realGround(t, 1)
	g.do(console.Order{Action: actTopic, Topic: "t", Partitions: 2, Replicas: 1})
	make := func() string {
		return g.do(console.Order{Action: actMachine, Kind: consumer, Topic: "t", Group: "g", Rate: 100}).(map[string]string)["id"]
	}
	a, b := make(), make()
	g.until("each has one", func() bool { g.State(); return len(g.machine(a).Assigned) == 1 && len(g.machine(b).Assigned) == 1 })
	p := g.do(console.Order{Action: actMachine, Kind: producer, Topic: "t", Rate: 50, Transactional: true}).(map[string]string)["id"]
	g.until("transactions are committed and read", func() bool { return g.machine(p).Total > 20 && g.machine(a).Total+g.machine(b).Total > 10 })
	g.do(console.Order{Action: actKillMach, Machine: a})
	members := func() int {
		for _, m := range g.site.Members() {
			for _, x := range m.View.Groups(t.Context()) {
				if x.Name == "g" {
					return len(x.Members)
				}
			}
		}
		return -1
	}
	if n := members(); n != 2 {
		t.Errorf("%d members right after one was killed", n)
	}
	g.until("the other has both", func() bool { g.State(); return members() == 1 && len(g.machine(b).Assigned) == 2 })
}

var (
	_ Server = (*broker.Broker)(nil)
)
