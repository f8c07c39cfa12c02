package tour

import (
	"net"
	"os"
	"path/filepath"
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

func TestADiskBreaksAndIsMended(t *testing.T) {
	n := &node{dir: t.TempDir()}
	record := filepath.Join(n.dir, secondDisk, "t-0", "record")
	if err := os.MkdirAll(filepath.Dir(record), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(record, []byte("kept"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := &cluster{brokers: []*node{n}}
	if err := c.do(t.Context(), "break-disk 0"); err != nil || !n.broken {
		t.Fatal(err, n.broken)
	}
	if _, err := os.Stat(record); err == nil {
		t.Error("the disk is still there")
	}
	if err := os.MkdirAll(filepath.Dir(record), 0o755); err == nil {
		t.Error("a broker could make the directory again")
	}
	if err := c.do(t.Context(), "mend-disk 0"); err != nil || n.broken {
		t.Fatal(err, n.broken)
	}
	if text, err := os.ReadFile(record); string(text) != "kept" {
		t.Error(string(text), err)
	}
}
