package handler

import (
	"encoding/binary"
	"fmt"

	"momus/broker/fetchsession"
	"momus/broker/replica"
	"momus/internal/kerr"
	"momus/storage/record"
)

// convert rewrites the records of a partition for a client that is older than their format;
// converted is false when they can go as they are. The errors are UNSUPPORTED_COMPRESSION_TYPE and
// UNSUPPORTED_VERSION (message.downconversion.enable is off).
func (c *fetchCall) convert(p *fetchsession.Partition, res *replica.FetchResult) (out []byte, converted bool, err error) {
	// From v4 on every format is fit; those from v10 on, which nearly all are, need not even look
	// the topic up.
	if c.version >= 10 {
		return nil, false, nil
	}
	topic := c.e.TopicConfig(p.TP.Topic)
	if topic == nil {
		return nil, false, nil
	}
	target := record.Magic2
	switch {
	case c.version <= 1:
		target = record.Magic0
	case c.version <= 3:
		target = record.Magic1
	}
	n := res.Records.Len()
	if topic.RecordVersion <= target || n == 0 {
		return nil, false, nil
	}
	// Conversion is for old clients and reads all of the slice into memory, at most the answer's
	// bound. Kafka converts the first batch and streams the rest; the bytes that a client sees are
	// the same.
	records := make([]byte, n)
	if _, err := res.Records.ReadAt(records, 0); err != nil {
		return nil, false, fmt.Errorf("read records of %s to convert: %w", p.TP, err)
	}
	if compatible(records, target) {
		return nil, false, nil
	}
	if !c.follower && !topic.MessageDownconversionEnable {
		return nil, false, kerr.UnsupportedVersion
	}
	out, count, err := record.DownConvert(records, target, p.FetchOffset)
	// An error behind the first batch is no error: what was converted is sent, and filler stands
	// for the rest, as in Kafka.
	if err != nil && len(out) == 0 {
		return nil, false, err
	}
	c.e.Metrics.Topic(p.TP.Topic).FetchMessageConversions.Add(int64(count))
	c.e.Metrics.All.FetchMessageConversions.Add(int64(count))
	if len(out) == 0 {
		// Nothing of the slice is for such a client, as where only a transaction's marker is left:
		// Kafka announces the smallest filler, however long the slice is.
		return fill(out, record.LogOverhead), true, nil
	}
	return fill(out, max(n, firstConverted(records, out))), true, nil
}

// firstConverted is the size of what the first batch that is not dropped was converted to.
func firstConverted(records, out []byte) int {
	// Control batches are dropped by conversion, so that the first batch of the slice may have
	// nothing to show for it.
	source := record.NewWalk(records)
	for source.Next() {
		size := 0
		converted := record.NewWalk(out)
		for converted.Next() && converted.Batch.LastOffset() <= source.Batch.LastOffset() {
			size += converted.Batch.Size()
		}
		if size > 0 {
			return size
		}
	}
	return 0
}

// zstdTopic tells whether a topic compresses with zstd: clients before v10 get nothing of it.
func (c *fetchCall) zstdTopic(topic string) bool {
	t := c.e.TopicConfig(topic)
	return t != nil && t.CompressionType == "zstd"
}

// compatible tells whether all whole batches have at most the format target.
func compatible(records []byte, target int8) bool {
	w := record.NewWalk(records)
	for w.Next() {
		if w.Batch.Magic() > target {
			return false
		}
	}
	return true
}

// fill makes converted records as long as Kafka announces them: the size of the original slice, or
// of all that its first batch was converted to if that is larger. What is too long is cut; what is
// missing is filled with the beginning of a batch that never ends, so that clients see an
// incomplete one.
func fill(out []byte, size int) []byte {
	if len(out) >= size {
		return out[:size]
	}
	left := size - len(out)
	// Offset -1, then a length that is always longer than what follows.
	filler := binary.BigEndian.AppendUint64(make([]byte, 0, max(left, record.LogOverhead)), 1<<64-1)
	filler = binary.BigEndian.AppendUint32(filler, uint32(max(left+1, record.BatchOverhead)))
	filler = append(filler, make([]byte, max(0, left-len(filler)))...)
	return append(out, filler[:left]...)
}
