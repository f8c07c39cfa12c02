package zkserver

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"momus/internal/model"
)

// Stat is what clients see of a node beside its data. Times are milliseconds since the epoch;
// Cversion counts changes of the children (creations and deletions).
type Stat struct {
	Czxid, Mzxid, Ctime, Mtime  int64
	Version, Cversion, Aversion int32
	EphemeralOwner              int64
	DataLength, NumChildren     int32
	Pzxid                       int64
}

// node is one znode as committed. cversion counts the children ever created: the number of the next
// sequential one.
type node struct {
	data                        []byte // nil is null, not empty; never changed in place
	acl                         []ACL  // never changed in place
	czxid, mzxid, pzxid         int64
	ctime, mtime                int64
	version, cversion, aversion int32
	ephemeralOwner              int64
	children                    map[string]struct{} // names; nil when there are none
	// Java's set keeps the table of its largest size.
	mostChildren int // at any one time in this process; see childNames
}

// stat converts to the client's view: for every child ever created that is gone, there was a second
// change.
func (n *node) stat() Stat {
	children := int32(len(n.children))
	return Stat{
		Czxid: n.czxid, Mzxid: n.mzxid, Ctime: n.ctime, Mtime: n.mtime,
		Version: n.version, Cversion: n.cversion*2 - children, Aversion: n.aversion,
		EphemeralOwner: n.ephemeralOwner, DataLength: int32(len(n.data)), NumChildren: children, Pzxid: n.pzxid,
	}
}

// tree holds the committed nodes by path, and tells watches of what changes. Transactions have been
// checked before they get here (see prepare.go); one that does not fit nevertheless comes from a
// damaged log: it changes nothing and its result carries a code.
type tree struct {
	nodes      map[string]*node
	ephemerals map[int64]map[string]struct{} // session → paths
	watches    *watchTable
	lastZxid   int64 // of the last transaction applied
	dataBytes  int64 // paths and data, for mntr
	open       []ACL // see intern
}

// newTree has the three nodes that every ZooKeeper has.
func newTree() *tree {
	t := &tree{
		nodes:      make(map[string]*node),
		ephemerals: make(map[int64]map[string]struct{}),
		watches:    newWatchTable(),
		open:       openACL(),
	}
	for _, path := range []string{"/", "/zookeeper", "/zookeeper/quota"} {
		t.nodes[path] = &node{data: []byte{}, acl: t.open}
		t.dataBytes += int64(len(path))
	}
	// Their cversion stays 0: nobody has created these.
	t.nodes["/"].children = map[string]struct{}{"zookeeper": {}}
	t.nodes["/zookeeper"].children = map[string]struct{}{"quota": {}}
	return t
}

// intern returns acl, or for the most common one a copy that all nodes share.
func (t *tree) intern(acl []ACL) []ACL {
	if slices.Equal(acl, t.open) {
		return t.open
	}
	return acl
}

// own enters an ephemeral node into its session's.
func (t *tree) own(session int64, path string) {
	owned := t.ephemerals[session]
	if owned == nil {
		owned = make(map[string]struct{})
		t.ephemerals[session] = owned
	}
	owned[path] = struct{}{}
}

func (n *node) addChild(name string) {
	if n.children == nil {
		n.children = make(map[string]struct{})
	}
	n.children[name] = struct{}{}
	n.mostChildren = max(n.mostChildren, len(n.children))
}

// permanent says whether path is one of the nodes that cannot be deleted.
func permanent(path string) bool {
	return path == "/" || path == "/zookeeper" || path == "/zookeeper/quota"
}

// get returns the node at path or nil. The root answers to the empty path too.
func (t *tree) get(path string) *node {
	if path == "" {
		path = "/"
	}
	return t.nodes[path]
}

// childNames returns the names of n's children, never nil, in the order in which a real server has
// them: that of Java's HashSet, by bucket and then by age; its table grows with the children and
// never shrinks. Clients should not count on it, but people see it in what tools print.
func (t *tree) childNames(path string, n *node) []string {
	names := make([]string, 0, len(n.children))
	for name := range n.children {
		names = append(names, name)
	}
	size := uint32(8)
	for 4*n.mostChildren > int(3*size) {
		size *= 2
	}
	prefix := strings.TrimSuffix(path, "/") + "/"
	bucket := func(name string) uint32 {
		h := uint32(model.JavaHash(name))
		return (h ^ h>>16) & (size - 1)
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := cmp.Compare(bucket(a), bucket(b)); d != 0 {
			return d
		}
		if d := cmp.Compare(t.nodes[prefix+a].czxid, t.nodes[prefix+b].czxid); d != 0 {
			return d
		}
		return cmp.Compare(a, b)
	})
	return names
}

// result is what one applied transaction, or one part of a multi, answers.
type result struct {
	op   opcode
	path string
	stat Stat
	code Code
}

// apply changes the tree as x says, fires watches and returns one result, or one for every part of
// a multi.
func (t *tree) apply(x *txn) []result {
	results := make([]result, 0, 1)
	switch x.op {
	case opMulti:
		for i := range x.parts {
			results = append(results, t.applyChange(x, &x.parts[i]))
		}
	case opCloseSession:
		t.removeSession(x.session, x.zxid)
	case opCreateSession, opError:
	default:
		results = append(results, t.applyChange(x, &x.change))
	}
	t.lastZxid = x.zxid
	return results
}

// applyChange applies what was decided before, and tells the watches. A change that no longer fits
// is a damaged log.
func (t *tree) applyChange(x *txn, c *change) result {
	r := result{op: c.op, path: c.path}
	if !t.fits(c) {
		r.code = codeRuntimeInconsistency
		return r
	}
	switch c.op {
	case opCreate, opCreate2:
		r.stat = t.create(x, c)
	case opDelete:
		t.delete(c.path, x.zxid)
	case opSetData:
		n := t.nodes[c.path]
		t.dataBytes += int64(len(c.data) - len(n.data))
		n.data, n.version, n.mzxid, n.mtime = c.data, c.version, x.zxid, x.timeMs
		r.stat = n.stat()
		// The watch is used up even if the data are the same.
		t.watches.fire(kindData, c.path, eventNodeDataChanged, nil)
	case opSetACL:
		n := t.nodes[c.path]
		n.acl, n.aversion = t.intern(c.acl), c.version
		r.stat = n.stat()
	}
	return r
}

// fits says whether c can be applied to the tree as it is.
func (t *tree) fits(c *change) bool {
	switch c.op {
	case opCreate, opCreate2:
		if !strings.Contains(c.path, "/") || t.nodes[c.path] != nil {
			return false
		}
		parent, _ := parentOf(c.path)
		return t.nodes[parent] != nil
	case opDelete:
		n := t.nodes[c.path]
		return n != nil && len(n.children) == 0 && !permanent(c.path)
	}
	return t.nodes[c.path] != nil
}

// create adds a node; its parent's child version was counted when it was decided.
func (t *tree) create(x *txn, c *change) Stat {
	parentPath, name := parentOf(c.path)
	parent := t.nodes[parentPath]
	n := &node{
		data: c.data, acl: t.intern(c.acl),
		// pzxid begins as the node's own.
		czxid: x.zxid, mzxid: x.zxid, pzxid: x.zxid, ctime: x.timeMs, mtime: x.timeMs,
	}
	if c.ephemeral {
		n.ephemeralOwner = x.session
		t.own(x.session, c.path)
	}
	parent.cversion, parent.pzxid = c.version, x.zxid
	parent.addChild(name)
	t.nodes[c.path] = n
	t.dataBytes += int64(len(c.path) + len(c.data))
	t.watches.fire(kindData, c.path, eventNodeCreated, nil)
	t.watches.fire(kindChild, parentPath, eventNodeChildrenChanged, nil)
	return n.stat()
}

// delete removes a node. Who watches both its data and its children is told once.
func (t *tree) delete(path string, zxid int64) {
	parentPath, name := parentOf(path)
	n, parent := t.nodes[path], t.nodes[parentPath]
	delete(t.nodes, path)
	t.dataBytes -= int64(len(path) + len(n.data))
	delete(parent.children, name)
	if len(parent.children) == 0 {
		parent.children = nil // a map keeps the memory of its largest size
	}
	parent.pzxid = zxid
	if owned := t.ephemerals[n.ephemeralOwner]; n.ephemeralOwner != 0 && owned != nil {
		delete(owned, path)
		if len(owned) == 0 {
			delete(t.ephemerals, n.ephemeralOwner)
		}
	}
	told := t.watches.fire(kindData, path, eventNodeDeleted, nil)
	t.watches.fire(kindChild, path, eventNodeDeleted, told)
	t.watches.fire(kindChild, parentPath, eventNodeChildrenChanged, nil)
}

// removeSession deletes the ephemeral nodes of a session that has ended.
func (t *tree) removeSession(session, zxid int64) {
	// In order, so that watches fire in the same order each time.
	for _, path := range slices.Sorted(maps.Keys(t.ephemerals[session])) {
		t.delete(path, zxid)
	}
	delete(t.ephemerals, session)
}

// ephemeralCount is the number of ephemeral nodes of all sessions.
func (t *tree) ephemeralCount() int {
	count := 0
	for _, owned := range t.ephemerals {
		count += len(owned)
	}
	return count
}

// parentOf is splitPath with the root called by its name.
func parentOf(path string) (parent, name string) {
	i := strings.LastIndexByte(path, '/')
	if i == 0 {
		return "/", path[1:]
	}
	return path[:i], path[i+1:]
}
