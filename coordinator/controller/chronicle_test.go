package controller

import (
	"testing"

	"momus/internal/journal"
	"momus/internal/model"
)

// A controller that takes over takes the broker that is gone out of the in-sync replicas, and with
// that out of the leadership, before it elects: the election still follows that broker, because it is
// gone.
func TestAnElectionFollowsTheLeaderThatATakeoverRemoved(t *testing.T) {
	c := &core{history: chronicle{j: journal.New(nil), gone: map[int32]uint64{}}}
	c.history.begin()
	c.history.gone[1] = c.note(journal.Entry{Kind: journal.BrokerDown, About: 1, Reason: journal.MetadataLoad})
	p := &partition{TopicPartition: model.TopicPartition{Topic: "orders"}}
	change := func(leader int32, isr ...int32) (before model.LeaderAndISR) {
		if p.leadership != nil {
			before = *p.leadership
		}
		p.leadership = &model.LeaderAndISR{Leader: leader, ISR: isr}
		return before
	}
	change(1, 1, 2)
	c.sawOutOfSync(p, 1, change(model.NoLeader, 2))
	elect := func(leader int32) journal.Entry {
		before := change(leader, 2)
		c.sawElection(p, &before, offlineStrategy, false)
		all, _ := c.history.j.Since(0)
		return all[len(all)-1]
	}
	if e := elect(2); e.Reason != journal.LeaderGone || e.Number != 1 || e.Cause != c.history.gone[1] {
		t.Errorf("%s, cause %d", e.Sentence(journal.English), e.Cause)
	}
	// Without anybody who could lead it has no leader, as long as nobody is back.
	c.sawOutOfSync(p, 2, change(model.NoLeader, 2))
	c.sawOffline(p, *p.leadership)
	all, _ := c.history.j.Since(0)
	if e := all[len(all)-1]; e.Kind != journal.PartitionOffline || e.Number != 2 {
		t.Errorf("%+v", e)
	}
	if e := elect(2); e.Reason != journal.BrokerBack || e.Number != int64(model.NoLeader) {
		t.Error(e.Sentence(journal.English))
	}
}
