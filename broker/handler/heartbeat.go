package handler

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/coordinator/acl"
	"momus/coordinator/group"
	"momus/internal/kerr"
)

// heartbeat answers Heartbeat, v0-v4. v3 added instance ids (KIP-345). Rights: Group:Read.
func heartbeat(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.HeartbeatRequest)
	resp := kmsg.NewPtrHeartbeatResponse()
	switch {
	case e.staticRefused(req.InstanceID):
		resp.ErrorCode = kerr.UnsupportedVersion.Code
	case !e.allowed(r, acl.Read, acl.Group, req.Group):
		resp.ErrorCode = kerr.GroupAuthorizationFailed.Code
	default:
		resp.ErrorCode = kerr.Code(e.Groups.Heartbeat(ctx, &group.HeartbeatRequest{
			Group: req.Group, Generation: req.Generation, MemberID: req.MemberID, InstanceID: req.InstanceID,
		}))
	}
	return Respond(resp)
}
