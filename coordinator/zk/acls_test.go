package zk_test

import (
	"slices"
	"strings"
	"testing"

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

func TestOldAndBadACLNodes(t *testing.T) {
	got, err := zk.DecodeACLs([]byte(`{"version":1,"acls":[{"principal":"User:CN=a\,b","permissionType":"ALLOW","operation":"read","host":"*"}]}`))
	want := acl.Entry{Principal: `User:CN=a\,b`, Host: "*", Operation: acl.Read, Permission: acl.Allow}
	if err != nil || len(got) != 1 || got[0] != want {
		t.Errorf("unescaped: %v %v", got, err)
	}
	if got, err := zk.DecodeACLs(nil); err != nil || got != nil {
		t.Errorf("no data: %v %v", got, err)
	}
	for _, s := range []string{`{"version":2,"acls":[]}`, `{`, `[]`} {
		if _, err := zk.DecodeACLs([]byte(s)); err == nil || !strings.Contains(err.Error(), "acl node") {
			t.Errorf("%s: %v", s, err)
		}
	}
}
