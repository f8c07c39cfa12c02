package acl

import (
	"slices"
	"strings"
)

// ResourceType is the kind of thing that an ACL guards. The numbers of this and the following types
// are those of the protocol (KIP-140).
type ResourceType int8

// The kinds of resources.
const (
	UnknownResource ResourceType = iota
	AnyResource                  // in filters
	Topic
	Group
	Cluster
	TransactionalID
	DelegationToken
)

// ClusterName is the name of the only resource of the kind Cluster.
const ClusterName = "kafka-cluster"

// PatternType says how the name of a resource is meant (KIP-290).
type PatternType int8

// The ways in which names are meant.
const (
	UnknownPattern PatternType = iota
	AnyPattern                 // in filters: any of the below, same name
	Match                      // in filters: all patterns that a name falls under
	Literal                    // the name itself; * is every name
	Prefixed                   // all names that begin with it
)

// Operation is what somebody may or may not do.
type Operation int8

// The operations.
const (
	UnknownOperation Operation = iota
	AnyOperation               // in filters
	All
	Read
	Write
	Create
	Delete
	Alter
	Describe
	ClusterAction
	DescribeConfigs
	AlterConfigs
	IdempotentWrite
)

// Permission is what an ACL does with the operation.
type Permission int8

// The permissions.
const (
	UnknownPermission Permission = iota
	AnyPermission                // in filters
	Deny
	Allow
)

func resourceTypeNames() []string {
	return []string{"UNKNOWN", "ANY", "TOPIC", "GROUP", "CLUSTER", "TRANSACTIONAL_ID", "DELEGATION_TOKEN"}
}

func patternTypeNames() []string { return []string{"UNKNOWN", "ANY", "MATCH", "LITERAL", "PREFIXED"} }

func operationNames() []string {
	return []string{"UNKNOWN", "ANY", "ALL", "READ", "WRITE", "CREATE", "DELETE", "ALTER", "DESCRIBE", "CLUSTER_ACTION", "DESCRIBE_CONFIGS", "ALTER_CONFIGS", "IDEMPOTENT_WRITE"}
}

func permissionNames() []string { return []string{"UNKNOWN", "ANY", "DENY", "ALLOW"} }

func enumName(names []string, n int8) string {
	if n < 0 || int(n) >= len(names) {
		return names[0]
	}
	return names[n]
}

// enumByName finds a name in any letter case, with or without underscores; 0 when there is none.
func enumByName(names []string, name string) int8 {
	return int8(max(0, slices.IndexFunc(names, func(n string) bool {
		return strings.EqualFold(n, name) || strings.EqualFold(strings.ReplaceAll(n, "_", ""), name)
	})))
}

// pascal turns TRANSACTIONAL_ID into TransactionalId.
func pascal(name string) string {
	var b strings.Builder
	for _, word := range strings.Split(name, "_") {
		b.WriteString(word[:1] + strings.ToLower(word[1:]))
	}
	return b.String()
}

// String is the name in Kafka's answers, such as TRANSACTIONAL_ID.
func (t ResourceType) String() string { return enumName(resourceTypeNames(), int8(t)) }

// Stored is the name in ZooKeeper, such as TransactionalId.
func (t ResourceType) Stored() string { return pascal(t.String()) }

// ParseResourceType reads both forms; UnknownResource for anything else.
func ParseResourceType(s string) ResourceType {
	return ResourceType(enumByName(resourceTypeNames(), s))
}

func (t PatternType) String() string { return enumName(patternTypeNames(), int8(t)) }

// ParsePatternType reads a name in any letter case; UnknownPattern for anything else.
func ParsePatternType(s string) PatternType { return PatternType(enumByName(patternTypeNames(), s)) }

// String is the name in Kafka's answers, such as CLUSTER_ACTION.
func (o Operation) String() string { return enumName(operationNames(), int8(o)) }

// Stored is the name in ZooKeeper and on command lines, such as ClusterAction.
func (o Operation) Stored() string { return pascal(o.String()) }

// ParseOperation reads both forms; UnknownOperation for anything else.
func ParseOperation(s string) Operation { return Operation(enumByName(operationNames(), s)) }

// String is the name in Kafka's answers, ALLOW or DENY.
func (p Permission) String() string { return enumName(permissionNames(), int8(p)) }

// Stored is the name in ZooKeeper, Allow or Deny.
func (p Permission) Stored() string { return pascal(p.String()) }

// ParsePermission reads both forms; UnknownPermission for anything else.
func ParsePermission(s string) Permission {
	return Permission(enumByName(permissionNames(), s))
}

// Resource is what an ACL is for: a literal or prefixed pattern of names.
type Resource struct {
	Type    ResourceType
	Name    string
	Pattern PatternType
}

// String is Java's ResourcePattern.toString, which kafka-acls prints.
func (r Resource) String() string {
	return "ResourcePattern(resourceType=" + r.Type.String() + ", name=" + r.Name + ", patternType=" + r.Pattern.String() + ")"
}

// Entry allows or denies an operation to a principal from a host, * for any.
type Entry struct {
	Principal  string // Type:name
	Host       string
	Operation  Operation
	Permission Permission
}

// String is Java's AccessControlEntry.toString, which kafka-acls prints.
func (e Entry) String() string {
	return "(principal=" + e.Principal + ", host=" + e.Host + ", operation=" + e.Operation.String() + ", permissionType=" + e.Permission.String() + ")"
}

// Binding is one ACL: an entry and what it is for.
type Binding struct {
	Resource Resource
	Entry    Entry
}

// Deleted is an ACL that a filter selected, and why it is still there; nil when it is not.
type Deleted struct {
	Binding
	Err error
}
