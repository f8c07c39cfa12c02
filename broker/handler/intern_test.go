package handler

import (
	"fmt"
	"strings"
	"testing"
)

// TestRememberedNamesAreBounded names a connection's worth of topics that cannot exist: what a
// connection remembers must not fill the memory.
func TestRememberedNamesAreBounded(t *testing.T) {
	var s session
	for i := range 3 * maxInterned {
		for _, name := range []string{fmt.Sprintf("t-%d", i), fmt.Sprintf("t-%d-%s", i, strings.Repeat("x", maxInternedLength))} {
			if got := s.intern([]byte(name)); got != name {
				t.Fatalf("%q became %q", name, got)
			}
		}
		if len(s.names) > maxInterned {
			t.Fatalf("%d names are remembered", len(s.names))
		}
	}
	for name := range s.names {
		if len(name) > maxInternedLength {
			t.Fatalf("a name of %d bytes is remembered", len(name))
		}
	}
	known := []byte("orders")
	s.intern(known)
	if n := testing.AllocsPerRun(100, func() { s.intern(known) }); n != 0 {
		t.Errorf("a name that is known: %v allocations", n)
	}
}
