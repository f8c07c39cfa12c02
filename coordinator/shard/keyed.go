package shard

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync/atomic"

	"momus/internal/kerr"
	"momus/internal/model"
)

// Keyed is a Runtime whose callers name a key, a group or a transactional id, whose hash says its
// partition. Until Start nobody knows how many partitions there are, and calls get
// COORDINATOR_NOT_AVAILABLE; partitions may be led before.
type Keyed struct {
	*Runtime
	partitions atomic.Int32 // of the topic; 0: not started
}

// NewKeyed makes a Runtime by keys.
func NewKeyed(o Options) *Keyed { return &Keyed{Runtime: New(o)} }

// Run is Runtime.Run; afterwards it is as before Start.
func (k *Keyed) Run(ctx context.Context) error {
	defer k.partitions.Store(0)
	return k.Runtime.Run(ctx)
}

// Start makes calls possible. partitions is the number of partitions of the topic: of the one that
// exists, else that of the configuration.
func (k *Keyed) Start(partitions int32) { k.partitions.Store(partitions) }

// Started reports whether Start was called and Run has not ended.
func (k *Keyed) Started() bool { return k.partitions.Load() > 0 }

// PartitionFor is the partition of a key; 0 before Start.
func (k *Keyed) PartitionFor(key string) int32 {
	if n := k.partitions.Load(); n > 0 {
		return model.PartitionForKey(key, n)
	}
	return 0
}

// CallKey is Call for the partition of a key. Who gives up waiting, because the broker stops or
// nobody listens any more, is told NOT_COORDINATOR.
func (k *Keyed) CallKey(ctx context.Context, key string, ev any) (any, error) {
	n := k.partitions.Load()
	if n <= 0 {
		return nil, kerr.CoordinatorNotAvailable
	}
	v, err := k.Call(ctx, model.PartitionForKey(key, n), ev)
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil, kerr.NotCoordinator
	}
	return v, err
}

// Gather asks every partition that serves and gives the answers to take, in no order. It reports
// whether other partitions are loading.
func Gather[T any](ctx context.Context, k *Keyed, ev any, take func(T)) (loading bool) {
	serving, loading := k.Partitions()
	for _, p := range serving {
		if v, err := k.Call(ctx, p, ev); err == nil {
			if t, ok := v.(T); ok {
				take(t)
			}
		}
	}
	return loading
}

// Effects are the effects of a step as a machine collects them. They are used again by the next
// step.
type Effects []Effect

// Reset begins a step.
func (e *Effects) Reset() {
	clear(*e)
	*e = (*e)[:0]
}

// Add adds an effect.
func (e *Effects) Add(effect Effect) { *e = append(*e, effect) }

// Reply answers a call, if anybody waits for it, with a value.
func (e *Effects) Reply(call *Call, value any) {
	if call != nil {
		e.Add(Reply{Call: call, Value: value})
	}
}

// Refuse answers a call, if anybody waits for it, with an error.
func (e *Effects) Refuse(call *Call, err error) {
	if call != nil {
		e.Add(Reply{Call: call, Err: err})
	}
}

// SortedKeys keeps the order of maps out of effects.
func SortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
