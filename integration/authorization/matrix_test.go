package authorization

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// answer lists what an answer says, by path: see walk.
type answer = map[string]any

// recorded is a case of the recording.
type recorded struct {
	Case      string
	Key       int16
	Version   int16
	None      answer
	ChangedBy []struct {
		AnyOf  []string `json:"any_of"`
		Answer answer
	} `json:"changed_by"`
	UnchangedBy int               `json:"unchanged_by"`
	WithAllOf   map[string]answer `json:"with_all_of"`
	SuperUser   answer            `json:"super_user"`
}

// TestMatrix asks for every cell of the recording.
func TestMatrix(t *testing.T) {
	data, err := os.ReadFile("testdata/matrix.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct{ Cases []recorded }
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	audit := filepath.Join(t.TempDir(), "audit.log")
	u := startBroker(t, map[string]string{"momus.audit.log": audit})
	u.prepare()
	u.auditLevel("DEBUG")
	cases := u.cases()
	if len(cases) != len(golden.Cases) {
		t.Fatalf("%d cases, recorded are %d", len(cases), len(golden.Cases))
	}
	alice := &user{broker: u, name: "alice", password: "alicepw"}
	cells := 0
	for i, k := range cases {
		want := golden.Cases[i]
		if req := k.req(); want.Case != k.name || want.Key != req.Key() || want.Version != req.GetVersion() {
			t.Fatalf("case %d is %s, recorded is %s", i, k.name, want.Case)
		}
		t.Run(k.name, func(t *testing.T) {
			cells += u.row(t, alice, k, want)
		})
	}
	t.Logf("%d cells", cells)
	checkRights(t, auditLines(t, audit))
}

// row asks for the cells of one case.
func (u *broker) row(t *testing.T, alice *user, k kase, want recorded) (cells int) {
	check := func(with string, got, want answer) {
		t.Helper()
		cells++
		if d := differences(got, want); d != "" {
			t.Errorf("with %s:\n%s", with, d)
		}
	}
	check("no ACL", alice.ask(k, nil), want.None)
	expected, changed := map[string]answer{}, 0
	for _, c := range want.ChangedBy {
		for _, name := range c.AnyOf {
			expected[name], changed = c.Answer, changed+1
		}
	}
	grants := pool()
	if len(grants) != changed+want.UnchangedBy {
		t.Fatalf("%d ACLs, recorded are %d", len(grants), changed+want.UnchangedBy)
	}
	for _, a := range grants {
		e, ok := expected[a.String()]
		if !ok {
			e = want.None
		}
		check(a.String(), alice.ask(k, []grant{a}), e)
	}
	if len(k.combos) != len(want.WithAllOf) {
		t.Fatalf("%d combinations, recorded are %d", len(k.combos), len(want.WithAllOf))
	}
	for _, as := range k.combos {
		name := together(as)
		e, ok := want.WithAllOf[name]
		if !ok {
			t.Fatalf("%s is not recorded", name)
		}
		check(name, alice.ask(k, as), e)
	}
	admin := &user{broker: u, name: "admin", password: "adminpw"}
	check("all rights", admin.ask(k, nil), want.SuperUser)
	admin.c.Close()
	return cells
}

// together is the name of several grants.
func together(grants []grant) string {
	var names []string
	for _, a := range grants {
		names = append(names, a.String())
	}
	return strings.Join(names, " + ")
}

// user is somebody who logs in again when his connection was closed.
type user struct {
	*broker
	name, password string
	c              *conn
}

// ask sends the request of a case when alice has these ACLs.
func (x *user) ask(k kase, grants []grant) answer {
	x.t.Helper()
	before := k.before
	if other, ok := k.unless[together(grants)]; ok {
		before = other
	}
	if before != nil {
		before()
	}
	x.setGrants(grants)
	if x.c == nil {
		x.c = login(x.t, x.users, x.name, x.password)
	}
	resp, what := x.c.call(k.req())
	if what != "" {
		x.c.Close()
		x.c = nil
		x.c = login(x.t, x.users, x.name, x.password)
		return answer{"connection": what}
	}
	out := answer{}
	walk(reflect.ValueOf(resp), "", out)
	return throughJSON(x.t, out)
}

// throughJSON gives the numbers of an answer the types of the recording.
func throughJSON(t testing.TB, a answer) (out answer) {
	data, err := json.Marshal(a)
	if err == nil {
		err = json.Unmarshal(data, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// logDirs are paths of answers that name a log directory.
var logDirs = regexp.MustCompile(`^Dirs\[[^\]]+\]`)

// differences are the lines in which an answer is not what was recorded; volatile texts count as
// the same.
func differences(got, want answer) string {
	normal := answer{}
	for path, v := range got {
		if strings.HasSuffix(path, ".Partitions.count") { // not recorded: each partition is listed by its number
			continue
		}
		normal[logDirs.ReplaceAllString(path, "Dirs[LOGDIR]")] = v
	}
	paths := map[string]bool{}
	for path := range normal {
		paths[path] = true
	}
	for path := range want {
		paths[path] = true
	}
	var b strings.Builder
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		g, there := normal[path]
		w, recorded := want[path]
		if !there || !recorded || !same(g, w) {
			fmt.Fprintf(&b, "  %s: got %v, Kafka %v\n", path, g, w)
		}
	}
	return b.String()
}

// same compares values; <volatile> stands for any text.
func same(got, want any) bool {
	pattern, ok := want.(string)
	if !ok || !strings.Contains(pattern, "<volatile>") {
		return reflect.DeepEqual(got, want)
	}
	text, ok := got.(string)
	before, after, _ := strings.Cut(pattern, "<volatile>")
	return ok && strings.HasPrefix(text, before) && strings.HasSuffix(text, after)
}
