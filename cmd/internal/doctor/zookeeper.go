package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"momus/cmd/internal/tool/clients"
	"momus/coordinator/zk"
	"momus/internal/doctor"
	"momus/internal/model"
)

// parseEndpoint reads an endpoint of a broker's node; protocols are the security protocols by
// listener name.
func parseEndpoint(s string, protocols map[string]string) (model.Endpoint, error) {
	return zk.ParseEndpoint(s, protocols)
}

// nodes reads znodes below a chroot. The session has none, since a session with one creates it.
type nodes struct {
	client *zk.Client
	chroot string
	// failed is the first error that leaves something unknown; that a node is not there is none.
	failed *failure
}

// failure keeps the first of many errors.
type failure struct {
	mu  sync.Mutex
	err error
}

// note keeps the first error; those after it are mostly its consequences.
func (f *failure) note(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
}

// readsAtOnce bounds the znodes that are read side by side. A request of ZooKeeper takes a round
// trip of its own, so that a thousand topics one by one would take as many.
const readsAtOnce = 64

// read is Inspect, below the chroot. "" is the root of the chroot.
func (n *nodes) read(ctx context.Context, path string) (*zk.Node, error) {
	if path = n.chroot + path; path == "" {
		path = "/"
	}
	x, err := n.client.Inspect(ctx, path)
	if err != nil && !errors.Is(err, zk.ErrNoNode) {
		n.failed.note(fmt.Errorf("read %s: %w", path, err))
	}
	return x, err
}

// children are the names below a node, none if it is not there.
func (n *nodes) children(ctx context.Context, path string) []string {
	if x, err := n.read(ctx, path); err == nil {
		return x.Children
	}
	return nil
}

// each reads the nodes of many paths side by side and calls fn with those that are there, one call
// at a time.
func (n *nodes) each(ctx context.Context, parent string, names []string, fn func(name string, x *zk.Node)) {
	slots := make(chan struct{}, readsAtOnce)
	var wg sync.WaitGroup
	var mu sync.Mutex
	for _, name := range names {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if x, err := n.read(ctx, parent+"/"+name); err == nil {
				mu.Lock()
				defer mu.Unlock()
				fn(name, x)
			}
		})
	}
	wg.Wait()
}

// zookeeper reads the znodes of the cluster.
func (g *gatherer) zookeeper(ctx context.Context) {
	if g.o.ZooKeeper == "" {
		g.miss(doctor.ZooKeeperNodes, g.o.Lang.Say("ZooKeeper was not named (--zookeeper)", "ZooKeeper를 지정하지 않음 (--zookeeper)"))
		return
	}
	err := g.readZooKeeper(ctx)
	if err != nil && ctx.Err() == nil { // a session that is lost once may be bad luck
		err = g.readZooKeeper(ctx)
	}
	if err != nil {
		g.miss(doctor.ZooKeeperNodes, g.o.Lang.Say("ZooKeeper did not answer: %v", "ZooKeeper가 응답하지 않음: %v", err))
	}
}

// readZooKeeper reads everything or returns why it cannot. Nothing of a reading that failed is
// kept, since half of the topics would make orphans of the rest.
func (g *gatherer) readZooKeeper(ctx context.Context) error {
	client, chroot, err := g.dialZooKeeper(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	// Ten requests' time is for all of them together: a large cluster has many nodes, but they are
	// read side by side.
	limit, cancel := context.WithTimeout(ctx, 10*g.o.Timeout)
	defer cancel()
	n := &nodes{client, chroot, &failure{}}
	z := &doctor.ZooKeeper{Chroot: chroot, Controller: -1, Others: map[string][]doctor.OtherBroker{}, Topics: map[string]map[int32][]int32{}, Nodes: map[string][]int32{},
		Deletions: map[string]time.Time{}, Reassigning: map[model.TopicPartition][]int32{}, Notifications: map[string]int{}, OldGroups: map[string]bool{}}
	if x, err := n.read(limit, zk.ClusterIDPath); err == nil {
		z.ClusterID, _ = zk.DecodeClusterID(x.Data) // "" if it is broken
	}
	if x, err := n.read(limit, zk.ControllerPath); err == nil {
		if id, err := zk.DecodeController(x.Data); err == nil {
			z.Controller = id
		}
	}
	g.registrations(limit, n)
	others(limit, n, z)
	topicNodes(limit, n, z)
	g.configNodes(limit, n, z)
	adminNodes(limit, n, z)
	if n.failed.err != nil {
		return n.failed.err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.s.ZooKeeper = z
	return nil
}

// dialZooKeeper opens a session without a chroot. With a chroot the client would create it, and the
// doctor changes nothing.
func (g *gatherer) dialZooKeeper(ctx context.Context) (*zk.Client, string, error) {
	servers, chroot, err := zk.ParseConnect(g.o.ZooKeeper)
	if err != nil {
		return nil, "", err
	}
	opts := zk.Options{Connect: strings.Join(servers, ","), SessionTimeout: 30 * time.Second, ConnectTimeout: 2 * g.o.Timeout, MaxInFlight: readsAtOnce}
	security, err := clients.ZooKeeperSecurity(g.quiet, g.o.ZooKeeperConfig)
	if err != nil {
		return nil, "", err
	}
	security.Apply(&opts)
	client, err := clients.DialZooKeeperWith(g.quiet, ctx, opts)
	return client, chroot, err
}

// registrations adds the brokers in ZooKeeper. A znode that is not readable as a broker's is passed
// over: it is not one.
func (g *gatherer) registrations(ctx context.Context, n *nodes) {
	g.registered = nil
	n.each(ctx, zk.BrokerIDsPath, n.children(ctx, zk.BrokerIDsPath), func(name string, x *zk.Node) {
		id, err := strconv.ParseInt(name, 10, 32)
		if err != nil {
			return
		}
		b, err := zk.DecodeBroker(int32(id), x.Data)
		if err != nil {
			return
		}
		// The time is a string in Kafka's JSON and a number in that of others.
		var started struct {
			Timestamp json.RawMessage `json:"timestamp"`
		}
		_ = json.Unmarshal(x.Data, &started) // DecodeBroker took it
		ms, _ := strconv.ParseInt(strings.Trim(string(started.Timestamp), `"`), 10, 64)
		g.registered = append(g.registered, registered{b.ID, &doctor.Registration{Endpoints: b.Endpoints, Rack: b.Rack, Started: since(ms), Created: since(x.Stat.Ctime)}})
	})
}

// maxOthers bounds the other chroots that are looked into. An ensemble that is shared has a
// handful; one with hundreds of top-level nodes serves something else as well.
const maxOthers = 50

// others looks for brokers elsewhere in the ensemble. Only the root and its direct children are
// looked at: a chroot that is deeper is not found. What is closed to this user there makes nothing
// unknown, hence the failure of its own.
func others(ctx context.Context, n *nodes, z *doctor.ZooKeeper) {
	root := &nodes{n.client, "", &failure{}} // whose other parts may be closed to this user
	places := []string{""}
	for _, name := range root.children(ctx, "") {
		if len(places) <= maxOthers && name != "zookeeper" {
			places = append(places, "/"+name)
		}
	}
	for _, place := range places {
		if place == n.chroot {
			continue
		}
		shown := place
		if shown == "" {
			shown = "/"
		}
		there := &nodes{n.client, place, &failure{}}
		there.each(ctx, zk.BrokerIDsPath, there.children(ctx, zk.BrokerIDsPath), func(name string, x *zk.Node) {
			if id, err := strconv.ParseInt(name, 10, 32); err == nil {
				if b, err := zk.DecodeBroker(int32(id), x.Data); err == nil {
					z.Others[shown] = append(z.Others[shown], doctor.OtherBroker{ID: b.ID, Endpoints: b.Endpoints})
				}
			}
		})
		slices.SortFunc(z.Others[shown], func(a, b doctor.OtherBroker) int { return int(a.ID - b.ID) })
		if len(z.Others[shown]) == 0 {
			delete(z.Others, shown)
		}
	}
}

// topicNodes reads assignments, and which partitions have a node of their own: these are made when
// a partition gets its first leader, and left behind when a deletion was cut short.
func topicNodes(ctx context.Context, n *nodes, z *doctor.ZooKeeper) {
	names := n.children(ctx, zk.TopicsPath)
	n.each(ctx, zk.TopicsPath, names, func(name string, x *zk.Node) {
		a, err := zk.DecodeTopic(name, x.Data)
		if err != nil {
			return
		}
		z.Topics[name] = map[int32][]int32{}
		for id, p := range a {
			z.Topics[name][id] = p.Replicas
		}
	})
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = name + "/partitions"
	}
	n.each(ctx, zk.TopicsPath, paths, func(path string, x *zk.Node) {
		name := strings.TrimSuffix(path, "/partitions")
		for _, c := range x.Children {
			if id, err := strconv.ParseInt(c, 10, 32); err == nil {
				z.Nodes[name] = append(z.Nodes[name], int32(id))
			}
		}
	})
}

// configNodes reads configs of topics and brokers, and quotas. A node that is not readable is
// passed over.
func (g *gatherer) configNodes(ctx context.Context, n *nodes, z *doctor.ZooKeeper) {
	z.ConfigTopics = n.children(ctx, "/config/topics")
	overrides := map[string]map[string]string{}
	n.each(ctx, "/config/topics", z.ConfigTopics, func(name string, x *zk.Node) {
		if c, err := zk.DecodeConfig(x.Data); err == nil {
			overrides[name] = c
		}
	})
	dynamic := map[string]map[string]string{}
	n.each(ctx, "/config/brokers", n.children(ctx, "/config/brokers"), func(name string, x *zk.Node) {
		if c, err := zk.DecodeConfig(x.Data); err == nil {
			dynamic[name] = c
		}
	})
	quotas := []doctor.Quota{}
	// add makes a quota of a node, if it has any; nil is "not part of the entity".
	add := func(user, client *string, x *zk.Node) {
		c, err := zk.DecodeConfig(x.Data)
		if err != nil {
			return
		}
		q := doctor.Quota{User: user, Client: client, Values: map[string]float64{}}
		for k, v := range c { // a user's node has credentials too, which are no numbers
			if f, err := strconv.ParseFloat(v, 64); err == nil {
				q.Values[k] = f
			}
		}
		if len(q.Values) > 0 {
			quotas = append(quotas, q)
		}
	}
	// entity takes the name of a node apart: names are URL-encoded by Kafka (Sanitizer), and the
	// default is written <default>.
	entity := func(name string) *string {
		if name == zk.DefaultEntity {
			name = ""
		} else {
			name = zk.DesanitizeEntity(name)
		}
		return &name
	}
	n.each(ctx, "/config/clients", n.children(ctx, "/config/clients"), func(name string, x *zk.Node) { add(nil, entity(name), x) })
	users := n.children(ctx, "/config/users")
	n.each(ctx, "/config/users", users, func(name string, x *zk.Node) { add(entity(name), nil, x) })
	for _, user := range users {
		parent := "/config/users/" + user + "/clients"
		n.each(ctx, parent, n.children(ctx, parent), func(name string, x *zk.Node) { add(entity(user), entity(name), x) })
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.overrides, g.dynamic, g.s.Quotas = overrides, dynamic, quotas
}

// adminNodes reads what somebody asked the controller for, notifications, old groups and who may
// change nodes. What is not there is empty, which is the usual case of all of these.
func adminNodes(ctx context.Context, n *nodes, z *doctor.ZooKeeper) {
	n.each(ctx, zk.DeleteTopicsPath, n.children(ctx, zk.DeleteTopicsPath), func(name string, x *zk.Node) { z.Deletions[name] = since(x.Stat.Ctime) })
	if x, err := n.read(ctx, zk.ReassignPartitionsPath); err == nil {
		z.Reassignment = since(x.Stat.Ctime)
		var doc struct {
			Partitions []struct {
				Topic     string  `json:"topic"`
				Partition int32   `json:"partition"`
				Replicas  []int32 `json:"replicas"`
			} `json:"partitions"`
		}
		if json.Unmarshal(x.Data, &doc) == nil {
			for _, p := range doc.Partitions {
				z.Reassigning[model.TopicPartition{Topic: p.Topic, Partition: p.Partition}] = p.Replicas
			}
		}
	}
	if x, err := n.read(ctx, zk.PreferredElectionPath); err == nil {
		z.Election = since(x.Stat.Ctime)
	}
	for _, path := range []string{zk.ISRChangesPath, zk.LogDirEventsPath, zk.ConfigChangesPath, zk.ACLChangesPath, zk.ExtendedACLChangesPath, zk.TokenChangesPath} {
		z.Notifications[path] = len(n.children(ctx, path))
	}
	for _, name := range n.children(ctx, zk.ConsumersPath) {
		z.OldGroups[name] = len(n.children(ctx, zk.ConsumersPath+"/"+name+"/ids")) > 0
	}
	// Nodes with a meaning each: requests to the controller, membership, topics, settings,
	// credentials and rights.
	for _, path := range []string{"/admin", "/brokers", "/brokers/topics", "/config", "/config/users", zk.ACLPath} {
		list, err := n.client.ACLOf(ctx, n.chroot+path)
		if err != nil {
			// An ACL that may not be read is not the world's.
			continue
		}
		for _, a := range list {
			const change = 2 | 4 | 8 | 16 // write, create, delete, admin
			if a.Scheme == "world" && a.Perms&change != 0 {
				z.Open = append(z.Open, path)
			}
		}
	}
}

// registered is a broker in ZooKeeper.
type registered struct {
	id   int32
	node *doctor.Registration
}
