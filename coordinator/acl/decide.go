package acl

import (
	"fmt"
	"strings"

	"momus/internal/model"
)

// Policy is what decides beside the ACLs.
type Policy struct {
	superUsers map[who]struct{}
	// allowUnknown is allow.everyone.if.no.acl.found.
	allowUnknown bool
}

// NewPolicy reads super.users, principals separated by semicolons, and takes
// allow.everyone.if.no.acl.found.
func NewPolicy(superUsers string, allowUnknown bool) (Policy, error) {
	p := Policy{superUsers: map[who]struct{}{}, allowUnknown: allowUnknown}
	for text := range strings.SplitSeq(superUsers, ";") {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		u, err := model.ParsePrincipal(text)
		if err != nil {
			return Policy{}, fmt.Errorf("super.users: %w; write each as User:NAME, separated by semicolons", err)
		}
		p.superUsers[who{u.Type, u.Name}] = struct{}{}
	}
	return p, nil
}

// SuperUser reports whether a principal may do everything.
func (p Policy) SuperUser(u model.Principal) bool {
	_, super := p.superUsers[who{u.Type, u.Name}]
	return super
}

// Decision is the answer to a Question, and why.
type Decision struct {
	Allowed bool
	Reason  Reason
	// Rule is the ACL that has decided, for ByRule.
	Rule Entry
}

// Reason says what has decided.
type Reason int8

// The reasons.
const (
	// Unmatched: there are ACLs on the resource, but none that allows what was asked.
	Unmatched Reason = iota
	// BySuperUser: the principal is one of super.users.
	BySuperUser
	// NoneFound: nobody has an ACL on the resource; allow.everyone.if.no.acl.found decides.
	NoneFound
	// ByRule: an ACL allows or denies it.
	ByRule
)

// Decide answers a question as Kafka's AclAuthorizer does: super users may do everything; an ACL
// that denies wins over all that allow; what no ACL allows is denied, unless the resource has no
// ACLs of anybody. It allocates nothing.
func (x *Index) Decide(p *Policy, q *Question) Decision {
	if p.SuperUser(q.Principal) {
		return Decision{Allowed: true, Reason: BySuperUser}
	}
	s := search{asker: who{q.Principal.Type, q.Principal.Name}, host: q.Host, bit: 1 << q.Operation}
	s.look(x.literal.get(key{q.Type, q.Name}))
	if s.denies == nil && q.Name != wildcard {
		s.look(x.literal.get(key{q.Type, wildcard}))
	}
	if t := x.table(q.Type); t != nil {
		for i := t.longest(q.Name); i >= 0 && s.denies == nil; i = int(t.shorter[i]) {
			s.look(t.sets[i])
		}
	}
	switch {
	case s.denies != nil:
		return Decision{Reason: ByRule, Rule: s.denies.entry}
	case s.allows != nil:
		return Decision{Allowed: true, Reason: ByRule, Rule: s.allows.entry}
	case !s.any:
		return Decision{Allowed: p.allowUnknown, Reason: NoneFound}
	}
	return Decision{}
}

// wildcard is the literal name of all resources of a type, and the host of all hosts.
const wildcard = "*"

// search looks through the sets that a question touches.
type search struct {
	asker who
	host  string
	bit   uint32
	// any: there was an ACL, of whomever.
	any            bool
	denies, allows *rule
}

// look takes the rules of a set into account; it may be nil.
func (s *search) look(in *set) {
	if in == nil {
		return
	}
	s.any = true
	s.lookFor(in.rules, s.asker)
	if s.asker != everyone {
		s.lookFor(in.rules, everyone)
	}
}

// lookFor considers the rules of one principal.
func (s *search) lookFor(rules []rule, u who) {
	low, high := 0, len(rules)
	for low < high {
		middle := int(uint(low+high) >> 1)
		if rules[middle].who.compare(u) < 0 {
			low = middle + 1
		} else {
			high = middle
		}
	}
	for ; low < len(rules) && rules[low].who == u; low++ {
		r := &rules[low]
		if r.bits&s.bit == 0 || r.entry.Host != wildcard && r.entry.Host != s.host {
			continue
		}
		switch r.entry.Permission {
		case Deny:
			s.denies = r
			return
		case Allow:
			if s.allows == nil {
				s.allows = r
			}
		}
	}
}
