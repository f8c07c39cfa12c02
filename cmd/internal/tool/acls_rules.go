package tool

import (
	"slices"
	"strings"

	"momus/internal/model"
)

// patternType reads --resource-pattern-type.
func (s *aclCommand) patternType() (model.PatternType, error) {
	text, err := s.o.one("resource-pattern-type")
	if err != nil {
		return 0, err
	}
	p := model.ParsePatternType(text)
	if p == model.PatternUnknown {
		return 0, &javaError{class: "joptsimple.OptionArgumentConversionException", text: "Cannot parse argument '" + text + "' of option resource-pattern-type",
			cause: &javaError{class: "joptsimple.ValueConversionException", text: "Value [" + text + "] is not one of [ANY|MATCH|LITERAL|PREFIXED]"}}
	}
	return p, nil
}

// filters are the resources that the options name, each once.
func (s *aclCommand) filters(required bool) ([]model.ACLResource, error) {
	pattern, err := s.patternType()
	if err != nil {
		return nil, err
	}
	var out []model.ACLResource
	add := func(t model.ResourceType, names ...string) {
		for _, n := range names {
			if r := (model.ACLResource{Type: t, Name: n, Pattern: pattern}); !slices.Contains(out, r) {
				out = append(out, r)
			}
		}
	}
	add(model.ResourceTopic, trimmed(s.o.all("topic"))...)
	if pattern == model.PatternLiteral && s.o.any("cluster", "idempotent") {
		add(model.ResourceCluster, model.ClusterResource)
	}
	add(model.ResourceGroup, trimmed(s.o.all("group"))...)
	add(model.ResourceTransactionalID, s.o.all("transactional-id")...)
	add(model.ResourceDelegationToken, trimmed(s.o.all("delegation-token"))...)
	if required && len(out) == 0 {
		return nil, misuse("You must provide at least one resource: --topic <topic> or --cluster or --group <group> or --delegation-token <Delegation Token ID>")
	}
	return out, nil
}

func trimmed(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = strings.TrimSpace(w)
	}
	return out
}

// principals reads the values of an option, each once.
func (s *aclCommand) principals(option string) ([]string, error) {
	var out []string
	for _, p := range trimmed(s.o.all(option)) {
		if !strings.Contains(p, ":") {
			return nil, illegalArgument("expected a string in format principalType:principalName but got %s", p)
		}
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out, nil
}

// entries are the ACLs that the options make of operations.
func (s *aclCommand) entries(operations ...model.ACLOperation) ([]model.ACLEntry, error) {
	var out []model.ACLEntry
	for _, kind := range []struct {
		option     string
		permission model.ACLPermission
	}{{"allow", model.PermissionAllow}, {"deny", model.PermissionDeny}} {
		principals, err := s.principals(kind.option + "-principal")
		if err != nil {
			return nil, err
		}
		hosts := []string{"*"}
		if s.o.has(kind.option + "-host") {
			hosts = trimmed(s.o.all(kind.option + "-host"))
		}
		for _, p := range principals {
			for _, op := range operations {
				for _, h := range hosts {
					if e := (model.ACLEntry{Principal: p, Host: h, Operation: op, Permission: kind.permission}); !slices.Contains(out, e) {
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
	if s.o.has("add") {
		if p, err := s.patternType(); err != nil {
			return nil, err
		} else if p != model.PatternLiteral && p != model.PatternPrefixed {
			return nil, misuse("A '--resource-pattern-type' value of '%s' is not valid when adding acls.", p)
		}
	}
	var rules []resourceRules
	add := func(r model.ACLResource, operations ...model.ACLOperation) error {
		entries, err := s.entries(operations...)
		if err != nil {
			return err
		}
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
	if !s.o.any("producer", "consumer") {
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
	if s.o.has("add") && slices.ContainsFunc(rules, func(r resourceRules) bool { return len(r.entries) == 0 }) {
		return nil, misuse("You must specify one of: --allow-principal, --deny-principal when trying to add ACLs.")
	}
	return rules, nil
}

// operations reads --operation. It also reads the principals, whose mistakes come first.
func (s *aclCommand) operations() ([]model.ACLOperation, error) {
	words := s.o.all("operation")
	if len(words) == 0 {
		words = []string{"All"}
	}
	var out []model.ACLOperation
	for _, w := range trimmed(words) {
		out = append(out, model.ParseACLOperation(w))
	}
	_, err := s.entries(out...)
	return out, err
}

// roles adds what --producer and --consumer stand for.
func (s *aclCommand) roles(add func(model.ACLResource, ...model.ACLOperation) error) error {
	const read, write, describe, create = model.OperationRead, model.OperationWrite, model.OperationDescribe, model.OperationCreate
	needs := func(role string, t model.ResourceType, operations ...model.ACLOperation) error {
		if !s.o.has(role) {
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
	if err := needs("producer", model.ResourceTopic, write, describe, create); err != nil {
		return err
	}
	if err := needs("producer", model.ResourceTransactionalID, write, describe); err != nil {
		return err
	}
	if s.o.has("idempotent") {
		cluster := model.ACLResource{Type: model.ResourceCluster, Name: model.ClusterResource, Pattern: model.PatternLiteral}
		if err := add(cluster, model.OperationIdempotentWrite); err != nil {
			return err
		}
	}
	if err := needs("consumer", model.ResourceTopic, read, describe); err != nil {
		return err
	}
	return needs("consumer", model.ResourceGroup, read)
}

// supportedOperations are those that mean something for a type of resource, in the order in which the recorded tool named them.
func supportedOperations(t model.ResourceType) []model.ACLOperation {
	switch t {
	case model.ResourceTopic:
		return []model.ACLOperation{model.OperationAll, model.OperationDelete, model.OperationAlter, model.OperationAlterConfigs, model.OperationWrite,
			model.OperationCreate, model.OperationRead, model.OperationDescribe, model.OperationDescribeConfigs}
	case model.ResourceGroup:
		return []model.ACLOperation{model.OperationRead, model.OperationDescribe, model.OperationDelete, model.OperationAll}
	case model.ResourceCluster:
		return []model.ACLOperation{model.OperationAll, model.OperationAlter, model.OperationIdempotentWrite, model.OperationAlterConfigs, model.OperationClusterAction,
			model.OperationCreate, model.OperationDescribe, model.OperationDescribeConfigs}
	case model.ResourceTransactionalID:
		return []model.ACLOperation{model.OperationDescribe, model.OperationWrite, model.OperationAll}
	}
	return []model.ACLOperation{model.OperationDescribe, model.OperationAll}
}

func checkOperations(r resourceRules) error {
	valid := supportedOperations(r.resource.Type)
	for _, e := range r.entries {
		if !slices.Contains(valid, e.Operation) {
			var names []string
			for _, op := range valid {
				names = append(names, op.String())
			}
			return misuse("ResourceType %s only supports operations %s", r.resource.Type, strings.Join(names, ","))
		}
	}
	return nil
}
