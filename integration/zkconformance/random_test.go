package zkconformance

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// randomRun performs operations drawn from a seed. What is drawn never depends on an answer, so
// that two servers are asked the same.
func randomRun(t *testing.T, addr string, seed uint64, steps int) string {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 14))
	s := newScript(t, addr)
	s.names.sortChildren = true // their order depends on how many there ever were, failed transactions included
	root := fmt.Sprintf("/random-%d", seed)
	s.open("Z")
	s.create("Z", root, nil, open(), 0)
	var all []*raw // sessions, dead ones too, for reattachment
	names := []string{"A", "B", "C"}
	pick := func(list ...string) string { return list[rng.IntN(len(list))] }
	path := func() string {
		p := root
		for range rng.IntN(4) {
			p += "/" + pick("a", "b", "c")
		}
		if rng.IntN(8) == 0 { // perhaps a sequential one
			p += fmt.Sprintf("/s-%010d", rng.IntN(6))
		}
		if rng.IntN(60) == 0 {
			p += pick("/", "//x", "/.", "/\x01", "\x00")
		}
		return p
	}
	data := func() []byte {
		switch rng.IntN(5) {
		case 0:
			return nil
		case 1:
			return []byte{}
		}
		return []byte(strings.Repeat("d", rng.IntN(40)))
	}
	version := func() int32 { return int32(rng.IntN(5)) - 2 + int32(rng.IntN(2)) }
	acls := func() []acl {
		switch rng.IntN(12) {
		case 0:
			return []acl{{31, "auth", ""}}
		case 1:
			return []acl{{int32(rng.IntN(32)), "world", "anyone"}}
		case 2:
			return []acl{{31, "digest", digest("u:1")}, {1, "world", "anyone"}}
		case 3:
			return []acl{{31, "ip", "127.0.0.1"}, {31, "ip", "127.0.0.1"}}
		case 4:
			return []acl{{31, "digest", "bad"}}
		}
		return open()
	}
	mkPart := func() part {
		switch rng.IntN(5) {
		case 0:
			return mkCheck(path(), version())
		case 1:
			return mkSet(path(), data(), version())
		case 2:
			return mkDelete(path(), version())
		}
		p := path()
		if rng.IntN(3) == 0 {
			return mkCreate(p+"/s-", data(), acls(), sequential|int32(rng.IntN(2)))
		}
		return mkCreate(p, data(), acls(), int32(rng.IntN(2)))
	}
	for range steps {
		name := pick(names...)
		if s.conns[name] == nil {
			if old := rng.IntN(4); old == 0 && len(all) > 0 {
				r := all[rng.IntN(len(all))]
				live := false
				for _, c := range s.conns {
					live = live || c.session == r.session
				}
				if !live {
					s.reopen(name, r, r.password, r.seen)
				}
			}
			if s.conns[name] == nil {
				all = append(all, s.open(name))
			}
		}
		switch n := rng.IntN(100); {
		case n < 25:
			p := path()
			flags := int32(rng.IntN(2))
			if rng.IntN(4) == 0 {
				p, flags = p+"/s-", flags|sequential
			}
			s.create(name, p, data(), acls(), flags)
		case n < 35:
			s.delete(name, path(), version())
		case n < 45:
			s.set(name, path(), data(), version())
		case n < 50:
			s.setACL(name, path(), acls(), version())
		case n < 58:
			s.read(name, opGetData, path(), rng.IntN(2) == 0)
		case n < 66:
			s.read(name, opExists, path(), rng.IntN(2) == 0)
		case n < 74:
			s.read(name, []int{opGetChildren, opGetChildren2}[rng.IntN(2)], path(), rng.IntN(2) == 0)
		case n < 77:
			s.getACL(name, path())
		case n < 90:
			var parts []part
			for range rng.IntN(5) + 1 {
				parts = append(parts, mkPart())
			}
			s.multi(name, parts...)
		case n < 92:
			s.auth(name, "digest", []byte(pick("u:1", "u:2")))
		case n < 93:
			s.sync(name, path())
		case n < 95:
			s.call(name, "setWatches", opSetWatches, buf(nil).i64(s.names.base+rng.Int64N(200)).strs(path(), path()).strs(path(), path()).strs(path(), path()))
		case n < 97:
			s.drop(name)
		case n < 99:
			s.close(name)
		default:
			s.delete(name, root, -1)
		}
	}
	for _, r := range all { // end what was dropped, so that nothing expires later
		live := ""
		for name, c := range s.conns {
			if c.session == r.session {
				live = name
			}
		}
		if live == "" {
			live = "X"
			s.reopen(live, r, r.password, 0)
		}
		if s.conns[live] != nil {
			s.close(live)
		}
	}
	s.close("Z")
	return strings.Join(s.lines, "\n")
}
