package vfs

import (
	"testing"
	"time"
)

// TestSlicingUsesWhatIsCheapest plays a memory in which each size costs so many nanoseconds a kilobyte.
func TestSlicingUsesWhatIsCheapest(t *testing.T) {
	const kilobytes = 100
	var s slicing
	// play makes n large writes and returns how many were made with each size.
	play := func(n int, perKB [len(pieceSizes)]int) (made [len(pieceSizes)]int) {
		for range n {
			size, measure := s.choose()
			made[size]++
			if measure {
				s.note(size, kilobytes<<10, time.Duration(kilobytes*perKB[size]))
			}
		}
		return made
	}
	const learn = 2 * len(pieceSizes) * meanOf * tryOther
	for _, step := range []struct {
		name  string
		perKB [len(pieceSizes)]int
		best  int
	}{
		{"memory is ready", [...]int{250, 350, 450}, 0},
		{"long runs are dear", [...]int{1200, 350, 450}, 1},
		{"only the shortest are there", [...]int{1200, 1100, 450}, 2},
		{"all are dear", [...]int{1200, 1250, 1300}, 0},
		{"middle ones are somewhat cheaper", [...]int{440, 360, 450}, 0},
	} {
		play(learn, step.perKB)
		made := play(learn, step.perKB)
		for size, n := range made {
			want := learn / tryOther / (len(pieceSizes) - 1)
			if size == step.best {
				want = learn - learn/tryOther
			}
			if n != want {
				t.Errorf("%s: %d of %d writes in pieces of %d bytes, want %d", step.name, n, learn, pieceSizes[size], want)
			}
		}
	}
}

// TestSlicingMindsNoInterruption lets a write take a thousand times as long, as one that was
// interrupted does.
func TestSlicingMindsNoInterruption(t *testing.T) {
	var s slicing
	for range 1000 {
		for size := range pieceSizes {
			s.note(size, 64<<10, 20*time.Microsecond)
		}
	}
	s.note(0, 64<<10, 20*time.Millisecond)
	for range 3 * meanOf {
		s.note(0, 64<<10, 20*time.Microsecond)
	}
	if size, _ := s.choose(); size != 0 {
		t.Errorf("pieces of %d bytes after one slow write", pieceSizes[size])
	}
	s.note(1, 0, time.Second) // says nothing
	s.note(1, 1<<20, -time.Second)
	if size, _ := s.choose(); size != 0 {
		t.Errorf("pieces of %d bytes after measurements that say nothing", pieceSizes[size])
	}
}

// TestSlicingMeasuresAllFirst expects the largest size until each has a price.
func TestSlicingMeasuresAllFirst(t *testing.T) {
	var s slicing
	for i, step := range []struct {
		size int
		took time.Duration
		want int
	}{{0, 10 * time.Microsecond, 0}, {1, time.Microsecond, 0}, {2, 10 * time.Microsecond, 1}} {
		s.note(step.size, 64<<10, step.took)
		if size, _ := s.choose(); size != step.want {
			t.Errorf("after %d prices: pieces of %d bytes, want %d", i+1, pieceSizes[size], pieceSizes[step.want])
		}
	}
}
