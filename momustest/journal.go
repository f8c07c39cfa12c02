package momustest

import (
	"time"

	"momus/internal/journal"
)

// Event is one thing that a broker did or noticed, as its journal has it: an election, a change of
// in-sync replicas, a rebalance, a lost session.
type Event struct {
	Time   time.Time
	Broker int // the one that recorded it
	// Kind is what happened, in the words of momus why --json, such as leader-elected.
	Kind string
	// Subject is the topic, group, transactional id or directory that it is about, "" for none.
	Subject string
	// Partition counts only where Kind is about one.
	Partition int32
	// Text is a sentence that tells it.
	Text string
}

// Journal is what all brokers have recorded since the cluster began, through all their lives, in
// the order of time. Each keeps its last few thousand entries.
func (c *Cluster) Journal() []Event {
	c.mu.Lock()
	var all [][]journal.Entry
	for _, n := range c.nodes {
		entries, _ := n.journal.Since(0)
		all = append(all, entries)
	}
	c.mu.Unlock()
	var out []Event
	for _, e := range journal.NewHistory(all...).Entries() {
		out = append(out, Event{Time: e.Time, Broker: int(e.Broker), Kind: e.Kind.String(), Subject: e.Name, Partition: e.Partition, Text: e.Sentence(journal.English)})
	}
	return out
}
