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
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"momus/coordinator/acl"
	"momus/coordinator/zk"
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
	index   atomic.Pointer[acl.Index]
	readers []*zk.ChangeReader
	// turn has the one token of those who read znodes and swap the index by what they have read:
	// what is read later is swapped in later. It is held while ZooKeeper answers, which no decision
	// waits for.
	turn chan struct{}
	// reload wakes Run after the session was lost, when notifications may have come and gone.
	reload chan struct{}
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
	a := &Authorizer{o: o, turn: make(chan struct{}, 1), reload: make(chan struct{}, 1)}
	a.index.Store(&acl.Index{})
	return a
}

// Start makes the parents of ACL nodes, listens for changes, and then reads all ACLs, so that no
// change is missed.
func (a *Authorizer) Start(ctx context.Context) error {
	if err := a.o.ZK.CreateACLPaths(ctx); err != nil {
		return fmt.Errorf("create the nodes of ACLs: %w", err)
	}
	a.readers = a.o.ZK.NewACLChangeReaders(a.o.Now, a.refresh)
	for _, r := range a.readers {
		if err := r.Start(ctx); err != nil {
			return fmt.Errorf("listen for changes of ACLs: %w", err)
		}
	}
	a.o.ZK.OnSession(zk.SessionHandler{Renewed: func(context.Context) {
		select {
		case a.reload <- struct{}{}:
		default:
		}
	}})
	return a.load(ctx)
}

// Run follows changes until ctx ends. Start comes before it.
func (a *Authorizer) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, r := range a.readers {
		g.Go(func() error { return r.Run(ctx) })
	}
	g.Go(func() error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-a.reload:
			}
			if err := a.load(ctx); err != nil && ctx.Err() == nil {
				a.o.Logger.WithError(err).Error("could not read the ACLs again after the ZooKeeper session was lost; the old ones stay")
			}
		}
	})
	return g.Wait()
}

// Authorize reports whether what is asked is allowed, and writes it to the audit log. It implements
// handler.Authorizer.
func (a *Authorizer) Authorize(q acl.Question) bool {
	d := a.index.Load().Decide(&a.o.Policy, &q)
	a.audit(&q, &d)
	return d.Allowed
}

// take waits for the turn to read znodes; give ends it.
func (a *Authorizer) take(ctx context.Context) error {
	select {
	case a.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (a *Authorizer) give() { <-a.turn }

// load reads all ACLs.
func (a *Authorizer) load(ctx context.Context) error {
	if err := a.take(ctx); err != nil {
		return err
	}
	defer a.give()
	found, err := a.o.ZK.ACLs(ctx)
	if err != nil {
		return fmt.Errorf("read the ACLs: %w", err)
	}
	all := make(map[acl.Resource][]acl.Entry, len(found))
	for _, r := range found {
		all[r.Resource] = r.Entries
	}
	a.index.Store(acl.Build(all))
	return nil
}

// refresh reads the ACLs of a resource that has changed. When that fails the old ones stay.
func (a *Authorizer) refresh(ctx context.Context, r acl.Resource) error {
	if err := a.take(ctx); err != nil {
		return err
	}
	defer a.give()
	entries, err := a.o.ZK.ResourceACLs(ctx, r)
	if err != nil {
		return err
	}
	a.index.Store(a.index.Load().With(r, entries))
	a.o.Logger.WithFields(logrus.Fields{"resource": r.String(), "acls": len(entries)}).Debug("read the ACLs of a resource")
	return nil
}
