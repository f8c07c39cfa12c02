package log

import (
	"slices"
	"sort"
)

// segmentList holds the segments of a log in order of their base offsets. It is never changed: each
// change makes a new one.
type segmentList []*Segment

// floor is the position of the last segment whose base is at or below offset, -1 if there is none.
func (l segmentList) floor(offset int64) int {
	n := len(l)
	if n > 0 && l[n-1].base <= offset { // most reads are at the end
		return n - 1
	}
	return sort.Search(n, func(i int) bool { return l[i].base > offset }) - 1
}

// active is the last segment.
func (l segmentList) active() *Segment { return l[len(l)-1] }

// with returns a list that has s, in place of another with the same base if there is one.
func (l segmentList) with(s *Segment) segmentList {
	i, found := slices.BinarySearchFunc(l, s.base, func(t *Segment, base int64) int {
		switch {
		case t.base < base:
			return -1
		case t.base > base:
			return 1
		}
		return 0
	})
	if found {
		l = slices.Clone(l)
		l[i] = s
		return l
	}
	return slices.Concat(l[:i], segmentList{s}, l[i:])
}

// without returns a list that lacks the given segments.
func (l segmentList) without(gone ...*Segment) segmentList {
	kept := make(segmentList, 0, len(l))
	for _, s := range l {
		if !slices.Contains(gone, s) {
			kept = append(kept, s)
		}
	}
	return kept
}

// lastFirst returns the segments in the order in which the end of a log is deleted: if a crash comes
// in between, what is left has no hole.
func lastFirst(l segmentList) segmentList {
	l = slices.Clone(l)
	slices.Reverse(l)
	return l
}

// from returns the segments that may hold offsets from from on, up to those with a base below to.
func (l segmentList) from(from, to int64) segmentList {
	i := max(l.floor(from), 0)
	j := i
	for j < len(l) && l[j].base < to {
		j++
	}
	return l[i:j]
}

// size adds up bytes of batches; what was allocated ahead does not count.
func (l segmentList) size() int64 {
	var n int64
	for _, s := range l {
		n += s.size.Load()
	}
	return n
}
