package log

import (
	"errors"

	"momus/storage/record"
)

// How far back the batches of a producer are looked for, and how much more at a time. The distance
// is that between a producer's unanswered batches and the log end at a crash, with all that others
// wrote in between: far less than this. The bound is for those who send sequences that never were.
const (
	// historyBytes are bytes of the log, read backwards once for a producer after a start.
	historyBytes = 128 << 20
	historyStep  = 256 << 10
)

// batchesBefore is the producer.History of the log. The caller holds mu.
func (l *Log) batchesBefore(before int64, visit func(b record.Batch), more func() bool) error {
	list, left := l.list(), int64(historyBytes)
	for i := list.floor(before - 1); i >= 0 && left > 0; i-- {
		read, again, err := list[i].backwards(before, left, visit, more)
		var corrupt *CorruptError
		// The damage is not new, and is not this producer's fault: it is treated as one of whom
		// nothing older is known.
		if errors.As(err, &corrupt) {
			l.logger.WithError(err).Warn("passed over damage in the log while looking for earlier batches of a producer")
			return nil
		}
		if err != nil || !again {
			return err
		}
		left -= read
	}
	return nil
}

// backwards visits the batches of a segment before an offset in stretches, the latest first, until
// about limit bytes are read or more says that it is enough.
func (s *Segment) backwards(before, limit int64, visit func(b record.Batch), more func() bool) (read int64, again bool, err error) {
	size := s.size.Load()
	d, err := s.acquire()
	if err != nil {
		return 0, false, err
	}
	defer d.release()
	end := size
	if at, found, err := s.find(d, before, size); err != nil {
		return 0, false, err
	} else if found > 0 {
		end = at
	}
	// Longer stretches each time: most producers are found in the first, and those who are not cost
	// few look-ups in the index.
	for step := int64(historyStep); end > 0 && read < limit; step *= 2 {
		start, err := s.boundary(end, step)
		if err != nil {
			return read, false, err
		}
		for scan := s.scan(d, start, end, headerScan); ; {
			b, _, _, err := scan.next(false)
			if err != nil {
				return read, false, err
			}
			if b == nil {
				break
			}
			visit(b)
		}
		read += end - start
		end = start
		if !more() {
			return read, false, nil
		}
	}
	return read, true, nil
}

// boundary is the position of a batch about n bytes before end, by the offset index; 0 if there is
// no entry in between.
func (s *Segment) boundary(end, n int64) (int64, error) {
	if end <= n {
		return 0, nil
	}
	near, found, err := s.index.FirstAtPosition(end - n)
	if err != nil || !found || near.Position >= end {
		return 0, err
	}
	return near.Position, nil
}
