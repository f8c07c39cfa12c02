package replicaverification

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/screen"
	"momus/internal/model"
)

// testBatch is the head of a batch of format 2 and what must follow it.
func testBatch(base int64, last int32, crc uint32) []byte {
	b := make([]byte, 61)
	binary.BigEndian.PutUint64(b, uint64(base))
	binary.BigEndian.PutUint32(b[8:], 49)
	b[16] = 2
	binary.BigEndian.PutUint32(b[17:], crc)
	binary.BigEndian.PutUint32(b[23:], uint32(last))
	return b
}

func TestReplicasAreCompared(t *testing.T) {
	tp := model.TopicPartition{Topic: "t", Partition: 1}
	verify := func(replicas ...fetched) (*replicaVerifier, string, error) {
		var out, errs bytes.Buffer
		c := &core.Call{Env: &core.Env{Stdout: &out, Stderr: &errs}, Out: screen.NewOutput(&out)}
		v := &replicaVerifier{c: c, partitions: []model.TopicPartition{tp}, next: map[model.TopicPartition]int64{tp: 0}}
		err := v.verify(map[model.TopicPartition][]fetched{tp: replicas})
		c.Out.Flush()
		return v, out.String(), err
	}
	two := append(testBatch(0, 4, 7), testBatch(5, 0, 8)...)
	if v, out, err := verify(fetched{1, 6, two}, fetched{2, 6, two}); err != nil || out != "" || v.maxLag != 0 || v.next[tp] != 6 {
		t.Errorf("equal: %v %q, lag %d at %d", err, out, v.maxLag, v.next[tp])
	}
	if v, out, err := verify(fetched{1, 6, two}, fetched{2, 6, two[:61]}); err != nil || out != "" || v.maxLag != 1 || v.offsetOfLag != 5 || *v.lagging != tp {
		t.Errorf("behind: %v %q, lag %d at %d", err, out, v.maxLag, v.offsetOfLag)
	}
	if _, out, err := verify(fetched{1, 6, testBatch(0, 4, 7)}, fetched{2, 6, testBatch(0, 4, 9)}); err != nil ||
		!strings.HasSuffix(out, ": partition t-1 has unmatched checksum at offset 4; replica 1's checksum 7; replica 2's checksum 9\n") {
		t.Errorf("checksum: %v %q", err, out)
	}
	if _, out, err := verify(fetched{1, 9, testBatch(0, 4, 7)}, fetched{2, 9, testBatch(0, 5, 7)}); err != core.Exit(1) ||
		!strings.HasSuffix(out, ": partition t-1: replica 1's offset 4 doesn't match replica 2's offset 5\n") {
		t.Errorf("offset: %v %q", err, out)
	}
	if v, _, err := verify(fetched{1, -1, nil}, fetched{2, 3, testBatch(0, 1, 7)}); err != nil || v.maxLag != 3 {
		t.Errorf("one does not answer: %v, lag %d", err, v.maxLag)
	}
}

func FuzzNextBatch(f *testing.F) {
	f.Add(testBatch(3, 4, 5))
	f.Fuzz(func(t *testing.T, b []byte) {
		for {
			_, rest, found := nextBatch(b)
			if !found {
				return
			}
			if len(rest) >= len(b) {
				t.Fatal("no progress")
			}
			b = rest
		}
	})
}
