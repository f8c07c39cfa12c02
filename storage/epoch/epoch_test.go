package epoch

import (
	"slices"
	"testing"

	"momus/storage/checkpoint"
	"momus/storage/vfs"
)

func open(t *testing.T, f vfs.FS) *Cache {
	t.Helper()
	c, err := Open(f, "/leader-epoch-checkpoint")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *Cache) mustAssign(t *testing.T, epochs ...checkpoint.Epoch) {
	t.Helper()
	for _, e := range epochs {
		if err := c.Assign(e.Epoch, e.StartOffset); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAssign(t *testing.T) {
	type list = []checkpoint.Epoch
	for name, test := range map[string]struct{ assign, want list }{
		"same epoch again":        {list{{Epoch: 0, StartOffset: 0}, {Epoch: 0, StartOffset: 5}}, list{{Epoch: 0, StartOffset: 0}}},
		"new epoch":               {list{{Epoch: 0, StartOffset: 0}, {Epoch: 2, StartOffset: 5}}, list{{Epoch: 0, StartOffset: 0}, {Epoch: 2, StartOffset: 5}}},
		"no data in between":      {list{{Epoch: 0, StartOffset: 0}, {Epoch: 1, StartOffset: 0}, {Epoch: 2, StartOffset: 0}}, list{{Epoch: 2, StartOffset: 0}}},
		"start goes back":         {list{{Epoch: 0, StartOffset: 0}, {Epoch: 1, StartOffset: 5}, {Epoch: 2, StartOffset: 3}}, list{{Epoch: 0, StartOffset: 0}, {Epoch: 2, StartOffset: 3}}},
		"epoch goes back":         {list{{Epoch: 0, StartOffset: 0}, {Epoch: 5, StartOffset: 5}, {Epoch: 3, StartOffset: 9}}, list{{Epoch: 0, StartOffset: 0}, {Epoch: 3, StartOffset: 9}}},
		"same epoch, earlier":     {list{{Epoch: 0, StartOffset: 0}, {Epoch: 1, StartOffset: 5}, {Epoch: 1, StartOffset: 3}}, list{{Epoch: 0, StartOffset: 0}, {Epoch: 1, StartOffset: 3}}},
		"both go back behind all": {list{{Epoch: 4, StartOffset: 10}, {Epoch: 5, StartOffset: 20}, {Epoch: 2, StartOffset: 0}}, list{{Epoch: 2, StartOffset: 0}}},
	} {
		f := vfs.NewMem()
		c := open(t, f)
		c.mustAssign(t, test.assign...)
		if !slices.Equal(c.Entries(), test.want) {
			t.Errorf("%s: %v, want %v", name, c.Entries(), test.want)
		}
		if _, err := c.Save(); err != nil {
			t.Fatal(err)
		}
		if reopened := open(t, f); !slices.Equal(reopened.Entries(), test.want) {
			t.Errorf("%s: read back %v, want %v", name, reopened.Entries(), test.want)
		}
	}
	if err := open(t, vfs.NewMem()).Assign(-1, 0); err == nil {
		t.Error("a negative epoch was accepted")
	}
}

func TestEndOffset(t *testing.T) {
	c := open(t, vfs.NewMem())
	if e, o := c.EndOffset(0, 100); e != -1 || o != -1 {
		t.Errorf("empty: %d %d", e, o)
	}
	c.mustAssign(t, checkpoint.Epoch{Epoch: 2, StartOffset: 10}, checkpoint.Epoch{Epoch: 4, StartOffset: 20}, checkpoint.Epoch{Epoch: 7, StartOffset: 30})
	for ask, want := range map[int32][2]int64{-1: {-1, -1}, 0: {0, 10}, 2: {2, 20}, 3: {2, 20}, 4: {4, 30}, 6: {4, 30}, 7: {7, 100}, 8: {-1, -1}} {
		if e, o := c.EndOffset(ask, 100); int64(e) != want[0] || o != want[1] {
			t.Errorf("epoch %d: (%d, %d), want %v", ask, e, o, want)
		}
	}
	for offset, want := range map[int64]int32{9: -1, 10: 2, 19: 2, 20: 4, 1000: 7} {
		if e, _ := c.ForOffset(offset); e != want {
			t.Errorf("offset %d: epoch %d, want %d", offset, e, want)
		}
	}
}

func TestTruncate(t *testing.T) {
	f := vfs.NewMem()
	c := open(t, f)
	c.mustAssign(t, checkpoint.Epoch{Epoch: 2, StartOffset: 10}, checkpoint.Epoch{Epoch: 4, StartOffset: 20}, checkpoint.Epoch{Epoch: 7, StartOffset: 30})
	step := func(err error, want ...checkpoint.Epoch) {
		t.Helper()
		if _, saveErr := c.Save(); err != nil || saveErr != nil {
			t.Fatal(err, saveErr)
		}
		if !slices.Equal(c.Entries(), want) || !slices.Equal(open(t, f).Entries(), want) {
			t.Fatalf("%v, in the file %v, want %v", c.Entries(), open(t, f).Entries(), want)
		}
	}
	step(c.TruncateFromEnd(31), checkpoint.Epoch{Epoch: 2, StartOffset: 10}, checkpoint.Epoch{Epoch: 4, StartOffset: 20}, checkpoint.Epoch{Epoch: 7, StartOffset: 30})
	step(c.TruncateFromEnd(30), checkpoint.Epoch{Epoch: 2, StartOffset: 10}, checkpoint.Epoch{Epoch: 4, StartOffset: 20})
	start := func(o int64) error { c.TruncateFromStart(o); return nil }
	step(start(5), checkpoint.Epoch{Epoch: 2, StartOffset: 10}, checkpoint.Epoch{Epoch: 4, StartOffset: 20})
	step(start(15), checkpoint.Epoch{Epoch: 2, StartOffset: 15}, checkpoint.Epoch{Epoch: 4, StartOffset: 20})
	step(start(25), checkpoint.Epoch{Epoch: 4, StartOffset: 25})
	step(c.TruncateFromEnd(0))
	c.mustAssign(t, checkpoint.Epoch{Epoch: 9, StartOffset: 1})
	step(c.Clear())
}
