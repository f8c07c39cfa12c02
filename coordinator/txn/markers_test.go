package txn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"momus/coordinator/shard/shardtest"
	"momus/internal/kerr"
	"momus/internal/model"
)

// cluster is leaders by partition: a broker, -1 for none alive; partitions that are not in it do
// not exist.
type cluster struct {
	mu      sync.Mutex
	leaders map[string]int32
	changed chan struct{}
}

func newCluster(leaders map[string]int32) *cluster {
	return &cluster{leaders: leaders, changed: make(chan struct{})}
}

func (c *cluster) Leader(tp model.TopicPartition) (int32, bool, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	broker, ok := c.leaders[tp.String()]
	return broker, ok && broker >= 0, ok
}

func (c *cluster) Changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

func (c *cluster) set(tp string, broker int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leaders[tp] = broker
	close(c.changed)
	c.changed = make(chan struct{})
}

// brokers record what they are sent; answers are by partition, nil once they are used up.
type brokers struct {
	mu      sync.Mutex
	sent    []string
	answers map[string][]*kerr.Error
	down    map[int32]bool
	hold    chan struct{} // not nil: requests wait until it is closed
}

func (b *brokers) SendMarkers(ctx context.Context, broker int32, markers []Marker) ([][]*kerr.Error, error) {
	b.mu.Lock()
	hold := b.hold
	var what []string
	out := make([][]*kerr.Error, len(markers))
	for i, m := range markers {
		what = append(what, fmt.Sprintf("%d/%d/%d commit=%v %s", m.ProducerID, m.Epoch, m.CoordinatorEpoch, m.Commit, showPartitions(m.Partitions)))
		for _, tp := range m.Partitions {
			var e *kerr.Error
			if a := b.answers[tp.String()]; len(a) > 0 {
				e, b.answers[tp.String()] = a[0], a[1:]
			}
			out[i] = append(out[i], e)
		}
	}
	b.sent = append(b.sent, fmt.Sprintf("to %d: %s", broker, strings.Join(what, ", ")))
	down := b.down[broker]
	b.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if down {
		return nil, errors.New("connection refused")
	}
	return out, nil
}

// take returns what was sent since the last call, sorted, as brokers are served at the same time.
func (b *brokers) take() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	sent := b.sent
	b.sent = nil
	slices.Sort(sent)
	return sent
}

type markerTest struct {
	t       *testing.T
	q       *markerQueue
	c       *cluster
	b       *brokers
	mu      sync.Mutex
	written []string
}

func inMarkerQueue(t *testing.T, leaders map[string]int32, run func(m *markerTest)) {
	synctest.Test(t, func(t *testing.T) {
		m := &markerTest{t: t, c: newCluster(leaders), b: &brokers{answers: map[string][]*kerr.Error{}, down: map[int32]bool{}}}
		m.q = newMarkerQueue(m.c, m.b, func(_ int32, s *SendMarkers) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.written = append(m.written, s.TransactionalID)
		}, shardtest.Quiet())
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); m.q.run(ctx) }()
		run(m)
		cancel()
		<-ended
	})
}

func (m *markerTest) add(id string, producerID int64, tps ...string) {
	s := SendMarkers{TransactionalID: id, ProducerID: producerID, Epoch: 1, CoordinatorEpoch: 5, Commit: true}
	for _, name := range tps {
		tp, err := model.ParseTopicPartition(name)
		if err != nil {
			m.t.Fatal(err)
		}
		s.Partitions = append(s.Partitions, tp)
	}
	m.q.add(0, s)
}

func (m *markerTest) expect(written string, sent ...string) {
	m.t.Helper()
	synctest.Wait()
	if got := m.b.take(); !slices.Equal(got, sent) {
		m.t.Errorf("sent %q, want %q", got, sent)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if got := strings.Join(m.written, " "); got != written {
		m.t.Errorf("written %q, want %q", got, written)
	}
	m.written = nil
}

func TestMarkersGoToTheLeadersAtOnce(t *testing.T) {
	inMarkerQueue(t, map[string]int32{"t-0": 1, "t-1": 2, "t-2": 1, "u-0": 2}, func(m *markerTest) {
		m.add("a", 7, "t-0", "t-1", "t-2", "u-0")
		m.expect("a", "to 1: 7/1/5 commit=true [t-0 t-2]", "to 2: 7/1/5 commit=true [t-1 u-0]")
		m.add("none", 8)
		m.expect("none")
	})
}

func TestMarkersThatCameMeanwhileShareARequest(t *testing.T) {
	inMarkerQueue(t, map[string]int32{"t-0": 1}, func(m *markerTest) {
		m.b.hold = make(chan struct{})
		m.add("a", 7, "t-0")
		m.expect("", "to 1: 7/1/5 commit=true [t-0]")
		m.add("b", 8, "t-0")
		m.add("c", 9, "t-0")
		m.expect("")
		close(m.b.hold)
		m.b.mu.Lock()
		m.b.hold = nil
		m.b.mu.Unlock()
		m.expect("a b c", "to 1: 8/1/5 commit=true [t-0], 9/1/5 commit=true [t-0]")
	})
}

func TestDeletedPartitionsNeedNoMarker(t *testing.T) {
	inMarkerQueue(t, map[string]int32{"t-0": 1}, func(m *markerTest) {
		m.add("a", 7, "gone-0", "t-0")
		m.expect("a", "to 1: 7/1/5 commit=true [t-0]")
		m.add("b", 8, "gone-0", "gone-1")
		m.expect("b")
	})
}

func TestMarkersWaitForALivingLeader(t *testing.T) {
	inMarkerQueue(t, map[string]int32{"t-0": -1, "t-1": 1}, func(m *markerTest) {
		m.add("a", 7, "t-0", "t-1")
		m.expect("", "to 1: 7/1/5 commit=true [t-1]")
		var s Stats
		if m.q.stats(&s); s.UnknownDestination != 1 {
			t.Errorf("%+v", s)
		}
		time.Sleep(10 * time.Second)
		m.expect("")
		m.c.set("t-0", 2) // no time passes between the news and the marker
		m.expect("a", "to 2: 7/1/5 commit=true [t-0]")
	})
}

func TestMarkersAreTriedAgain(t *testing.T) {
	inMarkerQueue(t, map[string]int32{"t-0": 1, "t-1": 1}, func(m *markerTest) {
		m.b.answers["t-0"] = []*kerr.Error{kerr.NotLeaderForPartition, kerr.NotEnoughReplicas, kerr.CorruptMessage}
		m.add("a", 7, "t-0", "t-1")
		m.expect("", "to 1: 7/1/5 commit=true [t-0 t-1]")
		m.c.set("t-0", 2)
		m.expect("", "to 2: 7/1/5 commit=true [t-0]")
		time.Sleep(markerRetry)
		m.expect("", "to 2: 7/1/5 commit=true [t-0]")
		m.b.mu.Lock()
		m.b.down[2] = true
		m.b.mu.Unlock()
		time.Sleep(markerRetry)
		m.expect("", "to 2: 7/1/5 commit=true [t-0]")
		m.b.mu.Lock()
		m.b.down[2] = false
		m.b.mu.Unlock()
		time.Sleep(markerRetry)
		m.expect("a", "to 2: 7/1/5 commit=true [t-0]")
	})
}

func TestOldMessageFormatsNeedNoMarker(t *testing.T) {
	inMarkerQueue(t, map[string]int32{"t-0": 1, "t-1": 1}, func(m *markerTest) {
		m.b.answers["t-0"] = []*kerr.Error{kerr.UnsupportedForMessageFormat}
		m.add("a", 7, "t-0", "t-1")
		m.expect("a", "to 1: 7/1/5 commit=true [t-0 t-1]")
	})
}

func TestFencedCoordinatorGivesUp(t *testing.T) {
	for _, e := range []*kerr.Error{kerr.TransactionCoordinatorFenced, kerr.InvalidProducerEpoch} {
		inMarkerQueue(t, map[string]int32{"t-0": 1, "t-1": 1}, func(m *markerTest) {
			m.b.answers["t-1"] = []*kerr.Error{e}
			m.b.answers["t-0"] = []*kerr.Error{kerr.NotEnoughReplicas}
			m.add("a", 7, "t-0", "t-1")
			m.expect("", "to 1: 7/1/5 commit=true [t-0 t-1]")
			time.Sleep(time.Minute)
			m.expect("")
		})
	}
}

func TestMarkersOfUnloadedPartitionsAreDropped(t *testing.T) {
	inMarkerQueue(t, map[string]int32{"t-0": -1, "t-1": 1}, func(m *markerTest) {
		m.b.hold = make(chan struct{})
		m.add("a", 7, "t-0", "t-1")
		m.expect("", "to 1: 7/1/5 commit=true [t-1]")
		m.add("b", 8, "t-1")
		m.q.drop(0)
		close(m.b.hold)
		m.c.set("t-0", 1)
		m.expect("")
		m.add("a", 7, "t-0") // of the next leadership
		m.expect("a", "to 1: 7/1/5 commit=true [t-0]")
	})
}

func TestQueueEndsWithRequestsUnderWay(t *testing.T) {
	inMarkerQueue(t, map[string]int32{"t-0": 1}, func(m *markerTest) {
		m.b.hold = make(chan struct{})
		m.add("a", 7, "t-0")
		m.expect("", "to 1: 7/1/5 commit=true [t-0]")
	})
}
