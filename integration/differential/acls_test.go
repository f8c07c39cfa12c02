//go:build interop

package differential

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/integration/testkit"
)

// TestACLsSameAsKafka puts brokers with an authorizer through the same requests for ACLs.
func TestACLsSameAsKafka(t *testing.T) {
	zk := testkit.ZooKeeper(t, "zookeeper")
	secured := append(slices.Clone(lines), "authorizer.class.name=kafka.security.authorizer.AclAuthorizer", "super.users=User:ANONYMOUS")
	var sessions [2]*session
	for i, p := range []*peer{
		{name: "kafka", cluster: testkit.Kafka(t, 1, zk+"/kafka", secured...)},
		{name: "momus", cluster: testkit.Broker(t, 1, zk+"/momus", secured...)},
	} {
		p.addr = p.cluster.Bootstrap
		ready(t, p)
		sessions[i] = newSession(t, p)
		defer sessions[i].close()
		play(sessions[i], scenario{"acls", aclCases})
		if sessions[i].fatal != nil {
			t.Error(sessions[i].fatal)
		}
	}
	compare(t, sessions[0], sessions[1])
}

// askSorted is ask for answers whose order is that of a hash table in Java.
func (s *session) askSorted(label string, version int16, req kmsg.Request) {
	req.SetVersion(version)
	resp, err := s.receive(s.send(req, nil), req)
	switch r := resp.(type) {
	case *kmsg.DescribeACLsResponse:
		slices.SortFunc(r.Resources, func(a, b kmsg.DescribeACLsResponseResource) int {
			return cmp.Or(cmp.Compare(a.ResourceType, b.ResourceType), cmp.Compare(a.ResourcePatternType, b.ResourcePatternType), cmp.Compare(a.ResourceName, b.ResourceName))
		})
		for i := range r.Resources {
			slices.SortFunc(r.Resources[i].ACLs, func(a, b kmsg.DescribeACLsResponseResourceACL) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
	case *kmsg.DeleteACLsResponse:
		for i := range r.Results {
			slices.SortFunc(r.Results[i].MatchingACLs, func(a, b kmsg.DeleteACLsResponseResultMatchingACL) int {
				return cmp.Compare(strings.Join([]string{a.ResourceName, a.Principal, a.Host, fmt.Sprint(a.Operation, a.PermissionType, a.ResourcePatternType)}, " "),
					strings.Join([]string{b.ResourceName, b.Principal, b.Host, fmt.Sprint(b.Operation, b.PermissionType, b.ResourcePatternType)}, " "))
			})
		}
	}
	s.record(label, req, resp, err)
}

// ordered gives a map in the order of its keys.
func ordered[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}

// acl is a creation that may be told from a filter by its values only.
func acl(kind int8, name string, pattern int8, principal, host string, op, permission int8) kmsg.CreateACLsRequestCreation {
	return kmsg.CreateACLsRequestCreation{ResourceType: kmsg.ACLResourceType(kind), ResourceName: name, ResourcePatternType: kmsg.ACLResourcePatternType(pattern),
		Principal: principal, Host: host, Operation: kmsg.ACLOperation(op), PermissionType: kmsg.ACLPermissionType(permission)}
}

// aclCases creates, lists and deletes ACLs, good ones and odd ones.
func aclCases(s *session) {
	versions(0, 2, func(v int16) {
		name := func(text string) string { return fmt.Sprintf("v%d-%s", v, text) }
		for label, c := range ordered(map[string]kmsg.CreateACLsRequestCreation{
			"a topic":                 acl(2, name("t"), 3, "User:alice", "*", 3, 3),
			"the same again":          acl(2, name("t"), 3, "User:alice", "*", 3, 3),
			"another":                 acl(2, name("t"), 3, "User:bob", "10.0.0.1", 4, 2),
			"a prefix":                acl(2, name("p-"), 4, "User:alice", "*", 2, 3),
			"every group":             acl(3, "*", 3, "User:*", "*", 8, 3),
			"the cluster":             acl(4, "kafka-cluster", 3, "User:alice", "*", 12, 3),
			"another cluster":         acl(4, "cluster", 3, "User:alice", "*", 12, 3),
			"no name":                 acl(2, "", 3, "User:alice", "*", 3, 3),
			"a slash":                 acl(2, name("a/b"), 3, "User:alice", "*", 3, 3),
			"odd values":              acl(5, name("x y:z"), 3, "User:", "not a host", 9, 3),
			"no host":                 acl(6, name("id"), 3, "User:CN=a\\,b", "", 8, 3),
			"no type":                 acl(2, name("t"), 3, "alice", "*", 3, 3),
			"any type":                acl(1, name("t"), 3, "User:alice", "*", 3, 3),
			"any pattern":             acl(2, name("t"), 1, "User:alice", "*", 3, 3),
			"a match":                 acl(2, name("t"), 2, "User:alice", "*", 3, 3),
			"any operation":           acl(2, name("t"), 3, "User:alice", "*", 1, 3),
			"any permission":          acl(2, name("t"), 3, "User:alice", "*", 3, 1),
			"a future type":           acl(7, name("t"), 3, "User:alice", "*", 3, 3),
			"a future pattern":        acl(2, name("t"), 5, "User:alice", "*", 3, 3),
			"a future operation":      acl(2, name("t"), 3, "User:alice", "*", 13, 3),
			"a future permission":     acl(2, name("t"), 3, "User:alice", "*", 3, 4),
			"an unknown type":         acl(0, name("t"), 3, "User:alice", "*", 3, 3),
			"an unknown operation":    acl(2, name("t"), 3, "User:alice", "*", 0, 3),
			"an unknown permission":   acl(2, name("t"), 3, "User:alice", "*", 3, 0),
			"a negative permission":   acl(2, name("t"), 3, "User:alice", "*", 3, -1),
			"everything of a cluster": acl(4, "kafka-cluster", 4, "User:eve", "*", 2, 2),
		}) {
			s.askSorted(label, v, &kmsg.CreateACLsRequest{Creations: []kmsg.CreateACLsRequestCreation{c}})
		}
		s.askSorted("good and bad", v, &kmsg.CreateACLsRequest{Creations: []kmsg.CreateACLsRequestCreation{
			acl(2, name("g"), 3, "User:alice", "*", 3, 3), acl(4, "x", 3, "User:alice", "*", 3, 3), acl(2, name("h"), 3, "nobody", "*", 3, 3), acl(2, name("h"), 3, "User:a", "*", 3, 3)}})
		s.askSorted("good and one for filters", v, &kmsg.CreateACLsRequest{Creations: []kmsg.CreateACLsRequestCreation{
			acl(2, name("i"), 3, "User:alice", "*", 3, 3), acl(2, name("i"), 3, "User:alice", "*", 1, 3)}})
		s.askSorted("none", v, &kmsg.CreateACLsRequest{})
	})
	some := func(text string) *string { return &text }
	filters := map[string]kmsg.DescribeACLsRequest{
		"all":                  {ResourceType: 1, ResourcePatternType: 1, Operation: 1, PermissionType: 1},
		"topics":               {ResourceType: 2, ResourcePatternType: 1, Operation: 1, PermissionType: 1},
		"literal topics":       {ResourceType: 2, ResourcePatternType: 3, Operation: 1, PermissionType: 1},
		"what a name matches":  {ResourceType: 2, ResourceName: some("v1-p-1"), ResourcePatternType: 2, Operation: 1, PermissionType: 1},
		"a group of everybody": {ResourceType: 3, ResourceName: some("g"), ResourcePatternType: 2, Operation: 1, PermissionType: 1},
		"an empty name":        {ResourceType: 2, ResourceName: some(""), ResourcePatternType: 1, Operation: 1, PermissionType: 1},
		"a principal":          {ResourceType: 1, ResourcePatternType: 1, Principal: some("User:bob"), Operation: 1, PermissionType: 1},
		"a host":               {ResourceType: 1, ResourcePatternType: 1, Host: some("10.0.0.1"), Operation: 1, PermissionType: 1},
		"denials":              {ResourceType: 1, ResourcePatternType: 1, Operation: 1, PermissionType: 2},
		"reading":              {ResourceType: 1, ResourcePatternType: 1, Operation: 3, PermissionType: 1},
		"an unknown type":      {ResourceType: 0, ResourcePatternType: 1, Operation: 1, PermissionType: 1},
		"a future type":        {ResourceType: 9, ResourcePatternType: 1, Operation: 1, PermissionType: 1},
		"an unknown pattern":   {ResourceType: 1, ResourcePatternType: 0, Operation: 1, PermissionType: 1},
		"an unknown operation": {ResourceType: 1, ResourcePatternType: 1, Operation: 0, PermissionType: 1},
		"a future operation":   {ResourceType: 1, ResourcePatternType: 1, Operation: 13, PermissionType: 1},
		"a future permission":  {ResourceType: 1, ResourcePatternType: 1, Operation: 1, PermissionType: 9},
	}
	versions(0, 2, func(v int16) {
		for label, f := range ordered(filters) {
			s.askSorted(label, v, &f)
		}
	})
	deletion := func(f kmsg.DescribeACLsRequest) kmsg.DeleteACLsRequestFilter {
		return kmsg.DeleteACLsRequestFilter{ResourceType: f.ResourceType, ResourceName: f.ResourceName, ResourcePatternType: f.ResourcePatternType,
			Principal: f.Principal, Host: f.Host, Operation: f.Operation, PermissionType: f.PermissionType}
	}
	for i, label := range []string{"an unknown type", "a future type", "an unknown pattern", "a future operation", "an empty name", "a principal", "what a name matches", "literal topics", "denials"} {
		s.askSorted(label, int16(i%3), &kmsg.DeleteACLsRequest{Filters: []kmsg.DeleteACLsRequestFilter{deletion(filters[label])}})
	}
	s.askSorted("the same twice", 2, &kmsg.DeleteACLsRequest{Filters: []kmsg.DeleteACLsRequestFilter{deletion(filters["reading"]), deletion(filters["all"]), deletion(filters["all"])}})
	s.askSorted("what is left", 2, &kmsg.DescribeACLsRequest{ResourceType: 1, ResourcePatternType: 1, Operation: 1, PermissionType: 1})
	s.askSorted("none", 2, &kmsg.DeleteACLsRequest{})
}
