package tool

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"momus/internal/model"
)

// offsetRow is a partition of a group: -1 stands for a missing number, "-" for a missing text.
type offsetRow struct {
	group                string
	tp                   model.TopicPartition
	committed, end       int64
	member, host, client string
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func dash(n int64) string {
	if n < 0 {
		return "-"
	}
	return itoa(n)
}

// offsetRows lists the partitions of the members, those with most first, and then what else has committed offsets.
func (s *groupService) offsetRows(ctx context.Context, g *describedGroup) ([]offsetRow, error) {
	if g.state == "Dead" {
		return nil, nil
	}
	committed, err := s.admin.committedOffsets(ctx, g.name)
	if err != nil {
		return nil, err
	}
	members := slices.Clone(g.members)
	slices.SortStableFunc(members, func(a, b groupMember) int { return len(b.assigned) - len(a.assigned) })
	var rows []offsetRow
	owned := map[model.TopicPartition]bool{}
	add := func(tps []model.TopicPartition, member, host, client string) {
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
			rows = append(rows, offsetRow{group: g.name, tp: tp, committed: o, end: -1, member: member, host: host, client: client})
		}
	}
	for _, m := range members {
		for _, tp := range m.assigned {
			owned[tp] = true
		}
		add(slices.Clone(m.assigned), m.id, m.host, m.client)
	}
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
	ends, err := s.admin.listOffsets(ctx, tps, -1, false)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		if e, ok := ends[rows[i].tp]; ok && e.err == nil {
			rows[i].end = e.offset
		}
	}
	return rows, nil
}

func (s *groupService) printOffsets(rows []offsetRow) {
	group, topic, member, host := 15, 15, 15, 15
	for _, r := range rows {
		group, topic = max(group, len(r.group)), max(topic, len(r.tp.Topic))
		member, host = max(member, len(r.member)), max(host, len(r.host))
	}
	line := func(a ...any) string {
		return fmt.Sprintf("%-*s %-*s %-10s %-15s %-15s %-15s %-*s %-*s %s\n", slices.Concat([]any{group, a[0], topic}, a[1:6], []any{member, a[6], host}, a[7:])...)
	}
	s.c.printf("\n%s", line("GROUP", "TOPIC", "PARTITION", "CURRENT-OFFSET", "LOG-END-OFFSET", "LAG", "CONSUMER-ID", "HOST", "CLIENT-ID"))
	for _, r := range rows {
		lag := "-"
		if r.committed >= 0 && r.end >= 0 {
			lag = itoa(r.end - r.committed)
		}
		s.c.printf("%s", line(r.group, r.tp.Topic, itoa(int64(r.tp.Partition)), dash(r.committed), dash(r.end), lag, r.member, r.host, r.client))
	}
}

func (s *groupService) printMembers(groups []string, described map[string]*describedGroup) error {
	verbose := s.o.has("verbose")
	for _, name := range groups {
		g := described[name]
		ok, err := s.announce(g, len(g.members))
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		group, member, instance, host, client := max(15, len(name)), 15, 17, 15, 15
		static := false
		for _, m := range g.members {
			member, instance, host, client = max(member, len(m.id)), max(instance, len(m.instance)), max(host, len(m.host)), max(client, len(m.client))
			static = static || m.instance != ""
		}
		row := func(name, id, inst, h, cl, count, assignment string) {
			s.c.printf("%-*s %-*s ", group, name, member, id)
			if static {
				s.c.printf("%-*s ", instance, inst)
			}
			s.c.printf("%-*s %-*s %-15s ", host, h, client, cl, count)
			if verbose {
				s.c.printf("%s", assignment)
			}
			s.c.printf("\n")
		}
		s.c.printf("\n")
		row("GROUP", "CONSUMER-ID", "GROUP-INSTANCE-ID", "HOST", "CLIENT-ID", "#PARTITIONS", "ASSIGNMENT")
		for _, m := range g.members {
			row(name, m.id, m.instance, m.host, m.client, strconv.Itoa(len(m.assigned)), assignmentText(m.assigned))
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
		out = append(out, topic+"("+joinIDs(ps)+")")
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func (s *groupService) printStates(groups []string, described map[string]*describedGroup) error {
	for _, name := range groups {
		g := described[name]
		ok, err := s.announce(g, 1)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		coordinator := fmt.Sprintf("%s:%d (%d)", g.host, g.port, g.node)
		width := max(25, len(coordinator))
		s.c.printf("\n%-*s %-25s %-20s %-15s %s", width, "GROUP", "COORDINATOR (ID)", "ASSIGNMENT-STRATEGY", "STATE", "#MEMBERS")
		s.c.printf("\n%-*s %-25s %-20s %-15s %d\n", width, name, coordinator, g.protocol, g.state, len(g.members))
	}
	return nil
}
