package replica

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// TestISR runs the transcripts in testdata/isr: one leader (broker 1), its followers, a clock that
// only "tick" moves.
func TestISR(t *testing.T) {
	datadriven.Walk(t, "testdata/isr", func(t *testing.T, path string) {
		var s isrSim
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string { return s.run(t, d) })
	})
}

type isrSim struct {
	now        time.Time
	end, hw    int64
	epochStart int64
	isr        []int32
	followers  []follower
	leading    bool
}

const simLag = 30 * time.Second

func (s *isrSim) run(t *testing.T, d *datadriven.TestData) string {
	var out strings.Builder
	switch d.Cmd {
	case "lead":
		var replicas, isr []int
		d.ScanArgs(t, "replicas", &replicas)
		d.ScanArgs(t, "isr", &isr)
		d.MaybeScanArgs(t, "end", &s.end)
		d.MaybeScanArgs(t, "hw", &s.hw)
		if s.now.IsZero() {
			s.now = time.Unix(1_000_000, 0)
		}
		s.isr = ids(isr)
		s.epochStart = s.end
		s.followers = followersFor(1, ids(replicas), s.followers)
		for i := range s.followers {
			s.followers[i].reset(s.end, slices.Contains(s.isr, s.followers[i].id), !s.leading, s.now)
		}
		s.leading = true
	case "append":
		n := int64(0)
		d.ScanArgs(t, "records", &n)
		s.end += n
	case "tick":
		var seconds int
		d.ScanArgs(t, "seconds", &seconds)
		s.now = s.now.Add(time.Duration(seconds) * time.Second)
	case "follower-fetch":
		var broker, offset int64
		d.ScanArgs(t, "broker", &broker)
		d.ScanArgs(t, "offset", &offset)
		for i := range s.followers {
			if f := &s.followers[i]; int64(f.id) == broker {
				if f.lastSentHighWatermark < s.hw {
					fmt.Fprintln(&out, "answered at once: the follower does not know the high watermark")
				}
				f.fetched(offset, 0, s.end, s.hw, s.now)
				if canJoinISR(f, s.isr, s.hw, s.epochStart) {
					s.isr = append(s.isr, f.id)
					fmt.Fprintf(&out, "broker %d joins the ISR\n", f.id)
				}
			}
		}
	case "shrink":
		gone := outOfSync(s.end, s.followers, s.isr, s.now, simLag)
		s.isr = without(s.isr, gone)
		fmt.Fprintf(&out, "out of sync: %v\n", gone)
	default:
		d.Fatalf(t, "unknown command %s", d.Cmd)
	}
	if hw := leaderHighWatermark(s.end, s.followers, s.isr, nil, s.now, simLag); hw > s.hw {
		s.hw = hw
	}
	fmt.Fprintf(&out, "log-end-offset=%d high-watermark=%d isr=%v\n", s.end, s.hw, s.isr)
	return out.String()
}

func ids(in []int) []int32 {
	out := make([]int32, len(in))
	for i, v := range in {
		out[i] = int32(v)
	}
	return out
}

func TestPendingMembersHoldTheHighWatermarkBack(t *testing.T) {
	long := time.Unix(0, 0)
	followers := []follower{{id: 2, logEndOffset: 5, lastCaughtUp: long}, {id: 3, logEndOffset: 3, lastCaughtUp: long}}
	now := long.Add(time.Hour)
	for _, tc := range []struct {
		isr, pending []int32
		want         int64
	}{
		{[]int32{1}, nil, 9},
		{[]int32{1, 2}, nil, 5},
		{[]int32{1, 2}, []int32{1, 2, 3}, 3}, // joining
		{[]int32{1, 2, 3}, []int32{1, 2}, 3}, // leaving: the old ISR counts until the new one is written
	} {
		if got := leaderHighWatermark(9, followers, tc.isr, tc.pending, now, simLag); got != tc.want {
			t.Errorf("isr %v pending %v: high watermark %d, want %d", tc.isr, tc.pending, got, tc.want)
		}
	}
}

func TestLowWatermarkIsThatOfLiveReplicas(t *testing.T) {
	followers := []follower{{id: 2, logStartOffset: 4}, {id: 3, logStartOffset: unknownOffset}}
	alive := func(ids ...int32) func(int32) bool {
		return func(id int32) bool { return slices.Contains(ids, id) }
	}
	for _, tc := range []struct {
		future int64
		alive  func(int32) bool
		want   int64
	}{
		{-1, alive(1), 7},
		{-1, alive(1, 2), 4},
		{-1, alive(1, 2, 3), -1},
		{5, alive(1), 5},
	} {
		if got := lowWatermark(7, tc.future, followers, tc.alive); got != tc.want {
			t.Errorf("low watermark %d, want %d", got, tc.want)
		}
	}
}

func TestRackAwareSelection(t *testing.T) {
	now := time.Unix(100, 0)
	leader := candidate{id: 1, rack: "a", logEndOffset: 10, leader: true}
	near := candidate{id: 2, rack: "b", logEndOffset: 8, lastCaughtUp: now}
	nearer := candidate{id: 3, rack: "b", logEndOffset: 9, lastCaughtUp: now}
	same := candidate{id: 4, rack: "b", logEndOffset: 9, lastCaughtUp: now.Add(-time.Second)}
	for _, tc := range []struct {
		rack       string
		candidates []candidate
		want       int32
	}{
		{"", []candidate{leader, near}, 1},
		{"a", []candidate{near, leader}, 1},
		{"b", []candidate{leader, near, nearer, same}, 3},
		{"c", []candidate{near, leader}, 1},
	} {
		if id, ok := selectReplica(tc.rack, tc.candidates); !ok || id != tc.want {
			t.Errorf("rack %q: replica %d, want %d", tc.rack, id, tc.want)
		}
	}
}
