package handler

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"momus/broker/fetchsession"
	"momus/broker/network"
	"momus/broker/protocol"
	"momus/broker/replica"
	"momus/coordinator/acl"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/storage/log"
)

// fetchCall is one Fetch request from decoding to its answer. It is pooled.
type fetchCall struct {
	e        *Env
	version  int16
	follower bool
	req      protocol.FetchRequest
	asked    []fetchsession.Partition
	forget   []model.TopicPartition
	session  fetchsession.Context
	parts    []replica.FetchPartition // those that are read
	answers  []fetchAnswer            // of all partitions of the session, in its order
	outcomes []fetchsession.Result
	send     []bool

	code       int16 // of the whole answer
	sessionID  int32
	throttleMs int32
}

// fetchAnswer is what became of one partition: an error found before reading, or a result.
type fetchAnswer struct {
	code   int16
	result *replica.FetchResult // nil: not read
}

// fetch answers Fetch, v0-v11: v1 throttle time; v2 message format 1; v3 max_bytes, and the first
// batch is returned whole; v4 read_committed, format 2; v5 log start offset; v7 sessions (KIP-227);
// v9 current leader epoch (KIP-320); v10 zstd; v11 rack and preferred replica (KIP-392). Rights:
// Topic:Read for each topic, Cluster:ClusterAction for followers.
//
// Errors at the top (v7+): FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH; by partition
// TOPIC_AUTHORIZATION_FAILED, UNKNOWN_TOPIC_OR_PARTITION, UNSUPPORTED_COMPRESSION_TYPE,
// UNSUPPORTED_VERSION (conversion is disabled) and what reading says.
func fetch(ctx context.Context, e *Env, r *Request) Reply {
	c, _ := e.fetchCalls.Get().(*fetchCall)
	if c == nil {
		c = &fetchCall{}
	}
	c.e, c.version = e, r.Version
	if err := c.req.Decode(r.Version, r.Raw); err != nil {
		c.release()
		return refuse(e, r, err)
	}
	// Java's decoder fails on a level that it does not know, which closes the connection.
	if c.req.Isolation != readUncommitted && c.req.Isolation != readCommitted {
		isolation := c.req.Isolation
		c.release()
		return refuse(e, r, fmt.Errorf("isolation level %d does not exist", isolation))
	}
	c.follower = c.req.ReplicaID >= 0
	r.kind = fetchConsumer
	if c.follower {
		r.kind = fetchFollower
	}
	c.name(r)
	session := fetchsession.Request{SessionID: c.req.SessionID, Epoch: c.req.SessionEpoch, Follower: c.follower}
	if err := e.FetchSessions.Begin(&c.session, session, c.asked, c.forget, e.Now().UnixMilli()); err != nil {
		c.code = kerr.Code(err)
		return RespondBody(c)
	}
	// The order must stay: admit makes answers, one per partition of the session; read fills in the
	// results of those admitted; charge may throw all away; finish tells the session. Whatever way
	// it goes, AppendBody or release takes care of each result's range of the log.
	c.admit(r)
	c.read(ctx, r)
	// A throttled consumer's session must not learn that anything was sent; see empty.
	if c.charge(r) {
		c.code = kerr.Code(c.empty())
	} else {
		c.finish()
	}
	return RespondBody(c)
}

// name turns the decoded partitions into those of the session, with topic names that may be kept.
func (c *fetchCall) name(r *Request) {
	next := 0
	for _, t := range c.req.Topics {
		topic := r.session.intern(t.Name)
		for range t.Count {
			p := &c.req.Partitions[next]
			next++
			c.asked = append(c.asked, fetchsession.Partition{TP: model.TopicPartition{Topic: topic, Partition: p.Index}, MaxBytes: p.MaxBytes,
				FetchOffset: p.FetchOffset, LeaderEpoch: p.CurrentLeaderEpoch, LogStartOffset: p.LogStartOffset})
		}
	}
	for _, t := range c.req.Forgotten {
		c.forget = append(c.forget, model.TopicPartition{Topic: r.session.intern(t.Name), Partition: t.Index})
	}
}

// admit sorts the partitions into those to read and those that fail at once.
func (c *fetchCall) admit(r *Request) {
	// One snapshot for the whole request: the partitions of one answer are of one state of the
	// cluster.
	snapshot := c.e.Metadata.Snapshot()
	// A follower's right is asked for once, but lacking it is told as TOPIC_AUTHORIZATION_FAILED of
	// each partition, as in Kafka.
	allowed := c.follower && c.e.allowed(r, acl.ClusterAction, acl.Cluster, acl.ClusterName)
	parts := c.session.Partitions()
	topic, none := "", true
	for i := range parts {
		p := &parts[i]
		if !c.follower && (none || p.TP.Topic != topic) { // partitions of a topic follow each other
			topic, none = p.TP.Topic, false
			allowed = c.e.allowedOften(r, acl.Read, acl.Topic, topic, run(parts[i:]))
		}
		var answer fetchAnswer
		if !allowed {
			answer.code = kerr.TopicAuthorizationFailed.Code
		} else if _, known := snapshot.Partition(p.TP); !known {
			answer.code = kerr.UnknownTopicOrPartition.Code
		} else {
			c.parts = append(c.parts, replica.FetchPartition{TP: p.TP, FetchOffset: p.FetchOffset, LogStartOffset: p.LogStartOffset,
				MaxBytes: p.MaxBytes, CurrentLeaderEpoch: p.LeaderEpoch})
		}
		c.answers = append(c.answers, answer)
	}
}

// run is how many partitions at the start of parts are of the same topic.
func run(parts []fetchsession.Partition) int {
	n := 1
	for n < len(parts) && parts[n].TP.Topic == parts[0].TP.Topic {
		n++
	}
	return n
}

// read reads what may be read, waiting for data if there is not enough.
func (c *fetchCall) read(ctx context.Context, r *Request) {
	var results []replica.FetchResult
	if len(c.parts) > 0 {
		params := replica.FetchParams{ReplicaID: c.req.ReplicaID, MaxWait: time.Duration(c.req.MaxWaitMs) * time.Millisecond,
			MinBytes: int(c.req.MinBytes), MaxBytes: int(min(c.req.MaxBytes, c.e.Settings().FetchMaxBytes)), HardLimit: c.version <= 2,
			Isolation: log.UpToHighWatermark, Version: c.version, ClientID: r.ClientIDString(), ClientHost: r.ClientHost()}
		if c.req.Isolation == readCommitted {
			params.Isolation = log.UpToLastStable
		}
		if len(c.req.RackID) > 0 {
			params.ClientRack = string(c.req.RackID)
		}
		// Before MinBytes is bounded by it: a consumer that waits for more than its quota lets
		// through would always wait for all of max_wait.
		params.MaxBytes = c.mostBytes(r, params.MaxBytes)
		params.MinBytes = min(params.MinBytes, params.MaxBytes)
		// Partitions that failed above do not end the wait, as in Kafka: else a consumer of a
		// deleted topic would ask without pause.
		if c.e.timed() {
			defer r.wait(c.e, c.e.Now())
		}
		results = c.e.Data.Fetch(ctx, params, c.parts)
	}
	next := 0
	for i := range c.answers {
		if c.answers[i].code == 0 {
			c.answers[i].result = &results[next]
			next++
		}
	}
}

// The isolation levels of consumers (KIP-98).
const (
	readUncommitted = 0
	readCommitted   = 1 // of a consumer of transactions
)

// finish tells the session what is answered, and counts.
func (c *fetchCall) finish() {
	m := c.e.Metrics
	parts := c.session.Partitions()
	for i := range c.answers {
		a := &c.answers[i]
		// -1 makes the session send the partition again once the error is over, since any later
		// high watermark differs from it.
		outcome := fetchsession.Result{HighWatermark: -1, LogStartOffset: -1, Failed: a.code != 0}
		if res := a.result; res != nil {
			t := m.Topic(parts[i].TP.Topic) // only of what exists: strangers ask for any name
			t.TotalFetchRequests.Inc()
			m.All.TotalFetchRequests.Inc()
			outcome.HighWatermark, outcome.LogStartOffset = res.HighWatermark, res.LogStartOffset
			outcome.Size, outcome.Preferred, outcome.Failed = res.Records.Len(), res.PreferredReadReplica >= 0, res.Err != nil
			if res.Err != nil {
				a.code = kerr.Code(res.Err)
				if a.code == kerr.UnknownServerError.Code {
					t.FailedFetchRequests.Inc()
					m.All.FailedFetchRequests.Inc()
					c.e.Logger.WithField("topic", res.TP.Topic).WithField("partition", res.TP.Partition).WithError(res.Err).Error("fetch failed")
				}
			} else if c.follower {
				m.All.ReplicationBytesOut.Add(int64(outcome.Size))
			} else {
				t.BytesOut.Add(int64(outcome.Size))
				m.All.BytesOut.Add(int64(outcome.Size))
			}
		}
		c.outcomes = append(c.outcomes, outcome)
		c.send = append(c.send, false)
	}
	id, err := c.session.Finish(c.outcomes, c.send, c.e.Now().UnixMilli())
	c.sessionID, c.code = id, kerr.Code(err)
	if err != nil {
		clear(c.send)
	}
}

// AppendBody implements Body. It is the end of the call.
func (c *fetchCall) AppendBody(out *network.Output) {
	errors := c.e.Metrics.Request(int(protocol.Fetch))
	kind := c.e.Metrics.Request(int(out.Meta.Kind))
	out.B = protocol.AppendFetchHead(out.B, c.version, c.throttleMs, c.code, c.sessionID)
	if c.version >= 7 {
		errors.Error(c.code)
		kind.Error(c.code)
	}
	// How many topics and partitions are sent is known only at the end: room is left for the
	// numbers.
	topics, topicsAt := 0, len(out.B)
	out.B = protocol.AppendArrayLen(out.B, 0)
	parts := c.session.Partitions()
	count, countAt := 0, 0
	topic := ""
	for i := range c.answers {
		a := &c.answers[i]
		if !c.send[i] {
			if a.result != nil {
				a.result.Records.Release()
			}
			continue
		}
		if tp := parts[i].TP; topics == 0 || tp.Topic != topic {
			topics++
			topic = tp.Topic
			out.B = protocol.AppendString(out.B, topic)
			count, countAt = 0, len(out.B)
			out.B = protocol.AppendArrayLen(out.B, 0)
		}
		count++
		binary.BigEndian.PutUint32(out.B[countAt:], uint32(count))
		code := c.appendPartition(out, &parts[i], a)
		errors.Error(code)
		kind.Error(code)
	}
	binary.BigEndian.PutUint32(out.B[topicsAt:], uint32(topics))
	c.release()
}

// appendPartition appends the answer of one partition with its records, and returns its error code.
func (c *fetchCall) appendPartition(out *network.Output, p *fetchsession.Partition, a *fetchAnswer) int16 {
	answer := protocol.FetchPartitionResponse{Index: p.TP.Partition, ErrorCode: a.code, HighWatermark: -1, LastStableOffset: -1,
		LogStartOffset: -1, PreferredReadReplica: -1}
	res := a.result
	// 2.5.0 looks at the topic's compression.type, not at the batches, and before it looks at what
	// reading said.
	if res != nil && a.code != kerr.UnsupportedCompressionType.Code && c.version < 10 && c.zstdTopic(p.TP.Topic) { // whatever reading said
		a.code = kerr.UnsupportedCompressionType.Code
		answer.ErrorCode = a.code
	}
	if res == nil || a.code != 0 {
		if res != nil {
			res.Records.Release()
		}
		out.B = protocol.AppendFetchPartition(out.B, c.version, &answer)
		return a.code
	}
	records, converted, err := c.convert(p, res)
	// The session has moved on since: this is a duplicate of a request. The answer is the error
	// alone, and nothing that was read is sent.
	if err != nil {
		res.Records.Release()
		answer.ErrorCode = kerr.Code(err)
		out.B = protocol.AppendFetchPartition(out.B, c.version, &answer)
		return answer.ErrorCode
	}
	answer.HighWatermark, answer.LastStableOffset, answer.LogStartOffset = res.HighWatermark, res.LastStableOffset, res.LogStartOffset
	answer.PreferredReadReplica = res.PreferredReadReplica
	// nil is null on the wire, for read_uncommitted; read_committed has a list, which may be empty.
	if res.Aborted != nil {
		answer.Committed = true
		for _, txn := range res.Aborted {
			answer.Aborted = append(answer.Aborted, protocol.Aborted{ProducerID: txn.ProducerID, FirstOffset: txn.FirstOffset})
		}
	}
	if converted {
		res.Records.Release()
		answer.RecordsSize = len(records)
		out.B = protocol.AppendFetchPartition(out.B, c.version, &answer)
		out.B = append(out.B, records...)
		return 0
	}
	answer.RecordsSize = res.Records.Len()
	out.B = protocol.AppendFetchPartition(out.B, c.version, &answer)
	// The network owns the range from here on: it sends it from the file, and releases it when that
	// is done or the connection ends.
	out.AppendRange(&res.Records)
	return 0
}

// release ends the use of the call. Ranges were handed over or released.
func (c *fetchCall) release() {
	// c goes back to the pool. What it points to (frame, session, ranges) must not be kept alive by
	// it.
	c.req.Release()
	clear(c.asked)
	clear(c.forget)
	clear(c.parts)
	clear(c.answers)
	c.asked, c.forget, c.parts, c.answers = c.asked[:0], c.forget[:0], c.parts[:0], c.answers[:0]
	c.outcomes, c.send = c.outcomes[:0], c.send[:0]
	c.code, c.sessionID, c.throttleMs = 0, fetchsession.NoSession, 0
	c.e.fetchCalls.Put(c)
}
