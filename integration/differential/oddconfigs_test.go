//go:build interop

package differential

import (
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// odd values of each kind of config. What Java's parser takes for a number is not what Go's does.
var (
	oddNumbers = []string{"", " ", "0", "-0", "+5", "007", " 9 ", "\t9\n", "1e3", "1.0", "0x10", "1_000", "9L", "5 5", "٣", "-1", "-2", "2147483647", "2147483648", "-2147483648", "-2147483649",
		"9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "NaN", "true"}
	oddDoubles  = []string{"", "0", "1", "0.5", ".5", "5.", " 0.5 ", "1e-1", "0.5f", "0.5d", "0x1p-1", "-0.0", "-0.1", "1.0000001", "NaN", "Infinity", "+0.5", "0,5", "1_0", "inf", "nan"}
	oddBooleans = []string{"", "true", "TRUE", "True", " true ", "false", "FALSE", "yes", "1", "0", "t"}
	oddLists    = []string{"", ",", "delete", " delete ", "delete,compact", "compact,delete", "delete , compact", "delete,delete", "delete,,compact", "delete,", ",delete", "Delete", "delete;compact", "x", "[delete]"}
	oddNames    = []string{"", " ", "producer", "PRODUCER", " gzip ", "gzip", "none", "uncompressed", "zstd", "lz4", "snappy", "x"}
	oddTimes    = []string{"", "CreateTime", "createtime", " LogAppendTime ", "LogAppendTime", "NoTimestampType", "x"}
	oddVersions = []string{"", "0.8.2", "0.8.1", "0.9.0", "0.9.0.0", "0.9.0.1", "0.10", "0.10.0", "0.10.0-IV0", "0.10.0-IV1", "0.10.0-IV7", "0.10.2.1", "0.11.0", "0.11.0-IV2", "1.0", "1.0.0", "1.1", "1", "2", "2.0", "2.0.1",
		"2.1-IV2", "2.5", "2.5-IV0", "2.5.0", "2.5.7", "2.5-IV1", "2.6", "2.6-IV0", "3.0", " 2.5 ", "2.5.", "v2.5", "2.5-iv0", "2.5-IV0.1"}
	oddReplicas = []string{"", "*", " * ", "none", "0:1", "0:1,1:2", " 0:1 , 1:2 ", "0:1,", ",0:1", "0:1:2", "0", ":", "0:", ":1", "a:b", "-1:1", "0:1,*", "0:1 ,1:2", "00:01"}
)

// topicKeys are the topic configs with values that are odd for their kind.
var topicKeys = []struct {
	key    string
	values []string
}{
	{"cleanup.policy", oddLists}, {"compression.type", oddNames}, {"delete.retention.ms", oddNumbers}, {"file.delete.delay.ms", oddNumbers}, {"flush.messages", oddNumbers}, {"flush.ms", oddNumbers},
	{"follower.replication.throttled.replicas", oddReplicas}, {"index.interval.bytes", oddNumbers}, {"leader.replication.throttled.replicas", oddReplicas}, {"max.compaction.lag.ms", oddNumbers},
	{"max.message.bytes", oddNumbers}, {"message.downconversion.enable", oddBooleans}, {"message.format.version", oddVersions}, {"message.timestamp.difference.max.ms", oddNumbers},
	{"message.timestamp.type", oddTimes}, {"min.cleanable.dirty.ratio", oddDoubles}, {"min.compaction.lag.ms", oddNumbers}, {"min.insync.replicas", oddNumbers}, {"preallocate", oddBooleans},
	{"retention.bytes", oddNumbers}, {"retention.ms", oddNumbers}, {"segment.bytes", oddNumbers}, {"segment.index.bytes", oddNumbers}, {"segment.jitter.ms", oddNumbers}, {"segment.ms", oddNumbers},
	{"unclean.leader.election.enable", oddBooleans},
	// No topic's: brokers' names, names in another case, with spaces.
	{"log.retention.ms", []string{"1"}}, {"Retention.ms", []string{"1"}}, {" retention.ms", []string{"1"}}, {"retention.ms ", []string{"1"}}, {"", []string{"", "1"}}, {"x.y", []string{"", "1"}},
	{"confluent.placement.constraints", []string{"{}"}},
}

// brokerKeys are broker configs, dynamic and not, with values that are odd for their kind.
var brokerKeys = []struct {
	key    string
	values []string
}{
	{"log.cleanup.policy", oddLists}, {"log.retention.ms", oddNumbers[:12]}, {"log.segment.bytes", oddNumbers}, {"log.cleaner.threads", []string{"", "1", "2", "3", "9", "-1", "x"}},
	{"log.cleaner.dedupe.buffer.size", []string{"134217728", "1048575", "1048576", "x", ""}}, {"log.cleaner.io.buffer.load.factor", []string{"0.5", "x", "0", "-1"}},
	{"log.cleaner.io.max.bytes.per.second", []string{"1e6", "1.7976931348623157E308", "-1", "x"}}, {"log.cleaner.delete.retention.ms", []string{"1", "-1", "x"}}, {"log.cleaner.backoff.ms", []string{"1", "-1", "x"}},
	{"log.cleaner.min.cleanable.ratio", oddDoubles}, {"log.message.timestamp.type", oddTimes}, {"compression.type", oddNames}, {"min.insync.replicas", []string{"1", "0", "-1", "x", ""}},
	{"unclean.leader.election.enable", oddBooleans}, {"log.preallocate", oddBooleans}, {"background.threads", []string{"10", "0", "5", "20", "21", "4", "100", "x", ""}},
	{"num.io.threads", []string{"8", "0", "4", "16", "17", "3", "x"}}, {"num.network.threads", []string{"3", "0", "2", "6", "7", "x"}}, {"num.replica.fetchers", []string{"1", "2", "3", "0"}},
	{"num.recovery.threads.per.data.dir", []string{"1", "2", "3", "0"}}, {"message.max.bytes", []string{"1000012", "-1", "0", "x", "2147483648"}}, {"max.connections", []string{"10000", "0", "-1", "x"}},
	{"max.connections.per.ip", []string{"10000", "0", "-1", "x"}}, {"max.connections.per.ip.overrides", []string{"", "127.0.0.1:1000", "127.0.0.1", "127.0.0.1:x", "a:1,b:2"}},
	{"log.message.downconversion.enable", oddBooleans[:6]}, {"log.flush.interval.messages", []string{"1", "0", "-1", "x"}}, {"log.roll.ms", []string{"604800000", "0", "-1", "x"}},
	{"log.index.interval.bytes", []string{"4096", "0", "-1", "x"}}, {"log.index.size.max.bytes", []string{"10485760", "3", "4", "x"}}, {"log.message.timestamp.difference.max.ms", []string{"9223372036854775807", "-1", "0", "x"}},
	{"follower.replication.throttled.rate", []string{"1000000", "-1", "0", "x"}}, {"leader.replication.throttled.rate", []string{"1000000", "-1", "0", "x"}},
	{"replica.alter.log.dirs.io.max.bytes.per.second", []string{"1000000", "-1", "0", "x"}},
	// Not dynamic, of no broker, and old.
	{"broker.id", []string{"1", "2", "x"}}, {"log.dirs", []string{"/x"}}, {"zookeeper.connect", []string{"x"}}, {"num.partitions", []string{"5"}}, {"auto.create.topics.enable", []string{"false"}},
	{"log.retention.hours", []string{"1"}}, {"log.retention.minutes", []string{"1"}}, {"log.roll.hours", []string{"1"}}, {"offsets.retention.minutes", []string{"1"}}, {"default.replication.factor", []string{"1"}},
	{"log.message.format.version", []string{"2.5"}}, {"inter.broker.protocol.version", []string{"2.5"}}, {"nonsense", []string{"1", ""}}, {"retention.ms", []string{"1"}}, {"", []string{"1"}},
	{"listener.name.plaintext.nonsense", []string{"1"}}, {"listener.name.plaintext.max.connections", []string{"1000", "-1", "x"}}, {"listener.name.none.max.connections", []string{"1000"}},
	{"listener.name.plaintext.ssl.keystore.location", []string{"/none"}}, {"sasl.enabled.mechanisms", []string{"PLAIN"}}, {"ssl.cipher.suites", []string{""}}, {"log.cleaner.enable", []string{"false"}},
}

// oddConfigCases gives each config values that are odd for its kind, through each of the requests
// that take them, and looks at what is then told of it.
func oddConfigCases(s *session) {
	s.create("oc-whole", 1)
	s.create("oc-step", 1)
	value := func(v string) *string { return &v }
	for _, k := range topicKeys {
		for _, v := range k.values {
			label := fmt.Sprintf("%q=%q", k.key, v)
			create := kmsg.NewPtrCreateTopicsRequest()
			create.TimeoutMillis, create.ValidateOnly = 30000, true
			create.Topics = []kmsg.CreateTopicsRequestTopic{{Topic: "oc-new", NumPartitions: 1, ReplicationFactor: 1, Configs: []kmsg.CreateTopicsRequestTopicConfig{{Name: k.key, Value: value(v)}}}}
			s.ask(label, 5, create)
			whole := kmsg.NewPtrAlterConfigsRequest()
			whole.Resources = []kmsg.AlterConfigsRequestResource{{ResourceType: 2, ResourceName: "oc-whole", Configs: []kmsg.AlterConfigsRequestResourceConfig{{Name: k.key, Value: value(v)}}}}
			s.ask(label, 1, whole)
			step := kmsg.NewPtrIncrementalAlterConfigsRequest()
			step.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{ResourceType: 2, ResourceName: "oc-step", Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: k.key, Value: value(v)}}}}
			s.ask(label, 1, step)
			for _, synonyms := range []bool{false, true} {
				d := describe([]string{k.key}, 2, "oc-whole", 2, "oc-step")
				d.IncludeSynonyms = synonyms
				s.ask(fmt.Sprintf("%s, synonyms %v", label, synonyms), 2, d)
			}
		}
		// The lists of the incremental form.
		for op := int8(2); op < 4; op++ {
			for _, v := range []string{"", "compact", "delete,compact", " compact , delete ", "x", "0:1", ","} {
				step := kmsg.NewPtrIncrementalAlterConfigsRequest()
				step.ValidateOnly = k.key != "cleanup.policy"
				step.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{ResourceType: 2, ResourceName: "oc-step", Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: k.key, Op: kmsg.IncrementalAlterConfigOp(op), Value: value(v)}}}}
				s.ask(fmt.Sprintf("%q operation %d %q", k.key, op, v), 1, step)
				if !step.ValidateOnly {
					s.ask("after it", 2, describe([]string{k.key}, 2, "oc-step"))
				}
			}
		}
	}
	s.ask("at the end", 2, describe(nil, 2, "oc-whole", 2, "oc-step"))
	s.oddBrokerConfigs()
}

// askBroker asks for a change of a broker's config. Texts that begin as those of Java's
// requirements do, or are about Java's objects, are none of ours (docs/differences.md): of them
// only the code is compared.
func (s *session) askBroker(label string, req kmsg.Request) {
	resp := s.quiet(1, req)
	plain := func(code int16, text **string) {
		if code == 42 && *text != nil && (!strings.Contains(**text, ": Invalid value") && !strings.Contains(**text, "Cannot update") && !strings.Contains(**text, "only per-listener")) {
			*text = nil
		}
		if *text != nil && strings.Contains(**text, "Invalid max.connections ") {
			*text = nil
		}
	}
	switch r := resp.(type) {
	case *kmsg.AlterConfigsResponse:
		plain(r.Resources[0].ErrorCode, &r.Resources[0].ErrorMessage)
	case *kmsg.IncrementalAlterConfigsResponse:
		plain(r.Resources[0].ErrorCode, &r.Resources[0].ErrorMessage)
	}
	s.record(label, req, resp, nil)
}

// oddBrokerConfigs does the same with a broker's configs, and with those of all brokers.
func (s *session) oddBrokerConfigs() {
	for _, name := range []string{"1", ""} {
		for _, k := range brokerKeys {
			for _, v := range k.values {
				v := v
				label := fmt.Sprintf("broker %q %q=%q", name, k.key, v)
				whole := kmsg.NewPtrAlterConfigsRequest()
				whole.ValidateOnly = true
				whole.Resources = []kmsg.AlterConfigsRequestResource{{ResourceType: 4, ResourceName: name, Configs: []kmsg.AlterConfigsRequestResourceConfig{{Name: k.key, Value: &v}}}}
				s.askBroker(label, whole)
				step := kmsg.NewPtrIncrementalAlterConfigsRequest()
				step.ValidateOnly = true
				step.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{ResourceType: 4, ResourceName: name, Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: k.key, Value: &v}}}}
				s.askBroker(label, step)
			}
		}
	}
	// Values that hold: of the broker, of all, and of both, each with where it comes from.
	set := func(label, name string, pairs ...string) {
		step := kmsg.NewPtrIncrementalAlterConfigsRequest()
		r := kmsg.IncrementalAlterConfigsRequestResource{ResourceType: 4, ResourceName: name}
		for _, p := range pairs {
			key, v, with := strings.Cut(p, "=")
			c := kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: key, Value: &v}
			if !with {
				c.Op, c.Value = kmsg.IncrementalAlterConfigOpDelete, nil
			}
			r.Configs = append(r.Configs, c)
		}
		step.Resources = []kmsg.IncrementalAlterConfigsRequestResource{r}
		s.ask(label, 1, step)
		s.quietBroker()
		keys := []string{"log.retention.ms", "log.cleanup.policy", "log.cleaner.threads", "compression.type", "log.segment.bytes", "min.insync.replicas", "log.retention.hours", "message.max.bytes",
			"log.roll.ms", "log.flush.interval.ms", "log.cleaner.min.cleanable.ratio", "background.threads", "max.connections", "listener.name.plaintext.max.connections"}
		for _, v := range []int16{0, 1, 2} {
			for _, synonyms := range []bool{false, true} {
				d := describe(keys, 4, "1", 4, "")
				d.IncludeSynonyms = synonyms
				s.ask(fmt.Sprintf("%s, synonyms %v", label, synonyms), v, d)
			}
		}
		topic := describe([]string{"retention.ms", "cleanup.policy", "compression.type", "segment.bytes", "min.insync.replicas", "max.message.bytes", "segment.ms", "flush.ms", "min.cleanable.dirty.ratio"}, 2, "oc-plain")
		topic.IncludeSynonyms = true
		s.ask(label+", a topic", 2, topic)
	}
	s.create("oc-plain", 1)
	set("nothing", "1")
	set("for all", "", "log.retention.ms=4000000000000", "log.cleanup.policy=compact,delete", "compression.type=gzip", "min.insync.replicas=2")
	set("for one", "1", "log.retention.ms=5000000000000", "log.cleaner.threads=2", "log.segment.bytes=1000000", "message.max.bytes=2000000")
	set("both", "", "log.cleaner.threads=1", "log.segment.bytes=2000000", "log.roll.ms=100000", "background.threads=8")
	set("listener", "1", "listener.name.plaintext.max.connections=5000", "max.connections=6000")
	set("spaces", "1", "log.cleanup.policy= delete , compact ", "log.retention.ms= 7777777777777 ")
	set("less for one", "1", "log.retention.ms", "log.segment.bytes", "message.max.bytes", "log.cleanup.policy", "listener.name.plaintext.max.connections", "max.connections")
	set("what is not set", "1", "log.retention.ms", "log.roll.ms")
	set("less for all", "", "log.retention.ms", "log.cleanup.policy", "compression.type", "min.insync.replicas", "log.roll.ms", "background.threads")
	// 2.5.0 keeps what was deleted in use until another config changes (docs/differences.md).
	set("none", "", "log.cleaner.threads", "log.segment.bytes", "log.flush.interval.messages=1000000")
	set("none for one", "1", "log.cleaner.threads", "log.flush.interval.messages=1000001")
	set("less for all again", "", "log.flush.interval.messages", "log.index.interval.bytes=4097")
	set("nothing again", "1", "log.flush.interval.messages", "log.index.interval.bytes=4098")
}
