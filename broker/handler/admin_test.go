package handler

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/interbroker"
	"momus/broker/metadata"
	"momus/configs"
	"momus/coordinator/admin"
	"momus/coordinator/controller"
	"momus/coordinator/zk"
	"momus/coordinator/zk/zktest"
	"momus/coordinator/zkserver"
	"momus/coordinator/zkserver/zkservertest"
	"momus/internal/fan"
	"momus/internal/kerr"
	"momus/internal/model"
	"momus/internal/testbase"
)

// adminBroker is an environment with a controller on a real coordination server. The one broker is
// this one: it learns of the controller's decisions through the encoded UpdateMetadata requests.
type adminBroker struct {
	t   *testing.T
	env *Env
}

// loopback is the controller's Sender to this broker.
type loopback struct {
	cache *metadata.Cache
	reply func(controller.Event)
}

func (l *loopback) AddBroker(*model.Broker)    {}
func (l *loopback) RemoveBroker(int32)         {}
func (l *loopback) UpdateBroker(*model.Broker) {}
func (l *loopback) Close()                     {}
func (l *loopback) Send(_ int32, r controller.Request) {
	switch r := r.(type) {
	case *controller.UpdateMetadata:
		req := interbroker.EncodeUpdateMetadata(1, "PLAINTEXT", 6, r)
		decoded := kmsg.NewPtrUpdateMetadataRequest()
		decoded.SetVersion(6)
		if err := decoded.ReadFrom(req.AppendTo(nil)); err != nil {
			panic(err)
		}
		l.cache.Apply(metadataUpdate(decoded))
	case *controller.StopReplica:
		if r.Delete {
			ev := &controller.StopReplicaReply{Broker: 1, Errors: map[model.TopicPartition]int16{}}
			for _, tp := range r.Partitions {
				ev.Errors[tp] = 0
			}
			l.reply(ev)
		}
	}
}

func newAdminBroker(t *testing.T) *adminBroker {
	t.Helper()
	server, _ := zkservertest.Run(t, zkserver.Options{NoSync: true})
	client := zktest.Dial(t, zk.Options{Connect: server.Addr().String()})
	if err := client.CreateTopLevelPaths(t.Context()); err != nil {
		t.Fatal(err)
	}
	config, err := configs.New(map[string]string{"zookeeper.connect": "z:1", "broker.id": "1", "log.dirs": t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	cache := metadata.NewCache("c")
	c := controller.New(controller.Options{
		BrokerID: 1, ZK: client,
		Registration: func() *zk.Registration {
			return &zk.Registration{Version: 4, JMXPort: -1, Endpoints: []model.Endpoint{{Listener: "PLAINTEXT", Host: "h", Port: 1}}}
		},
		Settings:  func() controller.Settings { return controller.Settings{DeleteTopics: true} },
		NewSender: func(reply func(controller.Event)) controller.Sender { return &loopback{cache, reply} },
	})
	if err := c.Register(t.Context()); err != nil {
		t.Fatal(err)
	}
	testbase.Run(t, c.Run)
	e := &Env{BrokerID: 1, Settings: func() Settings { return SettingsOf(config.Broker()) }, Logger: testbase.Quiet(), Now: time.Now}
	e.Metadata, e.Controller, e.Configs = cache, c, config
	e.Admin = &admin.Admin{Store: client}
	e.Loggers = testLoggers{"root": "INFO", "kafka.controller": "INFO"}
	b := &adminBroker{t, e}
	cache.WaitFor(t.Context(), func(s *metadata.Snapshot) bool { return s.IsAlive(1) })
	return b
}

type testLoggers map[string]string

func (l testLoggers) Levels() map[string]string { return l }
func (l testLoggers) SetLevel(name, level string) bool {
	_, ok := l[name]
	if ok {
		l[name] = level
	}
	return ok
}

func (b *adminBroker) serve(h func(context.Context, *Env, *Request) Reply, req kmsg.Request) kmsg.Response {
	b.t.Helper()
	r := &Request{Body: req, session: &session{principal: model.Anonymous()}}
	r.Key, r.Version = req.Key(), req.GetVersion()
	return h(b.t.Context(), b.env, r).response
}

type outcome struct {
	code    int16
	message string
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (b *adminBroker) create(version int16, timeout int32, validateOnly bool, topics ...kmsg.CreateTopicsRequestTopic) []kmsg.CreateTopicsResponseTopic {
	b.t.Helper()
	req := kmsg.NewPtrCreateTopicsRequest()
	req.Version, req.TimeoutMillis, req.ValidateOnly, req.Topics = version, timeout, validateOnly, topics
	return b.serve(createTopics, req).(*kmsg.CreateTopicsResponse).Topics
}

func newTopic(name string, partitions int32, rf int16, change ...func(*kmsg.CreateTopicsRequestTopic)) kmsg.CreateTopicsRequestTopic {
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, partitions, rf
	for _, fn := range change {
		fn(&t)
	}
	return t
}

func withConfig(name string, value *string) func(*kmsg.CreateTopicsRequestTopic) {
	return func(t *kmsg.CreateTopicsRequestTopic) {
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		c.Name, c.Value = name, value
		t.Configs = append(t.Configs, c)
	}
}

func withReplicas(partition int32, replicas ...int32) func(*kmsg.CreateTopicsRequestTopic) {
	return func(t *kmsg.CreateTopicsRequestTopic) {
		a := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		a.Partition, a.Replicas = partition, replicas
		t.ReplicaAssignment = append(t.ReplicaAssignment, a)
	}
}

func ptr(s string) *string { return &s }

func TestCreateTopicsAnswersAsKafka(t *testing.T) {
	b := newAdminBroker(t)
	created := b.create(5, 10000, false, newTopic("a.b", 2, 1, withConfig("retention.ms", ptr("7"))))[0]
	if created.ErrorCode != 0 || created.ErrorMessage != nil || created.NumPartitions != 2 || created.ReplicationFactor != 1 || len(created.Configs) != 26 {
		t.Fatalf("%+v", created)
	}
	for _, c := range created.Configs {
		if c.Name == "retention.ms" && (*c.Value != "7" || c.Source != int8(configs.SourceTopic)) {
			t.Errorf("%+v", c)
		}
	}
	if !hasLeaders(b.env.Metadata.Snapshot().Topic("a.b"), 2) {
		t.Error("answered before there were leaders")
	}
	for _, c := range []struct {
		topic kmsg.CreateTopicsRequestTopic
		want  outcome
	}{
		{newTopic("a.b", 1, 1), outcome{36, "Topic 'a.b' already exists."}},
		{newTopic("a_b", 1, 1), outcome{17, "Topic 'a_b' collides with existing topics: a.b"}},
		{newTopic("x", 1, 1, withConfig("no.such", ptr("1"))), outcome{40, "Unknown topic config name: no.such"}},
		{newTopic("x", 1, 1, withConfig("retention.ms", ptr("abc"))), outcome{40, "Invalid value abc for configuration retention.ms: Not a number of type LONG"}},
		{newTopic("x", 1, 1, withConfig("retention.ms", nil)), outcome{-1, ""}},
		{newTopic("x", 1, -1, withReplicas(0, 1)), outcome{42, "Both numPartitions or replicationFactor and replicasAssignments were set. Both cannot be used at the same time."}},
		{newTopic("x", 0, 1), outcome{37, "Number of partitions must be larger than 0."}},
		{newTopic("x", 1, 0), outcome{38, "Replication factor must be larger than 0."}},
		{newTopic("x", 1, 2), outcome{38, "Replication factor: 2 larger than available brokers: 1."}},
		{newTopic("bad name", 1, 1), outcome{17, `Topic name "bad name" is illegal, it contains a character other than ASCII alphanumerics, '.', '_' and '-'`}},
		{newTopic("x", -1, -1, withReplicas(1, 1)), outcome{39, "partitions should be a consecutive 0-based integer sequence"}},
		{newTopic("x", -1, -1, withReplicas(0, 1, 1)), outcome{39, "Duplicate replica assignment found: Map(0 -> ArrayBuffer(1, 1))"}},
	} {
		got := b.create(5, 1000, false, c.topic)[0]
		if (outcome{got.ErrorCode, text(got.ErrorMessage)}) != c.want || got.NumPartitions != -1 || got.ReplicationFactor != -1 || got.Configs == nil {
			t.Errorf("%s: %+v %q; want %+v", c.topic.Topic, got, text(got.ErrorMessage), c.want)
		}
	}
	// Many at once: each is answered in its place, and of two whose names collide the first is
	// created.
	many := []kmsg.CreateTopicsRequestTopic{newTopic("c.d", 1, 1), newTopic("c_d", 1, 1)}
	for i := range 30 {
		many = append(many, newTopic("many"+strconv.Itoa(i), int32(1+i%3), 1))
	}
	for i, got := range b.create(5, 10000, false, many...) {
		want := outcome{}
		if i == 1 {
			want = outcome{17, "Topic 'c_d' collides with existing topics: c.d"}
		}
		if (outcome{got.ErrorCode, text(got.ErrorMessage)}) != want || got.Topic != many[i].Topic || i != 1 && got.NumPartitions != many[i].NumPartitions {
			t.Errorf("%s: %+v %q", many[i].Topic, got, text(got.ErrorMessage))
		}
	}
	twice := b.create(1, 1000, false, newTopic("x", 1, 1), newTopic("x", 1, 1))
	if len(twice) != 2 || twice[1].ErrorCode != 42 || twice[0].ErrorCode != 42 || text(twice[0].ErrorMessage) != "Found multiple entries for this topic." {
		t.Errorf("%+v", twice)
	}
	if only := b.create(5, 1000, true, newTopic("only", -1, -1))[0]; only.ErrorCode != 0 || only.NumPartitions != 1 {
		t.Errorf("validate only: %+v", only)
	}
	if exists, _ := b.env.Admin.Store.TopicExists(t.Context(), "only"); exists {
		t.Error("validate only has created the topic")
	}
	// Created, but with a timeout of 0 nobody waits.
	if late := b.create(5, 0, false, newTopic("late", 1, 1))[0]; late.ErrorCode != kerr.RequestTimedOut.Code {
		t.Errorf("%+v", late)
	}
	if exists, _ := b.env.Admin.Store.TopicExists(t.Context(), "late"); !exists {
		t.Error("the topic was not created")
	}
}

func TestPartitionsAreAddedAndTopicsDeleted(t *testing.T) {
	b := newAdminBroker(t)
	b.create(5, 10000, false, newTopic("t", 1, 1))
	add := func(name string, count int32, given ...[]int32) outcome {
		req := kmsg.NewPtrCreatePartitionsRequest()
		req.Version, req.TimeoutMillis = 1, 10000
		topic := kmsg.NewCreatePartitionsRequestTopic()
		topic.Topic, topic.Count = name, count
		for _, g := range given {
			topic.Assignment = append(topic.Assignment, kmsg.CreatePartitionsRequestTopicAssignment{Replicas: g})
		}
		req.Topics = append(req.Topics, topic)
		r := b.serve(createPartitions, req).(*kmsg.CreatePartitionsResponse).Topics[0]
		return outcome{r.ErrorCode, text(r.ErrorMessage)}
	}
	for _, c := range []struct{ got, want outcome }{
		{add("t", 3), outcome{}},
		{add("t", 3), outcome{37, "Topic already has 3 partitions."}},
		{add("t", 1), outcome{37, "Topic currently has 3 partitions, which is higher than the requested 1."}},
		{add("u", 2), outcome{3, "The topic 'u' does not exist."}},
		{add("t", 4, []int32{9}), outcome{39, "Unknown broker(s) in replica assignment: 9."}},
	} {
		if c.got != c.want {
			t.Errorf("%+v; want %+v", c.got, c.want)
		}
	}
	if !hasLeaders(b.env.Metadata.Snapshot().Topic("t"), 3) {
		t.Error("answered before there were leaders")
	}
	remove := func(version int16, timeout int32, names ...string) (codes []int16) {
		req := kmsg.NewPtrDeleteTopicsRequest()
		req.Version, req.TimeoutMillis, req.TopicNames = version, timeout, names
		for _, r := range b.serve(deleteTopics, req).(*kmsg.DeleteTopicsResponse).Topics {
			codes = append(codes, r.ErrorCode)
		}
		return codes
	}
	if got := remove(3, 10000, "t", "u", "t"); !slices.Equal(got, []int16{0, 3, 0}) {
		t.Errorf("%v", got)
	}
	if b.env.Metadata.Snapshot().Topic("t") != nil {
		t.Error("answered before the topic was gone")
	}
	b.env.Settings = func() Settings { return Settings{} }
	if got := append(remove(2, 1, "x"), remove(3, 1, "x")...); !slices.Equal(got, []int16{42, 73}) {
		t.Errorf("deletion switched off: %v", got)
	}
}

func TestConfigsAreDescribedAndAltered(t *testing.T) {
	b := newAdminBroker(t)
	b.create(5, 10000, false, newTopic("t", 1, 1))
	topic, broker, logger := kmsg.ConfigResourceTypeTopic, kmsg.ConfigResourceTypeBroker, kmsg.ConfigResourceTypeBrokerLogger
	alter := func(kind kmsg.ConfigResourceType, name, key string, value *string) outcome {
		req := kmsg.NewPtrAlterConfigsRequest()
		res := kmsg.NewAlterConfigsRequestResource()
		res.ResourceType, res.ResourceName = kind, name
		res.Configs = []kmsg.AlterConfigsRequestResourceConfig{{Name: key, Value: value}}
		req.Resources = append(req.Resources, res)
		r := b.serve(alterConfigs, req).(*kmsg.AlterConfigsResponse).Resources[0]
		return outcome{r.ErrorCode, text(r.ErrorMessage)}
	}
	change := func(kind kmsg.ConfigResourceType, name, key string, op kmsg.IncrementalAlterConfigOp, value *string) outcome {
		req := kmsg.NewPtrIncrementalAlterConfigsRequest()
		res := kmsg.NewIncrementalAlterConfigsRequestResource()
		res.ResourceType, res.ResourceName = kind, name
		for _, k := range strings.Split(key, "+") {
			res.Configs = append(res.Configs, kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: k, Op: op, Value: value})
		}
		req.Resources = append(req.Resources, res)
		r := b.serve(incrementalAlterConfigs, req).(*kmsg.IncrementalAlterConfigsResponse).Resources[0]
		return outcome{r.ErrorCode, text(r.ErrorMessage)}
	}
	describe := func(kind kmsg.ConfigResourceType, name string, keys ...string) (kmsg.DescribeConfigsResponseResource, string) {
		req := kmsg.NewPtrDescribeConfigsRequest()
		req.Version, req.IncludeSynonyms = 2, true
		res := kmsg.NewDescribeConfigsRequestResource()
		res.ResourceType, res.ResourceName, res.ConfigNames = kind, name, keys
		req.Resources = append(req.Resources, res)
		r := b.serve(describeConfigs, req).(*kmsg.DescribeConfigsResponse).Resources[0]
		var words []string
		for _, c := range r.Configs {
			words = append(words, c.Name+"="+text(c.Value))
		}
		return r, strings.Join(words, " ")
	}
	set, del := kmsg.IncrementalAlterConfigOpSet, kmsg.IncrementalAlterConfigOpDelete
	appendTo, subtract := kmsg.IncrementalAlterConfigOpAppend, kmsg.IncrementalAlterConfigOpSubtract
	const onLogger = "Invalid config value for resource ConfigResource(type=BROKER_LOGGER, name='1'): "
	const level = onLogger + "Cannot set the log level of root to LOUD as it is not a supported log level. Valid log levels are TRACE, ERROR, INFO, FATAL, DEBUG, WARN"
	for i, c := range []struct{ got, want outcome }{
		{alter(topic, "t", "cleanup.policy", ptr("compact")), outcome{}},
		{alter(topic, "t", "retention.ms", ptr("abc")), outcome{42, "Invalid config value for resource ConfigResource(type=TOPIC, name='t'): Invalid value abc for configuration retention.ms: Not a number of type LONG"}},
		{alter(topic, "t", "foo", ptr("1")), outcome{40, "Unknown topic config name: foo"}},
		{alter(topic, "nosuch", "retention.ms", ptr("1")), outcome{-1, `Topic "nosuch" does not exist.`}},
		{alter(topic, "bad name", "retention.ms", ptr("1")), outcome{17, `Topic name "bad name" is illegal, it contains a character other than ASCII alphanumerics, '.', '_' and '-'`}},
		{alter(broker, "2", "log.cleaner.threads", ptr("2")), outcome{42, "Unexpected broker id, expected 1, but received 2"}},
		{alter(broker, "1", "zookeeper.connect", ptr("x")), outcome{42, "Invalid config value for resource ConfigResource(type=BROKER, name='1'): Cannot update these configs dynamically: Set(zookeeper.connect)"}},
		{alter(broker, "1", "log.cleaner.threads", ptr("abc")), outcome{42, "Invalid config value for resource ConfigResource(type=BROKER, name='1'): Invalid value abc for configuration log.cleaner.threads: Not a number of type INT"}},
		{alter(broker, "1", "listener.name.plaintext.ssl.keystore.password", ptr("secret")), outcome{42, "Invalid config value for resource ConfigResource(type=BROKER, name='1'): Password encoder secret not configured"}},
		{alter(topic, "t", "min.compaction.lag.ms", ptr("9223372036854775807")), outcome{}},
		{change(topic, "t", "max.compaction.lag.ms", set, ptr("5")), outcome{40, "conflict topic config setting min.compaction.lag.ms (9223372036854775807) > max.compaction.lag.ms (5)"}},
		{alter(topic, "t", "cleanup.policy", ptr("compact")), outcome{}},
		{alter(logger, "1", "root", ptr("INFO")), outcome{42, "AlterConfigs is deprecated and does not support the resource type BROKER_LOGGER"}},
		{change(topic, "t", "cleanup.policy", appendTo, ptr("delete")), outcome{}},
		{change(topic, "t", "cleanup.policy", subtract, ptr("compact")), outcome{}},
		{change(topic, "t", "retention.ms", appendTo, ptr("1")), outcome{42, "Config value append is not allowed for config key: retention.ms"}},
		{change(topic, "t", "retention.ms", set, ptr("5")), outcome{}},
		{change(topic, "t", "max.message.bytes", del, nil), outcome{}},
		{change(topic, "t", "retention.ms+retention.ms", set, ptr("5")), outcome{42, "Error due to duplicate config keys : retention.ms"}},
		{change(logger, "1", "root", set, ptr("LOUD")), outcome{42, level}},
		{change(logger, "1", "nobody", set, ptr("INFO")), outcome{42, onLogger + "Logger nobody does not exist!"}},
		{change(logger, "1", "root", del, nil), outcome{42, "Removing the log level of the root logger is not allowed"}},
		{change(logger, "1", "kafka.controller", set, ptr("DEBUG")), outcome{}},
	} {
		if c.got != c.want {
			t.Errorf("%d: %+v; want %+v", i, c.got, c.want)
		}
	}
	for _, c := range []outcome{change(topic, "t", "follower.replication.throttled.replicas", appendTo, ptr("1:1")), change(topic, "t", "foo", appendTo, ptr("1"))} {
		if c.code != -1 {
			t.Errorf("append to what is not overridden: %+v", c)
		}
	}
	if _, got := describe(topic, "t", "cleanup.policy", "retention.ms", "nonsense"); got != "cleanup.policy=delete retention.ms=5" {
		t.Errorf("%s", got)
	}
	if r, _ := describe(topic, "t"); len(r.Configs) != 26 {
		t.Errorf("%d configs", len(r.Configs))
	}
	if _, got := describe(logger, "1"); got != "kafka.controller=DEBUG root=INFO" {
		t.Errorf("%s", got)
	}
	for _, c := range []struct {
		kind kmsg.ConfigResourceType
		name string
		code int16
		text string
	}{
		{topic, "nosuch", 3, ""},
		{topic, "bad name", 17, `Topic name "bad name" is illegal, it contains a character other than ASCII alphanumerics, '.', '_' and '-'`},
		{broker, "7", 42, "Unexpected broker id, expected 1 or empty string, but received 7"},
		{broker, "x", 42, "Broker id must be an integer, but it is: x"},
		{logger, "7", 42, "Unexpected broker id, expected 1 but received 7"},
		{logger, "", 42, "Broker id must not be empty"},
		{kmsg.ConfigResourceType(3), "x", 42, "Unexpected resource type UNKNOWN for resource x"},
	} {
		if r, _ := describe(c.kind, c.name); r.ErrorCode != c.code || text(r.ErrorMessage) != c.text {
			t.Errorf("%v %s: %d %q; want %d %q", c.kind, c.name, r.ErrorCode, text(r.ErrorMessage), c.code, c.text)
		}
	}
}

// A node that somebody wrote by hand may hold anything: the answer is the reason, as in 2.5.0, and
// not a value that nobody has set.
// The number of resources is the sender's choice and looked at before his rights: comparing each
// with each would keep a processor busy for as long as he likes.
func TestManyResourcesAreCheap(t *testing.T) {
	b := newAdminBroker(t)
	const n = 200_000
	alter, change := kmsg.NewPtrAlterConfigsRequest(), kmsg.NewPtrIncrementalAlterConfigsRequest()
	for i := range n {
		name := strconv.Itoa(i / 2) // each twice
		alter.Resources = append(alter.Resources, kmsg.AlterConfigsRequestResource{ResourceType: kmsg.ConfigResourceTypeBroker, ResourceName: name})
		change.Resources = append(change.Resources, kmsg.IncrementalAlterConfigsRequestResource{ResourceType: kmsg.ConfigResourceTypeBroker, ResourceName: "b" + name})
	}
	if resp := b.serve(alterConfigs, alter).(*kmsg.AlterConfigsResponse); len(resp.Resources) != n/2 {
		t.Errorf("%d answers", len(resp.Resources))
	}
	if resp := b.serve(incrementalAlterConfigs, change).(*kmsg.IncrementalAlterConfigsResponse); len(resp.Resources) != n/2 {
		t.Errorf("%d answers", len(resp.Resources))
	}
}

func TestWrongValuesOfATopicAreNotDescribed(t *testing.T) {
	b := newAdminBroker(t)
	b.create(5, 10000, false, newTopic("t", 1, 1))
	describe := func() kmsg.DescribeConfigsResponseResource {
		req := kmsg.NewPtrDescribeConfigsRequest()
		req.Version = 2
		req.Resources = []kmsg.DescribeConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: "t", ConfigNames: []string{"segment.ms"}}}
		return b.serve(describeConfigs, req).(*kmsg.DescribeConfigsResponse).Resources[0]
	}
	for _, c := range []struct {
		stored map[string]string
		code   int16
		text   string
	}{
		{map[string]string{"retention.ms": "abc"}, -1, "Invalid value abc for configuration retention.ms: Not a number of type LONG"},
		{map[string]string{"segment.ms": "0"}, -1, "Invalid value 0 for configuration segment.ms: Value must be at least 1"},
		{map[string]string{"unknown": "abc", "min.compaction.lag.ms": "9", "max.compaction.lag.ms": "8"}, 0, ""},
		{map[string]string{"retention.ms": "5"}, 0, ""},
	} {
		if err := b.env.Admin.Store.SetConfig(t.Context(), zk.EntityTopics, "t", c.stored); err != nil {
			t.Fatal(err)
		}
		r := describe()
		if r.ErrorCode != c.code || text(r.ErrorMessage) != c.text || (len(r.Configs) == 1) != (c.code == 0) {
			t.Errorf("%v: %+v", c.stored, r)
		}
	}
}

// 2.5.0 refuses a whole request for one resource of a type that it does not know. Clients take the
// answer for broken if the type is another than the one that they asked for, which AlterConfigs has
// no way to avoid in 2.5.0.
func TestUnknownResourceTypesRefuseTheWholeRequest(t *testing.T) {
	b := newAdminBroker(t)
	b.create(5, 10000, false, newTopic("t", 1, 1))
	for _, kind := range []kmsg.ConfigResourceType{0, 1, 3, 16, 32, -1} {
		whole, step := kmsg.NewPtrAlterConfigsRequest(), kmsg.NewPtrIncrementalAlterConfigsRequest()
		for _, r := range []struct {
			kind kmsg.ConfigResourceType
			name string
		}{{kmsg.ConfigResourceTypeTopic, "t"}, {kind, "x"}} {
			whole.Resources = append(whole.Resources, kmsg.AlterConfigsRequestResource{ResourceType: r.kind, ResourceName: r.name,
				Configs: []kmsg.AlterConfigsRequestResourceConfig{{Name: "retention.ms", Value: ptr("7")}}})
			step.Resources = append(step.Resources, kmsg.IncrementalAlterConfigsRequestResource{ResourceType: r.kind, ResourceName: r.name,
				Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: "retention.ms", Value: ptr("7")}}})
		}
		const refused = "Unexpected resource type UNKNOWN"
		for i, r := range b.serve(alterConfigs, whole).(*kmsg.AlterConfigsResponse).Resources {
			if want := []kmsg.ConfigResourceType{kmsg.ConfigResourceTypeTopic, 0}[i]; r.ErrorCode != 42 || text(r.ErrorMessage) != refused || r.ResourceType != want {
				t.Errorf("AlterConfigs of type %d: %+v", kind, r)
			}
		}
		for i, r := range b.serve(incrementalAlterConfigs, step).(*kmsg.IncrementalAlterConfigsResponse).Resources {
			if r.ErrorCode != 42 || text(r.ErrorMessage) != refused || r.ResourceType != step.Resources[i].ResourceType {
				t.Errorf("IncrementalAlterConfigs of type %d: %+v", kind, r)
			}
		}
	}
	stored, err := b.env.Admin.Store.Config(t.Context(), zk.EntityTopics, "t")
	if err != nil || len(stored) != 0 {
		t.Errorf("the topic got %v, %v", stored, err)
	}
}

func TestElectionsAndReassignmentsReachTheController(t *testing.T) {
	b := newAdminBroker(t)
	b.create(5, 10000, false, newTopic("t", 1, 1))
	req := kmsg.NewPtrElectLeadersRequest()
	req.Version, req.TimeoutMillis = 1, 1000
	req.Topics = []kmsg.ElectLeadersRequestTopic{{Topic: "t", Partitions: []int32{0, 9}}}
	got := b.serve(electLeaders, req).(*kmsg.ElectLeadersResponse)
	codes := map[int32]int16{}
	for _, p := range got.Topics[0].Partitions {
		codes[p.Partition] = p.ErrorCode
	}
	if codes[0] != kerr.ElectionNotNeeded.Code || codes[9] != kerr.UnknownTopicOrPartition.Code {
		t.Errorf("%+v", got)
	}
	req.Topics = nil
	if got := b.serve(electLeaders, req).(*kmsg.ElectLeadersResponse); len(got.Topics) != 0 || got.ErrorCode != 0 {
		t.Errorf("%+v", got)
	}
	alter := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	alter.Topics = []kmsg.AlterPartitionAssignmentsRequestTopic{{Topic: "t", Partitions: []kmsg.AlterPartitionAssignmentsRequestTopicPartition{
		{Partition: 0, Replicas: []int32{7}}, {Partition: 1, Replicas: []int32{1}}}}}
	res := b.serve(alterPartitionReassignments, alter).(*kmsg.AlterPartitionAssignmentsResponse)
	if res.ErrorCode != 0 || res.Topics[0].Partitions[0].ErrorCode != kerr.InvalidReplicaAssignment.Code || res.Topics[0].Partitions[1].ErrorCode != kerr.UnknownTopicOrPartition.Code {
		t.Errorf("%+v", res)
	}
	list := b.serve(listPartitionReassignments, kmsg.NewPtrListPartitionReassignmentsRequest()).(*kmsg.ListPartitionReassignmentsResponse)
	if list.ErrorCode != 0 || len(list.Topics) != 0 || list.ErrorMessage == nil {
		t.Errorf("%+v", list)
	}
	down := kmsg.NewPtrControlledShutdownRequest()
	down.Version, down.BrokerID, down.BrokerEpoch = 3, 9, 5
	if got := b.serve(controlledShutdown, down).(*kmsg.ControlledShutdownResponse); got.ErrorCode != -1 {
		t.Errorf("%+v", got)
	}
}

func TestTopicsAreCreatedOnDemand(t *testing.T) {
	b := newAdminBroker(t)
	b.env.TopicCreator = AutoCreator{Admin: b.env.Admin, Metadata: b.env.Metadata}
	if err := b.env.createTopic(t.Context(), "auto", 2, 1, nil); err != nil {
		t.Fatal(err)
	}
	if err := b.env.createTopic(t.Context(), "auto", 2, 1, nil); err != nil {
		t.Fatalf("a second time is no error: %v", err)
	}
	if err := b.env.createTopic(t.Context(), "auto2", 2, 3, nil); kerr.Of(err) != kerr.InvalidReplicationFactor {
		t.Fatal(err)
	}
	b.env.Metadata.WaitFor(t.Context(), func(s *metadata.Snapshot) bool { return hasLeaders(s.Topic("auto"), 2) })
}

// Lists are split as Java splits strings: what is empty at the end is no element.
func TestListsOfConfigsChangeAsInJava(t *testing.T) {
	const add, remove = kmsg.IncrementalAlterConfigOpAppend, kmsg.IncrementalAlterConfigOpSubtract
	for _, c := range []struct {
		stored string
		op     kmsg.IncrementalAlterConfigOp
		value  string
		want   string
	}{
		{"delete", add, ",", "delete"}, {"delete", add, "compact,,", "delete,compact"}, {"delete", add, ",compact", "delete,,compact"}, {"delete", add, "", "delete,"},
		{"", add, "compact", ",compact"}, {",", add, "compact", "compact"}, {"delete,", add, "compact", "delete,compact"},
		{"delete,compact", remove, "delete,", "compact"}, {"delete", remove, "delete", ""}, {"delete,delete", remove, "delete", "delete"}, {"delete", remove, " delete", "delete"}, {"delete,", remove, "", "delete"},
	} {
		got, err := changeConfigs(kmsg.ConfigResourceTypeTopic, map[string]string{"cleanup.policy": c.stored},
			[]kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: "cleanup.policy", Op: c.op, Value: &c.value}})
		if err != nil || got["cleanup.policy"] != c.want {
			t.Errorf("%q operation %d %q: %q %v, want %q", c.stored, c.op, c.value, got["cleanup.policy"], err, c.want)
		}
	}
}

// Topics are created side by side. A panic over one of them is the request's, and costs its
// connection and not the process.
func TestAPanicOverOneOfManyTopicsIsTheRequests(t *testing.T) {
	e := &Env{Settings: func() Settings { panic("injected") }}
	e.Metadata = metadata.NewCache("c")
	creations := make([]creation, 3)
	for i := range creations {
		r := kmsg.NewCreateTopicsRequestTopic()
		r.Topic, r.NumPartitions, r.ReplicationFactor = "t"+strconv.Itoa(i), 1, 1
		creations[i].request = &r
	}
	defer func() {
		if p, ok := recover().(*fan.Panic); !ok || p.Value != "injected" {
			t.Errorf("panicked with %v", p)
		}
	}()
	e.createAll(t.Context(), creations, true)
}
