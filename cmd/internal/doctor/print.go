package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"momus/internal/doctor"
)

// width is how long the lines of a report are at most. Commands are longer: they are copied. 80 is
// what every terminal has, and what fits into a mail.
const width = 80

// style is the colours of a terminal.
type style struct{ on bool }

// paint wraps a text in an escape sequence of ECMA-48, if colours are wanted.
func (s style) paint(code, text string) string {
	if !s.on {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// severity is shown in capitals, so that it is to be found without colours too.
func (s style) severity(v doctor.Severity) string {
	word := strings.ToUpper(v.String())
	switch v {
	case doctor.Critical:
		return s.paint("1;31", word)
	case doctor.Warning:
		return s.paint("1;33", word)
	}
	return s.paint("1;36", word)
}

// printer writes for people. What cannot be written is lost: whoever closed the pipe has seen
// enough.
type printer struct {
	w io.Writer
	style
}

// wrap writes a text in lines of the width, the first after lead and the others indented as far.
// Widths are counted in characters. A word that is longer than a line is not broken: it may be a
// path.
func (p printer) wrap(lead, text string) {
	indent := strings.Repeat(" ", utf8.RuneCountInString(lead))
	line := lead
	empty := true
	for _, word := range strings.Fields(text) {
		if !empty && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			fmt.Fprintln(p.w, line)
			line, empty = indent, true
		}
		if !empty {
			line += " "
		}
		line += word
		empty = false
	}
	fmt.Fprintln(p.w, line)
}

// report writes a report for people.
func (p printer) report(s *doctor.Snapshot, r *doctor.Report) {
	p.wrap("", summary(s))
	for _, f := range r.Findings {
		fmt.Fprintln(p.w)
		fmt.Fprintf(p.w, "%s %s\n", p.severity(f.Severity), p.paint("1", f.Name))
		p.wrap("  ", f.Summary)
		for _, e := range f.Evidence {
			p.wrap("  - ", e)
		}
		p.wrap("  Leads to: ", f.Consequence)
		p.wrap("  Cure:     ", f.Cure)
		// Commands are not wrapped: a line that is copied must work.
		for _, c := range f.Commands {
			fmt.Fprintf(p.w, "      %s\n", p.paint("32", c))
		}
	}
	if len(r.Unknown) > 0 {
		fmt.Fprintln(p.w)
		// Many rules are unknown for the same reason: it is said once.
		by := map[string][]string{}
		for _, u := range r.Unknown {
			by[u.Reason] = append(by[u.Reason], u.Name)
		}
		fmt.Fprintln(p.w, "Not known:")
		for _, why := range slices.Sorted(maps.Keys(by)) {
			p.wrap("  - ", strings.Join(by[why], ", ")+": "+why)
		}
	}
	fmt.Fprintln(p.w)
	fmt.Fprintln(p.w, verdict(p.style, r))
}

// verdict is the last line, which alone is seen when a long report scrolls by.
func verdict(st style, r *doctor.Report) string {
	if len(r.Findings) == 0 {
		return st.paint("1;32", "Nothing is wrong.")
	}
	var parts []string
	for _, v := range []doctor.Severity{doctor.Critical, doctor.Warning, doctor.Advice} {
		n := 0
		for _, f := range r.Findings {
			if f.Severity == v {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	return "Findings: " + strings.Join(parts, ", ") + "."
}

// summary is the cluster in a sentence. It comes first, so that a person sees at once whether the
// right cluster was asked.
func summary(s *doctor.Snapshot) string {
	partitions := 0
	for _, t := range s.Topics {
		partitions += len(t.Partitions)
	}
	alive := 0
	versions := map[string]bool{}
	for _, b := range s.Brokers {
		if b.Alive() {
			alive++
		}
		switch {
		case b.Momus:
			versions["momus"] = true
		case b.Version != "":
			versions["Apache Kafka "+b.Version] = true
		}
	}
	text := "Cluster"
	if s.ClusterID != "" {
		text += " " + s.ClusterID
	}
	text += fmt.Sprintf(": brokers %d", alive)
	if len(versions) > 0 {
		text += " (" + strings.Join(slices.Sorted(maps.Keys(versions)), ", ") + ")"
	}
	text += fmt.Sprintf(", topics %d, partitions %d, groups %d", len(s.Topics), partitions, len(s.Groups))
	if s.Window > 0 {
		text += fmt.Sprintf("; looked at for %d s", int(s.Window.Round(time.Second).Seconds()))
	}
	if alive == 1 {
		text += ". There is one broker, so nothing is replicated"
	}
	return text + "."
}

// document is the report for programs. Fields may be added.
type document struct {
	Time      time.Time        `json:"time"`
	ClusterID string           `json:"clusterId,omitempty"`
	Brokers   []documentBroker `json:"brokers"`
	Topics    int              `json:"topics"`
	Worst     *doctor.Severity `json:"worst"` // null when nothing is wrong
	Findings  []doctor.Finding `json:"findings"`
	Unknown   []doctor.Unknown `json:"unknown"`
}

type documentBroker struct {
	ID      int32  `json:"id"`
	Address string `json:"address,omitempty"`
	Version string `json:"version,omitempty"`
	Momus   bool   `json:"momus"`
	Alive   bool   `json:"alive"`
}

// printJSON writes the report for programs; ages and texts in it are those that people see.
func printJSON(w io.Writer, s *doctor.Snapshot, r *doctor.Report) error {
	d := document{Time: s.Time.UTC(), ClusterID: s.ClusterID, Brokers: []documentBroker{}, Topics: len(s.Topics), Findings: r.Findings, Unknown: r.Unknown}
	for _, b := range s.Brokers {
		x := documentBroker{ID: b.ID, Version: b.Version, Momus: b.Momus, Alive: b.Alive()}
		// A broker that is gone has no address.
		if b.Host != "" {
			x.Address = b.Address()
		}
		d.Brokers = append(d.Brokers, x)
	}
	if worst := r.Worst(); worst != 0 {
		d.Worst = &worst
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(d)
}
