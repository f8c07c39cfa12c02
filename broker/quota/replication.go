package quota

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Replication bounds the bytes of throttled partitions in one direction of replication (KIP-73). It
// is safe for concurrent use.
type Replication struct {
	mu   sync.Mutex
	rate *Rate
}

// NewReplication measures over replication.quota.window.num samples of
// replication.quota.window.size.seconds.
func NewReplication(samples int, window time.Duration) *Replication {
	return &Replication{rate: NewRate(samples, window)}
}

// Record counts bytes of throttled partitions.
func (q *Replication) Record(now time.Time, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.rate.Record(now, float64(bytes))
}

// Exceeded tells whether more than limit bytes a second have passed.
func (q *Replication) Exceeded(now time.Time, limit int64) bool {
	return q.PerSecond(now) > float64(limit)
}

// PerSecond is the rate in bytes at now.
func (q *Replication) PerSecond(now time.Time) float64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.rate.PerSecond(now)
}

// Throttled tells whether a list of throttled replicas ("partition:broker", or "*" for all) names
// the partition on the broker.
func Throttled(replicas []string, partition, broker int32) bool {
	if len(replicas) == 0 {
		return false
	}
	if len(replicas) == 1 && strings.TrimSpace(replicas[0]) == "*" {
		return true
	}
	want := strconv.Itoa(int(partition)) + ":" + strconv.Itoa(int(broker))
	return slices.ContainsFunc(replicas, func(s string) bool { return strings.TrimSpace(s) == want })
}
