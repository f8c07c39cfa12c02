//go:build interop

package differential

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/integration/testkit"
	"momus/storage/record"
)

// estate is what one of the two directories holds, whoever serves it.
type estate struct {
	members     map[string]string // the ids of members by the names the scenario gives them
	generations map[string]int32
	producers   map[string]int64
	epochs      map[string]int16
}

// TestTakenOverAsByKafka has both brokers clean, retain and coordinate, starts each again, and then
// has each take over the other's directory: what they answer must be the same all the time.
func TestTakenOverAsByKafka(t *testing.T) {
	zk := testkit.ZooKeeper(t, "zookeeper")
	settings := []string{"log.retention.ms=-1", "log.retention.check.interval.ms=500", "log.cleaner.backoff.ms=50", "log.cleaner.dedupe.buffer.size=2097152", "log.segment.delete.delay.ms=100",
		"group.min.session.timeout.ms=100", "group.max.session.timeout.ms=600000", "controlled.shutdown.retry.backoff.ms=100", "auto.create.topics.enable=false"}
	kafka := testkit.Kafka(t, 1, zk+"/kafka", settings...)
	momus := testkit.Broker(t, 1, zk+"/momus", settings...)
	var estates [2]*estate
	for i := range estates {
		estates[i] = &estate{members: map[string]string{}, generations: map[string]int32{}, producers: map[string]int64{}, epochs: map[string]int16{}}
	}
	both := func(name string, clusters [2]*testkit.Cluster, names [2]string, estates [2]*estate, run func(s *session, e *estate)) {
		t.Run(name, func(t *testing.T) {
			var sessions [2]*session
			var wg sync.WaitGroup
			for i, c := range clusters {
				p := &peer{name: names[i], cluster: c, addr: c.Bootstrap}
				ready(t, p)
				sessions[i] = newSession(t, p)
				wg.Go(func() {
					for member, id := range estates[i].members {
						sessions[i].call(id, "<"+member+">")
					}
					play(sessions[i], scenario{name, func(s *session) { run(s, estates[i]) }})
				})
			}
			wg.Wait()
			conclude(t, sessions)
		})
	}
	names := [2]string{"kafka", "momus"}
	both("first", [2]*testkit.Cluster{kafka, momus}, names, estates, endow)
	again := func(as string) {
		for _, c := range []*testkit.Cluster{kafka, momus} {
			c.Process.Stop(t, time.Minute)
		}
		if as == "again" {
			kafka.Restart(t)
			momus.Restart(t)
			return
		}
		kafka, momus = momus.AsKafka(t), kafka.AsMomus(t)
		estates[0], estates[1] = estates[1], estates[0]
	}
	again("again")
	both("started again", [2]*testkit.Cluster{kafka, momus}, names, estates, inherit)
	again("swapped")
	both("swapped", [2]*testkit.Cluster{kafka, momus}, names, estates, inherit)
	again("again")
	both("swapped and started again", [2]*testkit.Cluster{kafka, momus}, names, estates, inherit)
}

// cleanedTopic is a topic that is cleaned in two rounds.
type cleanedTopic struct {
	name    string
	configs []string
	magic   int8
	codec   record.Codec
	none    bool // nothing of it may be cleaned
}

var cleanedTopics = []cleanedTopic{
	{name: "hc-plain", magic: 2},
	{name: "hc-gzip", magic: 2, codec: record.Gzip},
	{name: "hc-now", magic: 2, configs: []string{"delete.retention.ms=0"}},
	{name: "hc-lag", magic: 2, configs: []string{"min.compaction.lag.ms=315360000000"}, none: true},
	{name: "hc-max", magic: 2, configs: []string{"min.cleanable.dirty.ratio=1.0", "max.compaction.lag.ms=100000"}},
	{name: "hc-ratio", magic: 2, configs: []string{"min.cleanable.dirty.ratio=1.0"}, none: true},
	{name: "hc-v1", magic: 1, configs: []string{"message.format.version=0.10.2"}},
	{name: "hc-v1-snappy", magic: 1, codec: record.Snappy, configs: []string{"message.format.version=0.10.2", "delete.retention.ms=0"}},
	{name: "hc-v0", magic: 0, configs: []string{"message.format.version=0.9.0"}},
	{name: "hc-append", magic: 2, configs: []string{"message.timestamp.type=LogAppendTime"}},
	{name: "hc-idem", magic: 2},
	{name: "hc-large", magic: 2, configs: []string{"segment.bytes=100000"}},
}

// fillRound writes one round of a topic to clean: keys that come again, tombstones, records without a
// key, headers.
func (s *session) fillRound(c cleanedTopic, round int) {
	for i := range 12 {
		b := batch{magic: c.magic, codec: c.codec, pid: -1, epoch: -1, seq: -1, time: then + int64(round*100+i)*1000, withHead: i%4 == 1}
		for j := range 3 {
			key := fmt.Sprintf("k%d", (i*3+j*j+round)%8)
			r := kv{key, fmt.Sprintf("value %d of batch %d in round %d", j, i, round)}
			switch {
			case (i+j)%5 == 4:
				r.value = "" // null: a tombstone
			case i%6 == 5 && j == 0:
				r.key = ""
			}
			b.records = append(b.records, r)
		}
		// What is once only goes with its time: a key of an early batch, a tombstone of another.
		b.records = append(b.records, kv{fmt.Sprintf("once-%d-%d", round, i), "x"})
		if i == 3 {
			b.records = append(b.records, kv{fmt.Sprintf("gone-%d", round), ""}, kv{"gone-0", ""})
		}
		if c.name == "hc-idem" {
			b.pid, b.epoch, b.seq = 7000+int64(i%4), 0, s.sequence(i%4, len(b.records))
		}
		v := int16(8)
		if c.magic < 2 {
			v = 2
		}
		resp := s.quiet(v, produce(1, part{c.name, 0, b.bytes()})).(*kmsg.ProduceResponse)
		if e := resp.Topics[0].Partitions[0].ErrorCode; e != 0 {
			s.fail("produce to %s: error %d", c.name, e)
		}
	}
}

// sequence hands out n sequence numbers of one of four producers.
func (s *session) sequence(producer, n int) int32 {
	if s.sequences == nil {
		s.sequences = map[int]int32{}
	}
	first := s.sequences[producer]
	s.sequences[producer] += int32(n)
	return first
}

// policy changes the cleanup policy of a topic.
func (s *session) policy(topic, policy string) {
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	req.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{ResourceType: 2, ResourceName: topic, Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: "cleanup.policy", Value: &policy}}}}
	if e := s.quiet(1, req).(*kmsg.IncrementalAlterConfigsResponse).Resources[0].ErrorCode; e != 0 {
		s.fail("policy of %s: error %d", topic, e)
	}
}

// cleaned waits until the checkpoint says that everything below the active segment of each topic is
// clean.
func (s *session) cleaned(topics []string) {
	logs := filepath.Join(s.peer.cluster.Dir, "logs")
	for i := 0; ; i++ {
		done := map[string]int64{}
		if b, err := os.ReadFile(filepath.Join(logs, "cleaner-offset-checkpoint")); err == nil {
			for _, line := range strings.Split(string(b), "\n") {
				if f := strings.Fields(line); len(f) == 3 {
					done[f[0]], _ = strconv.ParseInt(f[2], 10, 64)
				}
			}
		}
		waiting := ""
		for _, topic := range topics {
			segments, _ := filepath.Glob(filepath.Join(logs, topic+"-0", "*.log"))
			sort.Strings(segments)
			if len(segments) == 0 {
				s.fail("%s has no segments", topic)
			}
			active, _ := strconv.ParseInt(strings.TrimSuffix(filepath.Base(segments[len(segments)-1]), ".log"), 10, 64)
			if done[topic] != active {
				waiting += fmt.Sprintf(" %s (%d of %d)", topic, done[topic], active)
			}
		}
		if waiting == "" {
			return
		}
		if i > 3000 {
			s.fail("not cleaned:%s", waiting)
		}
		pause()
	}
}

// showCleaned writes down what the files of a topic hold, and which offsets its times have.
func (s *session) showCleaned(topic string) {
	s.showSegments(filepath.Join(s.peer.cluster.Dir, "logs", topic+"-0"), topic)
	s.showTimes(topic)
}

func (s *session) showTimes(topic string) {
	var text strings.Builder
	for i := int64(-2); i < 260; i++ {
		ts := then + i*1000 - 999
		if i < 0 {
			ts = i
		}
		r := s.quiet(5, listOne(topic, ts)).(*kmsg.ListOffsetsResponse).Topics[0].Partitions[0]
		fmt.Fprintf(&text, "%d: %d at %s error %d\n", i, r.Offset, stamp(r.Timestamp), r.ErrorCode)
	}
	s.note("times of "+topic, text.String())
}

// endow fills a broker's directory: topics that are cleaned and retained, groups, transactions, and
// records of the coordinators as all versions before 2.5 wrote them.
func endow(s *session, e *estate) {
	s.coordinator()
	s.transactions()
	// What retention leaves is looked at last: Kafka begins half a minute after its start.
	s.create("hr-bytes", 1, "segment.bytes=500", "retention.bytes=1200")
	s.create("hr-time", 1, "segment.bytes=500", "retention.ms=86400000")
	s.create("hr-both", 1, "segment.bytes=500", "retention.bytes=1200", "cleanup.policy=compact,delete", "min.cleanable.dirty.ratio=1.0")
	s.create("hr-future", 1, "segment.bytes=500", "retention.ms=86400000")
	for i := range 12 {
		b := plain(2, record.None, 4)
		b.time = then + int64(i)*1000
		for _, topic := range []string{"hr-bytes", "hr-time", "hr-both"} {
			s.quiet(8, produce(1, part{topic, 0, b.bytes()}))
		}
		if i == 6 {
			b.time = then + 10*365*86400_000 // years ahead: it holds up those behind it
		}
		s.quiet(8, produce(1, part{"hr-future", 0, b.bytes()}))
	}
	var names []string
	for _, c := range cleanedTopics {
		s.create(c.name, 1, append([]string{"cleanup.policy=delete", "segment.bytes=900", "min.cleanable.dirty.ratio=0.01"}, c.configs...)...)
		if !c.none {
			names = append(names, c.name)
		}
	}
	s.create("hc-txn", 1, "cleanup.policy=delete", "segment.bytes=600", "min.cleanable.dirty.ratio=0.01", "delete.retention.ms=0")
	for round := range 2 {
		for _, c := range cleanedTopics {
			s.fillRound(c, round)
		}
		s.txnRound(e, round)
		for _, c := range cleanedTopics {
			s.policy(c.name, "compact")
		}
		s.policy("hc-txn", "compact")
		s.cleaned(append(names, "hc-txn"))
		for _, c := range cleanedTopics {
			s.policy(c.name, "delete")
			s.showCleaned(c.name)
		}
		s.policy("hc-txn", "delete")
		s.showCleaned("hc-txn")
		s.whole("hc-txn", 0)
		r := fetch("hc-txn", 0, 0, 1<<20)
		r.IsolationLevel = 1
		s.ask("committed of hc-txn", 11, r)
	}
	s.endowGroups(e)
	s.endowRecords()
	s.endowTxns(e)
	for i := 0; ; i++ {
		if s.quiet(5, listOne("hr-time", -2)).(*kmsg.ListOffsetsResponse).Topics[0].Partitions[0].Offset == 48 {
			break
		}
		if i > 5000 {
			s.fail("nothing is retained")
		}
		pause()
	}
	s.retained()
}

func (s *session) retained() {
	for _, topic := range []string{"hr-bytes", "hr-time", "hr-both", "hr-future"} {
		for _, ts := range []int64{-2, -1, 0, then + 5000} {
			s.ask(fmt.Sprintf("%s at %d", topic, ts), 5, listOne(topic, ts))
		}
		start := s.quiet(5, listOne(topic, -2)).(*kmsg.ListOffsetsResponse).Topics[0].Partitions[0].Offset
		s.ask("all of "+topic, 11, fetch(topic, 0, start, 1<<20))
	}
}

// txnRound writes transactions of two producers, some aborted, to a topic that is cleaned.
func (s *session) txnRound(e *estate, round int) {
	for i := range 6 {
		id := fmt.Sprintf("ho-cleaned-%d", i%2)
		if _, ok := e.producers[id]; !ok {
			e.producers[id], e.epochs[id] = s.initialise("init "+id, id, 3, 60000, -1, -1)
		}
		s.idle("add", 1, addCode, addParts(id, e.producers[id], e.epochs[id], "hc-txn", 0))
		b := batch{magic: 2, pid: e.producers[id], epoch: e.epochs[id], seq: s.sequence(100+i%2, 3), txn: true, time: then + int64(round*10+i)*1000}
		for j := range 3 {
			b.records = append(b.records, kv{fmt.Sprintf("t%d", (i+j)%4), fmt.Sprintf("value %d of %d in round %d", j, i, round)})
		}
		req := produce(-1, part{"hc-txn", 0, b.bytes()})
		req.TransactionID = &id
		if code := s.quiet(8, req).(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode; code != 0 {
			s.fail("write to hc-txn: error %d", code)
		}
		s.ask("end", 1, endTxn(id, e.producers[id], e.epochs[id], i%3 != 1))
		s.idle("end again", 1, endCode, endTxn(id, e.producers[id], e.epochs[id], i%3 != 1))
		s.ended("hc-txn", 0)
	}
	for range 6 { // so that all that was written in transactions is below the active segment
		b := plain(2, record.None, 6)
		b.time = then + int64(round*10+9)*1000
		s.quiet(8, produce(1, part{"hc-txn", 0, b.bytes()}))
	}
}

// endowGroups leaves groups in all states that outlive a broker.
func (s *session) endowGroups(e *estate) {
	s.create("g-one", 4)
	keep := func(name string, id string, generation int32) {
		e.members[name], e.generations[name] = id, generation
	}
	longer := func(r *kmsg.JoinGroupRequest) *kmsg.JoinGroupRequest {
		r.SessionTimeoutMillis, r.RebalanceTimeoutMillis = 600000, 500000
		return r
	}
	a, gen := s.joined("a", "stable-a", 3, longer(join("ho-stable", "", nil)))
	s.ask("sync", 3, syncReq("ho-stable", a, gen, a, "all of it"))
	s.ask("commit", 8, commit("ho-stable", a, gen, "g-one", 0, 5, str("m")))
	keep("stable-a", a, gen)
	b, gen := s.joined("b", "static-b", 7, longer(join("ho-static", "", str("instance"))))
	r := syncReq("ho-static", b, gen, b, "static's")
	r.InstanceID = str("instance")
	s.ask("sync", 5, r)
	keep("static-b", b, gen)
	c, gen := s.joined("c", "completing-c", 3, longer(join("ho-completing", "", nil)))
	keep("completing-c", c, gen)
	d, gen := s.joined("d", "empty-d", 3, longer(join("ho-empty", "", nil)))
	s.ask("sync", 3, syncReq("ho-empty", d, gen, d, "x"))
	s.ask("commit", 8, commit("ho-empty", d, gen, "g-one", 1, 7, nil))
	s.ask("leave", 4, leave("ho-empty", d, nil))
	keep("empty-d", d, gen)
	s.ask("commit", 8, commit("ho-deleted", "", -1, "g-one", 1, 7, nil))
	s.ask("delete", 2, &kmsg.DeleteGroupsRequest{Groups: []string{"ho-deleted"}})
	s.ask("commit", 8, commit("ho-offsets", "", -1, "g-one", 1, 7, str("é")))
	f := commit("ho-offsets", "", -1, "g-one", 2, 9, nil)
	f.Topics[0].Partitions[0].LeaderEpoch = 4
	s.ask("commit with an epoch", 8, f)
	g := commit("ho-offsets", "", -1, "g-one", 3, 11, nil)
	g.RetentionTimeMillis = retention
	s.ask("commit with a retention", 4, g)
	s.ask("delete one", 0, offsetDelete("ho-offsets", offsetsOf("g-one", 1)))
}

// javaHash is the absolute value of String.hashCode, which groups find their partition with.
func javaHash(s string) int32 {
	h := int32(0)
	for _, c := range []byte(s) {
		h = 31*h + int32(c)
	}
	if h < 0 {
		return -h
	}
	return h
}

// entry is one record of an internal topic.
type entry struct{ key, value []byte }

func offsetKey(version int16, group, topic string, partition int32) []byte {
	k := kmsg.OffsetCommitKey{Version: version, Group: group, Topic: topic, Partition: partition}
	return k.AppendTo(nil)
}

func offsetValue(version int16, offset int64, epoch int32, metadata string, commit, expire int64) []byte {
	v := kmsg.OffsetCommitValue{Version: version, Offset: offset, LeaderEpoch: epoch, Metadata: metadata, CommitTimestamp: commit, ExpireTimestamp: expire}
	return v.AppendTo(nil)
}

func groupKey(group string) []byte {
	k := kmsg.GroupMetadataKey{Version: 2, Group: group}
	return k.AppendTo(nil)
}

func groupValue(version int16, f func(v *kmsg.GroupMetadataValue)) []byte {
	v := kmsg.GroupMetadataValue{Version: version, ProtocolType: "consumer", Generation: 4, Protocol: str("range"), Leader: str("m-1"), CurrentStateTimestamp: then}
	for i := range 2 {
		sub := kmsg.ConsumerMemberMetadata{Topics: []string{"g-one"}}
		m := kmsg.GroupMetadataValueMember{MemberID: fmt.Sprintf("m-%d", i+1), ClientID: "client", ClientHost: "/10.0.0.1", RebalanceTimeoutMillis: 1000 * int32(i+1),
			SessionTimeoutMillis: 600000, Subscription: sub.AppendTo(nil), Assignment: fmt.Appendf(nil, "for %d", i)}
		if i == 1 {
			m.InstanceID = str("i-2")
		}
		v.Members = append(v.Members, m)
	}
	if f != nil {
		f(&v)
	}
	return v.AppendTo(nil)
}

// internalRecords writes records into the partition of a group, as who may write there.
func (s *session) internalRecords(group string, entries ...entry) {
	o := record.DefaultOptions()
	w := record.NewBuilder(o)
	for _, r := range entries {
		w.Append(then, r.key, r.value)
	}
	records := w.Bytes()
	if w.Err() != nil {
		s.fail("%v", w.Err())
	}
	s.with("writer of internal records", func() {
		s.clientID(str("__admin_client"))
		resp := s.quiet(8, produce(-1, part{"__consumer_offsets", javaHash(group) % 4, records})).(*kmsg.ProduceResponse)
		if e := resp.Topics[0].Partitions[0].ErrorCode; e != 0 {
			s.fail("records of %s: error %d", group, e)
		}
	})
}

var oldGroups = []string{"hv-offsets", "hv-group-0", "hv-group-1", "hv-group-2", "hv-group-3", "hv-empty-0", "hv-empty-1", "hv-empty-2", "hv-empty-3", "hv-gone", "hv-back", "hv-only-tombstones", "hv-connect", "hv-odd"}

// endowRecords writes records of groups as every version wrote them: they count once a coordinator
// loads them.
func (s *session) endowRecords() {
	now := time.Now().UnixMilli()
	var offsets []entry
	n := int32(0)
	for kv := range int16(2) {
		for v := range int16(4) {
			for _, expire := range []int64{-1, now + retention} {
				offsets = append(offsets, entry{offsetKey(kv, "hv-offsets", "g-one", n), offsetValue(v, int64(100+n), 3, fmt.Sprintf("v%d", v), now, expire)})
				n++
			}
		}
	}
	offsets = append(offsets,
		entry{offsetKey(1, "hv-offsets", "g-one", 0), offsetValue(3, 1000, -1, "", now, -1)},
		entry{offsetKey(1, "hv-offsets", "g-one", 1), nil},
		entry{offsetKey(0, "hv-offsets", "g-one", 2), nil},
		entry{offsetKey(1, "hv-offsets", "g-none", 0), offsetValue(1, -1, -1, "never", now, now+retention)},
		entry{offsetKey(1, "hv-offsets", "g-none", 1), nil},
		entry{offsetKey(1, "hv-offsets", "", -5), offsetValue(1, 5, -1, "odd", now, now+retention)})
	s.internalRecords("hv-offsets", offsets...)
	for v := range int16(4) {
		g := fmt.Sprintf("hv-group-%d", v)
		s.internalRecords(g, entry{offsetKey(1, g, "g-one", 0), offsetValue(1, 5, -1, "m", now, now+retention)}, entry{groupKey(g), groupValue(v, nil)},
			entry{offsetKey(1, g, "g-one", 1), offsetValue(3, 6, 2, "m", now, -1)})
		g = fmt.Sprintf("hv-empty-%d", v)
		s.internalRecords(g, entry{groupKey(g), groupValue(v, func(v *kmsg.GroupMetadataValue) { v.Members, v.Leader, v.Protocol = nil, nil, nil })})
	}
	s.internalRecords("hv-gone", entry{offsetKey(1, "hv-gone", "g-one", 0), offsetValue(3, 5, -1, "m", now, -1)}, entry{groupKey("hv-gone"), groupValue(3, nil)}, entry{groupKey("hv-gone"), nil},
		entry{offsetKey(1, "hv-gone", "g-one", 0), nil})
	s.internalRecords("hv-back", entry{groupKey("hv-back"), groupValue(3, nil)}, entry{groupKey("hv-back"), nil}, entry{groupKey("hv-back"), groupValue(1, func(v *kmsg.GroupMetadataValue) { v.Generation = 9 })})
	s.internalRecords("hv-only-tombstones", entry{groupKey("hv-only-tombstones"), nil}, entry{offsetKey(1, "hv-only-tombstones", "g-one", 0), nil})
	s.internalRecords("hv-connect", entry{groupKey("hv-connect"), groupValue(2, func(v *kmsg.GroupMetadataValue) { v.ProtocolType, v.Members = "connect", v.Members[:1] })})
	s.internalRecords("hv-odd", entry{groupKey("hv-odd"), groupValue(3, func(v *kmsg.GroupMetadataValue) {
		v.Generation, v.CurrentStateTimestamp = -1, -1
		v.Members[1].MemberID = v.Members[0].MemberID
	})})
}

// endowTxns leaves transactions in all states that outlive a coordinator.
func (s *session) endowTxns(e *estate) {
	s.create("ho-txn", 2)
	for _, id := range []string{"ho-new", "ho-committed", "ho-aborted", "ho-open", "ho-offsets"} {
		e.producers[id], e.epochs[id] = s.initialise("init "+id, id, 3, 600000, -1, -1)
	}
	write := func(id string, seq int32) {
		s.idle("add", 1, addCode, addParts(id, e.producers[id], e.epochs[id], "ho-txn", 0))
		b := sequenced(e.producers[id], e.epochs[id], seq, 2)
		b.txn = true
		req := produce(-1, part{"ho-txn", 0, b.bytes()})
		req.TransactionID = &id
		s.ask("write of "+id, 8, req)
	}
	end := func(id string, commit bool) {
		s.ask("end", 1, endTxn(id, e.producers[id], e.epochs[id], commit))
		s.idle("end again", 1, endCode, endTxn(id, e.producers[id], e.epochs[id], commit))
	}
	write("ho-committed", 0)
	end("ho-committed", true)
	s.ended("ho-txn", 0)
	write("ho-aborted", 0)
	end("ho-aborted", false)
	s.ended("ho-txn", 0)
	write("ho-open", 0)
	id := "ho-offsets"
	s.ask("add offsets", 1, addOffsets(id, e.producers[id], e.epochs[id], "ho-pending"))
	req := txnOffsets(id, "ho-pending", e.producers[id], e.epochs[id], "", -1, 0, 1)
	req.Topics[0].Topic = "ho-txn"
	s.ask("offsets", 3, req)
	s.ask("commit beside them", 8, commit("ho-pending", "", -1, "ho-txn", 1, 77, nil))
}

// inherit asks about all that was left, and goes on with it.
func inherit(s *session, e *estate) {
	s.coordinator()
	s.transactions()
	for p := range int32(4) { // each partition is loaded by itself
		s.loaded(p)
	}
	for _, c := range cleanedTopics {
		s.whole(c.name, 0)
		s.showTimes(c.name)
	}
	s.whole("hc-txn", 0)
	s.retained()
	groups := append([]string{"ho-stable", "ho-static", "ho-completing", "ho-empty", "ho-deleted", "ho-offsets", "ho-pending"}, oldGroups...)
	for _, g := range groups {
		s.look("inherited", g)
		s.ask("offsets of "+g, 7, &kmsg.OffsetFetchRequest{Group: g, RequireStable: true})
		s.ask("unstable offsets of "+g, 7, &kmsg.OffsetFetchRequest{Group: g})
	}
	s.ask("all groups", 3, &kmsg.ListGroupsRequest{})
	for p := range int32(4) {
		s.note(fmt.Sprintf("group records of partition %d", p), s.internal("__consumer_offsets", p, groupRecord))
		s.note(fmt.Sprintf("transaction records of partition %d", p), s.internal("__transaction_state", p, txnRecord))
	}
	// Members go on where they were.
	stable := func(v int16, name, group string, instance *string) {
		id, gen := e.members[name], e.generations[name]
		s.ask("beat of "+name, 4, beat(group, id, gen, instance))
		r := syncReq(group, id, gen)
		r.InstanceID = instance
		s.ask("sync of "+name, 5, r)
		c := commit(group, id, gen, "g-one", 0, 6, nil)
		c.InstanceID = instance
		s.ask("commit of "+name, 8, c)
	}
	stable(3, "stable-a", "ho-stable", nil)
	stable(7, "static-b", "ho-static", str("instance"))
	stable(3, "completing-c", "ho-completing", nil)
	stable(3, "empty-d", "ho-empty", nil)
	for v := range int32(4) {
		g := fmt.Sprintf("hv-group-%d", v)
		s.ask("beat of "+g, 4, beat(g, "m-1", 4, nil))
		s.ask("beat of "+g+", static", 4, beat(g, "m-2", 4, str("i-2")))
		s.ask("sync of "+g, 5, syncReq(g, "m-1", 4))
		s.ask("commit of "+g, 8, commit(g, "m-1", 4, "g-one", 2, 8, nil))
		s.ask("commit of nobody to "+g, 8, commit(g, "", -1, "g-one", 2, 8, nil))
	}
	// A new round of the static member, whose generation goes on.
	j := join("ho-static", "", str("instance"))
	j.SessionTimeoutMillis, j.RebalanceTimeoutMillis = 600000, 500000
	b, gen := s.joined("b", "static-b", 7, j)
	e.members["static-b"], e.generations["static-b"] = b, gen
	r := syncReq("ho-static", b, gen, b, "again")
	r.InstanceID = str("instance")
	s.ask("sync", 5, r)
	s.look("after", "ho-static")
	// The open transaction is written to and stays open; another is made and ended.
	id := "ho-open"
	s.ask("add to the open one", 1, addParts(id, e.producers[id], e.epochs[id], "ho-txn", 1))
	s.ask("partition 0", 5, listOne("ho-txn", -1))
	rc := listOne("ho-txn", -1)
	rc.IsolationLevel = 1
	s.ask("stable end", 5, rc)
	for iso := range int8(2) {
		f := fetch("ho-txn", 0, 0, 1<<20)
		f.IsolationLevel = iso
		s.ask(fmt.Sprintf("isolation %d", iso), 11, f)
	}
	for _, id := range []string{"ho-new", "ho-committed", "ho-aborted"} {
		s.ask("commit of what was done", 1, endTxn(id, e.producers[id], e.epochs[id], true))
		s.ask("abort of what was done", 1, endTxn(id, e.producers[id], e.epochs[id], false))
		_, e.epochs[id] = s.initialise("next epoch of "+id, id, 3, 600000, e.producers[id], e.epochs[id])
		s.idle("add", 1, addCode, addParts(id, e.producers[id], e.epochs[id], "ho-txn", 1))
		bt := sequenced(e.producers[id], e.epochs[id], 0, 1)
		bt.txn = true
		req := produce(-1, part{"ho-txn", 1, bt.bytes()})
		req.TransactionID = &id
		s.ask("write", 8, req)
		s.ask("end", 1, endTxn(id, e.producers[id], e.epochs[id], id != "ho-aborted"))
		s.idle("end again", 1, endCode, endTxn(id, e.producers[id], e.epochs[id], id != "ho-aborted"))
	}
	s.whole("ho-txn", 1)
}

// loaded waits until a coordinator has read a partition of its topic.
func (s *session) loaded(partition int32) {
	group := ""
	for i := 0; javaHash(group)%4 != partition || group == ""; i++ {
		group = fmt.Sprintf("any-%d", i)
	}
	for range 1000 {
		r := s.quiet(5, &kmsg.DescribeGroupsRequest{Groups: []string{group}}).(*kmsg.DescribeGroupsResponse).Groups[0].ErrorCode
		o := s.quiet(5, &kmsg.OffsetFetchRequest{Group: group}).(*kmsg.OffsetFetchResponse).ErrorCode
		x := s.quiet(0, &kmsg.EndTxnRequest{TransactionalID: group, ProducerID: 1}).(*kmsg.EndTxnResponse).ErrorCode
		if r == 0 && o == 0 && x == 49 {
			return
		}
		pause()
	}
	s.fail("partition %d is not loaded", partition)
}
