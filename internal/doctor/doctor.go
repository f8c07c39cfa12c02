// Package doctor knows what is wrong with a cluster: rules that look at a Snapshot and return
// findings, each with its evidence, what it leads to and the commands that cure it. Everything here
// is pure: who gathers a snapshot, from outside or inside a broker, and who shows a report, does
// that elsewhere. The parts of a cluster have a file each (brokers, partitions, storage, groups,
// transactions, operations, configs, security, zookeeper) with a table of rules at its top.
//
// A rule must hold its tongue when it does not know: a part of the snapshot that is missing is
// named in its Needs, and makes the rule Unknown instead of silent, so that nobody takes "not
// looked" for "all is well". A rule that cries for nothing teaches people to overlook it: bounds
// are set where a healthy cluster stays below them also while it is under load.
package doctor

import (
	"cmp"
	"fmt"
	"slices"
)

// Severity is how bad a finding is.
type Severity int

// The severities, from the mildest.
const (
	Advice   Severity = iota + 1 // nothing is broken; this would be better otherwise
	Warning                      // it works, but will not for long or not after the next failure
	Critical                     // something does not work, or data are in danger now
)

// String is the severity in lower case.
func (s Severity) String() string {
	switch s {
	case Advice:
		return "advice"
	case Warning:
		return "warning"
	case Critical:
		return "critical"
	}
	return fmt.Sprintf("severity %d", int(s))
}

// ParseSeverity is the inverse of String.
func ParseSeverity(s string) (Severity, error) {
	for _, v := range []Severity{Advice, Warning, Critical} {
		if v.String() == s {
			return v, nil
		}
	}
	// The text of a flag reaches this place, so that the error lists what may be written.
	return 0, fmt.Errorf("%q is no severity: valid are advice, warning and critical", s)
}

// MarshalText implements encoding.TextMarshaler.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Severity) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSeverity(string(text))
	return err
}

// Finding is something that is wrong. One finding tells of everything that is wrong in the same way.
type Finding struct {
	Name     string   `json:"name"` // of its rule; it does not change from release to release
	Severity Severity `json:"severity"`
	Summary  string   `json:"summary"`  // a sentence
	Evidence []string `json:"evidence"` // what was seen, one thing a line, the worst first
	// Consequence is what it leads to, in a sentence or two.
	Consequence string `json:"consequence"`
	// Cure is what to do; Commands are lines for a shell that do it, in their order. Where no
	// command of Kafka's can cure it there are none, or some that show more.
	Cure     string   `json:"cure"`
	Commands []string `json:"commands"`
}

// Rule looks for one kind of trouble.
type Rule struct {
	// A name never changes once it is released: scripts and alarms look for it in the JSON.
	Name  string
	Looks string // what it looks for, for a list of rules: a clause
	// Needs are the parts of a snapshot without which the rule can say nothing.
	Needs []Part
	Check func(s *Snapshot) []Finding
}

// Unknown is a rule that could not look.
type Unknown struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// Report is what all rules say about a snapshot.
type Report struct {
	Findings []Finding // the worst first
	Unknown  []Unknown // in the order of the rules
}

// Worst is the severity of the worst finding, 0 without any.
func (r *Report) Worst() Severity {
	if len(r.Findings) == 0 {
		return 0
	}
	return r.Findings[0].Severity
}

// maxEvidence bounds the lines of evidence of a finding; the last says how many more there are. A
// cluster of ten thousand partitions would otherwise print all of them.
const maxEvidence = 12

// Examine lets every rule look at a snapshot.
func Examine(s *Snapshot) *Report {
	// Empty lists instead of nil ones, so that JSON has [] and a script need not look for null.
	r := &Report{Findings: []Finding{}, Unknown: []Unknown{}}
	whole := s
	// What ZooKeeper says is worth nothing to the other rules if it is another cluster's: each of
	// its topics would be missing here and each of ours an orphan. Only the rule that finds this
	// sees all.
	switch {
	case s.ZooKeeper == nil:
		s = s.withoutZooKeeper(s.say("ZooKeeper was not asked"))
	case otherCluster(s) != nil:
		s = s.withoutZooKeeper(s.say("this ZooKeeper is not that of the brokers"))
	}
	for _, rule := range Rules() {
		if i := slices.IndexFunc(rule.Needs, func(p Part) bool { return s.Missing[p] != "" }); i >= 0 && (rule.Name != otherName || whole.ZooKeeper == nil) {
			r.Unknown = append(r.Unknown, Unknown{rule.Name, s.Missing[rule.Needs[i]]})
			continue
		}
		seen := s
		if rule.Name == otherName {
			seen = whole
		}
		for _, f := range rule.Check(seen) {
			f.Name = rule.Name
			if n := len(f.Evidence); n > maxEvidence {
				f.Evidence = append(slices.Clone(f.Evidence[:maxEvidence-1]), s.say("and %d more", n-maxEvidence+1))
			}
			if f.Commands == nil {
				f.Commands = []string{}
			}
			r.Findings = append(r.Findings, f)
		}
	}
	// Stable: within a severity the order of Rules is kept, from causes (brokers) to effects.
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return cmp.Compare(b.Severity, a.Severity) })
	return r
}

// Rules are all rules, by what they look at; findings of one severity keep this order.
func Rules() []Rule {
	return slices.Concat(brokerRules, partitionRules, storageRules, groupRules, transactionRules, operationRules, configRules, securityRules, zookeeperRules)
}
