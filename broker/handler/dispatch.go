package handler

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/sirupsen/logrus"

	"momus/broker/fetchsession"
	"momus/broker/metrics"
	"momus/broker/network"
	"momus/broker/protocol"
	"momus/coordinator/acl"
	"momus/internal/kerr"
	"momus/internal/loglimit"
	"momus/internal/model"
)

// Dispatcher executes requests for the network server: it implements network.Handler.
type Dispatcher struct {
	env   *Env
	table [protocol.Count]*api
	// refusals bounds the lines about requests that make no sense, which strangers send.
	refusals loglimit.Limit
}

// Kinds of Fetch requests, which have metrics of their own behind those of the APIs.
const (
	fetchConsumer = protocol.Count
	fetchFollower = protocol.Count + 1
)

// RequestNames are the names that metrics.New needs, by index: the APIs by key, then the two kinds
// of Fetch.
func RequestNames() []string {
	names := make([]string, 0, protocol.Count+2)
	for key := range protocol.Key(protocol.Count) {
		names = append(names, protocol.Name(key))
	}
	return append(names, "FetchConsumer", "FetchFollower")
}

// New makes a dispatcher. It completes e, which must not change afterwards.
func New(e *Env) *Dispatcher {
	d := &Dispatcher{env: e}
	if e.Now == nil {
		e.Now = time.Now
	}
	if e.Logger == nil {
		e.Logger = logrus.NewEntry(logrus.New())
	}
	if e.Metrics == nil {
		e.Metrics = metrics.New(RequestNames(), e.Now)
	}
	if e.Data == nil && e.Replicas != nil {
		e.Data = hosted{e.Replicas}
	}
	if e.HostedFormat == nil && e.Replicas != nil {
		e.HostedFormat = e.hostedFormat
	}
	if e.FetchSessions == nil {
		e.FetchSessions = fetchsession.New(func() int { return int(e.Settings().FetchSessions) }, rand.Int32)
	}
	stats := func(read func(s fetchsession.Stats) float64) func() float64 {
		return func() float64 { return read(e.FetchSessions.Stats()) }
	}
	const cache = "kafka_server_fetchsessioncache_"
	e.Metrics.Gauge(cache+"numincrementalfetchsessions", "incremental fetch sessions", stats(func(s fetchsession.Stats) float64 { return float64(s.Sessions) }))
	e.Metrics.Gauge(cache+"numincrementalfetchpartitionscached", "partitions in incremental fetch sessions", stats(func(s fetchsession.Stats) float64 { return float64(s.Partitions) }))
	e.Metrics.CounterFunc(cache+"incrementalfetchsessionevictions_total", "fetch sessions that made room for others", stats(func(s fetchsession.Stats) float64 { return float64(s.Evictions) }))
	e.apis = e.apis[:0]
	for _, row := range rows() {
		d.table[row.key] = &row
		info, _ := protocol.Lookup(row.key)
		e.apis = append(e.apis, info)
	}
	return d
}

func (d *Dispatcher) row(key protocol.Key) *api {
	if key < 0 || key >= protocol.Count {
		return nil
	}
	return d.table[key]
}

// Pipelined implements network.Handler.
func (d *Dispatcher) Pipelined(frame []byte) bool {
	if len(frame) < 2 {
		return false
	}
	row := d.row(int16(binary.BigEndian.Uint16(frame)))
	return row != nil && row.pipelined
}

// Serve implements network.Handler. What does not parse, and every API or version that the table
// does not have, closes the connection without an answer, as Kafka does; the one exception is
// ApiVersions.
func (d *Dispatcher) Serve(ctx context.Context, c *network.Conn, frame []byte, received time.Time, out *network.Output) (v network.Verdict, p network.Pending) {
	// The session belongs to the connection's reader, which calls Serve for one frame after the
	// other.
	s, _ := c.User.(*session)
	if s == nil {
		s = d.newSession(c, received)
		c.User = s
	}
	r := &s.request
	// The request is a field of the session and used again for the next frame: a handler that
	// answers later must have copied what it needs, see produceCall.header.
	*r = Request{Conn: c, Received: received, Size: len(frame), session: s}
	defer func() {
		if x := recover(); x != nil {
			d.panicked(r, x)
			v, p = network.CloseConn, nil
		}
	}()
	if s.exchange != nil || s.auth != nil {
		if v, taken := d.authenticate(r, frame, out); taken {
			return v, nil
		}
	}
	// The rules that map a client's name to a principal have failed for one that is authenticated.
	// Kafka finds out at the first request, with this text, and closes.
	if s.refusal != nil {
		log := d.env.Logger.WithFields(logrus.Fields{"connection": c.ID, "listener": c.Listener}).WithError(s.refusal)
		d.refusals.Log(received, log, logrus.ErrorLevel, "Exception while processing request from "+c.ID)
		return network.CloseConn, nil
	}
	var err error
	if r.Header, r.Raw, err = protocol.ParseHeader(frame); err != nil {
		d.refused(r, err)
		return network.CloseConn, nil
	}
	row := d.row(r.Key)
	if row == nil {
		d.refused(r, kerr.UnsupportedVersion)
		return network.CloseConn, nil
	}
	// An answer from here on counts in the metrics of requests.
	out.Meta = network.Meta{API: r.Key, Version: r.Version, Size: r.Size, Received: received}
	reply, charged, err := d.execute(ctx, row, r)
	if err != nil {
		d.refused(r, err)
		return network.CloseConn, nil
	}
	if d.env.timed() && reply.verdict == network.Answered {
		d.charge(charged, r, &reply)
	}
	// The body aliases the frame, which the network takes back; a pending answer must not keep it
	// alive.
	r.Body = nil
	out.Meta.Served = d.env.Now()
	out.Meta.Completed = out.Meta.Served // unless it is later
	out.Meta.Kind = r.kind
	if reply.verdict != network.Answered {
		return reply.verdict, reply.pending
	}
	out.B = protocol.AppendResponseHeader(out.B, r.Key, r.Version, r.CorrelationID)
	if reply.body != nil {
		reply.body.AppendBody(out)
	} else {
		if r.Key != protocol.ApiVersions { // which may answer in another version than it was asked in
			reply.response.SetVersion(r.Version)
		}
		out.B = reply.response.AppendTo(out.B)
	}
	return network.Answered, nil
}

// execute decodes a request and runs its handler; charged is the quota that its answer counts
// against. An error is what makes no sense, and closes the connection.
func (d *Dispatcher) execute(ctx context.Context, row *api, r *Request) (reply Reply, charged throttle, err error) {
	if info, _ := protocol.Lookup(r.Key); !info.Supported(r.Version) {
		if r.Key != protocol.ApiVersions {
			return reply, charged, kerr.UnsupportedVersion
		}
		return Respond(unsupportedAPIVersions()), row.throttle, nil
	}
	if !row.raw {
		if r.Body, err = protocol.DecodeRequest(r.Key, r.Version, r.Raw); err != nil {
			return reply, charged, err
		}
		if row.well != nil {
			if err := row.well(r.Body); err != nil {
				return reply, charged, err
			}
		}
	}
	// The refusal is charged against the request quota even where the API itself is exempt: the
	// exemption is for brokers, and whoever lacks the right is none.
	if row.needs != (right{}) && !d.env.allowed(r, row.needs.op, row.needs.on, acl.ClusterName) {
		return Respond(refusal(r)), byRequest, nil
	}
	if row.waits && d.env.timed() {
		defer r.wait(d.env, d.env.Now())
	}
	return row.serve(ctx, d.env, r), row.throttle, nil
}

// Sent implements network.Handler.
func (d *Dispatcher) Sent(_ *network.Conn, out *network.Output, _ int64) {
	m := &out.Meta
	if m.Received.IsZero() { // part of an authentication, which is in no metric of requests
		return
	}
	now := d.env.Now()
	t := metrics.Times{Total: now.Sub(m.Received), Local: m.Served.Sub(m.Received), Remote: m.Completed.Sub(m.Served), Send: now.Sub(m.Completed)}
	d.env.Metrics.Request(int(m.API)).Done(m.Version, m.Size, t)
	if m.Kind > 0 {
		d.env.Metrics.Request(int(m.Kind)).Done(m.Version, m.Size, t)
	}
}

// Closed implements network.Handler.
func (d *Dispatcher) Closed(*network.Conn) {}

// refused logs a request that closes its connection.
func (d *Dispatcher) refused(r *Request, err error) {
	d.refusals.Log(r.Received, d.env.Logger.WithFields(requestFields(r)).WithError(err), logrus.WarnLevel, "closed a connection for its request")
}

func (d *Dispatcher) panicked(r *Request, x any) {
	// The stack is needed: what panicked is gone with the connection, and nothing else will tell.
	d.env.Metrics.Panics.Inc()
	d.env.Logger.WithFields(requestFields(r)).WithField("panic", x).WithField("stack", string(debug.Stack())).Error("a request panicked")
}

// reportUnexpected logs an error that has no code of its own: a fault of ours.
func (e *Env) reportUnexpected(r *Request, tp model.TopicPartition, err error) {
	if kerr.Of(err) == kerr.UnknownServerError {
		e.Logger.WithFields(requestFields(r)).WithFields(logrus.Fields{"topic": tp.Topic, "partition": tp.Partition}).WithError(err).
			Error("a request failed unexpectedly")
	}
}

func requestFields(r *Request) logrus.Fields {
	return logrus.Fields{"connection": r.Conn.ID, "listener": r.Conn.Listener, "api": protocol.Name(r.Key), "version": r.Version,
		"correlation_id": r.CorrelationID, "client_id": string(r.ClientID)}
}
