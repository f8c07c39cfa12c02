package txn

import (
	"context"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"momus/internal/bell"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/internal/rank"
)

// Cluster tells where the markers of a partition go.
type Cluster interface {
	// Leader is the broker that leads a partition. alive is false while it has no leader that can
	// be reached; exists is false when there is no such partition: it was deleted.
	Leader(tp model.TopicPartition) (broker int32, alive, exists bool)
	// Changed returns a channel that is closed when Leader may give other answers.
	Changed() <-chan struct{}
}

// Marker is the end of a producer's transaction, for some of its partitions.
type Marker struct {
	ProducerID       int64
	Epoch            int16
	CoordinatorEpoch int32
	Commit           bool
	Partitions       []model.TopicPartition
}

// Sender writes markers to the partitions that a broker leads: WriteTxnMarkers.
type Sender interface {
	// SendMarkers returns the outcome for each marker and partition, in order; nil is success. An
	// error says that the broker was not reached or did not answer; the markers may or may not be
	// written. Only one call per broker is under way.
	SendMarkers(ctx context.Context, broker int32, markers []Marker) ([][]*kerr.Error, error)
}

const (
	// markerRetry is the pause before markers are tried again, if no news of the cluster comes
	// earlier.
	markerRetry = 50 * time.Millisecond
	// maxMarkers bounds the markers of one request.
	maxMarkers = 1000
)

// markerQueue gets the markers of decided transactions to the leaders of their partitions (Kafka's
// TransactionMarkerChannelManager). A marker is sent at once when no request to its broker is under
// way, else with all others that came meanwhile. Sending is repeated until the partition's leader
// has it, the partition is gone, or the job is dropped.
type markerQueue struct {
	cluster Cluster
	sender  Sender
	// written is told of every job that is done; it must not block.
	written func(statePartition int32, m *SendMarkers)
	logger  *logrus.Entry

	ctx  context.Context // ends with run
	stop context.CancelFunc
	wg   sync.WaitGroup
	wake bell.Bell // "delayed is not empty"

	mu      rank.Mutex[rank.Markers]
	closed  bool
	jobs    map[jobKey]*markerJob
	brokers map[int32]*destination
	delayed []markerPart
}

type jobKey struct {
	statePartition int32
	id             string
}

// markerJob is the markers of one transaction.
type markerJob struct {
	jobKey
	SendMarkers
	left    int // partitions without marker
	dropped bool
}

// markerPart is some partitions of a job.
type markerPart struct {
	job        *markerJob
	partitions []model.TopicPartition
}

// destination is what waits for a broker; sending tells that a goroutine works on it.
type destination struct {
	queue   []markerPart
	sending bool
}

func newMarkerQueue(c Cluster, s Sender, written func(int32, *SendMarkers), logger *logrus.Entry) *markerQueue {
	ctx, cancel := context.WithCancel(context.Background())
	return &markerQueue{
		cluster: c, sender: s, written: written, logger: logger, ctx: ctx, stop: cancel, wake: bell.New(),
		jobs: map[jobKey]*markerJob{}, brokers: map[int32]*destination{},
	}
}

// add begins to send the markers of a transaction; a former job of the id is dropped. It does not
// block.
func (q *markerQueue) add(statePartition int32, m SendMarkers) {
	j := &markerJob{jobKey: jobKey{statePartition, m.TransactionalID}, SendMarkers: m, left: len(m.Partitions)}
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return
	}
	if old := q.jobs[j.jobKey]; old != nil {
		old.dropped = true
	}
	q.jobs[j.jobKey] = j
	done := q.routeLocked(markerPart{j, m.Partitions}, nil)
	if j.left == 0 && len(done) == 0 {
		done = q.doneLocked(j, 0, nil)
	}
	q.mu.Unlock()
	q.tell(done)
}

// drop forgets all jobs of a state partition.
func (q *markerQueue) drop(statePartition int32) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for k, j := range q.jobs {
		if k.statePartition == statePartition {
			j.dropped = true
			delete(q.jobs, k)
		}
	}
}

// routeLocked queues partitions for their leaders. Jobs that are done, because the rest of their
// partitions is gone, are added to done.
func (q *markerQueue) routeLocked(part markerPart, done []*markerJob) []*markerJob {
	var first markerPart // most transactions have all partitions on one broker
	var to int32
	var more map[int32]*markerPart
	var homeless []model.TopicPartition
	gone := 0
	for i, tp := range part.partitions {
		broker, alive, exists := q.cluster.Leader(tp)
		switch {
		case !exists:
			q.logger.WithFields(logrus.Fields{"topic": tp.Topic, "partition": tp.Partition, "transactional_id": part.job.TransactionalID}).
				Info("no marker for a partition that was deleted")
			gone++
		case !alive:
			homeless = append(homeless, tp)
		case first.job == nil:
			to, first = broker, markerPart{part.job, append(make([]model.TopicPartition, 0, len(part.partitions)-i), tp)}
		case to == broker:
			first.partitions = append(first.partitions, tp)
		default:
			if more == nil {
				more = map[int32]*markerPart{}
			}
			if more[broker] == nil {
				more[broker] = &markerPart{job: part.job}
			}
			more[broker].partitions = append(more[broker].partitions, tp)
		}
	}
	if first.job != nil {
		q.queueLocked(to, first)
	}
	for broker, p := range more {
		q.queueLocked(broker, *p)
	}
	if len(homeless) > 0 {
		q.delayLocked(markerPart{part.job, homeless})
	}
	if gone > 0 {
		done = q.doneLocked(part.job, gone, done)
	}
	return done
}

func (q *markerQueue) queueLocked(broker int32, part markerPart) {
	d := q.brokers[broker]
	if d == nil {
		d = &destination{}
		q.brokers[broker] = d
	}
	d.queue = append(d.queue, part)
	if !d.sending && !q.closed {
		d.sending = true
		q.wg.Go(func() { q.send(broker, d) })
	}
}

func (q *markerQueue) delayLocked(part markerPart) {
	q.delayed = append(q.delayed, part)
	q.wake.Ring()
}

// doneLocked notes that n more partitions of a job are done, and adds the job to done if none is
// left.
func (q *markerQueue) doneLocked(j *markerJob, n int, done []*markerJob) []*markerJob {
	j.left -= n
	if j.left > 0 || j.dropped {
		return done
	}
	delete(q.jobs, j.jobKey)
	return append(done, j)
}

func (q *markerQueue) tell(done []*markerJob) {
	for _, j := range done {
		q.written(j.statePartition, &j.SendMarkers)
	}
}

// send is the goroutine that sends what waits for a broker; it ends when nothing does.
func (q *markerQueue) send(broker int32, d *destination) {
	var parts []markerPart
	var markers []Marker
	for {
		q.mu.Lock()
		parts = parts[:0]
		taken := 0
		for taken < len(d.queue) && len(parts) < maxMarkers {
			if part := d.queue[taken]; !part.job.dropped {
				parts = append(parts, part)
			}
			taken++
		}
		if d.queue = d.queue[:copy(d.queue, d.queue[taken:])]; len(d.queue) == 0 && cap(d.queue) > maxMarkers {
			d.queue = nil
		}
		if len(parts) == 0 || q.closed {
			d.sending = false
			q.mu.Unlock()
			return
		}
		q.mu.Unlock()
		markers = markers[:0]
		for _, part := range parts {
			j := part.job
			markers = append(markers, Marker{
				ProducerID: j.ProducerID, Epoch: j.Epoch, CoordinatorEpoch: j.CoordinatorEpoch, Commit: j.Commit, Partitions: part.partitions,
			})
		}
		outcome, err := q.sender.SendMarkers(q.ctx, broker, markers)
		if err != nil {
			q.logger.WithError(err).WithField("destination", broker).Debug("transaction markers not sent, trying again")
		}
		q.mu.Lock()
		var done []*markerJob
		for i, part := range parts {
			if err != nil || i >= len(outcome) {
				q.delayLocked(part)
			} else {
				done = q.outcomeLocked(part, outcome[i], done)
			}
		}
		q.mu.Unlock()
		q.tell(done)
	}
}

// outcomeLocked sorts the partitions of an answered marker.
func (q *markerQueue) outcomeLocked(part markerPart, outcome []*kerr.Error, done []*markerJob) []*markerJob {
	j := part.job
	if j.dropped {
		return done
	}
	written := 0
	var again []model.TopicPartition
	for i, tp := range part.partitions {
		e := kerr.UnknownTopicOrPartition // not in the answer
		if i < len(outcome) {
			e = outcome[i]
		}
		switch e {
		case nil, kerr.UnsupportedForMessageFormat, kerr.UnsupportedVersion:
			written++
		case kerr.InvalidProducerEpoch, kerr.TransactionCoordinatorFenced:
			// Somebody newer coordinates this transaction.
			q.logger.WithFields(logrus.Fields{"topic": tp.Topic, "partition": tp.Partition, "transactional_id": j.TransactionalID,
				"producer_id": j.ProducerID, "coordinator_epoch": j.CoordinatorEpoch}).WithError(e).Warn("transaction markers given up")
			j.dropped = true
			delete(q.jobs, j.jobKey)
			return done
		default:
			if !retriable(e) {
				q.logger.WithFields(logrus.Fields{"topic": tp.Topic, "partition": tp.Partition, "transactional_id": j.TransactionalID}).
					WithError(e).Error("transaction marker refused, trying again")
			}
			again = append(again, tp)
		}
	}
	if len(again) > 0 {
		q.delayLocked(markerPart{j, again})
	}
	return q.doneLocked(j, written, done)
}

// retriable reports whether a partition may take the marker later, at the same or another leader.
func retriable(e *kerr.Error) bool {
	switch e {
	case kerr.UnknownTopicOrPartition, kerr.NotLeaderForPartition, kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend,
		kerr.RequestTimedOut, kerr.KafkaStorageError:
		return true
	}
	return false
}

// run looks again for the leaders of what is delayed, until ctx ends; then it waits for all
// goroutines.
func (q *markerQueue) run(ctx context.Context) error {
	defer func() {
		q.mu.Lock()
		q.closed = true
		q.mu.Unlock()
		q.stop()
		q.wg.Wait()
	}()
	for {
		select {
		case <-q.wake:
		case <-ctx.Done():
			return nil
		}
		changed := q.cluster.Changed()
		t := time.NewTimer(markerRetry)
		select {
		case <-t.C:
		case <-changed:
		case <-ctx.Done():
			t.Stop()
			return nil
		}
		t.Stop()
		q.mu.Lock()
		delayed := q.delayed
		q.delayed = nil
		var done []*markerJob
		for _, part := range delayed {
			if !part.job.dropped {
				done = q.routeLocked(part, done)
			}
		}
		q.mu.Unlock()
		q.tell(done)
	}
}

// stats adds the queue's numbers.
func (q *markerQueue) stats(s *Stats) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, part := range q.delayed {
		s.UnknownDestination += len(part.partitions)
	}
	for _, d := range q.brokers {
		for _, part := range d.queue {
			s.MarkerQueue += len(part.partitions)
		}
	}
}
