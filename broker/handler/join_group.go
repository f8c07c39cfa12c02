package handler

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/coordinator/acl"
	"momus/coordinator/group"
	"momus/internal/kerr"
)

// joinGroup answers JoinGroup, v0-v7, when the round is complete. v1 added the rebalance timeout
// (before: the session timeout), v4 the member id that must be known (KIP-394), v5 instance ids
// (KIP-345), v7 the protocol type in the answer and a nullable protocol. Rights: Group:Read.
func joinGroup(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.JoinGroupRequest)
	var result group.JoinResult
	switch {
	case e.staticRefused(req.InstanceID):
		result = group.JoinResult{Err: kerr.UnsupportedVersion, Generation: -1}
	case !e.allowed(r, acl.Read, acl.Group, req.Group):
		result = group.JoinResult{Err: kerr.GroupAuthorizationFailed, Generation: -1}
	default:
		result = e.Groups.Join(ctx, joinRequest(req, r))
	}
	resp := kmsg.NewPtrJoinGroupResponse()
	resp.ErrorCode = kerr.Code(result.Err)
	resp.Generation = result.Generation
	resp.ProtocolType = result.ProtocolType
	resp.Protocol = result.Protocol
	// Before v7 the protocol is not nullable, and an error has "" there.
	if req.Version < 7 {
		protocol := orEmpty(result.Protocol)
		resp.Protocol = &protocol
	}
	resp.LeaderID, resp.MemberID = result.Leader, result.MemberID
	resp.Members = make([]kmsg.JoinGroupResponseMember, len(result.Members))
	for i, m := range result.Members {
		resp.Members[i] = kmsg.JoinGroupResponseMember{MemberID: m.MemberID, InstanceID: m.InstanceID, ProtocolMetadata: notNil(m.Metadata)}
	}
	return Respond(resp)
}

// joinRequest translates the request: v0 has one time-out for both purposes, and from v4 on a
// member without instance id must know its id before it is let in (KIP-394).
func joinRequest(req *kmsg.JoinGroupRequest, r *Request) *group.JoinRequest {
	j := &group.JoinRequest{
		Group: req.Group, MemberID: req.MemberID, InstanceID: req.InstanceID,
		ClientID: joinClientID(r), ClientHost: r.ClientHost(),
		RequireKnownMember: req.Version >= 4 && req.InstanceID == nil,
		RebalanceTimeoutMs: req.RebalanceTimeoutMillis, SessionTimeoutMs: req.SessionTimeoutMillis,
		ProtocolType: req.ProtocolType, Protocols: make([]group.Protocol, len(req.Protocols)),
	}
	if req.Version == 0 {
		j.RebalanceTimeoutMs = req.SessionTimeoutMillis
	}
	for i, p := range req.Protocols {
		j.Protocols[i] = group.Protocol{Name: p.Name, Metadata: p.Metadata}
	}
	return j
}

// joinClientID is the client id in member ids and group metadata: Java's text for null.
func joinClientID(r *Request) string {
	if r.ClientID == nil {
		return "null"
	}
	return r.ClientIDString()
}
