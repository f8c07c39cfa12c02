package zk

import (
	"context"
	"errors"

	gozk "github.com/go-zookeeper/zk"
)

// ACL is an entry of a node's access control list.
type ACL = gozk.ACL

// ACLOf reads who may do what with a node.
func (c *Client) ACLOf(ctx context.Context, path string) (acl []ACL, err error) {
	err = c.do(ctx, "read the ACL of", path, func(conn *gozk.Conn, _ bool) (err error) {
		acl, _, err = conn.GetACL(c.abs(path))
		return err
	})
	return acl, err
}

// secureRoots are what zookeeper-security-migration works on, in its order
// (ZkData.SecureRootPaths). /consumers is not among them: clients of old versions write there
// without an identity.
var secureRoots = [...]string{"/admin", "/brokers", "/cluster", "/config", ControllerPath, ControllerEpochPath, ISRChangesPath, ProducerIDBlockPath,
	LogDirEventsPath, "/delegation_token", ExtendedACLPath, ACLPath, ACLChangesPath, ExtendedACLChangesPath}

// MissingSecureRoots lists those of the nodes to be protected that are not there, which often means
// a wrong chroot.
func (c *Client) MissingSecureRoots(ctx context.Context) ([]string, error) {
	var missing []string
	for _, path := range secureRoots {
		found, _, err := c.exists(ctx, path)
		if err != nil {
			return nil, err
		}
		if !found {
			missing = append(missing, path)
		}
	}
	return missing, nil
}

// ResetACL gives one node the ACL that this client's nodes get.
func (c *Client) ResetACL(ctx context.Context, path string) error {
	return c.do(ctx, "set the ACL of", path, func(conn *gozk.Conn, _ bool) error {
		_, err := conn.SetACL(c.abs(path), c.acl(path), -1)
		return err
	})
}

// ResetSecureRoots gives every node at and below the roots the ACL that this client's nodes get: a
// protected one with Options.SecureACLs, else an open one. Roots that are missing are created, but
// for the controller's: it is not there while there is no controller, and an epoch without a number
// would stop the first. Nodes that vanish meanwhile are passed over. each is told of every node
// that was set, from several goroutines at once; it may be nil.
func (c *Client) ResetSecureRoots(ctx context.Context, each func(path string)) error {
	for _, root := range secureRoots {
		found, _, err := c.exists(ctx, root)
		if err != nil {
			return err
		}
		if !found && (root == ControllerPath || root == ControllerEpochPath) {
			continue
		}
		if !found {
			if err := c.createRecursive(ctx, root, nil); err != nil && !errors.Is(err, ErrNodeExists) {
				return err
			}
		}
		if err := c.resetTree(ctx, root, each); err != nil {
			return err
		}
	}
	return nil
}

// resetTree sets a node and all below it, in no order.
func (c *Client) resetTree(ctx context.Context, root string, each func(path string)) error {
	paths, err := c.descendants(ctx, root)
	if err != nil {
		return err
	}
	return c.each(ctx, len(paths), func(ctx context.Context, i int) error {
		err := c.ResetACL(ctx, paths[i])
		if errors.Is(err, ErrNoNode) {
			return nil
		}
		if err == nil && each != nil {
			each(paths[i])
		}
		return err
	})
}
