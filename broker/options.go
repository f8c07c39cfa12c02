// Package broker assembles a broker from its parts: it starts them in Kafka's order, wires them
// together, and stops them in reverse. It decides nothing itself. A Broker has no state outside
// itself: many may run in one process.
package broker

import (
	"context"
	"net"
	"time"

	"github.com/sirupsen/logrus"

	"momus/broker/console"
	"momus/configs"
	"momus/internal/journal"
	"momus/storage/vfs"
)

// Options make a Broker.
type Options struct {
	Config *configs.Config
	Logger *logrus.Logger
	// HTTPAddr is where /metrics and /healthz are served, "" for nowhere.
	HTTPAddr string
	// HTTPOptional says that any free port will do, with a warning, when that of HTTPAddr is taken,
	// so that several brokers start on one machine.
	HTTPOptional bool
	// HTTPLocalOnly says that the HTTP port answers this machine only.
	HTTPLocalOnly bool
	// Journal is where the broker records what it does; nil is a new one. A broker that takes the
	// place of another goes on with its journal.
	Journal *journal.Journal
	// Console, if not nil, is a page that shows this broker beside others of the process.
	Console *console.Site
	// FS holds the log directories; nil is the operating system's.
	FS vfs.FS
	// Net replaces the system's network, for clusters inside of a test; nil is the system's.
	Net *Net
	// Abandon, when it is closed, stops the broker without leave: no leadership is handed over. nil
	// never is.
	Abandon <-chan struct{}
	// Now is the clock of logs and coordinators; nil is time.Now.
	Now func() time.Time
}

// Net is a network between the brokers of one process, which can be cut and held up. Package
// sabotage makes one.
type Net struct {
	// Dial opens the connections to ZooKeeper and to other brokers.
	Dial func(ctx context.Context, address string) (net.Conn, error)
	// Wrap stands between a listener and the broker.
	Wrap func(net.Listener) net.Listener
	// Hold, if not nil, holds up requests and answers, see network.Options.
	Hold func() <-chan struct{}
}

// dialZooKeeper is Dial in the form of the ZooKeeper client.
func (n *Net) dialZooKeeper(_, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return n.Dial(ctx, address)
}

// State is a broker's state, with Kafka's numbers (kafka.server:type=KafkaServer,name=BrokerState).
type State int32

// The states.
const (
	NotRunning                    State = 0
	Starting                      State = 1
	RecoveringFromUncleanShutdown State = 2
	RunningAsBroker               State = 3
	PendingControlledShutdown     State = 6
	ShuttingDown                  State = 7
)

// String is Kafka's name of the state.
func (s State) String() string {
	switch s {
	case Starting:
		return "Starting"
	case RecoveringFromUncleanShutdown:
		return "RecoveringFromUncleanShutdown"
	case RunningAsBroker:
		return "RunningAsBroker"
	case PendingControlledShutdown:
		return "PendingControlledShutdown"
	case ShuttingDown:
		return "BrokerShuttingDown"
	}
	return "NotRunning"
}
