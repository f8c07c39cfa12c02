package zk

import (
	"context"
	"slices"
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
