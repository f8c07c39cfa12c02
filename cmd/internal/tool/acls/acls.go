// Package acls is kafka-acls: what is allowed to whom, over the admin API (store.go, brokerACLs) or
// in the znodes of Kafka's authorizer.
package acls

import (
	"bufio"
	"context"
	"errors"
	"slices"
	"strings"

	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/cmd/internal/tool/options"
	"momus/coordinator/acl"
)

func aclsOptions() *options.Options {
	o := options.New("This tool helps to manage acls on kafka.")
	o.Value("bootstrap-server", "HOST:PORT,…", "brokers to ask; or --authorizer-properties")
	o.Optional("command-config", "FILE", "properties of the client, with --bootstrap-server")
	o.Value("authorizer", "CLASS", "the authorizer whose ACLs these are; only Kafka's own, which is the default")
	o.Value("authorizer-properties", "KEY=VALUE", "settings of the authorizer, such as zookeeper.connect=HOST:PORT; may be repeated")
	o.Flag("add", "add ACLs")
	o.Flag("remove", "remove ACLs, all of the resource when no principal is named")
	o.Flag("list", "list ACLs, all when no resource is named")
	o.Value("topic", "NAME", "a topic, * for all; may be repeated")
	o.Flag("cluster", "the cluster")
	o.Value("group", "NAME", "a consumer group, * for all; may be repeated")
	o.Value("transactional-id", "ID", "a transactional id, * for all; may be repeated")
	o.Value("delegation-token", "ID", "a delegation token, * for all; may be repeated")
	o.ValueOr("resource-pattern-type", "TYPE", "LITERAL", "how names are meant: literal or prefixed; to list and remove also any (either one) and match (all that the name falls under)")
	o.ValueOr("operation", "NAME", "All", "what is allowed or denied: All, Read, Write, Create, Delete, Alter, Describe, ClusterAction, DescribeConfigs, AlterConfigs, IdempotentWrite; may be repeated")
	o.Value("allow-principal", "TYPE:NAME", "whom to allow it, such as User:bob; User:* is everyone; may be repeated")
	o.Value("deny-principal", "TYPE:NAME", "whom to deny it; may be repeated")
	o.Value("allow-host", "ADDRESS", "from where it is allowed (default: from everywhere); may be repeated")
	o.Value("deny-host", "ADDRESS", "from where it is denied (default: from everywhere); may be repeated")
	o.Optional("principal", "TYPE:NAME", "list only the ACLs of this principal; may be repeated")
	o.Flag("producer", "all that a producer needs of the topics: Write, Describe and Create; of the transactional ids: Write and Describe")
	o.Flag("idempotent", "with --producer: also IdempotentWrite on the cluster")
	o.Flag("consumer", "all that a consumer needs of topics and group: Read and Describe, and Read")
	o.Flag("force", "ask nothing")
	o.Value("zk-tls-config-file", "FILE", "TLS settings of the connection to ZooKeeper")
	return o.Standard()
}

func checkACLsOptions(o *options.Options) error {
	switch broker := o.Has("bootstrap-server"); {
	case broker && o.Has("authorizer"):
		return options.Misuse("Only one of --bootstrap-server or --authorizer must be specified")
	case !broker && !o.Has("authorizer-properties"):
		return o.Require("authorizer-properties")
	case !broker && o.Has("command-config"):
		return options.Misuse("The --command-config option can only be used with --bootstrap-server option")
	case broker && o.Has("authorizer-properties"):
		return options.Misuse("The --authorizer-properties option can only be used with --authorizer option")
	}
	actions := 0
	for _, a := range []string{"add", "remove", "list"} {
		if o.Has(a) {
			actions++
		}
	}
	if actions != 1 {
		return options.Misuse("Command must include exactly one action: --list, --add, --remove. ")
	}
	if err := o.ExcludeAll([]options.Rule{
		{Name: "list", Others: []string{"producer", "consumer", "allow-host", "allow-principal", "deny-host", "deny-principal"}},
		{Name: "producer", Others: []string{"operation", "deny-principal", "deny-host"}},
		{Name: "consumer", Others: []string{"operation", "deny-principal", "deny-host"}},
	}); err != nil {
		return err
	}
	switch {
	case o.Has("principal") && !o.Has("list"):
		return options.Misuse("The --principal option is only available if --list is set")
	case o.Has("producer") && !o.Has("topic"):
		return options.Misuse("With --producer you must specify a --topic")
	case o.Has("idempotent") && !o.Has("producer"):
		return options.Misuse("The --idempotent option is only available if --producer is set")
	case o.Has("consumer") && (!o.Has("topic") || !o.Has("group") || !o.Has("producer") && o.Any("cluster", "transactional-id")):
		return options.Misuse("With --consumer you must specify a --topic and a --group and no --cluster or --transactional-id option should be specified.")
	}
	return nil
}

// resourceRules are the ACLs to add to or to remove from a resource, or from those that a filter
// selects.
type resourceRules struct {
	resource acl.Resource
	entries  []acl.Entry
}

// aclStore is where ACLs are kept: brokers, or the znodes of Kafka's authorizer.
type aclStore interface {
	// list gives those of the resources that one of the filters selects; all without a filter.
	list(ctx context.Context, filters []acl.Resource) ([]resourceRules, error)
	add(ctx context.Context, r resourceRules) error
	// remove removes the entries, all when there are none.
	remove(ctx context.Context, r resourceRules) error
	close()
}

// Tool is kafka-acls.sh.
func Tool() core.Tool {
	return core.Tool{Name: "kafka-acls", Help: "show and change who may do what", Main: aclsTool,
		Class:   "kafka.admin.AclCommand",
		Options: core.TableOf(aclsOptions)}
}

func aclsTool(ctx context.Context, c *core.Call) error {
	o := aclsOptions()
	if err := c.Begin(o, ""); err != nil {
		return err
	}
	if err := checkACLsOptions(o); err != nil {
		return err
	}
	err := java.Of((&aclCommand{c: c, o: o}).run(ctx))
	var known *options.UsageError
	if err == nil || ctx.Err() != nil || errors.As(err, &known) {
		return err
	}
	c.Printf("Error while executing ACL command: %s\n%s\n", err, java.Text(err))
	c.Failure = err
	if cause := (*java.Error)(nil); errors.As(errors.Unwrap(err), &cause) {
		c.Printf("Caused by: %s\n", cause.ToString())
	}
	c.Println()
	return core.Exit(1)
}

// aclCommand is one run of the tool.
type aclCommand struct {
	c     *core.Call
	o     *options.Options
	store aclStore
}

func (s *aclCommand) run(ctx context.Context) error {
	var rules []resourceRules
	if !s.o.Has("list") {
		var err error
		if rules, err = s.wanted(); err != nil {
			return err
		}
	}
	store, err := openStore(s.c, ctx, s.o)
	if err != nil {
		return err
	}
	defer store.close()
	s.store = store
	answers := bufio.NewReader(s.c.Stdin)
	for _, r := range rules {
		if s.o.Has("add") {
			s.c.Printf("Adding ACLs for resource `%s`: \n %s \n\n", r.resource, entryLines(r.entries))
			err = store.add(ctx, r)
		} else {
			err = s.remove(ctx, r, answers)
		}
		if err != nil {
			return err
		}
	}
	return s.list(ctx)
}

// remove asks before it does, unless it is forced.
func (s *aclCommand) remove(ctx context.Context, r resourceRules, answers *bufio.Reader) error {
	if !s.o.Has("force") {
		if len(r.entries) == 0 {
			s.c.Printf("Are you sure you want to delete all ACLs for resource filter `%s`? (y/n)\n", r.resource)
		} else {
			s.c.Printf("Are you sure you want to remove ACLs: \n %s \n from resource filter `%s`? (y/n)\n", entryLines(r.entries), r.resource)
		}
		s.c.Out.Flush()
		answer, err := answers.ReadString('\n')
		if err != nil && answer == "" {
			return &java.Error{Class: "java.lang.NullPointerException", Text: "the question was not answered: give y or n on standard input, or --force"}
		}
		if !strings.EqualFold(strings.TrimRight(answer, "\r\n"), "y") {
			return nil
		}
	}
	return s.store.remove(ctx, r)
}

func (s *aclCommand) list(ctx context.Context) error {
	filters, err := s.filters(false)
	if err != nil {
		return err
	}
	principals, err := s.principals("principal")
	if err != nil {
		return err
	}
	found, err := s.store.list(ctx, filters)
	if err != nil {
		return err
	}
	show := func(keep func(acl.Entry) bool) {
		for _, r := range found {
			entries := slices.DeleteFunc(slices.Clone(r.entries), func(e acl.Entry) bool { return !keep(e) })
			if len(entries) > 0 {
				s.c.Printf("Current ACLs for resource `%s`: \n %s \n\n", r.resource, entryLines(entries))
			}
		}
	}
	if len(principals) == 0 {
		show(func(acl.Entry) bool { return true })
	}
	for _, p := range principals {
		s.c.Printf("ACLs for principal `%s`\n", p)
		show(func(e acl.Entry) bool { return e.Principal == p })
	}
	return nil
}

func entryLines(entries []acl.Entry) string {
	var lines []string
	for _, e := range entries {
		lines = append(lines, "\t"+e.String())
	}
	return strings.Join(lines, "\n")
}
