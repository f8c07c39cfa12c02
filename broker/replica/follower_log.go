package replica

import (
	"errors"
	"fmt"
	"runtime/debug"

	"momus/internal/kerr"
	"momus/storage/log"
)

// errNotFollowing means that the role has changed since the fetcher got the partition.
var errNotFollowing = errors.New("the replica does not follow this leader epoch any more")

// errorOfPanic lets what a fetcher, or a move to another directory, does to one partition fail where
// it panics. As in Kafka, which catches every Throwable there, that partition is given up, and the
// others go on.
func errorOfPanic(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
	}
}

// followedLog is the log to change on behalf of a fetcher. mu is held.
func (p *Partition) followedLog(epoch int32) (*role, error) {
	if p.offline.Load() {
		return nil, kerr.KafkaStorageError
	}
	r := p.role.Load()
	if r.leading || r.leaderEpoch != epoch || r.log == nil {
		return nil, errNotFollowing
	}
	return r, nil
}

// appendFollower appends what the leader of an epoch sent for offset, and takes over its high
// watermark and log start. It returns the next offset to fetch.
func (p *Partition) appendFollower(epoch int32, offset int64, d *ReplicaData) (next int64, err error) {
	defer errorOfPanic(&err)
	p.mu.RLock()
	defer p.mu.RUnlock()
	r, err := p.followedLog(epoch)
	if err != nil {
		return 0, err
	}
	l := r.log
	if end := l.LogEndOffset(); end != offset {
		return 0, fmt.Errorf("append to %s what was fetched at %d, log end is %d", p.tp, offset, end)
	}
	if len(d.Records) > 0 {
		if _, err := l.AppendAsFollower(d.Records); err != nil {
			return 0, err
		}
		p.m.metrics.replicationBytesIn.Add(int64(len(d.Records)))
		if p.throttled(l).follower {
			p.m.throttles.follower.Record(p.m.now(), len(d.Records))
		}
	}
	l.UpdateHighWatermark(d.HighWatermark)
	if d.LogStartOffset > l.LogStartOffset() {
		if err := l.MaybeIncrementLogStartOffset(d.LogStartOffset); err != nil {
			return 0, err
		}
	}
	p.published(l)
	return l.LogEndOffset(), nil
}

// truncateFollower cuts the log at offset, or empties it and begins again there (restart). It
// returns the log end offset then.
func (p *Partition) truncateFollower(epoch int32, offset int64, restart bool) (end int64, err error) {
	defer errorOfPanic(&err)
	p.mu.Lock()
	defer p.mu.Unlock()
	r, err := p.followedLog(epoch)
	if err != nil {
		return 0, err
	}
	defer p.sawTruncation(r, r.log.LogEndOffset(), offset)
	for _, l := range []*log.Log{r.log, r.future} {
		switch {
		case l == nil:
		case restart:
			err = p.m.logs.TruncateFullyAndStartAt(l, offset)
		default:
			// Also at the log end: an epoch that began there without data, when this replica led,
			// has to go.
			err = p.m.logs.TruncateTo(l, offset)
		}
		if err != nil {
			return 0, err
		}
	}
	return r.log.LogEndOffset(), nil
}
