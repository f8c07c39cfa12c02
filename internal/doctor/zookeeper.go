package doctor

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
)

var zookeeperRules = []Rule{
	{otherName, "a ZooKeeper, or a chroot, that is not that of the brokers", []Part{ZooKeeperNodes}, otherCluster},
	{"zookeeper.connect-differs", "brokers with different zookeeper.connect", []Part{BrokerConfigs}, connectDiffers},
	{"zookeeper.strayed", "brokers of this cluster that registered in another chroot", []Part{ZooKeeperNodes}, strayed},
	{"zookeeper.open", "znodes that anybody may change, in a cluster with an authorizer", []Part{ZooKeeperNodes, BrokerConfigs}, znodesOpen},
	{"znode.orphans", "znodes of topics that are gone", []Part{ZooKeeperNodes}, znodeOrphans},
	{"znode.notifications", "notifications that nobody takes", []Part{ZooKeeperNodes}, notifications},
	{"znode.old-consumers", "offsets of consumers of before 0.9 that are left in ZooKeeper", []Part{ZooKeeperNodes}, oldConsumers},
	{"znode.election-stuck", "an election of preferred leaders that does not end", []Part{ZooKeeperNodes}, electionStuck},
}

// otherName is the rule that finds that all other rules must leave ZooKeeper alone.
const otherName = "zookeeper.other-cluster"

// withoutZooKeeper is a snapshot without what ZooKeeper said, and the reason for that. The original
// stays as it is: a broker that is known from ZooKeeper alone is left out of the copy, and the
// others lose their registration. A reason that is there already, such as that ZooKeeper did not
// answer, is the better one.
func (s *Snapshot) withoutZooKeeper(reason string) *Snapshot {
	x := *s
	x.ZooKeeper, x.Brokers, x.Missing = nil, nil, map[Part]string{}
	maps.Copy(x.Missing, s.Missing)
	if x.Missing[ZooKeeperNodes] == "" {
		x.Missing[ZooKeeperNodes] = reason
	}
	for _, b := range s.Brokers {
		if c := *b; c.InMetadata || c.Registered == nil {
			c.Registered = nil
			x.Brokers = append(x.Brokers, &c)
		}
	}
	return &x
}

// root is the chroot as it is called in a sentence.
func (z *ZooKeeper) root() string {
	if z.Chroot == "" {
		return "/"
	}
	return z.Chroot
}

// otherCluster compares cluster ids (KIP-78). Where there is no /cluster/id and no broker either,
// the chroot is empty: a typing error, or one chroot too few. An id alone that is missing is no
// sign, since brokers before 0.10.1 made none.
func otherCluster(s *Snapshot) []Finding {
	z := s.ZooKeeper
	registered := slices.ContainsFunc(s.Brokers, func(b *Broker) bool { return b.Registered != nil })
	var evidence []string
	switch {
	case z.ClusterID != "" && s.ClusterID != "" && z.ClusterID != s.ClusterID:
		evidence = append(evidence, s.say("the brokers' cluster is %s, that of %s is %s", s.ClusterID, s.connect(), z.ClusterID))
	case z.ClusterID == "" && !registered:
		evidence = append(evidence, s.say("there is no cluster in %s of %s", z.root(), s.connect()))
	default:
		return nil
	}
	for _, path := range sortedKeys(z.Others) {
		var list []int32
		for _, b := range z.Others[path] {
			list = append(list, b.ID)
		}
		evidence = append(evidence, s.say("%s has %s", path, s.brokers(list)))
	}
	servers, _, _ := strings.Cut(s.Asked.ZooKeeper, "/")
	cure := s.say("Name the ZooKeeper of these brokers with --zookeeper, with the chroot that their zookeeper.connect has.")
	// The broker's own setting is better than advice, if this user may read it. The servers stay
	// those that answer from here: the broker may know them by names of another network.
	if v, ok := s.config().Get("zookeeper.connect"); ok && v != "" {
		cure = s.say("Name the ZooKeeper of these brokers, %s, with --zookeeper.", v)
		_, chroot, found := strings.Cut(v, "/")
		if found {
			servers += "/" + chroot
		}
	}
	return []Finding{{Severity: Critical, Summary: s.say("This ZooKeeper, or this chroot of it, is not that of the brokers."), Evidence: evidence,
		Consequence: s.say("Tools with this --zookeeper change something else than they seem to; a broker that is started with it begins a cluster of its own."),
		Cure:        cure,
		Commands:    []string{line("momus", "doctor", "--bootstrap-server", s.Asked.Servers, "--zookeeper", servers)}}}
}

// chrootOf is the chroot of zookeeper.connect. "" is for none, also for a slash with nothing behind
// it.
func chrootOf(connect string) string {
	_, chroot, ok := strings.Cut(connect, "/")
	if !ok || chroot == "" {
		return ""
	}
	return "/" + strings.TrimRight(chroot, "/")
}

// connectDiffers compares lists of servers as sets, since the order has no meaning, and the chroots
// apart, since only another chroot is another cluster. Names of one host that differ (an address,
// an alias) look different here: hence Advice.
func connectDiffers(s *Snapshot) []Finding {
	chroots, whole := map[string][]int32{}, map[string][]int32{}
	for _, b := range s.Brokers {
		v, ok := b.Config.Get("zookeeper.connect")
		if !ok || v == "" {
			continue
		}
		servers, _, _ := strings.Cut(v, "/")
		list := strings.Split(strings.ReplaceAll(servers, " ", ""), ",")
		slices.Sort(list)
		chroots[chrootOf(v)] = append(chroots[chrootOf(v)], b.ID)
		key := strings.Join(list, ",") + chrootOf(v)
		whole[key] = append(whole[key], b.ID)
	}
	if len(whole) < 2 {
		return nil
	}
	var evidence []string
	for _, v := range sortedKeys(whole) {
		evidence = append(evidence, s.say("%s: %s", s.brokers(whole[v]), v))
	}
	severity, consequence := Advice, s.say("Brokers that know fewer servers of the ensemble lose their session when these are down.")
	if len(chroots) > 1 {
		severity, consequence = Critical, s.say("Another chroot is another cluster: these brokers do not see each other.")
	}
	return []Finding{{Severity: severity, Summary: s.say("The brokers have different zookeeper.connect."), Evidence: evidence,
		Consequence: consequence,
		Cure:        s.say("Make it equal in server.properties of all brokers (the chroot stands once, at the end) and restart those that change.")}}
}

// strayed finds the broker whose zookeeper.connect has the chroot behind each server instead of
// once at the end, or none: it sees no other brokers and makes itself controller of a new cluster.
// An id alone is no proof, since every cluster has a broker 1, but if it is missing here it is.
func strayed(s *Snapshot) []Finding {
	ours := map[string]int32{}
	for _, b := range s.Brokers {
		if b.Host != "" {
			ours[b.Address()] = b.ID
		}
	}
	var evidence []string
	for _, path := range sortedKeys(s.ZooKeeper.Others) {
		for _, o := range s.ZooKeeper.Others[path] {
			if b := s.Broker(o.ID); b != nil && !b.Alive() {
				evidence = append(evidence, s.say("broker %d, which is missing here, is registered in %s", o.ID, path))
				continue
			}
			for _, e := range o.Endpoints {
				if id, ok := ours[net.JoinHostPort(e.Host, fmt.Sprint(e.Port))]; ok {
					evidence = append(evidence, s.say("broker %d of %s has the address of broker %d here, %s:%d", o.ID, path, id, e.Host, e.Port))
				}
			}
		}
	}
	return found(evidence, Finding{Severity: Critical, Summary: s.say("A broker of this cluster has registered in another chroot."),
		Consequence: s.say("It is a cluster of its own there: its replicas are missing here, and what is written to it is not known here."),
		Cure:        s.say("Stop it, set its zookeeper.connect as that of the others (the chroot stands once, at the end), and start it again. What it wrote to its log directories meanwhile belongs to the other cluster.")})
}

// znodesOpen says nothing without an authorizer: where everybody may do everything over Kafka's
// protocol, open znodes give no more. Advice becomes a Warning when somebody wanted them closed:
// zookeeper.set.acl protects only what is created from then on.
func znodesOpen(s *Snapshot) []Finding {
	z := s.ZooKeeper
	name, ok := s.config().Get("authorizer.class.name")
	if !ok || name == "" || len(z.Open) == 0 {
		return nil
	}
	severity := Advice
	if s.config().True("zookeeper.set.acl") {
		severity = Warning
	}
	return []Finding{{Severity: severity, Summary: s.say("Anybody who reaches ZooKeeper may change the cluster, past the authorizer."),
		Evidence:    []string{s.say("open to the world: %s", s.listed(z.Open)), "zookeeper.set.acl=" + s.config()["zookeeper.set.acl"].Value},
		Consequence: s.say("Whoever can connect to ZooKeeper can give rights, delete topics and make users."),
		Cure:        s.say("Let the brokers log in at ZooKeeper (a section Client in the JAAS file, or TLS), set zookeeper.set.acl=true, restart them, and protect what is there with the command. Until then let only the brokers reach the port."),
		Commands:    []string{line("momus", "zookeeper-security-migration", "--zookeeper.acl", "secure", "--zookeeper.connect", s.connect())}}}
}

// znodeOrphans looks at three kinds: configs of topics, requests for deletion and nodes of
// partitions. The request gets patience, since the controller removes the topic's znode first and
// the request last.
func znodeOrphans(s *Snapshot) []Finding {
	z := s.ZooKeeper
	var evidence, commands []string
	for _, name := range z.ConfigTopics {
		if _, ok := z.Topics[name]; !ok {
			evidence = append(evidence, s.say("%s: there is no such topic", "/config/topics/"+name))
			commands = append(commands, s.shell("delete", "/config/topics/"+name))
		}
	}
	for _, name := range sortedKeys(z.Deletions) {
		if _, ok := z.Topics[name]; !ok && s.Time.Sub(z.Deletions[name]) > patience {
			evidence = append(evidence, s.say("%s: there is no such topic", "/admin/delete_topics/"+name))
			commands = append(commands, s.shell("delete", "/admin/delete_topics/"+name))
		}
	}
	for _, name := range sortedKeys(z.Nodes) {
		for _, id := range z.Nodes[name] {
			if z.Topics[name] != nil && z.Topics[name][id] == nil {
				path := fmt.Sprintf("/brokers/topics/%s/partitions/%d", name, id)
				evidence = append(evidence, s.say("%s: the topic has no such partition", path))
				commands = append(commands, s.shell("deleteall", path))
			}
		}
	}
	return found(evidence, Finding{Severity: Advice, Summary: s.say("%s %s left from topics that are gone.", s.count(len(evidence), "znode"), has(len(evidence), "is", "are")),
		Consequence: s.say("Old settings are in force again when a topic of that name is created."),
		Cure:        s.say("Remove them."),
		Commands:    firsts(commands)})
}

// manyNotifications is how many notifications of one kind may wait: the controller takes those of
// ISRs and log directories at once, and those of configs are kept for a quarter of an hour. An
// entry of configs is a sequential node that every broker reads; whoever reads a later one removes
// those that are older (ZkNodeChangeNotificationListener). Many in a short time are a script's
// work, and no harm.
var manyNotifications = map[string]int{"/isr_change_notification": 20, "/log_dir_event_notification": 20, "/config/changes": 1000,
	"/kafka-acl-changes": 1000, "/kafka-acl-extended-changes": 1000, "/delegation_token/token_changes": 1000}

// notifications is a Warning for those that only the controller takes: they pile up when it hangs.
// Paths that are not in manyNotifications are not counted.
func notifications(s *Snapshot) []Finding {
	var evidence []string
	worst := Advice
	for _, path := range sortedKeys(s.ZooKeeper.Notifications) {
		if n, most := s.ZooKeeper.Notifications[path], manyNotifications[path]; most > 0 && n > most {
			evidence = append(evidence, s.say("%s has %d children", path, n))
			if most < 100 {
				worst = Warning
			}
		}
	}
	return found(evidence, Finding{Severity: worst, Summary: s.say("Notifications pile up in ZooKeeper."),
		Consequence: s.say("The controller does not get on: it knows in-sync replicas and failed disks that are out of date, and elects by them."),
		Cure:        s.say("See in the controller's log what holds it up. The command lets another broker be controller."),
		Commands:    []string{s.shell("get", "/controller"), s.shell("delete", "/controller")}})
}

// oldConsumers names only groups without consumers for removal: with the last consumer gone, nobody
// reads the offsets any more.
func oldConsumers(s *Snapshot) []Finding {
	var evidence, commands []string
	for _, name := range sortedKeys(s.ZooKeeper.OldGroups) {
		if s.ZooKeeper.OldGroups[name] {
			evidence = append(evidence, s.say("%s has consumers", "/consumers/"+name))
			continue
		}
		evidence = append(evidence, s.say("%s has no consumers", "/consumers/"+name))
		commands = append(commands, s.shell("deleteall", "/consumers/"+name))
	}
	return found(evidence, Finding{Severity: Advice, Summary: s.say("%s of old consumers %s in ZooKeeper.", s.count(len(evidence), "group"), has(len(evidence), "is", "are")),
		Consequence: s.say("Offsets that are committed there load ZooKeeper; the consumers that do it have been gone from Kafka since 2.0."),
		Cure:        s.say("Move consumers to the client of Kafka 0.9 or later; remove what no consumer uses."),
		Commands:    firsts(commands)})
}

// electionStuck knows the znode's age only. The controller removes it at once when it has tried
// every partition in it, also those where the election failed.
func electionStuck(s *Snapshot) []Finding {
	since := s.ZooKeeper.Election
	if since.IsZero() || s.Time.Sub(since) < patience {
		return nil
	}
	return []Finding{{Severity: Warning, Summary: s.say("An election of preferred leaders does not end."),
		Evidence:    []string{s.say("/admin/preferred_replica_election is there for %s", s.length(s.Time.Sub(since)))},
		Consequence: s.say("The controller does not take what it is asked; no other election of this kind can begin."),
		Cure:        s.say("See in the controller's log what holds it up; let another broker be controller."),
		Commands:    []string{s.shell("delete", "/controller")}}}
}
