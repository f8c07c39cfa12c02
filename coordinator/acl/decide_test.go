package acl_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"momus/coordinator/acl"
	"momus/coordinator/acl/acltest"
	"momus/internal/model"
)

func policy(t testing.TB, super string, allowUnknown bool) *acl.Policy {
	t.Helper()
	p, err := acl.NewPolicy(super, allowUnknown)
	if err != nil {
		t.Fatal(err)
	}
	return &p
}

func ask(p string, op acl.Operation, kind acl.ResourceType, name string) *acl.Question {
	u, _ := model.ParsePrincipal(p)
	return &acl.Question{Principal: u, Host: "127.0.0.1", Operation: op, Type: kind, Name: name}
}

// ruleText is a rule as testdata/decisions.json has it.
var ruleText = regexp.MustCompile(`^(allow|deny) (\S+) from (\S+): (\w+) on (literal|prefixed) topic "(.*)"$`)

func parseRule(t *testing.T, text string) (acl.Resource, acl.Entry) {
	t.Helper()
	m := ruleText.FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("not a rule: %s", text)
	}
	return acl.Resource{Type: acl.Topic, Name: m[6], Pattern: acl.ParsePatternType(m[5])},
		acl.Entry{Principal: m[2], Host: m[3], Operation: acl.ParseOperation(m[4]), Permission: acl.ParsePermission(m[1])}
}

// TestDecisionsOfKafka asks what a broker of Apache Kafka 2.5.0 was asked by User:alice from
// 127.0.0.1 under the same rules.
func TestDecisionsOfKafka(t *testing.T) {
	data, err := os.ReadFile("testdata/decisions.json")
	if err != nil {
		t.Fatal(err)
	}
	var recorded []struct {
		Rules      []string
		Operations []string
		ErrorCode  int `json:"error_code"`
	}
	if err := json.Unmarshal(data, &recorded); err != nil || len(recorded) == 0 {
		t.Fatal(len(recorded), err)
	}
	supported := []acl.Operation{acl.Read, acl.Write, acl.Create, acl.Delete, acl.Alter, acl.Describe, acl.DescribeConfigs, acl.AlterConfigs}
	p := policy(t, "", false)
	for _, d := range recorded {
		resources := map[acl.Resource][]acl.Entry{}
		step := &acl.Index{}
		for _, text := range d.Rules {
			r, e := parseRule(t, text)
			resources[r] = append(resources[r], e)
			step = step.With(r, resources[r])
		}
		for _, x := range []*acl.Index{acl.Build(resources), step} {
			got := []string{}
			described := x.Decide(p, ask("User:alice", acl.Describe, acl.Topic, "sec-t")).Allowed
			for _, op := range supported {
				if described && x.Decide(p, ask("User:alice", op, acl.Topic, "sec-t")).Allowed {
					got = append(got, op.Stored())
				}
			}
			if !slices.Equal(got, d.Operations) || described != (d.ErrorCode == 0) {
				t.Errorf("%s allow %v; Kafka %v", strings.Join(d.Rules, "; "), got, d.Operations)
			}
		}
	}
}

func TestReasonsOfDecisions(t *testing.T) {
	bob := acl.Entry{Principal: "User:bob", Host: "*", Operation: acl.Read, Permission: acl.Allow}
	noEve := acl.Entry{Principal: "User:eve", Host: "*", Operation: acl.All, Permission: acl.Deny}
	odd := acl.Entry{Principal: "User:bob", Host: "*", Operation: acl.UnknownOperation, Permission: acl.Allow}
	x := acl.Build(map[acl.Resource][]acl.Entry{
		{Type: acl.Topic, Name: "t", Pattern: acl.Literal}:                 {bob, noEve},
		{Type: acl.Group, Name: "g", Pattern: acl.Literal}:                 {odd},
		{Type: acl.Cluster, Name: "kafka", Pattern: acl.Prefixed}:          {{Principal: "User:bob", Host: "*", Operation: acl.Create, Permission: acl.Allow}},
		{Type: acl.Topic, Name: "none", Pattern: acl.Literal}:              {},
		{Type: acl.TransactionalID, Name: "*", Pattern: acl.Literal}:       {{Principal: "User:*", Host: "*", Operation: acl.All, Permission: acl.Allow}},
		{Type: acl.ResourceType(9), Name: "future", Pattern: acl.Prefixed}: {bob},
	})
	closed, open := policy(t, "User:admin; Group:ops ;", false), policy(t, "", true)
	for _, c := range []struct {
		name   string
		policy *acl.Policy
		q      *acl.Question
		want   acl.Decision
	}{
		{"a super user", closed, ask("User:admin", acl.Write, acl.Topic, "t"), acl.Decision{Allowed: true, Reason: acl.BySuperUser}},
		{"a super user of another type", closed, ask("Group:ops", acl.Write, acl.Topic, "t"), acl.Decision{Allowed: true, Reason: acl.BySuperUser}},
		{"the name of a super user", closed, ask("Group:admin", acl.Write, acl.Topic, "t"), acl.Decision{}},
		{"a rule", closed, ask("User:bob", acl.Describe, acl.Topic, "t"), acl.Decision{Allowed: true, Reason: acl.ByRule, Rule: bob}},
		{"a denial", open, ask("User:eve", acl.Describe, acl.Topic, "t"), acl.Decision{Reason: acl.ByRule, Rule: noEve}},
		{"the rules of others", open, ask("User:zoe", acl.Read, acl.Topic, "t"), acl.Decision{}},
		{"no rules", closed, ask("User:bob", acl.Read, acl.Topic, "x"), acl.Decision{Reason: acl.NoneFound}},
		{"no rules, open", open, ask("User:bob", acl.Read, acl.Topic, "x"), acl.Decision{Allowed: true, Reason: acl.NoneFound}},
		{"an empty set", open, ask("User:bob", acl.Read, acl.Topic, "none"), acl.Decision{Allowed: true, Reason: acl.NoneFound}},
		{"an unknown operation", open, ask("User:bob", acl.Read, acl.Group, "g"), acl.Decision{}},
		{"a prefix of the cluster", closed, ask("User:bob", acl.Create, acl.Cluster, acl.ClusterName), acl.Decision{Allowed: true, Reason: acl.ByRule,
			Rule: acl.Entry{Principal: "User:bob", Host: "*", Operation: acl.Create, Permission: acl.Allow}}},
		{"creating is not describing", closed, ask("User:bob", acl.Describe, acl.Cluster, acl.ClusterName), acl.Decision{}},
		{"any type of principal", closed, ask("Robot:r", acl.Write, acl.TransactionalID, "x"), acl.Decision{Allowed: true, Reason: acl.ByRule,
			Rule: acl.Entry{Principal: "User:*", Host: "*", Operation: acl.All, Permission: acl.Allow}}},
		{"a type of the future", closed, ask("User:bob", acl.Read, acl.ResourceType(9), "future"), acl.Decision{Reason: acl.NoneFound}},
	} {
		if got := x.Decide(c.policy, c.q); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
	if _, err := acl.NewPolicy("User:a;admin", false); err == nil || !strings.Contains(err.Error(), "expected a string in format principalType:principalName but got admin") {
		t.Errorf("a super user without a type: %v", err)
	}
}

// slow decides by looking at every ACL, as the rules are written down.
func slow(all map[acl.Resource][]acl.Entry, q *acl.Question) (allowed, found bool) {
	implied := map[acl.Operation][]acl.Operation{acl.Describe: {acl.Read, acl.Write, acl.Delete, acl.Alter}, acl.DescribeConfigs: {acl.AlterConfigs}}
	denied := false
	for r, entries := range all {
		here := r.Type == q.Type && (r.Pattern == acl.Literal && (r.Name == q.Name || r.Name == "*") || r.Pattern == acl.Prefixed && strings.HasPrefix(q.Name, r.Name))
		for _, e := range entries {
			found = found || here
			if !here || e.Principal != q.Principal.String() && e.Principal != "User:*" || e.Host != "*" && e.Host != q.Host {
				continue
			}
			same := e.Operation == q.Operation || e.Operation == acl.All
			denied = denied || e.Permission == acl.Deny && same
			allowed = allowed || e.Permission == acl.Allow && (same || slices.Contains(implied[q.Operation], e.Operation))
		}
	}
	return allowed && !denied, found
}

// TestDecisionsAgainstAModel changes ACLs at random and asks about names that share prefixes.
func TestDecisionsAgainstAModel(t *testing.T) {
	seed := rand.Uint64()
	rng := acltest.Seeded(seed, 0)
	t.Logf("seed %d", seed)
	all := map[acl.Resource][]acl.Entry{}
	x, p := &acl.Index{}, policy(t, "", false)
	for step := range 3000 {
		r, entries := rng.Resource(), rng.Entries()
		if len(entries) == 0 {
			delete(all, r)
		} else {
			all[r] = entries
		}
		x = x.With(r, entries)
		if got := x.Entries(r); len(got) != len(entries) {
			t.Fatalf("step %d: %s has %v, want %v", step, r, got, entries)
		}
		if step%100 == 0 {
			x = acl.Build(all)
		}
		for range 10 {
			q := rng.Question()
			wantAllowed, found := slow(all, &q)
			got := x.Decide(p, &q)
			if got.Allowed != wantAllowed || (got.Reason == acl.NoneFound) == found {
				t.Fatalf("step %d: %+v is %+v, want %v (found %v) with %v", step, q, got, wantAllowed, found, all)
			}
		}
	}
	seen := 0
	x.Each(func(r acl.Resource, entries []acl.Entry) bool {
		seen++
		if len(entries) != len(all[r]) {
			t.Errorf("%s has %v, want %v", r, entries, all[r])
		}
		return true
	})
	if seen != len(all) {
		t.Errorf("%d resources, want %d", seen, len(all))
	}
}

func TestDecisionsAllocateNothing(t *testing.T) {
	x, p := acltest.Many(1000), policy(t, "User:admin", false)
	for _, q := range []*acl.Question{
		ask("User:u4", acl.Write, acl.Topic, "team-4.orders"), ask("User:u6", acl.Write, acl.Topic, "team-6.orders"), ask("User:u7", acl.Write, acl.Topic, "shared"),
		ask("User:nobody", acl.Write, acl.Topic, "shared"), ask("User:admin", acl.Write, acl.Topic, "x"),
	} {
		if n := testing.AllocsPerRun(100, func() { x.Decide(p, q) }); n != 0 {
			t.Errorf("%s %s: %v allocations", q.Principal, q.Name, n)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	x, p := acltest.Many(10000), policy(b, "User:admin", false)
	for name, q := range map[string]*acl.Question{
		"literal":  ask("User:u4444", acl.Write, acl.Topic, "team-4444.orders"),
		"prefixed": ask("User:u4446", acl.Write, acl.Topic, "team-4446.orders"),
		"shared":   ask("User:u4447", acl.Write, acl.Topic, "shared"),
		"denied":   ask("User:nobody", acl.Write, acl.Topic, "shared"),
		"super":    ask("User:admin", acl.Write, acl.Topic, "shared"),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x.Decide(p, q)
			}
		})
	}
}

func BenchmarkWith(b *testing.B) {
	x := acltest.Many(10000)
	e := []acl.Entry{{Principal: "User:new", Host: "*", Operation: acl.Read, Permission: acl.Allow}}
	for _, pattern := range []acl.PatternType{acl.Literal, acl.Prefixed} {
		b.Run(pattern.String(), func(b *testing.B) {
			for b.Loop() {
				x.With(acl.Resource{Type: acl.Topic, Name: "team-5555.new", Pattern: pattern}, e)
			}
		})
	}
}
