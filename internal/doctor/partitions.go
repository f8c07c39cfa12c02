package doctor

import (
	"fmt"
	"slices"
	"strings"

	"momus/internal/model"
)

var partitionRules = []Rule{
	{"partition.offline", "partitions without a leader", nil, offline},
	{"partition.under-min-isr", "partitions with fewer in-sync replicas than min.insync.replicas", []Part{TopicConfigs}, underMinISR},
	{"partition.under-replicated", "partitions with replicas out of sync, and what these have in common", nil, underReplicated},
	{"internal.not-creatable", "internal topics that cannot be created because they want more replicas than there are brokers", []Part{BrokerConfigs}, notCreatable},
	{"internal.replication", "internal topics with too few replicas", nil, internalReplication},
	{"replication.single", "topics with one replica in a cluster of several brokers", nil, singleReplica},
	{"replication.min-isr-full", "topics whose min.insync.replicas leaves no room for a failure", []Part{TopicConfigs}, minISRFull},
	{"replication.min-isr-one", "replicated topics whose acks=all may mean the leader alone", []Part{TopicConfigs}, minISROne},
	{"leader.not-preferred", "leaders away from the preferred replica", nil, notPreferred},
	{"skew.leaders", "brokers that lead far more partitions than others", nil, leaderSkew},
	{"skew.partitions", "brokers that hold far more replicas than others", nil, replicaSkew},
	{"skew.bytes", "brokers that hold far more bytes than others", []Part{LogDirs}, byteSkew},
	{"rack.partial", "brokers with and without a rack in one cluster", nil, rackPartial},
	{"rack.one", "topics with all replicas in one of several racks", nil, rackOne},
}

// each calls fn for every partition, in order. The order is that of the snapshot, by name and id,
// so that evidence has it too.
func (s *Snapshot) each(fn func(t *Topic, p *Partition, tp model.TopicPartition)) {
	for _, t := range s.Topics {
		for _, p := range t.Partitions {
			fn(t, p, model.TopicPartition{Topic: t.Name, Partition: p.ID})
		}
	}
}

func (s *Snapshot) partitions() (n int) {
	for _, t := range s.Topics {
		n += len(t.Partitions)
	}
	return n
}

// common are the brokers that are in all of the sets. Five hundred partitions without a leader
// usually have one broker as their cause: this finds it.
func common(sets [][]int32) (shared []int32) {
	if len(sets) == 0 {
		return nil
	}
	shared = slices.Clone(sets[0])
	for _, set := range sets[1:] {
		shared = slices.DeleteFunc(shared, func(id int32) bool { return !slices.Contains(set, id) })
	}
	return shared
}

// offline tells first what would bring the partitions back without loss, the start of a broker that
// was in sync, and only then the election that loses records. That one is offered for partitions
// with a replica that is alive: without any, an election of any kind has no candidate.
func offline(s *Snapshot) []Finding {
	var evidence, dead []string
	var sets [][]int32
	var last []move
	s.each(func(_ *Topic, p *Partition, tp model.TopicPartition) {
		if p.Leader >= 0 {
			return
		}
		evidence = append(evidence, s.say("%s: replicas %s; in sync were %s", tp, s.ids(p.Replicas), s.ids(p.ISR)))
		// Of the dead only those count that were in sync: no other brings the partition back.
		var gone []int32
		alive := false
		for _, id := range p.Replicas {
			if b := s.Broker(id); b != nil && b.Alive() {
				alive = true
			} else if slices.Contains(p.ISR, id) {
				gone = append(gone, id)
			}
		}
		sets = append(sets, gone)
		if alive && len(last) < maxMoves {
			last = append(last, move{tp: tp})
		}
	})
	if evidence == nil {
		return nil
	}
	cause := ""
	if c := common(sets); len(c) > 0 {
		dead = append(dead, s.say("missing in all of them: %s", s.brokers(c)))
		cause = s.say(" It is enough that this broker comes back.")
		if len(c) > 1 {
			cause = s.say(" It is enough that one of these brokers comes back.")
		}
	}
	f := Finding{Severity: Critical, Summary: s.say("%d of %s %s no leader.", len(evidence), s.count(s.partitions(), "partition"), has(len(evidence), "has", "have")),
		Evidence:    append(dead, evidence...),
		Consequence: s.say("Nothing can be written to them or read from them."),
		Cure:        s.say("Start a broker that was in sync again.") + cause,
		Commands:    []string{s.command("kafka-topics", "--describe", "--unavailable-partitions")}}
	if last != nil {
		var b strings.Builder
		for i, m := range last {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"topic":%q,"partition":%d}`, m.tp.Topic, m.tp.Partition)
		}
		f.Cure += s.say(" If none of them ever does, the last command makes a replica leader that was out of sync: what only the others had is lost.")
		f.Commands = append(f.Commands, "echo "+quote(`{"partitions":[`+b.String()+"]}")+" >offline.json",
			s.commandWith("--admin.config", "kafka-leader-election", "--election-type", "unclean", "--path-to-json-file", "offline.json"))
	}
	return []Finding{f}
}

// underMinISR leaves out partitions without a leader, which are worse off and in another finding,
// and those that cannot have so many replicas in sync ever, which minISRFull is about.
func underMinISR(s *Snapshot) []Finding {
	var evidence []string
	var sets [][]int32
	s.each(func(t *Topic, p *Partition, tp model.TopicPartition) {
		least, ok := s.number(t, "min.insync.replicas")
		if !ok || p.Leader < 0 || int64(len(p.ISR)) >= least || least > int64(len(p.Replicas)) {
			return
		}
		evidence = append(evidence, s.say("%s: in sync %s of %s, min.insync.replicas %d", tp, s.ids(p.ISR), s.ids(p.Replicas), least))
		sets = append(sets, p.outOfSync())
	})
	if evidence == nil {
		return nil
	}
	n := len(evidence)
	if c := common(sets); len(c) > 0 {
		evidence = append([]string{s.say("out of sync in all of them: %s", s.brokers(c))}, evidence...)
	}
	return []Finding{{Severity: Critical, Summary: s.say("%d of %s %s fewer in-sync replicas than min.insync.replicas.", n, s.count(s.partitions(), "partition"), has(n, "has", "have")), Evidence: evidence,
		Consequence: s.say("Producers with acks=all get NOT_ENOUGH_REPLICAS: nothing is written. Offsets of groups cannot be committed if it is an internal topic."),
		Cure:        s.say("Bring the replicas that are out of sync back: start their brokers, or see why they do not catch up."),
		Commands:    []string{s.command("kafka-topics", "--describe", "--under-min-isr-partitions")}}}
}

// outOfSync leaves out replicas that a reassignment is adding: they are meant to be behind.
func (p *Partition) outOfSync() []int32 {
	return slices.DeleteFunc(slices.Clone(p.Replicas), func(id int32) bool { return slices.Contains(p.ISR, id) || slices.Contains(p.Adding, id) })
}

// underReplicated is a Warning only, since everything still works. Replicas that a reassignment is
// adding do not count, as in Kafka's own metric since KIP-352.
func underReplicated(s *Snapshot) []Finding {
	var evidence []string
	by := map[int32]int{}
	total := 0
	s.each(func(_ *Topic, p *Partition, tp model.TopicPartition) {
		out := p.outOfSync()
		if p.Leader < 0 || len(out) == 0 {
			return
		}
		total++
		for _, id := range out {
			by[id]++
		}
		evidence = append(evidence, s.say("%s: led by %d, out of sync: %s", tp, p.Leader, s.brokers(out)))
	})
	if total == 0 {
		return nil
	}
	// The lines about brokers come first: a finding has few lines of evidence, and these say why.
	var heads []string
	cure := s.say("See whether the network or the disks of these brokers are slow, or whether a reassignment or a throttle holds replication up.")
	for _, id := range sortedKeys(by) {
		text := s.say("broker %d is out of sync in %d of the %d", id, by[id], total)
		switch b := s.Broker(id); {
		case b == nil || !b.Alive():
			text += s.say("; it is not in the cluster")
			cure = s.say("Start the missing broker; the rest follows by itself.")
		case b.Unreachable != "":
			text += s.say("; it does not answer")
		default:
			text += s.say("; it is alive")
		}
		heads = append(heads, text)
	}
	return []Finding{{Severity: Warning, Summary: s.say("%d of %s %s replicas out of sync.", total, s.count(s.partitions(), "partition"), has(total, "has", "have")),
		Evidence:    append(heads, evidence...),
		Consequence: s.say("The next failure may leave them without a leader, or below min.insync.replicas."),
		Cure:        cure,
		Commands:    []string{s.command("kafka-topics", "--describe", "--under-replicated-partitions")}}}
}

// internals are the internal topics and the key that says how many replicas they get.
var internals = map[string]string{model.OffsetsTopic: "offsets.topic.replication.factor", model.TransactionTopic: "transaction.state.log.replication.factor"}

// notCreatable is about clusters that have just begun: the topics are made when the first group or
// transaction needs them, with the number of replicas that the key asks for and not one fewer.
// Kafka logs it on the broker; the client only sees COORDINATOR_NOT_AVAILABLE.
func notCreatable(s *Snapshot) []Finding {
	alive := int64(len(s.alive()))
	var evidence []string
	worst := Advice
	for _, name := range sortedKeys(internals) {
		n, ok := s.config().Int(internals[name])
		if !ok || n <= alive || s.Topic(name) != nil {
			continue
		}
		evidence = append(evidence, s.say("%s is %d, there %s %s, and %s is not there yet", internals[name], n, has(int(alive), "is", "are"), s.count(int(alive), "broker"), name))
		if name == model.OffsetsTopic {
			worst = Critical
		} else {
			worst = max(worst, Warning)
		}
	}
	if evidence == nil {
		return nil
	}
	consequence := s.say("Until there are enough brokers no transaction can begin.")
	if worst == Critical {
		consequence = s.say("Until there are enough brokers no group of consumers can start: their clients wait for a coordinator for ever.")
	}
	return []Finding{{Severity: worst, Summary: s.say("An internal topic cannot be created: there are too few brokers."), Evidence: evidence,
		Consequence: consequence,
		Cure:        s.say("Start more brokers; or set the keys to %d in server.properties of all brokers and restart them.", alive)}}
}

// wanted is how many replicas an internal topic ought to have. Three is Kafka's own default for
// both topics; a cluster of fewer cannot have more than it has brokers.
func (s *Snapshot) wanted() int { return min(3, len(s.alive())) }

// internalReplication looks at what is, not at the keys: a topic that was made when the cluster had
// one broker keeps its one replica for ever, whatever the keys say now.
func internalReplication(s *Snapshot) []Finding {
	var evidence []string
	var moves []move
	load := s.load()
	for _, name := range sortedKeys(internals) {
		t := s.Topic(name)
		if t == nil {
			continue
		}
		few := 0
		for _, p := range t.Partitions {
			if len(p.Replicas) >= s.wanted() {
				continue
			}
			few++
			if len(moves) < maxMoves {
				moves = append(moves, move{model.TopicPartition{Topic: name, Partition: p.ID}, load.fill(p.Replicas, s.wanted())})
			}
		}
		if few > 0 {
			evidence = append(evidence, s.say("%s: %d of %s with %s; there are %d brokers", name, few, s.count(len(t.Partitions), "partition"), s.count(len(t.Partitions[0].Replicas), "replica"), len(s.alive())))
		}
	}
	return found(evidence, Finding{Severity: Warning, Summary: s.say("Internal topics have too few replicas."),
		Consequence: s.say("When one broker is down, groups whose coordinator it was stop, and transactions hang; when its disk is lost, their offsets are too. " +
			"offsets.topic.replication.factor counts only when the topic is created."),
		Cure:     s.say("Give them %d replicas.", s.wanted()),
		Commands: s.reassign("internal.json", moves)})
}

// several tells that the cluster could keep copies, when all of its brokers are there. Those that
// are missing count: a cluster of three with one left still ought to have copies.
func (s *Snapshot) several() bool { return len(s.Brokers) > 1 }

// singleReplica takes every topic together that has such partitions; the plan gives them what
// wanted says, on the brokers with the fewest replicas.
func singleReplica(s *Snapshot) []Finding {
	if !s.several() {
		return nil
	}
	var evidence []string
	var moves []move
	load := s.load()
	for _, t := range s.Topics {
		if t.Internal {
			continue
		}
		few := 0
		for _, p := range t.Partitions {
			if len(p.Replicas) != 1 {
				continue
			}
			few++
			// With one broker alive there is nowhere to put a copy: the finding stands, the plan
			// does not.
			if len(moves) < maxMoves && s.wanted() > 1 {
				moves = append(moves, move{model.TopicPartition{Topic: t.Name, Partition: p.ID}, load.fill(p.Replicas, s.wanted())})
			}
		}
		if few > 0 {
			evidence = append(evidence, s.say("%s: %d of %s", t.Name, few, s.count(len(t.Partitions), "partition")))
		}
	}
	return found(evidence, Finding{Severity: Warning, Summary: s.say("%s %s only one replica, while there are %d brokers.", s.count(len(evidence), "topic"), has(len(evidence), "has", "have"), len(s.Brokers)),
		Consequence: s.say("When their broker is down they cannot be used; when its disk is lost their records are too."),
		Cure:        s.say("Give them %d replicas, and set default.replication.factor so that new topics have them.", s.wanted()),
		Commands:    s.reassign("replicas.json", moves)})
}

// minISRFull looks at the partition with the fewest replicas: a topic may have been reassigned in
// part. min.insync.replicas 1 is left out: it is met by the leader alone. More than there are
// replicas is Critical, since acks=all is refused at any time, not only after a failure.
func minISRFull(s *Snapshot) []Finding {
	var evidence, commands []string
	worst := Warning
	for _, t := range s.Topics {
		least, ok := s.number(t, "min.insync.replicas")
		if !ok || least < 2 || len(t.Partitions) == 0 {
			continue
		}
		replicas := len(t.Partitions[0].Replicas)
		for _, p := range t.Partitions {
			replicas = min(replicas, len(p.Replicas))
		}
		if int64(replicas) > least {
			continue
		}
		text := s.say("%s: %s, min.insync.replicas %d", t.Name, s.count(replicas, "replica"), least)
		if int64(replicas) < least {
			text += s.say(": acks=all can never succeed")
			worst = Critical
		}
		evidence = append(evidence, text)
		commands = append(commands, s.alterTopic(t.Name, "--add-config", fmt.Sprintf("min.insync.replicas=%d", max(1, replicas-1))))
	}
	return found(evidence, Finding{Severity: worst, Summary: s.say("min.insync.replicas is as large as the number of replicas, or larger."),
		Consequence: s.say("Whenever one broker is down or restarts, producers with acks=all get NOT_ENOUGH_REPLICAS."),
		Cure:        s.say("Give the topics one replica more than min.insync.replicas, or lower it."),
		Commands:    firsts(commands)})
}

// minISROne begins at three replicas. With two, a minimum of 2 would stop writing whenever one of
// them restarts, so that 1 is what most people must choose.
func minISROne(s *Snapshot) []Finding {
	var evidence, commands []string
	for _, t := range s.Topics {
		least, ok := s.number(t, "min.insync.replicas")
		if !ok || least != 1 || t.Internal || len(t.Partitions) == 0 || len(t.Partitions[0].Replicas) < 3 {
			continue
		}
		evidence = append(evidence, s.say("%s: %d replicas, min.insync.replicas 1", t.Name, len(t.Partitions[0].Replicas)))
		commands = append(commands, s.alterTopic(t.Name, "--add-config", "min.insync.replicas=2"))
	}
	return found(evidence, Finding{Severity: Advice, Summary: s.say("acks=all may mean one copy only."),
		Consequence: s.say("When the followers are out of sync, the leader alone acknowledges; if its disk is lost then, so is what was acknowledged."),
		Cure:        s.say("Set min.insync.replicas to 2 for topics with three replicas, unless writing at any time matters more than keeping everything."),
		Commands:    firsts(commands)})
}

// notPreferred leaves out partitions whose preferred replica could not lead now, and those that are
// being reassigned: Kafka's own rebalance leaves them alone too. It is Advice where the controller
// puts it right by itself (leader.imbalance.check.interval.seconds, five minutes) and a Warning
// where that is off.
func notPreferred(s *Snapshot) []Finding {
	var evidence []string
	away := map[int32]int{}
	n, leading := 0, 0
	s.each(func(_ *Topic, p *Partition, tp model.TopicPartition) {
		if p.Leader < 0 || len(p.Replicas) == 0 {
			return
		}
		leading++
		want := p.Replicas[0]
		if b := s.Broker(want); p.Leader == want || !slices.Contains(p.ISR, want) || b == nil || !b.Alive() || len(p.Adding)+len(p.Removing) > 0 {
			return // it leads, or could not
		}
		n++
		away[want]++
		evidence = append(evidence, s.say("%s: led by %d, preferred is %d, which is in sync", tp, p.Leader, want))
	})
	if n == 0 {
		return nil
	}
	severity, automatic := Advice, ""
	if s.config().False("auto.leader.rebalance.enable") {
		severity, automatic = Warning, s.say(" auto.leader.rebalance.enable is off, so that nobody else does it.")
	}
	var heads []string
	for _, id := range sortedKeys(away) {
		heads = append(heads, s.say("broker %d does not lead %d that it ought to", id, away[id]))
	}
	return []Finding{{Severity: severity, Summary: s.say("%d of %s %s not led by the preferred replica.", n, s.count(leading, "partition"), has(n, "is", "are")), Evidence: append(heads, evidence...),
		Consequence: s.say("The load is not spread as it was meant to be.") + automatic,
		Cure:        s.say("Give the leaderships back."),
		Commands:    []string{s.commandWith("--admin.config", "kafka-leader-election", "--election-type", "preferred", "--all-topic-partitions")}}}
}

// skewed finds the brokers (or directories) with more than twice the mean of load, or with two of
// them more than one and a half times, which exceed it by at least so many units: in a cluster with
// three partitions, twice the mean says nothing. The worst are by id.
func skewed(load map[int32]int64, least int64) (worst []int32, mean int64) {
	if len(load) < 2 {
		return nil, 0
	}
	for _, n := range load {
		mean += n
	}
	mean /= int64(len(load))
	for _, id := range sortedKeys(load) {
		// With two brokers none can have more than twice the mean.
		if limit := mean + mean*int64(min(10, 5*(len(load)-1)))/10; load[id] > limit && load[id]-mean >= least {
			worst = append(worst, id)
		}
	}
	return worst, mean
}

// perBroker is a count for every broker that is alive: one that has nothing at all must lower the
// mean.
func (s *Snapshot) perBroker() map[int32]int64 {
	load := map[int32]int64{}
	for _, b := range s.alive() {
		load[b.ID] = 0
	}
	return load
}

// skewEvidence shows all brokers, not the worst alone: how even the others are is the evidence.
func (s *Snapshot) skewEvidence(load map[int32]int64, text func(n int64) string) (lines []string) {
	for _, id := range sortedKeys(load) {
		lines = append(lines, s.say("broker %d: %s", id, text(load[id])))
	}
	return lines
}

// leaderSkew counts leaderships alone, without their traffic, which no request of 2.5 tells. A
// difference of less than 10 is not worth a word.
func leaderSkew(s *Snapshot) []Finding {
	load := s.perBroker()
	s.each(func(_ *Topic, p *Partition, _ model.TopicPartition) {
		if _, ok := load[p.Leader]; ok {
			load[p.Leader]++
		}
	})
	worst, mean := skewed(load, 10)
	if worst == nil {
		return nil
	}
	return []Finding{{Severity: Advice, Summary: s.say("Leaders are spread unevenly: %s, %d on average.", s.brokers(worst), mean),
		Evidence:    s.skewEvidence(load, func(n int64) string { return s.say("leads %d", n) }),
		Consequence: s.say("All writing and reading goes through leaders: this broker is the first that is too slow."),
		Cure:        s.say("Give leaderships back to the preferred replicas. If that changes nothing, let a reassignment spread the preferred replicas."),
		Commands:    []string{s.commandWith("--admin.config", "kafka-leader-election", "--election-type", "preferred", "--all-topic-partitions")}}}
}

// replicaSkew counts replicas on the brokers that are alive; those of missing brokers are in the
// finding about these.
func replicaSkew(s *Snapshot) []Finding {
	load := s.replicas()
	worst, mean := skewed(load, 10)
	if worst == nil {
		return nil
	}
	return []Finding{{Severity: Advice, Summary: s.say("Replicas are spread unevenly: %s, %d on average.", s.brokers(worst), mean),
		Evidence:    s.skewEvidence(load, func(n int64) string { return s.count(int(n), "replica") }),
		Consequence: s.say("Disks, page cache and network of this broker fill up first. A new broker gets only what is created after it came."),
		Cure:        s.say("Let a reassignment spread the replicas: the first command proposes one, which --execute carries out."),
		Commands:    s.generate(load)}}
}

// replicas is how many replicas each broker that is alive has.
func (s *Snapshot) replicas() map[int32]int64 {
	load := s.perBroker()
	s.each(func(_ *Topic, p *Partition, _ model.TopicPartition) {
		for _, id := range p.Replicas {
			if _, ok := load[id]; ok {
				load[id]++
			}
		}
	})
	return load
}

// generate are lines that propose a reassignment of all topics over all brokers. Kafka's tool makes
// the proposal, rack-aware and over all topics at once; nothing is moved before somebody has looked
// at it and runs --execute.
func (s *Snapshot) generate(load map[int32]int64) []string {
	var b strings.Builder
	for i, t := range s.Topics {
		if i == maxMoves {
			break
		}
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"topic":%q}`, t.Name)
	}
	return []string{"echo " + quote(`{"version":1,"topics":[`+b.String()+"]}") + " >topics.json",
		s.overZooKeeper("kafka-reassign-partitions", "--topics-to-move-json-file", "topics.json", "--broker-list", plain(sortedKeys(load)), "--generate")}
}

// byteSkew leaves brokers out that did not tell their directories: a size of 0 that is a refusal
// would lower the mean. A difference below 1 GiB is no burden for any disk.
func byteSkew(s *Snapshot) []Finding {
	load := map[int32]int64{}
	for _, b := range s.alive() {
		if b.Dirs == nil {
			continue
		}
		for i := range b.Dirs {
			load[b.ID] += b.Dirs[i].Size()
		}
	}
	worst, mean := skewed(load, 1<<30)
	if worst == nil {
		return nil
	}
	return []Finding{{Severity: Advice, Summary: s.say("Bytes are spread unevenly: %s, %s on average.", s.brokers(worst), size(mean)),
		Evidence:    s.skewEvidence(load, size),
		Consequence: s.say("Its disks are full while others are empty."),
		Cure:        s.say("Move large partitions from there, throttled: the first command proposes a reassignment, which --execute carries out."),
		Commands:    s.generate(load)}}
}

// rackPartial repeats the error that the controller gives, so that a search for it leads here. An
// assignment by hand (--replica-assignment) works all the same.
func rackPartial(s *Snapshot) []Finding {
	var with, without []int32
	for _, b := range s.alive() {
		if b.Rack != "" {
			with = append(with, b.ID)
		} else {
			without = append(without, b.ID)
		}
	}
	if with == nil || without == nil {
		return nil
	}
	return []Finding{{Severity: Warning, Summary: s.say("Some brokers have a rack and some do not."),
		Evidence:    []string{s.say("with broker.rack: %s", s.ids(with)), s.say("without: %s", s.ids(without))},
		Consequence: s.say("Topics cannot be created: Kafka answers \"Not all brokers have rack information for replica rack aware assignment\"."),
		Cure:        s.say("Set broker.rack in server.properties of every broker, or of none, and restart them.")}}
}

// rackOne says nothing while some broker has no rack: rackPartial does then, and where the replicas
// are cannot be told.
func rackOne(s *Snapshot) []Finding {
	racks := map[string]bool{}
	for _, b := range s.alive() {
		if b.Rack == "" {
			return nil
		}
		racks[b.Rack] = true
	}
	if len(racks) < 2 {
		return nil
	}
	var evidence []string
	var moves []move
	load := s.replicas()
	s.each(func(_ *Topic, p *Partition, tp model.TopicPartition) {
		if len(p.Replicas) < 2 {
			return
		}
		rack := ""
		for _, id := range p.Replicas {
			b := s.Broker(id)
			if b == nil || b.Rack == "" || rack != "" && b.Rack != rack {
				return
			}
			rack = b.Rack
		}
		evidence = append(evidence, s.say("%s: replicas %s, all in rack %s", tp, s.ids(p.Replicas), rack))
		if len(moves) == maxMoves {
			return
		}
		// The last replica moves: the first is the preferred leader, and stays. It goes to the broker
		// that has the fewest replicas then.
		to := int32(-1)
		for _, b := range s.alive() {
			if b.Rack != rack && (to < 0 || load[b.ID] < load[to]) {
				to = b.ID
			}
		}
		if to >= 0 {
			kept := slices.Clone(p.Replicas[:len(p.Replicas)-1])
			moves = append(moves, move{tp, append(kept, to)})
			load[to]++
			load[p.Replicas[len(p.Replicas)-1]]--
		}
	})
	return found(evidence, Finding{Severity: Warning, Summary: s.say("%s %s all replicas in one rack.", s.count(len(evidence), "partition"), has(len(evidence), "has", "have")),
		Consequence: s.say("When that rack is down, nothing is left of them, although there are other racks."),
		Cure:        s.say("Move one replica of each to another rack."),
		Commands:    s.reassign("racks.json", moves)})
}
