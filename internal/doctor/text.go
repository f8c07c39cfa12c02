package doctor

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"momus/internal/model"
)

// plain is a list of ids without blanks, for commands.
func plain(list []int32) string { return strings.ReplaceAll(English.ids(list), ", ", ",") }

// has is a verb for so many things.
func has(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// found is the finding of a rule, if there is evidence of it.
func found(evidence []string, f Finding) []Finding {
	if evidence == nil {
		return nil
	}
	f.Evidence = evidence
	return []Finding{f}
}

// size is a number of bytes for people.
func size(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	f, i := float64(n), 0
	for f >= 1024 && i < len(units)-1 {
		f, i = f/1024, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", f, units[i])
}

// moment is a time for people.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// words that a shell takes as they are.
var bare = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// quote makes one word of a text for a POSIX shell.
func quote(s string) string {
	if bare.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// line joins words to a command that a person can paste: names of topics and groups, and paths, are
// quoted where a shell would take them apart. It changes words.
func line(words ...string) string {
	for i, w := range words {
		words[i] = quote(w)
	}
	return strings.Join(words, " ")
}

// commandWith is a line that runs a tool of Kafka against the cluster with the options that were
// given to the doctor. configOption is how the tool is given properties: --command-config of most,
// --admin.config of kafka-leader-election.
func (s *Snapshot) commandWith(configOption, tool string, args ...string) string {
	words := []string{"momus", tool, "--bootstrap-server", s.Asked.Servers}
	if s.Asked.CommandConfig != "" {
		words = append(words, configOption, s.Asked.CommandConfig)
	}
	return line(append(words, args...)...)
}

// command is commandWith for the tools that call it --command-config.
func (s *Snapshot) command(tool string, args ...string) string {
	return s.commandWith("--command-config", tool, args...)
}

// overZooKeeper is a line that runs a tool against ZooKeeper: the one that was named, or that of the
// brokers' configuration.
func (s *Snapshot) overZooKeeper(tool string, args ...string) string {
	return line(append([]string{"momus", tool, "--zookeeper", s.connect()}, args...)...)
}

// connect is zookeeper.connect.
func (s *Snapshot) connect() string {
	if s.Asked.ZooKeeper != "" {
		return s.Asked.ZooKeeper
	}
	if v, ok := s.config().Get("zookeeper.connect"); ok && v != "" {
		return v
	}
	// Nobody can know it here: the broker kept it to itself, and a person sees what to fill in.
	return "HOST:2181"
}

// shell is a line that changes or shows znodes. The chroot stands in front of the paths rather than
// behind the servers, so that whoever reads the command sees which node of the ensemble is meant.
// It changes args.
func (s *Snapshot) shell(command string, args ...string) string {
	servers, chroot, _ := strings.Cut(s.connect(), "/")
	for i, a := range args {
		if strings.HasPrefix(a, "/") && chroot != "" {
			args[i] = "/" + chroot + a
		}
	}
	return line(append([]string{"momus", "zookeeper-shell", servers, command}, args...)...)
}

// alterTopic and alterBroker are lines that set or delete dynamic configs; id "" is the default of
// all brokers.
func (s *Snapshot) alterTopic(topic string, args ...string) string {
	return s.command("kafka-configs", append([]string{"--alter", "--entity-type", "topics", "--entity-name", topic}, args...)...)
}

// alterBroker names the entity as KIP-226 does: an id, or the default of the cluster.
func (s *Snapshot) alterBroker(id string, args ...string) string {
	entity := []string{"--alter", "--entity-type", "brokers", "--entity-name", id}
	if id == "" {
		entity = []string{"--alter", "--entity-type", "brokers", "--entity-default"}
	}
	return s.command("kafka-configs", append(entity, args...)...)
}

// reassign are lines that give partitions other replicas. Kafka's tool of 2.5 carries a plan out
// over ZooKeeper only, hence --zookeeper. file is where the plan is written, in the directory of
// whoever pastes the commands. Without moves there is nothing to say: nil.
func (s *Snapshot) reassign(file string, moves []move) []string {
	if len(moves) == 0 {
		return nil
	}
	var b strings.Builder
	b.WriteString(`{"version":1,"partitions":[`)
	for i, m := range moves {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"topic":%q,"partition":%d,"replicas":[%s]}`, m.tp.Topic, m.tp.Partition, plain(m.replicas))
	}
	b.WriteString("]}")
	return []string{
		"echo " + quote(b.String()) + " >" + file,
		s.overZooKeeper("kafka-reassign-partitions", "--reassignment-json-file", file, "--execute"),
	}
}

// move is a partition that gets other replicas. The replicas are in the order of the plan: the
// first is the preferred leader.
type move struct {
	tp       model.TopicPartition
	replicas []int32
}

// maxMoves bounds the partitions of one reassignment, and the commands of one finding: what is left
// is found again.
const (
	maxMoves    = 50
	maxCommands = 20
)

// firsts cuts a list of commands. The rest shows in the next report, when these are done.
func firsts(list []string) []string { return list[:min(len(list), maxCommands)] }
