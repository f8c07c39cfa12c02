package zk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	gozk "github.com/go-zookeeper/zk"

	"momus/coordinator/acl"
	"momus/internal/model"
)

// The nodes of ACLs (KIP-290): one node a resource, and sequential nodes that tell authorizers what
// has changed.
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
	// Err is why they could not be read.
	Err error
}

type aclNodeJSON struct {
	Version int       `json:"version"`
	ACLs    []aclJSON `json:"acls"`
}

type aclJSON struct {
	Principal      string  `json:"principal"`
	PermissionType string  `json:"permissionType"`
	Operation      string  `json:"operation"`
	Host           *string `json:"host"`
}

// EncodeACLs is the JSON of a resource's node.
func EncodeACLs(entries []acl.Entry) []byte {
	out := aclNodeJSON{Version: 1, ACLs: []aclJSON{}}
	for _, e := range entries {
		out.ACLs = append(out.ACLs, aclJSON{e.Principal, e.Permission.Stored(), e.Operation.Stored(), &e.Host})
	}
	return encode(out)
}

// DecodeACLs reads a resource's node; no data is no ACLs. What Kafka's readers refuse is an error;
// ACLs that occur twice are one. JSON that is broken is an error too, where Kafka takes it for no
// ACLs and so forgets who was denied.
func DecodeACLs(data []byte) ([]acl.Entry, error) {
	if len(data) == 0 {
		return nil, nil
	}
	j, err := decodeACLNode(data)
	if err != nil {
		return nil, err
	}
	if j.Version != 1 {
		return nil, fmt.Errorf("acl node has version %d; valid is 1: %.100s", j.Version, data)
	}
	if j.ACLs == nil {
		return nil, fmt.Errorf("acl node has no acls: %.100s", data)
	}
	out := make([]acl.Entry, 0, len(j.ACLs))
	seen := make(map[acl.Entry]struct{}, len(j.ACLs))
	for i := range j.ACLs {
		e, err := j.ACLs[i].entry()
		if err != nil {
			return nil, fmt.Errorf("acl node, entry %d: %w", i, err)
		}
		if _, twice := seen[e]; !twice {
			seen[e] = struct{}{}
			out = append(out, e)
		}
	}
	return out, nil
}

// decodeACLNode reads the JSON. Kafka before 1.0.1 did not escape backslashes, which occur in the
// names of certificates.
func decodeACLNode(data []byte) (j aclNodeJSON, err error) {
	if err = json.Unmarshal(data, &j); err == nil {
		return j, nil
	}
	old := aclNodeJSON{}
	if again := json.Unmarshal(bytes.ReplaceAll(data, []byte(`\`), []byte(`\\`)), &old); again != nil {
		return j, fmt.Errorf("acl node: %w", err)
	}
	return old, nil
}

// entry checks an ACL as Kafka's AclEntry.fromBytes does.
func (a *aclJSON) entry() (acl.Entry, error) {
	if a.PermissionType == "" || a.Operation == "" || a.Host == nil {
		return acl.Entry{}, errors.New("permissionType, operation or host is missing")
	}
	p, err := model.ParsePrincipal(a.Principal)
	if err != nil {
		return acl.Entry{}, err
	}
	return acl.Entry{Principal: p.String(), Host: *a.Host, Operation: acl.ParseOperation(a.Operation), Permission: acl.ParsePermission(a.PermissionType)}, nil
}

type aclChangeJSON struct {
	Version      int    `json:"version"`
	ResourceType string `json:"resourceType"`
	Name         string `json:"name"`
	PatternType  string `json:"patternType"`
}

// EncodeACLChange is the notification that the ACLs of a resource have changed: text for literal
// patterns, JSON for others.
func EncodeACLChange(r acl.Resource) []byte {
	if r.Pattern == acl.Literal {
		return []byte(r.Type.String() + ":" + r.Name)
	}
	return encode(aclChangeJSON{1, r.Type.String(), r.Name, r.Pattern.String()})
}

// DecodeACLChange reads a notification of the node that a kind of patterns has.
func DecodeACLChange(p acl.PatternType, data []byte) (acl.Resource, error) {
	j := aclChangeJSON{PatternType: acl.Literal.String()}
	if p == acl.Literal {
		var ok bool
		if j.ResourceType, j.Name, ok = strings.Cut(string(data), ":"); !ok {
			return acl.Resource{}, fmt.Errorf("acl change is not TYPE:name: %.100q", data)
		}
	} else {
		dec := json.NewDecoder(bytes.NewReader(data))
		// As Kafka's reader, which fails on fields that it does not know.
		dec.DisallowUnknownFields()
		if err := dec.Decode(&j); err != nil {
			return acl.Resource{}, fmt.Errorf("acl change %.100q: %w", data, err)
		}
		if j.Version > 1 {
			return acl.Resource{}, fmt.Errorf("acl change has version %d; known is 1: %.100q", j.Version, data)
		}
	}
	r := acl.Resource{Type: acl.ParseResourceType(j.ResourceType), Name: j.Name, Pattern: acl.ParsePatternType(j.PatternType)}
	if r.Type <= acl.AnyResource || r.Pattern != acl.Literal && r.Pattern != acl.Prefixed {
		return acl.Resource{}, fmt.Errorf("acl change of an unknown kind: %.100q", data)
	}
	return r, nil
}

// NewACLChangeReaders makes the readers of the notifications of both kinds of patterns; they may
// tell of changes in another order than that in which these were made.
func (c *Client) NewACLChangeReaders(now func() time.Time, changed func(ctx context.Context, r acl.Resource) error) []*ChangeReader {
	var out []*ChangeReader
	for _, p := range []acl.PatternType{acl.Literal, acl.Prefixed} {
		_, changes := aclStore(p)
		out = append(out, c.NewChangeReader(changes, strings.TrimPrefix(aclChangePrefix, "/"), now, func(ctx context.Context, data []byte) error {
			r, err := DecodeACLChange(p, data)
			if err != nil {
				return err
			}
			return changed(ctx, r)
		}))
	}
	return out
}

// aclStore is where the patterns of a type are kept: the parent of the types and the parent of the
// notifications.
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

// ACLs reads all ACLs. Resources of unknown types are left out with a warning. With the first error
// of those whose node could not be read come all resources, nil when they are not even known.
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
			if t <= acl.AnyResource {
				c.log.WithField("path", types+"/"+kind).Warn("skipped the ACLs of a type of resources that is not known")
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
	_ = c.each(ctx, len(out), func(ctx context.Context, i int) error {
		out[i].Entries, _, out[i].Err = c.resourceACLs(ctx, out[i].Resource)
		return nil // the others are read nevertheless
	})
	out = slices.DeleteFunc(out, func(r ResourceACLs) bool { return len(r.Entries) == 0 && r.Err == nil })
	for _, r := range out {
		if r.Err != nil {
			return out, r.Err
		}
	}
	return out, nil
}

// ResourceACLs reads the ACLs of one resource; there are none without its node.
func (c *Client) ResourceACLs(ctx context.Context, r acl.Resource) ([]acl.Entry, error) {
	entries, _, err := c.resourceACLs(ctx, r)
	return entries, err
}

// resourceACLs reads one resource's node and its version, -1 when there is none.
func (c *Client) resourceACLs(ctx context.Context, r acl.Resource) ([]acl.Entry, int32, error) {
	path := ACLResourcePath(r)
	data, stat, ok, err := c.find(ctx, path)
	if err != nil || !ok {
		return nil, -1, err
	}
	entries, err := DecodeACLs(data)
	if err != nil {
		return nil, -1, fmt.Errorf("%s: %w", path, err)
	}
	return entries, stat.Version, nil
}

// aclRetries is how often a change of a resource's ACLs is tried again when somebody else was
// faster.
const aclRetries = 10

// ChangeACLs replaces the ACLs of a resource by what change makes of them, and notifies authorizers
// if they differ. change may be called several times; its last result is what was written.
func (c *Client) ChangeACLs(ctx context.Context, r acl.Resource, change func([]acl.Entry) []acl.Entry) error {
	for range aclRetries + 1 {
		old, version, err := c.resourceACLs(ctx, r)
		if err != nil {
			return err
		}
		next := change(slices.Clone(old))
		conflict, repeated, err := c.writeACLs(ctx, r, next, version, !sameACLs(old, next))
		if !conflict {
			return err
		}
		if repeated { // it may have been written when the connection was lost
			if now, _, err := c.resourceACLs(ctx, r); err == nil && sameACLs(now, next) {
				return nil
			}
		}
		// Kafka's pause between attempts, with its jitter: two brokers that change one resource do
		// not meet again and again.
		select {
		case <-time.After(100*time.Millisecond + rand.N(50*time.Millisecond)):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return fmt.Errorf("Failed to update ACLs for %s after trying a maximum of %d times", r, aclRetries)
}

// writeACLs writes a resource's node that had a version, -1 for none. conflict says that it has
// another one by now. A node is not made with parents: names with slashes have none.
//
// Authorizers are notified in the same transaction, unlike by Kafka: else a broker that dies after
// the write leaves others with rights that were taken away. Nobody is told when nothing changes,
// since each notification makes all brokers read the node.
func (c *Client) writeACLs(ctx context.Context, r acl.Resource, entries []acl.Entry, version int32, notify bool) (conflict, repeated bool, err error) {
	path := ACLResourcePath(r)
	var ops []any
	switch {
	case len(entries) > 0 && version >= 0:
		ops = append(ops, &gozk.SetDataRequest{Path: c.abs(path), Data: EncodeACLs(entries), Version: version})
	case len(entries) > 0:
		ops = append(ops, &gozk.CreateRequest{Path: c.abs(path), Data: EncodeACLs(entries), Acl: c.acl(path), Flags: gozk.FlagPersistent})
	case version >= 0:
		ops = append(ops, &gozk.DeleteRequest{Path: c.abs(path), Version: version})
	default:
		return false, false, nil
	}
	if notify {
		_, changes := aclStore(r.Pattern)
		prefix := changes + aclChangePrefix
		ops = append(ops, &gozk.CreateRequest{Path: c.abs(prefix), Data: EncodeACLChange(r), Acl: c.acl(prefix), Flags: gozk.FlagSequence})
	}
	_, failed, repeated, err := c.multi(ctx, "write", path, ops...)
	switch {
	case err == nil, failed > 0:
		return false, repeated, err
	case errors.Is(err, ErrNoNode) && version < 0:
		// That it cannot be made, because its parent is missing, is no conflict with another writer.
		return false, repeated, &NoParentError{path}
	}
	return errors.Is(err, ErrBadVersion) || errors.Is(err, ErrNoNode) || errors.Is(err, ErrNodeExists), repeated, err
}

// NoParentError says that a node has no parent to be made under.
type NoParentError struct{ Path string }

// Error has the text that Kafka gives for it.
func (e *NoParentError) Error() string {
	return "org.apache.zookeeper.KeeperException$NoNodeException: KeeperErrorCode = NoNode for " + e.Path
}

// sameACLs compares sets: the order in a node means nothing.
func sameACLs(a, b []acl.Entry) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(e acl.Entry) bool { return !slices.Contains(b, e) })
}
