package cleaner

import (
	"math/bits"
	"math/rand/v2"
)

const (
	// slotBytes is what a key takes in an offset map: 16 bytes of hash and an offset.
	slotBytes = 24
	// shardSlots is how many slots a part of a map has at most, about; parts grow one by one, so
	// that growing never takes much more memory than there is in the end.
	shardSlots  = 64 << 10
	maxShards   = 256
	firstSlots  = 256
	maxMapBytes = 1<<31 - 1
	// maxLoad bounds log.cleaner.io.buffer.load.factor: a table that is nearly full is searched
	// from end to end.
	maxLoad = 0.95
)

// offsetMap remembers the latest offset of each key (Kafka's SkimpyOffsetMap): open addressing over
// 16-byte hashes, bounded memory. It begins empty and grows with the number of keys. Equal hashes
// are equal keys; the hash has a random key where Kafka uses MD5, whose collisions can be made on
// purpose. It is not safe for concurrent use.
type offsetMap struct {
	key sipKey
	// slots and usable are computed as Kafka does it from the memory, so that as many keys fit into
	// a cleaning. Our slots take the same 24 bytes.
	slots  int // the limit
	usable int // so many keys make it full
	shards []shard
	size   int
	latest int64 // offset up to which (inclusive) keys have been entered
}

type shard struct {
	slots []slot
	used  int
	limit int // of slots
}

// slot is free while next is 0.
type slot struct {
	// hi chooses the shard, lo the place in it: the two halves of a hash are independent.
	hi, lo uint64
	next   int64 // offset + 1
}

// newOffsetMap makes a map for at most bytes of memory, of which the load factor's part is used.
func newOffsetMap(bytes int64, loadFactor float64) *offsetMap {
	m := &offsetMap{key: sipKey{rand.Uint64(), rand.Uint64()}, slots: int(max(min(bytes, maxMapBytes)/slotBytes, 2)), latest: -1}
	m.usable = max(int(float64(m.slots)*min(loadFactor, maxLoad)), 1)
	n := min(max(m.slots/shardSlots, 1), maxShards)
	m.shards = make([]shard, n)
	for i := range m.shards {
		m.shards[i].limit = m.slots/n + 1
	}
	return m
}

// full tells that no further key can be taken.
func (m *offsetMap) full() bool { return m.size >= m.usable }

// utilization is the used part of the memory, 0 to 1.
func (m *offsetMap) utilization() float64 { return float64(m.size) / float64(m.slots) }

func (m *offsetMap) shard(hi uint64) *shard {
	i, _ := bits.Mul64(hi, uint64(len(m.shards)))
	return &m.shards[i]
}

// find is the position of the key's slot, or of the free one where it belongs. There is always a
// free slot.
func (s *shard) find(hi, lo uint64) int {
	p, _ := bits.Mul64(lo, uint64(len(s.slots)))
	for i := int(p); ; {
		e := &s.slots[i]
		if e.next == 0 || e.hi == hi && e.lo == lo {
			return i
		}
		if i++; i == len(s.slots) {
			i = 0
		}
	}
}

// put sets the offset of a key. It is false, and nothing was done, if the map is full.
func (m *offsetMap) put(key []byte, offset int64) bool {
	if m.full() {
		return false
	}
	hi, lo := m.key.hash(key)
	s := m.shard(hi)
	// At three quarters the searches begin to get long. The last growth is to limit, above which it
	// fills up.
	if s.used*4 >= len(s.slots)*3 && len(s.slots) < s.limit {
		s.grow()
	}
	e := &s.slots[s.find(hi, lo)]
	if e.next == 0 {
		// One slot stays free, or find would not end. A shard may be full a little before the map
		// is, since keys spread by chance.
		if s.used+1 >= len(s.slots) {
			return false
		}
		s.used++
		m.size++
	}
	*e = slot{hi, lo, offset + 1}
	m.latest = offset
	return true
}

// get is the offset that was put last for the key, -1 if there is none.
func (m *offsetMap) get(key []byte) int64 {
	if m.size == 0 {
		return -1
	}
	hi, lo := m.key.hash(key)
	s := m.shard(hi)
	if s.used == 0 {
		return -1
	}
	return s.slots[s.find(hi, lo)].next - 1
}

// passed notes that everything up to offset (inclusive) has been entered.
func (m *offsetMap) passed(offset int64) { m.latest = max(m.latest, offset) }

// grow doubles a shard and enters its keys anew; the old slots are garbage then, which is why a
// large map has many shards.
func (s *shard) grow() {
	old := s.slots
	s.slots = make([]slot, min(max(2*len(old), firstSlots), s.limit))
	for _, e := range old {
		if e.next != 0 {
			s.slots[s.find(e.hi, e.lo)] = e
		}
	}
}
