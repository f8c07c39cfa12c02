package console

import (
	"context"
	"maps"
	"slices"
	"sync"

	"momus/broker/view"
	"momus/configs"
	"momus/coordinator/zk"
	"momus/internal/journal"
	"momus/internal/model"
)

// Member is a broker that a Site shows from inside.
type Member struct {
	View      *view.View
	Journal   *journal.Journal
	Config    *configs.Config
	ZooKeeper *zk.Client
	// Overrides are the configs that a topic has itself, as this broker knows them.
	Overrides func(topic string) map[string]string
}

// Player changes a cluster that is there to play with. Its errors are for people.
type Player interface {
	// Do carries out an action on a broker: one of Actions.
	Do(ctx context.Context, action string, broker int32) error
	Actions() []string
}

// Outside is a cluster that is seen from outside, by public APIs and znodes alone. What those do
// not tell is left out.
type Outside interface {
	Cluster(ctx context.Context) (*view.Cluster, error)
	Groups(ctx context.Context) ([]view.Group, error)
	Replicas(ctx context.Context, tp model.TopicPartition) ([]view.Replica, error)
	// Configs describes a broker or, if topic is not "", a topic.
	Configs(ctx context.Context, topic string, broker int32) ([]configs.Entry, error)
	// Znode reads a node, and says which session asked.
	Znode(ctx context.Context, path string) (n *zk.Node, session int64, err error)
}

// Options make a Site.
type Options struct {
	Version string
	// Outside, if not nil, is shown instead of brokers of this process.
	Outside Outside
	// Player, if not nil, carries out what the page is allowed to do.
	Player Player
}

// Site is the page and what it asks for: the brokers of this process, which come and go. Its
// methods may be called from any goroutine. A goroutine exists only while somebody looks.
type Site struct {
	opts Options
	hub  hub

	mu struct {
		sync.Mutex
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
			delete(s.mu.members, id)
		}
	}
}

// members are the brokers that are shown from inside, by id.
func (s *Site) members() []*Member {
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

// cluster is the cluster as the members know it together.
func (s *Site) cluster(ctx context.Context) *view.Cluster {
	if s.opts.Outside != nil {
		return s.fromOutside(ctx)
	}
	members := s.members()
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
	c := view.Merge(views, known)
	s.mu.Lock()
	for _, b := range c.Brokers {
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
