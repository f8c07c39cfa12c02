package replica

import (
	"context"
	"time"

	"momus/storage/log"
)

// checkpointLoop writes the high watermarks every replica.high.watermark.checkpoint.interval.ms,
// from the first LeaderAndIsr on.
func (m *Manager) checkpointLoop(ctx context.Context) error {
	select {
	case <-m.checkpointStart:
	case <-ctx.Done():
		return nil
	}
	for sleep(ctx, time.Duration(m.opts.Settings().HighWatermarkCheckpointMs)*time.Millisecond) {
		m.checkpointHighWatermarks()
	}
	return nil
}

// checkpointHighWatermarks writes the high watermarks of all hosted partitions, of current and
// future logs.
func (m *Manager) checkpointHighWatermarks() {
	select {
	case <-m.checkpointStart:
	default:
		return // nothing is hosted: the files of the last run stay
	}
	var logs []*log.Log
	m.partitions.each(func(p *Partition) {
		if p.offline.Load() {
			return
		}
		r := p.role.Load()
		if r.log != nil {
			logs = append(logs, r.log)
		}
		if r.future != nil {
			logs = append(logs, r.future)
		}
	})
	m.logs.WriteHighWatermarks(logs)
}
