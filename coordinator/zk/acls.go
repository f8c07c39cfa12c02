package zk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"momus/coordinator/acl"
)

// The nodes of ACLs (KIP-290): one node a resource, and sequential nodes that tell authorizers what has changed.
const (
	ACLPath                = "/kafka-acl"
	ACLChangesPath         = "/kafka-acl-changes"
	ExtendedACLPath        = "/kafka-acl-extended"
	ExtendedACLChangesPath = "/kafka-acl-extended-changes"
	aclChangePrefix        = "/acl_changes_"
)

// ResourceACLs are the ACLs of a resource, in the order of its node.
type ResourceACLs struct {
	Resource acl.Resource
	Entries  []acl.Entry
}

type aclNodeJSON struct {
	Version int       `json:"version"`
	ACLs    []aclJSON `json:"acls"`
}

type aclJSON struct {
	Principal      string `json:"principal"`
	PermissionType string `json:"permissionType"`
	Operation      string `json:"operation"`
	Host           string `json:"host"`
}

// EncodeACLs is the JSON of a resource's node.
func EncodeACLs(entries []acl.Entry) []byte {
	out := aclNodeJSON{Version: 1, ACLs: []aclJSON{}}
	for _, e := range entries {
		out.ACLs = append(out.ACLs, aclJSON{e.Principal, e.Permission.Stored(), e.Operation.Stored(), e.Host})
	}
	return encode(out)
}

// DecodeACLs reads a resource's node; no data is no ACLs.
func DecodeACLs(data []byte) ([]acl.Entry, error) {
	if len(data) == 0 {
		return nil, nil
	}
	var j aclNodeJSON
	if err := json.Unmarshal(data, &j); err != nil {
		// Kafka before 1.0.1 did not escape backslashes.
		if again := json.Unmarshal([]byte(strings.ReplaceAll(string(data), `\`, `\\`)), &j); again != nil {
			return nil, fmt.Errorf("acl node: %w", err)
		}
	}
	if j.Version != 1 {
		return nil, fmt.Errorf("acl node has version %d; valid is 1: %.100s", j.Version, data)
	}
	var out []acl.Entry
	for _, a := range j.ACLs {
		e := acl.Entry{Principal: a.Principal, Host: a.Host, Operation: acl.ParseOperation(a.Operation), Permission: acl.ParsePermission(a.PermissionType)}
		if !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	return out, nil
}

type aclChangeJSON struct {
	Version      int    `json:"version"`
	ResourceType string `json:"resourceType"`
	Name         string `json:"name"`
	PatternType  string `json:"patternType"`
}

// EncodeACLChange is the notification that the ACLs of a resource have changed: text for literal patterns, JSON for others.
func EncodeACLChange(r acl.Resource) []byte {
	if r.Pattern == acl.Literal {
		return []byte(r.Type.String() + ":" + r.Name)
	}
	return encode(aclChangeJSON{1, r.Type.String(), r.Name, r.Pattern.String()})
}

// aclStore is where the patterns of a type are kept: the parent of the types and the parent of the notifications.
func aclStore(p acl.PatternType) (types, changes string) {
	if p == acl.Literal {
		return ACLPath, ACLChangesPath
	}
	return ExtendedACLPath + "/" + strings.ToLower(p.String()), ExtendedACLChangesPath
}

// ACLResourcePath is the node of a resource.
func ACLResourcePath(r acl.Resource) string {
	types, _ := aclStore(r.Pattern)
	return types + "/" + r.Type.Stored() + "/" + r.Name
}

// CreateACLPaths makes the parents of ACL nodes, as an authorizer does when it starts.
func (c *Client) CreateACLPaths(ctx context.Context) error {
	var paths []string
	for _, p := range []acl.PatternType{acl.Literal, acl.Prefixed} {
		types, changes := aclStore(p)
		for t := acl.Topic; t <= acl.DelegationToken; t++ {
			paths = append(paths, types+"/"+t.Stored())
		}
		paths = append(paths, changes)
	}
	for _, p := range paths {
		if err := c.makeSure(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// ACLs reads all ACLs. Resources of unknown types are left out.
func (c *Client) ACLs(ctx context.Context) ([]ResourceACLs, error) {
	var out []ResourceACLs
	for _, p := range []acl.PatternType{acl.Literal, acl.Prefixed} {
		types, _ := aclStore(p)
		kinds, err := c.sortedChildren(ctx, types)
		if err != nil {
			return nil, err
		}
		for _, kind := range kinds {
			t := acl.ParseResourceType(kind)
			if t == acl.UnknownResource {
				continue
			}
			names, err := c.sortedChildren(ctx, types+"/"+kind)
			if err != nil {
				return nil, err
			}
			for _, name := range names {
				out = append(out, ResourceACLs{Resource: acl.Resource{Type: t, Name: name, Pattern: p}})
			}
		}
	}
	err := c.each(ctx, len(out), func(ctx context.Context, i int) (err error) {
		out[i].Entries, _, err = c.resourceACLs(ctx, out[i].Resource)
		return err
	})
	return slices.DeleteFunc(out, func(r ResourceACLs) bool { return len(r.Entries) == 0 }), err
}

// resourceACLs reads one resource's node and its version, -1 when there is none.
func (c *Client) resourceACLs(ctx context.Context, r acl.Resource) ([]acl.Entry, int32, error) {
	path := ACLResourcePath(r)
	data, stat, err := c.get(ctx, path)
	if errors.Is(err, ErrNoNode) {
		return nil, -1, nil
	}
	if err != nil {
		return nil, -1, err
	}
	entries, err := DecodeACLs(data)
	if err != nil {
		return nil, -1, fmt.Errorf("%s: %w", path, err)
	}
	return entries, stat.Version, nil
}

// aclRetries is how often a change of a resource's ACLs is tried again when somebody else was faster.
const aclRetries = 10

// ChangeACLs replaces the ACLs of a resource by what change makes of them, and notifies authorizers if they differ. change may be
// called several times.
func (c *Client) ChangeACLs(ctx context.Context, r acl.Resource, change func([]acl.Entry) []acl.Entry) error {
	for range aclRetries + 1 {
		old, version, err := c.resourceACLs(ctx, r)
		if err != nil {
			return err
		}
		next := change(slices.Clone(old))
		err = c.writeACLs(ctx, r, next, version)
		if errors.Is(err, ErrBadVersion) || errors.Is(err, ErrNoNode) || errors.Is(err, ErrNodeExists) {
			select {
			case <-time.After(100*time.Millisecond + rand.N(50*time.Millisecond)):
				continue
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		if err != nil || sameACLs(old, next) {
			return err
		}
		_, changes := aclStore(r.Pattern)
		_, err = c.createSequential(ctx, changes+aclChangePrefix, EncodeACLChange(r))
		return err
	}
	return fmt.Errorf("Failed to update ACLs for %s after trying a maximum of %d times", r, aclRetries)
}

// writeACLs writes a resource's node that had a version, -1 for none.
func (c *Client) writeACLs(ctx context.Context, r acl.Resource, entries []acl.Entry, version int32) error {
	path := ACLResourcePath(r)
	switch {
	case len(entries) > 0 && version >= 0:
		_, err := c.set(ctx, path, EncodeACLs(entries), version)
		return err
	case len(entries) > 0:
		return c.createRecursive(ctx, path, EncodeACLs(entries))
	case version >= 0:
		if err := c.remove(ctx, path, version); !errors.Is(err, ErrNoNode) {
			return err
		}
	}
	return nil
}

func sameACLs(a, b []acl.Entry) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(e acl.Entry) bool { return !slices.Contains(b, e) })
}
