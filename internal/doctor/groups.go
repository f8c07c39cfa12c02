package doctor

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"momus/internal/model"
)

// keys is maps.Keys under a name that reads well in SortedFunc.
func keys[K comparable, V any](m map[K]V) iter.Seq[K] { return maps.Keys(m) }

var groupRules = []Rule{
	{"group.records-lost", "groups whose next records are deleted already", []Part{Groups, Offsets}, recordsLost},
	{"group.about-to-lose", "groups whose next records will soon be deleted", []Part{Groups, Records, TopicConfigs}, aboutToLose},
	{"group.lag-grows", "groups that fall behind", []Part{Groups, Offsets, SecondSample}, lagGrows},
	{"group.rebalances", "groups that rebalance without end", []Part{Groups}, rebalances},
	{"group.offsets-expire", "groups without members whose offsets are about to be forgotten", []Part{Groups, CommitLog, BrokerConfigs}, offsetsExpire},
	{"group.commits-too-often", "groups that commit for nearly every message", []Part{Groups, CommitLog}, commitsTooOften},
	{"group.idle-members", "groups with members that have no partitions", []Part{Groups}, idleMembers},
}

// groupCommand shows a group's offsets and lag.
func (s *Snapshot) groupCommand(group string) string {
	return s.command("kafka-consumer-groups", "--describe", "--group", group)
}

// recordsLost compares committed offsets with both ends of the log. Below the start, retention (or
// kafka-delete-records) was faster than the group. Beyond the end, the log is another one than that
// of the commit; it must be so at both looks, since an offset that was committed between asking for
// the end and asking for the group is beyond the end too.
func recordsLost(s *Snapshot) []Finding {
	var evidence, commands []string
	for _, g := range s.Groups {
		lost, beyond, records := 0, 0, int64(0)
		var example model.TopicPartition
		for _, o := range g.Offsets {
			p := s.Partition(o.Partition)
			if p == nil || p.Start < 0 || o.Committed < 0 {
				continue
			}
			switch {
			// A partition that is empty now lost nothing that a consumer has still to read.
			case o.Committed < p.Start && p.End > o.Committed:
				lost, records, example = lost+1, records+p.Start-o.Committed, o.Partition
			case p.End >= 0 && p.LaterEnd >= 0 && o.Committed > p.LaterEnd && o.Committed > p.End:
				beyond, example = beyond+1, o.Partition
			}
		}
		if lost > 0 {
			evidence = append(evidence, s.say("%s: %d records in %s were deleted before they were read (%s among them)", g.Name, records, s.count(lost, "partition"), example))
		}
		if beyond > 0 {
			evidence = append(evidence, s.say("%s: in %s the committed offset is behind the end of the log (%s among them)", g.Name, s.count(beyond, "partition"), example))
		}
		if lost+beyond > 0 {
			commands = append(commands, s.groupCommand(g.Name))
		}
	}
	return found(evidence, Finding{Severity: Critical, Summary: s.say("%s have offsets where there are no records.", s.count(len(commands), "group")),
		Consequence: s.say("Their consumers go where auto.offset.reset says: to the end, so that what lies between is never read, or to the beginning, so that all is read again. " +
			"What retention has deleted is lost for them."),
		Cure: s.say("Lengthen retention.ms of the topics, and add consumers. An offset beyond the end comes from a topic that was deleted and created again, or from an unclean election: " +
			"kafka-consumer-groups --reset-offsets --to-earliest sets it right while the group has no members."),
		Commands: firsts(commands)})
}

// aboutToLose looks at the age of the record that the group reads next, against retention.ms of its
// topic: from 80 % on the group has a fifth of the time left. Retention by bytes is not looked at,
// since nobody knows when the bytes will be reached; a retention below a minute is a test.
func aboutToLose(s *Snapshot) []Finding {
	var evidence, commands []string
	for _, g := range s.Groups {
		for _, o := range g.Offsets {
			t := s.Topic(o.Partition.Topic)
			if t == nil || o.Unread.IsZero() {
				continue
			}
			after, ok := s.deletes(t)
			age := s.Time.Sub(o.Unread)
			if !ok || age < after/10*8 || after < time.Minute {
				continue
			}
			evidence = append(evidence, s.say("%s: the next record of %s is %s old, retention.ms is %s", g.Name, o.Partition, s.length(age), s.length(after)))
			if c := s.alterTopic(t.Name, "--add-config", fmt.Sprintf("retention.ms=%d", (after*2).Milliseconds())); !slices.Contains(commands, c) {
				commands = append(commands, c)
			}
		}
	}
	return found(evidence, Finding{Severity: Warning, Summary: s.say("Records will be deleted before a group reads them."),
		Consequence: s.say("What is older than retention.ms goes with its segment, read or not."),
		Cure:        s.say("Let the consumers catch up; until then keep the records for longer."),
		Commands:    firsts(commands)})
}

// Bounds of what is called lag: less is what every consumer has at times.
const (
	minLag    = 1000
	minUnread = time.Minute
)

// lagGrows needs two looks: a lag alone says nothing, it may be what a night's batch is about to
// read. It counts a partition only if all four figures are known, or an end that was not told would
// be a lag that fell.
func lagGrows(s *Snapshot) []Finding {
	var evidence, commands []string
	for _, g := range s.Groups {
		before, after, produced, consumed := int64(0), int64(0), int64(0), int64(0)
		worst := struct {
			lag int64
			tp  model.TopicPartition
		}{}
		oldest := time.Duration(0)
		for _, o := range g.Offsets {
			p := s.Partition(o.Partition)
			if p == nil || p.End < 0 || p.LaterEnd < 0 || o.LaterCommitted < 0 || o.Committed < 0 {
				continue
			}
			was, is := max(0, p.End-o.Committed), max(0, p.LaterEnd-o.LaterCommitted)
			before, after = before+was, after+is
			produced, consumed = produced+p.LaterEnd-p.End, consumed+o.LaterCommitted-o.Committed
			if is > worst.lag {
				worst.lag, worst.tp = is, o.Partition
			}
			if !o.Unread.IsZero() {
				oldest = max(oldest, s.Time.Sub(o.Unread))
			}
		}
		// Between two commits every lag grows: what counts is that it was large before, or old.
		if after <= before || before < minLag && oldest < minUnread {
			continue
		}
		text := s.say("%s: %d records behind, %d more than %s before (%d produced, %d consumed)", g.Name, after, after-before, s.length(s.Window), produced, consumed)
		if len(g.Members) == 0 {
			text += s.say("; it has no members")
		}
		if oldest > 0 {
			text += s.say("; the oldest record it has not read is %s old", s.length(oldest))
		}
		evidence = append(evidence, text, s.say("%s: most of it in %s, %d", g.Name, worst.tp, worst.lag))
		commands = append(commands, s.groupCommand(g.Name))
	}
	return found(evidence, Finding{Severity: Warning, Summary: s.say("%s %s behind and %s further.", s.count(len(commands), "group"), has(len(commands), "is", "are"), has(len(commands), "falls", "fall")),
		Consequence: s.say("What they make of the records comes later and later, and in the end the records are deleted unread."),
		Cure:        s.say("Start more consumers, up to one a partition, or make what they do with a record faster; if one partition has most of the lag, its keys are too frequent or its consumer hangs. A group that is not used any more: delete it."),
		Commands:    firsts(commands)})
}

// Bounds of what is called a group that rebalances without end.
const (
	manyGenerations = 5
	shortTime       = 10 * time.Minute
	// A rebalance takes up to group.initial.rebalance.delay.ms, three seconds, in a healthy group.
	longRebalance = 4 * time.Second
)

// rebalances has two ways to see: new generations in __consumer_offsets, of which five within ten
// minutes are more than any deployment in turn makes, and a group that was not stable at either
// look.
func rebalances(s *Snapshot) []Finding {
	var evidence, commands []string
	for _, g := range s.Groups {
		text := ""
		if g.Commits != nil && len(g.Commits.Generations) >= manyGenerations {
			last := g.Commits.Generations[len(g.Commits.Generations)-manyGenerations:]
			// It must be going on: what ended a while ago needs no cure.
			if span, since := last[manyGenerations-1].Sub(last[0]), s.Time.Sub(last[manyGenerations-1]); span < shortTime && since < shortTime {
				text = s.say("%s: %d generations within %s, the last %s ago", g.Name, manyGenerations, s.length(span), s.length(since))
			}
		}
		if text == "" && s.Window >= longRebalance && unstable(g.State) && unstable(g.LaterState) {
			text = s.say("%s: %s, and %s after %s", g.Name, g.State, g.LaterState, s.length(s.Window))
		}
		if text == "" {
			continue
		}
		evidence = append(evidence, text+s.say("; %s", s.count(len(g.Members), "member")))
		commands = append(commands, s.command("kafka-consumer-groups", "--describe", "--group", g.Name, "--members", "--verbose"))
	}
	return found(evidence, Finding{Severity: Warning, Summary: s.say("%s %s over and over.", s.count(len(evidence), "group"), has(len(evidence), "rebalances", "rebalance")),
		Consequence: s.say("Nobody reads while it lasts, and records are read twice after each."),
		Cure: s.say("Consumers leave because they do not poll for longer than max.poll.interval.ms (raise it, or lower max.poll.records), because they are restarted in turn (group.instance.id and a longer " +
			"session.timeout.ms spare that), or because they are killed: their logs say which."),
		Commands: firsts(commands)})
}

// unstable tells that a group is in the middle of a rebalance. AwaitingSync is what older brokers
// call CompletingRebalance.
func unstable(state string) bool {
	return state == "PreparingRebalance" || state == "CompletingRebalance" || state == "AwaitingSync"
}

// expiryShare is the share of offsets.retention.minutes from which on a group is worth a word, in
// percent.
const expiryShare = 70

// offsetsExpire is about groups without members (KIP-211: the time begins when the last member
// leaves). Brokers before 2.1 count from each commit instead, which comes earlier, never later.
func offsetsExpire(s *Snapshot) []Finding {
	minutes, ok := s.config().Int("offsets.retention.minutes")
	if !ok {
		return nil
	}
	retention := lasting(minutes, time.Minute)
	var evidence, commands []string
	for _, g := range s.Groups {
		if g.State != "Empty" || len(g.Offsets) == 0 || g.Commits == nil {
			continue
		}
		last, atLeast := time.Time{}, ""
		for _, t := range g.Commits.Last {
			if t.After(last) {
				last = t
			}
		}
		for _, t := range g.Commits.Generations { // the last one is that without members
			if t.After(last) {
				last = t
			}
		}
		// Nothing of the group was in what was read: it is at least as old as that.
		if last.IsZero() {
			last, atLeast = g.Commits.Since, s.say("at least ")
		}
		if age := s.Time.Sub(last); !last.IsZero() && age > retention/100*expiryShare {
			evidence = append(evidence, s.say("%s: no members, last seen %s%s ago; offsets.retention.minutes is %d (%s)", g.Name, atLeast, s.length(age), minutes, s.length(retention)))
			commands = append(commands, s.groupCommand(g.Name))
		}
	}
	return found(evidence, Finding{Severity: Warning, Summary: s.say("The offsets of %s are about to expire.", s.count(len(evidence), "group")),
		Consequence: s.say("When its consumers come back they begin where auto.offset.reset says: records are left out or read again."),
		Cure: s.say("Start its consumers, or raise offsets.retention.minutes in server.properties of all brokers (10080 since Kafka 2.0) and restart them. A group that is not used any more goes with kafka-consumer-groups --delete, " +
			"or by itself."),
		Commands: firsts(commands)})
}

// Bounds of what is called committing too often.
const (
	manyCommits   = 50
	commitsMinGap = 200 * time.Millisecond
)

// commitsTooOften counts the commits of one partition in the end of __consumer_offsets. Fifty are
// needed, so that a few quick commits at a start or a stop do not look like a habit.
func commitsTooOften(s *Snapshot) []Finding {
	var evidence, commands []string
	for _, g := range s.Groups {
		if g.Commits == nil {
			continue
		}
		most := 0
		var where model.TopicPartition
		for _, tp := range slices.SortedFunc(keys(g.Commits.Count), model.TopicPartition.Compare) {
			if n := g.Commits.Count[tp]; n > most {
				most, where = n, tp
			}
		}
		if most < manyCommits {
			continue
		}
		span := g.Commits.Last[where].Sub(g.Commits.First[where])
		if span <= 0 || span/time.Duration(most) >= commitsMinGap {
			continue
		}
		evidence = append(evidence, s.say("%s: %d commits for %s within %s, %.0f a second", g.Name, most, where, s.length(span), float64(most)/span.Seconds()))
		commands = append(commands, s.groupCommand(g.Name))
	}
	return found(evidence, Finding{Severity: Advice, Summary: s.say("%s %s very often.", s.count(len(evidence), "group"), has(len(evidence), "commits", "commit")),
		Consequence: s.say("Each commit is a record in __consumer_offsets, written to all its replicas: the consumer waits for it, and the coordinator's broker and the cleaner work for nothing."),
		Cure:        s.say("Commit once for each batch that poll returns, or every few seconds (auto.commit.interval.ms), not for each record."),
		Commands:    firsts(commands)})
}

// idleMembers leaves out groups that rebalance, whose members have nothing yet, and groups of
// Connect and the like, whose assignments are not of partitions.
func idleMembers(s *Snapshot) []Finding {
	var evidence, commands []string
	for _, g := range s.Groups {
		if g.State != "Stable" || g.Type != "consumer" {
			continue
		}
		idle, example := 0, ""
		for _, m := range g.Members {
			if m.Assigned == 0 {
				idle++
				example = s.say("%s at %s", m.Client, m.Host)
			}
		}
		if idle == 0 {
			continue
		}
		evidence = append(evidence, s.say("%s: %d of %s, such as %s", g.Name, idle, s.count(len(g.Members), "member"), example))
		commands = append(commands, s.command("kafka-consumer-groups", "--describe", "--group", g.Name, "--members", "--verbose"))
	}
	return found(evidence, Finding{Severity: Advice, Summary: s.say("%s %s members that have no partitions.", s.count(len(evidence), "group"), has(len(evidence), "has", "have")),
		Consequence: s.say("They do nothing but wait for another member to fail: more consumers than partitions do not read faster."),
		Cure:        s.say("Stop them, or give the topics more partitions (records with a key go elsewhere from then on)."),
		Commands:    firsts(commands)})
}
