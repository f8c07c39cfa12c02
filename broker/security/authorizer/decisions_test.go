package authorizer

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"momus/coordinator/acl"
	"momus/coordinator/acl/acltest"
	"momus/internal/model"
	"momus/internal/testbase"
)

// unstarted is an authorizer that knows ACLs without ZooKeeper.
func unstarted(t testing.TB, x *acl.Index) *Authorizer {
	t.Helper()
	policy, err := acl.NewPolicy("User:admin", true)
	if err != nil {
		t.Fatal(err)
	}
	a := New(Options{Class: AclAuthorizerClass, Policy: policy, Audit: testbase.Quiet(), Logger: testbase.Quiet(), Now: time.Now})
	a.swap(x)
	return a
}

// TestKeptDecisionsAreThoseOfTheACLs asks at random, many questions often, while ACLs change: what
// is answered is what the ACLs of that moment decide, with the same reason.
func TestKeptDecisionsAreThoseOfTheACLs(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := acltest.Seeded(seed, 0)
	a := unstarted(t, &acl.Index{})
	kept := 0
	for step := range 300 {
		a.swap(a.index().With(r.Resource(), r.Entries()))
		for range 300 {
			q := r.Question()
			s := a.current.Load()
			if s.known.find(hash(&q), &q) != nil {
				kept++
			}
			if got, want := s.decide(&a.o.Policy, &q), s.index.Decide(&a.o.Policy, &q); got != want {
				t.Fatalf("step %d: %+v is %+v, the ACLs say %+v", step, q, got, want)
			}
		}
	}
	if kept == 0 {
		t.Error("no decision was kept")
	}
}

// TestDecisionsWhileACLsChange asks from several goroutines while another one changes ACLs, and sees
// each of its changes at once.
func TestDecisionsWhileACLsChange(t *testing.T) {
	a := unstarted(t, &acl.Index{})
	done := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(done)
	for g := range uint64(3) {
		wg.Go(func() {
			r := acltest.Seeded(g, 1)
			for {
				select {
				case <-done:
					return
				default:
				}
				q := r.Question()
				s := a.current.Load()
				if got, want := s.decide(&a.o.Policy, &q), s.index.Decide(&a.o.Policy, &q); got != want {
					t.Errorf("%+v is %+v, the ACLs say %+v", q, got, want)
					return
				}
			}
		})
	}
	r := acltest.Seeded(7, 7)
	// Of a type of which no other ACLs are made.
	alice := acl.Question{Principal: model.User("alice"), Host: "h", Operation: acl.Write, Type: acl.TransactionalID, Name: "mine"}
	mine := acl.Resource{Type: acl.TransactionalID, Name: "mine", Pattern: acl.Literal}
	for i := range 2000 {
		a.swap(a.index().With(r.Resource(), r.Entries()))
		permission := acl.Allow + acl.Permission(i%2)*(acl.Deny-acl.Allow)
		a.swap(a.index().With(mine, []acl.Entry{{Principal: "User:alice", Host: "*", Operation: acl.Write, Permission: permission}}))
		for range 2 {
			if a.Authorize(alice) != (permission == acl.Allow) {
				t.Fatalf("change %d: a decision of before is given", i)
			}
		}
	}
}

// TestKeptDecisionsOutliveRequests asks with names that lie in a buffer which is used again.
func TestKeptDecisionsOutliveRequests(t *testing.T) {
	x := acl.Build(map[acl.Resource][]acl.Entry{
		{Type: acl.Topic, Name: "yes", Pattern: acl.Literal}: {{Principal: "User:bob", Host: "1.1", Operation: acl.Read, Permission: acl.Allow}},
		{Type: acl.Topic, Name: "not", Pattern: acl.Literal}: {{Principal: "User:bob", Host: "*", Operation: acl.Read, Permission: acl.Deny}},
	})
	for field, change := range map[string]string{"name": "not", "user": "eve", "host": "2.2"} {
		a := unstarted(t, x)
		frame := map[string][]byte{"name": []byte("yes"), "user": []byte("bob"), "host": []byte("1.1")}
		text := func(f string) string { return unsafe.String(&frame[f][0], len(frame[f])) }
		q := acl.Question{Principal: model.User(text("user")), Host: text("host"), Operation: acl.Read, Type: acl.Topic, Name: text("name")}
		if !a.Authorize(q) {
			t.Fatalf("%+v is denied", q)
		}
		hashed := hash(&q)
		copy(frame[field], change)
		// Even if both had the same hash.
		if d := a.current.Load().known.find(hashed, &q); d != nil {
			t.Errorf("after another request has written its %s into the buffer, %+v is %+v", field, q, *d)
		}
		if a.Authorize(q) {
			t.Errorf("%+v is allowed", q)
		}
	}
}

// count is the number of decisions that are kept.
func (x *decisions) count() (n int) {
	for i := range x {
		p := x[i].Load()
		if p == nil {
			continue
		}
		for j := range p {
			for k := range p[j].places {
				if p[j].places[k].Load() != nil {
					n++
				}
			}
		}
	}
	return n
}

func TestKeptDecisionsAreBounded(t *testing.T) {
	a := unstarted(t, &acl.Index{})
	ask := func(name string) {
		a.Authorize(acl.Question{Principal: model.User("u"), Host: "h", Operation: acl.Read, Type: acl.Topic, Name: name})
	}
	known := func() *decisions { return &a.current.Load().known }
	for range 2 {
		ask(strings.Repeat("x", maxDecisionText))
	}
	if n := known().count(); n != 0 {
		t.Errorf("of long names %d decisions are kept", n)
	}
	for i := range 10 * maxDecisions {
		ask(fmt.Sprintf("t-%d", i))
	}
	if n := known().count(); n != maxDecisions {
		t.Fatalf("%d decisions are kept, want %d", n, maxDecisions)
	}
	// Those who ask once take nobody's place, those who ask twice do.
	q := acl.Question{Principal: model.User("u"), Host: "h", Operation: acl.Read, Type: acl.Topic, Name: "new"}
	a.Authorize(q)
	if known().find(hash(&q), &q) != nil {
		t.Error("a question that was asked once has taken a place")
	}
	a.Authorize(q)
	if known().find(hash(&q), &q) == nil {
		t.Error("a question that was asked twice has no place")
	}
	if n := known().count(); n != maxDecisions {
		t.Errorf("%d decisions are kept, want %d", n, maxDecisions)
	}
}

func benchmarkQuestions() map[string]acl.Question {
	q := func(user, topic string) acl.Question {
		return acl.Question{Principal: model.User(user), Host: "192.168.100.100", Operation: acl.Write, Type: acl.Topic, Name: topic, API: "Produce", References: 6}
	}
	return map[string]acl.Question{
		"literal": q("u4444", "team-4444.orders"), "prefixed": q("u4446", "team-4446.orders"), "shared": q("u4447", "shared"), "super": q("admin", "shared"),
	}
}

func TestKeptDecisionsAllocateNothing(t *testing.T) {
	a := unstarted(t, acltest.Many(10_000))
	for name, q := range benchmarkQuestions() {
		if !a.Authorize(q) {
			t.Errorf("%s is denied", name)
		}
		if n := testing.AllocsPerRun(100, func() { a.Authorize(q) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// BenchmarkAuthorize asks the same again and again among 10,000 ACLs, from all processors at once,
// and a question that was not asked before.
func BenchmarkAuthorize(b *testing.B) {
	for name, q := range benchmarkQuestions() {
		b.Run(name, func(b *testing.B) {
			a := unstarted(b, acltest.Many(10_000))
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					a.Authorize(q)
				}
			})
		})
		b.Run(name+"/first time", func(b *testing.B) {
			a := unstarted(b, acltest.Many(10_000))
			for b.Loop() {
				a.Explain(q)
			}
		})
	}
}
