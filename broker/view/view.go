// Package view is a read-only view of a broker for those who show it: metrics, health, journal and
// page. It has the broker's figures and the state of its partitions, groups and transactions as
// plain values, and nothing that changes them. It holds no state itself and has no goroutines: each
// look reads the parts anew, so nobody pays who does not look.
package view

import (
	"context"
	"time"

	"momus/broker/metadata"
	"momus/broker/quota"
	"momus/broker/replica"
	"momus/coordinator/controller"
	"momus/coordinator/group"
	"momus/coordinator/txn"
	"momus/storage/cleaner"
	"momus/storage/logdir"
)

// Sources are the parts of a broker that a View reads. All but Cleaner are required.
type Sources struct {
	BrokerID     int32
	State        func() int32 // with Kafka's numbers
	MemoryUsed   func() int64 // bytes of requests under way
	Metadata     *metadata.Cache
	Replicas     *replica.Manager
	Logs         *logdir.Manager
	Cleaner      *cleaner.Cleaner // nil without log.cleaner.enable
	Controller   *controller.Controller
	Groups       *group.Coordinator
	Transactions *txn.Coordinator
	Quotas       *quota.Set
	Now          func() time.Time
}

// View is the view of one broker. Its methods may be called from any goroutine.
type View struct{ s Sources }

// New makes a view.
func New(s Sources) *View { return &View{s} }

// BrokerID is the broker's id.
func (v *View) BrokerID() int32 { return v.s.BrokerID }

// State is the broker's state, with Kafka's numbers.
func (v *View) State() int32 { return v.s.State() }

// Now is the broker's clock.
func (v *View) Now() time.Time { return v.s.Now() }

// MemoryUsed is how many bytes of requests are being received or executed.
func (v *View) MemoryUsed() int64 { return v.s.MemoryUsed() }

// Metadata is what the broker knows about the cluster.
func (v *View) Metadata() *metadata.Snapshot { return v.s.Metadata.Snapshot() }

// Gauges are the figures of the replica manager.
func (v *View) Gauges() replica.Gauges { return v.s.Replicas.Gauges() }

// Received is how many bytes and records were appended since the start.
func (v *View) Received() (bytes, messages int64) { return v.s.Replicas.Received() }

// ThrottleRates are the rates of throttled replication.
func (v *View) ThrottleRates() replica.ThrottleRates { return v.s.Replicas.ThrottleRates() }

// EachPartition calls fn for every partition on this broker, in no particular order. fn must only
// read.
// fn runs without a lock of the replica manager, so that a slow one holds nobody up.
func (v *View) EachPartition(fn func(p *replica.Partition)) { v.s.Replicas.EachPartition(fn) }

// Dirs are the log directories.
func (v *View) Dirs() []logdir.DirStatus { return v.s.Logs.Dirs() }

// Cleaner are the figures of the log cleaner; ok is false if it is off.
func (v *View) Cleaner() (s cleaner.Stats, ok bool) {
	if v.s.Cleaner == nil {
		return s, false
	}
	return v.s.Cleaner.Stats(), true
}

// IsController reports whether this broker is the active controller.
func (v *View) IsController() bool { return v.s.Controller.IsActive() }

// ControllerEpoch is the epoch of this broker's controllership, 0 if it is not controller. Of two
// brokers that believe to be controller the one with the larger epoch is; the other has not heard of
// it yet.
func (v *View) ControllerEpoch() int32 { return v.s.Controller.Epoch() }

// ControllerStats are the controller's figures; all 0 on other brokers.
func (v *View) ControllerStats() controller.Stats { return v.s.Controller.Stats() }

// GroupStats are the figures of the group coordinator.
func (v *View) GroupStats(ctx context.Context) group.Stats { return v.s.Groups.Stats(ctx) }

// TransactionStats are the figures of the transaction coordinator.
func (v *View) TransactionStats(ctx context.Context) txn.Stats { return v.s.Transactions.Stats(ctx) }
