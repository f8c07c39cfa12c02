package handler

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/metadata"
	"momus/coordinator/acl"
	"momus/coordinator/admin"
	"momus/coordinator/zk"
	"momus/internal/fan"
	"momus/internal/kerr"
	"momus/internal/model"
)

// createTopics answers CreateTopics, v0-v5: v1 validate_only and messages, v4 -1 for the broker's
// defaults (KIP-464, accepted in all versions), v5 flexible, with the effective configs in the
// answer (KIP-525). Rights: Cluster:Create, else Topic:Create each; Topic:DescribeConfigs for the
// configs. Only the active controller answers, others NOT_CONTROLLER, although the topics are
// created through ZooKeeper. The answer waits until every new partition has a leader in this
// broker's metadata, at most the timeout: REQUEST_TIMED_OUT, the topic existing all the same.
//
// Errors by topic: INVALID_REQUEST (named twice; assignment and numbers given),
// TOPIC_AUTHORIZATION_FAILED, TOPIC_ALREADY_EXISTS, INVALID_CONFIG, UNKNOWN_SERVER_ERROR (config
// without value; only some brokers have racks), INVALID_PARTITIONS, INVALID_REPLICATION_FACTOR,
// INVALID_TOPIC_EXCEPTION, INVALID_REPLICA_ASSIGNMENT.
func createTopics(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.CreateTopicsRequest)
	resp := kmsg.NewPtrCreateTopicsResponse()
	names, twice := namesOf(req.Topics, func(t *kmsg.CreateTopicsRequestTopic) string { return t.Topic })
	active := e.Controller.IsActive()
	var creatable, describable rights
	if active {
		// The zero value of creatable allows everything: who may create in the cluster is not asked
		// about topics.
		if !e.quietlyAllowed(r, acl.Create, acl.Cluster, acl.ClusterName) {
			creatable = e.rightsTo(r, acl.Create, acl.Topic, loudly, eachOnce(names))
		}
		describable = e.rightsTo(r, acl.DescribeConfigs, acl.Topic, quietly, eachOnce(names))
	}
	created := map[string]int{} // partitions of the topics to wait for
	creations := make([]creation, len(req.Topics))
	for i := range req.Topics {
		c := &creations[i]
		c.request = &req.Topics[i]
		switch name := c.request.Topic; {
		case !active:
			c.err = kerr.NotController
		case twice[name]:
			c.hidden = !describable.allow(name)
			c.err = &admin.Error{Kind: kerr.InvalidRequest, Message: "Found multiple entries for this topic."}
		case !creatable.allow(name):
			c.hidden = !describable.allow(name)
			c.err = &admin.Error{Kind: kerr.TopicAuthorizationFailed, Message: "Authorization failed."}
		}
	}
	// Everything is created before anything is waited for: the timeout is for the whole request.
	e.createAll(ctx, creations, req.ValidateOnly)
	for i := range creations {
		t, topic, err := creations[i].request, creations[i].topic, creations[i].err
		out := kmsg.NewCreateTopicsResponseTopic()
		out.Topic = t.Topic
		if err == nil {
			e.describeCreated(r.Version, describable, &out, topic)
			if !req.ValidateOnly {
				created[t.Topic] = len(topic.Assignments)
			}
		} else {
			e.logFailure("topic was not created", t.Topic, err)
			out.ErrorCode, out.ErrorMessage = kerr.Code(err), message(err)
			out.NumPartitions, out.ReplicationFactor, out.Configs = -1, -1, []kmsg.CreateTopicsResponseTopicConfig{}
			if creations[i].hidden {
				out.ConfigErrorCode = kerr.TopicAuthorizationFailed.Code
			}
		}
		resp.Topics = append(resp.Topics, out)
	}
	missing := e.awaitTopics(ctx, req.TimeoutMillis, created, func(s *metadata.Snapshot, topic string, partitions int) bool {
		return hasLeaders(s.Topic(topic), partitions)
	})
	for i := range resp.Topics {
		if out := &resp.Topics[i]; missing[out.Topic] {
			out.ErrorCode = kerr.RequestTimedOut.Code
			out.NumPartitions, out.ReplicationFactor, out.Configs = -1, -1, []kmsg.CreateTopicsResponseTopicConfig{}
		}
	}
	return Respond(resp)
}

// creation is one topic of a request: topic is what was created, or would be, unless err tells why
// not.
type creation struct {
	request *kmsg.CreateTopicsRequestTopic
	topic   *admin.NewTopic
	err     error
	// hidden says that the topic was refused to somebody who could not have seen its configs
	// either; Kafka tells of that too.
	hidden bool
}

// creators is how many topics are created at the same time: that is mostly waiting for ZooKeeper's
// disk.
const creators = 10

// createAll creates the topics that nothing speaks against. Those whose names collide are created
// one after the other, so that the first wins.
func (e *Env) createAll(ctx context.Context, creations []creation, validateOnly bool) {
	colliding := map[string][]*creation{}
	for i := range creations {
		if c := &creations[i]; c.err == nil {
			// The two are the same in the names of metrics, which is why Kafka refuses topics that
			// differ in nothing else.
			name := strings.ReplaceAll(c.request.Topic, ".", "_")
			colliding[name] = append(colliding[name], c)
		}
	}
	lists := slices.Collect(maps.Values(colliding))
	fan.Each(len(lists), creators, func(i int) {
		for _, c := range lists[i] {
			c.topic, c.err = e.createOneTopic(ctx, c.request, validateOnly)
		}
	})
}

// createOneTopic checks in Kafka's order, of which clients see the first failure, and creates.
func (e *Env) createOneTopic(ctx context.Context, t *kmsg.CreateTopicsRequestTopic, validateOnly bool) (*admin.NewTopic, error) {
	snapshot := e.Metadata.Snapshot()
	if snapshot.Topic(t.Topic) != nil {
		return nil, &admin.Error{Kind: kerr.TopicAlreadyExists, Message: "Topic '" + t.Topic + "' already exists."}
	}
	topic := &admin.NewTopic{Name: t.Topic, Overrides: map[string]string{}}
	var nulls []string
	for _, c := range t.Configs {
		if c.Value == nil {
			nulls = append(nulls, c.Name)
		} else {
			topic.Overrides[c.Name] = *c.Value
		}
	}
	// A value that does not fit comes before a missing one, whatever their order.
	if err := admin.ValidateNewConfig(topic.Overrides); err != nil {
		return nil, err
	}
	if len(nulls) > 0 {
		return nil, fmt.Errorf("%w: configs without value: %s", errNullValue, strings.Join(nulls, ","))
	}
	if (t.NumPartitions != -1 || t.ReplicationFactor != -1) && len(t.ReplicaAssignment) > 0 {
		return nil, &admin.Error{Kind: kerr.InvalidRequest,
			Message: "Both numPartitions or replicationFactor and replicasAssignments were set. Both cannot be used at the same time."}
	}
	if len(t.ReplicaAssignment) > 0 {
		topic.Assignments = zk.Assignments{}
		for _, a := range t.ReplicaAssignment {
			topic.Assignments[a.Partition] = model.Assignment{Replicas: a.Replicas}
		}
	} else {
		settings := e.Settings()
		partitions, factor := t.NumPartitions, int32(t.ReplicationFactor)
		if partitions == -1 {
			partitions = settings.NumPartitions
		}
		if factor == -1 {
			factor = settings.DefaultReplicationFactor
		}
		var err error
		if topic.Assignments, err = e.Admin.Place(snapshot.AliveBrokers(), partitions, int(factor)); err != nil {
			return nil, err
		}
	}
	if validateOnly {
		return topic, e.Admin.ValidateNewTopic(ctx, topic)
	}
	return topic, e.Admin.CreateTopic(ctx, topic)
}

// describeCreated fills in what v5 tells about a created topic.
func (e *Env) describeCreated(version int16, may rights, out *kmsg.CreateTopicsResponseTopic, t *admin.NewTopic) {
	out.NumPartitions, out.ReplicationFactor = -1, -1
	if version < 5 {
		return
	}
	out.NumPartitions = int32(len(t.Assignments))
	// Partition 0 is always there, and all have as many replicas: the placement makes it so, and
	// ValidateNewTopic refuses assignments in which it is otherwise.
	out.ReplicationFactor = int16(len(t.Assignments[0].Replicas))
	out.Configs = []kmsg.CreateTopicsResponseTopicConfig{}
	if !may.allow(t.Name) {
		out.ConfigErrorCode = kerr.TopicAuthorizationFailed.Code
		return
	}
	for _, entry := range e.Configs.DescribeTopic(t.Overrides, nil) {
		c := kmsg.NewCreateTopicsResponseTopicConfig()
		c.Name, c.Value, c.ReadOnly, c.Source, c.IsSensitive = entry.Name, entry.Value, entry.ReadOnly, int8(entry.Source), entry.Sensitive
		out.Configs = append(out.Configs, c)
	}
}

// CreateTopic implements TopicCreator for topics that clients ask about: brokers by id, racks only
// if all have one.
func (a AutoCreator) CreateTopic(ctx context.Context, name string, partitions int32, replicationFactor int16, overrides map[string]string) error {
	brokers := admin.WithoutRacks(a.Metadata.Snapshot().AliveBrokers())
	assignments, err := a.Admin.Place(brokers, partitions, int(replicationFactor))
	if err != nil {
		return err
	}
	return a.Admin.CreateTopic(ctx, &admin.NewTopic{Name: name, Assignments: assignments, Overrides: overrides})
}

// AutoCreator is the TopicCreator that writes to ZooKeeper.
type AutoCreator struct {
	Admin    *admin.Admin
	Metadata *metadata.Cache
}

var _ TopicCreator = AutoCreator{}

// awaitTopics waits until ok holds for all topics in the metadata cache, at most timeoutMs; it
// returns those for which it does not. With a timeout of 0 or less it does not look: Kafka then
// reports every topic as timed out.
func (e *Env) awaitTopics(ctx context.Context, timeoutMs int32, topics map[string]int, ok func(s *metadata.Snapshot, topic string, partitions int) bool) (missing map[string]bool) {
	missing = map[string]bool{}
	for t := range topics {
		missing[t] = true
	}
	if len(topics) == 0 || timeoutMs <= 0 {
		return missing
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(timeoutMs)*time.Millisecond)
	defer cancel()
	e.Metadata.WaitFor(ctx, func(s *metadata.Snapshot) bool {
		for t := range missing {
			if ok(s, t, topics[t]) {
				delete(missing, t)
			}
		}
		return len(missing) == 0
	})
	return missing
}

// hasLeaders tells whether partitions 0 to n-1 are known and have leaders.
func hasLeaders(ps []metadata.Partition, n int) bool {
	if len(ps) < n {
		return false
	}
	for i := range ps {
		if int(ps[i].ID) < n && ps[i].Leader < 0 {
			return false
		}
	}
	return true
}

// namesOf are the names of what a request lists, in their order, and those of them that occur more than once.
func namesOf[T any](list []T, name func(*T) string) (names []string, twice map[string]bool) {
	named := make(map[string]struct{}, len(list))
	twice = map[string]bool{}
	for i := range list {
		n := name(&list[i])
		if _, again := named[n]; again {
			twice[n] = true
		}
		named[n] = struct{}{}
		names = append(names, n)
	}
	return names, twice
}

// errNullValue is a config without a value, which Kafka trips over: UNKNOWN_SERVER_ERROR without a
// text.
var errNullValue error = &admin.Error{Kind: kerr.UnknownServerError}

// message is the text of an error in an answer, nil for success and for errors without a text.
func message(err error) *string {
	if err == nil {
		return nil
	}
	text := admin.Message(err)
	if text == "" {
		return nil
	}
	return &text
}

// logFailure logs what a client asked for and did not get: at debug level, unless it is our fault.
func (e *Env) logFailure(what, name string, err error) {
	entry := e.Logger.WithError(err).WithField("resource", name)
	if kerr.Of(err) == kerr.UnknownServerError {
		entry.Error(what)
	} else {
		entry.Debug(what)
	}
}
