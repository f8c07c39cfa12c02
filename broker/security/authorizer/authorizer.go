// Package authorizer is Kafka's AclAuthorizer: it follows the ACLs in ZooKeeper, answers whether
// somebody may do something, changes ACLs for CreateAcls and DeleteAcls, and writes the audit log.
// The rules are those of coordinator/acl, the znodes are coordinator/zk's, what is asked is the
// handlers' business.
//
// A broker with authorizer.class.name has one. Run has a goroutine for each of the two kinds of
// change notifications. Decisions read a snapshot that is swapped as a whole, so that they never
// wait for a change.
package authorizer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"momus/coordinator/acl"
	"momus/coordinator/zk"
	"momus/internal/bell"
	"momus/internal/retry"
)

// The classes of authorizer.class.name that there are.
const (
	AclAuthorizerClass       = "kafka.security.authorizer.AclAuthorizer"
	SimpleAclAuthorizerClass = "kafka.security.auth.SimpleAclAuthorizer"
)

// Options make an Authorizer.
type Options struct {
	// Class is authorizer.class.name.
	Class string
	// ZK is a session of the authorizer's own.
	ZK     *zk.Client
	Policy acl.Policy
	// PrefixedRefused says that the inter.broker.protocol.version is too old for prefixed ACLs:
	// other brokers may not obey them.
	PrefixedRefused bool
	// Audit gets a line for each decision (kafka.authorizer.logger).
	Audit  *logrus.Entry
	Logger *logrus.Entry
	// Denied hears of each refusal that is worth a line of the audit log; may be nil.
	Denied func(q acl.Question)
	Now    func() time.Time
}

// Authorizer decides by ACLs. Its methods may be called from any goroutine.
type Authorizer struct {
	o       Options
	current atomic.Pointer[snapshot]
	readers []*zk.ChangeReader
	forget  func() // that the session is lost is no longer listened for; set by Start
	// turn has the one token of those who read znodes and swap the snapshot by what they have read:
	// what is read later is swapped in later. It is held while ZooKeeper answers, which no decision
	// waits for.
	turn *semaphore.Weighted
	// reload wakes Run after the session was lost, when notifications may have come and gone; failed
	// wakes it when ACLs could not be read. One token each is enough, as Run looks at everything.
	reload, failed bell.Bell
	// unread is what has changed, or may have, and could not be read yet. Who has the turn has it.
	unread struct {
		all       bool // not even the resources are known
		resources map[acl.Resource]struct{}
	}
}

// CheckClass reports what is wrong with a class of authorizer.class.name.
func CheckClass(class string) error {
	if class == AclAuthorizerClass || class == SimpleAclAuthorizerClass {
		return nil
	}
	return fmt.Errorf("authorizer.class.name is %s, a class that only a JVM can load; use %s, which is built in, or remove the key to let everybody do everything",
		class, AclAuthorizerClass)
}

// New makes an Authorizer that denies everything but to super users until Start has read the ACLs.
func New(o Options) *Authorizer {
	a := &Authorizer{o: o, turn: semaphore.NewWeighted(1), reload: bell.New(), failed: bell.New()}
	a.unread.resources = map[acl.Resource]struct{}{}
	a.swap(&acl.Index{})
	return a
}

// Start makes the parents of ACL nodes, listens for changes, and then reads all ACLs, so that no
// change is missed.
func (a *Authorizer) Start(ctx context.Context) error {
	if err := a.o.ZK.CreateACLPaths(ctx); err != nil {
		return fmt.Errorf("create the nodes of ACLs: %w", err)
	}
	a.readers = a.o.ZK.NewACLChangeReaders(a.o.Now, a.changed)
	for _, r := range a.readers {
		if err := r.Start(ctx); err != nil {
			return fmt.Errorf("listen for changes of ACLs: %w", err)
		}
	}
	a.forget = a.o.ZK.OnSession(zk.SessionHandler{Renewed: func(context.Context) { a.reload.Ring() }})
	return a.load(ctx)
}

// Run follows changes until ctx ends. Start comes before it.
func (a *Authorizer) Run(ctx context.Context) error {
	defer a.forget()
	g, ctx := errgroup.WithContext(ctx)
	for _, r := range a.readers {
		g.Go(func() error { return r.Run(ctx) })
	}
	g.Go(func() error { a.follow(ctx); return nil })
	return g.Wait()
}

// What could not be read is read again after a pause that gets longer each time.
const (
	firstRetry   = 250 * time.Millisecond
	longestRetry = 30 * time.Second
)

// follow reads all ACLs after the session was lost, and again what could not be read, until ctx
// ends. A right that was taken away must not stay because ZooKeeper had a bad moment, and nobody
// notifies twice.
func (a *Authorizer) follow(ctx context.Context) {
	var again <-chan time.Time
	pause := retry.Pause{First: firstRetry, Longest: longestRetry}
	for {
		read := a.readUnread
		select {
		case <-ctx.Done():
			return
		case <-a.reload:
			read = a.load
		case <-a.failed:
			if again == nil {
				again = time.After(pause.Failed())
			}
			continue
		case <-again:
		}
		again = nil
		err := read(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			wait := pause.Failed()
			a.o.Logger.WithError(err).Errorf("could not read ACLs that may have changed; the old ones stay, and are read again in %v", wait)
			again = time.After(wait)
		case pause.Succeeded():
			a.o.Logger.Info("read the ACLs that could not be read before")
		}
	}
}

// Authorize reports whether what is asked is allowed, and writes it to the audit log. It implements
// handler.Authorizer.
func (a *Authorizer) Authorize(q acl.Question) bool {
	d := a.current.Load().decide(&a.o.Policy, &q)
	a.audit(&q, &d)
	return d.Allowed
}

// Explain answers a question for somebody who only wants to know; the audit log does not hear of it.
func (a *Authorizer) Explain(q acl.Question) acl.Decision {
	return a.index().Decide(&a.o.Policy, &q)
}

// index is the ACLs as they are known now.
func (a *Authorizer) index() *acl.Index { return a.current.Load().index }

// swap replaces the ACLs, and all that was decided by them.
func (a *Authorizer) swap(x *acl.Index) { a.current.Store(&snapshot{index: x}) }

// load reads all ACLs. Those of a resource that cannot be read stay as they are.
func (a *Authorizer) load(ctx context.Context) error {
	if err := a.turn.Acquire(ctx, 1); err != nil {
		return err
	}
	defer a.turn.Release(1)
	found, err := a.o.ZK.ACLs(ctx)
	if found == nil && err != nil {
		a.unread.all = true
		return fmt.Errorf("read the ACLs: %w", err)
	}
	a.unread.all = false
	clear(a.unread.resources)
	all := make(map[acl.Resource][]acl.Entry, len(found))
	for _, r := range found {
		all[r.Resource] = r.Entries
		if r.Err != nil {
			all[r.Resource] = a.index().Entries(r.Resource)
			a.unread.resources[r.Resource] = struct{}{}
		}
	}
	a.swap(acl.Build(all))
	if err != nil {
		return fmt.Errorf("read the ACLs of %d resources: %w", len(a.unread.resources), err)
	}
	return nil
}

// changed hears of a resource whose ACLs have changed.
func (a *Authorizer) changed(ctx context.Context, r acl.Resource) error {
	if err := a.refresh(ctx, r); err != nil && ctx.Err() == nil {
		a.o.Logger.WithError(err).WithField("resource", r.String()).Error("could not read the ACLs of a resource that has changed; the old ones stay until they can be read")
	}
	return nil // it comes again without another notification
}

// refresh reads the ACLs of a resource. When that fails the old ones stay until
// follow has read them.
func (a *Authorizer) refresh(ctx context.Context, r acl.Resource) error {
	if err := a.turn.Acquire(ctx, 1); err != nil {
		return err
	}
	defer a.turn.Release(1)
	entries, err := a.o.ZK.ResourceACLs(ctx, r)
	if err != nil {
		a.unread.resources[r] = struct{}{}
		a.failed.Ring()
		return err
	}
	delete(a.unread.resources, r)
	a.swap(a.index().With(r, entries))
	a.o.Logger.WithFields(logrus.Fields{"resource": r.String(), "acls": len(entries)}).Debug("read the ACLs of a resource")
	return nil
}

// readUnread reads what could not be read before, and returns the first error.
func (a *Authorizer) readUnread(ctx context.Context) error {
	if err := a.turn.Acquire(ctx, 1); err != nil {
		return err
	}
	all, resources := a.unread.all, slices.Collect(maps.Keys(a.unread.resources))
	a.turn.Release(1)
	if all {
		return a.load(ctx)
	}
	var first error
	for _, r := range resources {
		if err := a.refresh(ctx, r); err != nil && first == nil {
			first = fmt.Errorf("read the ACLs of %s: %w", r, err)
		}
	}
	return first
}
