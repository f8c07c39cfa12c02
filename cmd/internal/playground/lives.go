package playground

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/sirupsen/logrus"

	"momus/broker/console"
	"momus/broker/sabotage"
	"momus/storage/vfs"
)

// The states of a broker.
const (
	stateStarting = "starting"
	stateRunning  = "running"
	stateStopping = "stopping"
	stateStopped  = "stopped"
	stateKilled   = "killed"
	stateFailed   = "failed"
)

// played is a broker through its lives. The fields are guarded by Playground.mu.
type played struct {
	id      int32
	state   string
	why     string // it failed
	lives   int    // that have ended
	address string // for clients, the same in all lives; "" before it is known

	// Of the present life, or the last one.
	tools   *sabotage.Tools
	logger  *logrus.Logger
	abandon func() // lets it end without leave; may be called more than once
	// Closed once, by ended, under the lock.
	cancel  context.CancelFunc
	idle    chan struct{} // closed when the life has ended after it was asked to
	start   chan struct{} // taken from, it begins another life; nil while there is one
	session int64         // of its ZooKeeper session when it was killed, 0 when there is none

	// Troubles. Those of the network end with the life; a full disk stays full.
	paused, cutZK, cutPeers, full bool
	slow                          int64 // bytes a second
}

// brokerState is a broker as the page is shown it.
type brokerState struct {
	ID        int32  `json:"id"`
	State     string `json:"state"`
	Why       string `json:"why,omitempty"`
	Paused    bool   `json:"paused,omitempty"`
	CutZK     bool   `json:"cutZooKeeper,omitempty"`
	CutPeers  bool   `json:"cutPeers,omitempty"`
	Slow      int64  `json:"slow,omitempty"`
	Full      bool   `json:"full,omitempty"`
	SessionIn *int64 `json:"sessionIn,omitempty"` // seconds until ZooKeeper ends the session of a killed broker
}

// show is the broker as the page draws it, with the seconds, rounded up, until ZooKeeper ends its
// session.
func (b *played) show(sessions Sessions) brokerState {
	s := brokerState{ID: b.id, State: b.state, Why: b.why, Paused: b.paused, CutZK: b.cutZK, CutPeers: b.cutPeers, Slow: b.slow, Full: b.full}
	if b.session != 0 && sessions != nil {
		if ms, ok := sessions.SessionLeft(b.session); ok {
			seconds := (ms + 999) / 1000
			s.SessionIn = &seconds
		}
	}
	return s
}

// alive reports whether there is a process, so to speak.
func (b *played) alive() bool {
	return b.state == stateStarting || b.state == stateRunning || b.state == stateStopping
}

// NewLife prepares the next life of the i-th broker: it is to be made with what is returned.
func (p *Playground) NewLife(i int) Life {
	// Closing it is how a broker dies without a leave.
	abandon := make(chan struct{})
	tools := sabotage.New(vfs.OS{})
	logger := &logrus.Logger{Out: io.Discard, Hooks: logrus.LevelHooks{}, Formatter: &logrus.TextFormatter{}, Level: logrus.PanicLevel, ExitFunc: func(int) {}}
	if l := p.opts.Logger; l != nil {
		// Of its own, since a broker that was killed says nothing any more.
		logger.Out, logger.Hooks, logger.Formatter, logger.Level, logger.ReportCaller = l.Out, l.Hooks, l.Formatter, l.GetLevel(), l.ReportCaller
	}
	p.journals[i].Silence(false)
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.mu.brokers[i]
	b.tools, b.logger, b.abandon = tools, logger, sync.OnceFunc(func() { close(abandon) })
	b.paused, b.cutZK, b.cutPeers, b.slow, b.session, b.why = false, false, false, 0, 0, ""
	if b.full {
		tools.FillDisk(p.opts.LogDir(i))
	}
	return Life{Net: tools.Network.Broker(), FS: tools.Files, Abandon: abandon, Logger: logger, Journal: p.journals[i]}
}

// Run runs the i-th broker through all of its lives, until ctx ends. A broker that ends by itself
// before anybody has played with it ends it too, with its error.
func (p *Playground) Run(ctx context.Context, i int, s Server) error {
	for {
		err := p.live(ctx, i, s)
		if ctx.Err() != nil {
			return err
		}
		// A life that never ran has no error worth a retry: this was the start of the quickstart.
		start, err := p.ended(i, err)
		if start == nil {
			return err
		}
		for s = nil; s == nil; {
			select {
			case <-ctx.Done():
				return nil
			case start <- struct{}{}:
			}
			if s, err = p.opts.Make(i); err != nil {
				s, start = nil, p.notMade(i, err)
			}
		}
	}
}

// live runs one life of the i-th broker. When ctx ends, all brokers go together and do not hand
// over to each other.
func (p *Playground) live(ctx context.Context, i int, s Server) error {
	// The end of ctx does not cancel a life directly: the hook below opens what is paused first.
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	p.mu.Lock()
	b := p.mu.brokers[i]
	b.state, b.cancel, b.idle, b.start = stateStarting, cancel, make(chan struct{}), nil
	tools, abandon := b.tools, b.abandon
	p.mu.Unlock()
	defer context.AfterFunc(ctx, func() {
		if tools != nil {
			// A paused network would hold up the shutdown of all.
			tools.Network.Resume()
			abandon()
		}
		cancel()
	})()
	served := make(chan struct{})
	go func() { // ended by life, or when it is ready
		defer close(served)
		select {
		case <-s.Ready():
			p.ready(i, s)
		case <-life.Done():
		}
	}()
	err := s.Run(life)
	cancel()
	// So that ready is not called for a life that is over.
	<-served
	return err
}

// ready notes that a broker serves, and where.
func (p *Playground) ready(i int, s Server) {
	address := s.Addr(p.opts.Listener)
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.mu.brokers[i]
	// Killed before it served.
	if b.state != stateStarting || address == nil {
		return
	}
	b.state, b.address = stateRunning, address.String()
	p.wireLocked()
}

// ended notes that a life is over. It returns what begins the next one, or nil and the error if a
// broker has ended that nobody has played with.
func (p *Playground) ended(i int, err error) (start chan struct{}, _ error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.mu.brokers[i]
	switch {
	case b.state == stateKilled:
	case b.state == stateStopping:
		b.state = stateStopped
		if err != nil {
			b.why = oneLine(err)
		}
	// A start that fails ends the quickstart, unless it was the full disk that was asked for.
	case b.lives == 0 && !b.full:
		return nil, err
	default:
		b.state = stateFailed
		if err != nil {
			b.why = oneLine(err)
		}
	}
	b.lives++
	b.start = make(chan struct{}) // unbuffered: who takes from it begins the next life
	if b.idle != nil {
		close(b.idle)
		b.idle = nil
	}
	return b.start, nil
}

// notMade notes that a broker could not be made for its next life, and returns what tries again.
func (p *Playground) notMade(i int, err error) (start chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.mu.brokers[i]
	b.state, b.why, b.start = stateFailed, oneLine(err), make(chan struct{})
	return b.start
}

// wireLocked makes the networks of all brokers what their troubles ask for.
func (p *Playground) wireLocked() {
	reach := func(b *played, address string, open bool) {
		if open {
			b.tools.Network.Allow(address)
		} else {
			b.tools.Network.Refuse(address)
		}
	}
	for _, b := range p.mu.brokers {
		if b.tools == nil {
			continue
		}
		reach(b, p.opts.ZooKeeper, !b.cutZK)
		for _, other := range p.mu.brokers {
			// A cut concerns both sides, whichever of them was cut off.
			if other != b && other.address != "" {
				reach(b, other.address, !b.cutPeers && !other.cutPeers)
				b.tools.Network.Slow(other.address, b.slow)
			}
		}
	}
}

// defaultSlow is how many bytes a second a slow follower reads of each leader.
const defaultSlow = 2048

// doBroker carries out what concerns one broker.
func (p *Playground) doBroker(ctx context.Context, o *console.Order) error {
	switch o.Action {
	case actStart:
		return p.startBroker(ctx, o.Broker)
	case actStop, actKill:
		return p.endBroker(ctx, o.Broker, o.Action == actKill)
	// These work on files, and need no process.
	case actFill, actFree: // also while it does not run
		return p.disk(o.Broker, o.Action == actFill)
	case actEndSession:
		return p.endSession(o.Broker)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	b, err := p.brokerLocked(o.Broker)
	if err != nil {
		return err
	}
	if !b.alive() || b.tools == nil {
		return fmt.Errorf("broker %d does not run", o.Broker)
	}
	switch o.Action {
	case actPause:
		b.paused = true
		b.tools.Network.Pause()
	case actResume:
		b.paused = false
		b.tools.Network.Resume()
	case actCutZK, actMendZK:
		b.cutZK = o.Action == actCutZK
	case actCutPeers, actMendPeers:
		b.cutPeers = o.Action == actCutPeers
	case actSlow:
		b.slow = defaultSlow
		if o.Rate >= 1 {
			b.slow = int64(min(o.Rate, 1<<30))
		}
	case actFast:
		b.slow = 0
	default:
		return fmt.Errorf("there is no action %s", o.Action)
	}
	p.wireLocked()
	return nil
}

// brokerLocked is the broker of an id, which counts from 1.
func (p *Playground) brokerLocked(id int32) (*played, error) {
	if id < 1 || int(id) > len(p.mu.brokers) {
		return nil, noBroker(id)
	}
	return p.mu.brokers[id-1], nil
}

// startBroker starts a broker that was killed. What is left of its former life must have ended
// before: its log directories are locked, and its ZooKeeper session would take the new broker's
// node with it.
func (p *Playground) startBroker(ctx context.Context, id int32) error {
	p.mu.Lock()
	b, err := p.brokerLocked(id)
	if err != nil {
		p.mu.Unlock()
		return err
	}
	start, idle := b.start, b.idle
	running := b.alive()
	p.mu.Unlock()
	if running {
		return fmt.Errorf("broker %d runs already", id)
	}
	// Only a moment: kill waits for the end before it answers.
	if start == nil { // what is left of one that was killed still runs
		select {
		case <-idle:
		case <-ctx.Done():
			return fmt.Errorf("broker %d has not ended yet: %w", id, context.Cause(ctx))
		}
		p.mu.Lock()
		start = b.start
		p.mu.Unlock()
	}
	select {
	case <-start:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("broker %d was started by somebody else", id)
	}
}

// endBroker stops a broker, or kills it, and waits until nothing of it is left.
func (p *Playground) endBroker(ctx context.Context, id int32, kill bool) error {
	p.mu.Lock()
	b, err := p.brokerLocked(id)
	switch {
	case err != nil:
	case !b.alive() || b.cancel == nil:
		err = fmt.Errorf("broker %d does not run", id)
	case kill && b.tools != nil:
		b.state = stateKilled
	// Without tools there is nothing that could be torn away: a kill becomes a stop.
	default:
		b.state = stateStopping
	}
	if err != nil {
		p.mu.Unlock()
		return err
	}
	tools, idle, cancel, logger, abandon := b.tools, b.idle, b.cancel, b.logger, b.abandon
	kill = b.state == stateKilled
	if kill {
		// Noted now, since the view of a dead broker is gone: its session lives on until it times
		// out.
		b.session = p.sessionOf(id)
	}
	b.paused, b.slow, b.cutPeers, b.cutZK = false, 0, false, false
	p.mu.Unlock()
	if kill {
		p.journals[id-1].Silence(true)
		// From here on nothing that the dying broker says or writes reaches anybody.
		logger.SetOutput(io.Discard)
		tools.Die()
		abandon()
	} else if tools != nil {
		tools.Network.Resume()
	}
	cancel()
	select {
	case <-idle:
	case <-ctx.Done():
		return fmt.Errorf("broker %d has not ended yet: %w", id, context.Cause(ctx))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wireLocked() // others may have been cut off from it
	return nil
}

// sessionOf is the ZooKeeper session of a broker that is shown, 0 if there is none.
func (p *Playground) sessionOf(id int32) int64 {
	for _, m := range p.site.Members() {
		if m.View.BrokerID() == id {
			return m.ZooKeeper.SessionID()
		}
	}
	return 0
}

// endSession has the coordination server end a broker's session, as if nothing had been heard of it
// for session.timeout: its ephemeral node goes, the controller moves its leaderships, and the
// broker itself is told only when it asks next.
func (p *Playground) endSession(id int32) error {
	p.mu.Lock()
	_, err := p.brokerLocked(id)
	p.mu.Unlock()
	if err != nil {
		return err
	}
	session := p.sessionOf(id)
	if session == 0 || !p.opts.Sessions.EndSession(session) {
		return fmt.Errorf("broker %d has no ZooKeeper session", id)
	}
	return nil
}

// disk fills a broker's disk, or frees it.
func (p *Playground) disk(id int32, fill bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	b, err := p.brokerLocked(id)
	if err != nil {
		return err
	}
	if b.tools == nil || b.full == fill {
		return nil
	}
	if b.full = fill; fill {
		b.tools.FillDisk(p.opts.LogDir(int(id) - 1))
	} else if b.state != stateKilled { // nothing more is written by one that was
		b.tools.FreeDisk()
	}
	return nil
}
