package tour

import (
	"net"
	"testing"
)

func TestPortsBelongToOneCourse(t *testing.T) {
	var one, other ports
	defer one.release()
	defer other.release()
	choose := func(p *ports, wanted int) int {
		t.Helper()
		port, err := p.choose(wanted)
		if err != nil {
			t.Fatal(err)
		}
		return port
	}
	free := choose(&one, 0)
	if free < firstPort || free > lastPort {
		t.Errorf("port %d is one that the system may hand out", free)
	}
	// Nobody listens on it, as while its broker is down.
	if got := choose(&other, free); got == free {
		t.Errorf("two courses have port %d", got)
	}
	l, err := net.Listen("tcp", address(free))
	if err != nil {
		t.Fatalf("the course's own broker cannot have its port: %v", err)
	}
	one.release()
	if got := choose(&other, free); got == free {
		t.Errorf("port %d is given away while somebody listens on it", got)
	}
	l.Close()
	if got := choose(&other, free); got != free {
		t.Errorf("got port %d instead of %d, which is free again", got, free)
	}
}
