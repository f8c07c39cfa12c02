package handler

import (
	"momus/broker/protocol"
	"momus/coordinator/acl"
	"strings"
)

// Authorizer decides who may do what.
type Authorizer interface {
	// Authorize reports whether what is asked is allowed. It must not block.
	Authorize(q acl.Question) bool
}

// Bit fields of authorized operations (KIP-430) when nothing is denied, and when they were not asked for.
const (
	topicOperations     int32 = 3576
	groupOperations     int32 = 328
	clusterOperations   int32 = 8096
	operationsNotAsked  int32 = -2147483648
	operationsNoneGiven int32 = 0
)

// allowed reports whether the sender of r may do op on a resource.
func (e *Env) allowed(r *Request, op acl.Operation, resource acl.ResourceType, name string) bool {
	return e.Authorizer == nil || e.Authorizer.Authorize(e.question(r, op, resource, name))
}

// question is what allowed asks.
func (e *Env) question(r *Request, op acl.Operation, resource acl.ResourceType, name string) acl.Question {
	return acl.Question{
		Principal: r.session.principal, Host: strings.TrimPrefix(r.Conn.ClientHost, "/"), Operation: op, Type: resource, Name: name,
		API: protocol.Name(r.Key), References: 1,
	}
}

// authorizedOperations is the bit field of those operations in all (one of the constants above) that the sender may do.
func (e *Env) authorizedOperations(r *Request, all int32, resource acl.ResourceType, name string) int32 {
	if e.Authorizer == nil {
		return all
	}
	bits := operationsNoneGiven
	for op := acl.All; op <= acl.IdempotentWrite; op++ {
		if all&(1<<op) != 0 && e.allowed(r, op, resource, name) {
			bits |= 1 << op
		}
	}
	return bits
}
