package index

import (
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"momus/storage/vfs"
)

// BenchmarkLookupUntouched looks up in an index that is open, but of which the process has touched
// no page yet.
func BenchmarkLookupUntouched(b *testing.B) {
	const n = 200000
	x := NewOffset(vfs.OS{}, filepath.Join(b.TempDir(), "i"), 0)
	for i := int64(1); i <= n; i++ {
		x.Add(10*i, 100*i)
	}
	x.Trim()
	var took time.Duration
	i := 0
	for ; b.Loop(); i++ {
		start := time.Now()
		if _, err := x.Lookup(int64(i*7919) % (10 * n)); err != nil {
			b.Fatal(err)
		}
		took += time.Since(start)
		if err := unix.Madvise(x.view.Data, unix.MADV_DONTNEED); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(took.Nanoseconds())/float64(i), "ns/lookup")
}
