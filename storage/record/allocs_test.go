//go:build !race

package record

import "testing"

// The race detector drops pooled decoders at random, so that allocations cannot be counted under
// it.

func TestValidationDoesNotAllocatePerRecord(t *testing.T) {
	for c := None; c <= Zstd; c++ {
		var per [2]float64
		for i, n := range []int{10, 100} {
			b := testBatch(c, Magic2, n)
			p := testPolicy()
			per[i] = testing.AllocsPerRun(50, func() {
				Batch(b).SetBaseOffset(0)
				info, err := Analyze(b, OriginClient, 0)
				if err == nil {
					_, _, err = Assign(b, info, 5, p)
				}
				if err == nil {
					err = Batch(b).ForEach(nil, func(*Record) error { return nil })
				}
				if err != nil {
					t.Fatal(err)
				}
			})
		}
		if per[1] > per[0]+4 {
			t.Errorf("%s: %v allocations for 10 records, %v for 100", c, per[0], per[1])
		}
	}
}
