package zk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	gozk "github.com/go-zookeeper/zk"
)

// ControllerEpoch is what fences a controller: the content and the data version of
// /controller_epoch after its election.
type ControllerEpoch struct {
	Epoch     int32
	ZKVersion int32
}

// ControllerID reads who is controller, -1 for nobody, and arms the watch of /controller.
func (c *Client) ControllerID(ctx context.Context) (int32, error) {
	data, _, ok, err := c.find(ctx, ControllerPath)
	if err != nil || !ok {
		return -1, err
	}
	return DecodeController(data)
}

// readControllerEpoch gives the epoch and the version of its node, on which the writes of a
// controller are conditional.
func (c *Client) readControllerEpoch(ctx context.Context) (epoch ControllerEpoch, err error) {
	data, stat, err := c.get(ctx, ControllerEpochPath)
	if err != nil {
		return epoch, err
	}
	n, err := strconv.ParseInt(string(data), 10, 32)
	if err != nil {
		return epoch, fmt.Errorf("%s: %w", ControllerEpochPath, err)
	}
	return ControllerEpoch{Epoch: int32(n), ZKVersion: stat.Version}, nil
}

// ElectController tries to make the broker controller: it creates /controller and raises
// /controller_epoch in one transaction. won is false when another broker was faster.
func (c *Client) ElectController(ctx context.Context, brokerID int32, nowMs int64) (epoch ControllerEpoch, won bool, err error) {
	before, err := c.readControllerEpoch(ctx)
	if errors.Is(err, ErrNoNode) {
		// The first controller ever. Kafka's brokers write 0 there, so that the first epoch is 1.
		err = c.create(ctx, ControllerEpochPath, []byte("0"))
		if errors.Is(err, ErrNodeExists) {
			err = nil
		}
		if err == nil {
			before, err = c.readControllerEpoch(ctx)
		}
	}
	if err != nil {
		return ControllerEpoch{}, false, err
	}
	next := before.Epoch + 1
	session := c.current.Load()
	results, _, _, err := c.multi(ctx, "create", ControllerPath,
		&gozk.CreateRequest{Path: c.abs(ControllerPath), Data: EncodeController(brokerID, nowMs), Acl: c.acl(ControllerPath), Flags: gozk.FlagEphemeral},
		&gozk.SetDataRequest{Path: c.abs(ControllerEpochPath), Data: []byte(strconv.Itoa(int(next))), Version: before.ZKVersion})
	switch {
	case err == nil:
		return ControllerEpoch{Epoch: next, ZKVersion: results[1].Stat.Version}, true, nil
	case !errors.Is(err, ErrNodeExists) && !errors.Is(err, ErrBadVersion):
		return ControllerEpoch{}, false, err
	}
	// Lost, unless the reply to our own transaction was lost: then the node belongs to this
	// session.
	found, stat, err := c.exists(ctx, ControllerPath)
	if err != nil || !found || stat.EphemeralOwner != session.conn.SessionID() {
		return ControllerEpoch{}, false, err
	}
	now, err := c.readControllerEpoch(ctx)
	// Another's epoch: this session's node is of an earlier election.
	if err != nil || now.Epoch != next {
		return ControllerEpoch{}, false, err
	}
	return now, true, nil
}

// DeleteController gives up /controller, so that all brokers compete for it; nothing happens when
// another controller was elected.
func (c *Client) DeleteController(ctx context.Context, epoch ControllerEpoch) error {
	err := c.checkedDelete(ctx, epoch, ControllerPath)
	if errors.Is(err, ErrNoNode) || errors.Is(err, ErrControllerMoved) {
		return nil
	}
	return err
}

// checked runs one mutation together with the check that /controller_epoch has not changed. Its
// errors are those of the mutation, or ErrControllerMoved.
func (c *Client) checked(ctx context.Context, epoch ControllerEpoch, what, path string, op any) (result gozk.MultiResponse, repeated bool, err error) {
	results, failed, repeated, err := c.multi(ctx, what, path,
		&gozk.CheckVersionRequest{Path: c.abs(ControllerEpochPath), Version: epoch.ZKVersion}, op)
	if err == nil {
		return results[1], repeated, nil
	}
	// The check itself failed: somebody else was elected since.
	if failed == 0 && (errors.Is(err, ErrBadVersion) || errors.Is(err, ErrNoNode)) {
		return result, repeated, fmt.Errorf("%s %s with controller epoch %d: %w", what, path, epoch.Epoch, ErrControllerMoved)
	}
	return result, repeated, err
}

// checkedCreate makes a node on condition of the controller's epoch. repeated says that
// ErrNodeExists may mean our own earlier attempt.
func (c *Client) checkedCreate(ctx context.Context, epoch ControllerEpoch, path string, data []byte) (repeated bool, err error) {
	_, repeated, err = c.checked(ctx, epoch, "create", path,
		&gozk.CreateRequest{Path: c.abs(path), Data: data, Acl: c.acl(path), Flags: gozk.FlagPersistent})
	return repeated, err
}

// checkedSet writes a node on condition of the controller's epoch, and of a version unless that is
// -1.
func (c *Client) checkedSet(ctx context.Context, epoch ControllerEpoch, path string, data []byte, version int32) (*Stat, error) {
	r, _, err := c.checked(ctx, epoch, "write", path, &gozk.SetDataRequest{Path: c.abs(path), Data: data, Version: version})
	return r.Stat, err
}

// checkedDelete removes a node on condition of the controller's epoch.
func (c *Client) checkedDelete(ctx context.Context, epoch ControllerEpoch, path string) error {
	_, repeated, err := c.checked(ctx, epoch, "delete", path, &gozk.DeleteRequest{Path: c.abs(path), Version: -1})
	// The attempt before, whose answer was lost, has done it.
	if repeated && errors.Is(err, ErrNoNode) {
		return nil
	}
	return err
}

// checkedDeleteAll deletes the nodes; those that are gone already do not count.
func (c *Client) checkedDeleteAll(ctx context.Context, epoch ControllerEpoch, paths []string) error {
	return c.checkedBatch(ctx, epoch, &batch{
		what: "delete", n: len(paths),
		ops:     func(i int) []any { return []any{&gozk.DeleteRequest{Path: c.abs(paths[i]), Version: -1}} },
		written: func(int, gozk.MultiResponse) {},
		single: func(ctx context.Context, i int, _ bool) error {
			if err := c.checkedDelete(ctx, epoch, paths[i]); !errors.Is(err, ErrNoNode) {
				return err
			}
			return nil
		},
	})
}

// checkedDeleteTree deletes a node with everything below, children first, many nodes to a
// transaction.
func (c *Client) checkedDeleteTree(ctx context.Context, epoch ControllerEpoch, path string) error {
	nodes, err := c.descendants(ctx, path)
	if err != nil {
		return err
	}
	for end := len(nodes); end > 0; end -= min(end, maxBatchItems) {
		part := nodes[max(0, end-maxBatchItems):end]
		ops := []any{&gozk.CheckVersionRequest{Path: c.abs(ControllerEpochPath), Version: epoch.ZKVersion}}
		for _, p := range slices.Backward(part) {
			ops = append(ops, &gozk.DeleteRequest{Path: c.abs(p), Version: -1})
		}
		_, failed, _, err := c.multi(ctx, "delete", path, ops...)
		switch {
		case failed > 0: // somebody adds or removes nodes meanwhile
			return c.checkedDeleteOneByOne(ctx, epoch, path)
		case failed == 0 && (errors.Is(err, ErrBadVersion) || errors.Is(err, ErrNoNode)):
			return fmt.Errorf("delete %s with controller epoch %d: %w", path, epoch.Epoch, ErrControllerMoved)
		case err != nil:
			return err
		}
	}
	return nil
}

// checkedDeleteOneByOne is checkedDeleteTree for a tree that others change at the same time.
func (c *Client) checkedDeleteOneByOne(ctx context.Context, epoch ControllerEpoch, path string) error {
	names, err := c.children(ctx, path)
	if errors.Is(err, ErrNoNode) {
		return nil
	}
	if err != nil {
		return err
	}
	for { // somebody may add children meanwhile
		// Sequential over one level's children: each takes a place among the requests in flight
		// itself.
		for _, name := range names {
			if err := c.checkedDeleteOneByOne(ctx, epoch, path+"/"+name); err != nil {
				return err
			}
		}
		err = c.checkedDelete(ctx, epoch, path)
		if errors.Is(err, ErrNoNode) {
			return nil
		}
		if !errors.Is(err, ErrNotEmpty) {
			return err
		}
		if names, err = c.children(ctx, path); err != nil && !errors.Is(err, ErrNoNode) {
			return err
		}
	}
}
