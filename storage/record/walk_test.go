package record

import (
	"bytes"
	"errors"
	"testing"
)

func TestWalk(t *testing.T) {
	one, two := build(DefaultOptions(), "a"), build(DefaultOptions(), "b", "c")
	both := bytes.Join([][]byte{one, two}, nil)
	bad := bytes.Clone(both)
	bad[len(one)+posMagic] = 7
	for name, test := range map[string]struct {
		records []byte
		want    [][]byte
		corrupt bool
	}{
		"nothing":   {nil, nil, false},
		"two":       {both, [][]byte{one, two}, false},
		"torn":      {both[:len(both)-1], [][]byte{one}, false},
		"a header":  {one[:20], nil, false},
		"no second": {bad, [][]byte{one}, true},
	} {
		w := NewWalk(test.records)
		var got [][]byte
		for w.Next() {
			got = append(got, w.Batch)
		}
		var corrupt *CorruptError
		if errors.As(w.Err(), &corrupt) != test.corrupt || (w.Err() == nil) == test.corrupt {
			t.Errorf("%s: ended with %v", name, w.Err())
		}
		if len(got) != len(test.want) {
			t.Errorf("%s: %d entries", name, len(got))
			continue
		}
		for i := range got {
			if !bytes.Equal(got[i], test.want[i]) {
				t.Errorf("%s: entry %d is %x", name, i, got[i])
			}
		}
	}
	if n := testing.AllocsPerRun(10, func() {
		w := NewWalk(both)
		for w.Next() {
			_ = w.Batch
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func build(o BuilderOptions, values ...string) []byte {
	w := NewBuilder(o)
	for _, v := range values {
		w.Append(1000, nil, []byte(v))
	}
	return w.Bytes()
}
