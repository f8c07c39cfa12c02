package acls

import (
	"slices"
	"strings"

	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/cmd/internal/tool/options"
	"momus/coordinator/acl"
)

// patternType reads --resource-pattern-type.
func (s *aclCommand) patternType() (acl.PatternType, error) {
	text, err := s.o.One("resource-pattern-type")
	if err != nil {
		return 0, err
	}
	p := acl.ParsePatternType(text)
	if p == acl.UnknownPattern {
		return 0, &java.Error{Class: "joptsimple.OptionArgumentConversionException", Text: "Cannot parse argument '" + text + "' of option resource-pattern-type",
			Cause: &java.Error{Class: "joptsimple.ValueConversionException", Text: "Value [" + text + "] is not one of [ANY|MATCH|LITERAL|PREFIXED]"}}
	}
	return p, nil
}

// filters are the resources that the options name, each once.
func (s *aclCommand) filters(required bool) ([]acl.Resource, error) {
	pattern, err := s.patternType()
	if err != nil {
		return nil, err
	}
	var out []acl.Resource
	add := func(t acl.ResourceType, names ...string) {
		for _, n := range names {
			if r := (acl.Resource{Type: t, Name: n, Pattern: pattern}); !slices.Contains(out, r) {
				out = append(out, r)
			}
		}
	}
	// Names of transactional ids are the only ones that are not trimmed.
	add(acl.Topic, core.Trimmed(s.o.All("topic"))...)
	// The cluster is one resource with a literal name; with other pattern types Kafka leaves it
	// out.
	if pattern == acl.Literal && s.o.Any("cluster", "idempotent") {
		add(acl.Cluster, acl.ClusterName)
	}
	add(acl.Group, core.Trimmed(s.o.All("group"))...)
	add(acl.TransactionalID, s.o.All("transactional-id")...)
	add(acl.DelegationToken, core.Trimmed(s.o.All("delegation-token"))...)
	if required && len(out) == 0 {
		return nil, options.Misuse("You must provide at least one resource: --topic <topic> or --cluster or --group <group> or --delegation-token <Delegation Token ID>")
	}
	return out, nil
}

// principals reads the values of an option, each once.
func (s *aclCommand) principals(option string) ([]string, error) {
	var out []string
	for _, p := range core.Trimmed(s.o.All(option)) {
		// KafkaPrincipal.fromString.
		if !strings.Contains(p, ":") {
			return nil, java.IllegalArgument("expected a string in format principalType:principalName but got %s", p)
		}
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out, nil
}

// entries are the ACLs that the options make of operations.
func (s *aclCommand) entries(operations ...acl.Operation) ([]acl.Entry, error) {
	var out []acl.Entry
	for _, kind := range []struct {
		option     string
		permission acl.Permission
	}{{"allow", acl.Allow}, {"deny", acl.Deny}} {
		principals, err := s.principals(kind.option + "-principal")
		if err != nil {
			return nil, err
		}
		// A host that is not given is every host, and there is none without a principal.
		// * is every host; an ACL has an address and never a network.
		hosts := []string{"*"}
		if s.o.Has(kind.option + "-host") {
			hosts = core.Trimmed(s.o.All(kind.option + "-host"))
		}
		for _, p := range principals {
			for _, op := range operations {
				for _, h := range hosts {
					if e := (acl.Entry{Principal: p, Host: h, Operation: op, Permission: kind.permission}); !slices.Contains(out, e) {
						out = append(out, e)
					}
				}
			}
		}
	}
	return out, nil
}

// wanted are the ACLs to add or to remove.
func (s *aclCommand) wanted() ([]resourceRules, error) {
	if s.o.Has("add") {
		if p, err := s.patternType(); err != nil {
			return nil, err
			// Any and match select what is there, and are nothing that could be stored (KIP-290).
		} else if p != acl.Literal && p != acl.Prefixed {
			return nil, options.Misuse("A '--resource-pattern-type' value of '%s' is not valid when adding acls.", p)
		}
	}
	var rules []resourceRules
	add := func(r acl.Resource, operations ...acl.Operation) error {
		entries, err := s.entries(operations...)
		if err != nil {
			return err
		}
		// The same resource can come from an option and from a role.
		i := slices.IndexFunc(rules, func(x resourceRules) bool { return x.resource == r })
		if i < 0 {
			rules = append(rules, resourceRules{r, entries})
			return nil
		}
		for _, e := range entries {
			if !slices.Contains(rules[i].entries, e) {
				rules[i].entries = append(rules[i].entries, e)
			}
		}
		return nil
	}
	// With a role the resources' own operations are those of the role.
	if !s.o.Any("producer", "consumer") {
		operations, err := s.operations()
		if err != nil {
			return nil, err
		}
		filters, err := s.filters(true)
		if err != nil {
			return nil, err
		}
		for _, f := range filters {
			if err := add(f, operations...); err != nil {
				return nil, err
			}
		}
	}
	if err := s.roles(add); err != nil {
		return nil, err
	}
	for _, r := range rules {
		if err := checkOperations(r); err != nil {
			return nil, err
		}
	}
	// To remove, no entries mean all of them.
	if s.o.Has("add") && slices.ContainsFunc(rules, func(r resourceRules) bool { return len(r.entries) == 0 }) {
		return nil, options.Misuse("You must specify one of: --allow-principal, --deny-principal when trying to add ACLs.")
	}
	return rules, nil
}

// operations reads --operation. It also reads the principals, whose mistakes come first.
func (s *aclCommand) operations() ([]acl.Operation, error) {
	words := s.o.All("operation")
	if len(words) == 0 {
		words = []string{"All"}
	}
	var out []acl.Operation
	for _, w := range core.Trimmed(words) {
		out = append(out, acl.ParseOperation(w))
	}
	// Their result is thrown away: only their order among the mistakes counts.
	_, err := s.entries(out...)
	return out, err
}

// roles adds what --producer and --consumer stand for.
func (s *aclCommand) roles(add func(acl.Resource, ...acl.Operation) error) error {
	const read, write, describe, create = acl.Read, acl.Write, acl.Describe, acl.Create
	needs := func(role string, t acl.ResourceType, operations ...acl.Operation) error {
		// Each role looks for the resources that it needs among those on the command line.
		if !s.o.Has(role) {
			return nil
		}
		filters, err := s.filters(true)
		for _, f := range filters {
			if f.Type == t && err == nil {
				err = add(f, operations...)
			}
		}
		return err
	}
	if err := needs("producer", acl.Topic, write, describe, create); err != nil {
		return err
	}
	if err := needs("producer", acl.TransactionalID, write, describe); err != nil {
		return err
	}
	// An idempotent producer needs a right on the cluster until 2.8 (KIP-679).
	if s.o.Has("idempotent") {
		cluster := acl.Resource{Type: acl.Cluster, Name: acl.ClusterName, Pattern: acl.Literal}
		if err := add(cluster, acl.IdempotentWrite); err != nil {
			return err
		}
	}
	if err := needs("consumer", acl.Topic, read, describe); err != nil {
		return err
	}
	return needs("consumer", acl.Group, read)
}

// supportedOperations are those that mean something for a type of resource, in the order in which
// the recorded tool named them.
func supportedOperations(t acl.ResourceType) []acl.Operation {
	switch t {
	case acl.Topic:
		return []acl.Operation{acl.All, acl.Delete, acl.Alter, acl.AlterConfigs, acl.Write,
			acl.Create, acl.Read, acl.Describe, acl.DescribeConfigs}
	case acl.Group:
		return []acl.Operation{acl.Read, acl.Describe, acl.Delete, acl.All}
	case acl.Cluster:
		return []acl.Operation{acl.All, acl.Alter, acl.IdempotentWrite, acl.AlterConfigs, acl.ClusterAction,
			acl.Create, acl.Describe, acl.DescribeConfigs}
	case acl.TransactionalID:
		return []acl.Operation{acl.Describe, acl.Write, acl.All}
	}
	// Delegation tokens.
	return []acl.Operation{acl.Describe, acl.All}
}

// checkOperations refuses an operation that the type of resource does not have, and lists those
// that it has.
func checkOperations(r resourceRules) error {
	valid := supportedOperations(r.resource.Type)
	for _, e := range r.entries {
		if !slices.Contains(valid, e.Operation) {
			var names []string
			for _, op := range valid {
				names = append(names, op.String())
			}
			return options.Misuse("ResourceType %s only supports operations %s", r.resource.Type, strings.Join(names, ","))
		}
	}
	return nil
}
