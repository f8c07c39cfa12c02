package tool

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"momus/internal/model"
)

// groupsView is what kafka-consumer-groups lists or describes.
type groupsView struct {
	Groups []*groupView `json:"groups"`

	list bool
}

type groupView struct {
	Group       string            `json:"group"`
	State       string            `json:"state,omitempty"`
	Coordinator *groupCoordinator `json:"coordinator,omitempty"`
	Strategy    *string           `json:"assignmentStrategy,omitempty"`
	Count       *int              `json:"memberCount,omitempty"`
	Offsets     *[]groupOffset    `json:"offsets,omitempty"`
	Members     *[]memberView     `json:"members,omitempty"`
	verbose     bool
}

type groupCoordinator struct {
	ID   int32  `json:"id"`
	Host string `json:"host"`
	Port int32  `json:"port"`
}

// groupOffset is one partition; null stands for what is not known.
type groupOffset struct {
	Topic     string  `json:"topic"`
	Partition int32   `json:"partition"`
	Current   *int64  `json:"currentOffset"`
	End       *int64  `json:"logEndOffset"`
	Lag       *int64  `json:"lag"`
	Member    *string `json:"consumerId"`
	Host      *string `json:"host"`
	Client    *string `json:"clientId"`
}

type memberView struct {
	ID       string            `json:"consumerId"`
	Instance string            `json:"groupInstanceId,omitempty"`
	Host     string            `json:"host"`
	Client   string            `json:"clientId"`
	Assigned []memberPartition `json:"partitions"`
	text     string
}

type memberPartition struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
}

// describe adds a group; what else is known of it is added by offsets, members or state.
func (v *groupsView) describe(g *describedGroup) *groupView {
	x := &groupView{Group: g.name, State: g.state}
	v.Groups = append(v.Groups, x)
	return x
}

func (x *groupView) offsets(rows []offsetRow) {
	known := func(n int64) *int64 {
		if n < 0 {
			return nil
		}
		return &n
	}
	named := func(s string) *string {
		if s == "-" {
			return nil
		}
		return &s
	}
	list := []groupOffset{}
	for _, r := range rows {
		o := groupOffset{Topic: r.tp.Topic, Partition: r.tp.Partition, Current: known(r.committed), End: known(r.end), Member: named(r.member), Host: named(r.host), Client: named(r.client)}
		if o.Current != nil && o.End != nil {
			lag := r.end - r.committed
			o.Lag = &lag
		}
		list = append(list, o)
	}
	x.Offsets = &list
}

func (x *groupView) members(g *describedGroup, verbose bool) {
	list := []memberView{}
	for _, m := range g.members {
		y := memberView{ID: m.id, Instance: m.instance, Host: m.host, Client: m.client, Assigned: []memberPartition{}, text: assignmentText(m.assigned)}
		for _, tp := range byTopic(m.assigned) {
			y.Assigned = append(y.Assigned, memberPartition{tp.Topic, tp.Partition})
		}
		list = append(list, y)
	}
	x.Members, x.verbose = &list, verbose
}

func (x *groupView) state(g *describedGroup) {
	n := len(g.members)
	x.Coordinator, x.Strategy, x.Count = &groupCoordinator{g.node, g.host, g.port}, &g.protocol, &n
}

func byTopic(tps []model.TopicPartition) []model.TopicPartition {
	return slices.SortedFunc(slices.Values(tps), func(a, b model.TopicPartition) int {
		return cmp.Or(strings.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
}

func (v *groupsView) tables() []viewTable {
	if v.list {
		t := viewTable{header: []string{"GROUP"}}
		for _, g := range v.Groups {
			t.rows = append(t.rows, cells(g.Group))
		}
		return []viewTable{t}
	}
	states := viewTable{header: []string{"GROUP", "STATE", "MEMBERS", "STRATEGY", "COORDINATOR"}, right: []string{"MEMBERS"}}
	var out []viewTable
	for _, g := range v.Groups {
		switch {
		case g.Coordinator != nil:
			c := g.Coordinator
			states.rows = append(states.rows, append([]cell{{text: g.Group}, g.stateCell()}, cells(strconv.Itoa(*g.Count), *g.Strategy, fmt.Sprintf("%s:%d (%d)", c.Host, c.Port, c.ID))...))
		case g.Members != nil:
			out = append(out, g.memberTable())
		default:
			out = append(out, g.offsetTable())
		}
	}
	if len(states.rows) > 0 {
		out = append(out, states)
	}
	return out
}

func (g *groupView) stateCell() cell {
	switch g.State {
	case "Stable":
		return cell{text: g.State}
	case "Dead":
		return cell{g.State, alarm}
	}
	return cell{g.State, warning}
}

func (g *groupView) memberTable() viewTable {
	t := viewTable{title: "Group " + g.Group + ", " + g.State, header: []string{"CONSUMER-ID", "HOST", "CLIENT-ID", "PARTITIONS"}, right: []string{"PARTITIONS"}}
	static := false
	for _, m := range *g.Members {
		static = static || m.Instance != ""
	}
	if static {
		t.header = append(t.header, "INSTANCE-ID")
	}
	if g.verbose {
		t.header = append(t.header, "ASSIGNMENT")
	}
	for _, m := range *g.Members {
		row := cells(m.ID, m.Host, m.Client, strconv.Itoa(len(m.Assigned)))
		if static {
			row = append(row, cell{text: m.Instance})
		}
		if g.verbose {
			row = append(row, cell{text: m.text})
		}
		t.rows = append(t.rows, row)
	}
	return t
}

func (g *groupView) offsetTable() viewTable {
	t := viewTable{title: "Group " + g.Group + ", " + g.State, header: []string{"TOPIC", "PARTITION", "CURRENT", "END", "LAG", "CONSUMER-ID", "HOST"},
		right: []string{"PARTITION", "CURRENT", "END", "LAG"}}
	number := func(n *int64) string {
		if n == nil {
			return "-"
		}
		return itoa(*n)
	}
	name := func(s *string) string {
		if s == nil {
			return "-"
		}
		return *s
	}
	for _, o := range *g.Offsets {
		row := cells(o.Topic, itoa(int64(o.Partition)), number(o.Current), number(o.End), number(o.Lag), name(o.Member), name(o.Host))
		if o.Lag != nil && *o.Lag > 0 {
			row[4].mood = warning
		}
		t.rows = append(t.rows, row)
	}
	return t
}
