package wire

import (
	"errors"
	"testing"
)

func TestFieldsAreTakenFromTheFront(t *testing.T) {
	r := Reader{Rest: []byte{0xff, 0, 2, 0xff, 0xff, 0xff, 0xfd, 0, 0, 0, 0, 0, 0, 0, 4, 'a', 'b', 'c'}}
	if a, b, c, d := r.Int8(), r.Int16(), r.Int32(), r.Int64(); a != -1 || b != 2 || c != -3 || d != 4 {
		t.Errorf("read %d, %d, %d, %d", a, b, c, d)
	}
	two := r.Take(2)
	if string(two) != "ab" || string(r.Rest) != "c" || r.Err != nil {
		t.Errorf("took %q, left %q, %v", two, r.Rest, r.Err)
	}
	if _ = append(two, 'x'); string(r.Rest) != "c" {
		t.Errorf("an append to a field made the rest %q", r.Rest)
	}
	if v := r.Take(0); v == nil {
		t.Error("an empty field is nil")
	}
}

func TestNothingIsReadBehindAnError(t *testing.T) {
	first := errors.New("first")
	for name, c := range map[string]struct {
		fail func(r *Reader)
		want error
	}{
		"too long":    {func(r *Reader) { r.Take(5) }, ErrShort},
		"negative":    {func(r *Reader) { r.Take(-1) }, ErrShort},
		"a number":    {func(r *Reader) { r.Int64() }, ErrShort},
		"the decoder": {func(r *Reader) { r.Err = first }, first},
	} {
		r := Reader{Rest: []byte{1, 2, 3, 4}}
		c.fail(&r)
		a, b, d, e := r.Int8(), r.Int16(), r.Int32(), r.Int64()
		if v := r.Take(0); v != nil || len(r.Rest) != 4 || a != 0 || b != 0 || d != 0 || e != 0 || !errors.Is(r.Err, c.want) {
			t.Errorf("%s: read %v, %d, %d, %d, %d, %v", name, v, a, b, d, e, r.Err)
		}
	}
}
