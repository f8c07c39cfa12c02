package http

import (
	"bytes"
	"context"
	"fmt"
	nethttp "net/http"
	"time"
)

// sendTimeout bounds how long a reader of a stream may keep a write waiting; a slower one is cut
// off and comes back by itself.
const sendTimeout = 10 * time.Second

// keepAlive is how often a stream that has nothing to say shows that it lives.
const keepAlive = 15 * time.Second

// Stream writes server-sent events to one reader. It belongs to the goroutine of the request.
type Stream struct {
	w  nethttp.ResponseWriter
	rc *nethttp.ResponseController
}

// Stream adds a path whose answer is a stream of events, for those whom Access lets in. serve
// returns when ctx ends, which it does when the reader leaves or the server stops, or when a write
// fails.
func (s *Server) Stream(pattern string, serve func(ctx context.Context, r *nethttp.Request, out *Stream)) {
	s.Read(pattern, nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		s.Events(w, r, serve)
	}))
}

// Events turns an answer into a stream of events: for paths that are a stream only when they are
// asked to be.
func (s *Server) Events(w nethttp.ResponseWriter, r *nethttp.Request, serve func(ctx context.Context, r *nethttp.Request, out *Stream)) {
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		w.Header().Set("Retry-After", "5")
		nethttp.Error(w, "too many streams are open", nethttp.StatusServiceUnavailable)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.stop, cancel)()
	out := &Stream{w: w, rc: nethttp.NewResponseController(w)}
	out.rc.SetReadDeadline(time.Time{}) // not the request's: the stream lives on. Recorders of tests have no deadlines
	w.Header().Set("Content-Type", "text/event-stream")
	out.deadline()
	w.WriteHeader(nethttp.StatusOK)
	if out.flush() != nil {
		return
	}
	serve(ctx, r, out)
}

// Send writes one event; data must be one line, such as JSON. id, if not "", is what a reader that
// comes back names as the last it has seen.
func (s *Stream) Send(event, id string, data []byte) error {
	if bytes.ContainsAny(data, "\r\n") {
		return fmt.Errorf("event %s: the data has more than one line", event)
	}
	s.deadline()
	if id != "" {
		fmt.Fprintf(s.w, "id: %s\n", id)
	}
	fmt.Fprintf(s.w, "event: %s\ndata: ", event)
	s.w.Write(data)
	s.w.Write([]byte("\n\n"))
	return s.flush()
}

// Wait waits for a change and keeps the stream alive meanwhile; it returns false when the stream is
// over.
func (s *Stream) Wait(ctx context.Context, changed <-chan struct{}) bool {
	tick := time.NewTicker(keepAlive)
	defer tick.Stop()
	for {
		select {
		case <-changed:
			return true
		case <-ctx.Done():
			return false
		case <-tick.C:
			s.deadline()
			s.w.Write([]byte(": still here\n\n"))
			if s.flush() != nil {
				return false
			}
		}
	}
}

func (s *Stream) flush() error {
	return s.rc.Flush() // tells of failed writes too
}

// deadline gives what is written next its time.
func (s *Stream) deadline() { s.rc.SetWriteDeadline(time.Now().Add(sendTimeout)) }
