package acls

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/cmd/internal/tool/options"
	"momus/coordinator/acl"
	"momus/coordinator/zk"
)

// openStore opens the store that the options name.
func openStore(c *core.Call, ctx context.Context, o *options.Options) (aclStore, error) {
	if !o.Has("bootstrap-server") {
		return authorizerACLs(c, ctx, o)
	}
	a, err := clients.OpenAdmin(c, o, nil)
	if err != nil {
		return nil, err
	}
	return &brokerACLs{a}, nil
}

// brokerACLs asks brokers.
type brokerACLs struct{ admin *clients.Admin }

// close ends the connections.
func (s *brokerACLs) close() { s.admin.Close() }

// list asks once for each filter and puts together what several of them select; without a filter it
// asks for everything.
func (s *brokerACLs) list(ctx context.Context, filters []acl.Resource) ([]resourceRules, error) {
	if len(filters) == 0 {
		// All fields any is the filter that selects everything.
		filters = []acl.Resource{{Type: acl.AnyResource, Pattern: acl.AnyPattern}}
	}
	var out []resourceRules
	for _, f := range filters {
		req := kmsg.NewPtrDescribeACLsRequest()
		// The numbers of the vocabulary in acl are those of the wire (KIP-140, KIP-290).
		req.ResourceType, req.ResourcePatternType = kmsg.ACLResourceType(f.Type), kmsg.ACLResourcePatternType(f.Pattern)
		req.ResourceName = nameOrNil(f.Name)
		req.Operation, req.PermissionType = kmsg.ACLOperation(acl.AnyOperation), kmsg.ACLPermissionType(acl.AnyPermission)
		resp, err := clients.Request[*kmsg.DescribeACLsResponse](ctx, s.admin, "describeAcls", req)
		if err != nil {
			return nil, java.Execution(err)
		}
		if err := java.OfCode(resp.ErrorCode, resp.ErrorMessage); err != nil {
			return nil, java.Execution(err)
		}
		for _, r := range resp.Resources {
			resource := acl.Resource{Type: acl.ResourceType(r.ResourceType), Name: r.ResourceName, Pattern: acl.PatternType(r.ResourcePatternType)}
			i := slices.IndexFunc(out, func(x resourceRules) bool { return x.resource == resource })
			if i < 0 {
				i, out = len(out), append(out, resourceRules{resource: resource})
			}
			// The same rule may be selected by two filters.
			for _, a := range r.ACLs {
				e := acl.Entry{Principal: a.Principal, Host: a.Host, Operation: acl.Operation(a.Operation), Permission: acl.Permission(a.PermissionType)}
				if !slices.Contains(out[i].entries, e) {
					out[i].entries = append(out[i].entries, e)
				}
			}
		}
	}
	return out, nil
}

// nameOrNil is the name in a filter, where null stands for every name.
func nameOrNil(name string) *string {
	// null on the wire is any name.
	if name == "" {
		return nil
	}
	return &name
}

// add creates the entries in one request; the first that a broker refuses is the error, and the
// others may have been created.
func (s *brokerACLs) add(ctx context.Context, r resourceRules) error {
	req := kmsg.NewPtrCreateACLsRequest()
	for _, e := range r.entries {
		rc := kmsg.NewCreateACLsRequestCreation()
		rc.ResourceType, rc.ResourceName = kmsg.ACLResourceType(r.resource.Type), r.resource.Name
		rc.ResourcePatternType = kmsg.ACLResourcePatternType(r.resource.Pattern)
		rc.Principal, rc.Host = e.Principal, e.Host
		rc.Operation, rc.PermissionType = kmsg.ACLOperation(e.Operation), kmsg.ACLPermissionType(e.Permission)
		req.Creations = append(req.Creations, rc)
	}
	resp, err := clients.Request[*kmsg.CreateACLsResponse](ctx, s.admin, "createAcls", req)
	if err != nil {
		return java.Execution(err)
	}
	return java.Execution(java.FirstOf(resp.Results, func(r kmsg.CreateACLsResponseResult) (int16, *string) { return r.ErrorCode, r.ErrorMessage }))
}

// remove deletes by exact filters, one for each entry, or by one that takes all entries of the
// resource.
func (s *brokerACLs) remove(ctx context.Context, r resourceRules) error {
	req := kmsg.NewPtrDeleteACLsRequest()
	filter := func() kmsg.DeleteACLsRequestFilter {
		f := kmsg.NewDeleteACLsRequestFilter()
		f.ResourceType, f.ResourcePatternType = kmsg.ACLResourceType(r.resource.Type), kmsg.ACLResourcePatternType(r.resource.Pattern)
		f.ResourceName = nameOrNil(r.resource.Name)
		f.Operation, f.PermissionType = kmsg.ACLOperation(acl.AnyOperation), kmsg.ACLPermissionType(acl.AnyPermission)
		return f
	}
	if len(r.entries) == 0 {
		req.Filters = append(req.Filters, filter())
	}
	for _, e := range r.entries {
		f := filter()
		f.Principal, f.Host = &e.Principal, &e.Host
		f.Operation, f.PermissionType = kmsg.ACLOperation(e.Operation), kmsg.ACLPermissionType(e.Permission)
		req.Filters = append(req.Filters, f)
	}
	resp, err := clients.Request[*kmsg.DeleteACLsResponse](ctx, s.admin, "deleteAcls", req)
	if err != nil {
		return java.Execution(err)
	}
	for _, x := range resp.Results {
		if err := java.OfCode(x.ErrorCode, x.ErrorMessage); err != nil {
			return java.Execution(err)
		}
		// Each filter lists what it has deleted, each with an error of its own.
		for _, m := range x.MatchingACLs {
			if err := java.OfCode(m.ErrorCode, m.ErrorMessage); err != nil {
				return java.Execution(err)
			}
		}
	}
	return nil
}

// zkACLs works on the znodes of Kafka's authorizer, as that does when kafka-acls runs it in its own
// process.
type zkACLs struct{ client *zk.Client }

// authorizerACLs reads the properties of the authorizer and connects to its ZooKeeper.
func authorizerACLs(c *core.Call, ctx context.Context, o *options.Options) (aclStore, error) {
	class, err := o.One("authorizer")
	if err != nil {
		return nil, err
	}
	if o.Has("authorizer") && class != "kafka.security.authorizer.AclAuthorizer" && class != "kafka.security.auth.SimpleAclAuthorizer" {
		return nil, &java.Error{Class: "java.lang.ClassNotFoundException", Text: class,
			Cause: errors.New("this tool has Kafka's own authorizer only; with another one use --bootstrap-server")}
	}
	props := map[string]string{}
	for _, w := range o.All("authorizer-properties") {
		k, v, _ := strings.Cut(w, "=")
		// CommandLineUtils.parseKeyValueArgs refuses an empty value.
		if v == "" {
			return nil, java.IllegalArgument("Missing value for key %s", k)
		}
		props[k] = v
	}
	if props["zookeeper.connect"] == "" {
		return nil, &java.Error{Class: "org.apache.kafka.common.config.ConfigException", Text: `Missing required configuration "zookeeper.connect" which has no default value.`}
	}
	first := func(keys ...string) string {
		for _, k := range keys {
			if props[k] != "" {
				return props[k]
			}
		}
		return ""
	}
	// authorizer.zookeeper.url and its kin win over the broker's own keys, as in AclAuthorizer.
	opts := zk.Options{Connect: first("authorizer.zookeeper.url", "zookeeper.connect"), MaxInFlight: 10, SecureACLs: props["zookeeper.set.acl"] == "true"}
	if opts.SessionTimeout, err = milliseconds(first("authorizer.zookeeper.session.timeout.ms", "zookeeper.session.timeout.ms"), "zookeeper.session.timeout.ms", 18*time.Second); err != nil {
		return nil, err
	}
	if opts.ConnectTimeout, err = milliseconds(first("authorizer.zookeeper.connection.timeout.ms", "zookeeper.connection.timeout.ms"), "zookeeper.connection.timeout.ms", opts.SessionTimeout); err != nil {
		return nil, err
	}
	file, err := o.One("zk-tls-config-file")
	if err != nil {
		return nil, err
	}
	security, err := clients.ZooKeeperSecurity(c, file)
	if err != nil {
		return nil, err
	}
	security.Apply(&opts)
	// AclAuthorizer protects its nodes when the session has an identity.
	if props["zookeeper.set.acl"] == "" {
		opts.SecureACLs = security.SASL != nil
	}
	client, err := clients.DialZooKeeperWith(c, ctx, opts)
	if err != nil {
		return nil, err
	}
	// As the authorizer does at its start: a tool may be the first to write a rule.
	if err := client.CreateACLPaths(ctx); err != nil {
		client.Close()
		return nil, fmt.Errorf("create the nodes of ACLs: %w", err)
	}
	return &zkACLs{client}, nil
}

// milliseconds reads a time-out of the authorizer's properties; it is at least 1, and the error
// names the key.
func milliseconds(text, key string, fallback time.Duration) (time.Duration, error) {
	if text == "" {
		return fallback, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n <= 0 {
		return 0, clients.NotANumber(text, key, "INT")
	}
	return time.Duration(n) * time.Millisecond, nil
}

// close ends the session.
func (s *zkACLs) close() { s.client.Close() }

// list reads the nodes of all resources and selects here, as Kafka's authorizer does from its
// cache.
func (s *zkACLs) list(ctx context.Context, filters []acl.Resource) ([]resourceRules, error) {
	all, err := s.client.ACLs(ctx)
	if err != nil {
		return nil, err
	}
	var out []resourceRules
	for _, r := range all {
		if len(filters) == 0 || slices.ContainsFunc(filters, func(f acl.Resource) bool { return f.Selects(r.Resource) }) {
			out = append(out, resourceRules{r.Resource, r.Entries})
		}
	}
	return out, nil
}

// add writes the node of the resource anew, under its version: two who write at once lose nothing.
// An entry that is there already is not written twice.
func (s *zkACLs) add(ctx context.Context, r resourceRules) error {
	return s.client.ChangeACLs(ctx, r.resource, func(old []acl.Entry) []acl.Entry {
		for _, e := range r.entries {
			if !slices.Contains(old, e) {
				old = append(old, e)
			}
		}
		return old
	})
}

// remove takes the entries out of each resource that the pattern selects, all of them when none are
// named.
func (s *zkACLs) remove(ctx context.Context, r resourceRules) error {
	found, err := s.list(ctx, []acl.Resource{r.resource})
	if err != nil {
		return err
	}
	for _, f := range found {
		if err := s.client.ChangeACLs(ctx, f.resource, func(old []acl.Entry) []acl.Entry {
			return slices.DeleteFunc(old, func(e acl.Entry) bool { return len(r.entries) == 0 || slices.Contains(r.entries, e) })
		}); err != nil {
			return err
		}
	}
	return nil
}
