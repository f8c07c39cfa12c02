package doctor

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"momus/internal/doctor"
)

func sample() (*doctor.Snapshot, *doctor.Report) {
	s := &doctor.Snapshot{Time: time.Unix(0, 0), Window: 5 * time.Second, ClusterID: "abc", Brokers: []*doctor.Broker{{ID: 1, InMetadata: true, Version: "2.5", Host: "a", Port: 9092}, {ID: 2}}}
	return s, &doctor.Report{
		Findings: []doctor.Finding{
			{Name: "a.b", Severity: doctor.Critical, Summary: strings.Repeat("many words ", 20), Evidence: []string{"one", strings.Repeat("x", 100)}, Consequence: strings.Repeat("bad ", 40), Cure: "This.", Commands: []string{strings.Repeat("long ", 30)}},
			{Name: "c.d", Severity: doctor.Advice, Summary: "A little.", Evidence: []string{}, Consequence: "Little.", Cure: "That.", Commands: []string{}},
		},
		Unknown: []doctor.Unknown{{Name: "e.f", Reason: "nobody tells"}, {Name: "g.h", Reason: "nobody tells"}},
	}
}

// Lines are no wider than a terminal but for commands, which are copied, and words that are.
func TestReportFitsTheScreen(t *testing.T) {
	var b bytes.Buffer
	printer{&b, style{}, doctor.English}.report(sample())
	if strings.Contains(b.String(), "\x1b") {
		t.Errorf("colours:\n%q", b.String())
	}
	for line := range strings.Lines(b.String()) {
		if line = strings.TrimRight(line, "\n"); utf8.RuneCountInString(line) > width && !strings.HasPrefix(line, "      ") && !strings.Contains(line, "xxx") {
			t.Errorf("%d columns: %s", utf8.RuneCountInString(line), line)
		}
	}
	for _, want := range []string{"Cluster abc: brokers 1 (Apache Kafka 2.5), topics 0", "nothing is replicated", "CRITICAL a.b\n", "ADVICE c.d\n", "  - one\n", "e.f, g.h: nobody tells", "Findings: 1 critical, 1 advice.\n"} {
		if !strings.Contains(strings.ReplaceAll(b.String(), "\n  ", "\n  "), want) && !strings.Contains(strings.Join(strings.Fields(b.String()), " "), strings.TrimSpace(want)) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
	if strings.Index(b.String(), "a.b") > strings.Index(b.String(), "c.d") {
		t.Error("the mildest first")
	}
	b.Reset()
	printer{&b, style{on: true}, doctor.English}.report(sample())
	if !strings.Contains(b.String(), "\x1b[1;31mCRITICAL\x1b[0m") {
		t.Errorf("no colours:\n%s", b.String())
	}
}

func TestDocument(t *testing.T) {
	var b bytes.Buffer
	s, r := sample()
	if err := printJSON(&b, s, r); err != nil {
		t.Fatal(err)
	}
	var d map[string]any
	if err := json.Unmarshal(b.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	if d["worst"] != "critical" || len(d["findings"].([]any)) != 2 || len(d["unknown"].([]any)) != 2 || d["clusterId"] != "abc" {
		t.Errorf("%s", b.String())
	}
	b.Reset()
	if err := printJSON(&b, s, &doctor.Report{Findings: []doctor.Finding{}, Unknown: []doctor.Unknown{}}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), `"worst": null`) || !strings.Contains(b.String(), `"findings": []`) {
		t.Errorf("%s", b.String())
	}
}

func TestExitCodes(t *testing.T) {
	for want, severities := range map[int][]doctor.Severity{Healthy: nil, Trouble: {doctor.Warning, doctor.Advice}, Critical: {doctor.Critical, doctor.Advice}} {
		r := &doctor.Report{}
		for _, v := range severities {
			r.Findings = append(r.Findings, doctor.Finding{Severity: v})
		}
		if got := exitCode(r); got != want {
			t.Errorf("%v: %d", severities, got)
		}
	}
}
