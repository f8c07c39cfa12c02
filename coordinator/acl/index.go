package acl

import (
	"cmp"
	"hash/maphash"
	"maps"
	"slices"
	"strings"

	"momus/internal/model"
)

// Index holds ACLs in the form in which decisions are made. It never changes: With and Build make
// new ones, which share what stays the same, so that decisions need no lock. The zero value has no
// ACLs.
type Index struct {
	literal literals
	// prefixed are the tables of prefixes by resource type.
	prefixed [DelegationToken + 1]prefixTable
}

// literals are the sets of literal patterns, in parts by the hash of their names: a change copies
// one part and not all of them.
type literals [256]map[key]*set

// hashSeed spreads names over the parts.
var hashSeed = maphash.MakeSeed()

func (l *literals) part(k key) *map[key]*set {
	return &l[maphash.String(hashSeed, k.name)%uint64(len(l))]
}

// get is the set of a resource, nil when there is none.
func (l *literals) get(k key) *set { return (*l.part(k))[k] }

// key names the resources of literal patterns.
type key struct {
	kind ResourceType
	name string
}

// set are the ACLs of one resource.
type set struct {
	resource Resource
	// rules are in the order of their principals, so that a binary search finds those of one among
	// thousands.
	rules []rule
}

// rule is an ACL made ready for comparison.
type rule struct {
	who   who
	entry Entry
	// bits has bit n set when the rule decides on operation n: implied ones too where it allows.
	bits uint32
}

// who is a principal as ACLs see it.
type who struct{ kind, name string }

func (w who) compare(o who) int {
	if c := strings.Compare(w.name, o.name); c != 0 {
		return c
	}
	return strings.Compare(w.kind, o.kind)
}

// everyone is the principal of ACLs for all principals, whatever their type.
var everyone = who{model.UserType, "*"}

// Build makes an index of the ACLs of resources. A resource that occurs twice has the later ones.
func Build(resources map[Resource][]Entry) *Index {
	x := &Index{}
	for r, entries := range resources {
		if s := newSet(r, entries); s == nil {
			continue
		} else if r.Pattern == Prefixed {
			if t := x.table(r.Type); t != nil {
				t.sets = append(t.sets, s)
			}
		} else {
			k := key{r.Type, r.Name}
			p := x.literal.part(k)
			if *p == nil {
				*p = map[key]*set{}
			}
			(*p)[k] = s
		}
	}
	for i := range x.prefixed {
		x.prefixed[i].arrange()
	}
	return x
}

// With is the index in which a resource has these ACLs and no others.
func (x *Index) With(r Resource, entries []Entry) *Index {
	next := *x
	s := newSet(r, entries)
	if r.Pattern == Prefixed {
		if t := next.table(r.Type); t != nil {
			*t = t.with(r.Name, s)
		}
		return &next
	}
	k := key{r.Type, r.Name}
	p := next.literal.part(k)
	if *p = maps.Clone(*p); *p == nil {
		*p = map[key]*set{}
	}
	if (*p)[k] = s; s == nil {
		delete(*p, k)
	}
	return &next
}

// Entries are the ACLs of a resource.
func (x *Index) Entries(r Resource) []Entry {
	s := x.literal.get(key{r.Type, r.Name})
	if r.Pattern == Prefixed {
		if t := x.table(r.Type); t != nil {
			s = t.exactly(r.Name)
		}
	}
	return s.entries()
}

// Each calls fn with each resource and its ACLs, in the order of type, pattern and name, as long as
// it returns true.
func (x *Index) Each(fn func(r Resource, entries []Entry) bool) {
	var sets []*set
	for _, p := range x.literal {
		sets = slices.AppendSeq(sets, maps.Values(p))
	}
	for i := range x.prefixed {
		sets = append(sets, x.prefixed[i].sets...)
	}
	slices.SortFunc(sets, func(a, b *set) int {
		return cmp.Or(cmp.Compare(a.resource.Type, b.resource.Type), cmp.Compare(a.resource.Pattern, b.resource.Pattern), strings.Compare(a.resource.Name, b.resource.Name))
	})
	for _, s := range sets {
		if !fn(s.resource, s.entries()) {
			return
		}
	}
}

// table is the table of prefixes of a type; nil for types that there are not.
func (x *Index) table(t ResourceType) *prefixTable {
	if t < 0 || int(t) >= len(x.prefixed) {
		return nil
	}
	return &x.prefixed[t]
}

// newSet makes the rules of a resource; nil when there are none.
func newSet(r Resource, entries []Entry) *set {
	if len(entries) == 0 {
		return nil
	}
	s := &set{resource: r, rules: make([]rule, 0, len(entries))}
	for _, e := range entries {
		kind, name, _ := strings.Cut(e.Principal, ":")
		s.rules = append(s.rules, rule{who: who{kind, name}, entry: e, bits: decidesOn(e)})
	}
	slices.SortStableFunc(s.rules, func(a, b rule) int { return a.who.compare(b.who) })
	return s
}

func (s *set) entries() []Entry {
	if s == nil {
		return nil
	}
	out := make([]Entry, len(s.rules))
	for i := range s.rules {
		out[i] = s.rules[i].entry
	}
	return out
}

// decidesOn has the bits of the operations that an ACL decides on. Only what is allowed implies
// more: who may read, write, delete or alter may describe, and who may alter configs may describe
// them.
func decidesOn(e Entry) uint32 {
	switch {
	case e.Operation == All:
		return ^uint32(0)
	case e.Operation <= AnyOperation || e.Operation > IdempotentWrite:
		return 0
	case e.Permission != Allow:
		return 1 << e.Operation
	}
	bits := uint32(1) << e.Operation
	switch e.Operation {
	case Read, Write, Delete, Alter:
		bits |= 1 << Describe
	case AlterConfigs:
		bits |= 1 << DescribeConfigs
	}
	return bits
}

// prefixTable finds the prefixes of a name among many.
type prefixTable struct {
	// sets are in the order of their names.
	sets []*set
	// shorter has, for each set, the index of the longest other prefix that its own name begins
	// with; -1 for none.
	shorter []int32
}

// arrange brings the table in order after sets has changed.
func (t *prefixTable) arrange() {
	slices.SortFunc(t.sets, func(a, b *set) int { return strings.Compare(a.resource.Name, b.resource.Name) })
	t.shorter = make([]int32, len(t.sets))
	for i, s := range t.sets {
		j := int32(i) - 1
		for j >= 0 && !strings.HasPrefix(s.resource.Name, t.sets[j].resource.Name) {
			j = t.shorter[j]
		}
		t.shorter[i] = j
	}
}

// with is the table in which a prefix has a set; none when it is nil.
func (t *prefixTable) with(name string, s *set) prefixTable {
	next := prefixTable{sets: make([]*set, 0, len(t.sets)+1)}
	for _, old := range t.sets {
		if old.resource.Name != name {
			next.sets = append(next.sets, old)
		}
	}
	if s != nil {
		next.sets = append(next.sets, s)
	}
	next.arrange()
	return next
}

// last is the index of the last set whose name is not after name; -1 when there is none.
func (t *prefixTable) last(name string) int {
	low, high := 0, len(t.sets)
	for low < high {
		middle := int(uint(low+high) >> 1)
		if t.sets[middle].resource.Name <= name {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low - 1
}

// longest is the index of the longest prefix of name, from which shorter leads to the others; -1
// when there is none. What lies between a prefix of name and name itself begins with that prefix
// too, so that the way from last to it is one of ever shorter prefixes.
func (t *prefixTable) longest(name string) int {
	i := t.last(name)
	for i >= 0 && !strings.HasPrefix(name, t.sets[i].resource.Name) {
		i = int(t.shorter[i])
	}
	return i
}

func (t *prefixTable) exactly(name string) *set {
	if i := t.last(name); i >= 0 && t.sets[i].resource.Name == name {
		return t.sets[i]
	}
	return nil
}
