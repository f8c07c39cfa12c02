package handler

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/metadata"
	"momus/coordinator/acl"
	"momus/internal/kerr"
	"momus/internal/model"
)

// metadataAPI answers Metadata, v0-v9: v1 racks, controller id, is_internal, null for all topics;
// v2 cluster id; v3 throttle time; v4 allow_auto_topic_creation; v5 offline replicas; v6
// LISTENER_NOT_FOUND; v7 leader epoch (KIP-320); v8 authorized operations (KIP-430); v9 compact
// encoding. Topic:Describe is asked for each topic, Cluster:Create or Topic:Create to create one.
//
// Errors by topic: TOPIC_AUTHORIZATION_FAILED, UNKNOWN_TOPIC_OR_PARTITION, LEADER_NOT_AVAILABLE
// (just created), INVALID_TOPIC_EXCEPTION, INVALID_REPLICATION_FACTOR; by partition:
// LEADER_NOT_AVAILABLE, LISTENER_NOT_FOUND, REPLICA_NOT_AVAILABLE (v0).
func metadataAPI(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.MetadataRequest)
	resp := kmsg.NewPtrMetadataResponse()
	snapshot := e.cluster(ctx)
	m := metadataAnswer{e: e, r: r, req: req, snapshot: snapshot}

	all := req.Topics == nil || r.Version == 0 && len(req.Topics) == 0
	if all {
		// Nobody has asked for these topics by name, so that a denied one is no event for the audit
		// log.
		visible := e.rightsTo(r, acl.Describe, acl.Topic, quietly, eachOnce(snapshot.Topics()))
		for _, name := range snapshot.Topics() {
			if visible.allow(name) {
				resp.Topics = append(resp.Topics, m.topic(name, snapshot.Topic(name)))
			}
		}
	} else {
		resp.Topics = m.named(ctx)
	}
	for _, b := range snapshot.AliveBrokers() {
		// By name of the listener, not by protocol: two listeners of one protocol may lead to
		// different networks.
		if ep, ok := b.Endpoint(r.Listener()); ok {
			rb := kmsg.NewMetadataResponseBroker()
			rb.NodeID, rb.Host, rb.Port = b.ID, ep.Host, ep.Port
			if b.Rack != "" {
				rb.Rack = &b.Rack
			}
			resp.Brokers = append(resp.Brokers, rb)
		}
	}
	if snapshot.ClusterID != "" {
		resp.ClusterID = &snapshot.ClusterID
	}
	resp.ControllerID = snapshot.ControllerID
	resp.AuthorizedOperations = operationsNotAsked
	if r.Version >= 8 && req.IncludeClusterAuthorizedOperations {
		resp.AuthorizedOperations = 0
		if e.allowed(r, acl.Describe, acl.Cluster, acl.ClusterName) {
			resp.AuthorizedOperations = e.authorizedOperations(r, clusterOperations, acl.Cluster, acl.ClusterName)
		}
	}
	return Respond(resp)
}

// clusterWait is how long a Metadata or Produce request waits for the first brokers.
const clusterWait = 5 * time.Second

// cluster is the state of the cluster, once the controller has told of any broker, which happens
// right after the start. Kafka answers without brokers until then, and librdkafka asks again only
// after topic.metadata.refresh.interval.ms, 5 minutes.
func (e *Env) cluster(ctx context.Context) *metadata.Snapshot {
	known := func(s *metadata.Snapshot) bool { return len(s.Brokers) > 0 }
	if s := e.Metadata.Snapshot(); known(s) {
		return s
	}
	ctx, cancel := context.WithTimeout(ctx, clusterWait)
	defer cancel()
	e.Metadata.WaitFor(ctx, known)
	return e.Metadata.Snapshot()
}

// metadataAnswer is what building an answer needs.
type metadataAnswer struct {
	e        *Env
	r        *Request
	req      *kmsg.MetadataRequest
	snapshot *metadata.Snapshot
}

// named answers for the topics that the request names, each once, and creates those that are
// missing, if it may.
func (m *metadataAnswer) named(ctx context.Context) []kmsg.MetadataResponseTopic {
	topics := make([]kmsg.MetadataResponseTopic, 0, len(m.req.Topics))
	names := make([]string, 0, len(m.req.Topics))
	seen := make(map[string]struct{}, len(m.req.Topics))
	for _, t := range m.req.Topics {
		name := orEmpty(t.Topic)
		if _, twice := seen[name]; !twice {
			seen[name] = struct{}{}
			names = append(names, name)
		}
	}
	visible := m.e.rightsTo(m.r, acl.Describe, acl.Topic, loudly, eachOnce(names))
	creatable := m.creatable(names, visible)
	for _, name := range names {
		switch parts := m.snapshot.Topic(name); {
		// Before existence is looked at: a topic that is there and one that is not look the same.
		case !visible.allow(name):
			denied := m.failed(name, kerr.TopicAuthorizationFailed)
			denied.IsInternal = false // not even that is told
			topics = append(topics, denied)
		case parts != nil:
			topics = append(topics, m.topic(name, parts))
		case !creatable.allow(name):
			topics = append(topics, m.failed(name, kerr.TopicAuthorizationFailed))
		default:
			topics = append(topics, m.failed(name, m.missing(ctx, name)))
		}
	}
	return topics
}

// mayCreate reports whether request and broker let missing topics be created.
func (m *metadataAnswer) mayCreate() bool {
	return (m.r.Version < 4 || m.req.AllowAutoTopicCreation) && m.e.Settings().AutoCreateTopics
}

// creatable are the rights to create those topics that are missing, if they would be created.
func (m *metadataAnswer) creatable(names []string, visible rights) rights {
	var missing []string
	for _, name := range names {
		if visible.allow(name) && m.snapshot.Topic(name) == nil {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 || !m.mayCreate() || m.e.quietlyAllowed(m.r, acl.Create, acl.Cluster, acl.ClusterName) {
		return rights{}
	}
	return m.e.rightsTo(m.r, acl.Create, acl.Topic, loudly, eachOnce(missing))
}

// missing creates a topic that does not exist, or says why not.
func (m *metadataAnswer) missing(ctx context.Context, name string) error {
	settings := m.e.Settings()
	var err error
	switch {
	// Internal topics are created even with auto.create.topics.enable=false, as in 2.5.0.
	case model.IsInternalTopic(name):
		err = m.e.createInternalTopic(ctx, name)
	case !m.mayCreate():
		return kerr.UnknownTopicOrPartition
	default:
		err = m.e.createTopic(ctx, name, settings.NumPartitions, int16(settings.DefaultReplicationFactor), nil)
	}
	if err != nil {
		return err
	}
	return kerr.LeaderNotAvailable
}

// failed is a topic with an error. Its operations are not told to whom the topic itself is refused.
func (m *metadataAnswer) failed(name string, err error) kmsg.MetadataResponseTopic {
	t := kmsg.NewMetadataResponseTopic()
	t.Topic = &name
	t.ErrorCode = kerr.Code(err)
	t.IsInternal = model.IsInternalTopic(name)
	t.AuthorizedOperations = operationsNotAsked
	if m.r.Version >= 8 && m.req.IncludeTopicAuthorizedOperations && err != kerr.TopicAuthorizationFailed {
		t.AuthorizedOperations = m.e.authorizedOperations(m.r, topicOperations, acl.Topic, name)
	}
	return t
}

// topic is a topic with its partitions, in the order of their ids.
func (m *metadataAnswer) topic(name string, parts []metadata.Partition) kmsg.MetadataResponseTopic {
	t := kmsg.NewMetadataResponseTopic()
	t.Topic = &name
	t.IsInternal = model.IsInternalTopic(name)
	t.AuthorizedOperations = operationsNotAsked
	if m.r.Version >= 8 && m.req.IncludeTopicAuthorizedOperations {
		t.AuthorizedOperations = m.e.authorizedOperations(m.r, topicOperations, acl.Topic, name)
	}
	t.Partitions = make([]kmsg.MetadataResponseTopicPartition, len(parts))
	for i := range parts {
		m.partition(&t.Partitions[i], &parts[i])
	}
	return t
}

// partition fills in a partition; slices of the snapshot are shared with it, which nobody changes.
func (m *metadataAnswer) partition(out *kmsg.MetadataResponseTopicPartition, p *metadata.Partition) {
	out.Default()
	out.Partition = p.ID
	out.Leader = p.Leader
	out.LeaderEpoch = p.LeaderEpoch
	out.Replicas, out.ISR = p.Replicas, p.ISR
	out.OfflineReplicas = p.OfflineReplicas
	if m.r.Version == 0 {
		// v0 lists only replicas that can be reached, and says so if that is not all.
		out.Replicas, out.ISR = m.reachable(p.Replicas), m.reachable(p.ISR)
	}
	if _, ok := m.snapshot.Endpoint(p.Leader, m.r.Listener()); !ok {
		out.Leader = model.NoLeader
		out.ErrorCode = kerr.LeaderNotAvailable.Code
		if m.r.Version >= 6 {
			// Kafka 2.5 means a leader without this listener, but says so of a dead leader too.
			out.ErrorCode = kerr.ListenerNotFound.Code
		}
	} else if m.r.Version == 0 && (len(out.Replicas) < len(p.Replicas) || len(out.ISR) < len(p.ISR)) {
		out.ErrorCode = kerr.ReplicaNotAvailable.Code
	}
}

// reachable leaves out brokers that do not have the listener on which the client asks.
func (m *metadataAnswer) reachable(ids []int32) []int32 {
	out := make([]int32, 0, len(ids))
	for _, id := range ids {
		if _, ok := m.snapshot.Endpoint(id, m.r.Listener()); ok {
			out = append(out, id)
		}
	}
	return out
}
