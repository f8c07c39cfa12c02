package authorizer

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/sirupsen/logrus"

	"momus/coordinator/acl"
	"momus/internal/model"
)

// unstarted is an authorizer that knows ACLs without ZooKeeper.
func unstarted(t testing.TB, x *acl.Index) *Authorizer {
	t.Helper()
	policy, err := acl.NewPolicy("User:admin", true)
	if err != nil {
		t.Fatal(err)
	}
	quiet := logrus.New()
	quiet.SetLevel(logrus.InfoLevel)
	quiet.SetOutput(discard{})
	a := New(Options{Class: AclAuthorizerClass, Policy: policy, Audit: logrus.NewEntry(quiet), Logger: logrus.NewEntry(quiet), Now: time.Now})
	a.swap(x)
	return a
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// random makes ACLs and questions that often meet.
type random struct{ *rand.Rand }

func (r random) pick(words ...string) string { return words[r.IntN(len(words))] }

func (r random) name() string {
	n := ""
	for range 1 + r.IntN(3) {
		n += r.pick("a", "b", "ab", "*")
	}
	return n
}

func (r random) resource() acl.Resource {
	return acl.Resource{Type: acl.Topic + acl.ResourceType(r.IntN(3)), Name: r.name(), Pattern: acl.Literal + acl.PatternType(r.IntN(2))}
}

func (r random) entries() (out []acl.Entry) {
	for range r.IntN(4) {
		out = append(out, acl.Entry{
			Principal: r.pick("User:a", "User:b", "Group:a", "User:*"), Host: r.pick("*", "*", "127.0.0.1", "10.0.0.1"),
			Operation: acl.Operation(2 + r.IntN(11)), Permission: acl.Deny + acl.Permission(r.IntN(2)),
		})
	}
	return out
}

func (r random) question() acl.Question {
	return acl.Question{
		Principal: model.Principal{Type: r.pick("User", "User", "Group"), Name: r.pick("a", "b", "c", "admin"), TokenID: r.pick("", "t")}, Host: r.pick("127.0.0.1", "10.0.0.1", "::1"),
		Operation: acl.Read + acl.Operation(r.IntN(10)), Type: acl.Topic + acl.ResourceType(r.IntN(3)), Name: r.name(), API: "Produce", References: r.IntN(3),
		QuietAllowed: r.IntN(2) == 0, QuietDenied: r.IntN(2) == 0,
	}
}

// TestKeptDecisionsAreThoseOfTheACLs asks at random, many questions often, while ACLs change: what
// is answered is what the ACLs of that moment decide, with the same reason.
func TestKeptDecisionsAreThoseOfTheACLs(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := random{rand.New(rand.NewPCG(seed, 0))}
	a := unstarted(t, &acl.Index{})
	kept := 0
	for step := range 300 {
		a.swap(a.index().With(r.resource(), r.entries()))
		for range 300 {
			q := r.question()
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
			r := random{rand.New(rand.NewPCG(g, 1))}
			for {
				select {
				case <-done:
					return
				default:
				}
				q := r.question()
				s := a.current.Load()
				if got, want := s.decide(&a.o.Policy, &q), s.index.Decide(&a.o.Policy, &q); got != want {
					t.Errorf("%+v is %+v, the ACLs say %+v", q, got, want)
					return
				}
			}
		})
	}
	r := random{rand.New(rand.NewPCG(7, 7))}
	alice := acl.Question{Principal: model.User("alice"), Host: "h", Operation: acl.Write, Type: acl.Topic, Name: "mine"}
	mine := acl.Resource{Type: acl.Topic, Name: "mine", Pattern: acl.Literal}
	for i := range 2000 {
		a.swap(a.index().With(r.resource(), r.entries()))
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

// many has n ACLs, as clusters have them: a topic for each user, some with prefixes, and one that
// all share.
func many(n int) *acl.Index {
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

func benchmarkQuestions() map[string]acl.Question {
	q := func(user, topic string) acl.Question {
		return acl.Question{Principal: model.User(user), Host: "192.168.100.100", Operation: acl.Write, Type: acl.Topic, Name: topic, API: "Produce", References: 6}
	}
	return map[string]acl.Question{
		"literal": q("u4444", "team-4444.orders"), "prefixed": q("u4446", "team-4446.orders"), "shared": q("u4447", "shared"), "super": q("admin", "shared"),
	}
}

func TestKeptDecisionsAllocateNothing(t *testing.T) {
	a := unstarted(t, many(10_000))
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
			a := unstarted(b, many(10_000))
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					a.Authorize(q)
				}
			})
		})
		b.Run(name+"/first time", func(b *testing.B) {
			a := unstarted(b, many(10_000))
			for b.Loop() {
				a.Explain(q)
			}
		})
	}
}
