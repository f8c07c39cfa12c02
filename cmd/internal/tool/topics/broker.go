package topics

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/cmd/internal/tool/options"
	"momus/internal/model"
)

// brokerTopics works on topics over the admin API.
type brokerTopics struct {
	c     *topicRun
	o     *options.Options
	admin *clients.Admin
}

// close ends the connections.
func (s *brokerTopics) close() { s.admin.Close() }

// names are all topics of the cluster in order; the client leaves internal ones out if asked to.
func (s *brokerTopics) names(ctx context.Context, internal bool) ([]string, error) {
	return s.admin.TopicNames(ctx, internal)
}

// create checks on this side what Kafka's tool checks there, so that the texts are its, and then
// asks the controller.
func (s *brokerTopics) create(ctx context.Context, t *topicSpec) error {
	if t.replicated && (t.replication < 1 || t.replication > 32767) {
		return java.IllegalArgument("The replication factor must be between 1 and 32767 inclusive")
	}
	if t.resized && t.partitions < 1 {
		return java.IllegalArgument("The partitions must be greater than 0")
	}
	// ErrNoName is what the client library of Java throws for an empty name, before it asks a
	// broker.
	if t.name == "" {
		return java.Execution(clients.ErrNoName)
	}
	names, err := s.names(ctx, true)
	if err != nil {
		return err
	}
	// Kafka's tool asks first, and the controller checks again: two that create the same topic at
	// once are told by the second error.
	if slices.Contains(names, t.name) {
		return java.IllegalArgument("Topic %s already exists", t.name)
	}
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = s.admin.TimeoutMs
	rt := kmsg.NewCreateTopicsRequestTopic()
	rt.Topic, rt.NumPartitions, rt.ReplicationFactor = t.name, t.partitions, int16(t.replication)
	for i, ids := range t.assignment {
		ra := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		ra.Partition, ra.Replicas = int32(i), ids
		rt.ReplicaAssignment = append(rt.ReplicaAssignment, ra)
	}
	// In the order of the command line: the broker's error names the first that is wrong.
	for _, k := range t.order {
		rc := kmsg.NewCreateTopicsRequestTopicConfig()
		rc.Name, rc.Value = k, kmsg.StringPtr(t.configs[k])
		rt.Configs = append(rt.Configs, rc)
	}
	req.Topics = append(req.Topics, rt)
	resp, err := clients.Request[*kmsg.CreateTopicsResponse](ctx, s.admin, "createTopics", req)
	if err != nil {
		return java.Execution(err)
	}
	if err := java.FirstOf(resp.Topics, func(r kmsg.CreateTopicsResponseTopic) (int16, *string) { return r.ErrorCode, r.ErrorMessage }); err != nil {
		return java.Execution(err)
	}
	s.c.Printf("Created topic %s.\n", t.name)
	return nil
}

// alter adds partitions. An assignment names all partitions; those that exist are left out of the
// request.
func (s *brokerTopics) alter(ctx context.Context, names []string) error {
	t, err := s.c.spec()
	if err != nil || len(names) == 0 {
		return err
	}
	described, err := s.describeTopics(ctx, names)
	if err != nil {
		return err
	}
	req := kmsg.NewPtrCreatePartitionsRequest()
	req.TimeoutMillis = s.admin.TimeoutMs
	// In the order of Java's table, since the first error of the answer is the one that is told.
	for _, d := range described {
		rt := kmsg.NewCreatePartitionsRequestTopic()
		rt.Topic, rt.Count = *d.Topic, t.partitions
		if t.assignment != nil {
			rt.Assignment = []kmsg.CreatePartitionsRequestTopicAssignment{} // none is not the same as no choice
			for _, ids := range t.assignment[min(len(d.Partitions), len(t.assignment)):] {
				ra := kmsg.NewCreatePartitionsRequestTopicAssignment()
				ra.Replicas = ids
				rt.Assignment = append(rt.Assignment, ra)
			}
		}
		req.Topics = append(req.Topics, rt)
	}
	resp, err := clients.Request[*kmsg.CreatePartitionsResponse](ctx, s.admin, "createPartitions", req)
	if err != nil {
		return java.Execution(err)
	}
	return java.Execution(java.FirstOf(resp.Topics, func(r kmsg.CreatePartitionsResponseTopic) (int16, *string) { return r.ErrorCode, r.ErrorMessage }))
}

// delete asks for all at once; the first failure is the tool's. Those that could be deleted are.
func (s *brokerTopics) delete(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return nil
	}
	results, err := s.admin.DeleteTopics(ctx, names)
	if err != nil {
		return java.Execution(err)
	}
	for _, r := range results {
		if r.Err != nil {
			return java.Execution(r.Err)
		}
	}
	return nil
}

// describeTopics asks for topics and gives them in the order of Java's table. LEADER_NOT_AVAILABLE
// (5) is no error: a topic with an offline partition is described all the same.
func (s *brokerTopics) describeTopics(ctx context.Context, names []string) ([]kmsg.MetadataResponseTopic, error) {
	resp, err := s.admin.Metadata(ctx, "describeTopics", names)
	if err != nil {
		return nil, java.Execution(err)
	}
	byName := map[string]kmsg.MetadataResponseTopic{}
	for _, t := range resp.Topics {
		if err := java.OfCode(t.ErrorCode, nil); err != nil && t.ErrorCode != 5 {
			return nil, java.Execution(err)
		}
		if t.Topic != nil {
			byName[*t.Topic] = t
		}
	}
	var out []kmsg.MetadataResponseTopic
	for _, n := range java.HashOrder(names, java.TableFor(len(names)), java.HashCode) {
		if t, ok := byName[n]; ok {
			slices.SortFunc(t.Partitions, func(a, b kmsg.MetadataResponseTopicPartition) int { return int(a.Partition - b.Partition) })
			out = append(out, t)
		}
	}
	return out, nil
}

// describe needs four questions: topics, living brokers, configs, and, from brokers of 2.4 and
// later, reassignments that run, whose new replicas do not count for the reports. minISR is looked
// for only when a report needs it, like in Kafka.
func (s *brokerTopics) describe(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return nil
	}
	described, err := s.describeTopics(ctx, names)
	if err != nil {
		return err
	}
	// An empty list asks for no topics, only for the brokers.
	brokers, err := s.admin.Metadata(ctx, "describeCluster", []string{})
	if err != nil {
		return java.Execution(err)
	}
	alive := map[int32]bool{}
	for _, b := range brokers.Brokers {
		alive[b.NodeID] = true
	}
	configs, err := s.configs(ctx, names)
	if err != nil {
		return err
	}
	adding, err := s.adding(ctx)
	if err != nil {
		return err
	}
	for _, d := range described {
		name := *d.Topic
		if describesTopics(s.o) {
			var own []string
			// 64 is the size of the table in which Kafka 2.5's answer holds the configs of a topic:
			// they come out in its order, of which only those that are not defaults are printed.
			for _, e := range java.HashOrder(configs[name], 64, func(e kmsg.DescribeConfigsResponseResourceConfig) int32 { return java.HashCode(e.Name) }) {
				if e.Source != kmsg.ConfigSourceDefaultConfig && !e.IsDefault {
					own = append(own, e.Name+"="+core.StringOf(e.Value))
				}
			}
			if !s.o.Has("topics-with-overrides") || hasOverrides(configs[name]) {
				replication := 0
				// What is being added does not count yet, as in Kafka's tool since 2.4.
				if len(d.Partitions) > 0 {
					replication = len(d.Partitions[0].Replicas) - len(adding[model.TopicPartition{Topic: name, Partition: d.Partitions[0].Partition}])
				}
				s.c.describeTopicLine(name, len(d.Partitions), replication, own, false)
			}
		}
		if !describesPartitions(s.o) {
			continue
		}
		for _, p := range d.Partitions {
			more := adding[model.TopicPartition{Topic: name, Partition: p.Partition}]
			s.c.describePartition(s.o, alive, &partitionLine{topic: name, partition: p.Partition, leader: p.Leader, replicas: p.Replicas, isr: p.ISR,
				replication: len(p.Replicas) - len(more),
				minISR: func() int {
					for _, e := range configs[name] {
						if e.Name == "min.insync.replicas" {
							n, _ := strconv.Atoi(core.StringOf(e.Value))
							return n
						}
					}
					return 1
				}})
		}
	}
	return nil
}

// hasOverrides tells that some config is not the built-in default; a value of the broker's file
// counts, as in Kafka.
func hasOverrides(entries []kmsg.DescribeConfigsResponseResourceConfig) bool {
	return slices.ContainsFunc(entries, func(e kmsg.DescribeConfigsResponseResourceConfig) bool {
		return e.Source != kmsg.ConfigSourceDefaultConfig && !e.IsDefault
	})
}

// configs describes the configs of topics by name. All keys are asked for: which ones count is
// decided on this side.
func (s *brokerTopics) configs(ctx context.Context, names []string) (map[string][]kmsg.DescribeConfigsResponseResourceConfig, error) {
	req := kmsg.NewPtrDescribeConfigsRequest()
	for _, n := range names {
		r := kmsg.NewDescribeConfigsRequestResource()
		r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, n
		req.Resources = append(req.Resources, r)
	}
	resp, err := clients.Request[*kmsg.DescribeConfigsResponse](ctx, s.admin, "describeConfigs", req)
	if err != nil {
		return nil, java.Execution(err)
	}
	out := map[string][]kmsg.DescribeConfigsResponseResourceConfig{}
	for _, r := range resp.Resources {
		if err := java.OfCode(r.ErrorCode, r.ErrorMessage); err != nil {
			return nil, java.Execution(err)
		}
		out[r.ResourceName] = r.Configs
	}
	return out, nil
}

// adding gives the replicas that running reassignments add; a cluster that cannot tell has none.
// Nor has one whose user lacks the right (CLUSTER_AUTHORIZATION_FAILED, 31) or whose controller has
// no such API (UNSUPPORTED_VERSION, 35): Kafka's tool describes without it then. The client library
// tells of a broker before 2.4 by its text alone.
func (s *brokerTopics) adding(ctx context.Context) (map[model.TopicPartition][]int32, error) {
	req := kmsg.NewPtrListPartitionReassignmentsRequest()
	req.TimeoutMillis = s.admin.TimeoutMs
	out := map[model.TopicPartition][]int32{}
	resp, err := s.admin.Request(ctx, req)
	if err != nil {
		if ctx.Err() != nil || !strings.Contains(err.Error(), "broker is too old") {
			return nil, java.Execution(err)
		}
		return out, nil
	}
	r := resp.(*kmsg.ListPartitionReassignmentsResponse)
	if err := java.OfCode(r.ErrorCode, r.ErrorMessage); err != nil && r.ErrorCode != 31 && r.ErrorCode != 35 {
		return nil, java.Execution(err)
	}
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			out[model.TopicPartition{Topic: t.Topic, Partition: p.Partition}] = p.AddingReplicas
		}
	}
	return out, nil
}
