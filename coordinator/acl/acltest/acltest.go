// Package acltest makes ACLs and questions about them, at random and in numbers. It is for tests
// alone.
package acltest

import (
	"fmt"
	"math/rand/v2"

	"momus/coordinator/acl"
	"momus/internal/model"
)

// Random makes ACLs and questions that often meet: the names of resources share prefixes.
type Random struct{ *rand.Rand }

// Seeded makes the same ACLs and questions for the same seeds.
func Seeded(seed, stream uint64) Random { return Random{rand.New(rand.NewPCG(seed, stream))} }

func (r Random) pick(words ...string) string { return words[r.IntN(len(words))] }

func (r Random) name() string {
	n := ""
	for range r.IntN(5) {
		n += r.pick("a", "b", "ab", "*")
	}
	return n
}

// resourceType is topic, group or cluster.
func (r Random) resourceType() acl.ResourceType { return acl.Topic + acl.ResourceType(r.IntN(3)) }

// Resource is one of a few hundred resources.
func (r Random) Resource() acl.Resource {
	return acl.Resource{Type: r.resourceType(), Name: r.name(), Pattern: acl.Literal + acl.PatternType(r.IntN(2))}
}

// Entries are up to three ACLs of a resource, with any operation and permission, also those that
// nobody may store.
func (r Random) Entries() (out []acl.Entry) {
	for range r.IntN(4) {
		out = append(out, acl.Entry{
			Principal: r.pick("User:a", "User:b", "Group:a", "User:*", "Group:*"), Host: r.pick("*", "*", "127.0.0.1", "10.0.0.1"),
			Operation: acl.Operation(r.IntN(13)), Permission: acl.Permission(r.IntN(4)),
		})
	}
	return out
}

// Question asks for a right that a request may need.
func (r Random) Question() acl.Question {
	return acl.Question{
		Principal: model.Principal{Type: r.pick("User", "User", "Group"), Name: r.pick("a", "b", "c", "admin", "*"), TokenID: r.pick("", "t")},
		Host:      r.pick("127.0.0.1", "10.0.0.1", "::1"), Operation: acl.Read + acl.Operation(r.IntN(10)), Type: r.resourceType(), Name: r.name(),
		API: "Produce", References: r.IntN(3), QuietAllowed: r.IntN(2) == 0, QuietDenied: r.IntN(2) == 0,
	}
}

// Many has n ACLs, as clusters have them: half on topics of their own, a quarter on prefixes, a
// quarter on one topic that all share.
func Many(n int) *acl.Index {
	all := map[acl.Resource][]acl.Entry{}
	for i := range n {
		r := acl.Resource{Type: acl.Topic, Name: fmt.Sprintf("team-%d.orders", i), Pattern: acl.Literal}
		switch i % 4 {
		case 2:
			r.Name, r.Pattern = fmt.Sprintf("team-%d.", i), acl.Prefixed
		case 3:
			r.Name = "shared"
		}
		all[r] = append(all[r], acl.Entry{Principal: fmt.Sprintf("User:u%d", i), Host: "*", Operation: acl.Write, Permission: acl.Allow})
	}
	return acl.Build(all)
}
