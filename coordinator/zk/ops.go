package zk

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	gozk "github.com/go-zookeeper/zk"

	"momus/internal/fan"
)

// abs is the path at the server, below the chroot.
func (c *Client) abs(path string) string {
	if c.chroot == "" {
		return path
	}
	if path == "/" {
		return c.chroot
	}
	return c.chroot + path
}

// rel is a path of the server as this client's users know it.
func (c *Client) rel(path string) string {
	if c.chroot == "" {
		return path
	}
	if p := strings.TrimPrefix(path, c.chroot); p != "" {
		return p
	}
	return "/"
}

// do runs one operation in the current session, bounded by MaxInFlight.
func (c *Client) do(ctx context.Context, what, path string, op func(conn *gozk.Conn, repeated bool) error) error {
	select {
	// The place is held also while the operation waits for a lost connection: others would wait for
	// the same.
	case c.inFlight <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-c.inFlight }()
	if err := c.current.Load().do(ctx, op); err != nil {
		return fmt.Errorf("%s %s: %w", what, path, err)
	}
	return nil
}

// find is get for a node that may not be there, which is no error: ok is false then.
func (c *Client) find(ctx context.Context, path string) (data []byte, stat *Stat, ok bool, err error) {
	data, stat, err = c.get(ctx, path)
	if errors.Is(err, ErrNoNode) {
		return nil, nil, false, nil
	}
	return data, stat, err == nil, err
}

// findOrAwait is find that arms the watch of a node that is not there, too: reading the node would
// not, asking whether it is there does.
func (c *Client) findOrAwait(ctx context.Context, path string) (data []byte, ok bool, err error) {
	if there, _, err := c.exists(ctx, path); err != nil || !there {
		return nil, false, err
	}
	data, _, ok, err = c.find(ctx, path)
	return data, ok, err
}

// reading runs an operation that reads a node: watched, which sets the watch, if somebody is
// interested and it is not set yet, and plain if not.
func (c *Client) reading(ctx context.Context, what, path string, watches map[string]*interest, plain, watched func(conn *gozk.Conn, at string) error) error {
	return c.do(ctx, what, path, func(conn *gozk.Conn, _ bool) error {
		if !c.hub.arm(watches, path) {
			return plain(conn, c.abs(path))
		}
		err := watched(conn, c.abs(path))
		if err != nil {
			c.hub.disarm(watches, path)
		}
		return err
	})
}

// get reads a node and arms its watch if somebody is interested.
func (c *Client) get(ctx context.Context, path string) (data []byte, stat *Stat, err error) {
	err = c.reading(ctx, "read", path, c.hub.node,
		func(conn *gozk.Conn, at string) (err error) { data, stat, err = conn.Get(at); return err },
		func(conn *gozk.Conn, at string) (err error) { data, stat, _, err = conn.GetW(at); return err })
	return data, stat, err
}

// exists tells whether a node exists and arms its watch, also for its creation, if somebody is
// interested.
func (c *Client) exists(ctx context.Context, path string) (found bool, stat *Stat, err error) {
	err = c.reading(ctx, "stat", path, c.hub.node,
		func(conn *gozk.Conn, at string) (err error) { found, stat, err = conn.Exists(at); return err },
		func(conn *gozk.Conn, at string) (err error) { found, stat, _, err = conn.ExistsW(at); return err })
	return found, stat, err
}

// Watch checks whether a node exists only to arm the watch that OnNode asked for.
func (c *Client) Watch(ctx context.Context, path string) (exists bool, err error) {
	exists, _, err = c.exists(ctx, path)
	return exists, err
}

// children lists the children of a node, unsorted, and arms the child watch if somebody is
// interested. No node: ErrNoNode.
func (c *Client) children(ctx context.Context, path string) (names []string, err error) {
	err = c.reading(ctx, "list", path, c.hub.child,
		func(conn *gozk.Conn, at string) (err error) { names, _, err = conn.Children(at); return err },
		func(conn *gozk.Conn, at string) (err error) { names, _, _, err = conn.ChildrenW(at); return err })
	return names, err
}

// set writes a node; version -1 is unconditional.
func (c *Client) set(ctx context.Context, path string, data []byte, version int32) (stat *Stat, err error) {
	err = c.do(ctx, "write", path, func(conn *gozk.Conn, _ bool) (err error) {
		stat, err = conn.Set(c.abs(path), data, version)
		return err
	})
	return stat, err
}

// create makes a persistent node without its parents. Data nil is no data at all, as Kafka's
// container nodes have.
func (c *Client) create(ctx context.Context, path string, data []byte) error {
	return c.do(ctx, "create", path, func(conn *gozk.Conn, _ bool) error {
		_, err := conn.Create(c.abs(path), data, gozk.FlagPersistent, c.acl(path))
		return err
	})
}

// createRecursive makes the node, and its parents when they are missing.
func (c *Client) createRecursive(ctx context.Context, path string, data []byte) error {
	err := c.create(ctx, path, data)
	if !errors.Is(err, ErrNoNode) {
		return err
	}
	if err := c.createParents(ctx, path); err != nil {
		return err
	}
	return c.create(ctx, path, data)
}

// createParents creates what is missing above a path, from the deepest that is there.
func (c *Client) createParents(ctx context.Context, path string) error {
	i := strings.LastIndexByte(path, '/')
	if i <= 0 {
		return nil
	}
	parent := path[:i]
	err := c.create(ctx, parent, nil)
	if errors.Is(err, ErrNoNode) {
		if err := c.createParents(ctx, parent); err != nil {
			return err
		}
		err = c.create(ctx, parent, nil)
	}
	if errors.Is(err, ErrNodeExists) {
		return nil
	}
	return err
}

// makeSure creates the node with parents unless it is there.
func (c *Client) makeSure(ctx context.Context, path string) error {
	if err := c.createRecursive(ctx, path, nil); err != nil && !errors.Is(err, ErrNodeExists) {
		return err
	}
	return nil
}

// setOrCreate writes a node unconditionally and creates it, with parents, when it is missing.
func (c *Client) setOrCreate(ctx context.Context, path string, data []byte) error {
	for {
		_, err := c.set(ctx, path, data, -1)
		if !errors.Is(err, ErrNoNode) {
			return err
		}
		if err = c.createRecursive(ctx, path, data); !errors.Is(err, ErrNodeExists) {
			return err
		}
	}
}

// createSequential makes a persistent sequential node and returns its path. After a lost connection
// there may be two.
func (c *Client) createSequential(ctx context.Context, prefix string, data []byte) (path string, err error) {
	err = c.do(ctx, "create", prefix, func(conn *gozk.Conn, _ bool) (err error) {
		path, err = conn.Create(c.abs(prefix), data, gozk.FlagSequence, c.acl(prefix))
		return err
	})
	return c.rel(path), err
}

// remove deletes a node; version -1 is unconditional.
func (c *Client) remove(ctx context.Context, path string, version int32) error {
	return c.do(ctx, "delete", path, func(conn *gozk.Conn, repeated bool) error {
		err := conn.Delete(c.abs(path), version)
		if repeated && errors.Is(err, ErrNoNode) {
			return nil // the first attempt had arrived
		}
		return err
	})
}

// multi runs operations, whose paths are absolute already, all or none. failed is the index of the
// operation that failed, -1 otherwise.
func (c *Client) multi(ctx context.Context, what, path string, ops ...any) (results []gozk.MultiResponse, failed int, repeated bool, err error) {
	err = c.do(ctx, what, path, func(conn *gozk.Conn, again bool) (err error) {
		repeated, failed = again, -1
		results, err = conn.Multi(ops...)
		for i, r := range results {
			if r.Error != nil {
				failed, err = i, r.Error
				break
			}
		}
		return err
	})
	return results, failed, repeated, err
}

// each calls fn for 0..n-1 from at most MaxInFlight goroutines and returns the first error; after
// it no further call begins.
func (c *Client) each(ctx context.Context, n int, fn func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var failed atomic.Pointer[error]
	fan.Each(n, c.opts.MaxInFlight, func(i int) {
		if failed.Load() != nil {
			return
		}
		// The first error counts; the others are most likely its consequence.
		if err := fn(ctx, i); err != nil && failed.CompareAndSwap(nil, &err) {
			cancel(err)
		}
	})
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// createChroot creates the nodes of the chroot, which are outside of every path that this client
// otherwise knows.
func (c *Client) createChroot(ctx context.Context) error {
	if c.chroot == "" {
		return nil
	}
	parts := strings.Split(strings.TrimPrefix(c.chroot, "/"), "/")
	for i := range parts {
		path := "/" + strings.Join(parts[:i+1], "/")
		err := c.do(ctx, "create", path, func(conn *gozk.Conn, _ bool) error {
			_, err := conn.Create(path, nil, gozk.FlagPersistent, c.acl(path))
			return err
		})
		if err != nil && !errors.Is(err, ErrNodeExists) {
			return err
		}
	}
	return nil
}

// acl is what a new node at path gets (zookeeper.set.acl).
func (c *Client) acl(path string) []gozk.ACL {
	open := gozk.WorldACL(gozk.PermAll)
	if !c.opts.SecureACLs || path == ConsumersPath {
		return open
	}
	creator := gozk.AuthACL(gozk.PermAll)
	// Who may read these could log in as others: Kafka's sensitiveRootPaths. Everything else may be
	// read by anybody.
	for _, secret := range []string{"/config/users", "/config/brokers", "/delegation_token/tokens"} {
		if strings.HasPrefix(path, secret) {
			return creator
		}
	}
	return append(creator, gozk.WorldACL(gozk.PermRead)...)
}
