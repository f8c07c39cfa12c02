package clients

import (
	"errors"
	"math"
	"testing"
	"time"
)

func TestNoTimeIsNotNoLimit(t *testing.T) {
	for ms, want := range map[int64]time.Duration{-1: -1, 0: -1, 1500: 1500 * time.Millisecond, math.MaxInt64: 0} {
		if got := JavaTimeout(ms); got != want {
			t.Errorf("%d ms: %d, want %d", ms, got, want)
		}
	}
	var r Consumer
	if _, err := r.Take(t.Context(), JavaTimeout(0)); !errors.Is(err, ErrNoMessage) {
		t.Errorf("%v", err)
	}
}
