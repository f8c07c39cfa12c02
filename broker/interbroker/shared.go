package interbroker

import (
	"encoding/binary"
	"sync"
	"weak"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/coordinator/controller"
	"momus/internal/model"
)

// sharedRequest is an UpdateMetadata request of which the part that is the same for all its
// receivers was encoded once: a new controller tells every broker about every partition of the
// cluster.
type sharedRequest struct {
	*kmsg.UpdateMetadataRequest // what differs: versions, epochs and the controller; neither partitions nor brokers
	rest                        *sharedBytes
}

type sharedBytes struct{ b []byte }

// firstWithBrokerEpoch is the UpdateMetadata version that added the receiver's epoch.
const firstWithBrokerEpoch = 5

// appendHead appends the fields before those that are shared.
func (r *sharedRequest) appendHead(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(r.ControllerID))
	dst = binary.BigEndian.AppendUint32(dst, uint32(r.ControllerEpoch))
	if r.Version >= firstWithBrokerEpoch {
		dst = binary.BigEndian.AppendUint64(dst, uint64(r.BrokerEpoch))
	}
	return dst
}

// AppendTo implements kmsg.Request.
func (r *sharedRequest) AppendTo(dst []byte) []byte { return append(r.appendHead(dst), r.rest.b...) }

// shareFrom is how many partitions a request must have to be worth it.
const shareFrom = 50

// sharing remembers the encoded part of the latest large UpdateMetadata as long as somebody is
// sending it.
type sharing struct {
	mu         sync.Mutex
	partitions weak.Pointer[controller.UpdateMetadataPartition] // the first of the list, which all receivers' requests have in common
	brokers    weak.Pointer[*model.Broker]
	rest       weak.Pointer[sharedBytes]
}

// updateMetadata makes the wire request.
func (s *sharing) updateMetadata(controllerID int32, listener string, version int16, r *controller.UpdateMetadata) kmsg.Request {
	if len(r.Partitions) < shareFrom || len(r.LiveBrokers) == 0 {
		return EncodeUpdateMetadata(controllerID, listener, version, r)
	}
	head := kmsg.NewPtrUpdateMetadataRequest()
	head.Version, head.ControllerID, head.ControllerEpoch, head.BrokerEpoch = version, controllerID, r.ControllerEpoch, r.BrokerEpoch
	req := &sharedRequest{UpdateMetadataRequest: head}
	partitions, brokers := weak.Make(&r.Partitions[0]), weak.Make(&r.LiveBrokers[0])
	s.mu.Lock()
	defer s.mu.Unlock()
	// Weak pointers are equal as long as they come from the same object, also when it is gone: an
	// address that is used again does not deceive them.
	if s.partitions == partitions && s.brokers == brokers {
		req.rest = s.rest.Value()
	}
	if req.rest == nil {
		whole := EncodeUpdateMetadata(controllerID, listener, version, r).AppendTo(nil)
		// The head's length depends on the version alone, so that what is behind it can be cut off.
		req.rest = &sharedBytes{whole[len(req.appendHead(nil)):]}
		s.partitions, s.brokers, s.rest = partitions, brokers, weak.Make(req.rest)
	}
	return req
}
