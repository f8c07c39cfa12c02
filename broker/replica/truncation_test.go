package replica

import (
	"errors"
	"testing"
)

// history is the leader epochs of a log: epoch and start offset of each, ascending.
type history struct {
	epochs []epochEnd // endOffset is the start here
	end    int64
}

// endFor is the answer of a log with this history.
func (h history) endFor(epoch int32) (epochEnd, bool) {
	n := len(h.epochs)
	switch {
	case n == 0 || epoch < 0 || epoch > h.epochs[n-1].epoch:
		return epochEnd{epoch: -1, endOffset: -1}, false
	case epoch == h.epochs[n-1].epoch:
		return epochEnd{epoch: epoch, endOffset: h.end}, true
	case epoch < h.epochs[0].epoch:
		return epochEnd{epoch: epoch, endOffset: h.epochs[0].endOffset}, true
	}
	for i := n - 2; ; i-- {
		if h.epochs[i].epoch <= epoch {
			return epochEnd{epoch: h.epochs[i].epoch, endOffset: h.epochs[i+1].endOffset}, true
		}
	}
}

func (h history) latest() int32 { return h.epochs[len(h.epochs)-1].epoch }

func (h *history) truncate(offset int64) {
	h.end = min(h.end, offset)
	for len(h.epochs) > 0 && h.epochs[len(h.epochs)-1].endOffset >= offset {
		h.epochs = h.epochs[:len(h.epochs)-1]
	}
}

func TestFollowerTruncatesToLeaderEpochBoundary(t *testing.T) {
	for _, tc := range []struct {
		name             string
		follower, leader history
		initial, want    int64
		questions        int
	}{
		{"nothing diverges", history{[]epochEnd{{0, 0}}, 10}, history{[]epochEnd{{0, 0}}, 15}, 8, 10, 1},
		{"leader wrote an epoch since", history{[]epochEnd{{0, 0}}, 10}, history{[]epochEnd{{0, 0}, {1, 10}}, 12}, 8, 10, 1},
		{"follower has a tail that the new leader never had", history{[]epochEnd{{0, 0}}, 10}, history{[]epochEnd{{0, 0}, {1, 7}}, 12}, 7, 7, 1},
		{"high watermark is behind, nothing is lost (KIP-101)", history{[]epochEnd{{0, 0}}, 10}, history{[]epochEnd{{0, 0}, {1, 10}}, 10}, 9, 10, 1},
		// KIP-279: epoch 2 exists on the follower only; epoch 1 has other ends.
		{"fast leader changes", history{[]epochEnd{{0, 0}, {1, 4}, {2, 8}}, 12}, history{[]epochEnd{{0, 0}, {1, 4}, {3, 6}}, 9}, 4, 6, 1},
		{"leader does not know the epoch between", history{[]epochEnd{{0, 0}, {2, 8}}, 12}, history{[]epochEnd{{0, 0}, {1, 5}, {3, 6}}, 9}, 4, 5, 2},
		{"leader knows nothing that new", history{[]epochEnd{{0, 0}, {5, 8}}, 12}, history{[]epochEnd{{0, 0}}, 9}, 8, 8, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, questions := tc.follower, 0
			for {
				questions++
				answer, _ := tc.leader.endFor(f.latest())
				offset, done := truncationTo(answer, tc.initial, f.end, f.endFor)
				f.truncate(offset)
				if done {
					break
				}
				if questions > 10 {
					t.Fatal("does not end")
				}
			}
			if f.end != tc.want || questions != tc.questions {
				t.Fatalf("log ends at %d after %d questions, want %d after %d", f.end, questions, tc.want, tc.questions)
			}
		})
	}
}

func TestTruncationWithOldLeaders(t *testing.T) {
	own := history{[]epochEnd{{3, 5}}, 10}
	for _, tc := range []struct {
		answer epochEnd
		want   int64
	}{
		{epochEnd{-1, -1}, 6}, // unknown: the high watermark
		{epochEnd{-1, 8}, 8},  // v0 tells no epoch
		{epochEnd{-1, 20}, 10},
		{epochEnd{2, 4}, 4}, // older than all of ours: our first epoch starts at 5
	} {
		if got, done := truncationTo(tc.answer, 6, own.end, own.endFor); got != tc.want || !done {
			t.Errorf("%+v: truncate to %d (done %v), want %d", tc.answer, got, done, tc.want)
		}
	}
}

func TestAfterOffsetOutOfRange(t *testing.T) {
	failed := errors.New("no answer")
	start := func(o int64) func() (int64, error) { return func() (int64, error) { return o, nil } }
	for _, tc := range []struct {
		name              string
		logEnd, leaderEnd int64
		leaderStart       func() (int64, error)
		want              outOfRangeAction
		err               error
	}{
		{"leader lost its tail", 10, 7, start(0), outOfRangeAction{truncateTo: 7, restartAt: -1, fetchFrom: 7}, nil},
		{"leader has deleted beyond us", 10, 50, start(30), outOfRangeAction{truncateTo: -1, restartAt: 30, fetchFrom: 30}, nil},
		{"a passing state", 10, 50, start(5), outOfRangeAction{truncateTo: -1, restartAt: -1, fetchFrom: 10}, nil},
		{"no answer", 10, 50, func() (int64, error) { return 0, failed }, outOfRangeAction{}, failed},
	} {
		got, err := afterOffsetOutOfRange(tc.logEnd, tc.leaderEnd, tc.leaderStart)
		if got != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("%s: %+v, %v", tc.name, got, err)
		}
	}
}
