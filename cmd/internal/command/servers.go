package command

import (
	"context"
	"net"

	"github.com/sirupsen/logrus"

	"momus/broker"
	"momus/broker/console"
	"momus/configs"
	"momus/coordinator/zkserver"
	"momus/internal/journal"
	"momus/storage/vfs"
)

// Server is a broker: Run serves until ctx ends and then stops in an orderly way; Ready is closed
// when it serves.
type Server interface {
	Run(ctx context.Context) error
	Ready() <-chan struct{}
	// The rest is known once it is ready: its id, where a listener is bound, and where /metrics and
	// /healthz are, nil for nowhere.
	ID() int32
	Addr(listener string) net.Addr
	HTTPAddr() net.Addr
}

// BrokerOptions is what a broker is made of.
type BrokerOptions struct {
	Config *configs.Config
	Logger *logrus.Logger
	// HTTPAddr is where /metrics and /healthz are served, "" for nowhere.
	HTTPAddr string
	// HTTPOptional says that another port will do when that of HTTPAddr is taken.
	HTTPOptional bool
	// Journal is where the broker records what it does; nil is a new one.
	Journal *journal.Journal
	// Console is a page that shows the broker beside others of this process; may be nil.
	Console *console.Site
	// Net, FS and Abandon are those of broker.Options; nil for a broker that nobody plays with.
	Net     *broker.Net
	FS      vfs.FS
	Abandon <-chan struct{}
}

// NewBroker makes a broker.
type NewBroker func(BrokerOptions) (Server, error)

// Coordination is a coordination server, see zkserver.Server.
type Coordination interface {
	Run(ctx context.Context) error
	Addr() net.Addr
}

// NewCoordination makes a coordination server, which listens when it returns.
type NewCoordination func(zkserver.Options) (Coordination, error)

// newBroker makes the real broker, or what a test has put in its place.
func (e *Env) newBroker(o BrokerOptions) (Server, error) {
	if e.NewBroker != nil {
		return e.NewBroker(o)
	}
	return broker.New(broker.Options{Config: o.Config, Logger: o.Logger, HTTPAddr: o.HTTPAddr, HTTPOptional: o.HTTPOptional,
		Journal: o.Journal, Console: o.Console, Net: o.Net, FS: o.FS, Abandon: o.Abandon})
}

// newCoordination is newBroker for the embedded coordination server.
func (e *Env) newCoordination(o zkserver.Options) (Coordination, error) {
	if e.NewCoordination != nil {
		return e.NewCoordination(o)
	}
	return zkserver.New(o)
}
