package zkserver

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// record is a node as it will be once the transactions on their way to the log are applied: what
// the checks of later requests need of it (ZooKeeper's ChangeRecord).
type record struct {
	path                        string
	exists                      bool
	version, cversion, aversion int32
	ephemeralOwner              int64
	children                    int
	acl                         []ACL
}

// overlay holds the records of transactions that wait for the log, above the tree of those that do
// not.
type overlay struct {
	tree    *tree
	records map[string]*record
	schemes schemes
}

// staged are the records of one transaction being checked, above an overlay. They replace the
// overlay's once the whole transaction has passed; a multi that fails leaves nothing behind.
type staged struct {
	below   *overlay
	records map[string]*record
}

func (o *overlay) stage() *staged { return &staged{below: o, records: make(map[string]*record, 2)} }

// get returns the record of path, or nil when there is no such node.
func (s *staged) get(path string) *record {
	if path == "" {
		path = "/"
	}
	r := s.records[path]
	// What the transaction itself has changed comes first, then what waits for the log, then the
	// tree.
	if r == nil {
		r = s.below.records[path]
	}
	if r != nil {
		if !r.exists {
			return nil
		}
		return r
	}
	n := s.below.tree.nodes[path]
	if n == nil {
		return nil
	}
	return &record{
		path: path, exists: true, version: n.version, cversion: n.cversion, aversion: n.aversion,
		ephemeralOwner: n.ephemeralOwner, children: len(n.children), acl: n.acl,
	}
}

// edit returns a copy of r that is part of the transaction.
func (s *staged) edit(r *record) *record {
	copied := *r
	s.records[r.path] = &copied
	return &copied
}

// publish makes the staged records visible to the checks of later requests and returns them.
func (s *staged) publish() map[string]*record {
	maps.Copy(s.below.records, s.records)
	return s.records
}

// retire takes the records of an applied transaction away, unless a later one has replaced them.
func (o *overlay) retire(records map[string]*record) {
	for path, r := range records {
		// The very same record: a later transaction has put its own in the place otherwise.
		if o.records[path] == r {
			delete(o.records, path)
		}
	}
}

// prepare checks one write and returns the change that carries it out. The order of the checks is
// ZooKeeper's (PrepRequestProcessor), since a request may fail for several reasons at once.
func (s *staged) prepare(session int64, ids []ID, o *operation) (change, Code) {
	switch o.op {
	case opCreate, opCreate2:
		return s.prepareCreate(session, ids, o)
	case opDelete:
		return s.prepareDelete(ids, o)
	}
	if !validPath(o.path) {
		return change{}, codeBadArguments
	}
	var acl []ACL
	if o.op == opSetACL {
		// The ACL is judged before the node is looked for.
		var ok bool
		if acl, ok = s.below.schemes.fixupACL(o.acl, ids); !ok {
			return change{}, codeInvalidACL
		}
	}
	r := s.get(o.path)
	if r == nil {
		return change{}, codeNoNode
	}
	perm, current := int32(permWrite), r.version
	switch o.op {
	case opSetACL:
		perm, current = permAdmin, r.aversion
	case opCheck:
		perm = permRead
	}
	if !allowed(r.acl, perm, ids) {
		return change{}, codeNoAuth
	}
	// -1 is any version.
	if o.version != -1 && o.version != current {
		return change{}, codeBadVersion
	}
	c := change{op: o.op, path: o.path, version: current + 1}
	switch o.op {
	case opSetData:
		c.data = o.data
		s.edit(r).version = c.version
	case opSetACL:
		c.acl = acl
		edited := s.edit(r)
		edited.aversion, edited.acl = c.version, acl
	}
	return c, codeOK
}

// Bits of the flags of a create request; 3.4 knows no others.
const (
	flagEphemeral  = 1
	flagSequential = 2
)

// prepareCreate checks a creation against the state as it will be when those before it are applied.
// A sequential name takes the parent's child version.
func (s *staged) prepareCreate(session int64, ids []ID, o *operation) (change, Code) {
	path := o.path
	if !strings.Contains(path, "/") || strings.Contains(path, "\x00") {
		return change{}, codeBadArguments
	}
	acl, ok := s.below.schemes.fixupACL(o.acl, ids)
	if !ok {
		return change{}, codeInvalidACL
	}
	parentPath, _ := splitPath(path)
	parent := s.get(parentPath)
	if parent == nil {
		return change{}, codeNoNode
	}
	if !allowed(parent.acl, permCreate, ids) {
		return change{}, codeNoAuth
	}
	// Flags are looked at only behind the rights, as in PrepRequestProcessor.
	if o.flags&^(flagEphemeral|flagSequential) != 0 {
		return change{}, codeBadArguments
	}
	if o.flags&flagSequential != 0 {
		// Ten digits with zeros before them; the number is the parent's and counts all children
		// ever made.
		path = fmt.Sprintf("%s%010d", path, parent.cversion)
	}
	if !validPath(path) {
		return change{}, codeBadArguments
	}
	if s.get(path) != nil {
		return change{}, codeNodeExists
	}
	if parent.ephemeralOwner != 0 {
		return change{}, codeNoChildrenForEphemerals
	}
	c := change{op: o.op, path: path, data: o.data, acl: acl, ephemeral: o.flags&flagEphemeral != 0, version: parent.cversion + 1}
	edited := s.edit(parent)
	edited.children++
	edited.cversion = c.version
	created := &record{path: path, exists: true, acl: acl}
	if c.ephemeral {
		created.ephemeralOwner = session
	}
	s.records[path] = created
	return c, codeOK
}

// prepareDelete checks a deletion: the right is the parent's, and a node with children stays.
func (s *staged) prepareDelete(ids []ID, o *operation) (change, Code) {
	path := o.path
	if !strings.Contains(path, "/") || strings.Contains(path, "\x00") || permanent(path) {
		return change{}, codeBadArguments
	}
	parentPath, _ := splitPath(path)
	parent, r := s.get(parentPath), s.get(path)
	if parent == nil || r == nil {
		return change{}, codeNoNode
	}
	if !allowed(parent.acl, permDelete, ids) {
		return change{}, codeNoAuth
	}
	if o.version != -1 && o.version != r.version {
		return change{}, codeBadVersion
	}
	if r.children > 0 {
		return change{}, codeNotEmpty
	}
	s.remove(parent, path)
	return change{op: opDelete, path: path}, codeOK
}

func (s *staged) remove(parent *record, path string) {
	s.edit(parent).children--
	s.records[path] = &record{path: path}
}

// prepareClose stages the end of a session: its ephemeral nodes, including those still on their way
// to the log, go.
func (s *staged) prepareClose(session int64) {
	// Nodes that are decided and not applied yet.
	paths := slices.Collect(maps.Keys(s.below.tree.ephemerals[session]))
	for path, r := range s.below.records {
		if r.exists && r.ephemeralOwner == session {
			paths = append(paths, path)
		}
	}
	for _, path := range paths {
		if s.get(path) == nil {
			continue
		}
		parentPath, _ := parentOf(path)
		if parent := s.get(parentPath); parent != nil {
			s.remove(parent, path)
		}
	}
}
