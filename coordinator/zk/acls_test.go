package zk_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gozk "github.com/go-zookeeper/zk"

	"momus/coordinator/acl"
	"momus/coordinator/zk"
)

func TestACLNodesAndNotifications(t *testing.T) {
	addr := startServer(t)
	c, see := dial(t, addr), raw(t, addr)
	if err := c.CreateACLPaths(t.Context()); err != nil {
		t.Fatal(err)
	}
	bob := acl.Entry{Principal: "User:bob", Host: "*", Operation: acl.DescribeConfigs, Permission: acl.Allow}
	eve := acl.Entry{Principal: `User:CN=eve\,O=x`, Host: "10.0.0.1", Operation: acl.All, Permission: acl.Deny}
	t1 := acl.Resource{Type: acl.Topic, Name: "t1", Pattern: acl.Literal}
	tx := acl.Resource{Type: acl.TransactionalID, Name: "tx-", Pattern: acl.Prefixed}
	add := func(e ...acl.Entry) func([]acl.Entry) []acl.Entry {
		return func(old []acl.Entry) []acl.Entry { return append(old, e...) }
	}
	change := func(r acl.Resource, fn func([]acl.Entry) []acl.Entry) {
		t.Helper()
		if err := c.ChangeACLs(t.Context(), r, fn); err != nil {
			t.Fatal(err)
		}
	}
	change(t1, add(bob, eve))
	change(tx, add(bob))
	change(t1, func(old []acl.Entry) []acl.Entry { return old }) // no change, no notification

	for path, want := range map[string]string{
		"/kafka-acl/Topic/t1": `{"version":1,"acls":[{"principal":"User:bob","permissionType":"Allow","operation":"DescribeConfigs","host":"*"},` +
			`{"principal":"User:CN=eve\\,O=x","permissionType":"Deny","operation":"All","host":"10.0.0.1"}]}`,
		"/kafka-acl-extended/prefixed/TransactionalId/tx-":   `{"version":1,"acls":[{"principal":"User:bob","permissionType":"Allow","operation":"DescribeConfigs","host":"*"}]}`,
		"/kafka-acl-changes/acl_changes_0000000000":          "TOPIC:t1",
		"/kafka-acl-extended-changes/acl_changes_0000000000": `{"version":1,"resourceType":"TRANSACTIONAL_ID","name":"tx-","patternType":"PREFIXED"}`,
	} {
		if data, _, err := see.Get(path); err != nil || string(data) != want {
			t.Errorf("%s: %v\n got %s\nwant %s", path, err, data, want)
		}
	}
	if names, _, err := see.Children("/kafka-acl-changes"); err != nil || len(names) != 1 {
		t.Errorf("notifications: %v %v", names, err)
	}

	all, err := c.ACLs(t.Context())
	if err != nil || len(all) != 2 || all[0].Resource != t1 || !slices.Equal(all[0].Entries, []acl.Entry{bob, eve}) || all[1].Resource != tx {
		t.Errorf("ACLs: %v %v", all, err)
	}
	change(t1, func([]acl.Entry) []acl.Entry { return nil })
	if there, _, err := see.Exists("/kafka-acl/Topic/t1"); err != nil || there {
		t.Errorf("the node of a resource without ACLs is there: %v", err)
	}
	if names, _, err := see.Children("/kafka-acl-changes"); err != nil || len(names) != 2 {
		t.Errorf("notifications: %v %v", names, err)
	}
}

// TestACLChangesAndTheirNotificationsAreOne holds that no change is without its notification,
// whenever its writer may die: both are of the same transaction.
func TestACLChangesAndTheirNotificationsAreOne(t *testing.T) {
	addr := startServer(t)
	c, see := dial(t, addr), raw(t, addr)
	if err := c.CreateACLPaths(t.Context()); err != nil {
		t.Fatal(err)
	}
	for n, r := range []acl.Resource{{Type: acl.Topic, Name: "t", Pattern: acl.Literal}, {Type: acl.Topic, Name: "t", Pattern: acl.Prefixed}} {
		bob := acl.Entry{Principal: "User:bob", Host: "*", Operation: acl.Read, Permission: acl.Allow}
		changes := []string{"/kafka-acl-changes", "/kafka-acl-extended-changes"}[n]
		for i, next := range [][]acl.Entry{{bob}, {bob, {Principal: "User:eve", Host: "*", Operation: acl.Read, Permission: acl.Deny}}, nil} {
			if err := c.ChangeACLs(t.Context(), r, func([]acl.Entry) []acl.Entry { return next }); err != nil {
				t.Fatal(err)
			}
			_, told, err := see.Exists(fmt.Sprintf("%s/acl_changes_%010d", changes, i))
			if err != nil {
				t.Fatal(err)
			}
			// What is removed has changed its parent.
			path, of := zk.ACLResourcePath(r), func(s *gozk.Stat) int64 { return s.Mzxid }
			if next == nil {
				path, of = path[:strings.LastIndexByte(path, '/')], func(s *gozk.Stat) int64 { return s.Pzxid }
			}
			_, changed, err := see.Exists(path)
			if err != nil {
				t.Fatal(err)
			}
			if of(changed) != told.Czxid {
				t.Errorf("%s, change %d: transaction %d, notification %d", r, i, of(changed), told.Czxid)
			}
		}
	}
}

// deaf loses the answer to the next transaction, and the connection with it.
type deaf struct {
	net.Conn
	armed *atomic.Bool
	lose  atomic.Bool
}

// Write implements net.Conn: a request is length, number, kind and more.
func (d *deaf) Write(p []byte) (int, error) {
	const multi = 14
	if len(p) >= 12 && binary.BigEndian.Uint32(p[8:]) == multi && d.armed.CompareAndSwap(true, false) {
		d.lose.Store(true)
	}
	return d.Conn.Write(p)
}

// Read implements net.Conn.
func (d *deaf) Read(p []byte) (int, error) {
	n, err := d.Conn.Read(p)
	if d.lose.Load() {
		d.Close()
		return 0, io.EOF
	}
	return n, err
}

// TestACLChangesWhoseAnswerIsLostAreMadeOnce loses the answers to a change and to its undoing.
func TestACLChangesWhoseAnswerIsLostAreMadeOnce(t *testing.T) {
	addr := startServer(t)
	var armed atomic.Bool
	c := dial(t, addr, func(o *zk.Options) {
		o.Dial = func(network, address string, timeout time.Duration) (net.Conn, error) {
			conn, err := net.DialTimeout(network, address, timeout)
			return &deaf{Conn: conn, armed: &armed}, err
		}
	})
	see := raw(t, addr)
	if err := c.CreateACLPaths(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := acl.Resource{Type: acl.Topic, Name: "t", Pattern: acl.Literal}
	bob := acl.Entry{Principal: "User:bob", Host: "*", Operation: acl.Read, Permission: acl.Allow}
	eve := acl.Entry{Principal: "User:eve", Host: "*", Operation: acl.Read, Permission: acl.Allow}
	for i, next := range [][]acl.Entry{{bob}, {bob, eve}, {eve}, nil} {
		var before []acl.Entry // as the change saw it last
		armed.Store(true)
		err := c.ChangeACLs(t.Context(), r, func(old []acl.Entry) []acl.Entry { before = old; return next })
		if err != nil || armed.Load() {
			t.Fatalf("change %d: %v; an answer was lost: %v", i, err, !armed.Load())
		}
		if slices.Equal(before, next) {
			t.Errorf("change %d: it was told that everything is as wanted already", i)
		}
		if got, err := c.ResourceACLs(t.Context(), r); err != nil || !slices.Equal(got, next) {
			t.Errorf("change %d: %v, %v", i, got, err)
		}
		if names, _, err := see.Children("/kafka-acl-changes"); err != nil || len(names) != i+1 {
			t.Errorf("change %d: notifications %v, %v", i, names, err)
		}
	}
}

func TestOldAndBadACLNodes(t *testing.T) {
	got, err := zk.DecodeACLs([]byte(`{"version":1,"acls":[{"principal":"User:CN=a\,b","permissionType":"ALLOW","operation":"read","host":"*"}]}`))
	want := acl.Entry{Principal: `User:CN=a\,b`, Host: "*", Operation: acl.Read, Permission: acl.Allow}
	if err != nil || len(got) != 1 || got[0] != want {
		t.Errorf("unescaped: %v %v", got, err)
	}
	if got, err := zk.DecodeACLs(nil); err != nil || got != nil {
		t.Errorf("no data: %v %v", got, err)
	}
	if got, err := zk.DecodeACLs([]byte(`{"version":1,"acls":[{"principal":"User:","permissionType":"deny","operation":"Fly","host":""},{"principal":"User:","permissionType":"Deny","operation":"fly","host":""}]}`)); err != nil ||
		len(got) != 1 || got[0] != (acl.Entry{Principal: "User:", Operation: acl.UnknownOperation, Permission: acl.Deny}) {
		t.Errorf("twice the same: %v %v", got, err)
	}
	for _, s := range []string{`{"version":2,"acls":[]}`, `{`, `[]`, `{"version":1}`, `{"acls":[]}`,
		`{"version":1,"acls":[{"principal":"bob","permissionType":"Allow","operation":"Read","host":"*"}]}`,
		`{"version":1,"acls":[{"principal":"User:bob","permissionType":"Allow","operation":"Read"}]}`,
		`{"version":1,"acls":[{"principal":"User:bob","operation":"Read","host":"*"}]}`} {
		if _, err := zk.DecodeACLs([]byte(s)); err == nil || !strings.Contains(err.Error(), "acl node") {
			t.Errorf("%s: %v", s, err)
		}
	}
}

func TestACLNotifications(t *testing.T) {
	literal := func(k acl.ResourceType, name string) acl.Resource {
		return acl.Resource{Type: k, Name: name, Pattern: acl.Literal}
	}
	for _, c := range []struct {
		pattern acl.PatternType
		data    string
		want    acl.Resource // the zero value: an error
	}{
		{acl.Literal, "TOPIC:t1", literal(acl.Topic, "t1")},
		{acl.Literal, "Topic:a:b", literal(acl.Topic, "a:b")},
		{acl.Literal, "TransactionalId:tx", literal(acl.TransactionalID, "tx")},
		{acl.Literal, "TRANSACTIONAL_ID:tx", literal(acl.TransactionalID, "tx")},
		{acl.Literal, "TOPIC", acl.Resource{}},
		{acl.Literal, "ANY:t", acl.Resource{}},
		{acl.Literal, "", acl.Resource{}},
		{acl.Prefixed, `{"version":1,"resourceType":"TOPIC","name":"pre-","patternType":"PREFIXED"}`, acl.Resource{Type: acl.Topic, Name: "pre-", Pattern: acl.Prefixed}},
		{acl.Prefixed, `{"version":1,"resourceType":"Topic","name":"t","patternType":"LITERAL"}`, literal(acl.Topic, "t")},
		{acl.Prefixed, `{"version":2,"resourceType":"TOPIC","name":"pre-","patternType":"PREFIXED"}`, acl.Resource{}},
		{acl.Prefixed, `{"version":1,"resourceType":"TOPIC","name":"pre-","patternType":"MATCH"}`, acl.Resource{}},
		{acl.Prefixed, `{"version":1,"resourceType":"TOPIC","name":"pre-","patternType":"PREFIXED","more":1}`, acl.Resource{}},
		{acl.Prefixed, `TOPIC:t`, acl.Resource{}},
	} {
		got, err := zk.DecodeACLChange(c.pattern, []byte(c.data))
		if got != c.want || (err == nil) != (c.want != acl.Resource{}) {
			t.Errorf("%s is %s, %v", c.data, got, err)
		}
	}
}

// FuzzACLs holds that what is read of ACL nodes is written and read again as the same.
func FuzzACLs(f *testing.F) {
	f.Add([]byte(`{"version":1,"acls":[{"principal":"User:CN=a\,b","permissionType":"ALLOW","operation":"read","host":"*"}]}`))
	f.Add([]byte(`{"version":1,"acls":[{"principal":"User:alice","permissionType":"Allow","operation":"Describe","host":"10.0.0.1"},{"principal":"User:*","permissionType":"Deny","operation":"All","host":""}]}`))
	f.Add([]byte(`TOPIC:t1`))
	f.Add([]byte(`{"version":1,"resourceType":"TRANSACTIONAL_ID","name":"tx-","patternType":"PREFIXED"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if entries, err := zk.DecodeACLs(data); err == nil {
			again, err := zk.DecodeACLs(zk.EncodeACLs(entries))
			if err != nil || !slices.Equal(entries, again) {
				t.Errorf("%q: %v became %v, %v", data, entries, again, err)
			}
		}
		for _, p := range []acl.PatternType{acl.Literal, acl.Prefixed} {
			r, err := zk.DecodeACLChange(p, data)
			if err != nil {
				continue
			}
			if again, err := zk.DecodeACLChange(r.Pattern, zk.EncodeACLChange(r)); err != nil || again != r {
				t.Errorf("%q: %s became %s, %v", data, r, again, err)
			}
		}
	})
}
