package authorizer

import (
	"hash/maphash"
	"math/bits"
	"strings"
	"sync/atomic"

	"momus/coordinator/acl"
)

// snapshot is the ACLs of one moment and what was decided by them. Both are swapped together, so
// that no decision outlives its ACLs.
type snapshot struct {
	index *acl.Index
	known decisions
}

// decide is the index's decision, or the same one from before.
func (s *snapshot) decide(p *acl.Policy, q *acl.Question) acl.Decision {
	h := hash(q)
	if d := s.known.find(h, q); d != nil {
		return *d
	}
	d := s.index.Decide(p, q)
	s.known.keep(h, q, &d)
	return d
}

// How many decisions are kept, and how long their names may be: together a few MB at most. Parts
// are made when they are needed, as each change of an ACL begins with none.
const (
	decisionParts   = 64
	partGroups      = 32
	groupPlaces     = 4
	maxDecisions    = decisionParts * partGroups * groupPlaces
	maxDecisionText = 512
)

// decisions keeps those that are asked for again and again. Finding one reads two pointers and takes
// no lock, writes nothing and allocates nothing, so that connections do not hinder each other.
type decisions [decisionParts]atomic.Pointer[part]

type part [partGroups]group

// group has the decisions of which one may take another's place. Places are filled in order.
type group struct {
	places [groupPlaces]atomic.Pointer[decided]
	// rival is the hash of the last question that found all places taken. Only who asks twice in a
	// row gets a place: who lists ten thousand topics once takes none from producers.
	rival atomic.Uint32
}

// decided is a decision and the question that it answers.
type decided struct {
	user, host, name string
	userType         string
	operation        acl.Operation
	kind             acl.ResourceType
	decision         acl.Decision
}

func (d *decided) answers(q *acl.Question) bool {
	return d.operation == q.Operation && d.kind == q.Type && d.name == q.Name && d.user == q.Principal.Name && d.host == q.Host && d.userType == q.Principal.Type
}

var decisionSeed = maphash.MakeSeed()

// hash is that of what a decision depends on.
func hash(q *acl.Question) uint64 {
	h := maphash.String(decisionSeed, q.Name)
	h ^= bits.RotateLeft64(maphash.String(decisionSeed, q.Principal.Name), 21)
	h ^= bits.RotateLeft64(maphash.String(decisionSeed, q.Host), 42)
	return h + (uint64(q.Operation)<<8|uint64(q.Type))*0x9e3779b97f4a7c15 // spreads neighbours over all bits
}

// find is the decision on a question; nil when it is not known.
func (x *decisions) find(h uint64, q *acl.Question) *acl.Decision {
	p := x[h%decisionParts].Load()
	if p == nil {
		return nil
	}
	g := p.group(h)
	for i := range g.places {
		d := g.places[i].Load()
		if d == nil {
			return nil
		}
		if d.answers(q) {
			return &d.decision
		}
	}
	return nil
}

// keep keeps a decision if there is a place for it. Two that come at once may take two places, or
// one may get none; neither does harm.
func (x *decisions) keep(h uint64, q *acl.Question, d *acl.Decision) {
	if len(q.Name)+len(q.Principal.Name)+len(q.Principal.Type)+len(q.Host) > maxDecisionText {
		return
	}
	at := &x[h%decisionParts]
	p := at.Load()
	if p == nil {
		at.CompareAndSwap(nil, &part{})
		p = at.Load()
	}
	g := p.group(h)
	for i := range g.places {
		if g.places[i].Load() == nil {
			g.places[i].CompareAndSwap(nil, newDecided(q, d))
			return
		}
	}
	if rival := uint32(h >> 32); g.rival.Swap(rival) == rival {
		g.places[h>>16%groupPlaces].Store(newDecided(q, d))
	}
}

func (p *part) group(h uint64) *group { return &p[h/decisionParts%partGroups] }

// newDecided copies what the question names: it may lie in the buffer of a request.
func newDecided(q *acl.Question, d *acl.Decision) *decided {
	return &decided{
		user: strings.Clone(q.Principal.Name), host: strings.Clone(q.Host), name: strings.Clone(q.Name), userType: strings.Clone(q.Principal.Type),
		operation: q.Operation, kind: q.Type, decision: *d,
	}
}
