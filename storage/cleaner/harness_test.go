package cleaner

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"momus/configs"
	"momus/internal/model"
	"momus/internal/silent"
	"momus/storage/index"
	"momus/storage/internal/goldentest"
	"momus/storage/log"
	"momus/storage/record"
	"momus/storage/vfs"
)

const testDir = "/data/t-0"

// testTime is when tests happen, ms.
const testTime int64 = 1_800_000_000_000

func topicConfig() *configs.Topic {
	return goldentest.Topic(map[string]string{"cleanup.policy": "compact"})
}

func openLog(t testing.TB, f vfs.FS, dir string, c *configs.Topic, clean bool) *log.Log {
	t.Helper()
	l, err := log.Open(log.Options{
		FS: f, Dir: dir, TopicPartition: model.TopicPartition{Topic: "t"}, Config: c, Clean: clean,
		Now: func() time.Time { return time.UnixMilli(testTime) }, Logger: silent.Logger(),
	})
	if err != nil {
		t.Fatal(err)
	}
	l.UpdateHighWatermark(l.LogEndOffset())
	return l
}

func testLimits() limits {
	return limits{mapBytes: 1 << 20, loadFactor: 0.9, bufferBytes: 256 << 10, messageMaxBytes: 1 << 20}
}

func unlimited() *throttle { return &throttle{rate: func() float64 { return unthrottled }} }

// cleanOnce cleans a log from a first dirty offset on and returns the next one.
func cleanOnce(l *log.Log, dirty int64, lim limits) (result, error) {
	p, err := planFor(l, dirty, true, testTime)
	if err != nil {
		return result{end: dirty}, err
	}
	if p.cleanableBytes == 0 {
		return result{end: dirty}, nil
	}
	c := &cleaning{log: l, limits: lim, throttle: unlimited()}
	return c.run(context.Background(), p)
}

// entry is a record as a consumer sees it.
type entry struct {
	offset    int64
	timestamp int64
	key       string
	value     string // "" with tombstone
	tombstone bool
	keyless   bool
	headers   string
	committed bool // seen by read_committed
}

func entryOf(r *record.Record) entry {
	e := entry{offset: r.Offset, timestamp: r.Timestamp, key: string(r.Key), value: string(r.Value), tombstone: r.Value == nil, keyless: r.Key == nil}
	if r.HeaderCount() > 0 {
		e.headers = fmt.Sprintf("%q", r.Headers())
	}
	return e
}

// readLog reads all records, with the transactions that were aborted marked as a consumer would
// find out.
func readLog(t testing.TB, l *log.Log) []entry {
	t.Helper()
	var all []entry
	last := int64(-1)
	open := map[int64]bool{}
	aborted, err := l.CollectAborted(0, l.LogEndOffset())
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(aborted, func(a, b index.AbortedTxn) int { return int(a.FirstOffset - b.FirstOffset) })
	for _, s := range l.Segments() {
		err := s.ForEachBatch(true, func(b record.Batch, _ int) error {
			if err := b.Verify(); err != nil {
				return err
			}
			for len(aborted) > 0 && aborted[0].FirstOffset <= b.LastOffset() {
				open[aborted[0].ProducerID] = true
				aborted = aborted[1:]
			}
			if b.LastOffset() <= last {
				return fmt.Errorf("batch ends at %d, after one that ends at %d", b.LastOffset(), last)
			}
			if b.IsControl() {
				if b.Count() > 0 {
					if kind, _, err := b.ControlType(); err != nil {
						return err
					} else if kind == record.ControlAbort {
						delete(open, b.ProducerID())
					}
				}
				last = b.LastOffset()
				return nil
			}
			err := b.ForEach(nil, func(r *record.Record) error {
				if r.Offset <= last || r.Offset > b.LastOffset() {
					return fmt.Errorf("offset %d in a batch up to %d, after %d", r.Offset, b.LastOffset(), last)
				}
				last = r.Offset
				e := entryOf(r)
				e.committed = !b.IsTransactional() || !open[b.ProducerID()]
				all = append(all, e)
				return nil
			})
			last = b.LastOffset()
			return err
		})
		if err != nil {
			t.Fatalf("segment %d: %v", s.BaseOffset(), err)
		}
	}
	return all
}

// workload fills a log with everything that may be in one.
type workload struct {
	t         testing.TB
	rnd       *rand.Rand
	log       *log.Log
	keys      int
	magics    []int8 // one after the other, as a cluster is upgraded
	steps     int    // in all
	step      int
	next      int64
	appended  map[int64]entry
	producers []*client
}

// client is a producer.
type client struct {
	id       int64
	epoch    int16
	sequence int32
	open     []int64 // offsets of the open transaction
	inTxn    bool
}

func newWorkload(t testing.TB, l *log.Log, seed uint64, steps int, magics ...int8) *workload {
	w := &workload{t: t, rnd: rand.New(rand.NewPCG(seed, 1)), log: l, keys: 20, magics: magics, steps: steps, appended: map[int64]entry{}}
	for id := range 5 {
		w.producers = append(w.producers, &client{id: int64(id)})
	}
	return w
}

func (w *workload) magic() int8 { return w.magics[min(w.step*len(w.magics)/w.steps, len(w.magics)-1)] }

// run appends n times.
func (w *workload) run(n int) {
	w.t.Helper()
	for range n {
		w.append()
		w.step++
	}
	w.log.UpdateHighWatermark(w.log.LogEndOffset())
}

func (w *workload) append() {
	w.t.Helper()
	o := record.DefaultOptions()
	o.Magic = w.magic()
	o.BaseOffset = w.next + int64(w.rnd.IntN(3)) // a follower may see gaps
	codecs := []record.Codec{record.None, record.Gzip, record.Snappy, record.LZ4, record.Zstd}
	if o.Magic < record.Magic2 {
		codecs = codecs[:4]
	}
	o.Codec = codecs[w.rnd.IntN(len(codecs))]
	if o.Magic == record.Magic0 {
		o.TimestampType = record.NoTimestampType
	} else if w.rnd.IntN(8) == 0 {
		o.TimestampType, o.LogAppendTime = record.LogAppendTime, testTime-int64(1000-w.step)
	}
	var p *client
	if o.Magic == record.Magic2 {
		o.LeaderEpoch = int32(w.step / 50)
		if w.rnd.IntN(2) == 0 {
			p = w.producers[w.rnd.IntN(len(w.producers))]
			if p.inTxn && w.rnd.IntN(3) == 0 {
				w.endTxn(p, w.rnd.IntN(2) == 0)
				return
			}
			if !p.inTxn && p.id >= 2 {
				p.inTxn = true
				if w.rnd.IntN(4) == 0 { // a new session
					p.epoch++
					p.sequence = 0
					if w.rnd.IntN(2) == 0 {
						w.endTxn(p, false) // a transaction without data
						return
					}
				}
			}
			o.ProducerID, o.ProducerEpoch, o.BaseSequence, o.Transactional = p.id, p.epoch, p.sequence, p.inTxn
		}
	}
	b := record.NewBuilder(o)
	n := 1 + w.rnd.IntN(9)
	for i := range n {
		offset := o.BaseOffset + int64(i)
		key := fmt.Sprint("key ", w.rnd.IntN(w.keys))
		value := []byte(fmt.Sprint("value ", offset, strings.Repeat(".", w.rnd.IntN(60))))
		if w.rnd.IntN(5) == 0 {
			value = nil
		}
		var headers []record.Header
		if o.Magic == record.Magic2 && w.rnd.IntN(4) == 0 {
			headers = []record.Header{{Key: "h", Value: []byte("x")}, {Key: "null"}}
		}
		b.AppendAt(offset, testTime-int64(w.rnd.IntN(1000)), []byte(key), value, headers...)
		if p != nil {
			p.sequence++
			if p.inTxn {
				p.open = append(p.open, offset)
			}
		}
	}
	w.add(b.Bytes())
}

// endTxn writes a marker. Until then the records of a transaction count as not committed.
func (w *workload) endTxn(p *client, commit bool) {
	w.t.Helper()
	b := record.Batch(record.ControlBatch(p.id, p.epoch, 0, commit, testTime))
	b.SetBaseOffset(w.next)
	b.SetLeaderEpoch(int32(w.step / 50))
	w.add(b)
	for _, o := range p.open {
		e := w.appended[o]
		e.committed = commit
		w.appended[o] = e
	}
	p.open, p.inTxn = nil, false
}

// finish ends the open transactions, so that all can be cleaned.
func (w *workload) finish() {
	for _, p := range w.producers {
		if p.inTxn {
			w.endTxn(p, true)
		}
	}
	w.log.UpdateHighWatermark(w.log.LogEndOffset())
}

func (w *workload) add(records []byte) {
	w.t.Helper()
	if records == nil {
		w.t.Fatal("nothing was built")
	}
	for rest := records; len(rest) > 0; {
		b, left, err := record.Next(rest)
		if err != nil || b == nil {
			w.t.Fatalf("built no batch: %v", err)
		}
		rest = left
		if b.IsControl() {
			continue
		}
		err = b.ForEach(nil, func(r *record.Record) error {
			e := entryOf(r)
			e.committed = !b.IsTransactional()
			w.appended[r.Offset] = e
			return nil
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	info, err := w.log.AppendAsFollower(records)
	if err != nil {
		w.t.Fatal(err)
	}
	w.next = info.LastOffset + 1
}

// check compares a log, cleaned up to offset cleaned, with what was appended. Tombstones may be
// there or not.
func (w *workload) check(what string, l *log.Log, cleaned int64) {
	w.t.Helper()
	undecided := map[int64]bool{}
	for _, p := range w.producers {
		for _, o := range p.open {
			undecided[o] = true
		}
	}
	// latest is the last record of each key below the cleaned offset, all of the rest.
	latest := map[string]entry{}
	want := map[int64]entry{}
	for _, o := range slices.Sorted(maps.Keys(w.appended)) {
		e := w.appended[o]
		switch {
		case o >= cleaned:
			want[o] = e
		case e.committed:
			latest[e.key] = e
		}
	}
	for _, e := range latest {
		want[e.offset] = e
	}
	got := map[int64]bool{}
	for _, e := range readLog(w.t, l) {
		expected, ok := want[e.offset]
		was := w.appended[e.offset]
		e.committed = e.committed && !undecided[e.offset]
		switch {
		case !ok && !was.committed && was.offset == e.offset:
			w.t.Errorf("%s: record of an aborted transaction: %+v", what, e)
		case !ok:
			w.t.Errorf("%s: superseded or never appended: %+v, was %+v", what, e, was)
		case e != expected:
			w.t.Errorf("%s: found %+v, not %+v", what, e, expected)
		}
		got[e.offset] = true
	}
	for o, e := range want {
		if !got[o] && !(e.tombstone && o < cleaned) && !(o >= cleaned && !e.committed) {
			w.t.Errorf("%s: lost %+v", what, e)
		}
	}
}

// producerStates is what the log knows of producers, as far as a rebuilt state must have it.
func producerStates(l *log.Log) string {
	var b strings.Builder
	for _, e := range l.ActiveProducers() {
		fmt.Fprintf(&b, "%d: epoch %d sequence %d at %d transaction %d\n", e.ProducerID, e.Epoch, e.LastSequence(), e.LastDataOffset(), e.TxnFirstOffset)
	}
	return b.String()
}

// leftovers are the files of an unfinished cleaning. Indexes that still have the suffix of a swap
// whose .log does not are rebuilt and stay, as with Kafka.
func leftovers(t testing.TB, f vfs.FS, dir string) (names []string) {
	t.Helper()
	entries, err := f.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); ext == ".cleaned" || strings.HasSuffix(e.Name(), ".log.swap") {
			names = append(names, e.Name())
		}
	}
	return names
}
