package doctor

import (
	"time"

	"momus/internal/model"
)

var transactionRules = []Rule{
	{"transaction.hangs", "partitions whose last stable offset stands still", []Part{Offsets, Records}, hanging},
	{"transaction.open-too-long", "transactions that are open for longer than their time-out", []Part{Transactions}, openTooLong},
}

// abortCheck is how long after its time-out the coordinator may take to abort a transaction:
// transaction.abort.timed.out.transaction.cleanup.interval.ms, and the markers.
const abortCheck = 30 * time.Second

// hanging looks for a last stable offset that does not move, below a record older than any
// transaction may be: no transaction lives longer than transaction.max.timeout.ms, and its
// coordinator aborts it soon after. What is older hangs (KIP-664): its marker went astray, or
// records came after it.
func hanging(s *Snapshot) []Finding {
	longest := 15 * time.Minute // transaction.max.timeout.ms
	if ms, ok := s.config().Int("transaction.max.timeout.ms"); ok {
		longest = lasting(ms, time.Millisecond)
	}
	known := map[model.TopicPartition]bool{}
	for _, t := range s.Transactions {
		for _, tp := range t.Partitions {
			known[tp] = true
		}
	}
	var evidence []string
	s.each(func(_ *Topic, p *Partition, tp model.TopicPartition) {
		if p.Stable < 0 || p.End < 0 || p.Stable >= p.End || p.StableSince.IsZero() {
			return
		}
		// An offset that moved between the looks belongs to a transaction that ended.
		if p.LaterStable > p.Stable || s.Time.Sub(p.StableSince) < longest+abortCheck {
			return
		}
		text := s.say("%s: open since %s ago at offset %d, %d records are held back", tp, s.length(s.Time.Sub(p.StableSince)), p.Stable, max(p.End, p.LaterEnd)-p.Stable)
		if s.Missing[Transactions] == "" && !known[tp] {
			text += s.say("; no coordinator has a transaction there")
		}
		evidence = append(evidence, text)
	})
	return found(evidence, Finding{Severity: Critical, Summary: s.say("The last stable offset of %s stands still.", s.count(len(evidence), "partition")),
		Consequence: s.say("Consumers with isolation.level=read_committed get nothing beyond it, compaction stops there, and the producer state is never forgotten."),
		Cure: s.say("If a transaction is still known, its coordinator aborts it when its time-out is over: a producer with the same transactional.id that starts aborts it at once. If no coordinator has it, it hangs (KIP-664): " +
			"kafka-transactions of Kafka 3.0 aborts such a one in brokers from 2.x on; else the records have to be deleted up to the offset behind it, or expire."),
		Commands: []string{s.command("kafka-topics", "--describe", "--topic", model.TransactionTopic)}})
}

// openTooLong looks at what the coordinator wrote down, hanging at what the partitions hold: the
// first is about coordinators that cannot write their markers.
func openTooLong(s *Snapshot) []Finding {
	var evidence []string
	for _, t := range s.Transactions {
		if t.Started.IsZero() {
			continue
		}
		age := s.Time.Sub(t.Started)
		if age < t.Timeout+abortCheck {
			continue
		}
		text := s.say("%s: %s since %s ago, its time-out is %s; %s", t.ID, t.State, s.length(age), s.length(t.Timeout), s.count(len(t.Partitions), "partition"))
		if len(t.Partitions) > 0 {
			text += " (" + t.Partitions[0].String() + " …)"
		}
		evidence = append(evidence, text)
	}
	return found(evidence, Finding{Severity: Warning, Summary: s.say("%s %s open for longer than allowed.", s.count(len(evidence), "transaction"), has(len(evidence), "is", "are")),
		Consequence: s.say("Consumers with isolation.level=read_committed do not get past them."),
		Cure: s.say("The coordinator aborts them by itself when it can write its markers: see whether the leaders of these partitions are there, and whether __transaction_state has enough replicas in sync. " +
			"A producer with the same transactional.id that starts aborts the transaction at once."),
		Commands: []string{s.command("kafka-topics", "--describe", "--topic", model.TransactionTopic)}})
}
