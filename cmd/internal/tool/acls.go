package tool

import (
	"bufio"
	"context"
	"errors"
	"slices"
	"strings"

	"momus/coordinator/acl"
)

func aclsOptions() *options {
	o := newOptions("This tool helps to manage acls on kafka.")
	o.value("bootstrap-server", "HOST:PORT,…", "brokers to ask; or --authorizer-properties")
	o.optional("command-config", "FILE", "properties of the client, with --bootstrap-server")
	o.value("authorizer", "CLASS", "the authorizer whose ACLs these are; only Kafka's own, which is the default")
	o.value("authorizer-properties", "KEY=VALUE", "settings of the authorizer, such as zookeeper.connect=HOST:PORT; may be repeated")
	o.flag("add", "add ACLs")
	o.flag("remove", "remove ACLs, all of the resource when no principal is named")
	o.flag("list", "list ACLs, all when no resource is named")
	o.value("topic", "NAME", "a topic, * for all; may be repeated")
	o.flag("cluster", "the cluster")
	o.value("group", "NAME", "a consumer group, * for all; may be repeated")
	o.value("transactional-id", "ID", "a transactional id, * for all; may be repeated")
	o.value("delegation-token", "ID", "a delegation token, * for all; may be repeated")
	o.valueOr("resource-pattern-type", "TYPE", "LITERAL", "how names are meant: literal or prefixed; to list and remove also any (either one) and match (all that the name falls under)")
	o.valueOr("operation", "NAME", "All", "what is allowed or denied: All, Read, Write, Create, Delete, Alter, Describe, ClusterAction, DescribeConfigs, AlterConfigs, IdempotentWrite; may be repeated")
	o.value("allow-principal", "TYPE:NAME", "whom to allow it, such as User:bob; User:* is everyone; may be repeated")
	o.value("deny-principal", "TYPE:NAME", "whom to deny it; may be repeated")
	o.value("allow-host", "ADDRESS", "from where it is allowed (default: from everywhere); may be repeated")
	o.value("deny-host", "ADDRESS", "from where it is denied (default: from everywhere); may be repeated")
	o.optional("principal", "TYPE:NAME", "list only the ACLs of this principal; may be repeated")
	o.flag("producer", "all that a producer needs of the topics: Write, Describe and Create; of the transactional ids: Write and Describe")
	o.flag("idempotent", "with --producer: also IdempotentWrite on the cluster")
	o.flag("consumer", "all that a consumer needs of topics and group: Read and Describe, and Read")
	o.flag("force", "ask nothing")
	o.value("zk-tls-config-file", "FILE", "TLS settings of the connection to ZooKeeper")
	return o.standard()
}

func checkACLsOptions(o *options) error {
	switch broker := o.has("bootstrap-server"); {
	case broker && o.has("authorizer"):
		return misuse("Only one of --bootstrap-server or --authorizer must be specified")
	case !broker && !o.has("authorizer-properties"):
		return o.require("authorizer-properties")
	case !broker && o.has("command-config"):
		return misuse("The --command-config option can only be used with --bootstrap-server option")
	case broker && o.has("authorizer-properties"):
		return misuse("The --authorizer-properties option can only be used with --authorizer option")
	}
	actions := 0
	for _, a := range []string{"add", "remove", "list"} {
		if o.has(a) {
			actions++
		}
	}
	if actions != 1 {
		return misuse("Command must include exactly one action: --list, --add, --remove. ")
	}
	if err := o.excludeAll([]rule{
		{"list", []string{"producer", "consumer", "allow-host", "allow-principal", "deny-host", "deny-principal"}},
		{"producer", []string{"operation", "deny-principal", "deny-host"}},
		{"consumer", []string{"operation", "deny-principal", "deny-host"}},
	}); err != nil {
		return err
	}
	switch {
	case o.has("principal") && !o.has("list"):
		return misuse("The --principal option is only available if --list is set")
	case o.has("producer") && !o.has("topic"):
		return misuse("With --producer you must specify a --topic")
	case o.has("idempotent") && !o.has("producer"):
		return misuse("The --idempotent option is only available if --producer is set")
	case o.has("consumer") && (!o.has("topic") || !o.has("group") || !o.has("producer") && o.any("cluster", "transactional-id")):
		return misuse("With --consumer you must specify a --topic and a --group and no --cluster or --transactional-id option should be specified.")
	}
	return nil
}

// resourceRules are the ACLs to add to or to remove from a resource, or from those that a filter selects.
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

// registerAclsTool is kafka-acls.sh.
func registerAclsTool() Tool {
	return Tool{Name: "kafka-acls", Help: "show and change who may do what", run: aclsTool,
		Class:   "kafka.admin.AclCommand",
		Options: tableOf(aclsOptions)}
}

func aclsTool(ctx context.Context, c *call) error {
	o := aclsOptions()
	if err := c.begin(o, ""); err != nil {
		return err
	}
	if err := checkACLsOptions(o); err != nil {
		return err
	}
	err := javaOf((&aclCommand{c: c, o: o}).run(ctx))
	var known *usageError
	if err == nil || ctx.Err() != nil || errors.As(err, &known) {
		return err
	}
	c.printf("Error while executing ACL command: %s\n%s\n", err, javaText(err))
	if cause := (*javaError)(nil); errors.As(errors.Unwrap(err), &cause) {
		c.printf("Caused by: %s\n", cause.java())
	}
	c.println()
	return exit(1)
}

// aclCommand is one run of the tool.
type aclCommand struct {
	c     *call
	o     *options
	store aclStore
}

func (s *aclCommand) run(ctx context.Context) error {
	var rules []resourceRules
	if !s.o.has("list") {
		var err error
		if rules, err = s.wanted(); err != nil {
			return err
		}
	}
	store, err := s.c.aclStore(ctx, s.o)
	if err != nil {
		return err
	}
	defer store.close()
	s.store = store
	answers := bufio.NewReader(s.c.Stdin)
	for _, r := range rules {
		if s.o.has("add") {
			s.c.printf("Adding ACLs for resource `%s`: \n %s \n\n", r.resource, entryLines(r.entries))
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
	if !s.o.has("force") {
		if len(r.entries) == 0 {
			s.c.printf("Are you sure you want to delete all ACLs for resource filter `%s`? (y/n)\n", r.resource)
		} else {
			s.c.printf("Are you sure you want to remove ACLs: \n %s \n from resource filter `%s`? (y/n)\n", entryLines(r.entries), r.resource)
		}
		s.c.out.Flush()
		answer, err := answers.ReadString('\n')
		if err != nil && answer == "" {
			return &javaError{class: "java.lang.NullPointerException", text: "the question was not answered: give y or n on standard input, or --force"}
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
				s.c.printf("Current ACLs for resource `%s`: \n %s \n\n", r.resource, entryLines(entries))
			}
		}
	}
	if len(principals) == 0 {
		show(func(acl.Entry) bool { return true })
	}
	for _, p := range principals {
		s.c.printf("ACLs for principal `%s`\n", p)
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
