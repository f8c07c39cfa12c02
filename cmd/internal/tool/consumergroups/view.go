package consumergroups

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/screen"
	"momus/internal/model"
)

// groupsView is what kafka-consumer-groups lists or describes.
type groupsView struct {
	Groups []*groupView `json:"groups"`

	list bool
}

// groupView is a group in --json; which of the lists it has depends on what was asked for.
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

// groupCoordinator is the broker that leads the group's partition of __consumer_offsets.
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

// memberView is a member; text is its assignment as the table shows it.
type memberView struct {
	ID       string            `json:"consumerId"`
	Instance string            `json:"groupInstanceId,omitempty"`
	Host     string            `json:"host"`
	Client   string            `json:"clientId"`
	Assigned []memberPartition `json:"partitions"`
	text     string
}

// memberPartition is a partition that a member was given.
type memberPartition struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
}

// describe adds a group; what else is known of it is added by offsets, members or state.
func (v *groupsView) describe(g *clients.DescribedGroup) *groupView {
	x := &groupView{Group: g.Name, State: g.State}
	v.Groups = append(v.Groups, x)
	return x
}

// offsets adds the partitions; what is not known is null, where the table has a dash.
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
		// A group's offset may lie beyond the end of a topic that was made anew: the lag is
		// negative then, as in Kafka's table.
		o := groupOffset{Topic: r.tp.Topic, Partition: r.tp.Partition, Current: known(r.committed), End: known(r.end), Member: named(r.member), Host: named(r.host), Client: named(r.client)}
		if o.Current != nil && o.End != nil {
			lag := r.end - r.committed
			o.Lag = &lag
		}
		list = append(list, o)
	}
	x.Offsets = &list
}

// members adds the members, each with its partitions in order.
func (x *groupView) members(g *clients.DescribedGroup, verbose bool) {
	list := []memberView{}
	for _, m := range g.Members {
		y := memberView{ID: m.Id, Instance: m.Instance, Host: m.Host, Client: m.Client, Assigned: []memberPartition{}, text: assignmentText(m.Assigned)}
		for _, tp := range byTopic(m.Assigned) {
			y.Assigned = append(y.Assigned, memberPartition{tp.Topic, tp.Partition})
		}
		list = append(list, y)
	}
	x.Members, x.verbose = &list, verbose
}

// state adds what --state shows.
func (x *groupView) state(g *clients.DescribedGroup) {
	n := len(g.Members)
	x.Coordinator, x.Strategy, x.Count = &groupCoordinator{g.Node, g.Host, g.Port}, &g.Protocol, &n
}

// byTopic sorts partitions by topic and number; their order in an assignment is that of the
// assignor.
func byTopic(tps []model.TopicPartition) []model.TopicPartition {
	return slices.SortedFunc(slices.Values(tps), func(a, b model.TopicPartition) int {
		return cmp.Or(strings.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
}

// Tables implements screen.View: names, states in one table, or a table of members or offsets for
// each group.
func (v *groupsView) Tables() []screen.Table {
	if v.list {
		t := screen.Table{Header: []string{"GROUP"}}
		for _, g := range v.Groups {
			t.Rows = append(t.Rows, screen.Cells(g.Group))
		}
		return []screen.Table{t}
	}
	states := screen.Table{Header: []string{"GROUP", "STATE", "MEMBERS", "STRATEGY", "COORDINATOR"}, Right: []string{"MEMBERS"}}
	var out []screen.Table
	for _, g := range v.Groups {
		switch {
		// Which of the three was asked for shows in what is filled in.
		case g.Coordinator != nil:
			c := g.Coordinator
			states.Rows = append(states.Rows, append([]screen.Cell{{Text: g.Group}, g.stateCell()}, screen.Cells(strconv.Itoa(*g.Count), *g.Strategy, fmt.Sprintf("%s:%d (%d)", c.Host, c.Port, c.ID))...))
		case g.Members != nil:
			out = append(out, g.memberTable())
		default:
			out = append(out, g.offsetTable())
		}
	}
	if len(states.Rows) > 0 {
		out = append(out, states)
	}
	return out
}

// stateCell colours a state: stable is plain, what passes is a warning.
func (g *groupView) stateCell() screen.Cell {
	switch g.State {
	case "Stable":
		return screen.Cell{Text: g.State}
	case "Dead":
		return screen.Cell{Text: g.State, Mood: screen.Alarm}
	}
	return screen.Cell{Text: g.State, Mood: screen.Warning}
}

// memberTable is the table of a terminal; long ids are cut short when the window is narrow.
func (g *groupView) memberTable() screen.Table {
	t := screen.Table{Title: "Group " + g.Group + ", " + g.State, Header: []string{"CONSUMER-ID", "HOST", "CLIENT-ID", "PARTITIONS"}, Right: []string{"PARTITIONS"},
		Short: []string{"CONSUMER-ID", "HOST", "CLIENT-ID", "INSTANCE-ID"}}
	static := false
	for _, m := range *g.Members {
		static = static || m.Instance != ""
	}
	if static {
		t.Header = append(t.Header, "INSTANCE-ID")
	}
	if g.verbose {
		t.Header = append(t.Header, "ASSIGNMENT")
	}
	for _, m := range *g.Members {
		row := screen.Cells(m.ID, m.Host, m.Client, strconv.Itoa(len(m.Assigned)))
		if static {
			row = append(row, screen.Cell{Text: m.Instance})
		}
		if g.verbose {
			row = append(row, screen.Cell{Text: m.text})
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// offsetTable is the table of a terminal, in which a lag stands out.
func (g *groupView) offsetTable() screen.Table {
	t := screen.Table{Title: "Group " + g.Group + ", " + g.State, Header: []string{"TOPIC", "PARTITION", "CURRENT", "END", "LAG", "CONSUMER-ID", "HOST"},
		Right: []string{"PARTITION", "CURRENT", "END", "LAG"}, Short: []string{"CONSUMER-ID", "HOST"}}
	number := func(n *int64) string {
		if n == nil {
			return "-"
		}
		return core.Itoa(*n)
	}
	name := func(s *string) string {
		if s == nil {
			return "-"
		}
		return *s
	}
	// By topic for people; Kafka's own table goes by member.
	for _, o := range slices.SortedStableFunc(slices.Values(*g.Offsets), func(a, b groupOffset) int {
		return cmp.Or(strings.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	}) {
		row := screen.Cells(o.Topic, core.Itoa(int64(o.Partition)), number(o.Current), number(o.End), number(o.Lag), name(o.Member), name(o.Host))
		if o.Lag != nil && *o.Lag > 0 {
			row[4].Mood = screen.Warning
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
