//go:build interop

package zkconformance

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"momus/coordinator/zkserver"
	"momus/integration/testkit"
)

var seeds = flag.Uint64("seeds", 40, "how many random runs")

var rewrite = flag.Bool("rewrite", false, "write down what the real server answers to the scripts")

// startReal runs a real server until the test ends. It accepts connections before it serves them,
// and forgets to close some of those.
func startReal(t *testing.T, peer string) string {
	t.Helper()
	addr := testkit.ZooKeeper(t, peer)
	testkit.Eventually(t, time.Minute, "ZooKeeper is up", func() bool {
		return strings.Contains(fourLetters(addr, "srvr", 300*time.Millisecond), "Mode: standalone")
	})
	return addr
}

func TestRealServersAnswerAsRecorded(t *testing.T) {
	ours, _ := startOurs(t, zkserver.Options{})
	for _, peer := range []struct {
		name, file string
		scenarios  []scenario
	}{
		{"zookeeper", golden, scenarios},
		{"kafka", golden35, scenarios35}, // Kafka 2.5 carries 3.5.7
	} {
		got := transcript(t, startReal(t, peer.name), peer.scenarios)
		if *rewrite {
			if err := os.WriteFile(filepath.FromSlash(peer.file), []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		compare(t, recorded(t, peer.file), got)
		compare(t, got, transcript(t, ours, peer.scenarios))
	}
}

// The four-letter words have the same lines in the same form; numbers differ.
func TestFourLetterWordsLookAlike(t *testing.T) {
	var seen [2]map[string]string
	ours, _ := startOurs(t, zkserver.Options{})
	for i, addr := range []string{startReal(t, "zookeeper"), ours} {
		s := newScript(t, addr)
		s.open("A")
		s.create("A", "/four", nil, open(), ephemeral)
		s.read("A", opGetData, "/four", true)
		seen[i] = make(map[string]string)
		for _, word := range []string{"ruok", "isro", "srvr", "stat", "cons", "mntr", "conf", "dump", "wchs", "srst", "crst"} {
			seen[i][word] = shape(fourLetters(addr, word, ioTimeout))
		}
		s.close("A")
	}
	for word, want := range seen[0] {
		compare(t, word+"\n"+want, word+"\n"+seen[1][word])
	}
}

// shape takes out of an answer what must differ: numbers, addresses, directories, the version's
// suffix, and what only a Java process knows.
func shape(s string) string {
	for _, r := range [][2]string{
		{`3\.4\.14-\S+,`, "VERSION,"},
		{`[A-Z][a-z]{2} [A-Z][a-z]{2} \d.*:\n`, "DATE:\n"},
		{`0x[0-9a-f]+`, "0x#"},
		{`([dD]ir=).*`, "$1#"},
		{`zk_(open|max)_file_descriptor_count.*\n`, ""},
		{`\d+`, "#"},
		{`-#`, "#"},
		{`(# expire at DATE:\n)+`, "$1"}, // ZooKeeper keeps empty sets for a while
	} {
		s = regexp.MustCompile(r[0]).ReplaceAllString(s, r[1])
	}
	if strings.HasPrefix(s, " /") { // cons, in no order
		lines := strings.Split(s, "\n")
		slices.Sort(lines)
		s = strings.Join(lines, "\n")
	}
	return s
}

func TestRandomOperationsAnswerAlike(t *testing.T) {
	real := startReal(t, "zookeeper")
	ours, _ := startOurs(t, zkserver.Options{NoSync: true})
	for seed := range *seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			compare(t, randomRun(t, real, seed, 400), randomRun(t, ours, seed, 400))
		})
	}
}

// One client sends without waiting for answers: what is on its way to the log must count already.
func TestPipelinedOperationsAnswerAlike(t *testing.T) {
	real := startReal(t, "zookeeper")
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
