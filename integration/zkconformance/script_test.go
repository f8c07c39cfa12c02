package zkconformance

import (
	"fmt"
	"io"
	"sort"
	"strings"
	"testing"
)

// script runs operations against one server and writes down all that comes back. Connections are
// called by one-letter names; every step ends with a ping on each of them, so that the events it
// caused are part of it.
type script struct {
	t     *testing.T
	addr  string
	names names
	conns map[string]*raw
	lines []string
	last  string // path of the last create
}

// newScript takes the server's current zxid for its zero.
func newScript(t *testing.T, addr string) *script {
	s := &script{t: t, addr: addr, conns: make(map[string]*raw), names: names{sessions: make(map[int64]string)}}
	r, err := dialRaw(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer r.conn.Close()
	if err := r.connect(10_000, 0, make([]byte, 16), 0, true); err != nil {
		t.Fatal(err)
	}
	if err := r.send(buf(nil).i32(1).i32(opClose)); err != nil {
		t.Fatal(err)
	}
	v, err := r.frame()
	if err != nil {
		t.Fatal(err)
	}
	v.i32()
	s.names.base = v.i64()
	return s
}

func (s *script) say(format string, args ...any) {
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

func (s *script) fail(err error) {
	s.t.Helper()
	s.t.Fatalf("after:\n%s\n%v", strings.Join(s.lines[max(0, len(s.lines)-10):], "\n"), err)
}

// open connects with a new session.
func (s *script) open(name string) *raw {
	s.t.Helper()
	r, err := dialRaw(s.addr)
	if err != nil {
		s.fail(err)
	}
	if err := r.connect(30_000, 0, make([]byte, 16), 0, true); err != nil {
		s.fail(err)
	}
	r.name = name
	s.names.sessions[r.session] = name
	s.conns[name] = r
	s.say("%s: open timeout=%d", name, r.timeout)
	return r
}

// drop cuts a connection and leaves its session.
func (s *script) drop(name string) *raw {
	r := s.conns[name]
	r.conn.Close()
	delete(s.conns, name)
	s.say("%s: drop", name)
	return r
}

// reopen goes on with the session of old on a new connection.
func (s *script) reopen(name string, old *raw, password []byte, seen int64) {
	s.t.Helper()
	r, err := dialRaw(s.addr)
	if err != nil {
		s.fail(err)
	}
	if err := r.connect(30_000, old.session, password, seen, true); err != nil {
		s.say("%s: reopen → %s", name, closed(err))
		r.conn.Close()
		return
	}
	s.say("%s: reopen → timeout=%d same session=%v same password=%v zero password=%v", name, r.timeout,
		r.session == old.session, string(r.password) == string(old.password), string(r.password) == string(make([]byte, 16)))
	if r.session == 0 {
		r.conn.Close()
		return
	}
	r.name, r.xid, r.seen = name, old.xid, old.seen
	s.conns[name] = r
}

func closed(err error) string {
	if err == io.EOF || strings.Contains(err.Error(), "reset") {
		return "closed"
	}
	return err.Error()
}

// call sends a request and writes down everything up to its answer.
func (s *script) call(name, what string, op int, body []byte) {
	s.t.Helper()
	s.callSorted(name, what, op, body, false)
}

func (s *script) callSorted(name, what string, op int, body []byte, sorted bool) {
	s.t.Helper()
	r := s.conns[name]
	r.xid++
	xid := r.xid
	switch op {
	case opPing:
		xid = -2
	case opAuth:
		xid = -4
	case opSetWatches:
		xid = -8
	}
	s.say("%s: %s", name, what)
	if err := r.send(append(buf(nil).i32(xid).i32(int32(op)), body...)); err != nil {
		s.fail(err)
	}
	s.until(r, xid, op, sorted)
	s.settle(sorted)
}

// until writes down the frames of r up to the answer xid.
func (s *script) until(r *raw, xid int32, op int, sorted bool) {
	s.t.Helper()
	var events []string
	defer func() {
		if sorted {
			sort.Strings(events)
		}
		for i, e := range events { // events stand before the answer, which is the last line
			if op == opPing {
				s.say("%s", e)
				continue
			}
			at := len(s.lines) - 1
			s.lines = append(s.lines[:at], e, s.lines[at])
			_ = i
		}
	}()
	for {
		v, err := r.frame()
		if err != nil {
			s.say("  %s ← %s", r.name, closed(err))
			r.conn.Close()
			delete(s.conns, r.name)
			return
		}
		got, zxid, code := v.i32(), v.i64(), v.i32()
		if got == -1 && op != -1 {
			events = append(events, fmt.Sprintf("  %s ← event %d state %d %s zxid=%d err=%d", r.name, v.i32(), v.i32(), v.str(), zxid, code))
			continue
		}
		if zxid > 0 {
			r.seen = zxid
		}
		if op == opPing && got == -2 {
			if len(v.b) != 0 || code != 0 {
				s.say("  %s ← ping zxid=%s err=%d rest=%d", r.name, s.names.zxid(zxid), code, len(v.b))
			}
			return
		}
		line := fmt.Sprintf("  %s ← xid=%d zxid=%s err=%d", r.name, got-xid, s.names.zxid(zxid), code)
		if len(v.b) > 0 {
			if op == opCreate {
				s.last = strings.Trim((&view{b: v.b}).str(), `"`)
			}
			line += " " + s.names.body(op, v)
		}
		if len(v.b) > 0 {
			line += fmt.Sprintf(" and %d bytes", len(v.b))
		}
		s.say("%s", line)
		return
	}
}

// settle collects the events of all connections.
func (s *script) settle(sorted bool) {
	s.t.Helper()
	var all []string
	for name := range s.conns {
		all = append(all, name)
	}
	sort.Strings(all)
	for _, name := range all {
		r := s.conns[name]
		if err := r.send(buf(nil).i32(-2).i32(opPing)); err != nil {
			s.fail(err)
		}
		s.until(r, -2, opPing, sorted)
	}
}

// expectClosed writes down that the server ends a connection.
func (s *script) expectClosed(name string) {
	s.t.Helper()
	r := s.conns[name]
	delete(s.conns, name)
	_, err := r.frame()
	if err == nil {
		s.say("  %s ← another frame", name)
	} else {
		s.say("  %s ← %s", name, closed(err))
	}
	r.conn.Close()
}

// The operations.

func (s *script) create(name, path string, data []byte, a []acl, flags int32) string {
	s.t.Helper()
	s.last = ""
	s.call(name, fmt.Sprintf("create %q %q %v flags=%d", path, data, a, flags), opCreate, buf(nil).str(path).bytes(data).acl(a).i32(flags))
	return s.last
}
func (s *script) delete(name, path string, version int32) {
	s.t.Helper()
	s.call(name, fmt.Sprintf("delete %q version=%d", path, version), opDelete, buf(nil).str(path).i32(version))
}
func (s *script) set(name, path string, data []byte, version int32) {
	s.t.Helper()
	s.call(name, fmt.Sprintf("set %q %q version=%d", path, data, version), opSetData, buf(nil).str(path).bytes(data).i32(version))
}
func (s *script) setACL(name, path string, a []acl, version int32) {
	s.t.Helper()
	s.call(name, fmt.Sprintf("setACL %q %v version=%d", path, a, version), opSetACL, buf(nil).str(path).acl(a).i32(version))
}
func (s *script) read(name string, op int, path string, watch bool) {
	s.t.Helper()
	what := map[int]string{opExists: "exists", opGetData: "get", opGetChildren: "children", opGetChildren2: "children2"}[op]
	s.call(name, fmt.Sprintf("%s %q watch=%v", what, path, watch), op, buf(nil).str(path).bool(watch))
}
func (s *script) getACL(name, path string) {
	s.t.Helper()
	s.call(name, fmt.Sprintf("getACL %q", path), opGetACL, buf(nil).str(path))
}
func (s *script) sync(name, path string) {
	s.t.Helper()
	s.call(name, fmt.Sprintf("sync %q", path), opSync, buf(nil).str(path))
}
func (s *script) auth(name, scheme string, data []byte) {
	s.t.Helper()
	s.call(name, fmt.Sprintf("auth %q %q", scheme, data), opAuth, buf(nil).i32(0).str(scheme).bytes(data))
}
func (s *script) close(name string) {
	s.t.Helper()
	s.callSorted(name, "close", opClose, nil, true)
	if s.conns[name] != nil {
		s.expectClosed(name)
	}
}

// part is one operation of a multi.
type part struct {
	op   int
	text string
	body []byte
}

func mkCreate(path string, data []byte, a []acl, flags int32) part {
	return part{opCreate, fmt.Sprintf("create %q flags=%d", path, flags), buf(nil).str(path).bytes(data).acl(a).i32(flags)}
}
func mkDelete(path string, version int32) part {
	return part{opDelete, fmt.Sprintf("delete %q version=%d", path, version), buf(nil).str(path).i32(version)}
}
func mkSet(path string, data []byte, version int32) part {
	return part{opSetData, fmt.Sprintf("set %q version=%d", path, version), buf(nil).str(path).bytes(data).i32(version)}
}
func mkCheck(path string, version int32) part {
	return part{opCheck, fmt.Sprintf("check %q version=%d", path, version), buf(nil).str(path).i32(version)}
}

func (s *script) multi(name string, parts ...part) {
	s.t.Helper()
	var texts []string
	var b buf
	for _, p := range parts {
		texts = append(texts, p.text)
		b = append(b.i32(int32(p.op)).bool(false).i32(-1), p.body...)
	}
	s.call(name, "multi "+strings.Join(texts, "; "), opMulti, b.i32(-1).bool(true).i32(-1))
}
