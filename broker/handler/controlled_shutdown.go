package handler

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/storage/kerr"
)

// controlledShutdown answers ControlledShutdown, v0-v3: v2 broker epoch (KIP-380), v3 compact encoding. A broker asks the controller to
// move its leaderships elsewhere before it stops; the answer lists the partitions that it still leads. Cluster:ClusterAction.
//
// Errors: STALE_CONTROLLER_EPOCH (not the active controller), STALE_BROKER_EPOCH, BROKER_NOT_AVAILABLE (unknown broker, no epoch given),
// UNKNOWN_SERVER_ERROR (unknown broker).
func controlledShutdown(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.ControlledShutdownRequest)
	resp := kmsg.NewPtrControlledShutdownResponse()
	epoch := int64(-1)
	if r.Version >= 2 {
		epoch = req.BrokerEpoch
	}
	remaining, err := e.Controller.ControlledShutdown(ctx, req.BrokerID, epoch)
	resp.ErrorCode = kerr.Code(err)
	for _, tp := range remaining {
		p := kmsg.NewControlledShutdownResponsePartitionsRemaining()
		p.Topic, p.Partition = tp.Topic, tp.Partition
		resp.PartitionsRemaining = append(resp.PartitionsRemaining, p)
	}
	return Respond(resp)
}
