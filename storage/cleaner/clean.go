package cleaner

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"momus/storage/log"
	"momus/storage/record"
)

// errAborted says that a cleaning was ended before it was complete: by its owner, or because the
// log has gone.
var errAborted = errors.New("cleaning was aborted")

// errMapFull ends the scan for keys early.
var errMapFull = errors.New("offset map is full")

// limits are what a cleaning may use.
type limits struct {
	mapBytes        int64
	loadFactor      float64
	bufferBytes     int // of one buffer; there are two
	messageMaxBytes int // message.max.bytes of the broker
}

// result is what a cleaning did.
type result struct {
	end            int64 // the next first dirty offset
	mapRecords     int64 // read for keys
	mapBytes       int64
	keys           int
	utilization    float64 // of the offset map, 0 to 1
	readRecords    int64
	readBytes      int64
	keptRecords    int64
	keptBytes      int64
	invalidRecords int64 // without key
	mapTime        time.Duration
	cleanTime      time.Duration
}

// cleaning is the cleaning of one log by one goroutine.
type cleaning struct {
	log    *log.Log
	limits limits
	// throttle and decoder belong to the Cleaner and are shared by its workers; everything else is
	// this cleaning's alone.
	throttle *throttle
	decoder  *record.Decoder
	progress func(done, total int64) // bytes; told now and then

	offsets *offsetMap
	txns    *transactions
	// buf holds the chunk that is read, batches alias it; out holds what is kept of it. Both are
	// reused from chunk to chunk.
	buf    []byte
	result result
	total  int64 // bytes to be read
	done   int64

	// Of the group being written:
	output       *log.Segment
	producers    map[int64]lastRecord
	retainOld    bool   // tombstones and markers of the present source segment stay
	out          []byte // kept batches of the present chunk
	outFirst     int64  // last offset of the first batch in out
	outTimestamp int64  // largest timestamp in out, and the offset that goes with it
	outAt        int64
	firstOffset  int64 // keys below it are not entered into the map
}

// lastRecord is what has to stay in the log of an active producer.
type lastRecord struct {
	dataOffset int64 // last offset of its last batch, -1 if none is remembered
	epoch      int16
}

// run cleans the log as planned and returns what was done. After an error no file of the unfinished
// part is left; groups swapped in before it stay, which is harmless. errAborted is in the chain if
// ctx has ended or the log has gone.
func (c *cleaning) run(ctx context.Context, p plan) (result, error) {
	c.result = result{end: p.firstDirty}
	err := c.clean(ctx, p)
	// The map may have 128 MiB; result is kept longer than the cleaning.
	c.buf, c.out, c.offsets = nil, nil, nil
	if err != nil {
		c.result.end = p.firstDirty
		if log.IsGone(err) || ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", errAborted, err)
		}
	}
	return c.result, err
}

func (c *cleaning) clean(ctx context.Context, p plan) error {
	started := time.Now()
	// The dirty part is read twice, first for its keys.
	c.total = p.cleanBytes + 2*p.cleanableBytes
	if err := c.buildMap(ctx, p); err != nil {
		return err
	}
	c.result.end = c.offsets.latest + 1
	c.result.keys, c.result.utilization = c.offsets.size, c.offsets.utilization()
	mapped := time.Now()
	c.result.mapTime = mapped.Sub(started)

	segments := c.segments(0, c.result.end)
	horizon, err := c.deleteHorizon(p.firstDirty)
	if err != nil {
		return err
	}
	states, err := statesOf(segments, true)
	if err != nil {
		return c.log.Report("plan cleaning", err)
	}
	// The second pass begins again at the start of the log.
	c.txns = newTransactions()
	for _, g := range groupSegments(states, c.log.Config(), p.end) {
		upper := p.end
		if g.to < len(segments) {
			// The last segment of a group may end before the next begins; nothing of it lies above.
			upper = segments[g.to].BaseOffset()
		}
		if err := c.cleanGroup(ctx, segments[g.from:g.to], upper, horizon); err != nil {
			return err
		}
	}
	c.result.cleanTime = time.Since(mapped)
	return nil
}

// segments are those from the one containing offset from up to a base below to; never the active
// one, as it is not below the plan's end.
func (c *cleaning) segments(from, to int64) []*log.Segment {
	all := c.log.Segments()
	i := 0
	for i+1 < len(all) && all[i+1].BaseOffset() <= from {
		i++
	}
	j := i
	for j < len(all)-1 && all[j].BaseOffset() < to {
		j++
	}
	return all[i:j]
}

// statesOf reads what planning needs for grouping.
func statesOf(segments []*log.Segment, indexes bool) ([]segmentState, error) {
	states := make([]segmentState, len(segments))
	for i, s := range segments {
		states[i] = segmentState{base: s.BaseOffset(), size: s.Size()}
		if !indexes {
			continue
		}
		var err error
		if states[i].indexSize, err = s.IndexSize(); err != nil {
			return nil, err
		}
		if states[i].timeIndexSize, err = s.TimeIndexSize(); err != nil {
			return nil, err
		}
	}
	return states, nil
}

// deleteHorizon is the modification time (ms) up to which the tombstones and markers of a segment
// go: delete.retention.ms before that of the last clean segment. At the first cleaning nothing
// goes.
func (c *cleaning) deleteHorizon(firstDirty int64) (int64, error) {
	var last *log.Segment
	for _, s := range c.log.Segments() {
		if s.BaseOffset() < firstDirty {
			last = s
		}
	}
	if last == nil {
		return 0, nil
	}
	mtime, err := last.ModTime()
	if err != nil {
		return 0, c.log.Report("plan cleaning", err)
	}
	return mtime.UnixMilli() - c.log.Config().DeleteRetentionMs, nil
}

// buildMap enters the keys of the dirty part, as far as the map takes them.
func (c *cleaning) buildMap(ctx context.Context, p plan) error {
	c.offsets = newOffsetMap(c.limits.mapBytes, c.limits.loadFactor)
	c.offsets.latest = p.firstDirty - 1
	c.firstOffset = p.firstDirty
	c.txns = newTransactions()
	aborted, err := c.log.CollectAborted(p.firstDirty, p.end)
	if err != nil {
		return err
	}
	c.txns.add(aborted)
	segments := c.segments(p.firstDirty, p.end)
	enter := c.enter // bound once, not for each batch
	for i, s := range segments {
		from, err := s.PositionBefore(p.firstDirty)
		if err == nil {
			err = c.scan(ctx, s, from, func(b record.Batch) error { return c.enterBatch(b, enter) }, nil)
		}
		if errors.Is(err, errMapFull) {
			return nil
		}
		if err != nil {
			return c.log.Report("read for cleaning", err)
		}
		next := p.end
		if i+1 < len(segments) {
			next = segments[i+1].BaseOffset()
		}
		c.offsets.passed(next - 1) // offsets may be missing at the end of a segment
	}
	return nil
}

// enterBatch moves the map on by one batch. latest moves also over what is not entered, so that the
// next cleaning begins behind it.
func (c *cleaning) enterBatch(b record.Batch, enter func(r *record.Record) error) error {
	c.result.mapBytes += int64(len(b))
	switch {
	// A marker has no key of the log's; it only moves the state of transactions on.
	case b.IsControl():
		if _, err := c.txns.isDone(b); err != nil {
			return err
		}
		c.result.mapRecords++
	// Aborted records supersede nothing: consumers that read committed never see them.
	case c.txns.isAborted(b):
		c.result.mapRecords += int64(b.Count())
	case b.LastOffset() < c.firstOffset: // before where cleaning goes on
	default:
		if err := b.ForEach(c.decoder, enter); err != nil {
			return err
		}
	}
	if last := b.LastOffset(); last >= c.firstOffset {
		c.offsets.passed(last)
	}
	return nil
}

// enter takes the key of one record. The key aliases the decoder's buffer; the map keeps its hash
// alone.
func (c *cleaning) enter(r *record.Record) error {
	c.result.mapRecords++
	if r.Key != nil && r.Offset >= c.firstOffset && !c.offsets.put(r.Key, r.Offset) {
		return errMapFull
	}
	return nil
}

// cleanGroup writes one segment with what is to be kept of several neighbours and swaps it in.
// upper is where their offsets end.
func (c *cleaning) cleanGroup(ctx context.Context, group []*log.Segment, upper, horizon int64) (err error) {
	mtime, err := group[len(group)-1].ModTime()
	if err != nil {
		return c.log.Report("clean segments", err)
	}
	if c.output, err = c.log.NewCleanedSegment(group[0].BaseOffset()); err != nil {
		return err
	}
	c.txns.kept = c.output.AppendAborted
	c.producers = lastRecords(c.log)
	// FinishCleaned syncs everything before the swap begins: a crash in the swap is finished at the
	// next start, from files that are whole.
	if err = c.rewrite(ctx, group, upper, horizon); err == nil {
		err = c.output.FinishCleaned(mtime)
	}
	if err == nil {
		// Asked again right before the swap: whoever aborts waits for the end of this cleaning, and
		// then changes the log.
		err = ctx.Err()
	}
	if err != nil {
		abandonErr := c.output.AbandonCleaned()
		if abandonErr != nil {
			err = errors.Join(err, abandonErr)
		}
		return c.log.Report("clean segments", err)
	}
	// The swap is not interrupted: after the first rename it has to be completed.
	return c.log.ReplaceSegments([]*log.Segment{c.output}, group)
}

// lastRecords are read before a group is written, so that a producer that becomes active meanwhile
// is missing. Its batches are above the part that is cleaned.
func lastRecords(l *log.Log) map[int64]lastRecord {
	active := l.ActiveProducers()
	m := make(map[int64]lastRecord, len(active))
	for i := range active {
		m[active[i].ProducerID] = lastRecord{active[i].LastDataOffset(), active[i].Epoch}
	}
	return m
}

// rewrite passes the batches of a group through filter, and writes what is kept chunk by chunk.
func (c *cleaning) rewrite(ctx context.Context, group []*log.Segment, upper, horizon int64) error {
	base := group[0].BaseOffset()
	retain := c.retain // bound once, not for each batch
	for i, s := range group {
		next := upper
		if i+1 < len(group) {
			next = group[i+1].BaseOffset()
		}
		aborted, err := c.log.CollectAborted(s.BaseOffset(), next)
		if err != nil {
			return err
		}
		c.txns.add(aborted)
		mtime, err := s.ModTime()
		if err != nil {
			return err
		}
		// 2.5.0 has no horizon per batch (KIP-534 came later): the segment's modification time
		// stands for it, which is why the cleaner keeps that of the last source.
		c.retainOld = mtime.UnixMilli() > horizon
		err = c.scan(ctx, s, 0, func(b record.Batch) error {
			// The batch stays in one segment with the group's first, whose index has 32 bits for an
			// offset.
			if b.LastOffset()-base > math.MaxInt32 {
				return errOverflow
			}
			return c.filter(b, retain)
		}, func() error { return c.writeOut(ctx) })
		// After the split the plan is no longer true. The next round makes a new one.
		if errors.Is(err, errOverflow) {
			if err := c.log.SplitSegment(s); err != nil {
				return err
			}
			return fmt.Errorf("%w: segment %d was split, its offsets exceed its index", errAborted, s.BaseOffset())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// errOverflow says that a segment has offsets that its index cannot hold (old versions of Kafka
// wrote such).
var errOverflow = errors.New("offset exceeds the range of the index")

// filter adds what is to be kept of a batch to out (RecordFilter of Kafka's Cleaner).
func (c *cleaning) filter(b record.Batch, retain func(r *record.Record) bool) error {
	c.result.readBytes += int64(len(b))
	discard := false
	if b.IsControl() {
		done, err := c.txns.isDone(b)
		if err != nil {
			return err
		}
		discard = done && !c.retainOld
	} else {
		discard = c.txns.isAborted(b)
	}
	last := c.isLastOfProducer(b)
	switch {
	case b.IsControl() && b.Count() > 0 && (!discard || last), // a marker
		!discard && b.Magic() >= record.Magic2 && b.Count() > 0 && b.BaseOffset() > c.offsets.latest: // nothing of it is in the map
		// Kafka empties a marker that it keeps for its producer's epoch only, and forgets the epoch
		// when it rebuilds its state.
		c.out = append(c.out, b...)
		c.kept(int64(b.Count()), len(b), b.MaxTimestamp(), b.LastOffset())
		c.result.readRecords += int64(b.Count())
		return nil
	case discard:
		c.result.readRecords += int64(max(b.Count(), 0))
	default:
		start := len(c.out)
		out, got, err := b.Retain(c.out, c.decoder, retain)
		if err != nil {
			return err
		}
		c.out = out
		c.result.readRecords += int64(got.Records + got.Dropped)
		if got.Records > 0 {
			c.kept(int64(got.Records), len(out)-start, got.MaxTimestamp, got.OffsetOfMaxTimestamp)
			return nil
		}
	}
	// Without this batch a restart would forget the producer's sequence number, and take a
	// repetition for new.
	if last {
		c.out = b.AppendEmpty(c.out)
		c.kept(0, record.BatchOverhead, b.MaxTimestamp(), b.LastOffset())
	}
	return nil
}

// retain tells whether a record stays.
func (c *cleaning) retain(r *record.Record) bool {
	switch {
	case r.Offset > c.offsets.latest:
		return true
	// Such records are from before the topic was compacted.
	case r.Key == nil:
		c.result.invalidRecords++
		return false
	}
	// -1 for a key that is not in the map: it was not written again, and stays.
	return r.Offset >= c.offsets.get(r.Key) && (r.Value != nil || c.retainOld)
}

// isLastOfProducer tells whether a batch says what the log has to remember of an active producer:
// its last sequence, or, in a marker without data after it, its epoch.
func (c *cleaning) isLastOfProducer(b record.Batch) bool {
	if !b.HasProducerID() {
		return false
	}
	last, active := c.producers[b.ProducerID()]
	switch {
	case !active:
		return false
	case last.dataOffset >= 0:
		return b.LastOffset() == last.dataOffset
	}
	return b.IsControl() && b.ProducerEpoch() == last.epoch
}

// kept accounts for a batch of that size that was just added to out.
func (c *cleaning) kept(records int64, size int, timestamp, timestampOffset int64) {
	c.result.keptRecords += records
	c.result.keptBytes += int64(size)
	// The batch is the first of this chunk's output.
	if len(c.out) == size {
		c.outFirst = record.Batch(c.out).LastOffset()
	}
	if timestamp > c.outTimestamp {
		c.outTimestamp, c.outAt = timestamp, timestampOffset
	}
}

// writeOut appends out to the output, once for each chunk read. An index entry is for the first
// batch of the chunk: Kafka writes the largest offset of the chunk there, which finds the same
// batches but is what its own dump tool calls a mismatch.
func (c *cleaning) writeOut(ctx context.Context) error {
	if len(c.out) == 0 {
		return nil
	}
	// Positions in an index have 32 bits.
	if c.output.Size()+int64(len(c.out)) > math.MaxInt32 {
		return fmt.Errorf("cleaned segment %d would exceed %d bytes", c.output.BaseOffset(), math.MaxInt32)
	}
	if err := c.output.Append(c.out, c.outFirst, c.outTimestamp, c.outAt); err != nil {
		return err
	}
	n := len(c.out)
	c.resetOut()
	return c.throttle.wait(ctx, n)
}

// resetOut makes out empty and keeps its memory.
func (c *cleaning) resetOut() {
	c.out, c.outFirst, c.outTimestamp, c.outAt = c.out[:0], -1, record.NoTimestamp, -1
}

// scan reads a segment from a position on, in chunks of whole batches: fn for each batch, which is
// valid until the chunk ends, then chunk if it is set. The checksums are verified, so that a
// damaged batch is neither believed nor written anew with a right one.
func (c *cleaning) scan(ctx context.Context, s *log.Segment, pos int64, fn func(b record.Batch) error, chunk func() error) error {
	file, err := s.Range()
	if err != nil {
		return err
	}
	defer file.Release()
	c.resetOut()
	size := c.limits.bufferBytes
	for end := int64(file.Len()); pos < end; {
		if err := ctx.Err(); err != nil {
			return err
		}
		// What is left of the segment bounds the buffer: size may come from a damaged length field.
		if need := min(size, max(int(end-pos), c.limits.bufferBytes)); len(c.buf) < need {
			c.buf = make([]byte, need)
		}
		have := c.buf[:min(int64(size), end-pos)]
		if n, err := file.ReadAt(have, pos); n < len(have) {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return fmt.Errorf("segment %d at byte %d: %w", s.BaseOffset(), pos, err)
		}
		w, used := record.NewWalk(have), 0
		for w.Next() {
			if err := w.Batch.Verify(); err != nil {
				return fmt.Errorf("segment %d at byte %d: %w", s.BaseOffset(), pos+int64(used), err)
			}
			if err := fn(w.Batch); err != nil {
				return err
			}
			used += len(w.Batch)
		}
		if w.Err() != nil {
			return fmt.Errorf("segment %d at byte %d: %w", s.BaseOffset(), pos+int64(used), w.Err())
		}
		// No whole batch fits into the buffer: it is made larger and the same bytes are read again.
		if used == 0 {
			if int64(len(have)) == end-pos {
				return fmt.Errorf("segment %d ends with %d bytes that are no whole batch", s.BaseOffset(), len(have))
			}
			size = c.larger(size, have)
			continue
		}
		pos += int64(used)
		c.done += int64(used)
		if err := c.throttle.wait(ctx, used); err != nil {
			return err
		}
		if chunk != nil {
			if err := chunk(); err != nil {
				return err
			}
		}
		if c.progress != nil {
			c.progress(c.done, c.total)
		}
	}
	if len(c.buf) > c.limits.bufferBytes { // a large batch is rare
		c.buf = nil
	}
	return nil
}

// larger is the next buffer size after one that holds no whole batch: doubled up to the largest
// message, but at least that of the batch.
func (c *cleaning) larger(size int, have []byte) int {
	limit := max(int(c.log.Config().MaxMessageBytes), c.limits.messageMaxBytes)
	need := size + 1
	if len(have) >= record.LogOverhead {
		need = record.LogOverhead + int(int32(binary.BigEndian.Uint32(have[8:])))
	}
	return max(need, min(2*size, limit))
}
