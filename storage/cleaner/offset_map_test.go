package cleaner

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestOffsetMapIsAMap(t *testing.T) {
	for _, slots := range []int64{2, 3, 10, 1000, 3 * shardSlots} {
		for _, factor := range []float64{0.5, 0.9, 1} {
			if slots > 1000 && factor != 0.9 {
				continue
			}
			rnd := rand.New(rand.NewPCG(1, uint64(slots)))
			m := newOffsetMap(slots*slotBytes, factor)
			want := map[string]int64{}
			offset := int64(0)
			for {
				key := fmt.Sprint("key ", rnd.Int64N(slots*4))
				if m.full() != (len(want) >= max(int(float64(slots)*min(factor, maxLoad)), 1)) {
					t.Fatalf("%d slots, factor %v: full is %t with %d keys", slots, factor, m.full(), len(want))
				}
				if !m.put([]byte(key), offset) {
					break
				}
				want[key] = offset
				if m.latest != offset {
					t.Fatalf("latest offset %d, not %d", m.latest, offset)
				}
				offset += 1 + rnd.Int64N(3)
			}
			if m.size != len(want) || !m.full() {
				t.Errorf("%d slots, factor %v: %d keys, not %d", slots, factor, m.size, len(want))
			}
			for i := range slots * 4 {
				key := fmt.Sprint("key ", i)
				expected, ok := want[key]
				if !ok {
					expected = -1
				}
				if got := m.get([]byte(key)); got != expected {
					t.Fatalf("%s: %d, not %d", key, got, expected)
				}
			}
			used := int64(0)
			for i := range m.shards {
				used += int64(len(m.shards[i].slots))
			}
			if used > slots+int64(len(m.shards)) {
				t.Errorf("%d slots for a limit of %d", used, slots)
			}
		}
	}
}

func TestOffsetMapTakesWhatItNeeds(t *testing.T) {
	m := newOffsetMap(128<<20, 0.9)
	if m.get([]byte("x")) != -1 {
		t.Error("an empty map has a key")
	}
	for i := range 1000 {
		m.put(fmt.Append(nil, i), int64(i))
	}
	used := 0
	for i := range m.shards {
		used += len(m.shards[i].slots)
	}
	if used > 64*firstSlots*4 {
		t.Errorf("1000 keys take %d slots", used)
	}
	m.passed(5)
	if m.latest != 999 {
		t.Errorf("latest %d", m.latest)
	}
	m.passed(2000)
	if m.latest != 2000 {
		t.Errorf("latest %d", m.latest)
	}
	if m.put([]byte{}, 2001); m.get([]byte{}) != 2001 {
		t.Error("an empty key is a key")
	}
}

// TestSipHash compares with the vectors of the reference implementation: key 00 01 … 0f, input 00
// 01 … of growing length.
func TestSipHash(t *testing.T) {
	var key [16]byte
	for i := range key {
		key[i] = byte(i)
	}
	k := sipKey{binary.LittleEndian.Uint64(key[:]), binary.LittleEndian.Uint64(key[8:])}
	var input []byte
	for _, want := range []string{
		"a3817f04ba25a8e66df67214c7550293", "da87c1d86b99af44347659119b22fc45", "8177228da4a45dc7fca38bdef60affe4", "9c70b60c5267a94e5f33b6b02985ed51",
	} {
		a, b := k.hash(input)
		out := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, a), b)
		if got := hex.EncodeToString(out); got != want {
			t.Errorf("%d bytes: %s, not %s", len(input), got, want)
		}
		input = append(input, byte(len(input)))
	}
}
