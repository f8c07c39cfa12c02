package topics

import (
	"slices"
	"strconv"
	"strings"

	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/screen"
)

// topicsView is what kafka-topics lists or describes. Its JSON is an interface: fields may be
// added, none is renamed.
type topicsView struct {
	Topics []*topicView `json:"topics"`

	list, reports bool // only names; only partitions, of a report such as --under-replicated-partitions
}

// topicView is a topic in --json; in a list it is a name alone.
type topicView struct {
	Name        string            `json:"name"`
	Deleted     bool              `json:"markedForDeletion,omitempty"`
	Partitions  *int              `json:"partitionCount,omitempty"`
	Replication *int              `json:"replicationFactor,omitempty"`
	Configs     map[string]string `json:"configs,omitempty"`
	List        []topicPartition  `json:"partitions,omitempty"`
	words       []string          // of Configs, in Kafka's order
}

// topicPartition has replicas and ISR in the controller's order: the first replica is the preferred
// leader.
type topicPartition struct {
	Partition int32   `json:"partition"`
	Leader    *int32  `json:"leader"` // null: none
	Replicas  []int32 `json:"replicas"`
	ISR       []int32 `json:"isr"`
}

// names adds topics of a list; those marked for deletion are told apart.
func (v *topicsView) names(names, deleted []string) {
	for _, n := range names {
		if n != "" {
			// Kafka's list of no topics is one empty line.
			v.Topics = append(v.Topics, &topicView{Name: n, Deleted: slices.Contains(deleted, n)})
		}
	}
}

// topic adds a topic with its configs, which are key=value. A value may contain = itself.
func (v *topicsView) topic(name string, partitions, replication int, configs []string, deleted bool) {
	t := &topicView{Name: name, Deleted: deleted, Partitions: &partitions, Replication: &replication, Configs: map[string]string{}, words: configs}
	for _, w := range configs {
		k, value, _ := strings.Cut(w, "=")
		t.Configs[k] = value
	}
	v.Topics = append(v.Topics, t)
}

// partition adds a partition to the topic before it. In a report there are no topic lines: the
// topic is added with its first partition.
func (v *topicsView) partition(p *partitionLine) {
	n := len(v.Topics)
	if n == 0 || v.Topics[n-1].Name != p.topic {
		v.Topics = append(v.Topics, &topicView{Name: p.topic, Deleted: p.deleted})
		n++
	}
	x := topicPartition{Partition: p.partition, Replicas: p.replicas, ISR: p.isr}
	if p.leader >= 0 {
		x.Leader = &p.leader
	}
	// [] and not null in JSON.
	if x.ISR == nil {
		x.ISR = []int32{}
	}
	v.Topics[n-1].List = append(v.Topics[n-1].List, x)
}

// Tables implements screen.View: names, a table a topic, or one of the partitions that a report is
// about.
func (v *topicsView) Tables() []screen.Table {
	header := []string{"PARTITION", "LEADER", "REPLICAS", "ISR"}
	if v.list {
		t := screen.Table{Header: []string{"TOPIC"}}
		for _, x := range v.Topics {
			row := screen.Cells(x.Name)
			if x.Deleted {
				row[0] = screen.Cell{Text: x.Name + " - marked for deletion", Mood: screen.Warning}
			}
			t.Rows = append(t.Rows, row)
		}
		return []screen.Table{t}
	}
	if v.reports {
		t := screen.Table{Header: append([]string{"TOPIC"}, header...), Right: header[:1]}
		for _, x := range v.Topics {
			for _, p := range x.List {
				t.Rows = append(t.Rows, append(screen.Cells(x.Name), p.cells()...))
			}
		}
		return []screen.Table{t}
	}
	var out []screen.Table
	for _, x := range v.Topics {
		t := screen.Table{Header: header, Right: header[:1]}
		words := []string{"Topic " + x.Name, core.Plural(*x.Partitions, "partition"), "replication factor " + strconv.Itoa(*x.Replication)}
		if x.Deleted {
			words = append(words, "marked for deletion")
		}
		t.Title = strings.Join(words, ", ")
		if len(x.words) > 0 {
			t.Title += "\n  " + strings.Join(x.words, "\n  ")
		}
		for _, p := range x.List {
			t.Rows = append(t.Rows, p.cells())
		}
		out = append(out, t)
	}
	return out
}

// cells are a row of the table: what needs a person is coloured, a partition without a leader more
// than one with replicas out of sync.
func (p topicPartition) cells() []screen.Cell {
	row := screen.Cells(core.Itoa(int64(p.Partition)), "none", core.JoinIDs(p.Replicas), core.JoinIDs(p.ISR))
	if p.Leader != nil {
		row[1].Text = core.Itoa(int64(*p.Leader))
	} else {
		row[1].Mood = screen.Alarm
	}
	if len(p.ISR) < len(p.Replicas) {
		row[3].Mood = screen.Warning
	}
	return row
}
