package handler

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/internal/kerr"
)

// noAuthorizer is what the ACL requests are told where no authorizer.class.name is set; with an authorizer this broker does not start.
const noAuthorizer = "No Authorizer is configured on the broker"

// describeACLs answers DescribeAcls, v0-v2 (KIP-140). Rights: Cluster:Describe. Errors: SECURITY_DISABLED.
func describeACLs(context.Context, *Env, *Request) Reply {
	resp := kmsg.NewPtrDescribeACLsResponse()
	resp.ErrorCode, resp.ErrorMessage = securityDisabled(noAuthorizer)
	return Respond(resp)
}

// createACLs answers CreateAcls, v0-v2 (KIP-140). Rights: Cluster:Alter. Errors per ACL: SECURITY_DISABLED. Kafka's decoder does not let
// the value UNKNOWN pass.
func createACLs(_ context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.CreateACLsRequest)
	resp := kmsg.NewPtrCreateACLsResponse()
	for i := range req.Creations {
		c := &req.Creations[i]
		if c.ResourceType == kmsg.ACLResourceTypeUnknown || c.ResourcePatternType == kmsg.ACLResourcePatternTypeUnknown ||
			c.Operation == kmsg.ACLOperationUnknown || c.PermissionType == kmsg.ACLPermissionTypeUnknown {
			return refuse(e, r, fmt.Errorf("ACL %d of CreateAcls has an unknown element", i))
		}
		var result kmsg.CreateACLsResponseResult
		result.ErrorCode, result.ErrorMessage = securityDisabled(noAuthorizer + ".")
		resp.Results = append(resp.Results, result)
	}
	return Respond(resp)
}

// deleteACLs answers DeleteAcls, v0-v2 (KIP-140). Rights: Cluster:Alter. Errors per filter: SECURITY_DISABLED.
func deleteACLs(_ context.Context, _ *Env, r *Request) Reply {
	req := r.Body.(*kmsg.DeleteACLsRequest)
	resp := kmsg.NewPtrDeleteACLsResponse()
	for range req.Filters {
		var result kmsg.DeleteACLsResponseResult
		result.ErrorCode, result.ErrorMessage = securityDisabled(noAuthorizer + ".")
		resp.Results = append(resp.Results, result)
	}
	return Respond(resp)
}

func securityDisabled(message string) (int16, *string) { return kerr.SecurityDisabled.Code, &message }
