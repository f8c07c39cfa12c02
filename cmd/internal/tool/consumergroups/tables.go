package consumergroups

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/internal/model"
)

// offsetRow is a partition of a group: -1 stands for a missing number, "-" for a missing text.
type offsetRow struct {
	group                string
	tp                   model.TopicPartition
	committed, end       int64
	member, host, client string
}

// dash is an offset; what is not known is -1 inside and a dash in the table.
func dash(n int64) string {
	if n < 0 {
		return "-"
	}
	return core.Itoa(n)
}

// offsetRows lists the partitions of the members, those with most first, and then what else has
// committed offsets.
func (s *groupService) offsetRows(ctx context.Context, g *clients.DescribedGroup) ([]offsetRow, error) {
	if g.State == "Dead" {
		return nil, nil
	}
	committed, err := s.admin.CommittedOffsets(ctx, g.Name)
	if err != nil {
		return nil, err
	}
	// A copy: the description may be printed again.
	members := slices.Clone(g.Members)
	// A stable sort keeps the coordinator's order among equals, as Scala's sortBy does.
	slices.SortStableFunc(members, func(a, b clients.GroupMember) int { return len(b.Assigned) - len(a.Assigned) })
	var rows []offsetRow
	owned := map[model.TopicPartition]bool{}
	add := func(tps []model.TopicPartition, member, host, client string) {
		// Kafka's table goes by partition first and by topic then.
		slices.SortFunc(tps, func(a, b model.TopicPartition) int {
			if a.Partition != b.Partition {
				return int(a.Partition - b.Partition)
			}
			return strings.Compare(a.Topic, b.Topic)
		})
		for _, tp := range tps {
			o, ok := committed[tp]
			if !ok {
				o = -1
			}
			rows = append(rows, offsetRow{group: g.Name, tp: tp, committed: o, end: -1, member: member, host: host, client: client})
		}
	}
	for _, m := range members {
		for _, tp := range m.Assigned {
			owned[tp] = true
		}
		add(slices.Clone(m.Assigned), m.Id, m.Host, m.Client)
	}
	// Offsets of partitions that nobody owns, as after a topic was given up.
	var rest []model.TopicPartition
	for tp := range committed {
		if !owned[tp] {
			rest = append(rest, tp)
		}
	}
	add(rest, "-", "-", "-")
	var tps []model.TopicPartition
	for _, r := range rows {
		tps = append(tps, r.tp)
	}
	ends, err := s.admin.ListOffsets(ctx, tps, -1, false)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		// A partition without a leader has no end, and so no lag.
		if e, ok := ends[rows[i].tp]; ok && e.Err == nil {
			rows[i].end = e.Offset
		}
	}
	return rows, nil
}

// printOffsets prints Kafka's table: columns are as wide as their longest value, at least 15, and
// the lag is unknown when either of its numbers is.
func (s *groupService) printOffsets(rows []offsetRow) {
	group, topic, member, host := 15, 15, 15, 15
	for _, r := range rows {
		group, topic = max(group, len(r.group)), max(topic, len(r.tp.Topic))
		member, host = max(member, len(r.member)), max(host, len(r.host))
	}
	// Only the group, topic, member and host columns grow; the numbers have fixed widths.
	line := func(a ...any) string {
		return fmt.Sprintf("%-*s %-*s %-10s %-15s %-15s %-15s %-*s %-*s %s\n", slices.Concat([]any{group, a[0], topic}, a[1:6], []any{member, a[6], host}, a[7:])...)
	}
	s.c.Printf("\n%s", line("GROUP", "TOPIC", "PARTITION", "CURRENT-OFFSET", "LOG-END-OFFSET", "LAG", "CONSUMER-ID", "HOST", "CLIENT-ID"))
	for _, r := range rows {
		lag := "-"
		if r.committed >= 0 && r.end >= 0 {
			lag = core.Itoa(r.end - r.committed)
		}
		s.c.Printf("%s", line(r.group, r.tp.Topic, core.Itoa(int64(r.tp.Partition)), dash(r.committed), dash(r.end), lag, r.member, r.host, r.client))
	}
}

// printMembers has the column of instance ids only in groups with static members, and the
// assignment only with --verbose.
func (s *groupService) printMembers(groups []string, described map[string]*clients.DescribedGroup) error {
	verbose := s.o.Has("verbose")
	for _, name := range groups {
		g := described[name]
		ok, err := s.announce(g, len(g.Members))
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		group, member, instance, host, client := max(15, len(name)), 15, 17, 15, 15
		static := false
		for _, m := range g.Members {
			member, instance, host, client = max(member, len(m.Id)), max(instance, len(m.Instance)), max(host, len(m.Host)), max(client, len(m.Client))
			static = static || m.Instance != ""
		}
		row := func(name, id, inst, h, cl, count, assignment string) {
			s.c.Printf("%-*s %-*s ", group, name, member, id)
			// The column is left out, not empty, in groups without static members.
			if static {
				s.c.Printf("%-*s ", instance, inst)
			}
			s.c.Printf("%-*s %-*s %-15s ", host, h, client, cl, count)
			if verbose {
				s.c.Printf("%s", assignment)
			}
			s.c.Printf("\n")
		}
		s.c.Printf("\n")
		row("GROUP", "CONSUMER-ID", "GROUP-INSTANCE-ID", "HOST", "CLIENT-ID", "#PARTITIONS", "ASSIGNMENT")
		for _, m := range g.Members {
			row(name, m.Id, m.Instance, m.Host, m.Client, strconv.Itoa(len(m.Assigned)), assignmentText(m.Assigned))
		}
	}
	return nil
}

// assignmentText is TOPIC(0,1), TOPIC2(0), or - for nothing.
func assignmentText(tps []model.TopicPartition) string {
	if len(tps) == 0 {
		return "-"
	}
	byTopic := map[string][]int32{}
	for _, tp := range tps {
		byTopic[tp.Topic] = append(byTopic[tp.Topic], tp.Partition)
	}
	var out []string
	for topic, ps := range byTopic {
		slices.Sort(ps)
		out = append(out, topic+"("+core.JoinIDs(ps)+")")
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// printStates prints a table of one row for each group.
func (s *groupService) printStates(groups []string, described map[string]*clients.DescribedGroup) error {
	for _, name := range groups {
		g := described[name]
		ok, err := s.announce(g, 1)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		coordinator := fmt.Sprintf("%s:%d (%d)", g.Host, g.Port, g.Node)
		width := max(25, len(coordinator))
		// Kafka measures the width of the coordinator and uses it for the group, by mistake.
		s.c.Printf("\n%-*s %-25s %-20s %-15s %s", width, "GROUP", "COORDINATOR (ID)", "ASSIGNMENT-STRATEGY", "STATE", "#MEMBERS")
		s.c.Printf("\n%-*s %-25s %-20s %-15s %d\n", width, name, coordinator, g.Protocol, g.State, len(g.Members))
	}
	return nil
}
