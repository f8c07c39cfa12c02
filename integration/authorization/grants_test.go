package authorization

import "github.com/twmb/franz-go/pkg/kmsg"

// grant is an ACL of User:alice from everywhere.
type grant struct {
	typ     kmsg.ACLResourceType
	name    string
	pattern kmsg.ACLResourcePatternType
	op      kmsg.ACLOperation
	deny    bool
}

// String is the name that the recording has for it.
func (a grant) String() string {
	s := tname(a.typ) + ":" + oname(a.op)
	if a.deny {
		s = "Deny " + s
	}
	return s
}

func tname(t kmsg.ACLResourceType) string {
	return map[kmsg.ACLResourceType]string{2: "Topic", 3: "Group", 4: "Cluster", 5: "TransactionalId", 6: "DelegationToken"}[t]
}

func oname(o kmsg.ACLOperation) string {
	return []string{"", "Any", "All", "Read", "Write", "Create", "Delete", "Alter", "Describe", "ClusterAction", "DescribeConfigs", "AlterConfigs", "IdempotentWrite"}[o]
}

const (
	T, G, C, X, D                                                     = kmsg.ACLResourceType(2), kmsg.ACLResourceType(3), kmsg.ACLResourceType(4), kmsg.ACLResourceType(5), kmsg.ACLResourceType(6)
	ALL, READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, CA, DC, AC, IW = kmsg.ACLOperation(2), kmsg.ACLOperation(3), kmsg.ACLOperation(4), kmsg.ACLOperation(5), kmsg.ACLOperation(6), kmsg.ACLOperation(7), kmsg.ACLOperation(8), kmsg.ACLOperation(9), kmsg.ACLOperation(10), kmsg.ACLOperation(11), kmsg.ACLOperation(12)
)

// on is the grant of an operation on what the requests name.
func on(t kmsg.ACLResourceType, op kmsg.ACLOperation) grant {
	switch t {
	case 4:
		return grant{t, "kafka-cluster", 3, op, false}
	case 6:
		return grant{t, "*", 3, op, false}
	}
	return grant{t, "sec-", 4, op, false}
}

// pool are the grants that are tried alone.
func pool() []grant {
	var p []grant
	for _, o := range []kmsg.ACLOperation{READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, DC, AC, ALL} {
		p = append(p, on(T, o))
	}
	for _, o := range []kmsg.ACLOperation{READ, DELETE, DESCRIBE, ALL} {
		p = append(p, on(G, o))
	}
	for _, o := range []kmsg.ACLOperation{CREATE, ALTER, DESCRIBE, CA, DC, AC, IW, ALL} {
		p = append(p, on(C, o))
	}
	for _, o := range []kmsg.ACLOperation{WRITE, DESCRIBE, ALL} {
		p = append(p, on(X, o))
	}
	for _, o := range []kmsg.ACLOperation{DESCRIBE, ALL} {
		p = append(p, on(D, o))
	}
	return p
}
