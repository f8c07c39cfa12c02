package replica

import (
	"context"
	"errors"
	"time"

	"momus/internal/kerr"
	"momus/internal/model"
	"momus/storage/record"
)

// AppendEntry is what to append to one partition. Records is patched in place (offsets, leader
// epoch, timestamps) and belongs to the caller again when Append has returned.
type AppendEntry struct {
	TP      model.TopicPartition
	Records []byte
}

// AppendResult is the outcome for one partition. After an error offsets are -1, but LogStartOffset
// is the log's where Kafka tells it (validation errors and unexpected ones).
type AppendResult struct {
	TP             model.TopicPartition
	BaseOffset     int64
	LastOffset     int64
	LogAppendTime  int64 // ms; -1 unless the topic has LogAppendTime or the batch is a duplicate
	LogStartOffset int64
	Err            error
}

// Invalid returns what Produce v8 says about rejected records, nil if Err is no validation error.
func (r *AppendResult) Invalid() *record.ValidationError {
	var v *record.ValidationError
	if errors.As(r.Err, &v) {
		return v
	}
	return nil
}

// Appended is an append that is in the leader's log and may still wait for followers. It is used by
// one goroutine at a time.
type Appended struct {
	m       *Manager
	results []AppendResult
	waits   []appendWait // for acks=-1: the partitions that were not yet committed when last looked at

	one [1]AppendResult // memory of results, which are often of one partition
}

// appendWait is one partition whose high watermark must reach offset.
type appendWait struct {
	p        *Partition
	index    int // in results
	offset   int64
	ledSince int32 // of the role that appended
}

// Append appends to each partition, in order and independently, in the caller's goroutine. acks is
// 0, 1 or -1; with -1 the partition must have min.insync.replicas, and the result is complete only
// when the in-sync replicas have the records.
func (m *Manager) Append(entries []AppendEntry, acks int16, origin record.Origin) *Appended {
	a := &Appended{m: m}
	if a.results = a.one[:]; len(entries) != 1 {
		a.results = make([]AppendResult, len(entries))
	}
	if acks != 0 && acks != 1 && acks != -1 {
		for i := range entries {
			a.results[i] = failedAppend(entries[i].TP, kerr.InvalidRequiredAcks, -1)
		}
		return a
	}
	c := m.meeting.call(len(entries))
	for i := range entries {
		item := &c.items[i]
		p, err := m.partition(entries[i].TP, true)
		if err != nil {
			item.Err = err
			continue
		}
		item.p, item.acks, item.Records, item.Origin = p, acks, entries[i].Records, origin
	}
	m.appendAll(c, origin)
	var fresh [wakeTogether]freshEnd
	n := 0
	for i := range c.items {
		item, tp := &c.items[i], entries[i].TP
		p, info := item.p, &item.Info
		switch {
		case p == nil:
			a.results[i] = failedAppend(tp, item.Err, -1)
			continue
		case item.Err != nil:
			a.results[i] = failedAppend(tp, item.Err, p.logStartAfter(item.Err))
			m.metrics.produceFailed(item.Err)
			continue
		}
		if n == len(fresh) {
			wakeFollowers(fresh[:])
			n = 0
		}
		fresh[n] = freshEnd{p, info.LastOffset + 1}
		n++
		a.results[i] = AppendResult{TP: tp, BaseOffset: info.FirstOffset, LastOffset: info.LastOffset,
			LogAppendTime: info.LogAppendTime, LogStartOffset: info.LogStartOffset}
		if acks == -1 && !item.committed {
			if a.waits == nil {
				a.waits = make([]appendWait, 0, len(entries)-i)
			}
			a.waits = append(a.waits, appendWait{p: p, index: i, offset: info.LastOffset + 1, ledSince: item.ledSince})
		}
	}
	wakeFollowers(fresh[:n])
	m.meeting.release(c)
	return a
}

// wakeTogether is how many partitions of a request are appended to before their followers are
// woken: a fetch that waits for several of them then takes them at once.
const wakeTogether = 16

// freshEnd is a partition with records that followers may wait for.
type freshEnd struct {
	p   *Partition
	end int64
}

func wakeFollowers(list []freshEnd) {
	for _, f := range list {
		f.p.logEnd.Advance(f.end)
	}
}

// Results is the outcome so far. With acks=-1 it is final only if Satisfied is true, or after Wait.
func (a *Appended) Results() []AppendResult { return a.results }

// Satisfied tells whether nothing needs to be waited for any more.
func (a *Appended) Satisfied() bool {
	left := a.waits[:0]
	for _, w := range a.waits {
		done, err := w.p.committed(w.offset, w.ledSince)
		switch {
		case !done:
			left = append(left, w)
		case err != nil:
			a.fail(w, err)
		}
	}
	a.waits = left
	return len(left) == 0
}

// Wait blocks until every partition is committed or has failed, until timeout, or until ctx ends;
// partitions that are then still not committed have REQUEST_TIMED_OUT, though their records stay.
func (a *Appended) Wait(ctx context.Context, timeout time.Duration) []AppendResult {
	if a.Satisfied() {
		return a.results
	}
	w := a.m.produce.New(len(a.waits))
	defer w.Close()
	for _, aw := range a.waits {
		w.Watch(&aw.p.highWatermark, aw.offset)
	}
	if !w.Wait(ctx, timeout, a.Satisfied) {
		for _, aw := range a.waits {
			a.fail(aw, kerr.RequestTimedOut)
		}
		a.waits = nil
	}
	return a.results
}

func (a *Appended) fail(w appendWait, err error) {
	r := &a.results[w.index]
	*r = failedAppend(r.TP, err, -1)
}

func failedAppend(tp model.TopicPartition, err error, logStart int64) AppendResult {
	return AppendResult{TP: tp, BaseOffset: -1, LastOffset: -1, LogAppendTime: -1, LogStartOffset: logStart, Err: err}
}

// committed tells whether a produce request that needs the high watermark to reach offset is
// complete, and how. ledSince is what append returned: once this broker has followed another
// leader, other records may be at that offset, and the request has failed even if this broker leads
// again before anybody looked.
func (p *Partition) committed(offset int64, ledSince int32) (done bool, err error) {
	if p.offline.Load() {
		return true, kerr.KafkaStorageError
	}
	r := p.role.Load()
	switch {
	case !r.leading || r.log == nil || r.ledSince != ledSince:
		return true, kerr.NotLeaderForPartition
	case r.log.HighWatermark() < offset:
		return false, nil
	case len(r.isr) < int(r.log.Config().MinInsyncReplicas):
		return true, kerr.NotEnoughReplicasAfterAppend
	}
	return true, nil
}

// logStartAfter is the log start offset to report with an error: -1 for the errors that are routine
// in Kafka.
func (p *Partition) logStartAfter(err error) int64 {
	switch kerr.Of(err) {
	case kerr.UnknownTopicOrPartition, kerr.NotLeaderForPartition, kerr.MessageTooLarge, kerr.RecordListTooLarge,
		kerr.CorruptMessage, kerr.KafkaStorageError:
		return -1
	}
	if l := p.Log(); l != nil {
		return l.LogStartOffset()
	}
	return -1
}
