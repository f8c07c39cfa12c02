package view

import (
	"slices"
	"strings"

	"momus/broker/replica"
	"momus/internal/model"
)

// Cluster is a cluster as its brokers know it.
type Cluster struct {
	ID         string   `json:"id"`
	Controller int32    `json:"controller"`
	Brokers    []Broker `json:"brokers"` // by id
	Topics     []Topic  `json:"topics"`  // by name
}

// Broker is a broker of a Cluster. The figures are 0 when it does not tell them to who looks.
type Broker struct {
	ID         int32  `json:"id"`
	Address    string `json:"address"`
	Rack       string `json:"rack,omitempty"`
	Alive      bool   `json:"alive"`
	Told       bool   `json:"told"` // it tells its figures itself
	State      int32  `json:"state"`
	Leaders    int    `json:"leaders"`
	Replicas   int    `json:"replicas"`
	BytesIn    int64  `json:"bytesIn"`    // since its start
	MessagesIn int64  `json:"messagesIn"` // since its start
	OfflineDir bool   `json:"offlineDir"` // a log directory has failed
}

// Topic is a topic of a Cluster.
type Topic struct {
	Name       string      `json:"name"`
	Internal   bool        `json:"internal,omitempty"`
	Partitions []Partition `json:"partitions"` // by number
}

// Partition is a partition of a Topic. End is the leader's log end offset, -1 when the leader does
// not tell.
type Partition struct {
	ID       int32   `json:"id"`
	Leader   int32   `json:"leader"`
	Epoch    int32   `json:"epoch"`
	Replicas []int32 `json:"replicas"`
	ISR      []int32 `json:"isr"`
	Offline  []int32 `json:"offline,omitempty"`
	End      int64   `json:"-"`
}

// Merge is the cluster as several of its brokers know it together; ever are all brokers that were
// ever seen, so that one that is gone keeps its place. The active controller's metadata count, else
// those of the first that has any.
func Merge(views []*View, ever []Broker) *Cluster {
	c := &Cluster{Controller: -1, Brokers: []Broker{}, Topics: []Topic{}}
	// Whose metadata count: the active controller's, which knows first. -1 with no broker at all.
	best := -1
	for i, v := range views {
		if best < 0 || v.ControllerEpoch() > views[best].ControllerEpoch() {
			best = i
		}
	}
	byID := map[int32]Broker{}
	for _, b := range ever {
		// Address and rack stay, so that the page can still say which broker it was.
		b.Alive, b.Told, b.Leaders, b.Replicas = false, false, 0, 0
		byID[b.ID] = b
	}
	if best >= 0 {
		views[best].fill(c, byID)
	}
	type leader struct {
		model.TopicPartition
		broker int32
	}
	type known struct {
		end int64
		isr []int32
	}
	// By broker too: of two that both believe to lead only the one whom the metadata name is asked.
	told := map[leader]known{} // also by brokers that have not heard yet that another leads
	for _, v := range views {
		b := byID[v.BrokerID()]
		b.ID, b.Told, b.State = v.BrokerID(), true, v.State()
		b.BytesIn, b.MessagesIn = v.Received()
		b.OfflineDir = slices.ContainsFunc(v.Dirs(), func(d DirStatus) bool { return d.Err != nil })
		byID[b.ID] = b
		v.EachPartition(func(p *replica.Partition) {
			if s := p.State(); s.Leading {
				x := known{end: -1, isr: s.ISR}
				if l := p.Log(); l != nil {
					x.end = l.LogEndOffset()
				}
				told[leader{p.TopicPartition(), v.BrokerID()}] = x
			}
		})
	}
	for i := range c.Topics {
		t := &c.Topics[i]
		for k := range t.Partitions {
			p := &t.Partitions[k]
			// The leader knows who is in sync before the controller hears of it, which Kafka lets take
			// seconds.
			if x, ok := told[leader{model.TopicPartition{Topic: t.Name, Partition: p.ID}, p.Leader}]; ok {
				p.End, p.ISR = x.end, x.isr
			}
			for _, id := range p.Replicas {
				if b, ok := byID[id]; ok {
					b.Replicas++
					if id == p.Leader {
						b.Leaders++
					}
					byID[id] = b
				}
			}
		}
	}
	for _, b := range byID {
		c.Brokers = append(c.Brokers, b)
	}
	slices.SortFunc(c.Brokers, func(a, b Broker) int { return int(a.ID - b.ID) })
	return c
}

// fill takes what the broker's metadata say.
func (v *View) fill(c *Cluster, byID map[int32]Broker) {
	m := v.Metadata()
	c.ID, c.Controller = m.ClusterID, m.ControllerID
	for _, b := range m.AliveBrokers() {
		x := byID[b.ID]
		x.ID, x.Rack, x.Alive = b.ID, b.Rack, true
		// The first listener that it has; which one a reader could reach is not known here.
		if len(b.Endpoints) > 0 {
			x.Address = strings.TrimPrefix(b.Endpoints[0].String(), b.Endpoints[0].Listener+"://")
		}
		byID[b.ID] = x
	}
	for _, name := range m.Topics() {
		t := Topic{Name: name, Internal: model.IsInternalTopic(name)}
		for _, p := range m.Topic(name) {
			t.Partitions = append(t.Partitions, Partition{ID: p.ID, Leader: p.Leader, Epoch: p.LeaderEpoch, Replicas: p.Replicas,
				ISR: p.ISR, Offline: p.OfflineReplicas, End: -1})
		}
		slices.SortFunc(t.Partitions, func(a, b Partition) int { return int(a.ID - b.ID) })
		c.Topics = append(c.Topics, t)
	}
	slices.SortFunc(c.Topics, func(a, b Topic) int { return strings.Compare(a.Name, b.Name) })
}
