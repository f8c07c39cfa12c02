// Package embed runs a broker or a coordination server as a value in somebody else's program: it is
// started, is ready, is closed, and leaves nothing behind. It is what the public packages momus and
// momustest are made of. It has no state of its own, handles no signals and sets nothing of the
// runtime; each value owns one goroutine, which ends with it.
package embed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"

	"momus/broker"
	"momus/configs"
	"momus/coordinator/zkserver"
	"momus/internal/journal"
	"momus/storage/vfs"
)

// Options says what a broker is started with.
type Options struct {
	// File is a properties or YAML file, "" for none. Settings win over it.
	File     string
	Settings map[string]string
	// HTTPAddr is where /metrics and /healthz are served, "" for nowhere.
	HTTPAddr string
	// Logger receives what the broker has to say; nil discards it.
	Logger slog.Handler
	// FS holds the log directories; nil is the operating system's.
	FS vfs.FS
	// Net replaces the system's network; nil is the system's.
	Net *broker.Net
	// Journal is where the broker records what it does, through several lives; nil is a new one.
	Journal *journal.Journal
}

// life is something that runs until it is closed.
type life struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when err is set
	err    error
}

func start(ctx context.Context, run func(context.Context) error) *life {
	ctx, cancel := context.WithCancel(ctx)
	l := &life{cancel: cancel, done: make(chan struct{})}
	go func() { // ended by close, or by the end of ctx
		defer close(l.done)
		l.err = run(ctx)
	}()
	return l
}

// Done is closed when it has ended.
func (l *life) Done() <-chan struct{} { return l.done }

// Err is why it has ended, nil after an orderly stop or before.
func (l *life) Err() error {
	select {
	case <-l.done:
		return l.err
	default:
		return nil
	}
}

// Close stops it and waits until nothing of it is left. It may be called more than once.
func (l *life) Close() error {
	l.cancel()
	<-l.done
	return l.err
}

// Broker is a broker that runs.
type Broker struct {
	*life
	broker  *broker.Broker
	config  *configs.Config
	abandon chan struct{}
}

// Start checks the configuration and starts a broker, which runs until Close or the end of ctx. It
// does not wait for it: see Ready.
func Start(ctx context.Context, o Options) (*Broker, error) {
	overrides := make([]string, 0, len(o.Settings))
	for k, v := range o.Settings {
		overrides = append(overrides, k+"="+v)
	}
	outside := false // who embeds a broker knows where it runs
	config, warnings, err := configs.Load(configs.Sources{File: o.File, Overrides: overrides, Container: &outside})
	if err != nil {
		return nil, err
	}
	logger := newLogger(o.Logger)
	for _, w := range warnings {
		logger.WithField("logger", "kafka.server.KafkaConfig").Warn(w.String())
	}
	abandon := make(chan struct{})
	b, err := broker.New(broker.Options{Config: config, Logger: logger, HTTPAddr: o.HTTPAddr, FS: o.FS, Net: o.Net, Journal: o.Journal, Abandon: abandon})
	if err != nil {
		return nil, err
	}
	return &Broker{life: start(ctx, b.Run), broker: b, config: config, abandon: abandon}, nil
}

// Ready waits until the broker serves. Of a broker that has ended, before it served or after, it
// returns why; of a ctx that has ended, its cause.
func (b *Broker) Ready(ctx context.Context) error {
	select {
	case <-b.broker.Ready():
	case <-b.done:
	case <-ctx.Done():
		return fmt.Errorf("wait for the broker: %w", context.Cause(ctx))
	}
	select {
	case <-b.done:
		if b.err == nil {
			return errors.New("the broker was closed")
		}
		return b.err
	default:
		return nil
	}
}

// isReady reports whether the addresses are known.
func (b *Broker) isReady() bool {
	select {
	case <-b.broker.Ready():
		return true
	default:
		return false
	}
}

// ID is the broker's id, -1 before it is ready.
func (b *Broker) ID() int32 {
	if !b.isReady() {
		return -1
	}
	return b.broker.ID()
}

// Addr is what clients are told for a listener, for the first of advertised.listeners when it is
// "". It is "" before the broker is ready and for an unknown listener.
func (b *Broker) Addr(listener string) string {
	if !b.isReady() {
		return ""
	}
	advertised := b.config.Listeners().AdvertisedWith(func(name string) int32 {
		if a, ok := b.broker.Addr(name).(*net.TCPAddr); ok {
			return int32(a.Port)
		}
		return 0
	})
	for _, e := range advertised {
		if listener == "" || e.Listener == listener {
			return net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port)))
		}
	}
	return ""
}

// HTTPAddr is where /metrics and /healthz are, "" for nowhere and before the broker is ready.
func (b *Broker) HTTPAddr() string {
	if !b.isReady() || b.broker.HTTPAddr() == nil {
		return ""
	}
	return b.broker.HTTPAddr().String()
}

// Abandon stops the broker as Close does, but without handing its leaderships over. It is called
// once at most, and not after Close.
func (b *Broker) Abandon() error {
	close(b.abandon)
	return b.Close()
}

// Coordination is a coordination server that runs.
type Coordination struct {
	*life
	server *zkserver.Server
}

// StartCoordination starts a coordination server; it listens when this returns.
func StartCoordination(ctx context.Context, o zkserver.Options, logger slog.Handler) (*Coordination, error) {
	o.Logger = newLogger(logger).WithField("logger", "zookeeper")
	server, err := zkserver.New(o)
	if err != nil {
		return nil, err
	}
	return &Coordination{life: start(ctx, server.Run), server: server}, nil
}

// Addr is where it listens.
func (c *Coordination) Addr() string { return c.server.Addr().String() }
