package zkserver

import (
	"testing"
	"time"
)

func TestAwayIsWhatTheLooksAreApartForNoReason(t *testing.T) {
	const tick = 100 * time.Millisecond
	for passed, want := range map[time.Duration]time.Duration{0: 0, tick: 0, 2 * tick: 0, 3 * tick: 2 * tick, time.Hour: time.Hour - tick} {
		if got := away(passed, tick); got != want {
			t.Errorf("%v between two looks: away for %v, want %v", passed, got, want)
		}
	}
}

// TestSessionsDoNotGetOlderWhileTheServerIsAway lets the clock go on without the server.
func TestSessionsDoNotGetOlderWhileTheServerIsAway(t *testing.T) {
	clock := time.Unix(1000, 0)
	s, err := New(Options{Dir: t.TempDir(), NoSync: true, TickTime: time.Second, Now: func() time.Time { return clock }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	x := &session{id: 7, timeoutMs: 5000}
	s.mu.core.sessions.add(x, s.now())
	before, _ := s.SessionLeft(x.id)
	clock = clock.Add(time.Minute)
	s.awayMs.Add(away(time.Minute, time.Second).Milliseconds())
	if left, ok := s.SessionLeft(x.id); !ok || left != before-1000 || len(s.mu.core.tick(s.now())) > 0 {
		t.Errorf("%d ms left of %d", left, before)
	}
}
