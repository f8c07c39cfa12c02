package vfs

import (
	"sync/atomic"
	"time"
)

const (
	quickSize   = 64 << 10               // larger writes are not worth it
	quickPause  = 200 * time.Microsecond // writes that follow each other faster keep the runtime awake anyway
	slowWrite   = time.Millisecond       // no page cache takes as long
	quickCredit = 8                      // writes in a row that were not slow
	slowPenalty = 64                     // writes after a slow one until they count again
)

// pace decides which writes to a file are made without telling the scheduler that a thread may
// block. That spares an almost idle broker half of its CPU time, because the runtime's monitor
// thread sleeps on; but a write that does block then holds up others too. So only single small
// writes are made so, and only while the file's writes have been returning at once: a disk that is
// busy or in trouble shows by slow ones, and has all of the scheduler's attention from then on.
// credit counts up with each write that was fast, and is set far below zero by a slow one. Two
// writers of one file may overwrite each other's note: the numbers are a guess anyway.
type pace struct {
	credit atomic.Int32
	last   atomic.Int64 // when the last write ended, Unix nanoseconds
}

// quick tells whether a write of n bytes may be made so.
func (p *pace) quick(n int, now time.Time) bool {
	return n <= quickSize && p.credit.Load() >= quickCredit && now.UnixNano()-p.last.Load() >= int64(quickPause)
}

// note learns from a write.
func (p *pace) note(start, end time.Time) {
	p.last.Store(end.UnixNano())
	switch credit := p.credit.Load(); {
	case end.Sub(start) >= slowWrite:
		p.credit.Store(quickCredit - slowPenalty)
	case credit < quickCredit:
		p.credit.Store(credit + 1)
	}
}
