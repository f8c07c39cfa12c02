package handler

import (
	"context"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/coordinator/acl"
	"momus/coordinator/admin"
	"momus/internal/kerr"
)

// noAuthorizer is what the ACL requests are told where no authorizer.class.name is set.
const noAuthorizer = "No Authorizer is configured on the broker"

// securityDisabled is the answer where there is no authorizer. Kafka's text ends in a full stop for
// Create and Delete, and without one for Describe.
func securityDisabled(message string) (int16, *string) { return kerr.SecurityDisabled.Code, &message }

// describeACLs answers DescribeAcls, v0-v2 (KIP-140): the ACLs that a filter selects, by resource.
// v1 added pattern types (KIP-290), before which there are literal ones only. Rights:
// Cluster:Describe. Errors: SECURITY_DISABLED, CLUSTER_AUTHORIZATION_FAILED.
func describeACLs(_ context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.DescribeACLsRequest)
	resp := kmsg.NewPtrDescribeACLsResponse()
	if e.Authorizer == nil {
		resp.ErrorCode, resp.ErrorMessage = securityDisabled(noAuthorizer)
		return Respond(resp)
	}
	none := ""
	resp.ErrorMessage = &none
	f := acl.Filter{
		Type: knownResource(req.ResourceType), Name: req.ResourceName, Pattern: knownPattern(req.ResourcePatternType),
		Principal: req.Principal, Host: req.Host, Operation: knownOperation(req.Operation), Permission: knownPermission(req.PermissionType),
	}
	e.Authorizer.Each(f, func(of acl.Resource, entries []acl.Entry) {
		// v0 has no field for the pattern: a prefixed ACL would read as one for a resource of just
		// that name.
		if r.Version == 0 && of.Pattern != acl.Literal {
			return
		}
		out := kmsg.NewDescribeACLsResponseResource()
		out.ResourceType, out.ResourceName = kmsg.ACLResourceType(of.Type), of.Name
		out.ResourcePatternType = kmsg.ACLResourcePatternType(of.Pattern)
		for _, a := range entries {
			out.ACLs = append(out.ACLs, kmsg.DescribeACLsResponseResourceACL{
				Principal: a.Principal, Host: a.Host, Operation: kmsg.ACLOperation(a.Operation), PermissionType: kmsg.ACLPermissionType(a.Permission),
			})
		}
		resp.Resources = append(resp.Resources, out)
	})
	return Respond(resp)
}

// wellFormedCreations refuses the value UNKNOWN, which Kafka's decoder does not let pass.
func wellFormedCreations(body kmsg.Request) error {
	for i, c := range body.(*kmsg.CreateACLsRequest).Creations {
		if c.ResourceType == kmsg.ACLResourceTypeUnknown || c.ResourcePatternType == kmsg.ACLResourcePatternTypeUnknown ||
			c.Operation == kmsg.ACLOperationUnknown || c.PermissionType == kmsg.ACLPermissionTypeUnknown {
			return fmt.Errorf("ACL %d of CreateAcls has an unknown element", i)
		}
	}
	return nil
}

// createACLs answers CreateAcls, v0-v2 (KIP-140), when this broker obeys the ACLs. v1 added pattern
// types (KIP-290), v0 means literal ones. Rights: Cluster:Alter. Errors per ACL: SECURITY_DISABLED,
// CLUSTER_AUTHORIZATION_FAILED, INVALID_REQUEST (the name of a resource, values that do not exist),
// UNKNOWN_SERVER_ERROR (a principal without a type, a name with a slash); an ACL that has a value
// for filters only gives all of them UNKNOWN_SERVER_ERROR. That an ACL is there already is no
// error.
func createACLs(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.CreateACLsRequest)
	var bindings []acl.Binding
	var errs []error
	if err := filterValue(req); err != nil {
		errs = slices.Repeat([]error{err}, len(req.Creations))
	} else if e.Authorizer != nil {
		errs = make([]error, len(req.Creations))
		var slots []int // of bindings, in errs
		for i := range req.Creations {
			c := &req.Creations[i]
			if errs[i] = checkResourceName(c); errs[i] == nil {
				bindings, slots = append(bindings, binding(c)), append(slots, i)
			}
		}
		// All go to the authorizer in one call, so that the ACLs of one resource are one write to
		// ZooKeeper, not one each.
		for j, err := range e.Authorizer.Create(ctx, bindings) {
			errs[slots[j]] = err
		}
	}
	resp := kmsg.NewPtrCreateACLsResponse()
	for i := range req.Creations {
		var result kmsg.CreateACLsResponseResult
		if e.Authorizer == nil {
			result.ErrorCode, result.ErrorMessage = securityDisabled(noAuthorizer + ".")
		} else {
			result.ErrorCode, result.ErrorMessage = aclError(errs[i])
			if errs[i] != nil {
				e.logFailure("ACL was not created", req.Creations[i].ResourceName, errs[i])
			}
		}
		resp.Results = append(resp.Results, result)
	}
	return Respond(resp)
}

// aclError is an outcome as CreateAcls tells it: success has an empty text.
func aclError(err error) (int16, *string) {
	text := ""
	if err != nil {
		text = admin.Message(err)
	}
	return kerr.Code(err), &text
}

// filterValue finds values that only filters may have. Kafka fails to build such ACLs, and with it
// the whole request.
func filterValue(req *kmsg.CreateACLsRequest) error {
	refuse := func(text string) error {
		return &admin.Error{Kind: kerr.UnknownServerError, Message: text}
	}
	for i := range req.Creations {
		switch b := binding(&req.Creations[i]); {
		case b.Resource.Type == acl.AnyResource:
			return refuse("resourceType must not be ANY")
		case b.Resource.Pattern == acl.AnyPattern, b.Resource.Pattern == acl.Match:
			return refuse("patternType must not be " + b.Resource.Pattern.String())
		case b.Entry.Operation == acl.AnyOperation:
			return refuse("operation must not be ANY")
		case b.Entry.Permission == acl.AnyPermission:
			return refuse("permissionType must not be ANY")
		}
	}
	return nil
}

// checkResourceName refuses names that no resource has.
func checkResourceName(c *kmsg.CreateACLsRequestCreation) error {
	switch {
	case c.ResourceType == kmsg.ACLResourceTypeCluster && c.ResourceName != acl.ClusterName:
		return &admin.Error{Kind: kerr.InvalidRequest, Message: "The only valid name for the CLUSTER resource is " + acl.ClusterName}
	case c.ResourceName == "":
		return &admin.Error{Kind: kerr.InvalidRequest, Message: "Invalid empty resource name"}
	}
	return nil
}

// binding is an entry of the request as the authorizer keeps it. Numbers that 2.5 does not know
// become UNKNOWN, which the authorizer refuses; names are not checked here.
func binding(c *kmsg.CreateACLsRequestCreation) acl.Binding {
	return acl.Binding{
		Resource: acl.Resource{Type: knownResource(c.ResourceType), Name: c.ResourceName, Pattern: knownPattern(c.ResourcePatternType)},
		Entry:    acl.Entry{Principal: c.Principal, Host: c.Host, Operation: knownOperation(c.Operation), Permission: knownPermission(c.PermissionType)},
	}
}

// deleteACLs answers DeleteAcls, v0-v2 (KIP-140): what each filter selects is removed. v1 added
// pattern types (KIP-290). Rights: Cluster:Alter. Errors per filter: SECURITY_DISABLED,
// CLUSTER_AUTHORIZATION_FAILED; per ACL what ZooKeeper says. An ACL that several filters select is
// named under the first.
func deleteACLs(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.DeleteACLsRequest)
	resp := kmsg.NewPtrDeleteACLsResponse()
	if e.Authorizer == nil {
		for range req.Filters {
			var result kmsg.DeleteACLsResponseResult
			result.ErrorCode, result.ErrorMessage = securityDisabled(noAuthorizer + ".")
			resp.Results = append(resp.Results, result)
		}
		return Respond(resp)
	}
	filters := make([]acl.Filter, len(req.Filters))
	for i, f := range req.Filters {
		filters[i] = acl.Filter{
			Type: knownResource(f.ResourceType), Name: f.ResourceName, Pattern: knownPattern(f.ResourcePatternType),
			Principal: f.Principal, Host: f.Host, Operation: knownOperation(f.Operation), Permission: knownPermission(f.PermissionType),
		}
	}
	for _, deleted := range e.Authorizer.Delete(ctx, filters) {
		var result kmsg.DeleteACLsResponseResult
		for i := range deleted {
			result.MatchingACLs = append(result.MatchingACLs, matchingACL(&deleted[i]))
		}
		resp.Results = append(resp.Results, result)
	}
	return Respond(resp)
}

// matchingACL is an ACL that was deleted, or that a filter found and that could not be deleted,
// with the error.
func matchingACL(d *acl.Deleted) kmsg.DeleteACLsResponseResultMatchingACL {
	m := kmsg.NewDeleteACLsResponseResultMatchingACL()
	if d.Err != nil {
		m.ErrorCode, m.ErrorMessage = kerr.Code(d.Err), message(d.Err)
	}
	m.ResourceType, m.ResourceName = kmsg.ACLResourceType(d.Resource.Type), d.Resource.Name
	m.ResourcePatternType = kmsg.ACLResourcePatternType(d.Resource.Pattern)
	m.Principal, m.Host = d.Entry.Principal, d.Entry.Host
	m.Operation, m.PermissionType = kmsg.ACLOperation(d.Entry.Operation), kmsg.ACLPermissionType(d.Entry.Permission)
	return m
}

func knownResource(t kmsg.ACLResourceType) acl.ResourceType {
	return known(t, acl.DelegationToken, acl.UnknownResource)
}

func knownPattern(t kmsg.ACLResourcePatternType) acl.PatternType {
	return known(t, acl.Prefixed, acl.UnknownPattern)
}

func knownOperation(o kmsg.ACLOperation) acl.Operation {
	return known(o, acl.IdempotentWrite, acl.UnknownOperation)
}

func knownPermission(p kmsg.ACLPermissionType) acl.Permission {
	return known(p, acl.Allow, acl.UnknownPermission)
}

// known is a number of the wire in our type. Those above the last that Kafka 2.5 knows are all the
// same to it: unknown.
func known[W, T ~int8](number W, last, unknown T) T {
	if number < 0 || T(number) > last {
		return unknown
	}
	return T(number)
}
