package handler

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/coordinator/acl"
	"momus/internal/kerr"
)

// deleteGroups answers DeleteGroups, v0-v2 (KIP-229). Rights: Group:Delete each. Errors per group:
// GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP, those of the coordinator. A group named twice is answered
// once.
func deleteGroups(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.DeleteGroupsRequest)
	resp := kmsg.NewPtrDeleteGroupsResponse()
	seen := make(map[string]bool, len(req.Groups))
	for _, id := range req.Groups {
		if seen[id] {
			continue
		}
		seen[id] = true
		out := kmsg.DeleteGroupsResponseGroup{Group: id, ErrorCode: kerr.GroupAuthorizationFailed.Code}
		if e.allowed(r, acl.Delete, acl.Group, id) {
			out.ErrorCode = kerr.Code(e.Groups.Delete(ctx, id))
		}
		resp.Groups = append(resp.Groups, out)
	}
	return Respond(resp)
}
