package zk

import (
	"context"
	"slices"
	"strings"
)

// Node is a znode as people look at it.
type Node struct {
	Path     string
	Data     []byte
	Stat     Stat
	Children []string // names, sorted
}

// Inspect reads a node with the names of its children. ErrNoNode means that there is none.
func (c *Client) Inspect(ctx context.Context, path string) (*Node, error) {
	data, stat, err := c.get(ctx, path)
	if err != nil {
		return nil, err
	}
	names, err := c.children(ctx, path)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	return &Node{Path: path, Data: data, Stat: *stat, Children: names}, nil
}

// MaxChanges bounds how many children Changes asks about: each takes a request.
const MaxChanges = 300

// Changes are the zxids of the last change of each of a node's first children, of its value or of
// the list of its own children; 0 for one that has gone meanwhile.
func (c *Client) Changes(ctx context.Context, n *Node) ([]int64, error) {
	changes := make([]int64, min(len(n.Children), MaxChanges))
	err := c.each(ctx, len(changes), func(ctx context.Context, i int) error {
		there, st, err := c.exists(ctx, strings.TrimSuffix(n.Path, "/")+"/"+n.Children[i])
		if err == nil && there {
			changes[i] = max(st.Mzxid, st.Pzxid)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return changes, nil
}
