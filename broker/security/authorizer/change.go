package authorizer

import (
	"context"
	"errors"
	"slices"
	"strings"

	"momus/coordinator/acl"
	"momus/coordinator/admin"
	"momus/coordinator/zk"
	"momus/internal/kerr"
	"momus/internal/model"
)

// Create adds ACLs and gives an error for each, nil when it is there. This broker obeys them from
// now on, others as soon as they have been notified. All ACLs of a resource are one change.
func (a *Authorizer) Create(ctx context.Context, bindings []acl.Binding) []error {
	errs := make([]error, len(bindings))
	var resources []acl.Resource
	byResource := map[acl.Resource][]int{}
	for i := range bindings {
		if errs[i] = a.check(&bindings[i]); errs[i] != nil {
			continue
		}
		r := bindings[i].Resource
		if byResource[r] == nil {
			resources = append(resources, r)
		}
		byResource[r] = append(byResource[r], i)
	}
	for _, r := range resources {
		added := make([]acl.Entry, 0, len(byResource[r]))
		for _, i := range byResource[r] {
			added = append(added, bindings[i].Entry)
		}
		err := a.add(ctx, r, added)
		for _, i := range byResource[r] {
			errs[i] = err
		}
	}
	return errs
}

// check refuses what cannot be stored.
func (a *Authorizer) check(b *acl.Binding) error {
	r, e := b.Resource, b.Entry
	if r.Type <= acl.AnyResource || r.Type > acl.DelegationToken || r.Pattern != acl.Literal && r.Pattern != acl.Prefixed || e.Operation < acl.All ||
		e.Operation > acl.IdempotentWrite || e.Permission != acl.Allow && e.Permission != acl.Deny || r.Pattern == acl.Prefixed && a.o.PrefixedRefused {
		return &admin.Error{Kind: kerr.InvalidRequest, Message: "Failed to create ACL"}
	}
	return nil
}

// add adds entries to a resource. A principal that cannot be parsed refuses them all, as in Kafka.
func (a *Authorizer) add(ctx context.Context, r acl.Resource, entries []acl.Entry) error {
	for _, e := range entries {
		if _, err := model.ParsePrincipal(e.Principal); err != nil {
			return &admin.Error{Kind: kerr.UnknownServerError, Message: "java.lang.IllegalArgumentException: " + err.Error()}
		}
	}
	if strings.Contains(r.Name, "/") { // its node would lie below that of another resource, where nobody looks for it
		return unexpected(&zk.NoParentError{Path: zk.ACLResourcePath(r)})
	}
	return a.change(ctx, r, func(old []acl.Entry) []acl.Entry {
		for _, e := range entries {
			if !slices.Contains(old, e) {
				old = append(old, e)
			}
		}
		return old
	})
}

// change changes the znode of a resource, and what this broker knows of it.
func (a *Authorizer) change(ctx context.Context, r acl.Resource, fn func([]acl.Entry) []acl.Entry) error {
	err := a.o.ZK.ChangeACLs(ctx, r, fn)
	if err == nil {
		err = a.refresh(ctx, r)
	}
	if err != nil {
		return unexpected(err)
	}
	return nil
}

// unexpected is an error of ZooKeeper as clients see it.
func unexpected(err error) error {
	var parent *zk.NoParentError
	if errors.As(err, &parent) {
		return &admin.Error{Kind: kerr.UnknownServerError, Message: parent.Error()}
	}
	return err
}

// Delete removes the ACLs that filters select, and tells for each filter which these were. One that
// several filters select is told of with the first.
func (a *Authorizer) Delete(ctx context.Context, filters []acl.Filter) [][]acl.Deleted {
	out := make([][]acl.Deleted, len(filters))
	a.index().Each(func(r acl.Resource, known []acl.Entry) bool {
		if !slices.ContainsFunc(filters, func(f acl.Filter) bool { return f.SelectsResource(r) && slices.ContainsFunc(known, f.SelectsEntry) }) {
			return true
		}
		a.deleteOf(ctx, r, filters, out)
		return true
	})
	return out
}

// deleteOf removes ACLs of one resource.
func (a *Authorizer) deleteOf(ctx context.Context, r acl.Resource, filters []acl.Filter, out [][]acl.Deleted) {
	selected := func(e acl.Entry) int {
		return slices.IndexFunc(filters, func(f acl.Filter) bool { return f.SelectsResource(r) && f.SelectsEntry(e) })
	}
	var gone []acl.Entry
	err := a.change(ctx, r, func(old []acl.Entry) []acl.Entry {
		gone = nil
		return slices.DeleteFunc(old, func(e acl.Entry) bool {
			if selected(e) < 0 {
				return false
			}
			gone = append(gone, e)
			return true
		})
	})
	for _, e := range gone {
		i := selected(e)
		out[i] = append(out[i], acl.Deleted{Binding: acl.Binding{Resource: r, Entry: e}, Err: err})
	}
}

// Each calls fn with the ACLs that a filter selects, a resource at a time.
func (a *Authorizer) Each(f acl.Filter, fn func(r acl.Resource, entries []acl.Entry)) {
	a.index().Each(func(r acl.Resource, entries []acl.Entry) bool {
		if f.SelectsResource(r) {
			if entries = slices.DeleteFunc(entries, func(e acl.Entry) bool { return !f.SelectsEntry(e) }); len(entries) > 0 {
				fn(r, entries)
			}
		}
		return true
	})
}
