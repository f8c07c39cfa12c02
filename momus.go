// Package momus runs a broker for Apache Kafka's clients inside of a Go program: the same one as
// the program momus, with Kafka's protocol, its configuration and, unless it lives in memory, its
// files.
//
//	b, err := momus.Start(ctx, momus.Options{})
//	if err != nil { … }
//	defer b.Close()
//	if err := b.Ready(ctx); err != nil { … }
//	// Kafka's clients connect to b.Addr().
//
// For tests see package momustest, which has clusters, and breaks them.
//
// What this package and momustest export keeps its meaning within a major version: programs that
// use it go on compiling and behave as documented here. All other packages of the module may change
// at any time.
//
// The package has no state, handles no signals and changes nothing of the runtime. A Broker's
// goroutines and files end with Close.
package momus

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"path/filepath"
	"strconv"

	"momus/broker/embed"
	"momus/coordinator/zkserver"
	"momus/storage/vfs"
)

// Options says how a broker is to run. The zero value is a broker in memory, with a coordination
// server of its own, on a free port of localhost.
type Options struct {
	// ID is the broker's id (broker.id), 0 if nothing else is said.
	ID int32
	// Listen is where the one listener is, such as "localhost:9092"; "" is a free port of
	// localhost. For more listeners, TLS and SASL use Properties.
	Listen string
	// ZooKeeper is zookeeper.connect; "" starts a coordination server that ends with the broker.
	ZooKeeper string
	// Dir is the directory of the data, made if it is missing; "" keeps all in memory, where it
	// ends with the broker.
	Dir string
	// HTTP is where /metrics and /healthz are served, such as "localhost:9404"; "" is nowhere.
	HTTP string
	// File is a server.properties or YAML file; "" is none. Properties win over it, and the fields
	// above over both where they are set.
	File string
	// Properties are keys of Kafka 2.5.0's brokers, as in server.properties.
	Properties map[string]string
	// Logger receives what the broker has to say; nil discards it.
	Logger slog.Handler
}

// Broker is a broker that runs. It is safe for concurrent use.
type Broker struct {
	broker       *embed.Broker
	coordination *embed.Coordination // nil with a ZooKeeper of the caller's
	zookeeper    string
	unwatch      func() bool // nil like coordination
}

// oneBroker are the settings that a single broker needs, where nothing else is said.
var oneBroker = [...][2]string{
	{"offsets.topic.replication.factor", "1"},
	{"transaction.state.log.replication.factor", "1"},
	{"transaction.state.log.min.isr", "1"},
	{"group.initial.rebalance.delay.ms", "0"},
	{"broker.id", "0"},
}

// Start checks the options and starts a broker. It runs until Close, or until ctx ends. Start does
// not wait until it serves: Ready does.
func Start(ctx context.Context, o Options) (*Broker, error) {
	settings := map[string]string{}
	if o.File == "" {
		for _, s := range oneBroker {
			settings[s[0]] = s[1]
		}
	}
	maps.Copy(settings, o.Properties)
	var files vfs.FS = vfs.NewMem()
	root := string(filepath.Separator) + "momus"
	if o.Dir != "" {
		files, root = vfs.OS{}, o.Dir
	}
	if _, ok := settings["log.dirs"]; !ok && o.File == "" || o.Dir != "" {
		settings["log.dirs"] = filepath.Join(root, "logs")
	} else if o.Dir == "" {
		files = vfs.OS{} // directories that the caller names are on disk
	}
	if o.ID != 0 {
		settings["broker.id"] = strconv.Itoa(int(o.ID))
	}
	if err := listen(settings, o); err != nil {
		return nil, err
	}
	if o.ZooKeeper != "" {
		settings["zookeeper.connect"] = o.ZooKeeper
	}
	b := &Broker{zookeeper: settings["zookeeper.connect"]}
	if b.zookeeper == "" && o.File == "" {
		var err error
		// It outlives ctx, so that the broker can take its leave from it.
		b.coordination, err = embed.StartCoordination(context.WithoutCancel(ctx), zkserver.Options{FS: files, Dir: filepath.Join(root, "zookeeper"),
			MaxClientCnxns: -1, EndOldSessions: true, NoSync: o.Dir == ""}, o.Logger)
		if err != nil {
			return nil, err
		}
		b.zookeeper = b.coordination.Addr()
		settings["zookeeper.connect"] = b.zookeeper
	}
	var err error
	b.broker, err = embed.Start(ctx, embed.Options{File: o.File, Settings: settings, HTTPAddr: o.HTTP, Logger: o.Logger, FS: files})
	if err != nil {
		return nil, errors.Join(err, b.closeCoordination())
	}
	if b.coordination != nil {
		b.unwatch = context.AfterFunc(ctx, func() { b.Close() }) // when ctx ends, the coordination server ends after the broker
	}
	return b, nil
}

// listen sets the listener unless the caller has.
func listen(settings map[string]string, o Options) error {
	_, set := settings["listeners"]
	if o.Listen == "" && (set || o.File != "") {
		return nil
	}
	address := o.Listen
	if address == "" {
		address = "localhost:0"
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	settings["listeners"] = "PLAINTEXT://" + net.JoinHostPort(host, port)
	return nil
}

// Ready waits until the broker serves requests. It returns an error when the broker has ended, or
// when ctx ends.
func (b *Broker) Ready(ctx context.Context) error { return b.broker.Ready(ctx) }

// Addr is the address for clients, host:port: that of the first of advertised.listeners. It is ""
// before the broker is ready.
func (b *Broker) Addr() string { return b.broker.Addr("") }

// ListenerAddr is the address that clients are told for a listener, such as "SASL_SSL"; "" for an
// unknown one and before the broker is ready.
func (b *Broker) ListenerAddr(name string) string { return b.broker.Addr(name) }

// HTTPAddr is where /metrics and /healthz are served; "" for nowhere and before the broker is
// ready.
func (b *Broker) HTTPAddr() string { return b.broker.HTTPAddr() }

// ID is the broker's id, -1 before it is ready.
func (b *Broker) ID() int32 { return b.broker.ID() }

// ZooKeeper is where the broker's coordination server is, or the caller's zookeeper.connect; ""
// when only a file says so.
func (b *Broker) ZooKeeper() string { return b.zookeeper }

// Done is closed when the broker has ended: after Close, after the end of Start's ctx, or by
// itself, which Err explains.
func (b *Broker) Done() <-chan struct{} { return b.broker.Done() }

// Err is why the broker has ended; nil after an orderly stop, and before.
func (b *Broker) Err() error { return b.broker.Err() }

// Close stops the broker in an orderly way, then its coordination server, and returns when nothing
// of them is left. It may be called more than once.
func (b *Broker) Close() error {
	if b.unwatch != nil {
		b.unwatch()
	}
	err := b.broker.Close()
	return errors.Join(err, b.closeCoordination())
}

func (b *Broker) closeCoordination() error {
	if b.coordination == nil {
		return nil
	}
	return b.coordination.Close()
}
