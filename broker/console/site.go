package console

import (
	"context"
	"maps"
	"slices"
	"sync"

	"momus/broker/view"
	"momus/configs"
	"momus/coordinator/acl"
	"momus/coordinator/zk"
	"momus/internal/journal"
	"momus/internal/model"
)

// Member is a broker that a Site shows from inside.
type Member struct {
	View      *view.View
	Journal   *journal.Journal
	Config    Config
	ZooKeeper *zk.Client
	// Overrides are the configs that a topic has itself, as this broker knows them.
	Overrides func(topic string) map[string]string
	// Rights are what the authorizer says; nil without one.
	Rights Rights
}

// Config describes the configuration of a broker, and of a topic with its overrides; nil names are
// all keys.
type Config interface {
	DescribeBroker(names []string) []configs.Entry
	DescribeTopic(overrides map[string]string, names []string) []configs.Entry
}

// Rights are who may do what.
type Rights interface {
	Explain(q acl.Question) acl.Decision
	Each(f acl.Filter, fn func(r acl.Resource, entries []acl.Entry))
}

// Player changes a cluster that is there to play with. Its errors are for people. Its methods may
// be called from any goroutine.
type Player interface {
	// Actions are what it can do.
	Actions() []string
	// Do carries out an order: its action is one of Actions. What it returns, if not nil, is sent to
	// the page as JSON.
	Do(ctx context.Context, o *Order) (any, error)
	// State is what there is to play with and in which state, as JSON. It is asked at every look and
	// must be cheap.
	State() any
}

// Order is what a page asks a Player to do. Which fields count depends on the action.
type Order struct {
	Action     string  `json:"action"`
	Broker     int32   `json:"broker,omitempty"`
	Topic      string  `json:"topic,omitempty"`
	Partition  *int32  `json:"partition,omitempty"`  // nil: whichever the key leads to
	Partitions int32   `json:"partitions,omitempty"` // of a new topic
	Replicas   int16   `json:"replicas,omitempty"`   // of a new topic
	Group      string  `json:"group,omitempty"`
	Machine    string  `json:"machine,omitempty"` // id of a producer or consumer
	Kind       string  `json:"kind,omitempty"`    // of a new machine: producer or consumer
	Key        *string `json:"key,omitempty"`     // nil is null
	Value      *string `json:"value,omitempty"`   // nil is null
	Keys       int     `json:"keys,omitempty"`    // how many different keys a producer uses; 0: none
	Size       int     `json:"size,omitempty"`    // bytes of a producer's values
	Acks       string  `json:"acks,omitempty"`    // 0, 1 or all
	Rate       float64 `json:"rate,omitempty"`    // records a second; bytes a second for slow
	// Transactional producers commit once a second; Committed consumers are read_committed.
	Transactional bool `json:"transactional,omitempty"`
	Committed     bool `json:"committed,omitempty"`
	// To is where a group is reset to: earliest, latest, offset, shift or time, the last three by
	// Number. Nothing is changed unless Apply.
	To     string `json:"to,omitempty"`
	Number int64  `json:"number,omitempty"`
	Apply  bool   `json:"apply,omitempty"`
}

// Outside is a cluster that is seen from outside, by public APIs and znodes alone. What those do
// not tell is left out.
type Outside interface {
	Cluster(ctx context.Context) (*view.Cluster, error)
	Groups(ctx context.Context) ([]view.Group, error)
	Replicas(ctx context.Context, tp model.TopicPartition) ([]view.Replica, error)
	// Configs describes a broker or, if topic is not "", a topic.
	Configs(ctx context.Context, topic string, broker int32) ([]configs.Entry, error)
	// Znode reads a node, with changes also when its children were changed (see zk.Client.Changes),
	// and says which session asked.
	Znode(ctx context.Context, path string, changes bool) (n *zk.Node, zxids []int64, session int64, err error)
	// Quotas are the quotas that are set; known is false if they cannot be seen.
	Quotas(ctx context.Context) (limits []view.QuotaLimit, known bool, err error)
	// Rights are the ACLs of the cluster; nil if it has no authorizer. Super users are not known.
	Rights(ctx context.Context) (Rights, error)
}

// Options make a Site.
type Options struct {
	Version string
	// Outside, if not nil, is shown instead of brokers of this process.
	Outside Outside
	// Player, if not nil, carries out what the page is allowed to do.
	Player Player
	// Watchers lists the sessions that watch a znode, its data and its children; nil if the
	// coordination server does not tell.
	Watchers func(path string) (data, children []int64)
}

// Site is the page and what it asks for: the brokers of this process, which come and go. Its
// methods may be called from any goroutine. A goroutine exists only while somebody looks.
type Site struct {
	opts     Options
	hub      hub
	examined examination

	mu struct {
		sync.Mutex
		// members are the brokers that run in this process now, by id.
		members map[int32]*Member
		// known are all brokers that were ever seen, so that one that is gone keeps its place; the
		// journal of one that has left stays.
		known    map[int32]view.Broker
		journals map[int32]*journal.Journal
	}
}

// NewSite makes a site without brokers.
func NewSite(o Options) *Site {
	s := &Site{opts: o}
	s.mu.members, s.mu.known, s.mu.journals = map[int32]*Member{}, map[int32]view.Broker{}, map[int32]*journal.Journal{}
	s.hub.init(s)
	return s
}

// Join shows a broker from now until leave is called.
func (s *Site) Join(m *Member) (leave func()) {
	id := m.View.BrokerID()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.members[id], s.mu.journals[id] = m, m.Journal
	if _, ok := s.mu.known[id]; !ok {
		s.mu.known[id] = view.Broker{ID: id}
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.mu.members[id] == m {
			// The same id may have joined again with a new life before the old one has left: then
			// the new one stays.
			delete(s.mu.members, id)
		}
	}
}

// Members are the brokers that are shown from inside, by id.
func (s *Site) Members() []*Member {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*Member, 0, len(s.mu.members))
	for _, m := range s.mu.members {
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b *Member) int { return int(a.View.BrokerID() - b.View.BrokerID()) })
	return out
}

// journals are those of all brokers that were ever here.
func (s *Site) journals() []*journal.Journal {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*journal.Journal, 0, len(s.mu.journals))
	for _, j := range s.mu.journals {
		out = append(out, j)
	}
	return out
}

// Cluster is the cluster as the members know it together.
func (s *Site) Cluster(ctx context.Context) *view.Cluster {
	if s.opts.Outside != nil {
		return s.fromOutside(ctx)
	}
	members := s.Members()
	views := make([]*view.View, len(members))
	for i, m := range members {
		views[i] = m.View
	}
	s.mu.Lock()
	known := make([]view.Broker, 0, len(s.mu.known))
	for _, b := range s.mu.known {
		known = append(known, b)
	}
	s.mu.Unlock()
	// Outside of the lock: it asks every partition of every broker.
	c := view.Merge(views, known)
	s.mu.Lock()
	for _, b := range c.Brokers {
		// Brokers of this process are always remembered, others only up to the bound: ids come from
		// ZooKeeper, where anybody may write.
		if len(s.mu.known) < maxKnown || b.Told {
			s.mu.known[b.ID] = view.Broker{ID: b.ID, Address: b.Address, Rack: b.Rack}
		}
	}
	s.mu.Unlock()
	return c
}

// fromOutside asks for the cluster. While it does not answer, all brokers that were ever seen are
// gone.
func (s *Site) fromOutside(ctx context.Context) *view.Cluster {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	s.mu.Lock()
	known := maps.Clone(s.mu.known)
	s.mu.Unlock()
	c, err := s.opts.Outside.Cluster(ctx)
	if err != nil {
		return view.Merge(nil, slices.Collect(maps.Values(known)))
	}
	for _, b := range c.Brokers {
		// What is left are brokers that were seen once and are not there now.
		delete(known, b.ID)
	}
	for _, b := range known {
		c.Brokers = append(c.Brokers, b)
	}
	slices.SortFunc(c.Brokers, func(a, b view.Broker) int { return int(a.ID - b.ID) })
	s.mu.Lock()
	for _, b := range c.Brokers[:min(len(c.Brokers), maxKnown)] {
		s.mu.known[b.ID] = view.Broker{ID: b.ID, Address: b.Address, Rack: b.Rack}
	}
	s.mu.Unlock()
	return c
}

// maxKnown bounds the brokers that are remembered.
const maxKnown = 1000
