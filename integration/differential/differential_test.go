//go:build interop

package differential

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/integration/testkit"
)

// lines are the settings of both brokers besides those of testkit.ServerProperties. The scenarios'
// records are old: nothing may be deleted, nor empty groups after ten minutes on a busy machine.
var lines = []string{
	"log.retention.ms=-1", "log.retention.check.interval.ms=3600000", "offsets.retention.check.interval.ms=3600000", "group.min.session.timeout.ms=100",
	"group.max.session.timeout.ms=60000", "group.max.size=4", "log.segment.delete.delay.ms=600000", "fetch.purgatory.purge.interval.requests=10",
}

// scenario is what both brokers are put through.
type scenario struct {
	name string
	run  func(s *session)
}

func TestSameAsKafka(t *testing.T) {
	zk := testkit.ZooKeeper(t, "zookeeper")
	var peers [2]*peer
	var wg sync.WaitGroup
	kafka := &peer{name: "kafka", cluster: testkit.Kafka(t, 1, zk+"/kafka", lines...)}
	momus := &peer{name: "momus", cluster: testkit.Broker(t, 1, zk+"/momus", lines...)}
	peers = [2]*peer{kafka, momus}
	for _, p := range peers {
		p.addr = p.cluster.Bootstrap
		ready(t, p)
	}
	only := os.Getenv("DIFFERENTIAL")
	for _, sc := range scenarios() {
		if only != "" && !strings.Contains(","+only+",", ","+sc.name+",") {
			continue
		}
		t.Run(sc.name, func(t *testing.T) {
			var sessions [2]*session
			for i, p := range peers {
				sessions[i] = newSession(t, p)
				wg.Go(func() { play(sessions[i], sc) })
			}
			wg.Wait()
			conclude(t, sessions)
		})
	}
}

// conclude ends two sessions that were played and compares them; one that could not be played to
// its end fails by its own error as well.
func conclude(t *testing.T, sessions [2]*session) {
	t.Helper()
	for _, s := range sessions {
		s.close()
	}
	compare(t, sessions[0], sessions[1])
	for _, s := range sessions {
		if s.fatal != nil {
			t.Error(s.fatal)
		}
	}
}

// ready waits until a broker creates topics, so it knows itself and the controller, and until its
// coordinators serve: the two kinds do not create their topics at the same speed.
func ready(t *testing.T, p *peer) {
	s := newSession(t, p)
	defer s.close()
	testkit.Eventually(t, 30*time.Second, p.name+" creates topics", func() bool {
		req := kmsg.NewPtrCreateTopicsRequest()
		req.TimeoutMillis, req.ValidateOnly = 10000, true
		req.Topics = append(req.Topics, newTopic("ready", 1, 1))
		return s.quiet(4, req).(*kmsg.CreateTopicsResponse).Topics[0].ErrorCode == 0
	})
	for kind := range int8(2) {
		testkit.Eventually(t, 60*time.Second, p.name+" finds its coordinators", func() bool {
			req := kmsg.NewPtrFindCoordinatorRequest()
			req.CoordinatorType = kind
			return s.quiet(2, req).(*kmsg.FindCoordinatorResponse).ErrorCode == 0
		})
	}
}

func play(s *session, sc scenario) {
	defer func() {
		if r := recover(); r != nil {
			st, ok := r.(stop)
			if !ok {
				panic(r)
			}
			s.fatal = st.err
		}
	}()
	s.cluster()
	sc.run(s)
}

// compare reports every step that is not the same.
func compare(t *testing.T, kafka, momus *session) {
	same := 0
	for i, k := range kafka.steps {
		if i >= len(momus.steps) {
			t.Errorf("momus did not get to: %s", k.label)
			return
		}
		m := momus.steps[i]
		if k.label != m.label {
			t.Errorf("step %d: kafka did %q, momus %q", i, k.label, m.label)
			return
		}
		if k.answer == m.answer {
			same++
			continue
		}
		t.Errorf("%s\n%s", k.label, difference(k.answer, m.answer))
	}
	t.Logf("%d of %d answers are the same", same, len(kafka.steps))
}

// difference shows the lines two texts do not share.
func difference(kafka, momus string) string {
	a, b := strings.Split(kafka, "\n"), strings.Split(momus, "\n")
	var out strings.Builder
	if len(a) == len(b) {
		for i := range a {
			if a[i] != b[i] {
				fmt.Fprintf(&out, "  kafka: %s\n  momus: %s\n", strings.TrimSpace(a[i]), strings.TrimSpace(b[i]))
			}
		}
		return out.String()
	}
	missing := func(from, in []string, who string) {
		count := map[string]int{}
		for _, l := range in {
			count[l]++
		}
		for _, l := range from {
			if count[l]--; count[l] < 0 {
				fmt.Fprintf(&out, "  only %s: %s\n", who, strings.TrimSpace(l))
			}
		}
	}
	missing(a, b, "kafka")
	missing(b, a, "momus")
	return out.String()
}
