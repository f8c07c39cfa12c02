package acl

import "strings"

// Filter selects ACLs (Kafka's AclBindingFilter). AnyResource, AnyPattern, AnyOperation,
// AnyPermission and nil select everything.
type Filter struct {
	Type ResourceType
	// Name is that of the pattern, or with the pattern type Match a name that patterns are held
	// against.
	Name            *string
	Pattern         PatternType
	Principal, Host *string
	Operation       Operation
	Permission      Permission
}

// SelectsResource reports whether the filter selects ACLs of a resource.
func (f *Filter) SelectsResource(r Resource) bool {
	switch {
	case f.Type != AnyResource && f.Type != r.Type:
		return false
	case f.Pattern != AnyPattern && f.Pattern != Match && f.Pattern != r.Pattern:
		return false
	case f.Name == nil || *f.Name == r.Name:
		return true
	case f.Pattern != Match:
		return false
	case r.Pattern == Literal:
		return r.Name == wildcard
	}
	return r.Pattern == Prefixed && strings.HasPrefix(*f.Name, r.Name)
}

// SelectsEntry reports whether the filter selects an ACL of a resource that it selects.
func (f *Filter) SelectsEntry(e Entry) bool {
	return (f.Principal == nil || *f.Principal == e.Principal) && (f.Host == nil || *f.Host == e.Host) &&
		(f.Operation == AnyOperation || f.Operation == e.Operation) && (f.Permission == AnyPermission || f.Permission == e.Permission)
}

// Selects reports whether r, taken as a filter (no name for all names), selects another resource.
func (r Resource) Selects(other Resource) bool {
	f := Filter{Type: r.Type, Pattern: r.Pattern}
	if r.Name != "" {
		f.Name = &r.Name
	}
	return f.SelectsResource(other)
}
