package model

import (
	"slices"
	"strings"
)

// ResourceType is the kind of thing that an ACL guards. The numbers of this and the following types are those of the protocol (KIP-140).
type ResourceType int8

// The kinds of resources.
const (
	ResourceUnknown ResourceType = iota
	ResourceAny                  // in filters
	ResourceTopic
	ResourceGroup
	ResourceCluster
	ResourceTransactionalID
	ResourceDelegationToken
)

// ClusterResource is the name of the only resource of the kind ResourceCluster.
const ClusterResource = "kafka-cluster"

// PatternType says how the name of a resource is meant (KIP-290).
type PatternType int8

// The ways in which names are meant.
const (
	PatternUnknown  PatternType = iota
	PatternAny                  // in filters: any of the below, same name
	PatternMatch                // in filters: all patterns that a name falls under
	PatternLiteral              // the name itself; * is every name
	PatternPrefixed             // all names that begin with it
)

// ACLOperation is what somebody may or may not do.
type ACLOperation int8

// The operations.
const (
	OperationUnknown ACLOperation = iota
	OperationAny                  // in filters
	OperationAll
	OperationRead
	OperationWrite
	OperationCreate
	OperationDelete
	OperationAlter
	OperationDescribe
	OperationClusterAction
	OperationDescribeConfigs
	OperationAlterConfigs
	OperationIdempotentWrite
)

// ACLPermission is what an ACL does with the operation.
type ACLPermission int8

// The permissions.
const (
	PermissionUnknown ACLPermission = iota
	PermissionAny                   // in filters
	PermissionDeny
	PermissionAllow
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

// ParseResourceType reads both forms; ResourceUnknown for anything else.
func ParseResourceType(s string) ResourceType {
	return ResourceType(enumByName(resourceTypeNames(), s))
}

func (t PatternType) String() string { return enumName(patternTypeNames(), int8(t)) }

// ParsePatternType reads a name in any letter case; PatternUnknown for anything else.
func ParsePatternType(s string) PatternType { return PatternType(enumByName(patternTypeNames(), s)) }

// String is the name in Kafka's answers, such as CLUSTER_ACTION.
func (o ACLOperation) String() string { return enumName(operationNames(), int8(o)) }

// Stored is the name in ZooKeeper and on command lines, such as ClusterAction.
func (o ACLOperation) Stored() string { return pascal(o.String()) }

// ParseACLOperation reads both forms; OperationUnknown for anything else.
func ParseACLOperation(s string) ACLOperation { return ACLOperation(enumByName(operationNames(), s)) }

// String is the name in Kafka's answers, ALLOW or DENY.
func (p ACLPermission) String() string { return enumName(permissionNames(), int8(p)) }

// Stored is the name in ZooKeeper, Allow or Deny.
func (p ACLPermission) Stored() string { return pascal(p.String()) }

// ParseACLPermission reads both forms; PermissionUnknown for anything else.
func ParseACLPermission(s string) ACLPermission {
	return ACLPermission(enumByName(permissionNames(), s))
}

// ACLResource is what an ACL is for: a literal or prefixed pattern of names.
type ACLResource struct {
	Type    ResourceType
	Name    string
	Pattern PatternType
}

// String is Java's ResourcePattern.toString, which kafka-acls prints.
func (r ACLResource) String() string {
	return "ResourcePattern(resourceType=" + r.Type.String() + ", name=" + r.Name + ", patternType=" + r.Pattern.String() + ")"
}

// ACLEntry allows or denies an operation to a principal from a host, * for any.
type ACLEntry struct {
	Principal  string // Type:name
	Host       string
	Operation  ACLOperation
	Permission ACLPermission
}

// String is Java's AccessControlEntry.toString, which kafka-acls prints.
func (e ACLEntry) String() string {
	return "(principal=" + e.Principal + ", host=" + e.Host + ", operation=" + e.Operation.String() + ", permissionType=" + e.Permission.String() + ")"
}

// Selects tells whether a filter of resources (ResourceAny for all kinds, no name for all names) selects a resource.
func (r ACLResource) Selects(other ACLResource) bool {
	if r.Type != ResourceAny && r.Type != other.Type || r.Pattern != PatternAny && r.Pattern != PatternMatch && r.Pattern != other.Pattern {
		return false
	}
	switch {
	case r.Name == "" || r.Name == other.Name:
		return true
	case r.Pattern != PatternMatch:
		return false
	case other.Pattern == PatternLiteral:
		return other.Name == "*"
	}
	return other.Pattern == PatternPrefixed && strings.HasPrefix(r.Name, other.Name)
}
