package handler

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/coordinator/acl"
	"momus/internal/kerr"
)

// describeGroups answers DescribeGroups, v0-v5. v3 added authorized operations (KIP-430), v4
// instance ids. Rights: Group:Describe each. An unknown group is "Dead" without an error; protocol,
// metadata and assignment are those of a Stable group only.
func describeGroups(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.DescribeGroupsRequest)
	resp := kmsg.NewPtrDescribeGroupsResponse()
	resp.Groups = make([]kmsg.DescribeGroupsResponseGroup, len(req.Groups))
	for i, id := range req.Groups {
		out := kmsg.NewDescribeGroupsResponseGroup()
		out.Group = id
		if e.allowed(r, acl.Describe, acl.Group, id) {
			e.describeGroup(ctx, r, req, &out)
		} else {
			out.ErrorCode = kerr.GroupAuthorizationFailed.Code
		}
		resp.Groups[i] = out
	}
	return Respond(resp)
}

// describeGroup fills in one group; its bytes of members are never null, which old clients cannot
// read.
func (e *Env) describeGroup(ctx context.Context, r *Request, req *kmsg.DescribeGroupsRequest, out *kmsg.DescribeGroupsResponseGroup) {
	d := e.Groups.Describe(ctx, out.Group)
	out.ErrorCode = kerr.Code(d.Err)
	out.State, out.ProtocolType, out.Protocol = d.State, d.ProtocolType, d.Protocol
	out.Members = make([]kmsg.DescribeGroupsResponseGroupMember, len(d.Members))
	for i, m := range d.Members {
		out.Members[i] = kmsg.DescribeGroupsResponseGroupMember{
			MemberID: m.MemberID, InstanceID: m.InstanceID, ClientID: m.ClientID, ClientHost: m.ClientHost,
			ProtocolMetadata: notNil(m.Metadata), MemberAssignment: notNil(m.Assignment),
		}
	}
	if req.IncludeAuthorizedOperations && d.Err == nil {
		out.AuthorizedOperations = e.authorizedOperations(r, groupOperations, acl.Group, out.Group)
	}
}
