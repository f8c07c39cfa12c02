//go:build faults

package cluster

import (
	"flag"
	"syscall"
	"testing"
	"time"

	"momus/integration/testkit"
)

// rounds is how often each fault happens to each producer; make crash-idempotence takes 20.
var rounds = flag.Int("rounds", 3, "faults in a row of TestIdempotence…")

// pipeline is an idempotent producer (acks=all) with five requests in flight. It numbers the
// records of each partition.
type pipeline interface {
	// WaitMore waits until n more records are acknowledged; a record that is refused for good fails
	// the test.
	WaitMore(t testing.TB, n int)
	// Settle ends the producer, and checks that every record is there once, in order, and
	// acknowledged at its offset.
	Settle(t testing.TB, bootstrap string)
}

// faults are what a producer has to survive, by name.
var faults = map[string]func(t *testing.T, bs []*testkit.Cluster, round int){
	"kill the whole cluster": func(t *testing.T, bs []*testkit.Cluster, _ int) {
		for _, b := range bs {
			b.Process.Signal(t, syscall.SIGKILL)
		}
		restartAll(t, bs)
	},
	"kill a leader": func(t *testing.T, bs []*testkit.Cluster, round int) {
		b := bs[testkit.Leader(t, testkit.Bootstrap(bs), topic, int32(round%3))-1]
		b.Process.Kill()
		b.Restart(t)
	},
	"stop cleanly": func(t *testing.T, bs []*testkit.Cluster, round int) {
		if round%2 == 0 {
			for _, b := range bs {
				b.Process.Signal(t, syscall.SIGTERM)
			}
			restartAll(t, bs)
			return
		}
		b := bs[testkit.Leader(t, testkit.Bootstrap(bs), topic, int32(round%3))-1]
		b.Process.Stop(t, limit)
		b.Restart(t)
	},
}

func restartAll(t *testing.T, bs []*testkit.Cluster) {
	t.Helper()
	for _, b := range bs {
		select {
		case <-b.Process.Done():
		case <-time.After(limit):
			t.Fatalf("broker %d has not ended", b.ID)
		}
	}
	for _, b := range bs {
		b.Restart(t)
	}
}

// underFaults takes a producer through each kind of fault, many times, on a cluster of its own.
func underFaults(t *testing.T, start func(t *testing.T, bootstrap string) pipeline) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			bs := brokers(t, startCoordination(t).opts.Listen)
			producer := start(t, testkit.Bootstrap(bs))
			for round := range *rounds {
				producer.WaitMore(t, 300)
				fault(t, bs, round)
				testkit.WaitWholeISR(t, bs, limit)
			}
			producer.WaitMore(t, 300)
			producer.Settle(t, testkit.Bootstrap(bs))
		})
	}
}

// franz is a pipeline of franz-go.
type franz struct{ *testkit.Load }

func (f franz) Settle(t testing.TB, bootstrap string) {
	t.Helper()
	f.Stop()
	f.Check(t, bootstrap)
}

func TestIdempotenceOfFranzGoSurvivesCrashes(t *testing.T) {
	underFaults(t, func(t *testing.T, bootstrap string) pipeline {
		return franz{testkit.StartReplicatedLoad(t, bootstrap, topic, 3, testkit.Replication{Factor: 3, MinISR: 2, Pipelined: true})}
	})
}
