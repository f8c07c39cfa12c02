package handler

import "momus/internal/model"

// Operation is an ACL operation; the numbers are Kafka's.
type Operation int8

// The ACL operations that brokers ask for.
const (
	OpRead            Operation = 3
	OpWrite           Operation = 4
	OpCreate          Operation = 5
	OpDelete          Operation = 6
	OpAlter           Operation = 7
	OpDescribe        Operation = 8
	OpClusterAction   Operation = 9
	OpDescribeConfigs Operation = 10
	OpAlterConfigs    Operation = 11
	OpIdempotentWrite Operation = 12
)

// ResourceType is the kind of thing that an ACL protects; the numbers are Kafka's.
type ResourceType int8

// The resource types.
const (
	ResourceTopic           ResourceType = 2
	ResourceGroup           ResourceType = 3
	ResourceCluster         ResourceType = 4
	ResourceTransactionalID ResourceType = 5
	ResourceDelegationToken ResourceType = 6
)

// ClusterName is the name of the one cluster resource.
const ClusterName = "kafka-cluster"

// Authorizer decides who may do what.
type Authorizer interface {
	// Authorize tells whether principal, connected from host (Java's form), may do op. It must not block for long.
	Authorize(principal model.Principal, host string, op Operation, resource ResourceType, name string) bool
}

// Bit fields of authorized operations when nothing is denied (protocol.md: KIP-430), and when they were not asked for.
const (
	topicOperations     int32 = 3576
	groupOperations     int32 = 328
	clusterOperations   int32 = 8096
	operationsNotAsked  int32 = -2147483648
	operationsNoneGiven int32 = 0
)

// allowed tells whether the sender of r may do op on a resource.
func (e *Env) allowed(r *Request, op Operation, resource ResourceType, name string) bool {
	if e.Authorizer == nil {
		return true
	}
	return e.Authorizer.Authorize(r.session.principal, r.Conn.ClientHost, op, resource, name)
}

// authorizedOperations is the bit field of those operations in all (one of the constants above) that the sender may do.
func (e *Env) authorizedOperations(r *Request, all int32, resource ResourceType, name string) int32 {
	if e.Authorizer == nil {
		return all
	}
	bits := operationsNoneGiven
	for op := Operation(2); op < 31; op++ {
		if all&(1<<op) != 0 && e.allowed(r, op, resource, name) {
			bits |= 1 << op
		}
	}
	return bits
}
