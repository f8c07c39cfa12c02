package zk

import (
	"maps"
	"slices"
	"sync"

	gozk "github.com/go-zookeeper/zk"
)

// NodeEvent says what happened to a watched node. It carries no state: read the node again, which
// also arms the watch again.
type NodeEvent int

// What may happen to a node.
const (
	NodeCreated NodeEvent = iota + 1
	NodeDeleted
	NodeChanged
)

// String is a word for logs.
func (e NodeEvent) String() string {
	switch e {
	case NodeCreated:
		return "created"
	case NodeDeleted:
		return "deleted"
	case NodeChanged:
		return "changed"
	}
	return "unknown"
}

// hub knows who is interested in which path and whether the watch is set on the server in the
// current session.
type hub struct {
	mu    sync.Mutex
	node  map[string]*interest
	child map[string]*interest
}

type interest struct {
	armed  bool
	nextID int
	node   map[int]func(NodeEvent)
	child  map[int]func()
}

func newHub() *hub {
	return &hub{node: map[string]*interest{}, child: map[string]*interest{}}
}

// OnNode registers fn for creation, deletion and data changes of path. The watch is set by the next
// read (Exists or data) of path.
func (c *Client) OnNode(path string, fn func(NodeEvent)) (cancel func()) {
	return c.hub.register(c.hub.node, path, func(in *interest, id int) { in.node[id] = fn })
}

// OnChildren registers fn for changes of the list of children of path. The watch is set by the next
// listing of path.
func (c *Client) OnChildren(path string, fn func()) (cancel func()) {
	return c.hub.register(c.hub.child, path, func(in *interest, id int) { in.child[id] = fn })
}

// register lets add note somebody's interest in path, in all, under an id of its own. An interest
// that nobody has any more is forgotten once its watch is not armed.
func (h *hub) register(all map[string]*interest, path string, add func(in *interest, id int)) (cancel func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	in := all[path]
	if in == nil {
		in = &interest{node: map[int]func(NodeEvent){}, child: map[int]func(){}}
		all[path] = in
	}
	id := in.nextID
	in.nextID++
	add(in, id)
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(in.node, id)
		delete(in.child, id)
		if len(in.node)+len(in.child) == 0 && all[path] == in && !in.armed {
			delete(all, path)
		}
	}
}

// arm reports whether the read that follows has to set the watch at the server: someone is
// interested, and it is not set yet. It counts as set from now on, as its event may be dispatched
// before the reader sees the answer; disarm takes that back when the read did not set it.
func (h *hub) arm(in map[string]*interest, path string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := in[path]
	if i == nil || i.armed || len(i.node)+len(i.child) == 0 {
		return false
	}
	i.armed = true
	return true
}

// disarm notes that a watch has fired or could not be set; without anybody interested it is
// forgotten.
func (h *hub) disarm(in map[string]*interest, path string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if i := in[path]; i != nil {
		i.armed = false
		if len(i.node)+len(i.child) == 0 {
			delete(in, path)
		}
	}
}

// disarmAll is called between two sessions: watches die with theirs.
func (h *hub) disarmAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range []map[string]*interest{h.node, h.child} {
		for path, i := range m {
			i.armed = false
			if len(i.node)+len(i.child) == 0 {
				delete(m, path)
			}
		}
	}
}

// dispatch tells those who are interested of an event. ZooKeeper's watches fire once: whoever wants
// the next event reads again.
func (h *hub) dispatch(ev gozk.Event) {
	var kind NodeEvent
	switch ev.Type {
	case gozk.EventNodeCreated:
		kind = NodeCreated
	case gozk.EventNodeDeleted:
		kind = NodeDeleted
	case gozk.EventNodeDataChanged:
		kind = NodeChanged
	case gozk.EventNodeChildrenChanged:
		h.disarm(h.child, ev.Path)
		for _, fn := range h.childHandlers(ev.Path) {
			fn()
		}
		return
	default:
		return
	}
	h.disarm(h.node, ev.Path)
	for _, fn := range h.nodeHandlers(ev.Path) {
		fn(kind)
	}
	if kind == NodeDeleted { // a child watch ends with the node
		h.disarm(h.child, ev.Path)
		for _, fn := range h.childHandlers(ev.Path) {
			fn()
		}
	}
}

// nodeHandlers copies the handlers, which are called without the lock.
func (h *hub) nodeHandlers(path string) []func(NodeEvent) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if in := h.node[path]; in != nil {
		return slices.Collect(maps.Values(in.node))
	}
	return nil
}

// childHandlers copies the handlers of a node's children.
func (h *hub) childHandlers(path string) []func() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if in := h.child[path]; in != nil {
		return slices.Collect(maps.Values(in.child))
	}
	return nil
}
