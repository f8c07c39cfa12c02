// Package http owns the HTTP port of a broker: the listener, the paths and what keeps strangers at
// bay. Metrics, health, journal and page are handlers on it, each put under one of four kinds of
// path:
//
//   - Open answers everybody: /metrics and /healthz.
//   - Read answers those who may see the cluster from inside (see Access).
//   - Stream is Read as server-sent events; their number is bounded.
//   - Change changes something: POST only, from the page itself, with the token.
//
// Everything is bounded: connections, headers, bodies, the time that a request may take. Only Run
// has goroutines.
package http

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	nethttp "net/http"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/net/netutil"
)

// Limits of the port.
const (
	maxConnections = 1024
	maxStreams     = 512
	maxHeaderBytes = 16 << 10
	maxBodyBytes   = 64 << 10
	headerTimeout  = 10 * time.Second
	requestTimeout = 30 * time.Second // for reading a request, and for writing an answer that is no stream
	idleTimeout    = time.Minute
)

// Options configure a Server.
type Options struct {
	Addr   string
	Access Access
	// TLS serves HTTPS when it is not nil; with client certificates required in it, only their
	// owners get in.
	TLS    *tls.Config
	Logger *logrus.Entry
}

// Server is the HTTP port. Paths are added before Run; it is run once.
type Server struct {
	opts    Options
	ln      net.Listener
	mux     *nethttp.ServeMux
	streams chan struct{} // one for each stream that is open
	stop    context.Context
	cancel  context.CancelFunc
}

// Listen opens the port. Nothing is answered before Run; Close gives the port up if Run is never
// called.
func Listen(ctx context.Context, o Options) (*Server, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("HTTP listener: %w", err)
	}
	s := newServer(o)
	s.ln = ln
	return s, nil
}

func newServer(o Options) *Server {
	s := &Server{opts: o, mux: nethttp.NewServeMux(), streams: make(chan struct{}, maxStreams)}
	s.stop, s.cancel = context.WithCancel(context.Background())
	return s
}

// Addr is the address that the port is bound to.
func (s *Server) Addr() net.Addr { return s.ln.Addr() }

// Close gives the port up.
func (s *Server) Close() error {
	s.cancel()
	return s.ln.Close()
}

// Open adds a path that everybody may read. Patterns are those of net/http without the method.
func (s *Server) Open(pattern string, h nethttp.Handler) { s.mux.Handle("GET "+pattern, h) }

// Read adds a path for those whom Access lets in.
func (s *Server) Read(pattern string, h nethttp.Handler) {
	s.mux.Handle("GET "+pattern, nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		if s.opts.Access.admitReader(w, r) {
			h.ServeHTTP(w, r)
		}
	}))
}

// Change adds a path that changes something. h is called only for a POST of JSON by the page
// itself, with the token.
func (s *Server) Change(pattern string, h nethttp.Handler) {
	s.mux.Handle("POST "+pattern, nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		if !s.opts.Access.admitReader(w, r) || !s.opts.Access.admitChange(w, r) {
			return
		}
		h.ServeHTTP(w, r)
	}))
}

// MayChange reports whether there is anybody at all who may change something.
func (s *Server) MayChange() bool { return s.opts.Access.Token != "" }

// Handler is everything on the port, for Run and for tests.
func (s *Server) Handler() nethttp.Handler {
	return nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		setHeaders(w.Header())
		if !s.opts.Access.admitHost(w, r) {
			return
		}
		r.Body = nethttp.MaxBytesReader(w, r.Body, maxBodyBytes)
		s.mux.ServeHTTP(w, r)
	})
}

// Run answers until ctx ends, closes the port, and returns when every request has ended. Their
// contexts and streams end with it.
func (s *Server) Run(ctx context.Context) error {
	var connections sync.WaitGroup
	quiet := slog.NewLogLogger(slog.NewTextHandler(libraryLog{s.opts.Logger}, nil), slog.LevelInfo)
	server := &nethttp.Server{
		Handler: s.Handler(), ErrorLog: quiet, MaxHeaderBytes: maxHeaderBytes, ReadHeaderTimeout: headerTimeout,
		ReadTimeout: requestTimeout, WriteTimeout: requestTimeout, IdleTimeout: idleTimeout,
		BaseContext: func(net.Listener) context.Context { return s.stop },
		ConnState: func(_ net.Conn, state nethttp.ConnState) {
			switch state {
			case nethttp.StateNew: // said by Serve
				connections.Add(1)
			case nethttp.StateClosed: // said by the goroutine of the connection, at its end
				connections.Done()
			}
		},
	}
	ln := netutil.LimitListener(s.ln, maxConnections)
	if s.opts.TLS != nil {
		ln = tls.NewListener(ln, s.opts.TLS)
	}
	end := sync.OnceFunc(func() {
		s.cancel()
		server.Close()
	})
	defer context.AfterFunc(ctx, end)()
	err := server.Serve(ln)
	end() // it waits for one that has begun: connections are closed, and not only the port
	connections.Wait()
	if err != nil && !errors.Is(err, nethttp.ErrServerClosed) {
		return fmt.Errorf("HTTP server: %w", err)
	}
	return nil
}

// libraryLog passes the library's lines on at debug level: they are about clients that misbehave,
// but for those about requests that panicked.
type libraryLog struct{ logger *logrus.Entry }

func (l libraryLog) Write(p []byte) (int, error) {
	if l.logger != nil {
		level := logrus.DebugLevel
		if bytes.Contains(p, []byte("http: panic serving")) {
			level = logrus.ErrorLevel
		}
		l.logger.Log(level, "http: "+string(p))
	}
	return len(p), nil
}

// Healthz answers ok, or 503 with the reason why the broker does not serve.
func Healthz(healthy func() error) nethttp.Handler {
	return nethttp.HandlerFunc(func(w nethttp.ResponseWriter, _ *nethttp.Request) {
		if err := healthy(); err != nil {
			nethttp.Error(w, err.Error(), nethttp.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, "ok\n")
	})
}
