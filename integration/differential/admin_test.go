//go:build interop

package differential

import (
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func metadata(auto bool, names ...string) *kmsg.MetadataRequest {
	req := kmsg.NewPtrMetadataRequest()
	req.AllowAutoTopicCreation = auto
	req.Topics = []kmsg.MetadataRequestTopic{}
	for _, n := range names {
		req.Topics = append(req.Topics, kmsg.MetadataRequestTopic{Topic: str(n)})
	}
	return req
}

// cluster makes the cluster id alike.
func (s *session) cluster() {
	if id := s.quiet(9, metadata(false)).(*kmsg.MetadataResponse).ClusterID; id != nil {
		s.call(*id, "<cluster>")
	}
}

// settle waits until a topic has leaders.
func (s *session) settle(topic string) {
	for range 200 {
		r := s.quiet(9, metadata(false, topic)).(*kmsg.MetadataResponse)
		if r.Topics[0].ErrorCode == 0 && len(r.Topics[0].Partitions) > 0 && r.Topics[0].Partitions[0].ErrorCode == 0 {
			return
		}
		pause()
	}
	s.fail("%s has no leader", topic)
}

func metadataCases(s *session) {
	s.create("m-one", 1)
	s.create("m-three", 3)
	versions(0, 9, func(v int16) {
		s.ask("two topics", v, metadata(false, "m-one", "m-three"))
		s.ask("twice", v, metadata(false, "m-one", "m-one"))
		for i, bad := range []string{"", ".", "..", "a/b", "a b", strings.Repeat("x", 250), "é"} {
			s.ask(fmt.Sprintf("bad name %d, creating", i), v, metadata(true, bad))
			if v >= 4 {
				s.ask(fmt.Sprintf("bad name %d", i), v, metadata(false, bad))
			}
		}
		if v >= 4 {
			s.ask("unknown", v, metadata(false, "m-unknown"))
		}
		auto := fmt.Sprintf("m-auto-%d", v)
		s.ask("auto-created", v, metadata(true, auto))
		s.settle(auto)
		s.ask("auto-created before", v, metadata(true, auto))
		collides := fmt.Sprintf("m.auto.%d", v)
		s.ask("auto-created, collides", v, metadata(true, collides))
		s.settle(collides)
		if v >= 8 {
			req := metadata(false, "m-one", "m-unknown")
			req.IncludeClusterAuthorizedOperations, req.IncludeTopicAuthorizedOperations = true, true
			s.ask("operations", v, req)
		}
	})
	everything := kmsg.NewPtrMetadataRequest()
	versions(0, 9, func(v int16) { s.ask("all topics", v, everything) })
	versions(1, 9, func(v int16) { s.ask("no topics", v, metadata(true)) })
	// The offsets topic comes by itself.
	s.ask("offsets topic", 5, metadata(false, "__consumer_offsets"))
	s.settle("__consumer_offsets")
	s.ask("offsets topic again", 9, metadata(false, "__consumer_offsets"))
	s.ask("transactions topic", 9, metadata(false, "__transaction_state"))
	s.settle("__transaction_state")
	s.ask("transactions topic again", 9, metadata(false, "__transaction_state"))
}

func topicCases(s *session) {
	create := func(label string, v int16, timeout int32, only bool, topics ...kmsg.CreateTopicsRequestTopic) {
		req := kmsg.NewPtrCreateTopicsRequest()
		req.TimeoutMillis, req.ValidateOnly, req.Topics = timeout, only, topics
		s.ask(label, v, req)
	}
	assigned := func(name string, partitions int32, rf int16, replicas ...[]int32) kmsg.CreateTopicsRequestTopic {
		t := newTopic(name, partitions, rf)
		for i, r := range replicas {
			t.ReplicaAssignment = append(t.ReplicaAssignment, kmsg.CreateTopicsRequestTopicReplicaAssignment{Partition: int32(i), Replicas: r})
		}
		return t
	}
	s.create("t-there", 2)
	s.create("t_dot", 1)
	versions(0, 5, func(v int16) {
		n := func(x string) string { return fmt.Sprintf("t%d-%s", v, x) }
		create("normal", v, 30000, false, newTopic(n("a"), 3, 1))
		create("normal with configs", v, 30000, false, newTopic(n("b"), 1, 1, "cleanup.policy=compact", "retention.ms=5000", "compression.type=gzip"))
		create("defaults", v, 30000, false, newTopic(n("c"), -1, -1))
		create("assigned", v, 30000, false, assigned(n("d"), -1, -1, []int32{1}, []int32{1}))
		if v > 0 {
			create("validate only", v, 30000, true, newTopic(n("e"), 3, 1, "retention.ms=1"))
			create("validate only, there", v, 30000, true, newTopic("t-there", 3, 1))
			create("validate only, assigned", v, 30000, true, assigned(n("e"), -1, -1, []int32{1}))
		}
		create("there", v, 30000, false, newTopic("t-there", 1, 1))
		create("there, bad config too", v, 30000, false, newTopic("t-there", 0, 1, "nonsense=1"))
		create("twice", v, 30000, false, newTopic(n("f"), 1, 1), newTopic(n("f"), 1, 1), newTopic(n("g"), 1, 1))
		create("one good one bad", v, 30000, false, newTopic(n("h"), 1, 1), newTopic(n("i"), 0, 1))
		create("none", v, 30000, false)
		for _, p := range []int32{0, -2, -1} {
			create(fmt.Sprintf("%d partitions", p), v, 30000, true && v > 0, newTopic(n("j")+fmt.Sprint(p+5), p, 1))
		}
		for _, rf := range []int16{0, -2, 2, 3, 32767} {
			create(fmt.Sprintf("%d replicas", rf), v, 30000, false, newTopic(n("k"), 1, rf))
		}
		for i, bad := range []string{"", ".", "..", "a/b", "a b", "a:b", strings.Repeat("x", 250), "é", "t.dot", "a\x00b"} {
			create(fmt.Sprintf("bad name %d", i), v, 30000, false, newTopic(bad, 1, 1))
		}
		for i, c := range []string{"nonsense=1", "retention.ms=abc", "retention.ms", "cleanup.policy=shred", "cleanup.policy=", "compression.type=xz", "max.message.bytes=-1", "min.insync.replicas=0",
			"message.format.version=9.9", "segment.bytes=13", "unclean.leader.election.enable=maybe", "=1", "min.cleanable.dirty.ratio=2", "follower.replication.throttled.replicas=x",
			"retention.ms= 5 ", "preallocate=TRUE", "retention.ms=-2", "message.timestamp.type=Never", "segment.bytes=99999999999", "cleanup.policy=compact,delete,compact",
			"min.cleanable.dirty.ratio=x", "message.format.version=", "index.interval.bytes=-1", "retention.bytes=9223372036854775808", "segment.ms=0", "leader.replication.throttled.replicas=*",
			"leader.replication.throttled.replicas=0:1,1:1", "leader.replication.throttled.replicas=0:x", "cleanup.policy=delete,", "compression.type=Gzip", "log.retention.ms=1", "flush.ms=-1"} {
			create(fmt.Sprintf("config %d %s", i, c), v, 30000, v > 0, newTopic(n(fmt.Sprint("cfg", i)), 1, 1, c))
		}
		create("same config twice", v, 30000, v > 0, newTopic(n("l"), 1, 1, "retention.ms=1", "retention.ms=2"))
		create("assigned and partitions", v, 30000, false, assigned(n("m"), 1, -1, []int32{1}))
		create("assigned and replicas", v, 30000, false, assigned(n("m"), -1, 1, []int32{1}))
		create("assigned twice", v, 30000, false, assigned(n("m"), -1, -1, []int32{1, 1}))
		create("assigned unequal", v, 30000, false, assigned(n("m"), -1, -1, []int32{1}, []int32{1, 2}))
		if v > 0 {
			create("assigned negative", v, 30000, true, assigned(n("m"), -1, -1, []int32{-1}))
		}
		gap := assigned(n("m"), -1, -1, []int32{1})
		gap.ReplicaAssignment[0].Partition = 1
		create("assigned from 1", v, 30000, false, gap)
		same := assigned(n("m2"), -1, -1, []int32{1}, []int32{1})
		same.ReplicaAssignment[1].Partition = 0
		create("assigned one partition twice", v, 30000, v > 0, same)
		create("timeout 0", v, 0, false, newTopic(n("n"), 1, 1))
		s.settle(n("n"))
		create("timeout -1", v, -1, false, newTopic(n("o"), 1, 1))
		s.settle(n("o"))
		create("internal", v, 30000, v > 0, newTopic("__consumer_offsets", 1, 1))
	})
	s.ask("after all", 9, metadata(false, "t0-a", "t5-a", "t3-d", "t4-n", "t2-e", "t5-l"))

	more := func(label string, v int16, topics ...kmsg.CreatePartitionsRequestTopic) {
		req := kmsg.NewPtrCreatePartitionsRequest()
		req.TimeoutMillis, req.Topics = 30000, topics
		s.ask(label, v, req)
		req.ValidateOnly = true
		s.ask(label+", validate only", v, req)
	}
	to := func(topic string, count int32, replicas ...[]int32) kmsg.CreatePartitionsRequestTopic {
		t := kmsg.CreatePartitionsRequestTopic{Topic: topic, Count: count}
		for _, r := range replicas {
			t.Assignment = append(t.Assignment, kmsg.CreatePartitionsRequestTopicAssignment{Replicas: r})
		}
		return t
	}
	versions(0, 2, func(v int16) {
		name := fmt.Sprintf("t%d-more", v)
		s.create(name, 2)
		more("normal", v, to(name, 4))
		more("assigned", v, to(name, 6, []int32{1}, []int32{1}))
		more("same", v, to(name, 6))
		more("fewer", v, to(name, 1))
		more("zero", v, to(name, 0))
		more("negative", v, to(name, -1))
		more("unknown", v, to("t-unknown", 3))
		more("bad name", v, to("a/b", 3))
		more("empty name", v, to("", 3))
		more("twice", v, to(name, 7), to(name, 8), to("t-there", 1))
		more("too few assigned", v, to(name, 8, []int32{1}))
		more("too many assigned", v, to(name, 7, []int32{1}, []int32{1}))
		more("unknown broker", v, to(name, 7, []int32{9}))
		more("two replicas", v, to(name, 7, []int32{1, 1}))
		more("other factor", v, to(name, 7, []int32{1, 2}))
		more("empty assignment", v, to(name, 7, []int32{}))
		more("negative broker", v, to(name, 7, []int32{-1}))
		more("fewer, with assignment", v, to(name, 5, []int32{1}))
		req := kmsg.NewPtrCreatePartitionsRequest()
		req.Topics = []kmsg.CreatePartitionsRequestTopic{to(name, 9)}
		s.ask("timeout 0", v, req)
		more("none", v)
	})

	remove := func(label string, v int16, timeout int32, names ...string) {
		req := kmsg.NewPtrDeleteTopicsRequest()
		req.TimeoutMillis, req.TopicNames = timeout, names
		s.ask(label, v, req)
	}
	versions(0, 4, func(v int16) {
		name := fmt.Sprintf("t%d-gone", v)
		s.create(name, 2)
		s.create(name+"2", 1)
		remove("normal", v, 30000, name)
		remove("again", v, 30000, name)
		remove("unknown", v, 30000, "t-unknown", "a/b", "")
		remove("twice", v, 30000, name+"2", name+"2")
		remove("none", v, 30000)
		s.create(name+"3", 1)
		remove("timeout 0", v, 0, name+"3")
		s.create(name, 1) // the name can be used again
	})
}

func describe(names []string, resources ...any) *kmsg.DescribeConfigsRequest {
	req := kmsg.NewPtrDescribeConfigsRequest()
	for i := 0; i < len(resources); i += 2 {
		req.Resources = append(req.Resources, kmsg.DescribeConfigsRequestResource{
			ResourceType: kmsg.ConfigResourceType(resources[i].(int)), ResourceName: resources[i+1].(string), ConfigNames: names})
	}
	return req
}

func configCases(s *session) {
	s.create("c-plain", 1)
	s.create("c-set", 1, "cleanup.policy=compact", "retention.ms=5", "min.insync.replicas=1", "follower.replication.throttled.replicas=*")
	versions(0, 2, func(v int16) {
		for _, synonyms := range []bool{false, true} {
			ask := func(label string, req *kmsg.DescribeConfigsRequest) {
				req.IncludeSynonyms = synonyms
				s.ask(fmt.Sprintf("%s synonyms %v", label, synonyms), v, req)
			}
			ask("topics", describe(nil, 2, "c-plain", 2, "c-set"))
			ask("some", describe([]string{"retention.ms", "cleanup.policy", "nonsense"}, 2, "c-set", 4, "1"))
			ask("none", describe([]string{}, 2, "c-set", 4, "1"))
			ask("unknown", describe(nil, 2, "c-unknown", 2, "a/b", 2, "", 4, "2", 4, "x", 8, "2", 8, "", 8, "x"))
			ask("bad type", describe(nil, 2, "c-plain", 3, "x"))
			ask("bad type", describe(nil, 0, "x"))
			ask("bad type", describe(nil, 16, "x"))
			ask("twice", describe([]string{"retention.ms"}, 2, "c-plain", 2, "c-plain"))
			ask("cluster", describe(nil, 4, ""))
			ask("broker", describe(nil, 4, "1"))
		}
	})
}

func alterCases(s *session) {
	ptr := func(v string) *string {
		if v == "null" {
			return nil
		}
		return &v
	}
	for n, v := range []int16{0, 1} {
		topic := fmt.Sprintf("ac-%d", v)
		s.create(topic, 1, "retention.ms=1000")
		whole := func(label string, kind int, name string, configs ...string) {
			req := kmsg.NewPtrAlterConfigsRequest()
			r := kmsg.AlterConfigsRequestResource{ResourceType: kmsg.ConfigResourceType(kind), ResourceName: name}
			for i := 0; i < len(configs); i += 2 {
				r.Configs = append(r.Configs, kmsg.AlterConfigsRequestResourceConfig{Name: configs[i], Value: ptr(configs[i+1])})
			}
			req.Resources = append(req.Resources, r)
			req.ValidateOnly = true
			s.ask(label+", validate only", v, req)
			req.ValidateOnly = false
			s.ask(label, v, req)
		}
		step := func(label string, kind int, name string, configs ...any) {
			req := kmsg.NewPtrIncrementalAlterConfigsRequest()
			r := kmsg.IncrementalAlterConfigsRequestResource{ResourceType: kmsg.ConfigResourceType(kind), ResourceName: name}
			for i := 0; i < len(configs); i += 3 {
				r.Configs = append(r.Configs, kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: configs[i].(string),
					Op: kmsg.IncrementalAlterConfigOp(configs[i+1].(int)), Value: ptr(configs[i+2].(string))})
			}
			req.Resources = append(req.Resources, r)
			for _, only := range []bool{true, false} {
				req.ValidateOnly = only
				resp := s.quiet(v, req).(*kmsg.IncrementalAlterConfigsResponse)
				if strings.Contains(label, "without override") || label == "compression" { // texts of Java, or with Java's names
					resp.Resources[0].ErrorMessage = nil
				}
				s.record(fmt.Sprint(label, ", validate only ", only), req, resp, nil)
			}
		}
		look := func(kind int, name string) {
			s.quietBroker()
			d := describe(nil, kind, name)
			d.IncludeSynonyms = true
			s.ask("", 2, d)
		}
		whole("set", 2, topic, "cleanup.policy", "compact", "flush.messages", "7")
		look(2, topic)
		whole("clear", 2, topic)
		look(2, topic)
		for _, c := range [][]string{{"nonsense", "1"}, {"retention.ms", "x"}, {"retention.ms", "null"}, {"retention.ms", ""}, {"cleanup.policy", "shred"}, {"min.insync.replicas", "0"}, {"segment.bytes", "1"},
			{"retention.ms", "1", "retention.ms", "2"}, {"message.format.version", "9"}, {"", "1"}} {
			whole(strings.Join(c, " "), 2, topic, c...)
		}
		whole("unknown", 2, "ac-unknown", "retention.ms", "1")
		whole("bad name", 2, "a/b", "retention.ms", "1")
		whole("empty name", 2, "", "retention.ms", "1")
		whole("bad type", 3, "x", "a", "b")
		whole("logger", 8, "1", "root", "INFO")
		whole("other broker", 4, "2", "log.retention.ms", "1")
		whole("no broker", 4, "x", "log.retention.ms", "1")
		look(2, topic)
		step("set", 2, topic, "retention.ms", 0, "77", "cleanup.policy", 0, "delete")
		step("append", 2, topic, "cleanup.policy", 2, "compact")
		look(2, topic)
		step("append again", 2, topic, "cleanup.policy", 2, "compact")
		look(2, topic)
		step("subtract", 2, topic, "cleanup.policy", 3, "delete")
		look(2, topic)
		step("subtract again", 2, topic, "cleanup.policy", 3, "delete")
		step("delete", 2, topic, "retention.ms", 1, "null")
		look(2, topic)
		step("delete with value", 2, topic, "retention.ms", 1, "5")
		step("delete unset", 2, topic, "flush.ms", 1, "null")
		step("delete unknown", 2, topic, "nonsense", 1, "null")
		step("set unknown", 2, topic, "nonsense", 0, "1")
		step("append unknown", 2, topic, "nonsense", 2, "1")
		step("subtract unknown", 2, topic, "nonsense", 3, "1")
		step("append to a number", 2, topic, "retention.ms", 2, "1")
		step("subtract from a number", 2, topic, "retention.ms", 3, "1")
		step("append without override", 2, topic, "leader.replication.throttled.replicas", 2, "0:1")
		step("subtract without override", 2, topic, "leader.replication.throttled.replicas", 3, "0:1")
		step("bad value", 2, topic, "retention.ms", 0, "x")
		step("null value", 2, topic, "retention.ms", 0, "null")
		step("bad operation", 2, topic, "retention.ms", 4, "1")
		step("bad operation", 2, topic, "retention.ms", -1, "1")
		step("same twice", 2, topic, "retention.ms", 0, "1", "retention.ms", 0, "2")
		step("set and delete", 2, topic, "retention.ms", 0, "1", "retention.ms", 1, "null")
		step("unknown topic", 2, "ac-unknown", "retention.ms", 0, "1")
		step("bad name", 2, "a/b", "retention.ms", 0, "1")
		step("bad type", 5, "x", "retention.ms", 0, "1")
		step("nothing", 2, topic)
		look(2, topic)
		if n > 0 {
			continue
		}
		// Brokers.
		step("broker", 4, "1", "num.recovery.threads.per.data.dir", 0, "2", "max.connections.per.ip", 0, "1000")
		look(4, "1")
		step("cluster", 4, "", "log.flush.interval.messages", 0, "12345", "log.index.interval.bytes", 0, "4097", "log.retention.ms", 0, "-1")
		look(4, "")
		look(4, "1")
		look(2, topic)
		step("broker over cluster", 4, "1", "log.index.interval.bytes", 0, "4098")
		look(2, topic)
		step("per broker at cluster", 4, "", "listeners", 0, "PLAINTEXT://:1")
		step("not dynamic", 4, "1", "broker.id", 0, "7")
		step("not dynamic", 4, "1", "log.dirs", 0, "/tmp")
		step("not dynamic", 4, "", "zookeeper.connect", 0, "x")
		step("unknown", 4, "1", "my.own.thing", 0, "7")
		step("unknown", 4, "", "my.own.thing", 0, "7")
		look(4, "1")
		look(4, "")
		step("threads too many", 4, "1", "num.io.threads", 0, "100")
		step("threads too few", 4, "1", "num.io.threads", 0, "1")
		step("threads none", 4, "1", "num.io.threads", 0, "0")
		step("threads", 4, "1", "num.io.threads", 0, "10")
		step("bad value", 4, "1", "log.index.interval.bytes", 0, "x")
		step("negative", 4, "1", "log.index.interval.bytes", 0, "-1")
		step("null", 4, "1", "log.index.interval.bytes", 0, "null")
		step("append to list without override", 4, "1", "log.cleanup.policy", 2, "compact")
		step("set list", 4, "1", "log.cleanup.policy", 0, "delete")
		step("append to list", 4, "1", "log.cleanup.policy", 2, "compact")
		look(2, topic)
		step("append to number", 4, "1", "log.index.interval.bytes", 2, "1")
		step("ssl without prefix", 4, "1", "ssl.keystore.location", 0, "/x")
		step("compression", 4, "1", "compression.type", 0, "xz")
		step("other broker", 4, "2", "log.index.interval.bytes", 0, "1")
		step("no broker", 4, "x", "log.index.interval.bytes", 0, "1")
		step("delete all", 4, "1", "num.recovery.threads.per.data.dir", 1, "null", "max.connections.per.ip", 1, "null", "log.index.interval.bytes", 1, "null", "my.own.thing", 1, "null",
			"num.io.threads", 1, "null", "log.cleanup.policy", 1, "null")
		step("delete all", 4, "", "log.flush.interval.messages", 1, "null", "log.index.interval.bytes", 1, "null", "my.own.thing", 1, "null", "log.retention.ms", 1, "null")
		look(4, "") // 2.5.0 itself keeps the deleted values in use
		whole("broker", 4, "1", "num.recovery.threads.per.data.dir", "2")
		look(4, "1")
		whole("broker cleared", 4, "1")
		// Loggers.
		step("logger level", 8, "1", "root", 0, "ERROR")
		step("logger level", 8, "1", "root", 0, "LOUD")
		step("logger level", 8, "1", "root", 1, "null")
		step("logger level", 8, "1", "root", 2, "WARN")
		step("logger level", 8, "1", "root", 3, "WARN")
		step("logger level", 8, "1", "nonsense", 0, "WARN")
		step("logger level", 8, "1", "nonsense", 1, "null")
		step("logger level", 8, "2", "root", 0, "WARN")
		step("logger level", 8, "x", "root", 0, "WARN")
		step("logger level", 8, "", "root", 0, "WARN")
		for _, sv := range []int16{0, 1, 2} {
			req := describe([]string{"root"}, 8, "1")
			req.IncludeSynonyms = true
			s.ask("root logger", sv, req)
		}
		step("logger level", 8, "1", "root", 0, "WARN")
	}
}

// oddAlterCases are requests of which a part cannot be understood, and values that contradict each
// other.
func oddAlterCases(s *session) {
	s.create("oa", 1)
	look := func() {
		s.ask("after", 2, describe([]string{"retention.ms", "min.compaction.lag.ms", "max.compaction.lag.ms"}, 2, "oa"))
	}
	type res struct {
		kind       int8
		name       string
		key, value string
	}
	versions(0, 1, func(v int16) {
		both := func(label string, list ...res) {
			whole, step := kmsg.NewPtrAlterConfigsRequest(), kmsg.NewPtrIncrementalAlterConfigsRequest()
			for _, r := range list {
				whole.Resources = append(whole.Resources, kmsg.AlterConfigsRequestResource{ResourceType: kmsg.ConfigResourceType(r.kind), ResourceName: r.name,
					Configs: []kmsg.AlterConfigsRequestResourceConfig{{Name: r.key, Value: str(r.value)}}})
				step.Resources = append(step.Resources, kmsg.IncrementalAlterConfigsRequestResource{ResourceType: kmsg.ConfigResourceType(r.kind), ResourceName: r.name,
					Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: r.key, Value: str(r.value)}}})
			}
			s.ask(label, v, whole)
			look()
			s.ask(label, v, step)
			look()
		}
		for _, kind := range []int8{0, 1, 3, 16, 32, -1} {
			both(fmt.Sprintf("type %d", kind), res{kind, "x", "a", "b"})
			both(fmt.Sprintf("type %d twice", kind), res{kind, "x", "a", "b"}, res{kind, "x", "a", "c"})
			both(fmt.Sprintf("type %d last", kind), res{2, "oa", "retention.ms", "55"}, res{2, "oa-none", "retention.ms", "5"}, res{kind, "x", "a", "b"})
			both(fmt.Sprintf("type %d first", kind), res{kind, "x", "a", "b"}, res{2, "oa", "retention.ms", "56"})
		}
		both("lags", res{2, "oa", "min.compaction.lag.ms", "5000"})
		both("conflicting lag", res{2, "oa", "min.compaction.lag.ms", "9223372036854775807"}, res{2, "oa", "max.compaction.lag.ms", "1"})
		conflict := kmsg.NewPtrAlterConfigsRequest()
		conflict.Resources = []kmsg.AlterConfigsRequestResource{{ResourceType: 2, ResourceName: "oa", Configs: []kmsg.AlterConfigsRequestResourceConfig{
			{Name: "min.compaction.lag.ms", Value: str("10")}, {Name: "max.compaction.lag.ms", Value: str("5")}}}}
		s.ask("conflicting lags", v, conflict)
		step := kmsg.NewPtrIncrementalAlterConfigsRequest()
		step.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{ResourceType: 2, ResourceName: "oa", Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{
			{Name: "min.compaction.lag.ms", Value: str("10")}, {Name: "max.compaction.lag.ms", Value: str("5")}}}}
		s.ask("conflicting lags", v, step)
		look()
	})
}

// quietBroker waits until the changes of the broker's configs have come back from ZooKeeper: until
// nothing changes for a while.
func (s *session) quietBroker() {
	last := ""
	for same := 0; same < 20; same++ {
		req := describe(nil, 4, "1", 4, "")
		req.IncludeSynonyms = true
		if now := s.dump(s.quiet(2, req)); now != last {
			last, same = now, 0
		}
		pause()
		pause()
	}
}

func logDirCases(s *session) {
	s.create("d-one", 2)
	s.quiet(8, produce(-1, part{"d-one", 1, plain(2, 0, 3).bytes()}))
	versions(0, 1, func(v int16) {
		for _, partitions := range [][]int32{{0, 1}, {1}, {7}, {1, 1}, {}} {
			req := kmsg.NewPtrDescribeLogDirsRequest()
			req.Topics = []kmsg.DescribeLogDirsRequestTopic{{Topic: "d-one", Partitions: partitions}, {Topic: "d-unknown", Partitions: []int32{0}}}
			s.ask(fmt.Sprint("partitions ", partitions), v, req)
		}
		s.ask("empty", v, &kmsg.DescribeLogDirsRequest{Topics: []kmsg.DescribeLogDirsRequestTopic{}})
		for _, dir := range []string{s.peer.cluster.Dir + "/logs", "/nowhere", "", "relative", s.peer.cluster.Dir + "/logs/" + strings.Repeat("x", 250)} {
			req := kmsg.NewPtrAlterReplicaLogDirsRequest()
			req.Dirs = []kmsg.AlterReplicaLogDirsRequestDir{{Dir: dir, Topics: []kmsg.AlterReplicaLogDirsRequestDirTopic{{Topic: "d-one", Partitions: []int32{0, 7}}, {Topic: "d-unknown", Partitions: []int32{0}}}}}
			s.ask("alter "+strings.TrimPrefix(dir, s.peer.cluster.Dir), v, req)
		}
	})
}

func controlCases(s *session) {
	s.create("x-one", 2)
	s.create("x-gone", 1)
	versions(0, 2, func(v int16) {
		elect := func(label string, kind int8, topics []kmsg.ElectLeadersRequestTopic) {
			s.ask(label, v, &kmsg.ElectLeadersRequest{ElectionType: kind, Topics: topics, TimeoutMillis: 5000})
		}
		for kind := range int8(2) {
			elect("not needed", kind, []kmsg.ElectLeadersRequestTopic{{Topic: "x-one", Partitions: []int32{0, 1}}})
			elect("unknown", kind, []kmsg.ElectLeadersRequestTopic{{Topic: "x-one", Partitions: []int32{0, 9}}, {Topic: "x-unknown", Partitions: []int32{0}}})
			elect("no partitions", kind, []kmsg.ElectLeadersRequestTopic{{Topic: "x-one", Partitions: []int32{}}})
			elect("all", kind, nil)
		}
		if v > 0 {
			elect("bad type", 2, []kmsg.ElectLeadersRequestTopic{{Topic: "x-one", Partitions: []int32{0}}})
			elect("bad type", -1, []kmsg.ElectLeadersRequestTopic{{Topic: "x-one", Partitions: []int32{0}}})
		}
	})
	move := func(label string, topic string, partition int32, replicas []int32) {
		req := kmsg.NewPtrAlterPartitionAssignmentsRequest()
		req.TimeoutMillis = 5000
		req.Topics = []kmsg.AlterPartitionAssignmentsRequestTopic{{Topic: topic, Partitions: []kmsg.AlterPartitionAssignmentsRequestTopicPartition{{Partition: partition, Replicas: replicas}}}}
		s.ask(label, 0, req)
	}
	move("same", "x-one", 0, []int32{1})
	move("cancel none", "x-one", 0, nil)
	move("empty", "x-one", 0, []int32{})
	move("duplicates", "x-one", 0, []int32{1, 1})
	move("negative", "x-one", 0, []int32{-1})
	move("dead", "x-one", 0, []int32{1, 9})
	move("unknown partition", "x-one", 9, []int32{1})
	move("unknown topic", "x-unknown", 0, []int32{1})
	move("unknown topic, cancel", "x-unknown", 0, nil)
	s.ask("all", 0, &kmsg.ListPartitionReassignmentsRequest{TimeoutMillis: 1000})
	s.ask("one", 0, &kmsg.ListPartitionReassignmentsRequest{TimeoutMillis: 1000, Topics: []kmsg.ListPartitionReassignmentsRequestTopic{{Topic: "x-one", Partitions: []int32{0, 9}}, {Topic: "x-unknown", Partitions: []int32{0}}}})

	// The controller's requests, stale: nothing may happen.
	versions(0, 4, func(v int16) {
		for _, epochs := range [][2]int64{{0, -1}, {1, 1}, {1, 1 << 50}, {0, 1}} {
			req := kmsg.NewPtrLeaderAndISRRequest()
			req.ControllerID, req.ControllerEpoch, req.BrokerEpoch = 1, int32(epochs[0]), epochs[1]
			if v < 2 && epochs[0] == 1 {
				continue
			}
			p := kmsg.NewLeaderAndISRRequestTopicPartition()
			p.Topic, p.Leader, p.LeaderEpoch, p.ISR, p.Replicas = "x-one", 1, 0, []int32{1}, []int32{1}
			req.PartitionStates = append(req.PartitionStates, p)
			req.TopicStates = []kmsg.LeaderAndISRRequestTopicState{{Topic: "x-one", PartitionStates: []kmsg.LeaderAndISRRequestTopicPartition{p}}}
			s.ask(fmt.Sprint("epochs ", epochs), v, req)
		}
		// The same leader epoch again, and a partition that is not this broker's.
		req := kmsg.NewPtrLeaderAndISRRequest()
		req.ControllerID, req.ControllerEpoch, req.BrokerEpoch = 1, 1, -1
		p := kmsg.NewLeaderAndISRRequestTopicPartition()
		p.Topic, p.Leader, p.LeaderEpoch, p.ISR, p.Replicas, p.ControllerEpoch = "x-one", 1, 0, []int32{1}, []int32{1}, 1
		q := p
		q.Partition, q.Topic, q.Replicas, q.LeaderEpoch = 7+int32(v), "x-one", []int32{9}, 5
		req.PartitionStates = append(req.PartitionStates, p, q)
		req.TopicStates = []kmsg.LeaderAndISRRequestTopicState{{Topic: "x-one", PartitionStates: []kmsg.LeaderAndISRRequestTopicPartition{p, q}}}
		s.ask("equal epoch and not a replica", v, req)
	})
	versions(0, 2, func(v int16) {
		for _, epochs := range [][2]int64{{0, -1}, {1, 1}, {1, 1 << 50}} {
			if v < 1 && epochs[0] == 1 {
				continue
			}
			req := kmsg.NewPtrStopReplicaRequest()
			req.ControllerID, req.ControllerEpoch, req.BrokerEpoch = 1, int32(epochs[0]), epochs[1]
			req.Topics = []kmsg.StopReplicaRequestTopic{{Topic: "x-one", Partition: 1, Partitions: []int32{1}}}
			s.ask(fmt.Sprint("epochs ", epochs), v, req)
		}
		req := kmsg.NewPtrStopReplicaRequest()
		req.ControllerID, req.ControllerEpoch, req.BrokerEpoch, req.DeletePartitions = 1, 1, -1, true
		req.Topics = []kmsg.StopReplicaRequestTopic{{Topic: "x-unknown", Partition: 1, Partitions: []int32{1, 2}}}
		s.ask("unknown", v, req)
	})
	versions(0, 6, func(v int16) {
		for _, epochs := range [][2]int64{{0, -1}, {1, 1}, {1, 1 << 50}} {
			if v < 5 && epochs[0] == 1 {
				continue
			}
			req := kmsg.NewPtrUpdateMetadataRequest()
			req.ControllerID, req.ControllerEpoch, req.BrokerEpoch = 1, int32(epochs[0]), epochs[1]
			s.ask(fmt.Sprint("epochs ", epochs), v, req)
		}
	})
	versions(0, 3, func(v int16) {
		for _, r := range []*kmsg.ControlledShutdownRequest{{BrokerID: 99, BrokerEpoch: -1}, {BrokerID: 99, BrokerEpoch: 5}, {BrokerID: -1, BrokerEpoch: -1}} {
			s.ask(fmt.Sprint("broker ", r.BrokerID, " epoch ", r.BrokerEpoch), v, r)
		}
		if v >= 2 {
			s.ask("stale", v, &kmsg.ControlledShutdownRequest{BrokerID: 1, BrokerEpoch: 1})
		}
	})
	// Find coordinator.
	s.quiet(1, &kmsg.FindCoordinatorRequest{CoordinatorKey: "g"})
	s.settle("__consumer_offsets")
	s.quiet(1, &kmsg.FindCoordinatorRequest{CoordinatorKey: "g", CoordinatorType: 1})
	s.settle("__transaction_state")
	versions(0, 3, func(v int16) {
		for _, key := range []string{"g", "", "é", "a b"} {
			s.ask("group "+key, v, &kmsg.FindCoordinatorRequest{CoordinatorKey: key})
			s.ask("txn "+key, v, &kmsg.FindCoordinatorRequest{CoordinatorKey: key, CoordinatorType: 1})
		}
		s.ask("type 2", v, &kmsg.FindCoordinatorRequest{CoordinatorKey: "g", CoordinatorType: 2})
		s.ask("type -1", v, &kmsg.FindCoordinatorRequest{CoordinatorKey: "g", CoordinatorType: -1})
	})
}
