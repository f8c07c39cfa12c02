package handler

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/replica"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/storage/record"
)

// writeTxnMarkers answers WriteTxnMarkers, v0, from transaction coordinators: it appends the marker
// that ends a producer's transaction to each partition and answers when the in-sync replicas have
// all of them. In partitions of the offsets topic the offsets that the producer committed in the
// transaction are then applied or dropped. Rights: Cluster:ClusterAction. Errors stand at each
// partition: UNKNOWN_TOPIC_OR_PARTITION if it is not on this broker,
// UNSUPPORTED_FOR_MESSAGE_FORMAT, INVALID_PRODUCER_EPOCH and TRANSACTION_COORDINATOR_FENCED for
// what is older than known, and those of Produce.
func writeTxnMarkers(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.WriteTxnMarkersRequest)
	refused := e.transactionsRefused()
	var w markerWriter
	nowMs := e.Now().UnixMilli()
	resp := kmsg.NewPtrWriteTxnMarkersResponse()
	resp.Markers = answers(req.Markers, func(m *kmsg.WriteTxnMarkersRequestMarker, out *kmsg.WriteTxnMarkersResponseMarker) {
		out.ProducerID = m.ProducerID
		out.Topics = answers(m.Topics, func(t *kmsg.WriteTxnMarkersRequestMarkerTopic, out *kmsg.WriteTxnMarkersResponseMarkerTopic) {
			out.Topic = t.Topic
			out.Partitions = answers(t.Partitions, func(p *int32, slot *kmsg.WriteTxnMarkersResponseMarkerTopicPartition) {
				slot.Partition = *p
				tp := model.TopicPartition{Topic: t.Topic, Partition: *p}
				// The leader epoch is not in the request: a coordinator with old metadata reaches a
				// follower, whose append says NOT_LEADER_FOR_PARTITION, and tries again.
				magic, hosted := e.HostedFormat(tp)
				switch {
				case refused:
					slot.ErrorCode = kerr.UnsupportedVersion.Code
				case !hosted:
					slot.ErrorCode = kerr.UnknownTopicOrPartition.Code
				case magic < record.Magic2:
					slot.ErrorCode = kerr.UnsupportedForMessageFormat.Code
				default:
					w.entries = append(w.entries, replica.AppendEntry{
						TP: tp, Records: record.ControlBatch(m.ProducerID, m.ProducerEpoch, m.CoordinatorEpoch, m.Committed, nowMs),
					})
					w.slots = append(w.slots, markerSlot{code: &slot.ErrorCode, producerID: m.ProducerID, commit: m.Committed})
				}
			})
		})
	})
	w.write(ctx, e)
	return Respond(resp)
}

// markerWriter appends markers.
type markerWriter struct {
	entries []replica.AppendEntry
	slots   []markerSlot // one per entry
}

type markerSlot struct {
	code       *int16 // where the outcome goes
	producerID int64
	commit     bool
}

// write appends the markers of all partitions with acks=all and waits. A marker in the offsets
// topic makes the offsets of its transaction count, once it is durable.
func (w *markerWriter) write(ctx context.Context, e *Env) {
	if len(w.entries) == 0 {
		return
	}
	appended := e.Data.Append(w.entries, -1, record.OriginCoordinator)
	for i, res := range appended.Wait(ctx, time.Duration(e.Settings().RequestTimeoutMs)*time.Millisecond) {
		s := &w.slots[i]
		*s.code = kerr.Code(res.Err)
		// After a time-out the marker may still become durable. The coordinator sends it again, and
		// the second one, which ends no transaction, makes the offsets count.
		if res.Err == nil && res.TP.Topic == model.OffsetsTopic {
			e.Groups.OnTransactionCompleted(res.TP.Partition, s.producerID, s.commit)
		}
	}
}
