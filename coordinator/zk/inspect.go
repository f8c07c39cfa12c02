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
	// Changes are the zxids of the last change of each of the first children, 0 for one that has
	// gone meanwhile.
	Changes []int64
}

// maxChanges bounds how many children a look at a node asks about.
const maxChanges = 300

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
	n := &Node{Path: path, Data: data, Stat: *stat, Children: names, Changes: make([]int64, min(len(names), maxChanges))}
	err = c.each(ctx, len(n.Changes), func(ctx context.Context, i int) error {
		there, st, err := c.exists(ctx, strings.TrimSuffix(path, "/")+"/"+names[i])
		if err == nil && there {
			// Its value, or the list of its children.
			n.Changes[i] = max(st.Mzxid, st.Pzxid)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return n, nil
}
