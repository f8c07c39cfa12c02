package handler

import (
	"context"
	"time"

	"momus/broker/metrics"
	"momus/broker/network"
	"momus/broker/protocol"
	"momus/broker/replica"
	"momus/coordinator/acl"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/storage/record"
)

// adminClientID is the client id that may produce to internal topics.
const adminClientID = "__admin_client"

// produceCall is one Produce request from decoding to its answer. It is pooled.
type produceCall struct {
	e       *Env
	header  protocol.Header // without ClientID, which aliases the frame
	acks    int16
	timeout time.Duration
	req     protocol.ProduceRequest
	topics  []topicSpan
	parts   []producePart
	entries []replica.AppendEntry

	appended   Appended
	throttleMs int32
}

// topicSpan is a topic and how many partitions of it follow each other.
type topicSpan struct {
	name  string
	count int
}

// producePart is what became of one partition of the request.
type producePart struct {
	index int32
	code  int16 // error found before appending
	entry int32 // in entries, -1 if not appended
	size  int32 // of the records in bytes
}

// produce answers Produce, v0-v8: v1 throttle time; v2 log append time, message format 1; v3
// transactional id, format 2; v5 log start offset; v7 zstd (KIP-110); v8 rejected records
// (KIP-467). Rights: Topic:Write for each topic, TransactionalId:Write for transactional records,
// Cluster:IdempotentWrite for idempotent ones.
//
// Records that are null, empty or whose first batch does not parse close the connection. Errors for
// the whole request: TRANSACTIONAL_ID_AUTHORIZATION_FAILED, CLUSTER_AUTHORIZATION_FAILED; by
// partition TOPIC_AUTHORIZATION_FAILED, UNKNOWN_TOPIC_OR_PARTITION, INVALID_RECORD,
// UNSUPPORTED_COMPRESSION_TYPE, INVALID_REQUIRED_ACKS, INVALID_TOPIC_EXCEPTION and what the append
// says. With acks=0 there is no answer, and an error closes the connection.
func produce(ctx context.Context, e *Env, r *Request) Reply {
	c, _ := e.produceCalls.Get().(*produceCall)
	if c == nil {
		c = &produceCall{}
	}
	c.e, c.header = e, protocol.Header{Key: r.Key, Version: r.Version, CorrelationID: r.CorrelationID}
	if err := c.req.Decode(r.Version, r.Raw); err != nil {
		c.release()
		return refuse(e, r, err)
	}
	whole, err := c.admit(r)
	if err != nil {
		c.release()
		return refuse(e, r, err)
	}
	c.acks, c.timeout = c.req.Acks, time.Duration(c.req.TimeoutMs)*time.Millisecond
	c.check(ctx, r, whole)
	if len(c.entries) > 0 {
		c.appended = e.Data.Append(c.entries, c.acks, record.OriginClient)
		c.noteGaps(r)
	}
	c.charge(r)
	// The frame may go from here on.
	clear(c.entries)
	c.req.Release()
	switch {
	// A producer that waits for no answer can learn of a failure only from a closed connection, and
	// then asks for metadata again.
	case c.acks == 0:
		failed := c.count()
		c.release()
		if failed {
			e.Logger.WithFields(requestFields(r)).Info("closed a connection: produce with acks=0 failed")
			return CloseConnection()
		}
		return NoReply()
	case c.acks == -1 && c.appended != nil:
		return later(c)
	}
	return RespondBody(c)
}

// refuse logs a request that does not parse and closes the connection.
func refuse(e *Env, r *Request, err error) Reply {
	e.Logger.WithFields(requestFields(r)).WithError(err).Warn("closed a connection for its request")
	return CloseConnection()
}

// admit looks at the first batch of each partition: it must be there (else an error: the connection
// is closed), and may need rights for the whole request, whose lack is returned.
func (c *produceCall) admit(r *Request) (whole *kerr.Error, err error) {
	transactional, idempotent := false, false
	for i := range c.req.Partitions {
		b, _, err := record.Next(c.req.Partitions[i].Records)
		if err != nil {
			return nil, err
		}
		if b == nil {
			return nil, kerr.InvalidRecord
		}
		// Only the first batch of each partition is looked at, as in Kafka; from v3 on there is
		// one.
		transactional = transactional || b.IsTransactional()
		idempotent = idempotent || b.HasProducerID()
	}
	switch {
	case transactional:
		// A batch that says of itself that it is transactional needs an id in the request; before
		// v3 there is none, so that it is refused.
		if !c.req.HasTransactionalID || !c.e.allowed(r, acl.Write, acl.TransactionalID, r.session.intern(c.req.TransactionalID)) {
			return kerr.TransactionalIDAuthorizationFailed, nil
		}
	case idempotent:
		if !c.e.allowed(r, acl.IdempotentWrite, acl.Cluster, acl.ClusterName) {
			return kerr.ClusterAuthorizationFailed, nil
		}
	}
	return nil, nil
}

// check sorts the partitions into those to append and those that fail at once. Right after the
// start, while no partition is known, it waits: a producer with retries=0 would lose what it has
// kept for a broker that restarts.
func (c *produceCall) check(ctx context.Context, r *Request, whole *kerr.Error) {
	snapshot := c.e.cluster(ctx)
	validAcks := c.acks >= -1 && c.acks <= 1
	gaps := r.session.gaps
	next := 0
	for _, t := range c.req.Topics {
		topic := r.session.intern(t.Name)
		c.topics = append(c.topics, topicSpan{name: topic, count: t.Count})
		denied := whole
		if denied == nil && !c.e.allowedOften(r, acl.Write, acl.Topic, topic, t.Count) {
			denied = kerr.TopicAuthorizationFailed
		}
		// Only for who calls itself __admin_client the coordinators' own topics are open: 2.5.0
		// trusts the name, and the right to write is needed besides.
		// With wrong acks INVALID_REQUIRED_ACKS wins, which the append finds: Kafka looks at acks first.
		internal := model.IsInternalTopic(topic) && string(r.ClientID) != adminClientID
		for range t.Count {
			p := &c.req.Partitions[next]
			next++
			part := producePart{index: p.Index, entry: -1, size: int32(len(p.Records))}
			tp := model.TopicPartition{Topic: topic, Partition: p.Index}
			err := denied
			if err == nil {
				first, _, _ := record.Next(p.Records)
				if err = gaps.refuse(tp, first); err != nil {
					// Its place is behind a batch that has not come again.
				} else if _, known := snapshot.Partition(tp); !known {
					err = kerr.UnknownTopicOrPartition
					gaps = gaps.note(tp, first, err)
				} else if err = fitsVersion(r.Version, p.Records); err == nil && internal && validAcks {
					err = kerr.InvalidTopicException
				}
			}
			if err != nil {
				part.code = err.Code
			} else {
				part.entry = int32(len(c.entries))
				c.entries = append(c.entries, replica.AppendEntry{TP: tp, Records: p.Records})
			}
			c.parts = append(c.parts, part)
		}
	}
	r.session.gaps = gaps
}

// noteGaps remembers which batches were not appended, and may come again. Those that were are no
// gaps, whatever becomes of them.
func (c *produceCall) noteGaps(r *Request) {
	results := c.appended.Results()
	for i := range results {
		if err := results[i].Err; err != nil {
			first, _, _ := record.Next(c.entries[i].Records)
			r.session.gaps = r.session.gaps.note(results[i].TP, first, kerr.Of(err))
		}
	}
}

// fitsVersion tests records against the rules of the request's version: from v3 on exactly one
// batch, of format 2, and zstd only from v7 on. Older versions are not tested.
func fitsVersion(version int16, records []byte) *kerr.Error {
	if version < 3 {
		return nil
	}
	// admit has looked at it: there is a first batch, and it parses.
	b, rest, _ := record.Next(records)
	if b.Magic() != record.Magic2 {
		return kerr.InvalidRecord
	}
	if version < 7 && b.Codec() == record.Zstd {
		return kerr.UnsupportedCompressionType
	}
	second, _, err := record.Next(rest)
	if err != nil {
		return kerr.Of(err)
	}
	if second != nil {
		return kerr.InvalidRecord
	}
	return nil
}

// count adds the outcome to the metrics and tells whether any partition failed.
func (c *produceCall) count() (failed bool) {
	m := c.e.Metrics
	request := m.Request(int(c.header.Key))
	var results []replica.AppendResult
	if c.appended != nil {
		results = c.appended.Results()
	}
	next := 0
	for _, topic := range c.topics {
		var t *metrics.Topic // only of what exists: strangers name any topic
		for range topic.count {
			p := &c.parts[next]
			next++
			code := p.code
			if p.entry >= 0 {
				if t == nil {
					t = m.Topic(topic.name)
				}
				t.TotalProduceRequests.Inc()
				m.All.TotalProduceRequests.Inc()
				res := &results[p.entry]
				if res.Err == nil {
					// Offsets, not records: a duplicate counts again, as in Kafka's
					// MessagesInPerSec.
					n := res.LastOffset - res.BaseOffset + 1
					t.MessagesIn.Add(n)
					m.All.MessagesIn.Add(n)
					t.BytesIn.Add(int64(p.size))
					m.All.BytesIn.Add(int64(p.size))
				} else {
					code = kerr.Code(res.Err)
					if kerr.Of(res.Err) == kerr.MessageTooLarge {
						t.BytesRejected.Add(int64(p.size))
						m.All.BytesRejected.Add(int64(p.size))
					} else if unexpected(res) {
						t.FailedProduceRequests.Inc()
						m.All.FailedProduceRequests.Inc()
					}
				}
			}
			request.Error(code)
			failed = failed || code != 0
		}
	}
	return failed
}

// unexpected tells whether a failed append counts in the metrics: not those errors that are
// routine.
func unexpected(r *replica.AppendResult) bool {
	switch kerr.Of(r.Err) {
	case kerr.UnknownTopicOrPartition, kerr.NotLeaderForPartition, kerr.RecordListTooLarge, kerr.CorruptMessage, kerr.KafkaStorageError,
		kerr.InvalidTopicException, kerr.InvalidRequiredAcks, kerr.RequestTimedOut:
		return false
	}
	return true
}

// Done implements network.Pending.
func (c *produceCall) Done() bool { return c.appended.Satisfied() }

// Complete implements network.Pending: it waits for the in-sync replicas, at most for the request's
// timeout.
func (c *produceCall) Complete(ctx context.Context, out *network.Output) network.Verdict {
	c.appended.Wait(ctx, c.timeout)
	out.Meta.Completed = c.e.Now()
	out.B = protocol.AppendResponseHeader(out.B, c.header.Key, c.header.Version, c.header.CorrelationID)
	c.AppendBody(out)
	return network.Answered
}

// Abandon implements network.Pending.
func (c *produceCall) Abandon() { c.release() }

// AppendBody implements Body. It is the end of the call.
func (c *produceCall) AppendBody(out *network.Output) {
	c.count()
	var results []replica.AppendResult
	if c.appended != nil {
		results = c.appended.Results()
	}
	version := c.header.Version
	b := protocol.AppendArrayLen(out.B, len(c.topics))
	next := 0
	for _, t := range c.topics {
		b = protocol.AppendString(b, t.name)
		b = protocol.AppendArrayLen(b, t.count)
		for range t.count {
			p := &c.parts[next]
			next++
			answer := protocol.ProducePartitionResponse{Index: p.index, ErrorCode: p.code, BaseOffset: -1, LogAppendTime: -1, LogStartOffset: -1}
			if p.entry >= 0 {
				c.answer(&answer, &results[p.entry])
			}
			b = protocol.AppendProducePartition(b, version, &answer)
		}
	}
	if version >= 1 {
		b = protocol.AppendThrottle(b, c.throttleMs)
	}
	out.B = b
	c.release()
}

// answer fills in the partition's answer. An error that Kafka has no code for is ours, and is
// logged.
func (c *produceCall) answer(a *protocol.ProducePartitionResponse, r *replica.AppendResult) {
	a.BaseOffset, a.LogAppendTime, a.LogStartOffset = r.BaseOffset, r.LogAppendTime, r.LogStartOffset
	if r.Err == nil {
		return
	}
	e := kerr.Of(r.Err)
	a.ErrorCode = e.Code
	if e == kerr.UnknownServerError {
		c.e.Logger.WithField("topic", r.TP.Topic).WithField("partition", r.TP.Partition).WithError(r.Err).Error("append failed")
	}
	if v := r.Invalid(); v != nil && len(v.Records) > 0 { // Kafka has a text only with record errors
		a.ErrorMessage = v.Message
		for _, re := range v.Records {
			a.RecordErrors = append(a.RecordErrors, protocol.ProduceError{Index: re.Index, Message: re.Message})
		}
	}
}

// release ends the use of the call.
func (c *produceCall) release() {
	c.req.Release()
	clear(c.topics)
	clear(c.entries)
	c.topics, c.parts, c.entries = c.topics[:0], c.parts[:0], c.entries[:0]
	c.appended, c.throttleMs = nil, 0
	c.e.produceCalls.Put(c)
}
