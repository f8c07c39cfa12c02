package vfs

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestPaceTrustsAFileOnlyWhileItsWritesReturnAtOnce(t *testing.T) {
	var p pace
	now := time.Unix(1000, 0)
	write := func(took time.Duration) { p.note(now, now.Add(took)); now = now.Add(took) }
	wait := func(d time.Duration) { now = now.Add(d) }
	quickAfter := func() (n int) {
		for wait(quickPause); !p.quick(100, now); wait(quickPause) {
			write(10 * time.Microsecond)
			n++
		}
		return n
	}
	if n := quickAfter(); n != quickCredit {
		t.Errorf("a new file is trusted after %d writes, want %d", n, quickCredit)
	}
	if p.quick(quickSize+1, now) {
		t.Error("a large write is made without the scheduler's knowledge")
	}
	write(10 * time.Microsecond)
	wait(quickPause - 1)
	if p.quick(100, now) {
		t.Error("writes in quick succession are made without the scheduler's knowledge")
	}
	wait(1)
	if !p.quick(100, now) {
		t.Error("the next one after a pause is not")
	}
	write(slowWrite)
	if n := quickAfter(); n != slowPenalty {
		t.Errorf("after a slow write a file is trusted after %d others, want %d", n, slowPenalty)
	}
}

func TestWritesOfEitherKindEndInTheFile(t *testing.T) {
	file, err := OS{}.OpenFile(filepath.Join(t.TempDir(), "f"), os.O_RDWR|os.O_CREATE)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	f := file.(osFile)
	var want []byte
	for i := range 3 * quickCredit {
		f.pace.last.Store(0) // long ago
		f.pace.credit.Store(int32(i%2) * quickCredit)
		part := bytes.Repeat([]byte{byte(i)}, 1000+i)
		if f.pace.quick(len(part), time.Now()) != (i%2 == 1) {
			t.Fatal("the kind is not the one to test")
		}
		if n, err := f.WriteAt(part, int64(len(want))); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
		want = append(want, part...)
	}
	got := make([]byte, len(want))
	if _, err := f.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v: the file is not what was written", err)
	}
}
