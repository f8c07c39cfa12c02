package handler

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/internal/kerr"
)

// controlledShutdown answers ControlledShutdown, v0-v3: the controller moves the leaderships of a
// broker to others before it stops. v0 has a request header without client id, v2 added the broker
// epoch (KIP-380), v3 is flexible. Rights: Cluster:ClusterAction. Errors: STALE_CONTROLLER_EPOCH
// (not the active controller), STALE_BROKER_EPOCH, BROKER_NOT_AVAILABLE or, with an epoch,
// UNKNOWN_SERVER_ERROR (the broker is not registered). The partitions in the answer are those that
// the broker still leads.
func controlledShutdown(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.ControlledShutdownRequest)
	epoch := int64(-1)
	// -1 is "does not know its epoch", with which an unregistered broker gets another code.
	if r.Version >= 2 {
		epoch = req.BrokerEpoch
	}
	resp := kmsg.NewPtrControlledShutdownResponse()
	remaining, err := e.Controller.ControlledShutdown(ctx, req.BrokerID, epoch)
	resp.ErrorCode = kerr.Code(err)
	for _, tp := range remaining {
		p := kmsg.NewControlledShutdownResponsePartitionsRemaining()
		p.Topic, p.Partition = tp.Topic, tp.Partition
		resp.PartitionsRemaining = append(resp.PartitionsRemaining, p)
	}
	return Respond(resp)
}
