package doctor

import (
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"momus/internal/model"
)

// Part is a part of a snapshot that may be missing as a whole: not asked for, refused, or not told by
// brokers of that version.
type Part string

// The parts.
const (
	Reach           Part = "reach"           // whether the brokers answer at their addresses
	ZooKeeperNodes  Part = "zookeeper"       // Snapshot.ZooKeeper
	BrokerConfigs   Part = "broker configs"  // Broker.Config of the brokers that answered
	TopicConfigs    Part = "topic configs"   // Topic.Config
	LogDirs         Part = "log directories" // Broker.Dirs
	Offsets         Part = "offsets"         // Partition.Start, End and Stable
	Timestamps      Part = "timestamps"      // Partition.Oldest and Future
	Groups          Part = "groups"          // Snapshot.Groups
	CommitLog       Part = "commits"         // Group.Commits, from __consumer_offsets
	Transactions    Part = "transactions"    // Snapshot.Transactions
	Records         Part = "records"         // Partition.Head, StableSince and Offset.Unread
	ACLs            Part = "ACLs"            // Snapshot.ACLs
	Quotas          Part = "quotas"          // Snapshot.Quotas
	Metrics         Part = "metrics"         // Snapshot.Pages
	SecondSample    Part = "second sample"   // what has the word Later in its name
	ReassignedParts Part = "reassignments"   // Partition.Adding and Removing
	Endpoints       Part = "endpoints"       // Broker.Certificates
)

// Snapshot is a cluster as it was seen. What is not known has the value that its comment names. It
// is not one moment: its parts are read one after the other, for seconds in a large cluster, and
// what is compared between two parts must allow for that.
type Snapshot struct {
	Lang // of the sentences of a report about it

	Time time.Time // of the first look
	// Window is the time between the two looks, 0 for one look.
	Window time.Duration
	// Asked is how the cluster was asked, for the commands of cures.
	Asked Asked
	// Missing says of the parts that are missing why.
	Missing map[Part]string

	ClusterID string // "": not told, by brokers before 0.10.1
	// The brokers need not agree on it; where they do not, Differs of the broker says so.
	Controller int32 // as the first broker has it, -1 for none
	// Throttled is for how long brokers held up whoever gathered this, for a quota.
	Throttled    time.Duration
	Brokers      []*Broker // by id: the registered ones, those in metadata and those that hold replicas
	Topics       []*Topic  // by name
	Groups       []*Group  // by name
	Transactions []Transaction
	ACLs         []ACL
	Quotas       []Quota
	ZooKeeper    *ZooKeeper // nil: not asked
	// Pages are pages of metrics, of those brokers that have one.
	Pages []Page
}

// Asked is how a cluster is reached by tools.
type Asked struct {
	Servers       string // --bootstrap-server
	CommandConfig string // --command-config, "" for none
	ZooKeeper     string // --zookeeper, "" for none
}

// Broker is what is known of a broker.
type Broker struct {
	ID         int32
	InMetadata bool // the controller, or who else was asked, lists it
	// Host and Port are of the listener that was asked: a broker has an address for each.
	Host string
	Port int32
	Rack string
	// Registered is its znode, nil for none or when ZooKeeper was not asked.
	Registered *Registration
	// Unreachable says why its address does not answer from here, "" when it does.
	Unreachable string
	// Answers tells that the broker was asked and answered.
	Answers bool
	// Impostor says who answers at its address if not it; "" if all is well or that is not known.
	Impostor string
	// Major and Minor are its version as its APIs tell it, such as 2 and 5, or 0 and 10; Version is
	// the guess as text. 0, 0 and "": not known.
	Major, Minor int
	Version      string
	Momus        bool // it is not Apache Kafka
	// Differs are the ways in which its metadata differ from the controller's for longer than news
	// take to travel.
	Differs []string
	// Config is its configuration, nil if it is not known.
	Config Config
	// Idle are settings that were given to momus and have no effect there. Only momus's own table
	// says which keys these are, so that the list is empty for Apache Kafka.
	Idle []string
	// Dirs are its log directories, nil if they are not known.
	Dirs []Dir
	// Certificates are those of its TLS listeners.
	Certificates []Certificate
}

// Address is host:port as clients are told.
func (b *Broker) Address() string { return net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port))) }

// Alive tells that the cluster has the broker at the moment.
func (b *Broker) Alive() bool { return b.InMetadata || b.Registered != nil }

// Registration is a broker's znode. It is ephemeral: while it is there, so is the broker's session.
type Registration struct {
	Endpoints []model.Endpoint
	Rack      string
	// Started is when the broker registered by its own clock, Created by ZooKeeper's.
	Started, Created time.Time
}

// Config is a configuration, by key.
type Config map[string]Setting

// Setting is the effective value of a key. Brokers before 1.1 do not tell the source of a value,
// but they tell whether it is the default.
type Setting struct {
	Value   string // "" for what is sensitive
	Default bool   // nobody set it; of a topic: it is not the topic's own
	Dynamic bool   // of a broker: it was set in ZooKeeper
}

// Get is the value of a key; ok is false if it is not known.
func (c Config) Get(key string) (value string, ok bool) {
	s, ok := c[key]
	return s.Value, ok
}

// Int is the value of a key that is a number; ok is false if it is not known or not a number.
func (c Config) Int(key string) (n int64, ok bool) {
	n, err := strconv.ParseInt(c[key].Value, 10, 64)
	return n, err == nil
}

// True tells that a key is known to be true.
func (c Config) True(key string) bool { return c[key].Value == "true" }

// False tells that a key is known to be false.
func (c Config) False(key string) bool { return c[key].Value == "false" }

// Set tells that somebody has set a key.
func (c Config) Set(key string) bool {
	s, ok := c[key]
	return ok && !s.Default
}

// Dir is a log directory.
type Dir struct {
	Path     string
	Failed   bool
	Replicas map[model.TopicPartition]Replica
	// Total and Usable are bytes of its file system, -1 if they are not known.
	Total, Usable int64
}

// Size is how many bytes the replicas of a directory have.
func (d *Dir) Size() (n int64) {
	for _, r := range d.Replicas {
		n += r.Size
	}
	return n
}

// Replica is a replica in a log directory. A broker has two of a partition while the partition
// moves between its directories (KIP-113).
type Replica struct {
	Size   int64
	Lag    int64 // behind the high watermark, or of a future replica behind the current one
	Future bool  // it is being moved into this directory
	// LaterLag is the lag at the second look, -1 if the replica was not there.
	LaterLag int64
}

// Certificate is the certificate of a TLS listener.
type Certificate struct {
	Address  string
	Listener string
	Subject  string
	NotAfter time.Time
	// Names is why the certificate is not for the address's host, "" if it is.
	Names string
}

// Page is what a broker shows over HTTP. What a metric means is the same whether Kafka's JMX
// exporter or momus itself serves it.
type Page struct {
	From    string // which broker, for people
	Metrics []Metric
}

// Metric is a sample of a metric, under the name that the JMX exporter's usual rules give it.
type Metric struct {
	Name   string
	Labels map[string]string
	Value  float64
}

// Topic is a topic.
type Topic struct {
	Name       string
	Internal   bool
	Partitions []*Partition // by id
	// Config is its configuration, nil if it is not known; with ZooKeeper alone only what was set.
	Config Config
}

// Partition is a partition of a topic.
type Partition struct {
	ID       int32
	Leader   int32 // -1 for none
	Replicas []int32
	ISR      []int32
	// Adding and Removing are those of a reassignment.
	Adding, Removing []int32
	// Start, End (high watermark) and Stable are offsets, -1 if not known; those at the second look
	// have Later in their names.
	Start, End, Stable    int64
	LaterEnd, LaterStable int64
	// StableSince is the time of the record at Stable when that is not the end; zero if not known.
	StableSince time.Time
	// Oldest is the time of the first record, Future that of a record which is later than the clock
	// by a day and more, at FutureOffset; zero if there is none or if it is not known.
	Oldest, Future time.Time
	FutureOffset   int64
	// Head is about the first records of a compacted partition; nil if they were not read.
	Head *Head
}

// Head is about the first records of a partition, as far as they were read.
type Head struct {
	Records  int
	Repeated int       // records that have a key which a later one of them has too
	Example  string    // such a key, for people
	Without  int       // records without a key
	Last     time.Time // of the last of them
}

// Group is a group of consumers.
type Group struct {
	Name        string
	State       string
	LaterState  string // "" when there was no second look
	Type        string
	Coordinator int32
	Members     []Member
	Offsets     []Offset // committed ones
	// Commits is what __consumer_offsets tells; nil if it was not read.
	Commits *Commits
}

// Member is a member of a group.
type Member struct {
	ID, Client, Host string
	Assigned         int // partitions; -1 if it is not known
}

// Offset is a committed offset of a group, with the ends of the partition.
type Offset struct {
	Partition      model.TopicPartition
	Committed      int64
	LaterCommitted int64 // -1: no second look
	// Unread is the time of the record at Committed, zero if there is none or if it was not read.
	Unread time.Time
}

// Commits is what the last records of __consumer_offsets tell of a group.
type Commits struct {
	Since       time.Time                          // where what was read begins
	First, Last map[model.TopicPartition]time.Time // of the first and the last commit in it
	Count       map[model.TopicPartition]int       // of commits in what was read
	Generations []time.Time                        // when the group got new generations, oldest first
}

// Transaction is a transaction that was open when __transaction_state was read.
type Transaction struct {
	ID         string
	State      string
	Producer   int64
	Started    time.Time
	Timeout    time.Duration
	Partitions []model.TopicPartition
}

// ACL is an ACL, in the words of kafka-acls.
type ACL struct {
	Resource  string // topic, group, cluster, transactional-id, delegation-token
	Name      string
	Pattern   string // literal, prefixed
	Principal string // User:alice
	// Host and Port are of the listener that was asked: a broker has an address for each.
	Host       string
	Operation  string // Read
	Permission string // Allow, Deny
}

// Quota is the quotas of users and clients; a name that is nil is not part of the entity, "" is its
// default.
type Quota struct {
	User, Client *string
	Values       map[string]float64
}

// ZooKeeper is what the znodes say.
type ZooKeeper struct {
	Chroot     string // "" or /path
	ClusterID  string // "": there is none
	Controller int32  // -1 for none
	// Others are other places of the ensemble with brokers, and their brokers.
	Others map[string][]OtherBroker
	// Topics are the topics with their partitions' replicas; Nodes has the partitions that have a
	// node.
	Topics map[string]map[int32][]int32
	Nodes  map[string][]int32
	// ConfigTopics are topics that have configs.
	ConfigTopics []string
	// Deletions are topics to be deleted, since when.
	Deletions map[string]time.Time
	// Reassigning is what /admin/reassign_partitions has, Reassignment since when, zero for none.
	Reassigning  map[model.TopicPartition][]int32
	Reassignment time.Time
	// Election is since when /admin/preferred_replica_election is there, zero for none.
	Election time.Time
	// Notifications counts the children of paths with notifications.
	Notifications map[string]int
	// OldGroups are groups whose offsets are in ZooKeeper, and whether they have consumers.
	OldGroups map[string]bool
	// Open are nodes that anybody may change.
	Open []string
}

// OtherBroker is a broker that is registered elsewhere in the ensemble.
type OtherBroker struct {
	ID        int32
	Endpoints []model.Endpoint
}

// Broker finds a broker; nil if there is none of that id.
func (s *Snapshot) Broker(id int32) *Broker {
	i, ok := slices.BinarySearchFunc(s.Brokers, id, func(b *Broker, id int32) int { return int(b.ID) - int(id) })
	if !ok {
		return nil
	}
	return s.Brokers[i]
}

// Topic finds a topic; nil if there is none of that name.
func (s *Snapshot) Topic(name string) *Topic {
	i, ok := slices.BinarySearchFunc(s.Topics, name, func(t *Topic, name string) int { return strings.Compare(t.Name, name) })
	if !ok {
		return nil
	}
	return s.Topics[i]
}

// Partition finds a partition; nil if there is none.
func (s *Snapshot) Partition(tp model.TopicPartition) *Partition {
	t := s.Topic(tp.Topic)
	if t == nil {
		return nil
	}
	i, ok := slices.BinarySearchFunc(t.Partitions, tp.Partition, func(p *Partition, id int32) int { return int(p.ID) - int(id) })
	if !ok {
		return nil
	}
	return t.Partitions[i]
}

// alive are the brokers that the cluster has.
func (s *Snapshot) alive() []*Broker {
	return slices.DeleteFunc(slices.Clone(s.Brokers), func(b *Broker) bool { return !b.Alive() })
}

// config is the configuration of a broker that is as good as any, for keys that are equal on all.
// The controller's is the first choice: what it does for the cluster, it does by its own. nil is
// none, and a nil Config answers every question with "not known".
func (s *Snapshot) config() Config {
	for _, b := range s.Brokers {
		if b.ID == s.Controller && b.Config != nil {
			return b.Config
		}
	}
	for _, b := range s.Brokers {
		if b.Config != nil {
			return b.Config
		}
	}
	return nil
}

// topicDefaults are what the keys of topics are called among those of brokers. Only those are here
// that a rule asks for; a key that is missing here is unknown unless DescribeConfigs told the
// topic's own.
var topicDefaults = map[string]string{
	"min.insync.replicas": "min.insync.replicas", "unclean.leader.election.enable": "unclean.leader.election.enable",
	"retention.ms": "log.retention.ms", "segment.ms": "log.roll.ms", "segment.bytes": "log.segment.bytes", "cleanup.policy": "log.cleanup.policy",
	"message.format.version": "log.message.format.version", "message.timestamp.type": "log.message.timestamp.type",
}

// setting is the effective value of a topic's key; ok is false if it is not known. The broker's key
// stands in when the topic's configuration was not read, as with ZooKeeper alone.
func (s *Snapshot) setting(t *Topic, key string) (string, bool) {
	if v, ok := t.Config.Get(key); ok {
		return v, true
	}
	return s.config().Get(topicDefaults[key])
}

// number is setting for a key that is a number.
func (s *Snapshot) number(t *Topic, key string) (int64, bool) {
	v, ok := s.setting(t, key)
	n, err := strconv.ParseInt(v, 10, 64)
	return n, ok && err == nil
}

// sortedKeys are the keys of a map in order.
func sortedKeys[K ~string | ~int32, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// View is what one broker tells clients about the cluster.
type View struct {
	Controller int32
	Brokers    []int32
	Partitions map[model.TopicPartition]Led
}

// Led is who leads a partition, and which replicas are in sync.
type Led struct {
	Leader int32
	ISR    []int32
}

// maxDifferences bounds what DiffViews returns.
const maxDifferences = 100

// DiffViews says how a view differs from that of the controller, nil if it does not. It compares
// sets, not orders: brokers list in-sync replicas in the order in which these came. A view is of a
// moment: news reach brokers one after the other, so that whoever calls this looks twice and keeps
// what both looks have.
func DiffViews(controller, other *View, l Lang) (out []string) {
	add := func(difference string) {
		if len(out) < maxDifferences {
			out = append(out, difference)
		}
	}
	if other.Controller != controller.Controller {
		add(l.say("the controller is %d, not %d", other.Controller, controller.Controller))
	}
	for _, id := range controller.Brokers {
		if !slices.Contains(other.Brokers, id) {
			add(l.say("it does not list broker %d", id))
		}
	}
	for _, id := range other.Brokers {
		if !slices.Contains(controller.Brokers, id) {
			add(l.say("it lists broker %d, which the controller does not", id))
		}
	}
	for _, tp := range slices.SortedFunc(maps.Keys(controller.Partitions), model.TopicPartition.Compare) {
		want := controller.Partitions[tp]
		switch have, ok := other.Partitions[tp]; {
		case !ok:
			add(l.say("it does not know %s", tp))
		case have.Leader != want.Leader:
			add(l.say("%s is led by %d, not %d", tp, have.Leader, want.Leader))
		case !sameSet(have.ISR, want.ISR):
			add(l.say("in sync in %s are %s, not %s", tp, l.ids(have.ISR), l.ids(want.ISR)))
		}
	}
	for _, tp := range slices.SortedFunc(maps.Keys(other.Partitions), model.TopicPartition.Compare) {
		if _, ok := controller.Partitions[tp]; !ok {
			add(l.say("it knows %s, which the controller does not", tp))
		}
	}
	return out
}

// sameSet ignores the order, but not how often an id is there.
func sameSet(a, b []int32) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
