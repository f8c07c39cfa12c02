package zkconformance

import (
	"crypto/sha1"
	"encoding/base64"
	"strings"
)

// scenario is one subject; each begins with nothing but what it makes itself, under a path of its
// own.
type scenario struct {
	name string
	run  func(s *script)
}

func digest(userPassword string) string {
	user, _, _ := strings.Cut(userPassword, ":")
	sum := sha1.Sum([]byte(userPassword))
	return user + ":" + base64.StdEncoding.EncodeToString(sum[:])
}

var scenarios = []scenario{
	{"a new server has three nodes", func(s *script) {
		s.open("A")
		for _, path := range []string{"/", "", "/zookeeper", "/zookeeper/quota"} {
			s.read("A", opExists, path, false)
			s.read("A", opGetData, path, false)
			s.read("A", opGetChildren2, path, false)
			s.getACL("A", path)
			s.delete("A", path, -1)
		}
		s.close("A")
	}},
	{"create, read, change, delete", func(s *script) {
		s.open("A")
		s.create("A", "/n", []byte("one"), open(), 0)
		s.read("A", opGetData, "/n", false)
		s.read("A", opExists, "/n", false)
		s.create("A", "/n", []byte("two"), open(), 0)
		s.set("A", "/n", []byte("three"), 0)
		s.set("A", "/n", []byte("four"), 0)
		s.set("A", "/n", nil, 1)
		s.read("A", opGetData, "/n", false)
		s.set("A", "/n", []byte{}, -1)
		s.read("A", opGetData, "/n", false)
		s.delete("A", "/n", 1)
		s.create("A", "/n/c", nil, open(), 0)
		s.create("A", "/n/d", []byte{}, open(), 0)
		s.read("A", opGetData, "/n/c", false)
		s.read("A", opGetData, "/n/d", false)
		s.read("A", opGetChildren, "/n", false)
		s.read("A", opGetChildren2, "/n", false)
		s.delete("A", "/n", -1)
		s.delete("A", "/n/c", 0)
		s.read("A", opExists, "/n", false)
		s.delete("A", "/n/c", 0)
		s.delete("A", "/n/d", -1)
		s.read("A", opGetChildren2, "/n", false)
		s.delete("A", "/n", 3)
		s.read("A", opGetData, "/n", false)
		s.read("A", opGetChildren, "/n", false)
		s.read("A", opGetChildren2, "/n", false)
		s.getACL("A", "/n")
		s.set("A", "/n", nil, -1)
		s.setACL("A", "/n", open(), -1)
		s.create("A", "/n/e", nil, open(), 0)
		s.sync("A", "/n")
		s.sync("A", "/")
		s.close("A")
	}},
	{"sequential names", func(s *script) {
		s.open("A")
		s.create("A", "/q", nil, open(), 0)
		var paths []string
		for range 3 {
			paths = append(paths, s.create("A", "/q/s-", nil, open(), sequential))
		}
		s.create("A", "/q/plain", nil, open(), 0)
		paths = append(paths, s.create("A", "/q/", nil, open(), sequential))
		s.delete("A", paths[0], -1)
		paths = append(paths, s.create("A", "/q/s-", nil, open(), sequential|ephemeral))
		s.read("A", opGetChildren2, "/q", false)
		for _, path := range append(paths[1:], "/q/plain") {
			s.delete("A", path, -1)
		}
		s.read("A", opExists, "/q", false)
		s.create("A", "/q/s-", nil, open(), sequential)
		s.create("A", "/q-", nil, open(), sequential)
		s.delete("A", s.last, -1)
		s.close("A")
	}},
	{"ephemeral nodes", func(s *script) {
		s.open("A")
		s.open("B")
		s.create("A", "/eph", nil, open(), 0)
		s.create("A", "/eph/a", []byte("x"), open(), ephemeral)
		s.create("A", "/eph/a/child", nil, open(), 0)
		s.create("A", "/eph/b", nil, open(), ephemeral)
		s.create("B", "/eph/c", nil, open(), ephemeral)
		s.read("B", opGetData, "/eph/a", true)
		s.read("B", opExists, "/eph/b", true)
		s.read("B", opGetChildren, "/eph", true)
		s.read("A", opGetData, "/eph/a", true)
		s.set("B", "/eph/a", nil, -1)
		s.delete("B", "/eph/b", -1)
		s.create("A", "/eph/d", nil, open(), ephemeral)
		s.read("B", opGetChildren, "/eph", true)
		s.close("A")
		s.read("B", opGetChildren2, "/eph", false)
		s.read("B", opGetData, "/eph/a", false)
		s.close("B")
		s.open("C")
		s.read("C", opGetChildren2, "/eph", false)
		s.close("C")
	}},
	{"watches", func(s *script) {
		s.open("A")
		s.open("B")
		s.create("A", "/w", nil, open(), 0)
		s.read("A", opExists, "/w/x", true)
		s.read("B", opGetChildren, "/w", true)
		s.create("B", "/w/x", nil, open(), 0)
		s.set("B", "/w/x", []byte("1"), -1) // the watch was one-shot
		s.read("A", opGetData, "/w/x", true)
		s.read("A", opExists, "/w/x", true) // the same watch
		s.read("B", opGetData, "/w/x", true)
		s.set("A", "/w/x", []byte("2"), -1)
		s.read("A", opGetData, "/w/x", true)
		s.read("A", opGetChildren, "/w/x", true)
		s.read("A", opGetChildren2, "/w", true)
		s.read("B", opGetChildren, "/w/x", true)
		s.create("B", "/w/x/y", nil, open(), 0)
		s.delete("B", "/w/x/y", -1)
		s.read("A", opGetChildren, "/w/x", true)
		s.read("B", opGetChildren, "/w/x", true)
		s.delete("B", "/w/x", -1) // A has both kinds and is told once
		s.read("A", opGetData, "/w/x", true)
		s.read("A", opGetChildren, "/w/x", true)
		s.create("B", "/w/x", nil, open(), 0) // reads that failed left no watch
		s.read("A", opExists, "/w/x", true)
		s.setACL("B", "/w/x", open(), -1) // fires nothing
		s.set("B", "/w/x", []byte("3"), 5)
		s.multi("B", mkCreate("/w/m", nil, open(), 0), mkSet("/w/x", nil, -1), mkDelete("/w/m", -1))
		s.read("A", opExists, "", true)
		s.read("A", opExists, "/", true)
		s.read("A", opGetChildren, "", true)
		s.read("A", opGetChildren, "/", true)
		s.set("B", "/", []byte("root"), -1)
		s.create("B", "/w2", nil, open(), 0)
		s.delete("B", "/w2", -1)
		s.set("B", "/", []byte{}, -1)
		s.close("B")
		s.close("A")
	}},
	{"setWatches", func(s *script) {
		s.open("A")
		s.open("B")
		for _, path := range []string{"/sw", "/sw/same", "/sw/changed", "/sw/gone", "/sw/childless", "/sw/parent"} {
			s.create("A", path, nil, open(), 0)
		}
		seen := s.conns["A"].seen
		s.set("A", "/sw/changed", []byte("x"), -1)
		s.delete("A", "/sw/gone", -1)
		s.create("A", "/sw/appeared", nil, open(), 0)
		s.create("A", "/sw/parent/child", nil, open(), 0)
		s.call("B", "setWatches", opSetWatches, buf(nil).i64(seen).
			strs("/sw/same", "/sw/changed", "/sw/gone", "/sw/never").
			strs("/sw/appeared", "/sw/absent").
			strs("/sw/childless", "/sw/parent", "/sw/gone", "/sw/never"))
		s.set("A", "/sw/same", nil, -1)
		s.set("A", "/sw/changed", nil, -1)
		s.create("A", "/sw/absent", nil, open(), 0)
		s.create("A", "/sw/childless/c", nil, open(), 0)
		s.create("A", "/sw/parent/d", nil, open(), 0)
		s.create("A", "/sw/never", nil, open(), 0)
		s.call("B", "setWatches of nothing", opSetWatches, buf(nil).i64(0).strs().strs().strs())
		s.call("B", "setWatches with null lists", opSetWatches, buf(nil).i64(0).i32(-1).i32(-1).i32(-1))
		s.call("B", "setWatches cut short", opSetWatches, buf(nil).i64(0).i32(5).str("/sw"))
		s.close("A")
		s.close("B")
	}},
	{"reattachment", func(s *script) {
		a := s.open("A")
		s.create("A", "/re", nil, open(), 0)
		s.create("A", "/re/e", nil, open(), ephemeral)
		s.read("A", opGetData, "/re", true)
		s.drop("A")
		s.open("B")
		s.read("B", opGetChildren2, "/re", false)
		s.reopen("C", a, make([]byte, 16), 0)
		s.reopen("C", a, []byte("short"), 0)
		s.reopen("C", a, a.password, 1<<60) // it has seen the future
		s.reopen("D", a, a.password, a.seen)
		s.set("B", "/re", []byte("x"), -1) // the watch went with the connection
		s.create("D", "/re/f", nil, open(), ephemeral)
		s.close("D")
		s.reopen("E", a, a.password, a.seen) // the session has ended
		s.read("B", opGetChildren2, "/re", false)
		s.reopen("F", &raw{session: 4711}, make([]byte, 16), 0)
		s.close("B")
	}},
	{"a session moves to its newest connection", func(s *script) {
		a := s.open("A")
		s.create("A", "/move", nil, open(), ephemeral)
		s.reopen("B", a, a.password, a.seen)
		s.expectClosed("A")
		s.read("B", opExists, "/move", false)
		s.close("B")
	}},
	{"multi", func(s *script) {
		s.open("A")
		s.open("B")
		s.create("A", "/m", nil, open(), 0)
		s.read("B", opGetChildren, "/m", true)
		s.multi("A")
		s.multi("A", mkCreate("/m/a", []byte("a"), open(), 0), mkCreate("/m/a/b", nil, open(), 0), mkSet("/m/a", nil, 0),
			mkSet("/m/a", []byte("zz"), 1), mkCheck("/m/a", 2), mkCreate("/m/s-", nil, open(), sequential), mkCreate("/m/s-", nil, open(), sequential|ephemeral))
		s.read("A", opGetChildren2, "/m", false)
		s.read("A", opGetData, "/m/a", false)
		s.read("B", opGetChildren, "/m", true)
		s.multi("A", mkCheck("/m", 0), mkCheck("/m", 1), mkCreate("/m/x", nil, open(), 0))
		s.multi("A", mkCreate("/m/x", nil, open(), 0), mkDelete("/m/x", 0), mkDelete("/m/x", 0), mkSet("/m", nil, -1), mkCheck("/m", -1))
		s.multi("A", mkSet("/m/none", nil, -1))
		s.multi("A", mkCreate("/m/x", nil, open(), 0), mkCreate("/m/x", nil, open(), 0))
		s.multi("A", mkCreate("/m/x", nil, nil, 0))
		s.multi("A", mkCreate("/m/x", nil, open(), 9))
		s.multi("A", mkCreate("/m/e", nil, open(), ephemeral), mkCreate("/m/e/f", nil, open(), 0))
		s.multi("A", mkCreate("bad", nil, open(), 0), mkDelete("/m", -1))
		s.multi("A", mkDelete("/m/a", -1), mkDelete("/m/a/b", -1))
		s.multi("A", mkDelete("/m/a/b", -1), mkDelete("/m/a", -1))
		s.create("A", "/m/s-", nil, open(), sequential) // the failed ones used no number
		s.call("A", "multi with setACL", opMulti, append(buf(nil).i32(opSetACL).bool(false).i32(-1), buf(nil).str("/m").acl(open()).i32(-1).i32(-1).bool(true).i32(-1)...))
		s.call("A", "multi with get", opMulti, buf(nil).i32(opGetData).bool(false).i32(-1).str("/m").bool(false).i32(-1).bool(true).i32(-1))
		s.call("A", "multi without an end", opMulti, buf(nil).i32(opDelete).bool(false).i32(-1).str("/m").i32(-1))
		s.read("A", opExists, "/m", false)
		s.close("A")
		s.close("B")
	}},
	{"ACLs", func(s *script) {
		s.open("A")
		s.open("B")
		s.auth("A", "digest", []byte("alice:secret"))
		s.create("A", "/acl", nil, []acl{{31, "auth", ""}}, 0)
		s.getACL("A", "/acl")
		s.getACL("B", "/acl")
		s.read("B", opGetData, "/acl", false)
		s.read("B", opGetData, "/acl", true)
		s.read("B", opGetChildren, "/acl", true)
		s.read("B", opGetChildren2, "/acl", false)
		s.read("B", opExists, "/acl", true)
		s.set("B", "/acl", nil, -1)
		s.set("B", "/acl", nil, 7)
		s.create("B", "/acl/x", nil, open(), 0)
		s.setACL("B", "/acl", open(), -1)
		s.multi("B", mkCheck("/acl", 0))
		s.setACL("A", "/acl", []acl{{31, "digest", digest("alice:secret")}, {1, "world", "anyone"}}, 1)
		s.setACL("A", "/acl", []acl{{31, "digest", digest("alice:secret")}, {1, "world", "anyone"}, {1, "world", "anyone"}}, 0)
		s.getACL("A", "/acl")
		s.getACL("B", "/acl") // the password is masked
		s.read("B", opGetData, "/acl", false)
		s.set("B", "/acl", nil, -1)
		s.create("A", "/acl/x", nil, open(), 0)
		s.delete("B", "/acl/x", -1)
		s.set("B", "/acl/x", nil, -1)
		s.auth("B", "digest", []byte("alice:wrong"))
		s.set("B", "/acl", nil, -1)
		s.auth("B", "digest", []byte("alice:secret"))
		s.set("B", "/acl", nil, -1)
		s.auth("B", "digest", []byte("alice:secret"))
		s.create("B", "/acl/both", nil, []acl{{31, "auth", "ignored"}, {31, "auth", "ignored"}, {3, "world", "anyone"}}, 0)
		s.getACL("B", "/acl/both")
		s.auth("B", "digest", []byte("nocolon"))
		s.auth("B", "ip", nil)
		s.auth("B", "ip", []byte("anything"))
		for _, a := range [][]acl{
			{}, {{31, "world", "somebody"}}, {{31, "nonsense", "x"}}, {{31, "digest", "noColon"}}, {{31, "digest", "a:b"}},
			{{31, "digest", "a:b:c"}}, {{31, "digest", "a:"}}, {{31, "digest", ":b"}}, {{31, "digest", "a:b:"}}, {{31, "digest", ""}},
			{{31, "ip", "127.0.0.1"}}, {{31, "ip", "127.0.0.0/8"}}, {{31, "ip", "300.0.0.1"}}, {{31, "ip", "::1"}}, {{31, "ip", "1.2.3"}},
			{{31, "sasl", "kafka"}}, {{31, "super", ""}}, {{31, "", ""}}, {{0, "world", "anyone"}}, {{-1, "world", "anyone"}},
			{{31, "world", "anyone"}, {31, "bad", "bad"}},
		} {
			if s.create("A", "/acl/n", nil, a, 0) != "" {
				s.getACL("A", "/acl/n")
				s.read("A", opGetData, "/acl/n", false)
				s.delete("A", "/acl/n", -1)
			}
		}
		s.create("A", "/acl/ip", nil, []acl{{1, "ip", "127.0.0.1"}, {31, "ip", "10.1.2.3"}}, 0)
		s.read("B", opGetData, "/acl/ip", false)
		s.set("B", "/acl/ip", nil, -1)
		s.setACL("A", "/acl/n", nil, -1)
		s.setACL("A", "/acl/x", nil, -1)
		s.open("C")
		s.create("C", "/acl2", nil, []acl{{31, "auth", ""}}, 0) // nobody to stand for
		s.create("C", "/noread", nil, []acl{{permWrite | permCreate, "world", "anyone"}}, 0)
		s.read("C", opGetData, "/noread", false)
		s.getACL("C", "/noread")
		s.create("C", "/noread/c", nil, open(), 0)
		s.delete("C", "/noread/c", -1)
		s.multi("C", mkCheck("/noread", 0))
		s.delete("C", "/noread", -1)
		s.auth("C", "sasl", []byte("x"))
		s.open("D")
		s.auth("D", "nonsense", nil)
		s.open("E")
		s.auth("E", "digest", nil)
		s.close("A")
		s.close("B")
	}},
	{"paths", func(s *script) {
		s.open("A")
		s.create("A", "/p", nil, open(), 0)
		for _, path := range []string{
			"", "p", "p/q", "/", "//", "/p/", "//p", "/p//q", "/p/.", "/p/..", "/p/./q", "/p/../q", "/.", "/..", "/p/...", "/p/.a", "/p/a.", "/p/a..b", "/p/..a",
			"/p/\x00", "/p/a\x00b", "/p/\x01", "/p/\x1e", "/p/\x1f", "/p/ ", "/p/\x7f", "/p/\u0080", "/p/\u009e", "/p/\u009f", "/p/é", "/p/中",
			"/p/\ud7ff", "/p/\ue000", "/p/\uf8fe", "/p/\uf8ff", "/p/\ufff0", "/p/\ufff1", "/p/\ufffd", "/p/\uffff", "/p/😀", "/nowhere/x", "/p/nowhere/x",
		} {
			s.create("A", path, nil, open(), 0)
			s.read("A", opExists, path, false)
			s.read("A", opGetData, path, false)
			s.set("A", path, []byte{}, 9)
			s.setACL("A", path, open(), 9)
			s.multi("A", mkCheck(path, 9))
			s.delete("A", path, -1)
			if s.create("A", path, nil, open(), sequential) != "" {
				s.delete("A", s.last, -1)
			}
		}
		s.delete("A", "/p", -1)
		s.close("A")
	}},
	{"flags", func(s *script) {
		s.open("A")
		for _, flags := range []int32{4, 5, 6, 7, -1, 8, 1 << 30} {
			s.create("A", "/flags", nil, open(), flags)
			s.create("A", "/nowhere/flags", nil, open(), flags)
		}
		s.close("A")
	}},
	{"malformed requests", func(s *script) {
		s.open("A")
		s.create("A", "/mal", nil, open(), 0)
		for _, op := range []int{opCreate, opDelete, opSetData, opSetACL, opExists, opGetData, opGetACL, opGetChildren, opGetChildren2, opSync, opMulti} {
			s.call("A", "nothing", op, nil)
			s.call("A", "a negative length", op, buf(nil).i32(-2))
			s.call("A", "a huge length", op, buf(nil).i32(1<<30))
			s.call("A", "a path alone", op, buf(nil).str("/mal"))
			s.call("A", "too much", op, append(buf(nil).str("/mal").i32(0).i32(0).i32(0), make([]byte, 40)...))
		}
		s.call("A", "create with null path", opCreate, buf(nil).i32(-1).bytes(nil).acl(open()).i32(0))
		s.call("A", "create with null ACL", opCreate, buf(nil).str("/mal/x").bytes(nil).i32(-1).i32(0))
		s.call("A", "create with null scheme", opCreate, buf(nil).str("/mal/x").bytes(nil).i32(1).i32(31).i32(-1).str("x").i32(0))
		s.call("A", "create with null id", opCreate, buf(nil).str("/mal/x").bytes(nil).i32(1).i32(31).str("world").i32(-1).i32(0))
		s.call("A", "create with a negative ACL count", opCreate, buf(nil).str("/mal/x").bytes(nil).i32(-5).i32(0))
		s.call("A", "delete with null path", opDelete, buf(nil).i32(-1).i32(0))
		s.call("A", "set with null path", opSetData, buf(nil).i32(-1).bytes(nil).i32(0))
		s.call("A", "setACL with null path", opSetACL, buf(nil).i32(-1).acl(open()).i32(0))
		s.call("A", "setACL with null ACL", opSetACL, buf(nil).str("/mal").i32(-1).i32(-1))
		s.call("A", "exists with null path", opExists, buf(nil).i32(-1).bool(true))
		s.call("A", "get with null path", opGetData, buf(nil).i32(-1).bool(true))
		s.call("A", "getACL with null path", opGetACL, buf(nil).i32(-1))
		s.call("A", "children with null path", opGetChildren, buf(nil).i32(-1).bool(true))
		s.call("A", "sync with null path", opSync, buf(nil).i32(-1))
		s.read("A", opExists, "/mal", false)
		s.close("A")
	}},
	{"unknown operations", func(s *script) {
		for _, op := range []int{16, 19, 20, 21, 99, 103, -1, -2, 10} {
			a := s.open("A")
			s.call("A", "unknown operation", op, buf(nil).str("/x").i32(1))
			if s.conns["A"] != nil {
				s.expectClosed("A")
			}
			s.reopen("B", a, a.password, a.seen) // the session is still there
			s.close("B")
		}
	}},
	{"SASL is not configured", func(s *script) {
		s.open("A")
		s.call("A", "sasl", opSasl, buf(nil).bytes([]byte("token")))
		s.call("A", "sasl", opSasl, buf(nil).bytes([]byte{}))
		s.create("A", "/sasl", nil, []acl{{31, "sasl", "kafka"}}, 0)
		s.close("A")
	}},
	{"check alone answers errors", func(s *script) {
		s.open("A")
		s.create("A", "/chk", nil, open(), 0)
		s.call("A", "check version=3", opCheck, buf(nil).str("/chk").i32(3))
		s.call("A", "check absent", opCheck, buf(nil).str("/chk/absent").i32(3))
		s.call("A", "check bad path", opCheck, buf(nil).str("chk").i32(3))
		s.close("A")
	}},
	{"what Kafka does", func(s *script) {
		s.open("A")
		s.open("B")
		s.create("A", "/kafka", nil, open(), 0)
		s.multi("A", mkCreate("/kafka/0", nil, open(), ephemeral), mkSet("/kafka/0", []byte("{}"), 0))
		s.read("A", opExists, "/kafka/0", false)
		s.read("B", opExists, "/kafka/controller", true)
		s.create("A", "/kafka/controller_epoch", []byte("0"), open(), 0)
		s.multi("A", mkCreate("/kafka/controller", []byte("{}"), open(), ephemeral), mkSet("/kafka/controller_epoch", []byte("1"), 0))
		s.multi("B", mkCreate("/kafka/controller", []byte("{}"), open(), ephemeral), mkSet("/kafka/controller_epoch", []byte("1"), 0))
		s.multi("B", mkCheck("/kafka/controller_epoch", 0), mkSet("/kafka/0", nil, -1))
		s.read("B", opGetData, "/kafka/controller", true)
		s.close("A")
		s.multi("B", mkCreate("/kafka/controller", []byte("{}"), open(), ephemeral), mkSet("/kafka/controller_epoch", []byte("2"), 1))
		s.close("B")
	}},
}

// scenarios35 are the requests of 3.5 that clients of a single node use; 3.4 does not know them.
var scenarios35 = []scenario{
	{"create2", func(s *script) {
		s.open("A")
		s.call("A", "create2", opCreate2, buf(nil).str("/c2").bytes([]byte("abc")).acl(open()).i32(0))
		s.call("A", "create2", opCreate2, buf(nil).str("/c2").bytes([]byte("abc")).acl(open()).i32(0))
		s.call("A", "create2 sequential", opCreate2, buf(nil).str("/c2/s-").bytes(nil).acl(open()).i32(sequential|ephemeral))
		s.call("A", "create2 nowhere", opCreate2, buf(nil).str("/nowhere/c2").bytes(nil).acl(open()).i32(0))
		s.call("A", "create2 cut short", opCreate2, buf(nil).str("/c2/x"))
		s.multi("A", part{opCreate2, "create2", buf(nil).str("/c2/m").bytes([]byte("m")).acl(open()).i32(0)}, mkSet("/c2/m", nil, 0), mkCreate("/c2/n", nil, open(), 0))
		s.multi("A", part{opCreate2, "create2", buf(nil).str("/c2/m").bytes([]byte("m")).acl(open()).i32(0)}, mkSet("/c2/m", nil, 0))
		s.read("A", opGetChildren2, "/c2", false)
		s.close("A")
	}},
	{"checkWatches and removeWatches", func(s *script) {
		const check, remove = 17, 18
		s.open("A")
		s.create("A", "/rw", nil, open(), 0)
		for _, op := range []int{check, remove} {
			for typ := int32(1); typ <= 3; typ++ {
				s.call("A", "no watch", op, buf(nil).str("/rw").i32(typ))
			}
		}
		for typ := int32(1); typ <= 3; typ++ {
			s.read("A", opGetData, "/rw", true)
			s.read("A", opGetChildren, "/rw", true)
			s.call("A", "check", check, buf(nil).str("/rw").i32(typ))
			s.call("A", "check elsewhere", check, buf(nil).str("/rw/x").i32(typ))
			s.call("A", "remove", remove, buf(nil).str("/rw").i32(typ))
			s.call("A", "check again", check, buf(nil).str("/rw").i32(typ))
			s.call("A", "remove again", remove, buf(nil).str("/rw").i32(typ))
			s.set("A", "/rw", nil, -1)
			s.create("A", "/rw/c", nil, open(), 0)
			s.delete("A", "/rw/c", -1)
		}
		s.close("A")
	}},
}

// Permissions used above.
const (
	permWrite  = 2
	permCreate = 4
)
