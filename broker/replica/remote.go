package replica

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/interbroker"
	"momus/internal/kerr"
	"momus/internal/model"
)

// Requester sends a request to one broker and waits for its response: an interbroker.Client.
type Requester interface {
	Do(ctx context.Context, req kmsg.Request) (kmsg.Response, error)
	Close() error
}

// RemoteOptions configure a Remote.
type RemoteOptions struct {
	BrokerID int32 // our own, the replica id of the requests
	Client   Requester
	Versions interbroker.Versions
	Settings func() Settings
}

// Remote is a leader on another broker, reached over the wire, with an incremental fetch session
// (KIP-227) from Fetch v7 on.
type Remote struct {
	opts    RemoteOptions
	session struct {
		id, epoch int32
		sent      map[model.TopicPartition]ReplicaFetch // what the leader's session has
	}
}

// NewRemote makes a LeaderEndpoint over client, which it closes in the end.
func NewRemote(opts RemoteOptions) *Remote {
	r := &Remote{opts: opts}
	r.session.sent = map[model.TopicPartition]ReplicaFetch{}
	return r
}

// firstVersionWithSessions is the Fetch version that began incremental sessions.
const firstVersionWithSessions = 7

// Fetch implements LeaderEndpoint.
func (r *Remote) Fetch(ctx context.Context, partitions []ReplicaFetch, maxWait time.Duration) ([]ReplicaData, error) {
	req, next := r.fetchRequest(partitions, maxWait)
	answer, err := r.opts.Client.Do(ctx, req)
	if err != nil {
		r.session.epoch = 0 // the next is full, and ends the old session
		return nil, err
	}
	resp, ok := answer.(*kmsg.FetchResponse)
	if !ok {
		return nil, fmt.Errorf("fetch: unexpected response %T", answer)
	}
	if err := r.sessionAnswered(req, resp, next); err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	var data []ReplicaData
	for i := range resp.Topics {
		t := &resp.Topics[i]
		for j := range t.Partitions {
			p := &t.Partitions[j]
			d := ReplicaData{TP: model.TopicPartition{Topic: t.Topic, Partition: p.Partition}, HighWatermark: p.HighWatermark,
				LogStartOffset: p.LogStartOffset, Records: p.RecordBatches}
			if e := kerr.ForCode(p.ErrorCode); e != nil {
				d.Err = e
			}
			if req.Version < 5 {
				d.LogStartOffset = unknownOffset
			}
			data = append(data, d)
		}
	}
	return data, nil
}

// fetchRequest builds the request: everything in a new or no session, else what has changed. next
// is what the session will have.
func (r *Remote) fetchRequest(partitions []ReplicaFetch, maxWait time.Duration) (*kmsg.FetchRequest, map[model.TopicPartition]ReplicaFetch) {
	c := r.opts.Settings()
	req := kmsg.NewPtrFetchRequest()
	req.SetVersion(r.opts.Versions.Fetch)
	req.ReplicaID = r.opts.BrokerID
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes = int32(maxWait.Milliseconds()), c.FetchMinBytes, c.FetchResponseMaxBytes
	req.SessionID, req.SessionEpoch = r.session.id, r.session.epoch
	incremental := req.Version >= firstVersionWithSessions && r.session.epoch > 0
	next := r.session.sent
	if !incremental {
		next = make(map[model.TopicPartition]ReplicaFetch, len(partitions))
	}
	topics := model.ByTopic[kmsg.FetchRequestTopic]{New: func(topic string) kmsg.FetchRequestTopic { return kmsg.FetchRequestTopic{Topic: topic} }}
	wanted := 0
	for _, p := range partitions {
		wanted++
		if incremental {
			if sent, ok := next[p.TP]; ok && sent == p {
				continue
			}
		}
		next[p.TP] = p
		part := kmsg.NewFetchRequestTopicPartition()
		part.Partition, part.FetchOffset, part.LogStartOffset = p.TP.Partition, p.Offset, p.LogStartOffset
		part.CurrentLeaderEpoch, part.PartitionMaxBytes = p.CurrentLeaderEpoch, c.FetchMaxBytes
		topic := topics.Entry(p.TP.Topic)
		topic.Partitions = append(topic.Partitions, part)
	}
	req.Topics = topics.List
	if incremental && len(next) > wanted {
		r.forget(req, partitions)
	}
	return req, next
}

// forget takes partitions out of the session that are no longer wanted.
func (r *Remote) forget(req *kmsg.FetchRequest, partitions []ReplicaFetch) {
	wanted := make(map[model.TopicPartition]struct{}, len(partitions))
	for _, p := range partitions {
		wanted[p.TP] = struct{}{}
	}
	topics := model.ByTopic[kmsg.FetchRequestForgottenTopic]{New: func(topic string) kmsg.FetchRequestForgottenTopic {
		return kmsg.FetchRequestForgottenTopic{Topic: topic}
	}}
	for tp := range r.session.sent {
		if _, ok := wanted[tp]; ok {
			continue
		}
		delete(r.session.sent, tp)
		topic := topics.Entry(tp.Topic)
		topic.Partitions = append(topic.Partitions, tp.Partition)
	}
	req.ForgottenTopics = topics.List
}

// sessionAnswered moves the session on.
func (r *Remote) sessionAnswered(req *kmsg.FetchRequest, resp *kmsg.FetchResponse, sent map[model.TopicPartition]ReplicaFetch) error {
	if req.Version < firstVersionWithSessions {
		return nil
	}
	s := &r.session
	if e := kerr.ForCode(resp.ErrorCode); e != nil {
		if e == kerr.FetchSessionIDNotFound {
			s.id = 0
		}
		s.epoch = 0
		return e
	}
	switch {
	case resp.SessionID == 0: // the leader has no place for a session
		s.id, s.epoch = 0, 0
	case s.epoch == 0 || s.id != resp.SessionID:
		s.id, s.epoch = resp.SessionID, 1
	case s.epoch == 1<<31-1:
		s.epoch = 1
	default:
		s.epoch++
	}
	s.sent = sent
	return nil
}

// EndOffsets implements LeaderEndpoint.
func (r *Remote) EndOffsets(ctx context.Context, queries []EpochQuery) ([]EpochAnswer, error) {
	answers := make([]EpochAnswer, len(queries))
	if !r.opts.Versions.TruncateByEpoch {
		for i := range answers {
			answers[i] = EpochAnswer{Epoch: model.NoEpoch, EndOffset: unknownOffset} // truncate to the high watermark
		}
		return answers, nil
	}
	req := kmsg.NewPtrOffsetForLeaderEpochRequest()
	req.SetVersion(r.opts.Versions.OffsetForLeaderEpoch)
	req.ReplicaID = r.opts.BrokerID
	topics := model.ByTopic[kmsg.OffsetForLeaderEpochRequestTopic]{New: func(topic string) kmsg.OffsetForLeaderEpochRequestTopic {
		return kmsg.OffsetForLeaderEpochRequestTopic{Topic: topic}
	}}
	at := map[model.TopicPartition]int{}
	for n, q := range queries {
		at[q.TP] = n
		answers[n].Err = kerr.UnknownServerError // in case it is not in the answer
		p := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
		p.Partition, p.CurrentLeaderEpoch, p.LeaderEpoch = q.TP.Partition, q.CurrentLeaderEpoch, q.LeaderEpoch
		topic := topics.Entry(q.TP.Topic)
		topic.Partitions = append(topic.Partitions, p)
	}
	req.Topics = topics.List
	answer, err := r.opts.Client.Do(ctx, req)
	if err != nil {
		return nil, err
	}
	resp, ok := answer.(*kmsg.OffsetForLeaderEpochResponse)
	if !ok {
		return nil, fmt.Errorf("offset for leader epoch: unexpected response %T", answer)
	}
	for i := range resp.Topics {
		for _, p := range resp.Topics[i].Partitions {
			n, ok := at[model.TopicPartition{Topic: resp.Topics[i].Topic, Partition: p.Partition}]
			if !ok {
				continue
			}
			answers[n] = EpochAnswer{Epoch: p.LeaderEpoch, EndOffset: p.EndOffset}
			if req.Version < 1 {
				answers[n].Epoch = model.NoEpoch
			}
			if e := kerr.ForCode(p.ErrorCode); e != nil {
				answers[n].Err = e
			}
		}
	}
	return answers, nil
}

// Offset implements LeaderEndpoint.
func (r *Remote) Offset(ctx context.Context, tp model.TopicPartition, currentLeaderEpoch int32, timestamp int64) (int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.SetVersion(r.opts.Versions.ListOffsets)
	req.ReplicaID = r.opts.BrokerID
	p := kmsg.NewListOffsetsRequestTopicPartition()
	p.Partition, p.CurrentLeaderEpoch, p.Timestamp, p.MaxNumOffsets = tp.Partition, currentLeaderEpoch, timestamp, 1
	req.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: tp.Topic, Partitions: []kmsg.ListOffsetsRequestTopicPartition{p}}}
	answer, err := r.opts.Client.Do(ctx, req)
	if err != nil {
		return 0, err
	}
	resp, ok := answer.(*kmsg.ListOffsetsResponse)
	if !ok || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return 0, fmt.Errorf("list offsets of %s: unexpected response", tp)
	}
	got := resp.Topics[0].Partitions[0]
	if e := kerr.ForCode(got.ErrorCode); e != nil {
		return 0, e
	}
	if req.Version == 0 {
		if len(got.OldStyleOffsets) == 0 {
			return 0, fmt.Errorf("list offsets of %s: empty answer", tp)
		}
		return got.OldStyleOffsets[0], nil
	}
	return got.Offset, nil
}

// Close implements LeaderEndpoint.
func (r *Remote) Close() error { return r.opts.Client.Close() }
