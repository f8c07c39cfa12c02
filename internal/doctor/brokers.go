package doctor

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"momus/internal/model"
)

// The first of a list of findings is what most people begin with: whether anybody is in charge
// comes before what the brokers say about each other.
var brokerRules = []Rule{
	{"controller.none", "a cluster without an active controller", nil, noController},
	{"broker.missing", "brokers that hold replicas but are not in the cluster", nil, missingBrokers},
	{"broker.unreachable", "advertised addresses that cannot be reached from here", []Part{Reach}, unreachable},
	{"broker.impostor", "advertised addresses at which another broker answers", []Part{Reach}, impostors},
	{"broker.address-twice", "brokers that advertise the same address", nil, sameAddress},
	{"broker.address-loopback", "addresses of this machine alone, announced to other machines", nil, loopback},
	{"broker.not-registered", "brokers that others know, but whose znode is gone", []Part{ZooKeeperNodes}, notRegistered},
	{"broker.not-in-metadata", "brokers in ZooKeeper that clients are not told of", []Part{ZooKeeperNodes}, notInMetadata},
	{"broker.views-differ", "brokers that tell clients something else than the controller", nil, viewsDiffer},
	{"broker.clock", "clocks of brokers that differ", []Part{ZooKeeperNodes}, clocks},
	{"broker.versions-mixed", "brokers of several versions", nil, versionsMixed},
}

// noController looks at both places that name the controller. /controller is the truth; the
// brokers' metadata lag behind it by one UpdateMetadata. A znode that is ephemeral but names a
// broker without a registration is left from a broker whose session is about to expire, or was
// written by hand.
func noController(s *Snapshot) []Finding {
	shown := s.Controller
	known := s.Broker(shown)
	var evidence []string
	if z := s.ZooKeeper; z != nil {
		if b := s.Broker(z.Controller); z.Controller < 0 {
			evidence = append(evidence, s.say("there is no znode /controller"))
		} else if b == nil || b.Registered == nil {
			evidence = append(evidence, s.say("the znode /controller names broker %d, which is not registered", z.Controller))
		}
	}
	switch {
	case shown < 0:
		evidence = append(evidence, s.say("the brokers name no controller"))
	case known == nil || !known.InMetadata:
		evidence = append(evidence, s.say("the brokers name broker %d as controller, which is not in the cluster", shown))
	}
	return found(evidence, Finding{Severity: Critical, Summary: s.say("There is no active controller."),
		Consequence: s.say("No leader is elected when a broker fails, no topic is created or deleted, no broker learns of changes."),
		Cure:        s.say("See why no broker takes the office: its log around /controller, and whether ZooKeeper accepts writes. A broker that is restarted tries again."),
		Commands:    []string{s.shell("get", "/controller"), s.shell("ls", "/brokers/ids")}})
}

// missingBrokers knows a broker that is gone only by the replicas which are still assigned to it:
// its znode ended with its session. One without replicas that went away is therefore never missed,
// as is right after a broker was emptied and removed.
func missingBrokers(s *Snapshot) []Finding {
	var gone []int32
	var evidence []string
	for _, b := range s.Brokers {
		if b.Alive() {
			continue
		}
		replicas, alone := 0, 0
		for _, t := range s.Topics {
			for _, p := range t.Partitions {
				if slices.Contains(p.Replicas, b.ID) {
					replicas++
					// These partitions are offline, whatever their ISR says: only the old disks
					// have their records.
					if !slices.ContainsFunc(p.Replicas, func(id int32) bool { o := s.Broker(id); return o != nil && o.Alive() }) {
						alone++
					}
				}
			}
		}
		if replicas == 0 {
			continue
		}
		gone = append(gone, b.ID)
		text := s.say("broker %d: %s", b.ID, s.count(replicas, "replica"))
		if alone > 0 {
			text += s.say(", of %s no broker is left", s.count(alone, "partition"))
		}
		evidence = append(evidence, text)
	}
	if gone == nil {
		return nil
	}
	return []Finding{{Severity: Critical, Summary: upper(s.say("%s %s missing.", s.brokers(gone), has(len(gone), "is", "are"))), Evidence: evidence,
		// A reassignment leaves out partitions of which nobody is left to copy from.
		Consequence: s.say("The replicas there are out of date or not there at all; each further failure costs more partitions."),
		Cure:        s.say("Start it again, with the same broker.id and log.dirs. If it is gone for good, give its replicas to others, or start an empty one with its broker.id."),
		Commands:    append([]string{s.command("kafka-topics", "--describe", "--under-replicated-partitions")}, s.reassign("without-missing.json", s.withoutBrokers(gone))...)}}
}

// withoutBrokers gives the replicas of some brokers to others, if there are enough. The replicas
// that stay keep their order, so that a preferred leader that is alive stays it.
func (s *Snapshot) withoutBrokers(gone []int32) (moves []move) {
	load := s.load()
	for _, t := range s.Topics {
		for _, p := range t.Partitions {
			kept := slices.DeleteFunc(slices.Clone(p.Replicas), func(id int32) bool { return slices.Contains(gone, id) })
			if len(kept) == len(p.Replicas) || len(kept) == 0 || len(moves) == maxMoves {
				continue
			}
			if all := load.fill(kept, len(p.Replicas)); len(all) == len(p.Replicas) {
				moves = append(moves, move{model.TopicPartition{Topic: t.Name, Partition: p.ID}, all})
			}
		}
	}
	return moves
}

// load counts replicas by broker that is alive. It changes while a plan is made, so that the plan
// itself does not heap replicas on one broker.
type load map[int32]int

func (s *Snapshot) load() load {
	l := load{}
	for _, b := range s.alive() {
		l[b.ID] = 0
	}
	for _, t := range s.Topics {
		for _, p := range t.Partitions {
			for _, id := range p.Replicas {
				if _, ok := l[id]; ok {
					l[id]++
				}
			}
		}
	}
	return l
}

// fill adds the brokers with the fewest replicas until there are n, or no more brokers. Ties go to
// the lowest id: a report of the same cluster reads the same each time.
func (l load) fill(replicas []int32, n int) []int32 {
	out := slices.Clone(replicas)
	for len(out) < n {
		best := int32(-1)
		for _, id := range sortedKeys(l) {
			if !slices.Contains(out, id) && (best < 0 || l[id] < l[best]) {
				best = id
			}
		}
		if best < 0 {
			break
		}
		l[best]++
		out = append(out, best)
	}
	return out
}

// unreachable is about clients that start where the doctor runs. The address is right for somebody,
// or the cluster would not work at all; from here it is not.
func unreachable(s *Snapshot) []Finding {
	var evidence []string
	alive := 0
	for _, b := range s.alive() {
		alive++
		if b.Unreachable != "" {
			evidence = append(evidence, s.say("broker %d announces %s: %s", b.ID, b.Address(), b.Unreachable))
		}
	}
	return found(evidence, Finding{Severity: Critical, Summary: s.say("%d of %s cannot be reached from here.", len(evidence), s.count(alive, "broker")),
		Consequence: s.say("A client that starts here finds the cluster, is sent to these addresses, and waits until its time is over."),
		Cure: s.say("Set advertised.listeners (KAFKA_ADVERTISED_LISTENERS in a container) of these brokers to an address that clients can resolve and reach, and restart them. " +
			"If the address is right, look for a firewall, or for a broker that hangs."),
		Commands: []string{s.command("kafka-broker-api-versions")}})
}

// impostors are found by the id or the cluster id that the address answers with: a port that is
// forwarded to the wrong container, or a load balancer in front of several brokers.
func impostors(s *Snapshot) []Finding {
	var evidence []string
	for _, b := range s.alive() {
		if b.Impostor != "" {
			evidence = append(evidence, s.say("broker %d announces %s, where %s answers", b.ID, b.Address(), b.Impostor))
		}
	}
	return found(evidence, Finding{Severity: Critical, Summary: s.say("Another broker answers at an advertised address."),
		Consequence: s.say("Clients send to a broker that does not lead: NOT_LEADER_FOR_PARTITION without end, and groups that find no coordinator."),
		Cure:        s.say("Give each broker an address of its own in advertised.listeners, and look at the port forwarding or load balancer between here and there.")})
}

// sameAddress compares whole addresses, host and port, of all listeners in ZooKeeper and of the one
// in the metadata. Several brokers on one host differ in their ports.
func sameAddress(s *Snapshot) []Finding {
	at := map[string][]int32{}
	for _, b := range s.Brokers {
		// One broker may have an address twice, in its znode and in the metadata: it counts once.
		seen := map[string]bool{}
		if b.InMetadata {
			seen[b.Address()] = true
		}
		if b.Registered != nil {
			for _, e := range b.Registered.Endpoints {
				seen[net.JoinHostPort(e.Host, fmt.Sprint(e.Port))] = true
			}
		}
		for a := range seen {
			at[a] = append(at[a], b.ID)
		}
	}
	var evidence []string
	for _, a := range sortedKeys(at) {
		if len(at[a]) > 1 {
			evidence = append(evidence, a+": "+s.brokers(at[a]))
		}
	}
	return found(evidence, Finding{Severity: Critical, Summary: s.say("Several brokers advertise the same address."),
		Consequence: s.say("Clients and the brokers themselves reach one of them only: replication stands still and requests go to the wrong broker."),
		Cure:        s.say("Set advertised.listeners of each broker to its own host and port, and restart it. localhost is right only where all clients and brokers are one machine, each with another port.")})
}

// isLoopback tells whether an address means the machine of whoever uses it.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// loopback is about addresses that only work where the broker runs. A cluster that was asked by such
// an address is on this machine, as is right.
func loopback(s *Snapshot) []Finding {
	here, elsewhere := []int32{}, []int32{}
	var evidence []string
	for _, b := range s.alive() {
		if b.Host == "" {
			continue
		}
		if !isLoopback(b.Host) {
			elsewhere = append(elsewhere, b.ID)
			continue
		}
		here = append(here, b.ID)
		evidence = append(evidence, s.say("broker %d announces %s", b.ID, b.Address()))
	}
	remote := false
	for _, server := range strings.Split(s.Asked.Servers, ",") {
		host, _, err := net.SplitHostPort(strings.TrimSpace(server))
		remote = remote || err == nil && !isLoopback(host)
	}
	if len(here) == 0 || len(elsewhere) == 0 && !remote {
		return nil
	}
	if remote {
		evidence = append(evidence, s.say("the cluster was asked at %s", s.Asked.Servers))
	} else {
		evidence = append(evidence, s.say("%s %s other machines", s.brokers(elsewhere), has(len(elsewhere), "announces", "announce")))
	}
	return []Finding{{Severity: Warning, Summary: s.say("A broker announces an address that only its own machine can use."), Evidence: evidence,
		Consequence: s.say("Clients and brokers on other machines connect to themselves instead: connection refused, or another broker."),
		Cure:        s.say("Set advertised.listeners to the name or address that other machines know it by, and restart the broker.")}}
}

// notRegistered is the reverse of notInMetadata: a session that expired while the broker hangs or
// cannot reach ZooKeeper. Clients go on writing to such a leader; with acks=1 what they write is
// lost when another takes over.
func notRegistered(s *Snapshot) []Finding {
	var evidence []string
	for _, b := range s.Brokers {
		if b.InMetadata && b.Registered == nil {
			text := s.say("broker %d (%s) is in the brokers' metadata, and there is no /brokers/ids/%d", b.ID, b.Address(), b.ID)
			if b.Answers {
				text += s.say("; it answers")
			}
			evidence = append(evidence, text)
		}
	}
	return found(evidence, Finding{Severity: Critical, Summary: s.say("Brokers are not registered in ZooKeeper."),
		Consequence: s.say("Its session is gone or it registered elsewhere: the controller counts it as dead, while clients still write to it."),
		Cure:        s.say("Look in its log for the session with ZooKeeper, and whether its zookeeper.connect has the same chroot as the others'. A restart registers it again."),
		Commands:    []string{s.shell("ls", "/brokers/ids")}})
}

// notInMetadata leaves a broker half a minute: the controller sees the registration by a watch, and
// tells all brokers, usually within a second.
func notInMetadata(s *Snapshot) []Finding {
	var evidence []string
	for _, b := range s.Brokers {
		if !b.InMetadata && b.Registered != nil && s.Time.Sub(b.Registered.Created) > 30*time.Second {
			evidence = append(evidence, s.say("broker %d registered %s ago (/brokers/ids/%[1]d), and clients are not told of it", b.ID, s.length(s.Time.Sub(b.Registered.Created))))
		}
	}
	return found(evidence, Finding{Severity: Critical, Summary: s.say("Brokers are in ZooKeeper, but not in the brokers' metadata."),
		Consequence: s.say("They get no partitions and serve nobody: the controller has not seen them, or cannot reach them."),
		Cure:        s.say("See whether the controller can connect to the address that it registered. If it can, let another broker be controller: it begins by reading all registrations."),
		Commands:    []string{s.shell("get", "/controller"), s.shell("delete", "/controller")}})
}

// viewsDiffer relies on whoever filled Differs to have looked twice, so that news on their way are
// no difference. Four lines a broker are enough to see which kind it is.
func viewsDiffer(s *Snapshot) []Finding {
	var evidence []string
	var who []int32
	for _, b := range s.Brokers {
		for i, d := range b.Differs {
			if i == 0 {
				who = append(who, b.ID)
			}
			if i < 4 {
				evidence = append(evidence, s.say("broker %d: %s", b.ID, d))
			}
		}
		if n := len(b.Differs); n > 4 {
			evidence = append(evidence, s.say("broker %d: and %d differences more", b.ID, n-4))
		}
	}
	return found(evidence, Finding{Severity: Critical, Summary: s.say("The cluster looks different to %s than to the controller.", s.brokers(who)),
		Consequence: s.say("Clients that ask there go to the wrong leaders, and its followers may fetch from them."),
		Cure: s.say("The controller cannot reach it, or it follows an older controller: look for the connection between the two in both logs. Restart that broker, or let " +
			"another be controller, which tells all brokers everything anew."),
		Commands: []string{s.shell("get", "/controller"), s.shell("delete", "/controller")}})
}

// maxSkew is how far the clock of a broker may be off. A registration takes less. A registration
// takes less, also when the ensemble is slow: both times are of the same write.
const maxSkew = 10 * time.Second

// clocks compares the time that a broker wrote into its znode with the time at which ZooKeeper made
// the znode. It needs no access to the broker's machine, but tells of the moment of the start only.
func clocks(s *Snapshot) []Finding {
	var evidence []string
	worst := time.Duration(0)
	for _, b := range s.Brokers {
		if r := b.Registered; r != nil && !r.Started.IsZero() && !r.Created.IsZero() {
			if skew := r.Started.Sub(r.Created); skew.Abs() > maxSkew {
				evidence = append(evidence, s.say("broker %d registered at %s by its clock and at %s by ZooKeeper's: %s", b.ID, moment(r.Started), moment(r.Created), s.aheadBy(skew)))
				worst = max(worst, skew.Abs())
			}
		}
	}
	return found(evidence, Finding{Severity: Warning, Summary: s.say("The clocks of brokers and ZooKeeper differ by %s.", s.length(worst)),
		Consequence: s.say("Records get wrong times (LogAppendTime), so retention and look-ups by time are wrong too; logs of several machines cannot be compared; Kerberos fails from 5 minutes on."),
		Cure:        s.say("Set the clock by NTP on that machine. (The clock was compared when the broker started: restart it to see that it is right.)"),
		Commands:    []string{"timedatectl status"}})
}

// versionsMixed counts versions of the protocol, so that a cluster of Apache Kafka 2.5 and momus is
// not mixed: they offer the same APIs. The evidence tells them apart all the same.
func versionsMixed(s *Snapshot) []Finding {
	by := map[string][]int32{}
	for _, b := range s.Brokers {
		if b.Version != "" {
			name := b.Version
			if b.Momus {
				name += " (momus)"
			}
			by[name] = append(by[name], b.ID)
		}
	}
	versions := map[string]bool{}
	for _, b := range s.Brokers {
		if b.Version != "" {
			versions[b.Version] = true
		}
	}
	if len(versions) < 2 {
		return nil
	}
	var evidence []string
	for _, v := range sortedKeys(by) {
		evidence = append(evidence, s.say("%s: %s", v, s.brokers(by[v])))
	}
	return []Finding{{Severity: Warning, Summary: s.say("The brokers have several versions."), Evidence: evidence,
		Consequence: s.say("Right in the middle of an upgrade, wrong for longer: what a client may ask for depends on the broker it meets, and the newest features stay off."),
		Cure:        s.say("Bring all brokers to one version, one after the other, and raise inter.broker.protocol.version only then."),
		Commands:    []string{s.command("kafka-broker-api-versions")}}}
}
