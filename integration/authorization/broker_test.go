package authorization

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kmsg"

	momus "momus/broker"
	"momus/configs"
	"momus/coordinator/zkserver"
	"momus/coordinator/zkserver/zkservertest"
	"momus/integration/testkit"
)

// broker is the broker of the recording: a listener for its admin, who may do everything, and one
// for users.
type broker struct {
	t     testing.TB
	users string // address
	// zookeeper is the address of the coordination server.
	zookeeper string
	admin     *conn // over PLAINTEXT, User:ANONYMOUS
	tokens    bool  // there is a token of User:admin
}

func startBroker(t testing.TB, more map[string]string) *broker {
	t.Helper()
	return startBrokerWith(t, more, nil)
}

// startBrokerWith also lets something be done at the coordination server before the broker starts.
func startBrokerWith(t testing.TB, more map[string]string, first func(zookeeper string)) *broker {
	t.Helper()
	zk, _ := zkservertest.Run(t, zkserver.Options{MaxClientCnxns: -1, NoSync: true})
	if first != nil {
		first(zk.Addr().String())
	}
	settings := map[string]string{
		"broker.id": "1", "listeners": "ADMIN://127.0.0.1:0,USERS://127.0.0.1:0", "listener.security.protocol.map": "ADMIN:PLAINTEXT,USERS:SASL_PLAINTEXT",
		"inter.broker.listener.name": "ADMIN", "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512", "zookeeper.connect": zk.Addr().String(), "log.dirs": t.TempDir(),
		"listener.name.users.plain.sasl.jaas.config":         `org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="alicepw" user_admin="adminpw" user_bob="bobpw";`,
		"listener.name.users.scram-sha-256.sasl.jaas.config": `org.apache.kafka.common.security.scram.ScramLoginModule required;`,
		"listener.name.users.scram-sha-512.sasl.jaas.config": `org.apache.kafka.common.security.scram.ScramLoginModule required;`,
		"authorizer.class.name":                              "kafka.security.authorizer.AclAuthorizer",
		"super.users":                                        "User:admin;User:ANONYMOUS", "delegation.token.master.key": "master-secret",
		"offsets.topic.num.partitions": "10", "offsets.topic.replication.factor": "1", "transaction.state.log.num.partitions": "10",
		"transaction.state.log.replication.factor": "1", "transaction.state.log.min.isr": "1", "group.initial.rebalance.delay.ms": "0",
		"log.cleaner.dedupe.buffer.size": "2097152", "controlled.shutdown.enable": "false",
	}
	for k, v := range more {
		settings[k] = v
	}
	conf, err := configs.New(settings)
	if err != nil {
		t.Fatal(err)
	}
	quiet := logrus.New()
	quiet.SetOutput(io.Discard)
	b, err := momus.New(momus.Options{Config: conf, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	failed := run(t, "broker", b.Run)
	select {
	case <-b.Ready():
	case <-failed:
		t.FailNow()
	}
	return &broker{t: t, zookeeper: zk.Addr().String(), users: b.Addr("USERS").String(), admin: dial(t, b.Addr("ADMIN").String())}
}

// run runs a server until the test ends; the channel is closed when it has ended.
func run(t testing.TB, name string, serve func(context.Context) error) <-chan struct{} {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := serve(ctx); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return done
}

// eventually waits for what the broker does in the background.
func (u *broker) eventually(what string, holds func() bool) {
	u.t.Helper()
	testkit.Eventually(u.t, 30*time.Second, what, holds)
}

// createTopic creates a topic of one partition, unless it is there.
func (u *broker) createTopic(name string) {
	u.t.Helper()
	c := ver(kmsg.NewPtrCreateTopicsRequest(), 4)
	c.TimeoutMillis = 30000
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, 1, 1
	c.Topics = append(c.Topics, t)
	m := ver(kmsg.NewPtrMetadataRequest(), 4)
	m.Topics = []kmsg.MetadataRequestTopic{{Topic: &name}}
	u.eventually("topic "+name, func() bool {
		u.admin.call(c) // one that is being deleted has to be created again
		r, _ := u.admin.call(m)
		return r.(*kmsg.MetadataResponse).Topics[0].ErrorCode == 0
	})
}

// deleteTopic deletes a topic, also one that is just being created.
func (u *broker) deleteTopic(name string) {
	u.t.Helper()
	r := ver(kmsg.NewPtrDeleteTopicsRequest(), 3)
	r.TopicNames, r.TimeoutMillis = []string{name}, 30000
	u.eventually("topic "+name+" is gone", func() bool {
		u.createTopic(name)
		resp, _ := u.admin.call(r)
		return resp.(*kmsg.DeleteTopicsResponse).Topics[0].ErrorCode == 0
	})
}

// commit commits an offset of a group for sec-t/0.
func (u *broker) commit(group string) {
	u.t.Helper()
	o := ver(kmsg.NewPtrOffsetCommitRequest(), 7)
	o.Group, o.Generation = group, -1
	t := kmsg.NewOffsetCommitRequestTopic()
	t.Topic = "sec-t"
	t.Partitions = append(t.Partitions, kmsg.NewOffsetCommitRequestTopicPartition())
	o.Topics = append(o.Topics, t)
	u.eventually("a commit of "+group, func() bool {
		r, _ := u.admin.call(o)
		if r.(*kmsg.OffsetCommitResponse).Topics[0].Partitions[0].ErrorCode == 0 {
			return true
		}
		f := ver(kmsg.NewPtrFindCoordinatorRequest(), 2) // creates the topic
		f.CoordinatorKey = group
		u.admin.call(f)
		return false
	})
}

// prepare makes what the recording's broker had: a topic whose first record is deleted, a group
// with an offset, a transactional id.
func (u *broker) prepare() {
	u.t.Helper()
	u.createTopic("sec-t")
	u.commit("sec-g")
	init := ver(kmsg.NewPtrInitProducerIDRequest(), 3)
	init.TransactionalID, init.TransactionTimeoutMillis, init.ProducerID, init.ProducerEpoch = sp("sec-x"), 60000, -1, -1
	u.eventually("a coordinator of sec-x", func() bool {
		f := ver(kmsg.NewPtrFindCoordinatorRequest(), 2)
		f.CoordinatorKey, f.CoordinatorType = "sec-x", 1
		u.admin.call(f)
		r, _ := u.admin.call(init)
		return r.(*kmsg.InitProducerIDResponse).ErrorCode == 0
	})
	p := ver(kmsg.NewPtrProduceRequest(), 8)
	p.Acks, p.TimeoutMillis = 1, 1000
	part := kmsg.NewProduceRequestTopicPartition()
	part.Records = batch(false, false, 0, 0, 0)
	p.Topics = []kmsg.ProduceRequestTopic{{Topic: "sec-t", Partitions: []kmsg.ProduceRequestTopicPartition{part}}}
	u.admin.call(p)
	d := ver(kmsg.NewPtrDeleteRecordsRequest(), 1)
	d.TimeoutMillis = 1000
	d.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: "sec-t", Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: 0, Offset: 1}}}}
	r, _ := u.admin.call(d)
	if code := r.(*kmsg.DeleteRecordsResponse).Topics[0].Partitions[0].ErrorCode; code != 0 {
		u.t.Fatalf("delete records: %d", code)
	}
}

// adminsToken makes a token of User:admin, once.
func (u *broker) adminsToken() {
	if u.tokens {
		return
	}
	u.tokens = true
	a := login(u.t, u.users, "admin", "adminpw")
	defer a.Close()
	r := ver(kmsg.NewPtrCreateDelegationTokenRequest(), 2)
	r.MaxLifetimeMillis = 600000
	a.call(r)
}

// setGrants replaces the ACLs of User:alice.
func (u *broker) setGrants(grants []grant) {
	u.t.Helper()
	d := ver(kmsg.NewPtrDeleteACLsRequest(), 2)
	f := kmsg.NewDeleteACLsRequestFilter()
	f.ResourceType, f.ResourcePatternType, f.Operation, f.PermissionType, f.Principal = 1, 1, 1, 1, sp("User:alice")
	d.Filters = append(d.Filters, f)
	u.admin.call(d)
	if len(grants) == 0 {
		return
	}
	c := ver(kmsg.NewPtrCreateACLsRequest(), 2)
	for _, a := range grants {
		x := kmsg.NewCreateACLsRequestCreation()
		x.ResourceType, x.ResourceName, x.ResourcePatternType, x.Principal, x.Host, x.Operation, x.PermissionType = a.typ, a.name, a.pattern, "User:alice", "*", a.op, 3
		if a.deny {
			x.PermissionType = 2
		}
		c.Creations = append(c.Creations, x)
	}
	r, what := u.admin.call(c)
	if what != "" {
		u.t.Fatalf("create ACLs: %s", what)
	}
	for _, x := range r.(*kmsg.CreateACLsResponse).Results {
		if x.ErrorCode != 0 {
			u.t.Fatalf("create ACLs: %d %s", x.ErrorCode, *x.ErrorMessage)
		}
	}
}
