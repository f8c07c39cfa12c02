package handler

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/coordinator/acl"
	"momus/internal/kerr"
)

// listGroups answers ListGroups, v0-v3: the groups of this broker. Rights: Cluster:Describe shows
// all, else those with Group:Describe. COORDINATOR_LOAD_IN_PROGRESS comes with the groups that are
// loaded.
func listGroups(ctx context.Context, e *Env, r *Request) Reply {
	result := e.Groups.List(ctx)
	resp := kmsg.NewPtrListGroupsResponse()
	resp.ErrorCode = kerr.Code(result.Err)
	// Without the right to the cluster a group that may not be seen is left out, without an error:
	// nobody learns that it exists.
	all := e.allowed(r, acl.Describe, acl.Cluster, acl.ClusterName)
	for _, g := range result.Groups {
		if all || e.allowed(r, acl.Describe, acl.Group, g.Group) {
			resp.Groups = append(resp.Groups, kmsg.ListGroupsResponseGroup{Group: g.Group, ProtocolType: g.ProtocolType})
		}
	}
	return Respond(resp)
}
