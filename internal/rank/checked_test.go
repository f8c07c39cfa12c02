//go:build invariants

package rank

import (
	"strings"
	"sync"
	"testing"
)

func TestViolations(t *testing.T) {
	control, partition, log := place[ReplicaControl](), place[Partition](), place[Log]()
	for _, test := range []struct {
		held []int
		at   int
		want string
	}{
		{nil, log, ""},
		{[]int{control, partition}, log, ""},
		{[]int{log}, partition, "Partition is taken while rank.Log is held"},
		{[]int{log}, log, "Log is taken while rank.Log is held"},
		{[]int{partition, log}, control, "ReplicaControl is taken while rank.Partition is held"},
	} {
		if got := violation(test.held, test.at); (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%v then %d: %q, want %q", test.held, test.at, got, test.want)
		}
	}
}

// What goroutines hold is kept apart and forgotten.
func TestHolders(t *testing.T) {
	var outer Mutex[Partition]
	var inner Mutex[Log]
	outer.Lock()
	inner.Lock()
	outer.Unlock() // not in the reverse order
	var wg sync.WaitGroup
	wg.Go(func() { // holds nothing
		outer.Lock()
		outer.Unlock()
	})
	wg.Wait()
	inner.Unlock()
	outer.Lock()
	outer.Unlock()
	goroutines.mu.Lock()
	defer goroutines.mu.Unlock()
	if len(goroutines.held) != 0 {
		t.Errorf("held at the end: %v", goroutines.held)
	}
}
