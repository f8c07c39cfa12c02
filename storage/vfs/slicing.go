package vfs

import (
	"sync"
	"time"
)

// slicing decides how large the pieces are in which large writes to a file are made. The kernel takes
// memory for a write in runs of pages that are as long as the write and aligned like it. Fewer, longer
// runs cost less, but only where there are any that are ready: elsewhere the kernel moves pages about,
// or takes long runs that the host of a virtual machine has taken away, and gets them back at several
// times the price of the write, while short ones, which a deleted log left behind, lie about unused. So
// the price of a byte is measured for each size now and then, and the cheapest is used; the largest, if
// in doubt. Safe for concurrent use.
type slicing struct {
	mu     sync.Mutex
	writes uint32                 // guarded by mu
	prices [len(pieceSizes)]price // guarded by mu
	best   int                    // guarded by mu; the index of the size in use
}

// price is what writes in pieces of one size have cost.
type price struct {
	perKB float64 // CPU time in nanoseconds, a moving mean
	seen  int     // measured writes, up to meanOf
}

// pieceSizes are the sizes to choose from, in bytes. Longer pieces than the first cost as much where
// there is memory for them.
var pieceSizes = [...]int{64 << 10, 16 << 10, 8 << 10}

const (
	largeWrite = 32 << 10 // in bytes; smaller ones are always made at once
	measureOne = 4        // of so many large writes one is measured
	tryOther   = 32       // of so many one is made in pieces of another size
	meanOf     = 8
	// dearer is how many times the cheapest a larger size may cost and be used all the same.
	dearer = 1.25
	// outlier is how many times the mean one write counts at most: it was interrupted.
	outlier = 4
)

// choose returns which size the next large write is made with, and whether to measure and note it.
func (s *slicing) choose() (size int, measure bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	if s.writes%tryOther == 0 {
		others := uint32(len(pieceSizes) - 1)
		return (s.best + 1 + int(s.writes/tryOther%others)) % len(pieceSizes), true
	}
	return s.best, s.writes%measureOne == 0
}

// note learns what a write of n bytes has cost in pieces of a size.
func (s *slicing) note(size int, n int64, cpu time.Duration) {
	if n <= 0 || cpu <= 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, perKB := &s.prices[size], float64(cpu)*1024/float64(n)
	if p.seen > 1 {
		perKB = min(perKB, outlier*p.perKB)
	}
	p.seen = min(p.seen+1, meanOf)
	p.perKB += (perKB - p.perKB) / float64(p.seen)

	least := p.perKB
	for _, p := range s.prices {
		if p.seen == 0 {
			return
		}
		least = min(least, p.perKB)
	}
	for i, p := range s.prices {
		if p.perKB <= least*dearer {
			s.best = i
			return
		}
	}
}
