package view

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"momus/broker/replica"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/storage/logdir"
	"momus/storage/record"
)

// DirStatus is a log directory.
type DirStatus = logdir.DirStatus

// Replica is one replica of a partition, as its broker has it.
type Replica struct {
	Broker    int32      `json:"broker"`
	Leader    int32      `json:"leader"` // whom it follows, or itself
	Epoch     int32      `json:"epoch"`
	Leading   bool       `json:"leading"`
	Offline   bool       `json:"offline"`
	Dir       string     `json:"dir,omitempty"`
	Start     int64      `json:"start"`
	Stable    int64      `json:"stable"`
	Committed int64      `json:"committed"` // high watermark
	End       int64      `json:"end"`
	Size      int64      `json:"size"`
	Segments  []Segment  `json:"segments"`
	Followers []Follower `json:"followers,omitempty"` // of a leader
}

// Segment is a segment of a replica's log.
type Segment struct {
	Base      int64 `json:"base"`
	Size      int64 `json:"size"`
	Index     int64 `json:"index"`     // bytes of the offset index
	TimeIndex int64 `json:"timeIndex"` // bytes of the time index
	Active    bool  `json:"active,omitempty"`
}

// Follower is what a leader knows about a follower.
type Follower struct {
	Broker     int32 `json:"broker"`
	End        int64 `json:"end"` // -1: not known
	InSync     bool  `json:"inSync"`
	CaughtUpMs int64 `json:"caughtUpMs"` // since it last was; -1: not known
}

// maxSegments bounds the segments that are shown: the latest ones.
const maxSegments = 200

// Replica shows the broker's replica of a partition; ok is false if it has none.
func (v *View) Replica(tp model.TopicPartition) (r Replica, ok bool) {
	// What follows is read piece by piece, without a lock over all: figures of one moment may not
	// fit each other, as between End and Committed. They are for people.
	p := v.s.Replicas.Partition(tp)
	if p == nil {
		return r, false
	}
	s := p.State()
	r = Replica{Broker: v.s.BrokerID, Leader: s.Leader, Epoch: s.LeaderEpoch, Leading: s.Leading, Offline: s.Offline, Segments: []Segment{}}
	l := p.Log()
	if l == nil {
		return r, true
	}
	r.Dir, r.Start, r.Stable, r.Committed, r.End, r.Size = l.Dir(), l.LogStartOffset(), l.LastStableOffset(), l.HighWatermark(), l.LogEndOffset(), l.Size()
	all := l.Segments()
	// The log may be closed or truncated meanwhile; a segment keeps its figures.
	for i, seg := range all[max(0, len(all)-maxSegments):] {
		x := Segment{Base: seg.BaseOffset(), Size: seg.Size(), Active: i == min(len(all), maxSegments)-1}
		x.Index, _ = seg.IndexSize() // a log that is being closed has none
		x.TimeIndex, _ = seg.TimeIndexSize()
		r.Segments = append(r.Segments, x)
	}
	now := v.s.Now()
	for _, f := range p.Followers() {
		r.Followers = append(r.Followers, follower(f, now))
	}
	return r, true
}

func follower(f replica.Progress, now time.Time) Follower {
	x := Follower{Broker: f.Broker, End: f.LogEndOffset, InSync: f.InSync, CaughtUpMs: -1}
	if !f.CaughtUp.IsZero() {
		x.CaughtUpMs = now.Sub(f.CaughtUp).Milliseconds()
	}
	return x
}

// Batch is a record batch in a log.
type Batch struct {
	Base          int64    `json:"base"`
	Last          int64    `json:"last"`
	Bytes         int      `json:"bytes"`
	Magic         int8     `json:"magic"`
	Epoch         int32    `json:"epoch"`
	Codec         string   `json:"codec"`
	Time          int64    `json:"time"` // ms, the largest
	ProducerID    int64    `json:"producerId"`
	ProducerEpoch int16    `json:"producerEpoch"`
	Sequence      int32    `json:"sequence"`
	Transactional bool     `json:"transactional,omitempty"`
	Control       string   `json:"control,omitempty"` // COMMIT or ABORT
	Records       []Record `json:"records"`
	Cut           bool     `json:"cut,omitempty"` // it has more records than these
}

// Record is a record of a Batch. Key and Value are cut to maxShown bytes; nil is null.
type Record struct {
	Offset  int64    `json:"offset"`
	Time    int64    `json:"time"`
	Key     *Bytes   `json:"key"`
	Value   *Bytes   `json:"value"`
	Headers []Header `json:"headers,omitempty"`
	// About and Says are key and value of a record of an internal topic, as JSON.
	About json.RawMessage `json:"about,omitempty"`
	Says  json.RawMessage `json:"says,omitempty"`
}

// Header is a header of a Record.
type Header struct {
	Key   string `json:"key"`
	Value *Bytes `json:"value"`
}

// Bounds of what is read of a log for a page.
const (
	// maxRead are bytes of a log; the first batch comes whole, but for one above maxBatch, of which
	// the header is shown alone.
	maxRead  = 256 << 10
	maxBatch = 4 << 20
	// maxPayload is what a batch may decompress to. Records behind that are not shown: a few bytes
	// may be made to hold gigabytes.
	maxPayload = 8 << 20
	// maxShown are bytes of a key, value or header, maxHeaders are of a record, and maxRecords of
	// all batches together.
	maxShown   = 1024
	maxHeaders = 100
	maxRecords = 200
)

var decoder = record.NewStrictDecoder(maxPayload)

// Batches reads a replica's batches from the one that has offset on, as many as a page shows.
func (v *View) Batches(tp model.TopicPartition, offset int64) ([]Batch, error) {
	r, err := v.s.Replicas.Read(tp, offset, maxRead)
	if err != nil {
		return nil, err
	}
	defer r.Release()
	if r.Len() == 0 { // at the end of the log, as in one that is empty
		return []Batch{}, nil
	}
	buf := make([]byte, min(r.Len(), maxBatch))
	if _, err := r.ReadAt(buf, 0); err != nil {
		return nil, fmt.Errorf("read %s at %d: %w", tp, offset, err)
	}
	if r.Len() > maxBatch { // it is one batch, then
		x := shownBatch(buf)
		x.Bytes, x.Cut = r.Len(), true
		return []Batch{x}, nil
	}
	return shownBatches(tp, buf, offset)
}

// errEnough ends the decoding of a batch of which a page shows no more.
var errEnough = errors.New("enough records")

// shownBatches are the batches in buf, with their records from offset on.
func shownBatches(tp model.TopicPartition, buf []byte, offset int64) ([]Batch, error) {
	out := []Batch{}
	records := 0
	for rest := buf; len(rest) > 0 && records < maxRecords; {
		var b record.Batch
		var err error
		if b, rest, err = record.Next(rest); err != nil {
			break // the end is cut
		}
		x := shownBatch(b)
		if !b.IsControl() {
			switch err := b.ForEach(decoder, func(r *record.Record) error {
				if r.Offset < offset {
					return nil
				}
				if records == maxRecords {
					return errEnough
				}
				records++
				x.Records = append(x.Records, shownRecord(tp.Topic, r))
				return nil
			}); {
			case errors.Is(err, errEnough), errors.Is(err, kerr.MessageTooLarge):
				x.Cut = true
			case err != nil:
				return nil, fmt.Errorf("read %s at %d: %w", tp, b.BaseOffset(), err)
			}
		}
		out = append(out, x)
	}
	return out, nil
}

// shownBatch is a batch without its records, of which b needs the header alone.
func shownBatch(b record.Batch) Batch {
	x := Batch{Base: b.BaseOffset(), Last: b.LastOffset(), Bytes: b.Size(), Magic: b.Magic(), Epoch: b.LeaderEpoch(), Codec: b.Codec().String(),
		Time: b.MaxTimestamp(), ProducerID: b.ProducerID(), ProducerEpoch: b.ProducerEpoch(), Sequence: b.BaseSequence(), Transactional: b.IsTransactional(), Records: []Record{}}
	if b.IsControl() {
		if t, _, err := b.ControlType(); err == nil {
			x.Control = fmt.Sprint(t)
		}
	}
	return x
}

func shownRecord(topic string, r *record.Record) Record {
	x := Record{Offset: r.Offset, Time: r.Timestamp, Key: shownBytes(r.Key), Value: shownBytes(r.Value)}
	for _, h := range r.FirstHeaders(maxHeaders) {
		x.Headers = append(x.Headers, Header{Key: strings.ToValidUTF8(h.Key[:min(len(h.Key), maxShown)], "\uFFFD"), Value: shownBytes(h.Value)})
	}
	x.About, x.Says, _ = decoded(topic, r.Key, r.Value)
	return x
}
