package replica

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"momus/internal/bell"
	"momus/internal/journal"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/internal/rank"
	"momus/storage/log"
	"momus/storage/logdir"
)

// moverManager copies logs from one directory of this broker to another (KIP-113): one goroutine a
// target directory, one partition at a time in name order.
type moverManager struct {
	m    *Manager
	wake bell.Bell // there is a directory without a goroutine

	mu struct {
		rank.Mutex[rank.Movers]
		byDir map[string]*mover
	}
}

// mover is the queue of one target directory.
type mover struct {
	dir     string
	queue   []model.TopicPartition // sorted
	running bool
}

func (mm *moverManager) init(m *Manager) {
	mm.m = m
	mm.wake = bell.New()
	mm.mu.byDir = map[string]*mover{}
}

// add queues the future log of a partition.
func (mm *moverManager) add(tp model.TopicPartition, dir string) {
	mm.mu.Lock()
	defer mm.mu.Unlock()
	v := mm.mu.byDir[dir]
	if v == nil {
		v = &mover{dir: dir}
		mm.mu.byDir[dir] = v
	}
	if i, found := slices.BinarySearchFunc(v.queue, tp, model.TopicPartition.Compare); !found {
		v.queue = slices.Insert(v.queue, i, tp)
	}
	mm.wake.Ring()
}

// remove takes partitions out of the queues; a copy that is going on ends when it next looks.
func (mm *moverManager) remove(tps []model.TopicPartition) {
	mm.mu.Lock()
	defer mm.mu.Unlock()
	for _, v := range mm.mu.byDir {
		v.queue = slices.DeleteFunc(v.queue, func(tp model.TopicPartition) bool { return slices.Contains(tps, tp) })
	}
}

// done takes a partition out of one queue; it may be in another by now, for the way back.
func (mm *moverManager) done(v *mover, tp model.TopicPartition) {
	mm.mu.Lock()
	defer mm.mu.Unlock()
	v.queue = slices.DeleteFunc(v.queue, func(other model.TopicPartition) bool { return other == tp })
}

// queued tells whether the partition is still to be copied to dir.
func (mm *moverManager) queued(tp model.TopicPartition, dir string) bool {
	mm.mu.Lock()
	defer mm.mu.Unlock()
	v := mm.mu.byDir[dir]
	if v == nil {
		return false
	}
	_, found := slices.BinarySearchFunc(v.queue, tp, model.TopicPartition.Compare)
	return found
}

// resume queues the partitions of a LeaderAndIsr for which a future log was found on disk.
func (mm *moverManager) resume(states []PartitionState) {
	for i := range states {
		tp := states[i].TP
		l := mm.m.logs.Future(tp)
		p := mm.m.partitions.get(tp)
		if l == nil || p == nil || p.offline.Load() || p.role.Load().log == nil {
			continue
		}
		if p.role.Load().future == nil {
			l.UpdateHighWatermark(mm.m.logs.HighWatermark(l))
			p.setFuture(l)
		}
		mm.add(tp, logdir.DirOf(l))
	}
}

// run gives each move that has nobody a goroutine, and returns when ctx has ended and all of them
// have.
func (mm *moverManager) run(ctx context.Context) error {
	var g errgroup.Group
	for {
		for _, v := range mm.idle() {
			g.Go(func() error { mm.work(ctx, v); return nil })
		}
		select {
		case <-mm.wake:
		case <-ctx.Done():
			return g.Wait()
		}
	}
}

// idle lists the directories with work and without a goroutine, and marks them as running.
func (mm *moverManager) idle() (list []*mover) {
	mm.mu.Lock()
	defer mm.mu.Unlock()
	for _, v := range mm.mu.byDir {
		if !v.running && len(v.queue) > 0 {
			v.running = true
			list = append(list, v)
		}
	}
	return list
}

// next is the first partition of the queue; without one the goroutine ends.
func (mm *moverManager) next(v *mover) (model.TopicPartition, bool) {
	mm.mu.Lock()
	defer mm.mu.Unlock()
	if len(v.queue) == 0 {
		v.running = false
		return model.TopicPartition{}, false
	}
	return v.queue[0], true
}

// work copies the partitions of one directory until there are no more.
func (mm *moverManager) work(ctx context.Context, v *mover) {
	for ctx.Err() == nil {
		tp, ok := mm.next(v)
		if !ok {
			return
		}
		fields := logrus.Fields{"topic": tp.Topic, "partition": tp.Partition, "dir": v.dir}
		err := mm.copy(ctx, tp, v.dir)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errMoveCancelled):
			mm.done(v, tp)
		case err != nil:
			mm.m.logger.WithFields(fields).WithError(err).Error("replica was not moved to the other log directory")
			mm.done(v, tp)
		default:
			mm.m.logger.WithFields(fields).Info("replica was moved to the other log directory")
			mm.m.opts.Journal.Record(journal.Entry{Kind: journal.PartitionMoved, Name: tp.Topic, Partition: tp.Partition, About: -1, New: v.dir})
			mm.done(v, tp)
		}
	}
}

// errMoveCancelled means that nobody wants the copy any more.
var errMoveCancelled = errors.New("the move was given up")

const moveChunk = 1 << 20 // bytes copied at a time

// copy copies one partition until the future log has everything, and puts it in the place of the
// current one.
func (mm *moverManager) copy(ctx context.Context, tp model.TopicPartition, dir string) (err error) {
	defer errorOfPanic(&err)
	p := mm.m.partitions.get(tp)
	if p == nil {
		return errMoveCancelled
	}
	err = p.truncateFuture()
	mm.m.logs.CheckpointDue()
	if err != nil {
		return err
	}
	buf := make([]byte, 0, moveChunk)
	for mm.queued(tp, dir) {
		if err := ctx.Err(); err != nil {
			return err
		}
		// Bytes are paid for before they are copied, so that the throttle is never exceeded.
		rate := mm.m.opts.Settings().MoveRate
		n := p.nextToMove(rate)
		if !mm.pay(ctx, tp, dir, n, rate) {
			continue
		}
		// Without anything copied or swapped, the swap lost a race with an append; it looks again
		// at once.
		if swapped, err := p.copyToFuture(&buf, max(n, 1)); err != nil || swapped {
			return err
		}
	}
	return errMoveCancelled
}

// payInterval is how often a move that is throttled looks whether it is still wanted, and whether
// the throttle is another one.
const payInterval = time.Second

// pay waits as long as n bytes take at rate bytes a second; false if the move is to be looked at
// again first.
func (mm *moverManager) pay(ctx context.Context, tp model.TopicPartition, dir string, n int, rate int64) bool {
	if rate <= 0 || n == 0 {
		return true
	}
	for left := time.Duration(float64(n) / float64(rate) * float64(time.Second)); left > 0; left -= payInterval {
		if !sleep(ctx, min(left, payInterval)) || !mm.queued(tp, dir) || mm.m.opts.Settings().MoveRate != rate {
			return false
		}
	}
	return true
}

// nextToMove is how many bytes the next piece of a move has: what a second may take, but at least a
// batch.
func (p *Partition) nextToMove(rate int64) int {
	if rate <= 0 {
		return moveChunk
	}
	r := p.role.Load()
	if r.log == nil || r.future == nil {
		return 0
	}
	read, err := r.log.Read(r.future.LogEndOffset(), int(min(rate, moveChunk)), log.UpToLogEnd, true)
	if err != nil {
		return 0 // copyToFuture meets it too
	}
	defer read.Records.Release()
	return read.Records.Len()
}

// truncateFuture cuts the future log to where its history is that of the current log.
func (p *Partition) truncateFuture() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.role.Load()
	if r.log == nil || r.future == nil {
		return errMoveCancelled
	}
	for {
		epoch, ok := r.future.LatestEpoch()
		if !ok {
			return p.m.logs.TruncateTo(r.future, r.future.HighWatermark())
		}
		e, end := r.log.EndOffsetForEpoch(epoch)
		offset, done := truncationTo(epochEnd{epoch: e, endOffset: end}, r.future.HighWatermark(), r.future.LogEndOffset(), func(e int32) (epochEnd, bool) {
			epoch, end := r.future.EndOffsetForEpoch(e)
			return epochEnd{epoch: epoch, endOffset: end}, end != unknownOffset
		})
		if err := p.m.logs.TruncateTo(r.future, offset); err != nil || done {
			return err
		}
	}
}

// copyToFuture appends the next piece of the current log, of about limit bytes, to the future log,
// or swaps the logs if there is none.
func (p *Partition) copyToFuture(buf *[]byte, limit int) (swapped bool, err error) {
	p.mu.RLock()
	r := p.role.Load()
	if r.log == nil || r.future == nil || p.offline.Load() {
		p.mu.RUnlock()
		return false, errMoveCancelled
	}
	if r.future.LogEndOffset() >= r.log.LogEndOffset() {
		p.mu.RUnlock()
		// The swap flushes too, while nobody can write: leave it little.
		if err := r.future.Flush(r.future.LogEndOffset()); err != nil {
			return false, err
		}
		swapped, err = p.swapFuture()
		p.m.logs.CheckpointDue()
		return swapped, err
	}
	defer p.mu.RUnlock()
	if start := r.log.LogStartOffset(); r.future.LogEndOffset() < start {
		return false, p.m.logs.TruncateFullyAndStartAt(r.future, start)
	}
	read, err := r.log.Read(r.future.LogEndOffset(), limit, log.UpToLogEnd, true)
	if err != nil {
		return false, err
	}
	defer read.Records.Release()
	n := read.Records.Len()
	if cap(*buf) < n {
		*buf = make([]byte, n)
	}
	*buf = (*buf)[:n]
	if _, err := read.Records.ReadAt(*buf, 0); err != nil {
		return false, err
	}
	if _, err := r.future.AppendAsFollower(*buf); err != nil {
		return false, err
	}
	p.m.throttles.moves.Record(p.m.now(), n)
	r.future.UpdateHighWatermark(read.HighWatermark)
	if start := read.LogStartOffset; start > r.future.LogStartOffset() && start <= r.future.HighWatermark() {
		err = r.future.MaybeIncrementLogStartOffset(start)
	}
	return false, err
}

// swapFuture puts the future log in the place of the current one if they are equal.
func (p *Partition) swapFuture() (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.role.Load()
	if r.log == nil || r.future == nil {
		return false, errMoveCancelled
	}
	if r.future.LogEndOffset() != r.log.LogEndOffset() {
		return false, nil
	}
	if err := p.m.logs.SwapFuture(p.tp); err != nil {
		return false, err
	}
	next := *r
	next.log, next.future = r.future, nil
	p.role.Store(&next)
	p.wakeAll()
	return true, nil
}

// AlterReplicaLogDirs begins to move a replica to another log directory, and answers at once. For a
// partition that is not here but known the wish is remembered and REPLICA_NOT_AVAILABLE returned.
func (m *Manager) AlterReplicaLogDirs(tp model.TopicPartition, dir string) error {
	m.control.Lock()
	defer m.control.Unlock()
	dir = filepath.Clean(dir)
	if err := m.logs.CheckMove(tp, dir); err != nil {
		return err
	}
	p := m.partitions.get(tp)
	if p != nil && p.offline.Load() {
		return kerr.KafkaStorageError
	}
	if p != nil {
		if f := p.role.Load().future; f != nil && logdir.DirOf(f) != dir {
			// A copy to yet another directory is given up.
			m.movers.remove([]model.TopicPartition{tp})
			p.setFuture(nil)
			if err := m.logs.DeleteFuture(tp); err != nil {
				return err
			}
			m.logs.CheckpointDue()
		}
	}
	m.logs.SetPreferred(tp, dir)
	p, err := m.partition(tp, false)
	if err != nil {
		return err
	}
	r := p.role.Load()
	if r.log == nil {
		return kerr.ReplicaNotAvailable
	}
	if logdir.DirOf(r.log) == dir || r.future != nil {
		return nil
	}
	future, err := m.logs.CreateFuture(tp, dir, r.log.Config())
	if err != nil {
		return err
	}
	p.setFuture(future)
	m.movers.add(tp, dir)
	return nil
}

// LogDir describes a log directory for DescribeLogDirs.
type LogDir struct {
	Path     string
	Err      error // KAFKA_STORAGE_ERROR when it is offline
	Replicas []LogDirReplica
}

// LogDirReplica is one log in a directory. OffsetLag is how far its end is behind the high
// watermark, of a future log behind the end of the current one; -1 if unknown.
type LogDirReplica struct {
	TP        model.TopicPartition
	Size      int64 // bytes
	OffsetLag int64
	Future    bool
}

// DescribeLogDirs lists the log directories with those logs that wanted accepts (nil: all), in
// order of directory, topic and partition.
func (m *Manager) DescribeLogDirs(wanted func(tp model.TopicPartition) bool) []LogDir {
	current, futures := m.logs.All(), m.logs.Futures()
	var dirs []LogDir
	for _, status := range m.logs.Dirs() {
		d := LogDir{Path: status.Path}
		if status.Err != nil {
			d.Err = kerr.KafkaStorageError
			dirs = append(dirs, d)
			continue
		}
		for i, l := range append(slices.Clip(current), futures...) {
			tp := l.TopicPartition()
			if logdir.DirOf(l) == status.Path && (wanted == nil || wanted(tp)) {
				isFuture := i >= len(current)
				d.Replicas = append(d.Replicas, LogDirReplica{TP: tp, Size: l.Size(), OffsetLag: m.offsetLag(l, isFuture), Future: isFuture})
			}
		}
		dirs = append(dirs, d)
	}
	return dirs
}

// offsetLag is how far a replica is behind, as DescribeLogDirs defines it: a move behind the log
// that it replaces, another behind the high watermark; -1 when that is not known.
func (m *Manager) offsetLag(l *log.Log, isFuture bool) int64 {
	if isFuture {
		if c := m.logs.Get(l.TopicPartition()); c != nil {
			return c.LogEndOffset() - l.LogEndOffset()
		}
		return -1
	}
	if p := m.partitions.get(l.TopicPartition()); p != nil && p.Log() == l {
		return max(0, l.HighWatermark()-l.LogEndOffset())
	}
	return -1
}
