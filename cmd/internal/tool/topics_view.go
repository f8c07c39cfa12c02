package tool

import (
	"slices"
	"strconv"
	"strings"
)

// topicsView is what kafka-topics lists or describes.
type topicsView struct {
	Topics []*topicView `json:"topics"`

	list, reports bool // only names; only partitions, of a report such as --under-replicated-partitions
}

type topicView struct {
	Name        string            `json:"name"`
	Deleted     bool              `json:"markedForDeletion,omitempty"`
	Partitions  *int              `json:"partitionCount,omitempty"`
	Replication *int              `json:"replicationFactor,omitempty"`
	Configs     map[string]string `json:"configs,omitempty"`
	List        []topicPartition  `json:"partitions,omitempty"`
	words       []string          // of Configs, in Kafka's order
}

type topicPartition struct {
	Partition int32   `json:"partition"`
	Leader    *int32  `json:"leader"` // null: none
	Replicas  []int32 `json:"replicas"`
	ISR       []int32 `json:"isr"`
}

func (v *topicsView) names(names, deleted []string) {
	for _, n := range names {
		if n != "" {
			v.Topics = append(v.Topics, &topicView{Name: n, Deleted: slices.Contains(deleted, n)})
		}
	}
}

func (v *topicsView) topic(name string, partitions, replication int, configs []string, deleted bool) {
	t := &topicView{Name: name, Deleted: deleted, Partitions: &partitions, Replication: &replication, Configs: map[string]string{}, words: configs}
	for _, w := range configs {
		k, value, _ := strings.Cut(w, "=")
		t.Configs[k] = value
	}
	v.Topics = append(v.Topics, t)
}

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
	if x.ISR == nil {
		x.ISR = []int32{}
	}
	v.Topics[n-1].List = append(v.Topics[n-1].List, x)
}

func (v *topicsView) tables() []viewTable {
	header := []string{"PARTITION", "LEADER", "REPLICAS", "ISR"}
	if v.list {
		t := viewTable{header: []string{"TOPIC"}}
		for _, x := range v.Topics {
			row := cells(x.Name)
			if x.Deleted {
				row[0] = cell{x.Name + " - marked for deletion", warning}
			}
			t.rows = append(t.rows, row)
		}
		return []viewTable{t}
	}
	if v.reports {
		t := viewTable{header: append([]string{"TOPIC"}, header...), right: header[:1]}
		for _, x := range v.Topics {
			for _, p := range x.List {
				t.rows = append(t.rows, append(cells(x.Name), p.cells()...))
			}
		}
		return []viewTable{t}
	}
	var out []viewTable
	for _, x := range v.Topics {
		t := viewTable{header: header, right: header[:1]}
		words := []string{"Topic " + x.Name, plural(*x.Partitions, "partition"), "replication factor " + strconv.Itoa(*x.Replication)}
		if x.Deleted {
			words = append(words, "marked for deletion")
		}
		t.title = strings.Join(words, ", ")
		if len(x.words) > 0 {
			t.title += "\n  " + strings.Join(x.words, "\n  ")
		}
		for _, p := range x.List {
			t.rows = append(t.rows, p.cells())
		}
		out = append(out, t)
	}
	return out
}

func (p topicPartition) cells() []cell {
	row := cells(itoa(int64(p.Partition)), "none", joinIDs(p.Replicas), joinIDs(p.ISR))
	if p.Leader != nil {
		row[1].text = itoa(int64(*p.Leader))
	} else {
		row[1].mood = alarm
	}
	if len(p.ISR) < len(p.Replicas) {
		row[3].mood = warning
	}
	return row
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return strconv.Itoa(n) + " " + word + "s"
}
