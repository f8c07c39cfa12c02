package clients

import (
	"context"
	"sync"
	"time"

	"momus/cmd/internal/tool/java"
)

// budget bounds the bytes of records on their way, as buffer.memory does.
type budget struct {
	memory   int64         // buffer.memory
	maxBlock time.Duration // max.block.ms: how long one waits for room

	mu struct {
		sync.Mutex
		used    int64
		changed chan struct{} // closed when there is more room, nil when nobody waits
	}
}

// reserve waits until so many bytes more may be on their way, and fails as Java does when there is
// no room in time. What it reserved has to be released.
func (b *budget) reserve(ctx context.Context, size int) error {
	if b.take(size) == nil {
		return nil
	}
	limit, cancel := context.WithTimeout(ctx, b.maxBlock)
	defer cancel()
	for {
		changed := b.take(size)
		if changed == nil {
			return nil
		}
		select {
		case <-changed:
		case <-limit.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return java.Timeout("Failed to allocate memory within the configured max blocking time %d ms.", b.maxBlock.Milliseconds())
		}
	}
}

// take reserves room and returns nil, or returns what is closed when it is worth another attempt.
func (b *budget) take(size int) chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.used+int64(size) <= b.memory {
		b.mu.used += int64(size)
		return nil
	}
	if b.mu.changed == nil {
		b.mu.changed = make(chan struct{})
	}
	return b.mu.changed
}

// release gives memory back and wakes all who wait; each looks for itself whether it is enough. Java's
// BufferPool serves them in the order in which they came, which matters only with several senders.
func (b *budget) release(size int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.used -= int64(size)
	if b.mu.changed != nil {
		close(b.mu.changed)
		b.mu.changed = nil
	}
}
