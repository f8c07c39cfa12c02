package controller

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"momus/coordinator/zk"
	"momus/internal/journal"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/internal/silent"
)

// Settings are the configs that the controller reads, at each use.
type Settings struct {
	UncleanLeaderElection bool          // unclean.leader.election.enable
	DeleteTopics          bool          // delete.topic.enable
	AutoRebalance         bool          // auto.leader.rebalance.enable
	ImbalancePercentage   int           // leader.imbalance.per.broker.percentage
	ImbalanceInterval     time.Duration // leader.imbalance.check.interval.seconds
}

// Options configure a Controller.
type Options struct {
	BrokerID int32
	ZK       *zk.Client
	// Registration is what this broker writes to /brokers/ids/<id>; asked at each registration.
	Registration func() *zk.Registration
	Settings     func() Settings
	// NewSender makes the channels to the brokers; replies must be handed to the given function,
	// which never blocks.
	NewSender func(reply func(Event)) Sender
	Logger    *logrus.Entry
	Now       func() time.Time
	// Journal is told what the controller decides; may be nil.
	Journal *journal.Journal
	// OnRegistered is told each new broker epoch, before anything else happens under it. May be
	// nil.
	OnRegistered func(epoch int64)
	// OnElected is told that this broker has become the active controller. It must not block. May
	// be nil.
	OnElected func()
}

// Controller takes part in elections and is the active controller while it owns /controller. Its
// methods may be called from any goroutine.
type Controller struct {
	opts  Options
	log   *logrus.Entry
	queue *queue
	store *watchingStore
	core  *runner // only the loop touches it after New

	brokerEpoch brokerEpoch
	session     atomic.Int64 // under which this process registered last
	activeID    atomic.Int32
	epoch       atomic.Int32 // controller epoch while active, 0 otherwise
	done        chan struct{}

	metrics struct {
		offlinePartitions, preferredImbalance, topics, partitions atomic.Int64
	}
	// What follows belongs to the loop.
	rebalance *time.Timer
	published time.Time
	failures  failures
	former    int32 // the controller before the present one, as far as this broker has seen it; -1 for none
}

// New makes a controller that does nothing until Register and Run.
func New(o Options) *Controller {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = silent.Logger()
	}
	c := &Controller{opts: o, log: o.Logger, queue: newQueue(), done: make(chan struct{})}
	c.activeID.Store(-1)
	c.brokerEpoch.set(-1)
	c.former = -1
	c.store = newWatchingStore(o.ZK, c.queue.put)
	c.core = newRunner(o.BrokerID, c.store, o.NewSender(c.queue.put), o.Settings, o.Logger)
	c.core.history.j = o.Journal
	return c
}

// BrokerEpoch is the czxid of this broker's registration, -1 before.
func (c *Controller) BrokerEpoch() int64 {
	epoch, _ := c.brokerEpoch.get()
	return epoch
}

// BrokerEpochChange is BrokerEpoch, with a channel that is closed when there is another.
func (c *Controller) BrokerEpochChange() (epoch int64, changed <-chan struct{}) {
	return c.brokerEpoch.get()
}

// brokerEpoch is a broker epoch that can be waited for.
type brokerEpoch struct {
	mu      sync.Mutex
	epoch   int64         // guarded by mu, as is changed
	changed chan struct{} // closed and replaced by set
}

func (e *brokerEpoch) set(epoch int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.epoch = epoch
	if e.changed != nil {
		close(e.changed)
	}
	e.changed = make(chan struct{})
}

func (e *brokerEpoch) get() (epoch int64, changed <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.epoch, e.changed
}

// IsActive reports whether this broker is the active controller.
func (c *Controller) IsActive() bool { return c.epoch.Load() > 0 }

// ActiveID is the active controller as last seen in ZooKeeper, -1 for none.
func (c *Controller) ActiveID() int32 { return c.activeID.Load() }

// Epoch is the controller epoch while active, 0 otherwise.
func (c *Controller) Epoch() int32 { return c.epoch.Load() }

// Stats are the numbers behind the controller's metrics; all 0 while not active.
type Stats struct {
	OfflinePartitions, PreferredReplicaImbalance, Topics, Partitions int64
}

// Stats returns the numbers as of the last event.
func (c *Controller) Stats() Stats {
	return Stats{c.metrics.offlinePartitions.Load(), c.metrics.preferredImbalance.Load(), c.metrics.topics.Load(), c.metrics.partitions.Load()}
}

// Register writes this broker's registration; it fails when another live broker uses one of its
// addresses or its id. Both may be those of this broker's previous process, whose session has not
// ended yet: Register says so and waits for that.
func (c *Controller) Register(ctx context.Context) error {
	r := c.opts.Registration()
	if err := c.awaitAddresses(ctx, r); err != nil {
		return err
	}
	return c.register(ctx, r)
}

// registrationWait is how long the session of a previous process is waited for.
func (c *Controller) registrationWait() time.Duration {
	return c.opts.ZK.SessionTimeout()*3/2 + 2*time.Second
}

// awaitAddresses waits until no other broker has registered one of the addresses of r. A container
// that was killed and has begun again with an empty volume has another id, and finds its addresses
// with the old one.
func (c *Controller) awaitAddresses(ctx context.Context, r *zk.Registration) error {
	wait := c.registrationWait()
	began := time.Now()
	for said := false; ; said = true {
		holder, address, err := c.addressHolder(ctx, r)
		if err != nil || holder < 0 {
			return err
		}
		if time.Since(began) >= wait {
			return fmt.Errorf("configured end points %s in advertised listeners are already registered by broker %d, and were for %v: another broker runs with this address. "+
				"Stop it, or give this one other advertised.listeners", address, holder, wait)
		}
		if !said {
			c.log.WithFields(logrus.Fields{"broker": holder, "address": address}).
				Warnf("the address is still registered by another broker id, probably of this broker's previous process with other data; waiting up to %v for its session to end", wait)
		}
		timer := time.NewTimer(addressInterval)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}

// addressInterval is how often a registration with this broker's address is looked for again.
const addressInterval = 500 * time.Millisecond

// addressHolder is another broker that has registered an address of r, -1 for none.
func (c *Controller) addressHolder(ctx context.Context, r *zk.Registration) (id int32, address string, err error) {
	others, err := c.opts.ZK.Brokers(ctx)
	if err != nil {
		return -1, "", err
	}
	for _, b := range others {
		for _, theirs := range b.Endpoints {
			for _, ours := range r.Endpoints {
				if b.ID != c.opts.BrokerID && theirs.Host == ours.Host && theirs.Port == ours.Port {
					return b.ID, fmt.Sprintf("%s:%d", ours.Host, ours.Port), nil
				}
			}
		}
	}
	return -1, "", nil
}

func (c *Controller) register(ctx context.Context, r *zk.Registration) error {
	epoch, err := c.opts.ZK.RegisterBroker(ctx, c.opts.BrokerID, r, c.session.Load(), c.registrationWait())
	if err != nil {
		return err
	}
	c.session.Store(c.opts.ZK.SessionID())
	c.brokerEpoch.set(epoch)
	c.log.WithFields(logrus.Fields{"broker": c.opts.BrokerID, "epoch": epoch}).Info("registered the broker")
	c.opts.Journal.Record(journal.Entry{Kind: journal.Registered, About: -1, Number: epoch})
	if c.opts.OnRegistered != nil {
		c.opts.OnRegistered(epoch)
	}
	return nil
}

// UpdateRegistration rewrites this broker's registration after its listeners have changed.
func (c *Controller) UpdateRegistration(ctx context.Context) error {
	return c.opts.ZK.UpdateBroker(ctx, c.opts.BrokerID, c.opts.Registration())
}

// Run takes part in elections and processes events until ctx ends; then it resigns. Closing the
// ZooKeeper session afterwards removes /controller.
func (c *Controller) Run(ctx context.Context) error {
	defer close(c.done)
	defer c.core.out.Close()
	defer c.queue.close(errStopped)
	forget := c.opts.ZK.OnSession(zk.SessionHandler{Lost: c.sessionLost, Renewed: func(context.Context) { c.queue.put(registerAndReelect{}) }})
	defer forget()
	cancel := c.opts.ZK.OnNode(zk.ControllerPath, func(ev zk.NodeEvent) {
		if ev == zk.NodeDeleted {
			c.queue.put(reelect{})
		} else {
			c.queue.put(controllerChange{})
		}
	})
	defer cancel()
	c.queue.put(startup{})
	for {
		ev, ok := c.queue.take(ctx)
		if !ok {
			c.resign()
			return nil
		}
		c.process(ctx, ev)
	}
}

// errStopped answers requests that are still queued when the controller stops.
var errStopped = fmt.Errorf("the broker is shutting down: %w", kerr.NotController)

// Events of the shell: they concern the election, not the cluster.
type (
	startup            struct{}
	controllerChange   struct{}
	reelect            struct{}
	registerAndReelect struct{}
	expire             struct{ done chan struct{} }
)

func (startup) event()            {}
func (controllerChange) event()   {}
func (reelect) event()            {}
func (registerAndReelect) event() {}
func (*expire) event()            {}

// sessionLost drops what is queued and makes the loop resign before a new session is opened.
func (c *Controller) sessionLost() {
	ev := &expire{done: make(chan struct{})}
	c.queue.clearAndPut(ev)
	select {
	case <-ev.done:
	case <-c.done:
	}
}

// process carries one event out, to its end; a panic on the way ends this broker's time as
// controller, see failure.go.
func (c *Controller) process(ctx context.Context, ev Event) {
	defer c.guard(ctx, ev)
	var err error
	switch ev := ev.(type) {
	case startup:
		err = c.elect(ctx)
	case controllerChange:
		err = c.maybeResign(ctx)
	case reelect:
		if err = c.maybeResign(ctx); err == nil {
			err = c.elect(ctx)
		}
	case registerAndReelect:
		if err = c.register(ctx, c.opts.Registration()); err == nil {
			if err = c.maybeResign(ctx); err == nil {
				err = c.elect(ctx)
			}
		} else if !errors.Is(err, zk.ErrSessionExpired) {
			time.AfterFunc(5*time.Second, func() { c.queue.put(ev) })
		}
	case giveUp:
		c.giveUp(ctx, ev)
	case *expire:
		c.activeID.Store(-1)
		c.resign()
		close(ev.done)
	default:
		err = c.core.Step(ctx, ev)
		if _, ok := ev.(AutoRebalance); ok {
			c.scheduleRebalance(c.opts.Settings().ImbalanceInterval)
		}
	}
	switch {
	case err == nil, ctx.Err() != nil, errors.Is(err, zk.ErrSessionExpired), errors.Is(err, zk.ErrClosed): // expire follows
	case errors.Is(err, zk.ErrControllerMoved):
		c.log.WithError(err).Info("another controller was elected")
		if err := c.maybeResign(ctx); err != nil {
			c.log.WithError(err).Error("could not read who is controller")
		}
	default:
		c.log.WithError(err).WithField("event", fmt.Sprintf("%T", ev)).Error("event was not processed completely")
	}
	c.publish()
}

// publish makes what others may read from what only the loop sees. It counts all partitions, so not
// for every event of a long queue.
func (c *Controller) publish() {
	if now := c.opts.Now(); !c.queue.empty() && now.Sub(c.published) < time.Second {
		return
	} else {
		c.published = now
	}
	s := c.core.stats()
	c.metrics.offlinePartitions.Store(s.OfflinePartitions)
	c.metrics.preferredImbalance.Store(s.PreferredReplicaImbalance)
	c.metrics.topics.Store(s.Topics)
	c.metrics.partitions.Store(s.Partitions)
}

// look reads who is controller, -1 for nobody, and arms the watch again; exists arms it also when
// the node is missing.
func (c *Controller) look(ctx context.Context) (int32, error) {
	if _, err := c.opts.ZK.Watch(ctx, zk.ControllerPath); err != nil {
		return -1, err
	}
	id, err := c.opts.ZK.ControllerID(ctx)
	if err == nil {
		c.sawController(id)
	}
	return id, err
}

// maybeResign looks who is controller, and resigns if it is no longer this broker.
func (c *Controller) maybeResign(ctx context.Context) error {
	id, err := c.look(ctx)
	if err != nil {
		return err
	}
	if c.core.active && id != c.opts.BrokerID {
		c.resign()
	}
	return nil
}

// elect tries to become controller unless there is one.
func (c *Controller) elect(ctx context.Context) error {
	id, err := c.look(ctx)
	if err != nil {
		return err
	}
	if id >= 0 || c.standsAside() {
		return nil
	}
	epoch, won, err := c.opts.ZK.ElectController(ctx, c.opts.BrokerID, c.opts.Now().UnixMilli())
	if err != nil {
		return err
	}
	if !won {
		return c.maybeResign(ctx)
	}
	c.activeID.Store(c.opts.BrokerID)
	c.epoch.Store(epoch.Epoch)
	c.core.history.cause = c.opts.Journal.Record(journal.Entry{Kind: journal.ControllerElected, About: c.former, ControllerEpoch: epoch.Epoch})
	c.log.WithField("controller_epoch", epoch.Epoch).Info("became the controller")
	began := c.opts.Now()
	if err := c.core.failover(ctx, epoch); err != nil {
		c.resign()
		if derr := c.opts.ZK.DeleteController(ctx, epoch); derr != nil {
			err = fmt.Errorf("%w; and giving up /controller: %w", err, derr)
		}
		return fmt.Errorf("failover: %w", err)
	}
	stats := c.core.stats()
	c.log.WithFields(logrus.Fields{"topics": stats.Topics, "partitions": stats.Partitions, "brokers": len(c.core.brokers), "took": c.opts.Now().Sub(began)}).
		Info("took the cluster over")
	c.core.sawFailover(c.opts.Now().Sub(began), stats.Partitions)
	if c.opts.Settings().AutoRebalance {
		c.scheduleRebalance(5 * time.Second)
	}
	if c.opts.OnElected != nil {
		c.opts.OnElected()
	}
	return nil
}

// sawController remembers who is controller, and who was when there is none.
func (c *Controller) sawController(id int32) {
	if id >= 0 {
		c.former = id
	}
	c.activeID.Store(id)
}

func (c *Controller) resign() {
	c.stopRebalance()
	if c.core.active {
		c.log.WithField("controller_epoch", c.epoch.Load()).Info("resigned as controller")
		c.opts.Journal.Record(journal.Entry{Kind: journal.ControllerResigned, About: -1, ControllerEpoch: c.epoch.Load()})
	}
	c.epoch.Store(0)
	c.core.resign()
}

func (c *Controller) scheduleRebalance(after time.Duration) {
	c.stopRebalance()
	if c.core.active && c.opts.Settings().AutoRebalance && after > 0 {
		c.rebalance = time.AfterFunc(after, func() { c.queue.put(AutoRebalance{}) })
	}
}

func (c *Controller) stopRebalance() {
	if c.rebalance != nil {
		c.rebalance.Stop()
		c.rebalance = nil
	}
}

// ElectLeaders elects leaders for partitions, all when partitions is nil; the error is
// kerr.NotController on other brokers.
func (c *Controller) ElectLeaders(ctx context.Context, kind ElectionType, partitions []model.TopicPartition) ([]ElectionResult, error) {
	return ask(ctx, c, func(reply func([]ElectionResult, error)) Event {
		return &ElectLeaders{Type: kind, Partitions: partitions, All: partitions == nil, Reply: reply}
	})
}

// AlterReassignments starts reassignments, or cancels those whose Replicas are nil.
func (c *Controller) AlterReassignments(ctx context.Context, rs []zk.Reassignment) ([]ReassignmentResult, error) {
	return ask(ctx, c, func(reply func([]ReassignmentResult, error)) Event {
		return &AlterReassignments{Partitions: rs, Reply: reply}
	})
}

// ListReassignments lists running reassignments, all when partitions is nil.
func (c *Controller) ListReassignments(ctx context.Context, partitions []model.TopicPartition) (map[model.TopicPartition]model.Assignment, error) {
	return ask(ctx, c, func(reply func(map[model.TopicPartition]model.Assignment, error)) Event {
		return &ListReassignments{Partitions: partitions, All: partitions == nil, Reply: reply}
	})
}

// ControlledShutdown moves leaderships away from a broker and returns the partitions that it still
// leads.
func (c *Controller) ControlledShutdown(ctx context.Context, broker int32, brokerEpoch int64) ([]model.TopicPartition, error) {
	return ask(ctx, c, func(reply func([]model.TopicPartition, error)) Event {
		return &ControlledShutdown{Broker: broker, Epoch: brokerEpoch, Reply: reply}
	})
}

// UncleanElectionEnabled is to be called when the broker's own unclean.leader.election.enable has
// become true.
func (c *Controller) UncleanElectionEnabled() { c.queue.put(UncleanElectionEnabled{}) }

// TopicConfigChanged is to be called for each config notification of a topic.
func (c *Controller) TopicConfigChanged(topic string, overrides map[string]string) {
	if isTrue(overrides[uncleanElectionKey]) {
		c.queue.put(TopicUncleanElectionEnabled{topic})
	}
}

// uncleanElectionKey is the topic config that the controller looks at.
const uncleanElectionKey = "unclean.leader.election.enable"

// isTrue reports whether a boolean config is on; what is neither true nor false is off.
func isTrue(value string) bool { return strings.EqualFold(strings.TrimSpace(value), "true") }

// Inspect calls fn on the controller's goroutine between two events and returns when it is done.
func (c *Controller) Inspect(ctx context.Context, fn func(*Context)) error {
	_, err := ask(ctx, c, func(reply func(struct{}, error)) Event {
		return &Inspect{Fn: func(cc *Context) { fn(cc); reply(struct{}{}, nil) }, Failed: func(err error) { reply(struct{}{}, err) }}
	})
	return err
}

// ask queues an event and waits for its reply.
func ask[T any](ctx context.Context, c *Controller, make func(reply func(T, error)) Event) (T, error) {
	type answer struct {
		result T
		err    error
	}
	answers := newAnswer[answer]()
	c.queue.put(make(func(result T, err error) { answers.put(answer{result, err}) }))
	var none T
	select {
	case a := <-answers.ch:
		return a.result, a.err
	case <-ctx.Done():
		return none, context.Cause(ctx)
	case <-c.done:
		return none, errStopped
	}
}

// answerBox takes the first of several answers and never blocks the giver.
type answerBox[T any] struct{ ch chan T }

func newAnswer[T any]() answerBox[T] { return answerBox[T]{make(chan T, 1)} }

func (a answerBox[T]) put(v T) {
	select {
	case a.ch <- v:
	default:
	}
}
