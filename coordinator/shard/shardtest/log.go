// Package shardtest has a log in memory for tests of coordinators: it implements shard.Log, and
// lets a test hold back acknowledgements or fail appends.
package shardtest

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"momus/coordinator/shard"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/storage/record"
)

// Log keeps the batches of any number of partitions. All methods are safe for concurrent use.
type Log struct {
	mu         sync.Mutex
	partitions map[model.TopicPartition]*partition
	held       bool
	fail       error
	released   chan struct{} // closed when appends are no longer held
	readable   chan struct{} // closed when loads are no longer held; nil: they are not
}

type partition struct {
	batches []record.Batch
	next    int64
}

// New is an empty log.
func New() *Log {
	return &Log{partitions: map[model.TopicPartition]*partition{}, released: make(chan struct{})}
}

func (l *Log) partitionLocked(tp model.TopicPartition) *partition {
	p := l.partitions[tp]
	if p == nil {
		p = &partition{}
		l.partitions[tp] = p
	}
	return p
}

// Hold lets appends from now on wait for Release instead of ending at once.
func (l *Log) Hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = true
}

// Release ends all appends that wait.
func (l *Log) Release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = false
	close(l.released)
	l.released = make(chan struct{})
}

// HoldLoads lets whoever begins to read a partition wait until release is called.
func (l *Log) HoldLoads() (release func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	readable := make(chan struct{})
	l.readable = readable
	return func() { close(readable) }
}

// Fail lets appends fail with err; nil: no more.
func (l *Log) Fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fail = err
}

// Load puts bytes of a log file behind what is there, as they are.
func (l *Log) Load(tp model.TopicPartition, file []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.partitionLocked(tp)
	for {
		batch, rest, err := record.Next(file)
		if err != nil || batch == nil {
			return err
		}
		p.batches = append(p.batches, bytes.Clone(batch))
		p.next = batch.NextOffset()
		file = rest
	}
}

// Batches are the batches of a partition so far.
func (l *Log) Batches(tp model.TopicPartition) []record.Batch {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.partitionLocked(tp).batches[:len(l.partitionLocked(tp).batches):len(l.partitionLocked(tp).batches)]
}

// Append implements shard.Log.
func (l *Log) Append(tp model.TopicPartition, batch []byte, acks int16) shard.Pending {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return done{shard.Result{BaseOffset: -1, Err: l.fail}}
	}
	b, rest, err := record.Next(batch)
	if err != nil || b == nil || len(rest) > 0 {
		return done{shard.Result{BaseOffset: -1, Err: fmt.Errorf("append %d bytes: %w", len(batch), kerr.CorruptMessage)}}
	}
	p := l.partitionLocked(tp)
	b.SetBaseOffset(p.next)
	b.SetLeaderEpoch(0)
	r := shard.Result{BaseOffset: p.next}
	p.batches = append(p.batches, bytes.Clone(b))
	p.next = b.NextOffset()
	if l.held && acks == -1 {
		return pending{result: r, released: l.released}
	}
	return done{r}
}

// Read implements shard.Log.
func (l *Log) Read(tp model.TopicPartition, offset int64, maxBytes int, buf []byte) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := buf[:0]
	for _, b := range l.partitionLocked(tp).batches {
		if b.NextOffset() <= offset {
			continue
		}
		if len(out) > 0 && len(out)+len(b) > maxBytes {
			break
		}
		out = append(out, b...)
	}
	return out, nil
}

// Bounds implements shard.Log.
func (l *Log) Bounds(tp model.TopicPartition) (start, end int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if readable := l.readable; readable != nil {
		l.mu.Unlock()
		<-readable
		l.mu.Lock()
	}
	return 0, l.partitionLocked(tp).next, nil
}

type done struct{ r shard.Result }

func (d done) Done() (shard.Result, bool)                           { return d.r, true }
func (d done) Wait(context.Context, time.Duration) (r shard.Result) { return d.r }

type pending struct {
	result   shard.Result
	released <-chan struct{}
}

func (p pending) Done() (shard.Result, bool) { return shard.Result{}, false }

func (p pending) Wait(ctx context.Context, timeout time.Duration) shard.Result {
	t := time.NewTimer(timeout)
	defer t.Stop()
	select {
	case <-p.released:
		return p.result
	case <-t.C:
		return shard.Result{BaseOffset: -1, Err: kerr.RequestTimedOut}
	case <-ctx.Done():
		return shard.Result{BaseOffset: -1, Err: ctx.Err()}
	}
}
