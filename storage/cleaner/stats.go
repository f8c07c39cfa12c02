package cleaner

import (
	"time"

	"github.com/sirupsen/logrus"
)

// CleaningStats are figures of one cleaning.
type CleaningStats struct {
	Duration          time.Duration
	ReadBytes         int64   // of the segments that were written anew
	KeptBytes         int64   // of them
	BufferUtilization float64 // of the offset map, 0 to 1
}

// Stats are the figures of a Cleaner, for metrics. Totals count since New.
type Stats struct {
	// LastRun is when a log to be cleaned was looked for last (time-since-last-run-ms).
	LastRun time.Time
	// MaxDirtyRatio, 0 to 1, and MaxCompactionDelay are of the last look at all logs
	// (max-dirty-percent, max-compaction-delay-secs).
	MaxDirtyRatio      float64
	MaxCompactionDelay time.Duration
	// Last are the figures of each worker's last cleaning (max-clean-time-secs,
	// cleaner-recopy-percent, max-buffer-utilization-percent).
	Last []CleaningStats
	// Uncleanable counts the partitions that could not be cleaned, UncleanableBytes their dirty
	// bytes, by log directory.
	Uncleanable      map[string]int
	UncleanableBytes map[string]int64

	Cleanings int64
	ReadBytes int64 // for the offset map too
	KeptBytes int64
}

// RecopyRatio is how much of what the last cleanings read was kept, 0 to 1.
func (s *Stats) RecopyRatio() float64 {
	var read, kept int64
	for _, l := range s.Last {
		read += l.ReadBytes
		kept += l.KeptBytes
	}
	if read == 0 {
		return 0
	}
	return float64(kept) / float64(read)
}

// Stats returns the present figures.
func (c *Cleaner) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	// A copy; its maps and list are made anew below, so that the caller may keep it.
	s := c.mu.stats
	s.Last = make([]CleaningStats, 0, len(c.mu.last))
	for _, l := range c.mu.last {
		s.Last = append(s.Last, l)
	}
	s.Uncleanable, s.UncleanableBytes = map[string]int{}, map[string]int64{}
	for _, f := range c.mu.uncleanable {
		s.Uncleanable[f.dir]++
		s.UncleanableBytes[f.dir] += f.bytes
	}
	return s
}

// record notes a finished cleaning.
func (c *Cleaner) record(worker int, p plan, r result, took time.Duration, logger *logrus.Entry) {
	c.mu.Lock()
	c.mu.last[worker] = CleaningStats{Duration: took, ReadBytes: r.readBytes, KeptBytes: r.keptBytes, BufferUtilization: r.utilization}
	c.mu.stats.Cleanings++
	c.mu.stats.ReadBytes += r.mapBytes + r.readBytes
	c.mu.stats.KeptBytes += r.keptBytes
	c.mu.Unlock()
	logger.WithFields(logrus.Fields{
		"first_dirty_offset": p.firstDirty, "offset": r.end, "keys": r.keys, "map_percent": int(100 * r.utilization),
		"read_records": r.readRecords, "kept_records": r.keptRecords, "read_bytes": r.readBytes, "kept_bytes": r.keptBytes,
		"seconds": took.Seconds(), "rate_mb_s": megabytes(r.mapBytes+r.readBytes, took),
	}).Info("cleaned log")
	if r.invalidRecords > 0 {
		logger.WithField("records", r.invalidRecords).Warn("dropped records without key from a compacted log")
	}
}

// megabytes is a rate in MB/s, rounded.
func megabytes(n int64, d time.Duration) int64 {
	return int64(float64(n) / max(d.Seconds(), 1e-3) / 1e6)
}
