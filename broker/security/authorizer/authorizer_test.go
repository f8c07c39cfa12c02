package authorizer_test

import (
	"bytes"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gozk "github.com/go-zookeeper/zk"
	"github.com/sirupsen/logrus"

	"momus/broker/security/authorizer"
	"momus/coordinator/acl"
	"momus/coordinator/admin"
	"momus/coordinator/zk"
	"momus/coordinator/zk/zktest"
	"momus/coordinator/zkserver/zkservertest"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/internal/testbase"
)

// startZooKeeper runs a coordination server until the test ends.
func startZooKeeper(t *testing.T) (address string) {
	t.Helper()
	return zkservertest.Start(t)
}

// start runs an authorizer until the test ends.
func start(t *testing.T, client *zk.Client, edit func(*authorizer.Options)) *authorizer.Authorizer {
	t.Helper()
	policy, err := acl.NewPolicy("User:admin", false)
	if err != nil {
		t.Fatal(err)
	}
	o := authorizer.Options{Class: authorizer.AclAuthorizerClass, ZK: client, Policy: policy, Audit: testbase.Quiet(), Logger: testbase.Quiet(), Now: time.Now}
	if edit != nil {
		edit(&o)
	}
	a := authorizer.New(o)
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	testbase.Run(t, a.Run)
	return a
}

func ask(user string, op acl.Operation, topic string) acl.Question {
	return acl.Question{Principal: model.User(user), Host: "127.0.0.1", Operation: op, Type: acl.Topic, Name: topic, API: "Produce", References: 2}
}

func allow(user string, op acl.Operation) acl.Entry {
	return acl.Entry{Principal: "User:" + user, Host: "*", Operation: op, Permission: acl.Allow}
}

func topic(name string, p acl.PatternType) acl.Resource {
	return acl.Resource{Type: acl.Topic, Name: name, Pattern: p}
}

func TestChangesAreObeyedByAllBrokers(t *testing.T) {
	address := startZooKeeper(t)
	one := start(t, zktest.Dial(t, zk.Options{Connect: address}), nil)
	two := start(t, zktest.Dial(t, zk.Options{Connect: address}), nil)
	if one.Authorize(ask("alice", acl.Read, "t")) || !one.Authorize(ask("admin", acl.Read, "t")) {
		t.Error("without ACLs only super users may read")
	}
	errs := one.Create(t.Context(), []acl.Binding{
		{Resource: topic("t", acl.Literal), Entry: allow("alice", acl.Read)},
		{Resource: topic("t", acl.Literal), Entry: allow("bob", acl.Write)},
		{Resource: topic("pre-", acl.Prefixed), Entry: allow("alice", acl.Write)},
		{Resource: topic("t", acl.Literal), Entry: allow("alice", acl.Read)},
	})
	if !slices.Equal(errs, make([]error, 4)) {
		t.Fatal(errs)
	}
	if !one.Authorize(ask("alice", acl.Describe, "t")) || !one.Authorize(ask("bob", acl.Write, "t")) || !one.Authorize(ask("alice", acl.Write, "pre-x")) {
		t.Error("the broker that made the change does not obey it")
	}
	testbase.Eventually(t, "the other broker obeys a literal change", func() bool { return two.Authorize(ask("bob", acl.Write, "t")) })
	testbase.Eventually(t, "the other broker obeys a prefixed change", func() bool { return two.Authorize(ask("alice", acl.Write, "pre-x")) })

	late := start(t, zktest.Dial(t, zk.Options{Connect: address}), nil)
	if !late.Authorize(ask("alice", acl.Describe, "t")) || !late.Authorize(ask("alice", acl.Write, "pre-x")) {
		t.Error("a broker that starts does not know the ACLs")
	}

	name := "t"
	all := acl.Filter{Type: acl.AnyResource, Pattern: acl.Match, Name: &name, Operation: acl.AnyOperation, Permission: acl.AnyPermission}
	alice := "User:alice"
	hers := acl.Filter{Type: acl.Topic, Pattern: acl.AnyPattern, Principal: &alice, Operation: acl.AnyOperation, Permission: acl.AnyPermission}
	deleted := two.Delete(t.Context(), []acl.Filter{hers, all, hers})
	if len(deleted) != 3 || len(deleted[0]) != 2 || len(deleted[1]) != 1 || len(deleted[2]) != 0 || deleted[1][0].Entry != allow("bob", acl.Write) || deleted[0][0].Err != nil {
		t.Errorf("deleted %+v", deleted)
	}
	testbase.Eventually(t, "all brokers forget", func() bool {
		return !slices.ContainsFunc([]*authorizer.Authorizer{one, two, late}, func(a *authorizer.Authorizer) bool {
			return a.Authorize(ask("alice", acl.Read, "t")) || a.Authorize(ask("bob", acl.Write, "t")) || a.Authorize(ask("alice", acl.Write, "pre-x"))
		})
	})
	one.Each(acl.Filter{Type: acl.AnyResource, Pattern: acl.AnyPattern, Operation: acl.AnyOperation, Permission: acl.AnyPermission}, func(r acl.Resource, entries []acl.Entry) {
		t.Errorf("%s still has %v", r, entries)
	})
}

func TestACLsThatCannotBeMade(t *testing.T) {
	a := start(t, zktest.Dial(t, zk.Options{Connect: startZooKeeper(t)}), func(o *authorizer.Options) { o.PrefixedRefused = true })
	const invalid = "Failed to create ACL"
	for _, c := range []struct {
		resource acl.Resource
		entry    acl.Entry
		code     int16
		message  string
	}{
		{topic("t", acl.Literal), allow("alice", acl.Operation(13)), kerr.InvalidRequest.Code, invalid},
		{topic("t", acl.Literal), acl.Entry{Principal: "User:a", Host: "*", Operation: acl.Read, Permission: acl.Permission(9)}, kerr.InvalidRequest.Code, invalid},
		{topic("t", acl.PatternType(9)), allow("alice", acl.Read), kerr.InvalidRequest.Code, invalid},
		{acl.Resource{Type: acl.ResourceType(7), Name: "t", Pattern: acl.Literal}, allow("alice", acl.Read), kerr.InvalidRequest.Code, invalid},
		{topic("t", acl.Prefixed), allow("alice", acl.Read), kerr.InvalidRequest.Code, invalid}, // the protocol version is too old
		{topic("t", acl.Literal), acl.Entry{Principal: "u", Host: "*", Operation: acl.Read, Permission: acl.Allow}, kerr.UnknownServerError.Code,
			"java.lang.IllegalArgumentException: expected a string in format principalType:principalName but got u"},
		{topic("a/b", acl.Literal), allow("alice", acl.Read), kerr.UnknownServerError.Code,
			"org.apache.zookeeper.KeeperException$NoNodeException: KeeperErrorCode = NoNode for /kafka-acl/Topic/a/b"},
		{topic("t", acl.Literal), acl.Entry{Principal: "User:", Host: "not a host", Operation: acl.ClusterAction, Permission: acl.Deny}, 0, ""},
	} {
		errs := a.Create(t.Context(), []acl.Binding{{Resource: c.resource, Entry: c.entry}})
		if kerr.Code(errs[0]) != c.code || errs[0] != nil && admin.Message(errs[0]) != c.message {
			t.Errorf("%s %s: %v", c.resource, c.entry, errs[0])
		}
	}
}

// cuttable is a dialer that can be told to reach nobody.
type cuttable struct {
	mu    sync.Mutex
	down  bool
	conns []net.Conn
}

func (c *cuttable) dial(network, address string, timeout time.Duration) (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down {
		return nil, errors.New("cut")
	}
	conn, err := net.DialTimeout(network, address, timeout)
	if err == nil {
		c.conns = append(c.conns, conn)
	}
	return conn, err
}

func (c *cuttable) set(down bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = down
	for _, conn := range c.conns {
		conn.Close()
	}
	c.conns = nil
}

func TestALostSessionIsMadeUpFor(t *testing.T) {
	server := zkservertest.Server(t)
	address := server.Addr().String()
	var line cuttable
	client := zktest.Dial(t, zk.Options{Connect: address, Dial: line.dial})
	cut, whole := start(t, client, nil), start(t, zktest.Dial(t, zk.Options{Connect: address}), nil)
	if errs := whole.Create(t.Context(), []acl.Binding{{Resource: topic("before", acl.Literal), Entry: allow("alice", acl.Read)}}); errs[0] != nil {
		t.Fatal(errs)
	}
	testbase.Eventually(t, "the change is obeyed", func() bool { return cut.Authorize(ask("alice", acl.Read, "before")) })
	line.set(true)
	if errs := whole.Create(t.Context(), []acl.Binding{{Resource: topic("after", acl.Literal), Entry: allow("alice", acl.Read)}}); errs[0] != nil {
		t.Fatal(errs)
	}
	zkservertest.EndSession(t, server, client.SessionID())
	if !cut.Authorize(ask("alice", acl.Read, "before")) || cut.Authorize(ask("alice", acl.Read, "after")) {
		t.Error("without ZooKeeper the last known ACLs are obeyed")
	}
	line.set(false)
	testbase.Eventually(t, "what happened meanwhile is obeyed", func() bool { return cut.Authorize(ask("alice", acl.Read, "after")) })
}

// owner is a connection that may give nodes to itself alone.
type owner struct {
	t    *testing.T
	conn *gozk.Conn
}

func newOwner(t *testing.T, address string) owner {
	t.Helper()
	conn := zkservertest.Connect(t, address)
	if err := conn.AddAuth("digest", []byte("owner:secret")); err != nil {
		t.Fatal(err)
	}
	return owner{t, conn}
}

// hide lets nobody else read a node, show lets everybody.
func (o owner) hide(path string) { o.setACL(path, gozk.AuthACL(gozk.PermAll)) }
func (o owner) show(path string) { o.setACL(path, gozk.WorldACL(gozk.PermAll)) }

func (o owner) setACL(path string, to []gozk.ACL) {
	o.t.Helper()
	if _, err := o.conn.SetACL(path, to, -1); err != nil {
		o.t.Fatalf("set the ACL of %s: %v", path, err)
	}
}

// change replaces the ACLs of a resource that has some.
func (o owner) change(r acl.Resource, e acl.Entry) {
	o.t.Helper()
	if _, err := o.conn.Set(zk.ACLResourcePath(r), zk.EncodeACLs([]acl.Entry{e}), -1); err != nil {
		o.t.Fatal(err)
	}
}

// notify tells brokers of a change of a literal resource.
func (o owner) notify(r acl.Resource) {
	o.t.Helper()
	if _, err := o.conn.Create(zk.ACLChangesPath+"/acl_changes_", zk.EncodeACLChange(r), gozk.FlagSequence, gozk.WorldACL(gozk.PermAll)); err != nil {
		o.t.Fatal(err)
	}
}

// TestACLsThatCannotBeReadAreReadLater has ZooKeeper refuse to show what has changed, and then show
// it without another notification.
func TestACLsThatCannotBeReadAreReadLater(t *testing.T) {
	r := topic("t", acl.Literal)
	for what, path := range map[string]string{"ACLs of a resource": zk.ACLResourcePath(r), "change notifications": zk.ACLChangesPath} {
		t.Run(what, func(t *testing.T) {
			address := startZooKeeper(t)
			var log testbase.Buffer
			logger := logrus.New()
			logger.SetOutput(&log)
			logger.SetLevel(logrus.DebugLevel)
			a := start(t, zktest.Dial(t, zk.Options{Connect: address, Logger: logrus.NewEntry(logger)}), func(o *authorizer.Options) { o.Logger = logrus.NewEntry(logger) })
			if errs := a.Create(t.Context(), []acl.Binding{{Resource: r, Entry: allow("alice", acl.Read)}}); errs[0] != nil {
				t.Fatal(errs)
			}
			testbase.Eventually(t, "it has read its own change, and heard of it", func() bool { return strings.Count(log.String(), "read the ACLs of a resource") == 2 })
			o := newOwner(t, address)
			o.hide(path)
			o.change(r, allow("bob", acl.Read))
			o.notify(r)
			testbase.Eventually(t, "the failure is logged", func() bool { return strings.Contains(log.String(), "could not read") })
			if !a.Authorize(ask("alice", acl.Read, "t")) || a.Authorize(ask("bob", acl.Read, "t")) {
				t.Error("what cannot be read is obeyed")
			}
			o.show(path)
			testbase.Eventually(t, "the change is obeyed", func() bool {
				return !a.Authorize(ask("alice", acl.Read, "t")) && a.Authorize(ask("bob", acl.Read, "t"))
			})
		})
	}
}

// TestOneResourceThatCannotBeReadHoldsUpNoOthers loses the session while ACLs change, of which some
// cannot be read afterwards. The notifications are gone by then.
func TestOneResourceThatCannotBeReadHoldsUpNoOthers(t *testing.T) {
	server := zkservertest.Server(t)
	address := server.Addr().String()
	var line cuttable
	client := zktest.Dial(t, zk.Options{Connect: address, Dial: line.dial, MaxInFlight: 1})
	a := start(t, client, nil)
	hidden, open := topic("hidden", acl.Literal), topic("open", acl.Prefixed)
	for _, r := range []acl.Resource{hidden, open} {
		if errs := a.Create(t.Context(), []acl.Binding{{Resource: r, Entry: allow("alice", acl.Read)}}); errs[0] != nil {
			t.Fatal(errs)
		}
	}
	line.set(true)
	o := newOwner(t, address)
	o.hide(zk.ACLResourcePath(hidden))
	o.change(hidden, allow("bob", acl.Read))
	o.change(open, allow("bob", acl.Read))
	zkservertest.EndSession(t, server, client.SessionID())
	line.set(false)
	testbase.Eventually(t, "what can be read is obeyed", func() bool {
		return !a.Authorize(ask("alice", acl.Read, "open")) && a.Authorize(ask("bob", acl.Read, "open"))
	})
	if !a.Authorize(ask("alice", acl.Read, "hidden")) {
		t.Error("ACLs that cannot be read are gone")
	}
	o.show(zk.ACLResourcePath(hidden))
	testbase.Eventually(t, "the rest is obeyed", func() bool {
		return !a.Authorize(ask("alice", acl.Read, "hidden")) && a.Authorize(ask("bob", acl.Read, "hidden"))
	})
}

func TestTheAuditLog(t *testing.T) {
	var out bytes.Buffer
	log := logrus.New()
	log.SetOutput(&out)
	log.SetFormatter(&logrus.TextFormatter{DisableTimestamp: true, DisableQuote: true})
	edit := func(class string) func(*authorizer.Options) {
		return func(o *authorizer.Options) { o.Audit, o.Class = logrus.NewEntry(log), class }
	}
	client := zktest.Dial(t, zk.Options{Connect: startZooKeeper(t)})
	a := start(t, client, edit(authorizer.AclAuthorizerClass))
	simple := start(t, client, edit(authorizer.SimpleAclAuthorizerClass))
	a.Create(t.Context(), []acl.Binding{{Resource: topic("t", acl.Literal), Entry: allow("alice", acl.Read)}})
	testbase.Eventually(t, "both know the ACL", func() bool { return simple.Authorize(ask("alice", acl.Read, "t")) })

	quiet := ask("bob", acl.Write, "t")
	quiet.QuietAllowed, quiet.QuietDenied = true, true
	quietAdmin := quiet
	quietAdmin.Principal = model.User("admin")
	for _, c := range []struct {
		name  string
		of    *authorizer.Authorizer
		level logrus.Level
		q     acl.Question
		want  []string
	}{
		{"denied", a, logrus.InfoLevel, ask("bob", acl.Write, "t"),
			[]string{"level=info msg=Principal = User:bob is Denied Operation = Write from host = 127.0.0.1 on resource = Topic:LITERAL:t for request = Produce with resourceRefCount = 2"}},
		{"allowed", a, logrus.InfoLevel, ask("alice", acl.Read, "t"), nil},
		{"allowed, at debug", a, logrus.DebugLevel, ask("alice", acl.Describe, "t"), []string{
			"level=debug msg=operation = DESCRIBE on resource = ResourcePattern(resourceType=TOPIC, name=t, patternType=LITERAL) from host = 127.0.0.1 is ALLOW based on acl = User:alice has ALLOW permission for operations: READ from hosts: *",
			"level=debug msg=Principal = User:alice is Allowed Operation = Describe from host = 127.0.0.1 on resource = Topic:LITERAL:t for request = Produce with resourceRefCount = 2"}},
		{"nothing found", a, logrus.DebugLevel, ask("bob", acl.ClusterAction, "x\n\u0085\u2028\u2029y"), []string{
			`level=debug msg=No acl found for resource ResourcePattern(resourceType=TOPIC, name=x\n\u0085\u2028\u2029y, patternType=LITERAL), authorized = false`,
			`level=info msg=Principal = User:bob is Denied Operation = ClusterAction from host = 127.0.0.1 on resource = Topic:LITERAL:x\n\u0085\u2028\u2029y for request = Produce with resourceRefCount = 2`}},
		{"quietly denied", a, logrus.DebugLevel, quiet, nil},
		{"quietly denied, at trace", a, logrus.TraceLevel, quiet, []string{"level=trace msg=Principal = User:bob is Denied Operation = Write from host = 127.0.0.1 on resource = Topic:LITERAL:t for request = Produce with resourceRefCount = 2"}},
		{"quietly allowed, at trace", a, logrus.TraceLevel, quietAdmin, []string{
			"level=debug msg=principal = User:admin is a super user, allowing operation without checking acls.",
			"level=trace msg=Principal = User:admin is Allowed Operation = Write from host = 127.0.0.1 on resource = Topic:LITERAL:t for request = Produce with resourceRefCount = 2"}},
		{"simple, denied", simple, logrus.InfoLevel, quiet, []string{"level=info msg=Principal = User:bob is Denied Operation = Write from host = 127.0.0.1 on resource = Topic:LITERAL:t"}},
	} {
		log.SetLevel(c.level)
		out.Reset()
		c.of.Authorize(c.q)
		got := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if out.Len() == 0 {
			got = nil
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got %s\nwant %s", c.name, strings.Join(got, "\n     "), strings.Join(c.want, "\n     "))
		}
	}
}

func TestAskingAllocatesNothing(t *testing.T) {
	a := start(t, zktest.Dial(t, zk.Options{Connect: startZooKeeper(t)}), nil)
	if errs := a.Create(t.Context(), []acl.Binding{{Resource: topic("t", acl.Literal), Entry: allow("alice", acl.Read)}}); errs[0] != nil {
		t.Fatal(errs)
	}
	q := ask("alice", acl.Read, "t")
	if n := testing.AllocsPerRun(100, func() { a.Authorize(q) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestConcurrentChangesOfOneResource lets two brokers change the ACLs of one topic at the same
// time: nothing is lost.
func TestConcurrentChangesOfOneResource(t *testing.T) {
	address := startZooKeeper(t)
	brokers := []*authorizer.Authorizer{start(t, zktest.Dial(t, zk.Options{Connect: address}), nil), start(t, zktest.Dial(t, zk.Options{Connect: address}), nil)}
	const each = 10
	var wg sync.WaitGroup
	name := func(broker, i int) string { return string(rune('a'+broker)) + string(rune('a'+i)) }
	for b, a := range brokers {
		wg.Go(func() {
			for i := range each {
				if errs := a.Create(t.Context(), []acl.Binding{{Resource: topic("t", acl.Literal), Entry: allow(name(b, i), acl.Write)}}); errs[0] != nil {
					t.Errorf("%s: %v", name(b, i), errs[0])
				}
			}
		})
	}
	wg.Wait()
	for b := range brokers {
		for i := range each {
			for _, a := range brokers {
				testbase.Eventually(t, name(b, i)+" may write", func() bool { return a.Authorize(ask(name(b, i), acl.Write, "t")) })
			}
		}
	}
}
