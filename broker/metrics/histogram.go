package metrics

import (
	"math/bits"
	"sync/atomic"
)

// Buckets: four for each power of two, so a quantile is right within a quarter. Values are
// microseconds or bytes.
const (
	// 40 powers of two reach 2^41 microseconds, which is 25 days; what is larger counts as that.
	subBits    = 2
	numBuckets = (40 << subBits)
)

// histogram counts values in exponential buckets. It keeps the present and the last window, so that
// quantiles follow what happens now.
type histogram struct {
	// count is of all time, while the buckets are of one window.
	count   atomic.Int64
	current [numBuckets]atomic.Int32
	last    [numBuckets]int32 // only the collector touches it
}

// bucketOf finds the bucket: the position of the highest bit, and the two bits behind it.
func bucketOf(v int64) int {
	if v < 1<<subBits {
		return int(max(v, 0))
	}
	top := bits.Len64(uint64(v)) - 1
	i := (top-subBits+1)<<subBits | int(v>>(top-subBits))&(1<<subBits-1)
	return min(i, numBuckets-1)
}

// bucketValue is the lower bound of a bucket.
func bucketValue(i int) float64 {
	if i < 1<<subBits {
		return float64(i)
	}
	top := i>>subBits + subBits - 1
	return float64(int64(1<<subBits|i&(1<<subBits-1)) << (top - subBits))
}

// observe counts a value: two atomic additions and no lock, since it is on the way of every
// request.
func (h *histogram) observe(v int64) {
	h.count.Add(1)
	h.current[bucketOf(v)].Add(1)
}

// quantiles reads the values below which each share (ascending, 0 to 1) of the last one or two
// windows lies.
func (h *histogram) quantiles(shares []float64, out []float64) {
	var counts [numBuckets]int64
	var total int64
	for i := range counts {
		counts[i] = int64(h.current[i].Load()) + int64(h.last[i])
		total += counts[i]
	}
	var sum int64
	bucket := 0
	for k, share := range shares {
		// Rounded up, so that of few values the largest is the 99th percentile.
		want := int64(share*float64(total) + 0.999999)
		for bucket < numBuckets && sum+counts[bucket] < want {
			sum += counts[bucket]
			bucket++
		}
		out[k] = 0
		if total > 0 {
			out[k] = bucketValue(min(bucket, numBuckets-1))
		}
	}
}

// rotate begins a new window.
func (h *histogram) rotate() {
	for i := range h.current {
		// A value that is observed meanwhile is in one of the two windows, never in both.
		h.last[i] = h.current[i].Swap(0)
	}
}
