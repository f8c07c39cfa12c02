package doctor

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"momus/internal/model"
)

var operationRules = []Rule{
	{"reassignment.stuck", "reassignments that do not get on", []Part{ReassignedParts}, reassignmentStuck},
	{"throttle.forgotten", "throttles of replication without a reassignment", []Part{TopicConfigs}, throttleForgotten},
	{"topic.deletion-stuck", "topics that are marked for deletion and do not go", []Part{ZooKeeperNodes}, deletionStuck},
	{"topic.name-collision", "topics whose metrics have the same name", nil, nameCollision},
	{"quota.bites", "quotas that hold clients up", []Part{Quotas}, quotaBites},
}

// reassigning tells whether any partition is moving. Older brokers have it in ZooKeeper only, newer
// ones tell it by KIP-455.
func (s *Snapshot) reassigning() bool {
	moving := s.ZooKeeper != nil && len(s.ZooKeeper.Reassigning) > 0
	s.each(func(_ *Topic, p *Partition, _ model.TopicPartition) {
		moving = moving || len(p.Adding)+len(p.Removing) > 0
	})
	return moving
}

// reassignmentStuck is about replicas that are to be added and will not be in sync: their broker is
// missing, or they are as far behind at the second look. Slow is not stuck: one record less is
// progress.
func reassignmentStuck(s *Snapshot) []Finding {
	var evidence []string
	var moves []move
	s.each(func(_ *Topic, p *Partition, tp model.TopicPartition) {
		adding := p.Adding
		if s.ZooKeeper != nil && len(adding) == 0 { // brokers before 2.4 only have the znode
			adding = slices.DeleteFunc(slices.Clone(s.ZooKeeper.Reassigning[tp]), func(id int32) bool { return slices.Contains(p.ISR, id) })
		}
		for _, id := range adding {
			b := s.Broker(id)
			if b == nil || !b.Alive() {
				evidence = append(evidence, s.say("%s: moves to broker %d, which is not in the cluster", tp, id))
			} else if slices.Contains(p.ISR, id) || !b.standsStill(tp) {
				continue
			} else {
				evidence = append(evidence, s.say("%s: moves to broker %d, which is as far behind as %s before", tp, id, s.length(s.Window)))
			}
			// The way back: the replicas that it had before the reassignment, with the new ones
			// taken out.
			if old := slices.DeleteFunc(slices.Clone(p.Replicas), func(id int32) bool { return slices.Contains(p.Adding, id) }); len(old) > 0 && len(moves) < maxMoves {
				moves = append(moves, move{tp, old})
			}
		}
	})
	return found(evidence, Finding{Severity: Warning, Summary: s.say("A reassignment does not get on."),
		Consequence: s.say("It never ends, the old replicas stay, and no other reassignment can begin over ZooKeeper."),
		Cure: s.say("Start the brokers that it moves to, or raise the throttle (kafka-reassign-partitions --execute again with a larger --throttle). To give it up: stop it by removing its znode, move the partitions back where " +
			"they were, and let another broker be controller."),
		Commands: append([]string{s.shell("get", "/admin/reassign_partitions"), s.shell("delete", "/admin/reassign_partitions")}, s.reassign("back.json", moves)...)})
}

// standsStill tells that a replica of the broker is behind and was not less so at the second look.
// A replica that moves between directories of one broker is movesStuck's affair.
func (b *Broker) standsStill(tp model.TopicPartition) bool {
	for i := range b.Dirs {
		if r, ok := b.Dirs[i].Replicas[tp]; ok && !r.Future {
			return r.Lag > 0 && r.LaterLag >= r.Lag
		}
	}
	return false
}

// The configs of throttled replication (KIP-73).
var (
	brokerThrottles = []string{"leader.replication.throttled.rate", "follower.replication.throttled.rate"}
	topicThrottles  = []string{"leader.replication.throttled.replicas", "follower.replication.throttled.replicas"}
)

// unlimited is the rate that means no throttle, Kafka's default.
const unlimited = 1<<63 - 1

// throttleForgotten is silent while anything is moving, since a throttle is right then. It is the
// usual end of a reassignment whose --verify nobody ran (KIP-73).
func throttleForgotten(s *Snapshot) []Finding {
	if s.reassigning() {
		return nil
	}
	var evidence, commands []string
	for _, b := range s.Brokers {
		var set []string
		for _, key := range brokerThrottles {
			if !b.Config.Set(key) {
				continue
			}
			// "not told" is no rate, yet that somebody set one is known.
			rate, told := b.Config.Int(key) // Kafka does not tell the value without ZooKeeper
			switch {
			case !told:
				evidence = append(evidence, s.say("broker %d: %s is set", b.ID, key))
			case rate < unlimited:
				evidence = append(evidence, s.say("broker %d: %s=%d (%s/s)", b.ID, key, rate, size(rate)))
			default:
				continue
			}
			set = append(set, key)
		}
		for _, key := range set {
			commands = append(commands, s.alterBroker(strconv.Itoa(int(b.ID)), "--delete-config", key))
		}
	}
	for _, t := range s.Topics {
		for _, key := range topicThrottles {
			if v, ok := t.Config.Get(key); ok && v != "" && v != "none" && t.Config.Set(key) {
				evidence = append(evidence, s.say("topic %s: %s=%s", t.Name, key, v))
				commands = append(commands, s.alterTopic(t.Name, "--delete-config", key))
			}
		}
	}
	return found(evidence, Finding{Severity: Warning, Summary: s.say("Replication is throttled, and no reassignment is running."),
		Consequence: s.say("Replicas that were down catch up at this rate or not at all, and partitions stay under-replicated. --verify of the last reassignment would have removed the throttle."),
		Cure:        s.say("Remove the throttle."),
		Commands:    firsts(commands)})
}

// patience is how long the controller may take for what it was asked through a znode.
const patience = time.Minute

// deletionStuck knows when somebody asked for the deletion by the age of the znode. With deletion
// turned off it waits for ever, so that no patience is needed. Kafka waits with it while a
// replica's broker is down or the topic is being reassigned.
func deletionStuck(s *Snapshot) []Finding {
	var evidence []string
	disabled := s.config().False("delete.topic.enable")
	for _, name := range sortedKeys(s.ZooKeeper.Deletions) {
		since := s.ZooKeeper.Deletions[name]
		if s.Time.Sub(since) < patience && !disabled {
			continue
		}
		text := s.say("%s: for %s", name, s.length(s.Time.Sub(since)))
		assigned := s.ZooKeeper.Topics[name]
		var dead []int32
		for _, replicas := range assigned {
			for _, id := range replicas {
				if b := s.Broker(id); (b == nil || !b.Alive()) && !slices.Contains(dead, id) {
					dead = append(dead, id)
				}
			}
		}
		slices.Sort(dead)
		switch {
		case assigned == nil:
			text += s.say("; there is no such topic")
		case dead != nil:
			text += s.say("; replicas are on %s, not in the cluster", s.brokers(dead))
		}
		for tp := range s.ZooKeeper.Reassigning {
			if tp.Topic == name {
				text += s.say("; it is being reassigned")
				break
			}
		}
		evidence = append(evidence, text)
	}
	if evidence == nil {
		return nil
	}
	if disabled {
		evidence = append([]string{"delete.topic.enable=false"}, evidence...)
	}
	return []Finding{{Severity: Warning, Summary: s.say("Topics are marked for deletion and do not go."), Evidence: evidence,
		Consequence: s.say("They cannot be written to or created again, and take their room."),
		Cure: s.say("Start the brokers that hold their replicas: the deletion goes on by itself. With delete.topic.enable=false nobody deletes: set it to true and restart the brokers. If all that is in order, " +
			"let another broker be controller."),
		Commands: []string{s.shell("ls", "/admin/delete_topics"), s.shell("delete", "/controller")}}}
}

// nameCollision is what Topic.hasCollision of Kafka looks for before a topic is created.
func nameCollision(s *Snapshot) []Finding {
	by := map[string][]string{}
	for _, t := range s.Topics {
		b := []byte(t.Name)
		for i := range b {
			if b[i] == '.' {
				b[i] = '_'
			}
		}
		by[string(b)] = append(by[string(b)], t.Name)
	}
	var evidence []string
	for _, k := range sortedKeys(by) {
		if len(by[k]) > 1 {
			evidence = append(evidence, fmt.Sprint(by[k]))
		}
	}
	return found(evidence, Finding{Severity: Advice, Summary: s.say("Topics differ only in dots and underscores."),
		Consequence: s.say("In names of metrics a dot becomes an underscore: their figures are mixed up."),
		Cure:        s.say("Use either dots or underscores in names. Kafka does not create such topics any more; these came through ZooKeeper.")})
}

// tinyQuota is a rate at which a single batch of usual size holds a client up for longer than its
// request time-out.
const tinyQuota = 1024

func quotaBites(s *Snapshot) []Finding {
	var evidence, commands []string
	for _, q := range s.Quotas {
		for _, key := range sortedKeys(q.Values) {
			v := q.Values[key]
			if (key != "producer_byte_rate" && key != "consumer_byte_rate" || v >= tinyQuota) && (key != "request_percentage" || v >= 1) {
				// Those that limit nothing a client would notice are left out; request_percentage
				// is of one thread's time, so that below 1 % a request that takes 10 ms costs a
				// wait of a second and more.
				continue
			}
			evidence = append(evidence, s.say("%s: %s=%v", s.entity(&q), key, v))
			commands = append(commands, s.overZooKeeper("kafka-configs", append(append([]string{"--alter"}, q.options()...), "--delete-config", key)...))
		}
	}
	for _, page := range s.Pages {
		for _, m := range page.Metrics {
			// momus and the JMX exporter give this metric the same name; it is 0 or absent for
			// clients that were never held up.
			if m.Name != "kafka_server_quota_throttle_time" || m.Value <= 0 {
				continue
			}
			evidence = append(evidence, s.say("%s: %s of user %q, client %q: throttled for %.0f ms on average", page.From, m.Labels["type"], m.Labels["user"], m.Labels["client_id"], m.Value))
		}
	}
	if s.Throttled > 0 {
		evidence = append(evidence, s.say("the doctor itself was throttled, for %s in all", s.length(s.Throttled)))
	}
	return found(evidence, Finding{Severity: Warning, Summary: s.say("Quotas hold clients up."),
		Consequence: s.say("Throttled clients wait before each answer: producers run into delivery.timeout.ms, consumers fall behind."),
		Cure:        s.say("Raise the quota or remove it, unless it is meant to be so."),
		Commands:    firsts(commands)})
}

// entity is a quota's owner in words; every user or every client for a default (KIP-55).
func (s *Snapshot) entity(q *Quota) string {
	user := owner(q.User, s.say("every user"), func(name string) string { return s.say("user %s", name) })
	client := owner(q.Client, s.say("every client"), func(name string) string { return s.say("client %s", name) })
	if user != "" && client != "" {
		return user + ", " + client
	}
	return user + client
}

// owner is the part of an entity that has this name: none, every or one.
func owner(name *string, every string, one func(name string) string) string {
	switch {
	case name == nil:
		return ""
	case *name == "":
		return every
	}
	return one(*name)
}

// options are the words that name the entity to kafka-configs.
func (q *Quota) options() (words []string) {
	part := func(kind string, name *string) {
		switch {
		case name == nil:
		case *name == "":
			words = append(words, "--entity-type", kind, "--entity-default")
		default:
			words = append(words, "--entity-type", kind, "--entity-name", *name)
		}
	}
	part("users", q.User)
	part("clients", q.Client)
	return words
}
