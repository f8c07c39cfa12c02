package replica

import (
	"time"

	"momus/internal/model"
	"momus/storage/log"
)

// Progress is how far a follower is, as its leader knows it.
type Progress struct {
	Broker       int32
	LogEndOffset int64 // -1 before its first fetch under this leader
	CaughtUp     time.Time
	InSync       bool
}

// Followers lists the progress of a led partition's followers; nil on others.
func (p *Partition) Followers() []Progress {
	r := p.role.Load()
	if !r.leading {
		return nil
	}
	p.progress.Lock()
	defer p.progress.Unlock()
	out := make([]Progress, 0, len(p.progress.followers))
	for i := range p.progress.followers {
		f := &p.progress.followers[i]
		out = append(out, Progress{Broker: f.id, LogEndOffset: f.logEndOffset, CaughtUp: f.lastCaughtUp, InSync: contains(r.isr, f.id)})
	}
	return out
}

func contains(list []int32, id int32) bool {
	for _, n := range list {
		if n == id {
			return true
		}
	}
	return false
}

// Read reads whole batches of a replica on this broker, whether it leads or follows, from an offset
// on. The caller releases the range.
func (m *Manager) Read(tp model.TopicPartition, offset int64, maxBytes int) (log.FileRange, error) {
	return m.readToLogEnd(tp, false, offset, maxBytes)
}

// readToLogEnd is Read of a replica, or only of a leading one.
func (m *Manager) readToLogEnd(tp model.TopicPartition, leading bool, offset int64, maxBytes int) (log.FileRange, error) {
	p, err := m.partition(tp, leading)
	if err != nil {
		return log.FileRange{}, err
	}
	l, err := p.role.Load().logFor(model.NoEpoch, leading)
	if err != nil {
		return log.FileRange{}, err
	}
	r, err := l.Read(offset, maxBytes, log.UpToLogEnd, true)
	if err != nil {
		return log.FileRange{}, err
	}
	return r.Records, nil
}
