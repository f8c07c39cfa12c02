package retry

import (
	"testing"
	"time"
)

func TestPausesGetLonger(t *testing.T) {
	p := Pause{First: time.Second, Longest: 5 * time.Second}
	if p.Succeeded() {
		t.Error("a failure before the first try")
	}
	for range 2 {
		for i, want := range []time.Duration{1, 2, 4, 5, 5} {
			if got := p.Failed(); got != want*time.Second {
				t.Errorf("failure %d: %v, want %v s", i, got, int64(want))
			}
		}
		if !p.Succeeded() {
			t.Error("the failures are forgotten before a success")
		}
	}
}
