package log

import (
	"testing"

	"momus/storage/record"
)

func TestTailIsReadWithoutTheFile(t *testing.T) {
	l := benchLog(t, nil)
	for range 20 {
		if _, err := l.AppendAsLeader(batchOf(3, 10), 0, record.OriginClient); err != nil {
			t.Fatal(err)
		}
	}
	s := l.list().active()
	d, err := s.acquire()
	if err != nil {
		t.Fatal(err)
	}
	defer d.release()
	size := s.size.Load()
	one := size / 20
	for offset := int64(0); offset < 60; offset++ {
		pos, n := s.tail.find(offset)
		if remembered := offset/3 >= 20-tailLength; (n > 0) != remembered {
			t.Fatalf("offset %d: remembered %v, want %v", offset, n > 0, remembered)
		}
		if n > 0 && (pos != offset/3*one || int64(n) != one) {
			t.Errorf("offset %d: %d bytes at %d", offset, n, pos)
		}
		if pos, n, err := s.find(d, offset, size); err != nil || pos != offset/3*one || int64(n) != one {
			t.Errorf("offset %d found at %d with %d bytes (%v)", offset, pos, n, err)
		}
	}
	// What is not below the end that a reader knows does not exist for it.
	if _, n, err := s.find(d, 57, size-1); err != nil || n != 0 {
		t.Errorf("found %d bytes beyond the end (%v)", n, err)
	}
	if err := l.TruncateTo(50); err != nil {
		t.Fatal(err)
	}
	if _, n := s.tail.find(45); n > 0 {
		t.Error("a cut segment remembers its tail")
	}
	if _, err := l.AppendAsLeader(batchOf(1, 500), 0, record.OriginClient); err != nil {
		t.Fatal(err)
	}
	if pos, n, err := s.find(d, 48, s.size.Load()); err != nil || pos != 16*one || int64(n) != s.size.Load()-16*one {
		t.Errorf("found at %d with %d bytes (%v)", pos, n, err)
	}
}
