package doctor

import (
	"fmt"
	"strconv"
	"strings"
)

var configRules = []Rule{
	{"config.unclean-election", "topics that lose records rather than wait for a replica", nil, uncleanElection},
	{"config.auto-create", "topics that create themselves with one replica", []Part{BrokerConfigs}, autoCreate},
	{"config.default-replication", "a default.replication.factor that the brokers cannot keep", []Part{BrokerConfigs}, defaultReplication},
	{"config.differs", "settings that ought to be the same on all brokers and are not", []Part{BrokerConfigs}, configDiffers},
	{"config.no-effect", "settings that do nothing", []Part{BrokerConfigs}, noEffect},
	{"config.offsets-retention", "offsets that are kept for less than a long weekend", []Part{BrokerConfigs}, offsetsRetention},
	{"config.delete-off", "topics that cannot be deleted", []Part{BrokerConfigs}, deleteOff},
	{"version.protocol-behind", "inter.broker.protocol.version left behind by an upgrade", []Part{BrokerConfigs}, protocolBehind},
	{"version.format-behind", "message formats that make brokers convert records", nil, formatBehind},
}

// uncleanElection looks at brokers and at topics that set the key themselves. A topic with one
// replica has nobody to elect, so that nothing can be lost by it; so has a cluster of one broker.
func uncleanElection(s *Snapshot) []Finding {
	var evidence, commands []string
	var on []int32
	for _, b := range s.Brokers {
		if b.Config.True("unclean.leader.election.enable") {
			on = append(on, b.ID)
		}
	}
	if on != nil && s.several() {
		evidence = append(evidence, s.say("unclean.leader.election.enable=true on %s", s.brokers(on)))
		commands = append(commands, s.alterBroker("", "--add-config", "unclean.leader.election.enable=false"))
	}
	for _, t := range s.Topics {
		if t.Config.True("unclean.leader.election.enable") && t.Config.Set("unclean.leader.election.enable") {
			if len(t.Partitions) > 0 && len(t.Partitions[0].Replicas) > 1 {
				evidence = append(evidence, s.say("unclean.leader.election.enable=true for topic %s", t.Name))
				commands = append(commands, s.alterTopic(t.Name, "--delete-config", "unclean.leader.election.enable"))
			}
		}
	}
	return found(evidence, Finding{Severity: Warning, Summary: s.say("A replica that is out of sync may become leader."),
		Consequence: s.say("When the replicas in sync are down, acknowledged records are lost without a word, instead of the partition waiting for them."),
		Cure:        s.say("Turn it off, but for topics whose records may be lost. It was the default before Kafka 0.11."),
		Commands:    firsts(commands)})
}

// autoCreate is about two defaults that are well for one broker and dangerous for three. Either
// alone is a choice that people make on purpose.
func autoCreate(s *Snapshot) []Finding {
	c := s.config()
	if n, ok := c.Int("default.replication.factor"); !ok || n > 1 || !c.True("auto.create.topics.enable") || !s.several() {
		return nil
	}
	return []Finding{{Severity: Advice, Summary: s.say("Topics create themselves, with one replica."),
		Evidence:    []string{"auto.create.topics.enable=true, default.replication.factor=1, " + s.count(len(s.alive()), "broker")},
		Consequence: s.say("Whoever mistypes a name makes a topic, and each topic that is made so is lost with its broker."),
		Cure:        s.say("Set default.replication.factor=%d, or auto.create.topics.enable=false, in server.properties of all brokers and restart them.", s.wanted())}}
}

func defaultReplication(s *Snapshot) []Finding {
	n, ok := s.config().Int("default.replication.factor")
	if !ok || n <= int64(len(s.Brokers)) { // one that is missing may come back
		return nil
	}
	return []Finding{{Severity: Warning, Summary: s.say("default.replication.factor is larger than the number of brokers."),
		Evidence:    []string{s.say("default.replication.factor=%d, %s", n, s.count(len(s.alive()), "broker"))},
		Consequence: s.say("Topics that create themselves are not: their clients wait with LEADER_NOT_AVAILABLE or INVALID_REPLICATION_FACTOR."),
		Cure:        s.say("Start more brokers, or lower it in server.properties of all brokers and restart them.")}}
}

// equalKeys are settings that brokers must agree on, because the controller or whoever leads applies
// its own.
var equalKeys = []string{"auto.create.topics.enable", "auto.leader.rebalance.enable", "authorizer.class.name", "allow.everyone.if.no.acl.found", "super.users",
	"default.replication.factor", "delete.topic.enable", "inter.broker.protocol.version", "log.cleanup.policy", "log.message.format.version", "log.message.timestamp.type",
	"log.retention.bytes", "log.retention.hours", "log.retention.minutes", "log.retention.ms", "message.max.bytes", "min.insync.replicas", "num.partitions",
	"offsets.retention.minutes", "offsets.topic.num.partitions", "offsets.topic.replication.factor", "transaction.max.timeout.ms", "transaction.state.log.num.partitions",
	"transactional.id.expiration.ms", "unclean.leader.election.enable", "group.max.session.timeout.ms", "group.min.session.timeout.ms", "sasl.enabled.mechanisms"}

// vital are those of which a difference breaks something at once.
var vital = map[string]bool{"offsets.topic.num.partitions": true, "transaction.state.log.num.partitions": true, "authorizer.class.name": true, "allow.everyone.if.no.acl.found": true}

// configDiffers compares effective values, whatever set them, of the brokers that told theirs. One
// value is the rule; where two are, each is listed with the brokers that have it. Which of them is
// right, only people know.
func configDiffers(s *Snapshot) []Finding {
	var evidence []string
	worst := Advice
	for _, key := range equalKeys {
		by := map[string][]int32{}
		for _, b := range s.Brokers {
			if v, ok := b.Config.Get(key); ok {
				by[v] = append(by[v], b.ID)
			}
		}
		if len(by) < 2 {
			continue
		}
		worst = max(worst, Warning)
		if vital[key] {
			worst = Critical
		}
		var parts []string
		for _, v := range sortedKeys(by) {
			shown := v
			if shown == "" {
				shown = s.say("(nothing)")
			}
			parts = append(parts, s.say("%s on %s", shown, s.brokers(by[v])))
		}
		evidence = append(evidence, key+": "+strings.Join(parts, "; "))
	}
	return found(evidence, Finding{Severity: worst, Summary: s.say("Brokers have different settings that ought to be equal."),
		Consequence: s.say("What holds depends on which broker is controller, leads the partition or is asked: it changes when one restarts."),
		Cure:        s.say("Make server.properties of the brokers equal in these keys and restart those that change; what was set dynamically for one broker shows with the command."),
		Commands:    s.describeBrokers()})
}

// describeBrokers are lines that show each broker's dynamic configs.
func (s *Snapshot) describeBrokers() (commands []string) {
	for _, b := range s.Brokers {
		if b.Config != nil {
			commands = append(commands, s.command("kafka-configs", "--describe", "--entity-type", "brokers", "--entity-name", strconv.Itoa(int(b.ID))))
		}
	}
	return firsts(commands)
}

// shadowed are keys that do nothing while another one is set. The pairs are Kafka's (LogConfig and
// KafkaConfig of 2.5): the finer unit wins over the coarser one, the list over the single value.
var shadowed = []struct{ key, by string }{
	{"log.retention.hours", "log.retention.ms"}, {"log.retention.hours", "log.retention.minutes"}, {"log.retention.minutes", "log.retention.ms"},
	{"log.roll.hours", "log.roll.ms"}, {"log.roll.jitter.hours", "log.roll.jitter.ms"}, {"log.dir", "log.dirs"},
	{"port", "listeners"}, {"host.name", "listeners"},
	{"advertised.host.name", "advertised.listeners"}, {"advertised.port", "advertised.listeners"},
	{"security.inter.broker.protocol", "inter.broker.listener.name"},
}

// noEffect is about settings that somebody wrote, never about defaults. Equal lines of several
// brokers are one line of evidence.
func noEffect(s *Snapshot) []Finding {
	by := map[string][]int32{}
	for _, b := range s.Brokers {
		for _, x := range shadowed {
			// An explicit null is no setting.
			if b.Config.Set(x.key) && b.Config.Set(x.by) && b.Config[x.by].Value != "" {
				text := s.say("%s: %s wins", x.key, x.by)
				by[text] = append(by[text], b.ID)
			}
		}
		// KIP-724: from 3.0 on the format is that of 0.11 at least.
		if (b.Major > 3 || b.Major == 3 && b.Minor >= 0) && b.Config.Set("log.message.format.version") {
			text := s.say("log.message.format.version: Kafka 3.0 and later ignore it")
			by[text] = append(by[text], b.ID)
		}
		for _, key := range b.Idle {
			text := s.say("%s: momus has no use for it", key)
			by[text] = append(by[text], b.ID)
		}
	}
	if len(by) == 0 {
		return nil
	}
	var evidence []string
	for _, text := range sortedKeys(by) {
		evidence = append(evidence, text+" ("+s.brokers(by[text])+")")
	}
	return []Finding{{Severity: Advice, Summary: s.say("Settings do nothing."), Evidence: evidence,
		Consequence: s.say("Whoever reads them, or changes them, believes what is not so."),
		Cure:        s.say("Take them out of server.properties.")}}
}

// weekend is the shortest time of offsets.retention.minutes that outlasts a stop from Friday to
// Tuesday.
const weekend = 4 * 24 * 60

// offsetsRetention says nothing from four days on; before Kafka 2.0 (KIP-186) the default was one
// day, and configurations of that time have it written down.
func offsetsRetention(s *Snapshot) []Finding {
	n, ok := s.config().Int("offsets.retention.minutes")
	if !ok || n >= weekend {
		return nil
	}
	return []Finding{{Severity: Advice, Summary: s.say("Offsets of groups are forgotten soon."),
		Evidence:    []string{s.say("offsets.retention.minutes=%d", n)},
		Consequence: s.say("Consumers that were stopped over a long weekend begin where auto.offset.reset says: records are left out or read again."),
		Cure:        s.say("Set offsets.retention.minutes=10080 (the default since Kafka 2.0) in server.properties of all brokers and restart them.")}}
}

// deleteOff is Advice as long as nobody wanted to delete: some turn it off on purpose. A topic that
// is marked in ZooKeeper is a wish that was not fulfilled.
func deleteOff(s *Snapshot) []Finding {
	var off []int32
	for _, b := range s.Brokers {
		if b.Config.False("delete.topic.enable") {
			off = append(off, b.ID)
		}
	}
	if off == nil {
		return nil
	}
	f := Finding{Severity: Advice, Summary: s.say("Topics cannot be deleted."), Evidence: []string{s.say("delete.topic.enable=false on %s", s.brokers(off))},
		Consequence: s.say("kafka-topics --delete is refused, or over ZooKeeper only marks the topic."),
		Cure:        s.say("Set delete.topic.enable=true (the default since Kafka 1.0) in server.properties of all brokers and restart them, unless it is meant as a safeguard.")}
	if s.ZooKeeper != nil && len(s.ZooKeeper.Deletions) > 0 {
		f.Severity = Warning
		f.Evidence = append(f.Evidence, s.say("marked for deletion: %s", strings.Join(sortedKeys(s.ZooKeeper.Deletions), ", ")))
	}
	return []Finding{f}
}

// release reads a version of Kafka such as 2.5-IV0, 0.10.2 or 3.9; ok is false if it is none. The
// suffix of an internal version is not needed: what differs within a release is not compared.
func release(text string) (major, minor int, ok bool) {
	text, _, _ = strings.Cut(text, "-")
	parts := strings.Split(text, ".")
	if len(parts) < 2 {
		return 0, 0, false
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	return major, minor, err1 == nil && err2 == nil
}

// older compares releases of Kafka by their two numbers.
func older(major, minor, thanMajor, thanMinor int) bool {
	return major < thanMajor || major == thanMajor && minor < thanMinor
}

// protocolBehind compares the version of the broker's APIs with the one that it was told to speak.
// Where it cannot guess the former, it says nothing: a key that nobody set is the broker's own.
func protocolBehind(s *Snapshot) []Finding {
	var evidence []string
	target := ""
	for _, b := range s.Brokers {
		v, ok := b.Config.Get("inter.broker.protocol.version")
		major, minor, valid := release(v)
		if !ok || !valid || b.Version == "" || !older(major, minor, b.Major, b.Minor) {
			continue
		}
		target = fmt.Sprintf("%d.%d", b.Major, b.Minor)
		evidence = append(evidence, s.say("broker %d is %s and speaks %s", b.ID, b.Version, v))
	}
	return found(evidence, Finding{Severity: Advice, Summary: s.say("inter.broker.protocol.version was left behind by an upgrade."),
		Consequence: s.say("What came since then is off: safer truncation of replicas (0.11, 2.0), zstd (2.1), reassignment through brokers (2.4)."),
		Cure:        s.say("When all brokers are of the new version and stay so: set inter.broker.protocol.version=%s, or take it out of server.properties, and restart the brokers one after the other.", target),
		Commands:    nil})
}

// formatBehind finds formats that cost something: before 0.11 every batch is converted, before 2.1
// zstd is refused (KIP-110). A format between is not worth a word, since the bytes are the same
// (magic 2).
func formatBehind(s *Snapshot) []Finding {
	var evidence, commands []string
	worst := Advice
	// look adds a line of evidence; it is false for a version that costs nothing.
	look := func(what, v string) bool {
		major, minor, ok := release(v)
		switch {
		case !ok:
			return false
		case older(major, minor, 0, 11):
			worst = max(worst, Warning)
			evidence = append(evidence, s.say("%s: %s, the format of 2016: every record is converted, in both directions", what, v))
		case older(major, minor, 2, 1):
			evidence = append(evidence, s.say("%s: %s: zstd is refused", what, v))
		default:
			return false
		}
		return true
	}
	// Brokers from 3.0 on ignore their key; those that keep up with their own version are not
	// behind.
	behind := map[string][]int32{}
	for _, b := range s.Brokers {
		if v, ok := b.Config.Get("log.message.format.version"); ok && b.Version != "" && b.Major < 3 {
			if major, minor, valid := release(v); valid && older(major, minor, b.Major, b.Minor) {
				behind[v] = append(behind[v], b.ID)
			}
		}
	}
	for _, v := range sortedKeys(behind) {
		look(s.say("log.message.format.version of %s", s.brokers(behind[v])), v)
	}
	for _, t := range s.Topics {
		// A topic's value that is only the broker's default is the line above already.
		if v, ok := t.Config.Get("message.format.version"); ok && t.Config.Set("message.format.version") {
			if look(s.say("message.format.version of topic %s", t.Name), v) {
				commands = append(commands, s.alterTopic(t.Name, "--delete-config", "message.format.version"))
			}
		}
	}
	return found(evidence, Finding{Severity: worst, Summary: s.say("The message format was left behind by an upgrade."),
		Consequence: s.say("Before 0.11: no idempotent producers, transactions or headers; brokers unpack, convert and pack every batch, and cannot send files as they are (processor and memory)."),
		Cure:        s.say("When no clients older than the format are left: remove the setting of topics, and set log.message.format.version of the brokers to their version and restart them one after the other."),
		Commands:    firsts(commands)})
}
