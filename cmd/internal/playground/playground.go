// Package playground runs the brokers of a quickstart so that one can play with them: single ones
// are stopped, killed, paused, cut off and started again while the others go on, producers and
// consumers run as little machines, and a record is followed through the cluster. It is what the
// page of momus quickstart plays with (console.Player); what breaks a broker is broker/sabotage.
//
// Goroutines: the callers of Run, one for each machine and for each record that is followed; Close
// ends the last two.
package playground

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kgo"

	"momus/broker"
	"momus/broker/console"
	"momus/broker/sabotage"
	"momus/internal/fan"
	"momus/internal/journal"
	"momus/storage/vfs"
)

// Server is a broker that is played with. Addr is asked once it is ready.
type Server interface {
	Run(ctx context.Context) error
	Ready() <-chan struct{}
	Addr(listener string) net.Addr
}

// Sessions is what a playground does with the coordination server; zkserver.Server has it.
type Sessions interface {
	// EndSession ends a session as if it had expired.
	EndSession(id int64) bool
	// SessionLeft is how long a session lives on if nobody hears of its client.
	SessionLeft(id int64) (ms int64, ok bool)
	// Watchers lists the sessions that watch a node: its data, and its children.
	Watchers(path string) (data, children []int64)
}

// Options make a Playground.
type Options struct {
	Version string
	Brokers int
	// Listener is the one that machines, and brokers to each other, use.
	Listener string
	// Make makes the i-th broker again, for another life.
	Make func(i int) (Server, error)
	// LogDir is the log directory of the i-th broker whose disk is filled.
	LogDir func(i int) string
	// ZooKeeper is host:port of the coordination server, Sessions the server itself; nil if it
	// cannot be played with.
	ZooKeeper string
	Sessions  Sessions
	// Client and TLS are what clients need to be let in; both may be nil.
	Client []kgo.Opt
	TLS    *tls.Config
	Logger *logrus.Logger
}

// Playground runs brokers. It implements console.Player. Its methods may be called from any
// goroutine.
type Playground struct {
	opts Options
	site *console.Site

	life     context.Context // of machines and followed records
	end      context.CancelFunc
	workers  sync.WaitGroup
	journals []*journal.Journal // one for each broker, for all of its lives

	// mu guards what follows. Nothing waits while it is held.
	mu struct {
		sync.Mutex
		brokers  []*played
		machines []*machine
		sent     []*trace
		made     int // machines ever made, for their names
		traced   int // records ever followed
	}
}

// Configure completes the options before the first Life: what is not known yet when a Playground
// is made.
func (p *Playground) Configure(o Options) { p.opts = o }

// New makes a playground for so many brokers. Configure has to be called before anything else is
// done with it.
func New(version string, brokers int) *Playground {
	// The site wants its player before the options can be known.
	p := &Playground{}
	p.site = console.NewSite(console.Options{Version: version, Player: p, Watchers: p.watchers})
	p.life, p.end = context.WithCancel(context.Background())
	for i := range brokers {
		p.journals = append(p.journals, journal.New(nil))
		p.mu.brokers = append(p.mu.brokers, &played{id: int32(i + 1), state: stateStarting})
	}
	return p
}

// watchers are the sessions that watch a node: its data, and its children. With a ZooKeeper of
// somebody else nobody can tell.
func (p *Playground) watchers(path string) (data, children []int64) {
	if p.opts.Sessions == nil {
		return nil, nil
	}
	return p.opts.Sessions.Watchers(path)
}

// Site is the page that shows the brokers.
func (p *Playground) Site() *console.Site { return p.site }

// Close ends the machines and waits for them.
func (p *Playground) Close() {
	p.end()
	p.workers.Wait()
}

// guard does the work of something that the page has started. A panic becomes an error; its stack
// is logged.
func (p *Playground) guard(what string, work func()) error {
	fault := fan.Guard(work)
	if fault == nil {
		return nil
	}
	if p.opts.Logger != nil {
		p.opts.Logger.WithField("of", what).WithField("panic", fault.Value).WithField("stack", string(fault.Stack)).Error("a panic ended what the page has started; please report this")
	}
	return fmt.Errorf("ended by a fault of this program (panic: %v); please report the stack in the log", fault.Value)
}

// Life is what a life of a broker is made with.
type Life struct {
	Net     *broker.Net
	FS      vfs.FS
	Abandon <-chan struct{}
	Logger  *logrus.Logger
	Journal *journal.Journal
}

// The actions.
const (
	actStop       = "stop"
	actStart      = "start"
	actKill       = "kill"
	actPause      = "pause"
	actResume     = "resume"
	actCutZK      = "cut-zookeeper"
	actMendZK     = "mend-zookeeper"
	actCutPeers   = "cut-peers"
	actMendPeers  = "mend-peers"
	actSlow       = "slow"
	actFast       = "fast"
	actFill       = "fill-disk"
	actFree       = "free-disk"
	actEndSession = "end-session"
	actTopic      = "create-topic"
	actMachine    = "start-machine"
	actUnmachine  = "stop-machine"
	actKillMach   = "kill-machine"
	actSend       = "send"
	actReset      = "reset-offsets"
)

// Actions implements console.Player.
func (p *Playground) Actions() []string {
	actions := []string{actStop, actStart, actKill, actPause, actResume, actCutZK, actMendZK, actCutPeers, actMendPeers, actSlow, actFast,
		actFill, actFree, actTopic, actMachine, actUnmachine, actKillMach, actSend, actReset}
	// The last, since only the coordination server of this process can do it.
	if p.opts.Sessions != nil {
		actions = append(actions, actEndSession)
	}
	return actions
}

// maxName bounds names and numbers that a page may give.
const maxName = 249

// errLong refuses a name that is longer than any of Kafka's may be.
var errLong = errors.New("that name is too long")

// Do implements console.Player.
func (p *Playground) Do(ctx context.Context, o *console.Order) (any, error) {
	// Names are shown and logged; no name of Kafka's is longer.
	for _, name := range []string{o.Topic, o.Group, o.Machine, o.Kind, o.To, o.Acks} {
		if len(name) > maxName {
			return nil, errLong
		}
	}
	switch o.Action {
	case actTopic:
		return nil, p.createTopic(ctx, o)
	case actMachine:
		return p.startMachine(o)
	case actUnmachine, actKillMach:
		return nil, p.stopMachine(ctx, o.Machine, o.Action == actKillMach)
	case actSend:
		return p.send(o)
	case actReset:
		return p.resetOffsets(ctx, o)
	}
	return nil, p.doBroker(ctx, o)
}

// State implements console.Player.
func (p *Playground) State() any {
	type state struct {
		Brokers  []brokerState  `json:"brokers"`
		Machines []machineState `json:"machines"`
		Sent     []traceState   `json:"sent"` // the latest first
	}
	s := state{Brokers: []brokerState{}, Machines: []machineState{}, Sent: []traceState{}}
	p.mu.Lock()
	// Copies: showing takes other locks, which are never taken under this one.
	machines, sent := slices.Clone(p.mu.machines), slices.Clone(p.mu.sent)
	for _, b := range p.mu.brokers {
		s.Brokers = append(s.Brokers, b.show(p.opts.Sessions))
	}
	p.mu.Unlock()
	now := time.Now()
	for _, m := range machines {
		s.Machines = append(s.Machines, m.show(now))
	}
	for i := len(sent) - 1; i >= 0; i-- {
		s.Sent = append(s.Sent, sent[i].show())
	}
	return s
}

// client makes a client of all brokers that are known.
func (p *Playground) client(network *sabotage.Network, more ...kgo.Opt) (*kgo.Client, error) {
	var seeds []string
	p.mu.Lock()
	for _, b := range p.mu.brokers {
		if b.address != "" {
			seeds = append(seeds, b.address)
		}
	}
	p.mu.Unlock()
	if len(seeds) == 0 {
		return nil, errors.New("no broker has started yet")
	}
	dial := func(ctx context.Context, _, address string) (net.Conn, error) {
		nc, err := network.Dial(ctx, address)
		if err != nil || p.opts.TLS == nil {
			return nc, err
		}
		// One configuration for all brokers, with the name of each.
		config := p.opts.TLS.Clone()
		config.ServerName, _, _ = net.SplitHostPort(address)
		c := tls.Client(nc, config)
		if err := c.HandshakeContext(ctx); err != nil {
			nc.Close()
			return nil, err
		}
		return c, nil
	}
	// Short ages: the page shows what happened to brokers at once.
	opts := append([]kgo.Opt{kgo.SeedBrokers(seeds...), kgo.Dialer(dial), kgo.MetadataMaxAge(5 * time.Second), kgo.MetadataMinAge(250 * time.Millisecond)}, p.opts.Client...)
	return kgo.NewClient(append(opts, more...)...)
}

// oneLine is an error for people: of several lines one, and no more than a card of the page bears.
func oneLine(err error) string {
	const most = 500
	text := strings.NewReplacer(":\n", ": ", "\n", "; ", ".:", ":").Replace(err.Error())
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// noBroker is the error of an id that is not of this playground.
func noBroker(id int32) error { return fmt.Errorf("there is no broker %d to play with", id) }
