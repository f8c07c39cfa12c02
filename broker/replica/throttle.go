package replica

import (
	"slices"
	"time"

	"momus/broker/quota"
	"momus/configs"
	"momus/storage/log"
)

// throttles bound replication of the partitions that the topics' lists of throttled replicas name
// (KIP-73). moves are those of replicas between log directories, which pay before they copy; only
// their rate is kept here.
type throttles struct {
	leader, follower, moves *quota.Replication
}

// newThrottles makes the three quotas; their windows do not change while the broker runs, as in
// Kafka.
func newThrottles(s Settings) throttles {
	window := time.Duration(s.RateWindowSeconds) * time.Second
	return throttles{
		leader:   quota.NewReplication(int(s.RateWindows), window),
		follower: quota.NewReplication(int(s.RateWindows), window),
		moves:    quota.NewReplication(int(s.MoveWindows), time.Duration(s.MoveWindowSeconds)*time.Second),
	}
}

// ThrottleRates are the bytes a second of the throttled replicas that this broker sends as leader
// and fetches as follower, and of replicas that it moves between its directories.
type ThrottleRates struct {
	Leader, Follower, Moves float64
}

// ThrottleRates measures over the windows of the quotas.
func (m *Manager) ThrottleRates() ThrottleRates {
	now := m.now()
	return ThrottleRates{m.throttles.leader.PerSecond(now), m.throttles.follower.PerSecond(now), m.throttles.moves.PerSecond(now)}
}

// throttled remembers what the lists of a topic's configuration say about one replica.
type throttled struct {
	config           *configs.Topic
	leader, follower bool
}

// throttled tells whether this replica is throttled as leader and as follower.
func (p *Partition) throttled(l *log.Log) *throttled {
	c := l.Config()
	t := p.throttledBy.Load()
	if t == nil || t.config != c {
		t = &throttled{
			config:   c,
			leader:   quota.Throttled(c.LeaderReplicationThrottledReplicas, p.tp.Partition, p.m.id),
			follower: quota.Throttled(c.FollowerReplicationThrottledReplicas, p.tp.Partition, p.m.id),
		}
		p.throttledBy.Store(t)
	}
	return t
}

// leaderThrottled tells whether a follower out of sync gets nothing of the partition for now.
func (p *Partition) leaderThrottled(r *role, follower int32) bool {
	if !p.throttled(r.log).leader || slices.Contains(r.isr, follower) {
		return false
	}
	return p.m.throttles.leader.Exceeded(p.m.now(), p.m.opts.Settings().LeaderRate)
}

// followerThrottled tells whether a partition that lags behind is not fetched for now.
func (f *fetcher) followerThrottled(s *fetching, now time.Time) bool {
	if s.caughtUp {
		return false
	}
	l := s.p.Log()
	return l != nil && s.p.throttled(l).follower && f.m.throttles.follower.Exceeded(now, f.m.opts.Settings().FollowerRate)
}
