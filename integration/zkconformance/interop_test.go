//go:build interop

package zkconformance

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"momus/coordinator/zkserver"
	"momus/integration/testkit"
)

var seeds = flag.Uint64("seeds", 40, "how many random runs")

var rewrite = flag.Bool("rewrite", false, "write down what the real server answers to the scripts")

// startReal runs ZooKeeper 3.4.14 until the test ends. It accepts connections before it serves them.
func startReal(t *testing.T) string {
	t.Helper()
	addr := testkit.ZooKeeper(t, "zookeeper")
	testkit.Eventually(t, ioTimeout, "ZooKeeper is up", func() bool {
		return strings.Contains(fourLetters(addr, "srvr"), "Mode: standalone")
	})
	return addr
}

func TestRealServerAnswersAsRecorded(t *testing.T) {
	got := transcript(t, startReal(t))
	if *rewrite {
		if err := os.WriteFile(filepath.FromSlash(golden), []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(filepath.FromSlash(golden))
	if err != nil {
		t.Fatal(err)
	}
	compare(t, string(want), got)
	ours, _ := startOurs(t, zkserver.Options{})
	compare(t, got, transcript(t, ours))
}

func TestRandomOperationsAnswerAlike(t *testing.T) {
	real := startReal(t)
	ours, _ := startOurs(t, zkserver.Options{NoSync: true})
	for seed := range *seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			compare(t, randomRun(t, real, seed, 400), randomRun(t, ours, seed, 400))
		})
	}
}

// One client sends without waiting for answers: what is on its way to the log must count already.
func TestPipelinedOperationsAnswerAlike(t *testing.T) {
	real := startReal(t)
	ours, _ := startOurs(t, zkserver.Options{})
	for seed := range *seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			compare(t, pipelined(t, real, seed, 200), pipelined(t, ours, seed, 200))
		})
	}
}

// pipelined sends all requests of a seed at once and returns all answers.
func pipelined(t *testing.T, addr string, seed uint64, requests int) string {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 15))
	s := newScript(t, addr)
	r := s.open("A")
	root := fmt.Sprintf("/pipelined-%d", seed)
	s.create("A", root, nil, open(), 0)
	path := func() string {
		p := root
		for range rng.IntN(3) {
			p += "/" + []string{"a", "b", "s-0000000001"}[rng.IntN(3)]
		}
		return p
	}
	version := func() int32 { return int32(rng.IntN(4)) - 1 }
	type request struct {
		what string
		op   int
		body []byte
	}
	var sent []request
	for i := range requests {
		q := request{}
		p := path()
		switch rng.IntN(8) {
		case 0, 1:
			q = request{"create " + p, opCreate, buf(nil).str(p).bytes(nil).acl(open()).i32(int32(rng.IntN(2)))}
		case 2:
			q = request{"create " + p + "/s-", opCreate, buf(nil).str(p + "/s-").bytes(nil).acl(open()).i32(sequential)}
		case 3:
			v := version()
			q = request{fmt.Sprint("delete ", p, v), opDelete, buf(nil).str(p).i32(v)}
		case 4:
			v := version()
			q = request{fmt.Sprint("set ", p, v), opSetData, buf(nil).str(p).bytes([]byte("x")).i32(v)}
		case 5:
			q = request{"get " + p, opGetData, buf(nil).str(p).bool(true)}
		case 6:
			q = request{"children " + p, opGetChildren2, buf(nil).str(p).bool(true)}
		case 7:
			a, b := mkCreate(p+"/b", nil, open(), 0), mkDelete(path(), version())
			q = request{"multi " + a.text + " " + b.text, opMulti, nil}
			for _, part := range []part{a, b} {
				q.body = append(buf(q.body).i32(int32(part.op)).bool(false).i32(-1), part.body...)
			}
			q.body = buf(q.body).i32(-1).bool(true).i32(-1)
		}
		sent = append(sent, q)
		if err := r.send(append(buf(nil).i32(int32(100+i)).i32(int32(q.op)), q.body...)); err != nil {
			t.Fatal(err)
		}
	}
	for i, q := range sent {
		s.say("A: %s", q.what)
		s.until(r, int32(100+i), q.op, false)
	}
	s.close("A")
	return strings.Join(s.lines, "\n")
}
