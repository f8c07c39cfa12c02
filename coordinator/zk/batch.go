package zk

import (
	"context"
	"errors"
	"fmt"
	"sync"

	gozk "github.com/go-zookeeper/zk"
)

// Bounds of one transaction that carries changes which do not depend on each other. ZooKeeper syncs
// its log once for it, and refuses packets above jute.maxbuffer, 1 MiB unless configured.
const (
	maxBatchItems = 100
	maxBatchBytes = 128 << 10
)

// batch is a list of changes that are independent of each other, each of one operation or more.
type batch struct {
	what string // for errors
	n    int
	ops  func(i int) []any
	// written gets the answer to the last operation of an item that was written in a transaction
	// with others.
	written func(i int, r gozk.MultiResponse)
	// single writes an item alone, when it stands in the way of others. repeated tells that it may
	// have been written already. It keeps the errors that concern the item only and returns the
	// others, which end the batch.
	single func(ctx context.Context, i int, repeated bool) error
}

// span is a part of a batch that is written together.
type span struct{ from, to int }

// spans cuts the batch into transactions.
func (b *batch) spans() (list []span) {
	size := 0
	for i := range b.n {
		bytes := 0
		for _, op := range b.ops(i) {
			bytes += opBytes(op)
		}
		last := len(list) - 1
		if last < 0 || list[last].to-list[last].from == maxBatchItems || size+bytes > maxBatchBytes {
			list, size = append(list, span{i, i}), 0
			last++
		}
		list[last].to = i + 1
		size += bytes
	}
	return list
}

// opBytes is about what an operation takes in a packet.
func opBytes(op any) int {
	// An operation's type, flags and lengths, and an ACL of one or two entries: rather too much.
	const header = 64
	switch op := op.(type) {
	case *gozk.CreateRequest:
		return header + len(op.Path) + len(op.Data)
	case *gozk.SetDataRequest:
		return header + len(op.Path) + len(op.Data)
	case *gozk.DeleteRequest:
		return header + len(op.Path)
	}
	return header
}

// checkedBatch writes a batch in few transactions, each with the check that /controller_epoch has
// not changed. A transaction that fails for the sake of one item is taken apart. The error is that
// of the session, or ErrControllerMoved; the rest was not tried then.
func (c *Client) checkedBatch(ctx context.Context, epoch ControllerEpoch, b *batch) error {
	return c.batch(ctx, b, func() []any {
		return []any{&gozk.CheckVersionRequest{Path: c.abs(ControllerEpochPath), Version: epoch.ZKVersion}}
	}, func(err error) error {
		if errors.Is(err, ErrBadVersion) || errors.Is(err, ErrNoNode) {
			return fmt.Errorf("%s with controller epoch %d: %w", b.what, epoch.Epoch, ErrControllerMoved)
		}
		return err
	})
}

// batch writes a batch in few transactions that begin with the operations of guard; refused
// explains why one of those failed.
func (c *Client) batch(ctx context.Context, b *batch, guard func() []any, refused func(error) error) error {
	type alone struct {
		i        int
		repeated bool
	}
	var (
		mu     sync.Mutex
		single []alone
	)
	later := func(s span, repeated bool) {
		mu.Lock()
		defer mu.Unlock()
		for i := s.from; i < s.to; i++ {
			single = append(single, alone{i, repeated})
		}
	}
	spans := b.spans()
	err := c.each(ctx, len(spans), func(ctx context.Context, k int) error {
		s := spans[k]
		// A transaction of one is the same as writing it alone, which explains its errors better.
		if s.to-s.from == 1 {
			later(s, false)
			return nil
		}
		ops := guard()
		first := len(ops)
		ends := make([]int, 0, s.to-s.from)
		for i := s.from; i < s.to; i++ {
			ops = append(ops, b.ops(i)...)
			ends = append(ends, len(ops)-1)
		}
		results, failed, repeated, err := c.multi(ctx, b.what, fmt.Sprintf("%d at a time", s.to-s.from), ops...)
		switch {
		case err == nil && len(results) == len(ops):
			for k, end := range ends {
				b.written(s.from+k, results[end])
			}
			return nil
		case failed >= 0 && failed < first:
			return refused(err)
		// Which item failed is known, but not whether those behind it would: each is tried alone.
		case failed >= first:
			later(s, repeated)
			return nil
		case err == nil:
			return fmt.Errorf("%s: %d answers to %d operations", b.what, len(results), len(ops))
		}
		return err
	})
	if err != nil {
		return err
	}
	// After all transactions, so that an item that stands in the way does not hold up the others.
	return c.each(ctx, len(single), func(ctx context.Context, k int) error {
		return b.single(ctx, single[k].i, single[k].repeated)
	})
}

// descendants lists a node and everything below it, parents before children; nothing when the node
// does not exist.
func (c *Client) descendants(ctx context.Context, path string) ([]string, error) {
	all := []string{path}
	for level := all; len(level) > 0; {
		found := make([][]string, len(level))
		err := c.each(ctx, len(level), func(ctx context.Context, i int) error {
			names, err := c.children(ctx, level[i])
			if err != nil && !errors.Is(err, ErrNoNode) {
				return err
			}
			for _, name := range names {
				found[i] = append(found[i], level[i]+"/"+name)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		next := make([]string, 0, len(level))
		for _, paths := range found {
			next = append(next, paths...)
		}
		all = append(all, next...)
		level = next
	}
	return all, nil
}
