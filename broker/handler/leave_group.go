package handler

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/coordinator/acl"
	"momus/coordinator/group"
	"momus/internal/kerr"
)

// leaveGroup answers LeaveGroup, v0-v4. Up to v2 one member leaves and its error is at the top;
// from v3 on a list of members, named by member id or instance id, each with its own error
// (KIP-345). Rights: Group:Read.
func leaveGroup(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.LeaveGroupRequest)
	l := &group.LeaveRequest{Group: req.Group}
	if req.Version < 3 {
		l.Members = []group.LeavingMember{{MemberID: req.MemberID}}
	}
	for _, m := range req.Members {
		l.Members = append(l.Members, group.LeavingMember{MemberID: m.MemberID, InstanceID: m.InstanceID})
	}
	result := group.LeaveResult{Err: kerr.GroupAuthorizationFailed}
	if e.allowed(r, acl.Read, acl.Group, req.Group) {
		result = e.Groups.Leave(ctx, l)
	}
	resp := kmsg.NewPtrLeaveGroupResponse()
	resp.ErrorCode = kerr.Code(result.Err)
	// Up to v2 there is one member, whose error is that of the whole; an error of the whole comes
	// without members.
	for _, m := range result.Members {
		if req.Version < 3 {
			resp.ErrorCode = kerr.Code(m.Err)
			break
		}
		resp.Members = append(resp.Members, kmsg.LeaveGroupResponseMember{MemberID: m.MemberID, InstanceID: m.InstanceID, ErrorCode: kerr.Code(m.Err)})
	}
	return Respond(resp)
}
