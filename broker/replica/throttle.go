package replica

import (
	"slices"
	"time"

	"momus/broker/quota"
	"momus/configs"
	"momus/storage/log"
)

// throttles bound replication of the partitions that the topics' lists of throttled replicas name (protocol.md 14.2).
type throttles struct {
	leader, follower *quota.Replication
}

func newThrottles(c *configs.Broker) throttles {
	window := time.Duration(c.ReplicationQuotaWindowSizeSeconds) * time.Second
	return throttles{
		leader:   quota.NewReplication(int(c.ReplicationQuotaWindowNum), window),
		follower: quota.NewReplication(int(c.ReplicationQuotaWindowNum), window),
	}
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
	return p.m.throttles.leader.Exceeded(p.m.now(), p.m.opts.Config().LeaderReplicationThrottledRate)
}

// followerThrottled tells whether a partition that lags behind is not fetched for now.
func (f *fetcher) followerThrottled(s *fetching, now time.Time) bool {
	if s.caughtUp {
		return false
	}
	l := s.p.Log()
	return l != nil && s.p.throttled(l).follower && f.m.throttles.follower.Exceeded(now, f.m.opts.Config().FollowerReplicationThrottledRate)
}
