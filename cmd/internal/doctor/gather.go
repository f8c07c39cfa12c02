package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	wire "github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/configs"
	"momus/coordinator/zk"
	"momus/internal/doctor"
	"momus/internal/model"
)

// gatherer makes a snapshot of a cluster. It only asks: no request of it changes anything. Each
// request has a time limit; what is not answered is missing from the snapshot.
type gatherer struct {
	o      *Options
	quiet  *core.Call // what the clients log is not for people: it is in the findings
	cc     *clients.Config
	client *kgo.Client

	mu sync.Mutex // guards s while several goroutines fill it
	s  *doctor.Snapshot

	// Who is asked last is the controller: what it says is what the others are compared with.
	reference          *kmsg.MetadataResponse // what the controller says, or who answered first
	registered         []registered
	overrides, dynamic map[string]map[string]string // configs of topics and brokers as ZooKeeper has them, nil if it was not asked
}

// errNobody means that no broker answered at all.
var errNobody = errors.New("no broker answered")

// throttles sums up for how long the brokers held this client up.
type throttles struct {
	mu  sync.Mutex
	sum time.Duration
}

// OnBrokerThrottle implements kgo.HookBrokerThrottle.
func (t *throttles) OnBrokerThrottle(_ kgo.BrokerMetadata, d time.Duration, _ bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sum += d
}

// total may be asked while requests are still under way.
func (t *throttles) total() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sum
}

// gather asks for everything. The error is errNobody, or one of the settings. The snapshot is the
// caller's.
//
// The order matters: metadata first, since it says whom to ask; then brokers and ZooKeeper side by
// side; ends of partitions before groups, and groups before records, since records are looked for
// between a committed offset and an end. The first views are taken early, so that most of the
// window has passed when the second look is due.
func (g *gatherer) gather(ctx context.Context) (*doctor.Snapshot, error) {
	props, err := core.ReadProperties(g.o.ConfigFile)
	if err != nil {
		return nil, err
	}
	props["bootstrap.servers"] = g.o.Servers
	if props["client.id"] == "" {
		props["client.id"] = "momus-doctor"
	}
	g.cc = &clients.Config{Props: props, Prefix: "[Doctor]"}
	held := &throttles{}
	// One retry, so that a broker that restarts in this moment is not called dead, and no more: a
	// person waits.
	g.client, err = clients.New(g.quiet, g.cc, kgo.DialTimeout(g.o.Timeout), kgo.RequestTimeoutOverhead(g.o.Timeout), kgo.RetryTimeout(g.o.Timeout), kgo.RequestRetries(1), kgo.WithHooks(held))
	if err != nil {
		return nil, err
	}
	defer g.client.Close()
	now := time.Now
	if g.o.Now != nil {
		now = g.o.Now
	}
	g.s = &doctor.Snapshot{Lang: g.o.Lang, Time: now(), Controller: -1, Missing: map[doctor.Part]string{},
		Asked: doctor.Asked{Servers: g.o.Servers, CommandConfig: g.o.ConfigFile, ZooKeeper: g.o.ZooKeeper}}
	if err := g.first(ctx); err != nil {
		return nil, err
	}
	var zookeeper sync.WaitGroup
	zookeeper.Go(func() { g.zookeeper(ctx) })
	g.perBroker(func(b *doctor.Broker) { g.broker(ctx, b) })
	zookeeper.Wait()
	g.join()
	// The window is measured by the real clock, also in a test that sets the time of the snapshot.
	begun := time.Now()
	views := g.views(ctx)
	g.summarize()
	g.topicConfigs(ctx)
	g.reassignments(ctx)
	g.partitionOffsets(ctx, false)
	g.groups(ctx)
	g.timestamps(ctx)
	g.access(ctx)
	g.perBroker(func(b *doctor.Broker) { g.certificates(ctx, b) })
	g.pages(ctx)
	g.records(ctx)
	g.second(ctx, begun, views)
	g.s.Throttled = held.total()
	return g.s, ctx.Err()
}

// first asks the bootstrap servers for the metadata of everything.
func (g *gatherer) first(ctx context.Context) error {
	var last error
	for _, seed := range g.client.SeedBrokers() {
		m, err := request[*kmsg.MetadataResponse](ctx, g, seed, allTopics())
		if err != nil {
			last = err
			continue
		}
		// The controller knows first; who answered first may be the one that lags behind.
		if c, err := ask[*kmsg.MetadataResponse](ctx, g, m.ControllerID, allTopics()); err == nil && len(c.Brokers) > 0 {
			m = c // its word counts
		}
		g.reference = m
		g.adopt(m)
		return ctx.Err()
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", errNobody, last)
}

// allTopics asks for all topics: nil means that, where an empty list is for none (from version 1).
func allTopics() *kmsg.MetadataRequest {
	r := kmsg.NewPtrMetadataRequest()
	r.Topics = nil
	return r
}

// adopt makes brokers and topics of metadata. Brokers that metadata do not list, but name as
// replicas, are there with nothing but an id.
func (g *gatherer) adopt(m *kmsg.MetadataResponse) {
	s := g.s
	s.Controller = m.ControllerID
	if m.ClusterID != nil {
		s.ClusterID = *m.ClusterID
	}
	s.Brokers, s.Topics = nil, nil
	for _, b := range m.Brokers {
		x := g.brokerOf(b.NodeID)
		x.InMetadata, x.Host, x.Port = true, b.Host, b.Port
		if b.Rack != nil {
			x.Rack = *b.Rack
		}
	}
	for _, t := range m.Topics {
		if t.Topic == nil {
			continue
		}
		topic := &doctor.Topic{Name: *t.Topic, Internal: t.IsInternal || model.IsInternalTopic(*t.Topic)}
		for _, p := range t.Partitions {
			x := &doctor.Partition{ID: p.Partition, Leader: p.Leader, Replicas: p.Replicas, ISR: p.ISR, Start: -1, End: -1, Stable: -1, LaterEnd: -1, LaterStable: -1}
			topic.Partitions = append(topic.Partitions, x)
			// A replica on a broker that is gone is the only trace of that broker.
			for _, id := range p.Replicas {
				g.brokerOf(id)
			}
		}
		slices.SortFunc(topic.Partitions, func(a, b *doctor.Partition) int { return cmp.Compare(a.ID, b.ID) })
		s.Topics = append(s.Topics, topic)
	}
	slices.SortFunc(s.Topics, func(a, b *doctor.Topic) int { return strings.Compare(a.Name, b.Name) })
}

// brokerOf finds or adds a broker. The list stays in order.
func (g *gatherer) brokerOf(id int32) *doctor.Broker {
	i, ok := slices.BinarySearchFunc(g.s.Brokers, id, func(b *doctor.Broker, id int32) int { return cmp.Compare(b.ID, id) })
	if !ok {
		g.s.Brokers = slices.Insert(g.s.Brokers, i, &doctor.Broker{ID: id})
	}
	return g.s.Brokers[i]
}

// requester is a broker of the client.
type requester interface {
	Request(ctx context.Context, req kmsg.Request) (kmsg.Response, error)
}

// request sends one request within the time limit. The answer's own error code is the caller's to
// look at.
func request[R kmsg.Response](ctx context.Context, g *gatherer, to requester, req kmsg.Request) (R, error) {
	limit, cancel := context.WithTimeout(ctx, g.o.Timeout)
	defer cancel()
	var out R
	resp, err := to.Request(limit, req)
	if err == nil {
		out = resp.(R)
	}
	return out, err
}

// ask sends one request to a broker.
func ask[R kmsg.Response](ctx context.Context, g *gatherer, broker int32, req kmsg.Request) (R, error) {
	return request[R](ctx, g, g.client.Broker(int(broker)), req)
}

// perBroker calls fn for each broker that clients are told of, side by side. fn may change that
// broker only; for the rest of the snapshot it takes the lock.
func (g *gatherer) perBroker(fn func(b *doctor.Broker)) {
	var wg sync.WaitGroup
	for _, b := range g.s.Brokers {
		if b.InMetadata {
			wg.Go(func() { fn(b) })
		}
	}
	wg.Wait()
}

// answering are the brokers that answer.
func (g *gatherer) answering() []*doctor.Broker {
	return slices.DeleteFunc(slices.Clone(g.s.Brokers), func(b *doctor.Broker) bool { return !b.Answers })
}

// miss notes why a part is missing. The first reason stays. A reason is for people: it stands
// behind the rules that could not look.
func (g *gatherer) miss(part doctor.Part, reason string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.s.Missing[part] == "" {
		g.s.Missing[part] = reason
	}
}

// reason says in a few words why something was not answered. The library's errors have types for
// some of these and texts for the others.
func reason(l doctor.Lang, err error) string {
	var dns *net.DNSError
	var op *net.OpError
	switch text := err.Error(); {
	case errors.As(err, &dns) && dns.IsNotFound:
		return l.Say("there is no host of that name", "그런 이름의 호스트가 없음")
	case dns != nil:
		return l.Say("its name could not be looked up", "이름을 찾을 수 없음")
	case errors.Is(err, context.DeadlineExceeded):
		return l.Say("no answer in time", "제때 응답하지 않음")
	case strings.Contains(text, "refused"):
		return l.Say("nothing listens there (connection refused)", "그 포트를 듣는 것이 없음 (connection refused)")
	case errors.Is(err, wire.UnsupportedVersion), strings.Contains(text, "too old"), strings.Contains(text, "unknown request key"):
		return l.Say("brokers of this version do not tell", "이 버전의 브로커는 알려 주지 않음")
	case errors.As(err, &op) && op.Timeout():
		return l.Say("no answer in time", "제때 응답하지 않음")
	case errors.Is(err, wire.ClusterAuthorizationFailed), errors.Is(err, wire.GroupAuthorizationFailed), errors.Is(err, wire.TopicAuthorizationFailed):
		return l.Say("this user lacks the right to ask", "이 사용자에게는 물어볼 권한이 없음")
	default:
		return text
	}
}

// expectedID finds the id in the error that a broker gives when it is asked for another one's
// configuration: "Unexpected broker id, expected 2, but received 1" (2 is who answers).
var expectedID = regexp.MustCompile(`expected (\d+)`)

// broker asks one broker about itself. A bare connection is tried first, since the client's error
// would not tell an address that nobody resolves from a broker that does not speak.
func (g *gatherer) broker(ctx context.Context, b *doctor.Broker) {
	limit, cancel := context.WithTimeout(ctx, g.o.Timeout)
	conn, err := (&net.Dialer{}).DialContext(limit, "tcp", b.Address())
	cancel()
	if err != nil {
		b.Unreachable = reason(g.o.Lang, err)
		return
	}
	conn.Close()
	req := kmsg.NewPtrApiVersionsRequest()
	// Brokers from 2.4 on show this name in their metrics (KIP-511).
	req.ClientSoftwareName, req.ClientSoftwareVersion = "momus-doctor", "2.5.0"
	versions, err := ask[*kmsg.ApiVersionsResponse](ctx, g, b.ID, req)
	if err == nil {
		err = wire.ErrorForCode(versions.ErrorCode)
	}
	if err != nil {
		b.Unreachable = g.o.Lang.Say("it accepts connections, but: %s", "연결은 받지만: %s", reason(g.o.Lang, err))
		return
	}
	b.Answers = true
	b.Version, b.Major, b.Minor = releaseOf(versions)
	g.brokerConfig(ctx, b)
	g.logDirs(ctx, b, false)
}

// releaseNumber finds the first two numbers of a release's name.
var releaseNumber = regexp.MustCompile(`v(\d+)\.(\d+)`)

// releaseOf is what release the versions of a broker's APIs belong to. Apache Kafka does not tell
// its version: the library compares the ranges of APIs with a table of releases. "" when it fits
// none.
func releaseOf(r *kmsg.ApiVersionsResponse) (text string, major, minor int) {
	guess := kversion.FromApiVersionsResponse(r).VersionGuess()
	m := releaseNumber.FindStringSubmatch(guess) // of "between v0.10.2 and v0.11.0" the first
	if m == nil {
		return "", 0, 0
	}
	major, _ = strconv.Atoi(m[1]) // digits
	minor, _ = strconv.Atoi(m[2])
	text = m[1] + "." + m[2]
	if strings.Contains(guess, "at least") {
		text += " or later"
	}
	return text, major, minor
}

// brokerConfig asks for a broker's configuration. Passwords are not in the answer. A second request
// asks for a key that only momus has: Apache Kafka leaves unknown names out of its answer, so that
// it is how momus is told apart.
func (g *gatherer) brokerConfig(ctx context.Context, b *doctor.Broker) {
	name := strconv.Itoa(int(b.ID))
	// describe asks for some keys, or all with nil. The resource may come together with an error.
	describe := func(keys []string) (*kmsg.DescribeConfigsResponseResource, error) {
		req := kmsg.NewPtrDescribeConfigsRequest()
		r := kmsg.NewDescribeConfigsRequestResource()
		r.ResourceType, r.ResourceName, r.ConfigNames = kmsg.ConfigResourceTypeBroker, name, keys
		req.Resources = append(req.Resources, r)
		resp, err := ask[*kmsg.DescribeConfigsResponse](ctx, g, b.ID, req)
		if err != nil {
			return nil, err
		}
		if len(resp.Resources) != 1 {
			return nil, errors.New("the answer has no such resource")
		}
		return &resp.Resources[0], wire.ErrorForCode(resp.Resources[0].ErrorCode)
	}
	r, err := describe(nil)
	// The answer came from another broker than the address was announced for.
	if r != nil && r.ErrorMessage != nil && err != nil {
		if m := expectedID.FindStringSubmatch(*r.ErrorMessage); m != nil && m[1] != name {
			b.Impostor = g.o.Lang.Say("broker %s", "%s번 브로커", m[1])
			return
		}
	}
	if err != nil {
		g.miss(doctor.BrokerConfigs, g.o.Lang.Say("broker %d: %s", "%d번 브로커: %s", b.ID, reason(g.o.Lang, err)))
		return
	}
	b.Config = doctor.Config{}
	set := map[string]string{}
	for _, c := range r.Configs {
		x := settingOf(&c, false)
		b.Config[c.Name] = x
		if !x.Default {
			set[c.Name] = x.Value
		}
	}
	own, err := describe([]string{configs.HTTPPortKey})
	if err != nil {
		return
	}
	for _, c := range own.Configs {
		if c.Name == configs.HTTPPortKey {
			b.Momus = true
			b.Idle = configs.WithoutEffect(set)
			b.Config[c.Name] = settingOf(&c, false)
		}
	}
}

// settingOf makes a setting of both generations of the answer: version 0 has only is_default, later
// ones the source (KIP-226). For a topic, what comes from the broker is a default too.
func settingOf(c *kmsg.DescribeConfigsResponseResourceConfig, topic bool) doctor.Setting {
	x := doctor.Setting{Default: c.IsDefault}
	if c.Value != nil && !c.IsSensitive {
		x.Value = *c.Value
	}
	switch c.Source {
	case kmsg.ConfigSourceDynamicTopicConfig:
		x.Default = false
	case kmsg.ConfigSourceDynamicBrokerConfig, kmsg.ConfigSourceDynamicDefaultBrokerConfig:
		x.Default, x.Dynamic = topic, true
	case kmsg.ConfigSourceStaticBrokerConfig:
		x.Default = topic
	case kmsg.ConfigSourceDefaultConfig:
		x.Default = true
	}
	return x
}

// logDirs asks for a broker's log directories; later is the second look. The second look only adds
// LaterLag to what the first one found.
func (g *gatherer) logDirs(ctx context.Context, b *doctor.Broker, later bool) {
	req := kmsg.NewPtrDescribeLogDirsRequest()
	req.Topics = nil
	resp, err := ask[*kmsg.DescribeLogDirsResponse](ctx, g, b.ID, req)
	if err != nil {
		if !later {
			g.miss(doctor.LogDirs, g.o.Lang.Say("broker %d: %s", "%d번 브로커: %s", b.ID, reason(g.o.Lang, err)))
		}
		return
	}
	dirs := []doctor.Dir{}
	for _, d := range resp.Dirs {
		err := wire.ErrorForCode(d.ErrorCode)
		if errors.Is(err, wire.ClusterAuthorizationFailed) {
			g.miss(doctor.LogDirs, g.o.Lang.Say("this user lacks the right to ask", "이 사용자에게는 물어볼 권한이 없음"))
			return
		}
		x := doctor.Dir{Path: d.Dir, Failed: err != nil, Replicas: map[model.TopicPartition]doctor.Replica{}, Total: -1, Usable: -1}
		// KIP-827: version 4 has the size of the file system, from Kafka 3.3 on.
		if resp.Version >= 4 && d.TotalBytes > 0 {
			x.Total, x.Usable = d.TotalBytes, d.UsableBytes
		}
		for _, t := range d.Topics {
			for _, p := range t.Partitions {
				x.Replicas[model.TopicPartition{Topic: t.Topic, Partition: p.Partition}] = doctor.Replica{Size: p.Size, Lag: p.OffsetLag, Future: p.IsFuture, LaterLag: -1}
			}
		}
		dirs = append(dirs, x)
	}
	if len(dirs) == 0 { // some brokers answer those so who lack the right
		g.miss(doctor.LogDirs, g.o.Lang.Say("broker %d names none: this user may lack the right to ask", "%d번 브로커가 하나도 알려 주지 않음: 이 사용자에게 물어볼 권한이 없을지도 모름", b.ID))
		return
	}
	if !later {
		slices.SortFunc(dirs, func(a, b doctor.Dir) int { return strings.Compare(a.Path, b.Path) })
		b.Dirs = dirs
		if isHere(b.Host) {
			for i := range b.Dirs {
				measure(b, &b.Dirs[i])
			}
		}
		return
	}
	for i := range b.Dirs {
		for _, d := range dirs {
			if d.Path != b.Dirs[i].Path {
				continue
			}
			// A replica that became the current one in between is another one than the future
			// replica of before.
			for tp, r := range b.Dirs[i].Replicas {
				if now, ok := d.Replicas[tp]; ok && now.Future == r.Future {
					r.LaterLag = now.Lag
					b.Dirs[i].Replicas[tp] = r
				}
			}
		}
	}
}

// join adds what ZooKeeper has to the brokers. A broker that only ZooKeeper has gets an address
// from its znode, so that findings can name it.
func (g *gatherer) join() {
	if g.s.ZooKeeper == nil {
		return
	}
	for _, r := range g.registered {
		b := g.brokerOf(r.id)
		b.Registered = r.node
		if b.Host == "" && len(r.node.Endpoints) > 0 {
			b.Host, b.Port, b.Rack = r.node.Endpoints[0].Host, r.node.Endpoints[0].Port, r.node.Rack
		}
	}
	// Own values win over the default of all, hence the order.
	for _, b := range g.s.Brokers { // brokers do not tell the rates of throttles
		if b.Config == nil {
			continue
		}
		for _, entity := range []string{zk.DefaultEntity, strconv.Itoa(int(b.ID))} {
			for k, v := range g.dynamic[entity] {
				if strings.HasSuffix(k, ".replication.throttled.rate") {
					b.Config[k] = doctor.Setting{Value: v, Dynamic: true}
				}
			}
		}
	}
}

// views asks each broker for its metadata and returns how they differ from the controller's. A
// broker that does not answer is left out: other findings are about it.
func (g *gatherer) views(ctx context.Context) map[int32][]string {
	all := map[int32]*kmsg.MetadataResponse{}
	g.perBroker(func(b *doctor.Broker) {
		if !b.Answers {
			return
		}
		if m, err := ask[*kmsg.MetadataResponse](ctx, g, b.ID, allTopics()); err == nil {
			g.mu.Lock()
			all[b.ID] = m
			g.mu.Unlock()
		}
	})
	reference := g.reference
	// It was asked in the same moment as the others, not a few seconds before.
	if m := all[g.s.Controller]; m != nil {
		reference = m
	}
	differences := map[int32][]string{}
	for id, m := range all {
		if d := doctor.DiffViews(viewOf(reference), viewOf(m), g.o.Lang); d != nil {
			differences[id] = d
		}
	}
	return differences
}

// viewOf is what matters of metadata to clients; racks and epochs are not compared.
func viewOf(m *kmsg.MetadataResponse) *doctor.View {
	v := &doctor.View{Controller: m.ControllerID, Partitions: map[model.TopicPartition]doctor.Led{}}
	for _, b := range m.Brokers {
		v.Brokers = append(v.Brokers, b.NodeID)
	}
	for _, t := range m.Topics {
		for _, p := range t.Partitions {
			if t.Topic != nil {
				v.Partitions[model.TopicPartition{Topic: *t.Topic, Partition: p.Partition}] = doctor.Led{Leader: p.Leader, ISR: p.ISR}
			}
		}
	}
	return v
}

// summarize says of parts that no broker told that they are missing, and no more of those that some
// told.
func (g *gatherer) summarize() {
	told := func(part doctor.Part, has func(b *doctor.Broker) bool) {
		if slices.ContainsFunc(g.s.Brokers, has) {
			delete(g.s.Missing, part)
		} else if g.s.Missing[part] == "" {
			g.s.Missing[part] = g.o.Lang.Say("no broker answers", "응답하는 브로커가 없음")
		}
	}
	told(doctor.BrokerConfigs, func(b *doctor.Broker) bool { return b.Config != nil })
	told(doctor.LogDirs, func(b *doctor.Broker) bool { return b.Dirs != nil })
}

// second looks again at what grows, when the window is over.
func (g *gatherer) second(ctx context.Context, begun time.Time, before map[int32][]string) {
	window := g.o.Wait
	if window == 0 {
		g.s.Missing[doctor.SecondSample] = g.o.Lang.Say("there was one look only (--wait 0)", "한 번만 살펴봄 (--wait 0)")
		// Nothing differs: there is nothing to be confirmed.
		if len(before) == 0 {
			return
		}
		window = time.Second // news are on their way for less
	}
	select {
	case <-ctx.Done():
		return
	case <-time.After(time.Until(begun.Add(window))):
	}
	// Only what is the same at both looks counts: what changed in between was on its way.
	again := g.views(ctx)
	for id, list := range before {
		for _, d := range list {
			if slices.Contains(again[id], d) {
				b := g.brokerOf(id)
				b.Differs = append(b.Differs, d)
			}
		}
	}
	if g.o.Wait == 0 {
		return
	}
	g.s.Window = time.Since(begun)
	g.partitionOffsets(ctx, true)
	g.groupsAgain(ctx)
	g.perBroker(func(b *doctor.Broker) {
		if b.Dirs != nil {
			g.logDirs(ctx, b, true)
		}
	})
}
