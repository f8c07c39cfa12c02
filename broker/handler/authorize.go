package handler

import (
	"context"
	"iter"
	"strings"

	"momus/broker/protocol"
	"momus/coordinator/acl"
)

// Authorizer decides who may do what, and keeps the ACLs.
type Authorizer interface {
	// Authorize reports whether what is asked is allowed. It must not block.
	Authorize(q acl.Question) bool
	// Create adds ACLs and gives an error for each, nil when it is there.
	Create(ctx context.Context, bindings []acl.Binding) []error
	// Delete removes the ACLs that filters select, and tells for each filter which these were.
	Delete(ctx context.Context, filters []acl.Filter) [][]acl.Deleted
	// Each calls fn with the ACLs that a filter selects, a resource at a time.
	Each(f acl.Filter, fn func(r acl.Resource, entries []acl.Entry))
}

// Bit fields of authorized operations (KIP-430) when nothing is denied, and when they were not
// asked for.
const (
	// The bit of an operation is its code in ACLs: READ 3, WRITE 4 and so on. These are all that
	// make sense for the kind of resource, as 2.5.0 answers without an authorizer.
	topicOperations     int32 = 3576
	groupOperations     int32 = 328
	clusterOperations   int32 = 8096
	operationsNotAsked  int32 = -2147483648
	operationsNoneGiven int32 = 0
)

// allowed reports whether the sender of r may do op on a resource.
func (e *Env) allowed(r *Request, op acl.Operation, resource acl.ResourceType, name string) bool {
	return e.allowedOften(r, op, resource, name, 1)
}

// allowedOften is allowed for a resource that the request names several times.
func (e *Env) allowedOften(r *Request, op acl.Operation, resource acl.ResourceType, name string, references int) bool {
	// Without an authorizer everything is allowed and nothing is logged, as in Kafka.
	return e.Authorizer == nil || e.Authorizer.Authorize(question(r, op, resource, name, references))
}

// quietlyAllowed is allowed where a no refuses nothing by itself.
func (e *Env) quietlyAllowed(r *Request, op acl.Operation, resource acl.ResourceType, name string) bool {
	if e.Authorizer == nil {
		return true
	}
	q := question(r, op, resource, name, 1)
	q.QuietDenied = true
	return e.Authorizer.Authorize(q)
}

// question is what the authorizer is asked about the sender of r.
func question(r *Request, op acl.Operation, resource acl.ResourceType, name string, references int) acl.Question {
	return acl.Question{
		// ACLs have addresses without Java's leading slash.
		Principal: r.session.principal, Host: strings.TrimPrefix(r.Conn.ClientHost, "/"), Operation: op, Type: resource, Name: name,
		API: protocol.Name(r.Key), References: references,
	}
}

// Whether the audit log shows those names of a list that are denied.
const (
	loudly  = false
	quietly = true
)

// rights are what the sender of a request may do with resources that it names. The zero value
// allows everything.
type rights struct{ allowed map[string]bool }

// allow reports whether a resource that was asked about is allowed.
func (x rights) allow(name string) bool { return x.allowed == nil || x.allowed[name] }

// rightsTo asks for each of the names, once, however often it comes; with each name comes how often
// the request refers to it. This is how Kafka asks about lists.
func (e *Env) rightsTo(r *Request, op acl.Operation, resource acl.ResourceType, quiet bool, names iter.Seq2[string, int]) rights {
	if e.Authorizer == nil {
		return rights{}
	}
	var order []string
	references := map[string]int{}
	for name, n := range names {
		if _, again := references[name]; !again {
			order = append(order, name)
		}
		references[name] += n
	}
	x := rights{allowed: make(map[string]bool, len(order))}
	for _, name := range order {
		q := question(r, op, resource, name, references[name])
		q.QuietDenied = quiet
		x.allowed[name] = e.Authorizer.Authorize(q)
	}
	return x
}

// each gives the names in a list and how often the request refers to each; those with 0 references
// are not asked about.
func each[T any](list []T, of func(*T) (name string, references int)) iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		for i := range list {
			if name, n := of(&list[i]); n > 0 && !yield(name, n) {
				return
			}
		}
	}
}

// eachOnce are names that a request refers to once each.
func eachOnce(names []string) iter.Seq2[string, int] {
	return each(names, func(name *string) (string, int) { return *name, 1 })
}

// authorizedOperations is the bit field of those operations in all (one of the constants above)
// that the sender may do.
func (e *Env) authorizedOperations(r *Request, all int32, resource acl.ResourceType, name string) int32 {
	if e.Authorizer == nil {
		return all
	}
	bits := operationsNoneGiven
	for op := acl.All; op <= acl.IdempotentWrite; op++ {
		if all&(1<<op) == 0 {
			continue
		}
		q := question(r, op, resource, name, 1)
		q.QuietAllowed, q.QuietDenied = true, true
		if e.Authorizer.Authorize(q) {
			bits |= 1 << op
		}
	}
	return bits
}
