package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// scenario measures one thing on every kind of cluster, in turn, and adds its figures to the table.
type scenario struct {
	name string
	run  func(l *lab, t *table, rounds int) error
}

// scenarios are those that -only knows.
func scenarios() []scenario {
	return []scenario{
		{"codecs", measureCodecs},
		{"replication", measureReplication},
		{"latency3", measureLatency3},
		{"partitions", measurePartitions},
		{"failover", measureFailover},
		{"groups", measureGroups},
		{"transactions", measureTransactions},
		{"load-offsets", measureLoadOffsets},
		{"tls", measureTLS},
		{"logins", measureLogins},
		{"acls", measureACLs},
	}
}

// scenarioNames lists them for a message.
func scenarioNames() string {
	var names []string
	for _, s := range scenarios() {
		names = append(names, s.name)
	}
	return strings.Join(names, ", ")
}

// runScenarios runs those that are named and prints their table.
func runScenarios(only, momus, peers string, rounds int, alone, markdown bool) error {
	wanted := strings.Split(only, ",")
	for _, name := range wanted {
		if !slices.ContainsFunc(scenarios(), func(s scenario) bool { return s.name == name }) {
			return fmt.Errorf("no scenario %q; there are %s", name, scenarioNames())
		}
	}
	dir, err := os.MkdirTemp("", "momus-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	l, err := newLab(dir, momus, peers)
	if err != nil {
		return err
	}
	if alone {
		l.kinds = l.kinds[:1]
	}
	t := &table{}
	for _, k := range l.kinds {
		t.sides = append(t.sides, k.name)
	}
	for _, s := range scenarios() {
		if slices.Contains(wanted, s.name) {
			if err := s.run(l, t, rounds); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	t.print(markdown)
	return nil
}

// table is what the scenarios found: lines in the order in which they were first noted.
type table struct {
	sides []string
	lines []*line
}

// line is a figure with its values.
type line struct {
	figure
	values map[string][]float64 // by side, in the order of the rounds
}

// note adds a round's value to the line of that name.
func (t *table) note(side, name, unit string, v float64) {
	i := slices.IndexFunc(t.lines, func(l *line) bool { return l.name == name })
	if i < 0 {
		i = len(t.lines)
		t.lines = append(t.lines, &line{figure{name, unit}, map[string][]float64{}})
	}
	t.lines[i].values[side] = append(t.lines[i].values[side], v)
}

// rows prints the rows of a table: of Markdown, or with a first column of width and the others lined
// up at their ends, as figures are read.
func rows(width int, markdown bool) func(cells ...string) {
	return func(cells ...string) {
		if markdown {
			fmt.Println("| " + strings.Join(cells, " | ") + " |")
			return
		}
		fmt.Printf("%-*s", width, cells[0])
		for _, c := range cells[1:] {
			fmt.Printf(" %20s", c)
		}
		fmt.Println()
	}
}

// print shows the medians, and of two sides the ratio of the first to the second with the range of
// the rounds' ratios.
func (t *table) print(markdown bool) {
	row := rows(46, markdown)
	head := append([]string{""}, t.sides...)
	if len(t.sides) == 2 {
		head = append(head, "ratio", "range")
	}
	row(head...)
	if markdown {
		row(strings.Split(strings.Repeat("---,", len(head)-1)+"---", ",")...)
	}
	for _, l := range t.lines {
		cells := []string{l.name}
		for _, s := range t.sides {
			cells = append(cells, strings.TrimSpace(number(median(l.values[s]))+" "+l.unit))
		}
		if len(t.sides) == 2 {
			var ratios []float64
			a, b := l.values[t.sides[0]], l.values[t.sides[1]]
			for i := range min(len(a), len(b)) {
				// Round by round, so that both values are of the same minute.
				if b[i] != 0 {
					ratios = append(ratios, a[i]/b[i])
				}
			}
			if len(ratios) > 0 {
				cells = append(cells, number(median(ratios)), number(slices.Min(ratios))+" .. "+number(slices.Max(ratios)))
			}
		}
		row(cells...)
	}
}
