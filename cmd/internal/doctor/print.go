package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

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
func (s style) severity(v doctor.Severity, l doctor.Lang) string {
	word := strings.ToUpper(l.Name(v))
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
	lang doctor.Lang
}

// wrap writes a text in lines of the width, the first after lead and the others indented as far.
// A letter of Korean takes two columns. A word that is longer than a line is not broken: it may be a
// path.
func (p printer) wrap(lead, text string) {
	indent := strings.Repeat(" ", runewidth.StringWidth(lead))
	line := lead
	empty := true
	for _, word := range strings.Fields(text) {
		if !empty && runewidth.StringWidth(line)+1+runewidth.StringWidth(word) > width {
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
	p.wrap("", p.summary(s))
	for _, f := range r.Findings {
		fmt.Fprintln(p.w)
		fmt.Fprintf(p.w, "%s %s\n", p.severity(f.Severity, p.lang), p.paint("1", f.Name))
		p.wrap("  ", f.Summary)
		for _, e := range f.Evidence {
			p.wrap("  - ", e)
		}
		p.wrap("  "+p.lang.Say("Leads to: ", "결과:  "), f.Consequence)
		p.wrap("  "+p.lang.Say("Cure:     ", "할 일: "), f.Cure)
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
		fmt.Fprintln(p.w, p.lang.Say("Not known:", "알 수 없는 것:"))
		for _, why := range slices.Sorted(maps.Keys(by)) {
			p.wrap("  - ", strings.Join(by[why], ", ")+": "+why)
		}
	}
	fmt.Fprintln(p.w)
	fmt.Fprintln(p.w, p.verdict(r))
}

// verdict is the last line, which alone is seen when a long report scrolls by.
func (p printer) verdict(r *doctor.Report) string {
	if len(r.Findings) == 0 {
		return p.paint("1;32", p.lang.Say("Nothing is wrong.", "문제가 없습니다."))
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
			parts = append(parts, p.lang.Say("%[1]d %[2]s", "%[2]s %[1]d", n, p.lang.Name(v)))
		}
	}
	return p.lang.Say("Findings: %s.", "찾은 것: %s.", strings.Join(parts, ", "))
}

// summary is the cluster in a sentence. It comes first, so that a person sees at once whether the
// right cluster was asked.
func (p printer) summary(s *doctor.Snapshot) string {
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
	text := p.lang.Say("Cluster", "클러스터")
	if s.ClusterID != "" {
		text += " " + s.ClusterID
	}
	text += p.lang.Say(": brokers %d", ": 브로커 %d", alive)
	if len(versions) > 0 {
		text += " (" + strings.Join(slices.Sorted(maps.Keys(versions)), ", ") + ")"
	}
	text += p.lang.Say(", topics %d, partitions %d, groups %d", ", 토픽 %d, 파티션 %d, 그룹 %d", len(s.Topics), partitions, len(s.Groups))
	if s.Window > 0 {
		text += p.lang.Say("; looked at for %d s", "; %d초 동안 살펴봄", int(s.Window.Round(time.Second).Seconds()))
	}
	if alive == 1 {
		text += p.lang.Say(". There is one broker, so nothing is replicated", ". 브로커가 하나뿐이라 복제되는 것이 없습니다")
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

// documentBroker is a broker in --json; what could not be read of it is left out.
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
