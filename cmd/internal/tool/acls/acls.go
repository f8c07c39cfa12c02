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

// aclsOptions are those of kafka.admin.AclCommand. Names of resources are literal unless
// --resource-pattern-type says otherwise (KIP-290); --producer and --consumer stand for sets of
// operations.
func aclsOptions() *options.Options {
	return options.Read("This tool helps to manage acls on kafka.", `
		--bootstrap-server <HOST:PORT,…>     brokers to ask; or --authorizer-properties
		--command-config [FILE]              properties of the client, with --bootstrap-server
		--authorizer <CLASS>                 the authorizer whose ACLs these are; only Kafka's own, which is the default
		--authorizer-properties <KEY=VALUE>  settings of the authorizer, such as zookeeper.connect=HOST:PORT; may be repeated
		--add                                add ACLs
		--remove                             remove ACLs, all of the resource when no principal is named
		--list                               list ACLs, all when no resource is named
		--topic <NAME>                       a topic, * for all; may be repeated
		--cluster                            the cluster
		--group <NAME>                       a consumer group, * for all; may be repeated
		--transactional-id <ID>              a transactional id, * for all; may be repeated
		--delegation-token <ID>              a delegation token, * for all; may be repeated
		--resource-pattern-type <TYPE>       how names are meant: literal or prefixed; to list and remove also any (either one) and match (all that the name falls under) (default: LITERAL)
		--operation <NAME>                   what is allowed or denied: All, Read, Write, Create, Delete, Alter, Describe, ClusterAction, DescribeConfigs, AlterConfigs, IdempotentWrite; may be repeated (default: All)
		--allow-principal <TYPE:NAME>        whom to allow it, such as User:bob; User:* is everyone; may be repeated
		--deny-principal <TYPE:NAME>         whom to deny it; may be repeated
		--allow-host <ADDRESS>               from where it is allowed (default: from everywhere); may be repeated
		--deny-host <ADDRESS>                from where it is denied (default: from everywhere); may be repeated
		--principal [TYPE:NAME]              list only the ACLs of this principal; may be repeated
		--producer                           all that a producer needs of the topics: Write, Describe and Create; of the transactional ids: Write and Describe
		--idempotent                         with --producer: also IdempotentWrite on the cluster
		--consumer                           all that a consumer needs of topics and group: Read and Describe, and Read
		--force                              ask nothing
		--zk-tls-config-file <FILE>          TLS settings of the connection to ZooKeeper
	`).Standard().Checks(checkACLsOptions)
}

// checkACLsOptions refuses what does not go together, in the order and with the words of Kafka's
// AclCommandOptions.checkArgs: a script may compare them.
func checkACLsOptions(o *options.Options) error {
	switch broker := o.Has("bootstrap-server"); {
	case broker && o.Has("authorizer"):
		return options.Misuse("Only one of --bootstrap-server or --authorizer must be specified")
	// Without either Kafka complains of the second.
	case !broker && !o.Has("authorizer-properties"):
		return o.Require("authorizer-properties")
	case !broker && o.Has("command-config"):
		return options.Misuse("The --command-config option can only be used with --bootstrap-server option")
	case broker && o.Has("authorizer-properties"):
		return options.Misuse("The --authorizer-properties option can only be used with --authorizer option")
	}
	if len(o.Given("add", "remove", "list")) != 1 {
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
	return core.Tool{Name: "kafka-acls", Help: "show and change who may do what", Class: "kafka.admin.AclCommand"}.
		Begun(aclsOptions, aclsTool)
}

// aclsTool prints every failure but a misuse on standard output, as Kafka does, with the exit code
// 1; the blank line stands where Java has its stack trace.
func aclsTool(ctx context.Context, c *core.Call, o *options.Options) error {
	err := java.Of((&aclCommand{c: c, o: o}).run(ctx))
	var known *options.UsageError
	if err == nil || ctx.Err() != nil || errors.As(err, &known) {
		return err
	}
	// The text of Kafka's catch-all, then what a stack trace begins with.
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

// run works out the rules from the options before it connects: a mistake in them is told without
// any broker. Adding and removing end with a list of what is there now.
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
	// One reader for all questions: it may have read ahead.
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
			// Java's readLine gives null at the end of the input, and the tool falls over it.
			return &java.Error{Class: "java.lang.NullPointerException", Text: "the question was not answered: give y or n on standard input, or --force"}
		}
		// y in either case; everything else, yes too, is no.
		if !strings.EqualFold(strings.TrimRight(answer, "\r\n"), "y") {
			return nil
		}
	}
	return s.store.remove(ctx, r)
}

// list prints the ACLs of the resources that the options select, in the store's order; with
// --principal once for each, under a heading, as Kafka does.
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
			// A copy: the entries are shown again for the next principal.
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
		// Only of exactly this name: the wildcard User:* is a principal of its own here.
		show(func(e acl.Entry) bool { return e.Principal == p })
	}
	return nil
}

// entryLines is a line for each entry, indented by a tab.
func entryLines(entries []acl.Entry) string {
	var lines []string
	for _, e := range entries {
		lines = append(lines, "\t"+e.String())
	}
	return strings.Join(lines, "\n")
}
