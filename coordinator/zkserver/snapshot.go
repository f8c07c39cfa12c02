package zkserver

import (
	"bufio"
	"encoding/binary"
	"hash/crc32"
	"io"
	"slices"
	"strings"
)

// A snapshot is a header, the zxid, the sessions, the nodes (parents before children), and the
// CRC-32C of all of that.
const snapshotHeader = "momuszs\x01"

// image is a copy of the whole state at one zxid, to be written while the state goes on.
type image struct {
	zxid     int64
	sessions []session
	nodes    []nodeImage
}

type nodeImage struct {
	path string
	node node // without children
}

// image copies the state. Data and ACLs are shared, since they are never changed in place.
func (c *core) image() *image {
	img := &image{zxid: c.tree.lastZxid, nodes: make([]nodeImage, 0, len(c.tree.nodes))}
	for _, s := range c.sessions.byID {
		if !s.pendingIn(c) {
			img.sessions = append(img.sessions, session{id: s.id, secret: s.secret, timeoutMs: s.timeoutMs})
		}
	}
	for path, n := range c.tree.nodes {
		ni := nodeImage{path, *n}
		ni.node.children = nil
		img.nodes = append(img.nodes, ni)
	}
	return img
}

// pendingIn says whether the creation of s is still on its way to the log.
func (s *session) pendingIn(c *core) bool {
	// Its zxid is behind the image's: the log that follows creates it.
	return slices.ContainsFunc(c.queue, func(p *pending) bool {
		return p.txn.op == opCreateSession && p.txn.session == s.id
	})
}

// write writes sessions and nodes, parents before children, and the checksum of all at the end.
func (img *image) write(w io.Writer) error {
	// In the order of paths a parent is before its children.
	slices.SortFunc(img.nodes, func(a, b nodeImage) int { return strings.Compare(a.path, b.path) })
	crc := crc32.New(castagnoli)
	out := bufio.NewWriterSize(io.MultiWriter(w, crc), 64<<10)
	var e encoder
	flush := func() error {
		_, err := out.Write(e.b)
		e.b = e.b[:0]
		return err
	}
	e.b = append(e.b, snapshotHeader...)
	e.int64(img.zxid)
	e.int32(int32(len(img.sessions)))
	for _, s := range img.sessions {
		e.int64(s.id)
		e.int32(s.timeoutMs)
		e.b = append(e.b, s.secret[:]...)
	}
	e.int32(int32(len(img.nodes)))
	for i := range img.nodes {
		n := &img.nodes[i].node
		e.string(img.nodes[i].path)
		e.bytes(n.data)
		e.acl(n.acl)
		for _, v := range []int64{n.czxid, n.mzxid, n.pzxid, n.ctime, n.mtime, n.ephemeralOwner} {
			e.int64(v)
		}
		for _, v := range []int32{n.version, n.cversion, n.aversion} {
			e.int32(v)
		}
		if err := flush(); err != nil {
			return err
		}
	}
	if err := flush(); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	_, err := w.Write(binary.BigEndian.AppendUint32(nil, crc.Sum32()))
	return err
}

// decodeSnapshot replaces the state of c by that of a snapshot; on an error c is as before.
func decodeSnapshot(b []byte, path string, c *core) error {
	corrupt := func(at int, reason string) error { return &CorruptError{path, int64(at), reason} }
	if len(b) < len(snapshotHeader)+4 || string(b[:len(snapshotHeader)]) != snapshotHeader {
		return corrupt(0, "not the header of a snapshot, or one of a later version")
	}
	// The checksum is looked at before anything is believed.
	body := b[:len(b)-4]
	if crc32.Checksum(body, castagnoli) != binary.BigEndian.Uint32(b[len(body):]) {
		return corrupt(len(body), "a bad checksum")
	}
	d := decoderOf(body[len(snapshotHeader):])
	t := newTree()
	// The nodes that every tree has are in the snapshot too.
	t.nodes, t.dataBytes = make(map[string]*node), 0
	t.lastZxid = d.Int64()
	sessions := newSessionTable(c.sessions.tickMs)
	for n := d.Int32(); n > 0 && d.Err == nil; n-- {
		s := &session{id: d.Int64(), timeoutMs: d.Int32()}
		copy(s.secret[:], d.Take(len(s.secret)))
		sessions.add(s, instant{})
	}
	for n := d.Int32(); n > 0 && d.Err == nil; n-- {
		path, _ := d.string()
		nd := &node{}
		// null and empty data are different for clients.
		if data := d.bytes(); data != nil {
			nd.data = append([]byte{}, data...)
		}
		acl, _ := d.acl()
		nd.acl = t.intern(acl)
		for _, v := range []*int64{&nd.czxid, &nd.mzxid, &nd.pzxid, &nd.ctime, &nd.mtime, &nd.ephemeralOwner} {
			*v = d.Int64()
		}
		for _, v := range []*int32{&nd.version, &nd.cversion, &nd.aversion} {
			*v = d.Int32()
		}
		if d.Err != nil || !t.adopt(path, nd) {
			return corrupt(len(b)-len(d.Rest), "a node without a parent")
		}
	}
	if d.Err != nil || t.nodes["/zookeeper/quota"] == nil {
		return corrupt(len(b)-len(d.Rest), "it ends early")
	}
	c.tree, c.sessions = t, sessions
	// What ACLs may say is the options' and not the snapshot's.
	c.overlay = overlay{tree: t, records: make(map[string]*record), schemes: c.overlay.schemes}
	return nil
}

// adopt enters a node of a snapshot, whose parent has been entered before.
func (t *tree) adopt(path string, n *node) bool {
	if !validPath(path) || t.nodes[path] != nil {
		return false
	}
	if path != "/" {
		parentPath, name := parentOf(path)
		parent := t.nodes[parentPath]
		if parent == nil {
			return false
		}
		parent.addChild(name)
	}
	t.nodes[path] = n
	t.dataBytes += int64(len(path) + len(n.data))
	if n.ephemeralOwner != 0 {
		t.own(n.ephemeralOwner, path)
	}
	return true
}
