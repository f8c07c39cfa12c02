package group

import (
	"bytes"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"momus/coordinator/shard"
	"momus/coordinator/shard/shardtest"
	"momus/storage/record"
)

// TestLoadsWhatKafkaWrote replays the recorded logs; the expected states follow from the records
// that the real broker served.
func TestLoadsWhatKafkaWrote(t *testing.T) {
	datadriven.RunTest(t, "testdata/golden/loads", func(t *testing.T, d *datadriven.TestData) string {
		w := newWorld(t)
		batches := shardtest.Recorded(t, d.CmdArgs[0].Key)
		if a := (shardtest.Args{T: t, D: d}); a.Has("first") {
			batches = batches[:a.Num("first", 0)]
		}
		w.Batches = batches
		w.Now = time.UnixMilli(batches[len(batches)-1].MaxTimestamp())
		w.reload()
		w.showState()
		return w.Out.String()
	})
}

// TestWritesWhatKafkaWrote makes each recorded batch again, from what it says, and compares every
// byte.
func TestWritesWhatKafkaWrote(t *testing.T) {
	for _, name := range []string{"groups-2.log", "groups-3.log", "transactions-2.log"} {
		cfg := testConfig()
		for _, golden := range shardtest.Recorded(t, name) {
			if golden.IsControl() {
				continue
			}
			p := NewPartition(func() Settings { return *cfg }, shardtest.Quiet())
			p.Loaded(time.UnixMilli(golden.MaxTimestamp()))
			p.begin(time.UnixMilli(golden.MaxTimestamp()))
			written := again(t, p, golden)
			written.SetBaseOffset(golden.BaseOffset())
			written.SetLeaderEpoch(golden.LeaderEpoch())
			if !bytes.Equal(written, golden) {
				t.Errorf("%s at %d:\nwrote %x\nKafka %x", name, golden.BaseOffset(), written, golden)
			}
		}
	}
}

// again builds a batch with the content of golden by the way on which the coordinator writes it.
func again(t *testing.T, p *Partition, golden record.Batch) record.Batch {
	t.Helper()
	commit := &CommitRequest{Generation: -1, ProducerID: golden.ProducerID(), ProducerEpoch: golden.ProducerEpoch()}
	tombstones := record.NewBuilder(p.batchOptions())
	err := golden.ForEach(nil, func(r *record.Record) error {
		k, err := decodeKey(bytes.Clone(r.Key)) // which the commit keeps
		if err != nil {
			return err
		}
		switch {
		case r.Value == nil && k.isOffset:
			tombstones.Append(p.nowMs, appendOffsetKey(nil, k.group, k.tp), nil)
		case r.Value == nil:
			g := newGroup(k.group, p.nowMs)
			g.generation = 1
			p.groupTombstone(tombstones, g)
		case k.isOffset:
			c, err := decodeOffsetValue(r.Value)
			if err != nil {
				return err
			}
			commit.Group = k.group
			commit.Offsets = append(commit.Offsets, Offset{
				TP: k.tp, Offset: c.offset, LeaderEpoch: c.leaderEpoch, Metadata: c.metadata,
				CommitTimestamp: c.commitTime, ExpireTimestamp: c.expireTime,
			})
		default:
			g := newGroup(k.group, p.nowMs)
			if err := decodeGroupValue(g, r.Value); err != nil {
				return err
			}
			assignments := map[string][]byte{}
			for _, m := range g.order {
				assignments[m.id] = m.assignment
			}
			p.storeGroup(g, assignments, nil)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if tombstones.Count() > 0 {
		p.appendTombstones(tombstones)
	}
	if len(commit.Offsets) > 0 {
		p.commit(commit, shard.NewCall())
	}
	if len(p.effects) != 1 {
		t.Fatalf("batch at %d: %d effects", golden.BaseOffset(), len(p.effects))
	}
	return record.Batch(p.effects[0].(shard.Append).Batch)
}
