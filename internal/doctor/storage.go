package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"momus/internal/model"
)

var storageRules = []Rule{
	{"logdir.offline", "log directories that have failed", []Part{LogDirs}, dirsOffline},
	{"logdir.full", "log directories whose file system is nearly full", []Part{LogDirs}, dirsFull},
	{"logdir.uneven", "log directories of one broker with very different sizes", []Part{LogDirs}, dirsUneven},
	{"logdir.orphans", "replicas on disk that the cluster does not know", []Part{LogDirs}, orphans},
	{"logdir.move-stuck", "moves between log directories that do not get on", []Part{LogDirs, SecondSample}, movesStuck},
	{"retention.future-timestamps", "records with times in the future, which retention never reaches", []Part{Timestamps}, futureTimestamps},
	{"retention.never-deletes", "records far older than retention.ms", []Part{Timestamps, TopicConfigs}, neverDeletes},
	{"compaction.off", "compacted topics in a cluster whose cleaner is off", []Part{BrokerConfigs, TopicConfigs}, cleanerOff},
	{"compaction.never-ran", "compacted topics whose first records were never compacted", []Part{Records, TopicConfigs}, neverCompacted},
	{"compaction.uncleanable", "partitions that the cleaner gave up", []Part{Metrics}, uncleanable},
}

// dirs calls fn for every log directory, in order.
func (s *Snapshot) dirs(fn func(b *Broker, d *Dir)) {
	for _, b := range s.Brokers {
		for i := range b.Dirs {
			fn(b, &b.Dirs[i])
		}
	}
}

// dirsOffline relies on KIP-112: the broker goes on with its other directories, and only
// DescribeLogDirs shows that one has failed.
func dirsOffline(s *Snapshot) []Finding {
	var evidence []string
	s.dirs(func(b *Broker, d *Dir) {
		if d.Failed {
			evidence = append(evidence, s.say("broker %d: %s", b.ID, d.Path))
		}
	})
	return found(evidence, Finding{Severity: Critical, Summary: s.say("%s %s failed.", s.count(len(evidence), "log directory"), has(len(evidence), "has", "have")),
		Consequence: s.say("The replicas there are offline until the broker is restarted with a disk that works."),
		Cure:        s.say("See in the broker's log which I/O error it was; repair or replace the disk and restart the broker, or take the directory out of log.dirs: the replicas are then made anew in the others."),
		Commands:    []string{s.command("kafka-log-dirs", "--describe")}})
}

// Shares of a file system that may be used, in percent.
const (
	fullWarning  = 85
	fullCritical = 95
)

// dirsFull counts what the broker's user may use, without the blocks that are kept for root. It is
// silent where the size is not known: only brokers from 3.3 on tell it (KIP-827), and the machine
// that the doctor runs on.
func dirsFull(s *Snapshot) []Finding {
	var evidence []string
	worst := Warning
	s.dirs(func(b *Broker, d *Dir) {
		if d.Total <= 0 || d.Usable < 0 {
			return
		}
		used := 100 - int(d.Usable*100/d.Total)
		if used < fullWarning {
			return
		}
		if used >= fullCritical {
			worst = Critical
		}
		text := s.say("broker %d: %s is %d%% full, %s of %s left", b.ID, d.Path, used, size(d.Usable), size(d.Total))
		if large := largest(d); large != "" {
			text += s.say("; the largest are %s", large)
		}
		evidence = append(evidence, text)
	})
	return found(evidence, Finding{Severity: worst, Summary: s.say("A log directory is nearly full."),
		Consequence: s.say("When the disk is full the directory fails, and all its replicas are offline."),
		Cure:        s.say("Shorten retention.ms or set retention.bytes of the largest topics (the disk is freed within log.retention.check.interval.ms and log.segment.delete.delay.ms), move replicas away, or enlarge the disk. Never delete files by hand."),
		Commands:    []string{s.command("kafka-log-dirs", "--describe")}})
}

// largest names the three topics with the most bytes in a directory. They are what one can shorten
// or move with an effect. Ties are in the order of names.
func largest(d *Dir) string {
	by := map[string]int64{}
	for tp, r := range d.Replicas {
		by[tp.Topic] += r.Size
	}
	names := sortedKeys(by)
	slices.SortStableFunc(names, func(a, b string) int { return int(min(1, max(-1, by[b]-by[a]))) })
	var out []string
	for _, n := range names[:min(3, len(names))] {
		out = append(out, fmt.Sprintf("%s (%s)", n, size(by[n])))
	}
	return strings.Join(out, ", ")
}

// dirsUneven asks for a difference of 1 GiB at least, as byteSkew does. Directories that have
// failed do not count: they have no size.
func dirsUneven(s *Snapshot) []Finding {
	var evidence []string
	for _, b := range s.Brokers {
		load := map[int32]int64{}
		for i := range b.Dirs {
			if !b.Dirs[i].Failed {
				load[int32(i)] = b.Dirs[i].Size()
			}
		}
		worst, mean := skewed(load, 1<<30)
		for _, i := range worst {
			evidence = append(evidence, s.say("broker %d: %s has %s, %s on average", b.ID, b.Dirs[i].Path, size(load[i]), size(mean)))
		}
	}
	return found(evidence, Finding{Severity: Advice, Summary: s.say("The log directories of a broker are filled unevenly."),
		Consequence: s.say("Kafka puts a new partition where there are the fewest, not where there is room: one disk is full first."),
		Cure:        s.say("Move large partitions to another directory of the broker: a reassignment with log_dirs."),
		Commands:    []string{s.command("kafka-log-dirs", "--describe")}})
}

// orphans are replicas on disk of a broker that they are not assigned to. A topic that was just
// created or is about to go is none: the brokers hear of both later than ZooKeeper. There is no
// command: to remove the wrong directory loses records for good, and a person has to look first.
func orphans(s *Snapshot) []Finding {
	var evidence []string
	bytes := int64(0)
	s.dirs(func(b *Broker, d *Dir) {
		for _, tp := range slices.SortedFunc(keys(d.Replicas), model.TopicPartition.Compare) {
			p := s.Partition(tp)
			if p != nil && slices.Contains(p.Replicas, b.ID) {
				continue
			}
			if s.ZooKeeper != nil {
				if _, known := s.ZooKeeper.Topics[tp.Topic]; known && p == nil {
					continue // the brokers have not heard of it yet
				}
				if _, going := s.ZooKeeper.Deletions[tp.Topic]; going {
					continue
				}
			}
			why := s.say("there is no such topic")
			if p != nil {
				why = s.say("its replicas are %s", s.ids(p.Replicas))
			} else if s.Topic(tp.Topic) != nil {
				why = s.say("the topic has no such partition")
			}
			bytes += d.Replicas[tp].Size
			evidence = append(evidence, s.say("broker %d: %s in %s, %s: %s", b.ID, tp, d.Path, size(d.Replicas[tp].Size), why))
		}
	})
	return found(evidence, Finding{Severity: Warning, Summary: s.say("%s %s on disk that nobody owns (%s).", s.count(len(evidence), "replica"), has(len(evidence), "is", "are"), size(bytes)),
		Consequence: s.say("They take room for ever; and if a topic of that name is created again, their old records come back to life in it."),
		Cure: s.say("They were left when the broker was down while the topic was deleted or moved. Check that nobody misses them, stop the broker, remove these directories (only these), start it again. " +
			"If the whole topic is missing from a chroot by mistake, see zookeeper.connect first.")})
}

// movesStuck compares the lag of the future replica behind the current one at both looks (KIP-113).
func movesStuck(s *Snapshot) []Finding {
	var evidence []string
	s.dirs(func(b *Broker, d *Dir) {
		for _, tp := range slices.SortedFunc(keys(d.Replicas), model.TopicPartition.Compare) {
			if r := d.Replicas[tp]; r.Future && r.LaterLag >= r.Lag && r.LaterLag > 0 {
				evidence = append(evidence, s.say("broker %d: %s into %s, %d records behind and no fewer after %s", b.ID, tp, d.Path, r.LaterLag, s.length(s.Window)))
			}
		}
	})
	return found(evidence, Finding{Severity: Warning, Summary: s.say("A move between log directories does not get on."),
		Consequence: s.say("The partition takes room twice until it ends."),
		Cure:        s.say("Raise or remove replica.alter.log.dirs.io.max.bytes.per.second of the broker, and see its log for errors of the target directory."),
		Commands:    []string{s.command("kafka-configs", "--describe", "--entity-type", "brokers", "--entity-default")}})
}

// deletes tells that a topic's old records are deleted, and after which time; less than 0 for never.
func (s *Snapshot) deletes(t *Topic) (after time.Duration, ok bool) {
	policy, known := s.setting(t, "cleanup.policy")
	ms, knows := s.number(t, "retention.ms")
	if !known || !knows || !strings.Contains(policy, "delete") || ms < 0 {
		return 0, false
	}
	return lasting(ms, time.Millisecond), true
}

// lasting is a setting as a duration: at most a hundred years, which a time.Duration can hold; more
// is for ever too.
func lasting(n int64, unit time.Duration) time.Duration {
	const most = 100 * 365 * 24 * time.Hour
	return time.Duration(min(n, int64(most/unit))) * unit
}

// futureTimestamps leaves out topics that are compacted only: nothing of them is deleted by time.
func futureTimestamps(s *Snapshot) []Finding {
	var evidence, commands []string
	s.each(func(t *Topic, p *Partition, tp model.TopicPartition) {
		if p.Future.IsZero() || t.Internal {
			return
		}
		if policy, ok := s.setting(t, "cleanup.policy"); ok && !strings.Contains(policy, "delete") {
			return
		}
		evidence = append(evidence, s.say("%s: the record at offset %d is from %s", tp, p.FutureOffset, moment(p.Future)))
		c := s.alterTopic(t.Name, "--add-config", "message.timestamp.type=LogAppendTime")
		if !slices.Contains(commands, c) {
			commands = append(commands, c)
		}
	})
	return found(evidence, Finding{Severity: Warning, Summary: s.say("%s %s records from the future.", s.count(len(evidence), "partition"), has(len(evidence), "has", "have")),
		Consequence: s.say("A segment is deleted when its newest record is old enough: these, and all segments behind them, stay until then. Look-ups by time go wrong."),
		Cure: s.say("Usually a producer sends seconds or microseconds instead of milliseconds, or its clock is wrong: repair it. LogAppendTime (or a small message.timestamp.difference.max.ms) keeps it from happening again. " +
			"What is there goes by retention.bytes, or by kafka-delete-records."),
		Commands: firsts(commands)})
}

// neverDeletes compares the age of a partition's first record with the time at which it must be
// gone. It leaves out what is kept for ever, partitions of whose first record no time is known, and
// internal topics. A quarter is added: the check runs every few minutes, and a segment rolls when a
// record comes.
func neverDeletes(s *Snapshot) []Finding {
	var evidence []string
	s.each(func(t *Topic, p *Partition, tp model.TopicPartition) {
		after, ok := s.deletes(t)
		if !ok || p.Oldest.IsZero() || t.Internal {
			return
		}
		// segment.ms may be absurdly large for "never"; the default is a better guess than that.
		roll, ok := s.number(t, "segment.ms")
		if !ok || roll < 0 || roll > 10*365*24*3600*1000 {
			roll = 7 * 24 * 3600 * 1000
		}
		// A segment goes when its newest record is old enough, and takes segment.ms to be filled.
		due := after + time.Duration(roll)*time.Millisecond + 30*time.Minute
		if age := s.Time.Sub(p.Oldest); age > due+due/4 {
			text := s.say("%s: the first record is %s old, retention.ms is %s, segment.ms %s", tp, s.length(age), s.length(after), s.length(time.Duration(roll)*time.Millisecond))
			if !p.Future.IsZero() {
				text += s.say("; there are records from the future")
			}
			evidence = append(evidence, text)
		}
	})
	return found(evidence, Finding{Severity: Warning, Summary: s.say("Retention does not delete in %s.", s.count(len(evidence), "partition")),
		Consequence: s.say("The disk fills with what ought to be gone, which may also be a matter of law."),
		Cure: s.say("Look for records with times in the future in the same segments (retention.future-timestamps), for a broker whose log.retention.check.interval.ms is very long, and " +
			"in its log for errors of deletion. kafka-delete-records deletes up to an offset at once."),
		Commands: []string{s.command("kafka-configs", "--describe", "--entity-type", "topics")}})
}

// compacted are the topics with compaction.
func (s *Snapshot) compacted() (topics []*Topic) {
	for _, t := range s.Topics {
		if policy, ok := s.setting(t, "cleanup.policy"); ok && strings.Contains(policy, "compact") {
			topics = append(topics, t)
		}
	}
	return topics
}

// cleanerOff needs a topic that is compacted; __consumer_offsets is one, as soon as there is a
// group.
func cleanerOff(s *Snapshot) []Finding {
	var off []int32
	for _, b := range s.Brokers {
		if b.Config.False("log.cleaner.enable") {
			off = append(off, b.ID)
		}
	}
	topics := s.compacted()
	if off == nil || len(topics) == 0 {
		return nil
	}
	evidence := []string{s.say("log.cleaner.enable=false on %s", s.brokers(off))}
	for _, t := range topics {
		evidence = append(evidence, s.say("compacted: %s", t.Name))
	}
	return []Finding{{Severity: Warning, Summary: s.say("The log cleaner is off, and there are compacted topics."), Evidence: evidence,
		Consequence: s.say("They grow for ever, __consumer_offsets among them: a broker that becomes coordinator has to read all of it first."),
		Cure:        s.say("Set log.cleaner.enable=true in server.properties (it is the default) and restart the brokers.")}}
}

// slowCleaner is how old dirty records must be before a cleaner that has not come is worth a word.
const slowCleaner = 30 * time.Minute

// neverCompacted reads the first records, which are the oldest: if keys come again among them that
// are old enough, no cleaner has been there. Records without a key say the same: a broker refuses
// them in a compacted topic and its cleaner drops them, so that those that are left are from before
// the topic was one, and no cleaner has come since.
func neverCompacted(s *Snapshot) []Finding {
	var evidence []string
	for _, t := range s.compacted() {
		segment, ok := s.number(t, "segment.bytes")
		if !ok {
			continue
		}
		for _, p := range t.Partitions {
			tp := model.TopicPartition{Topic: t.Name, Partition: p.ID}
			if p.Head == nil || p.Head.Records == 0 {
				continue
			}
			if p.Head.Without > 0 {
				evidence = append(evidence, s.say("%s: %d of the first %d records have no key", tp, p.Head.Without, p.Head.Records))
				continue
			}
			bytes := int64(0)
			s.dirs(func(_ *Broker, d *Dir) { bytes = max(bytes, d.Replicas[tp].Size) })
			// Three segments: the cleaner never touches the active one, and begins when half of the
			// rest is dirty (min.cleanable.dirty.ratio).
			if p.Head.Repeated == 0 || bytes < 3*segment || s.Time.Sub(p.Head.Last) < slowCleaner {
				continue
			}
			if lag, ok := s.number(t, "min.compaction.lag.ms"); ok && s.Time.Sub(p.Head.Last).Milliseconds() < lag {
				continue
			}
			evidence = append(evidence, s.say("%s: of the first %d records, %s old and older, %d have keys that come again (%s), and the log has %d segments' worth of bytes",
				tp, p.Head.Records, s.length(s.Time.Sub(p.Head.Last)), p.Head.Repeated, p.Head.Example, bytes/segment))
		}
	}
	return found(evidence, Finding{Severity: Warning, Summary: s.say("Compaction does not run in some partitions."),
		Consequence: s.say("The log grows without end, and whoever reads it from the beginning takes ever longer."),
		Cure: s.say("See log-cleaner.log of the leader: a cleaner thread that died (restart the broker), an uncleanable partition, a log.cleaner.dedupe.buffer.size too small for the segments, or " +
			"max.compaction.lag.ms and min.cleanable.dirty.ratio that keep it from starting."),
		Commands: []string{s.command("kafka-configs", "--describe", "--entity-type", "topics")}})
}

// uncleanable is only in the metrics: a partition that the cleaner failed on is left alone from
// then on (KIP-346), and no API tells which.
func uncleanable(s *Snapshot) []Finding {
	var evidence []string
	for _, page := range s.Pages {
		for _, m := range page.Metrics {
			if m.Name == "kafka_log_logcleanermanager_uncleanable_partitions_count" && m.Value > 0 {
				evidence = append(evidence, s.say("%s: %s in %s", page.From, s.count(int(m.Value), "partition"), m.Labels["logDirectory"]))
			}
		}
	}
	return found(evidence, Finding{Severity: Warning, Summary: s.say("The log cleaner has given partitions up as uncleanable."),
		Consequence: s.say("They grow without end."),
		Cure:        s.say("Its log names the partitions and the reason, usually a damaged segment. If another replica is whole: stop the broker, remove the partition's directory, start it again.")})
}
