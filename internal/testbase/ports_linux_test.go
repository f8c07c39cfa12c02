package testbase

import "testing"

func TestNoPortIsGivenTwice(t *testing.T) {
	given := map[int]bool{}
	for range 30 {
		first := FreePorts(t, 20)
		for p := first; p < first+20; p++ {
			if given[p] {
				t.Fatalf("port %d was given twice", p)
			}
			given[p] = true
		}
	}
}
