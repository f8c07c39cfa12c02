package handler

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/coordinator/acl"
	"momus/coordinator/group"
	"momus/internal/kerr"
)

// syncGroup answers SyncGroup, v0-v5, when the leader's assignment is durable. v3 added instance
// ids (KIP-345), v5 protocol type and name, which must then be given. Rights: Group:Read.
func syncGroup(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.SyncGroupRequest)
	var result group.SyncResult
	switch {
	case e.staticRefused(req.InstanceID):
		result.Err = kerr.UnsupportedVersion
	case req.Version >= 5 && (req.ProtocolType == nil || req.Protocol == nil):
		result.Err = kerr.InconsistentGroupProtocol
	case !e.allowed(r, acl.Read, acl.Group, req.Group):
		result.Err = kerr.GroupAuthorizationFailed
	default:
		s := &group.SyncRequest{
			Group: req.Group, Generation: req.Generation, MemberID: req.MemberID, InstanceID: req.InstanceID,
			ProtocolType: req.ProtocolType, Protocol: req.Protocol,
			Assignments: make([]group.MemberAssignment, len(req.GroupAssignment)),
		}
		for i, a := range req.GroupAssignment {
			s.Assignments[i] = group.MemberAssignment{MemberID: a.MemberID, Assignment: a.MemberAssignment}
		}
		result = e.Groups.Sync(ctx, s)
	}
	resp := kmsg.NewPtrSyncGroupResponse()
	resp.ErrorCode = kerr.Code(result.Err)
	resp.ProtocolType, resp.Protocol = result.ProtocolType, result.Protocol
	resp.MemberAssignment = notNil(result.Assignment)
	return Respond(resp)
}
