package zkserver

import (
	"fmt"
	"slices"
	"testing"
)

// TestChildrenKeepTheirOrderWhenOthersGo: the table of Java's HashSet does not shrink, so that the names
// that are left stand to each other as they did.
func TestChildrenKeepTheirOrderWhenOthersGo(t *testing.T) {
	tr := newTree()
	zxid := int64(0)
	apply := func(c change) {
		t.Helper()
		zxid++
		if r := tr.apply(&txn{zxid: zxid, op: c.op, change: c}); r[0].code != codeOK {
			t.Fatalf("%+v: %d", c, r[0].code)
		}
	}
	apply(change{op: opCreate, path: "/a"})
	for i := range 40 {
		apply(change{op: opCreate, path: fmt.Sprintf("/a/topic-%d", i), version: int32(i + 1)})
	}
	before := tr.childNames("/a", tr.get("/a"))
	for i := range 40 {
		if i%5 != 0 {
			apply(change{op: opDelete, path: fmt.Sprintf("/a/topic-%d", i)})
		}
	}
	want := slices.DeleteFunc(before, func(name string) bool { return tr.get("/a/"+name) == nil })
	if got := tr.childNames("/a", tr.get("/a")); len(got) != 8 || !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
