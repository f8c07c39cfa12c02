package handler

import (
	"context"
	"slices"
	"sort"
	"strconv"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/configs"
	"momus/coordinator/acl"
	"momus/coordinator/admin"
	"momus/coordinator/zk"
	"momus/internal/kerr"
)

// describeConfigs answers DescribeConfigs, v0-v2: v1 source and synonyms instead of is_default.
// Topics, this broker (by its id), the dynamic defaults of all brokers (""), and the loggers of
// this broker. Rights: Topic:DescribeConfigs, else Cluster:DescribeConfigs.
//
// Errors by resource: INVALID_REQUEST (unknown type, another broker), TOPIC_AUTHORIZATION_FAILED,
// CLUSTER_AUTHORIZATION_FAILED, INVALID_TOPIC_EXCEPTION, UNKNOWN_TOPIC_OR_PARTITION,
// UNKNOWN_SERVER_ERROR (a value in the topic's node does not fit its key).
func describeConfigs(ctx context.Context, e *Env, r *Request) Reply {
	req := r.Body.(*kmsg.DescribeConfigsRequest)
	resp := kmsg.NewPtrDescribeConfigsResponse()
	answered := map[configResource]bool{}
	unknown := slices.IndexFunc(req.Resources, func(res kmsg.DescribeConfigsRequestResource) bool {
		return javaResourceType(res.ResourceType) == unknownResourceType
	})
	for i := range req.Resources {
		res := &req.Resources[i]
		if key := (configResource{res.ResourceType, res.ResourceName}); answered[key] {
			continue
		} else {
			answered[key] = true
		}
		var entries []configs.Entry
		var err error
		if unknown >= 0 { // the whole request is refused
			err = &admin.Error{Kind: kerr.InvalidRequest, Message: "Unexpected resource type UNKNOWN for resource " + req.Resources[unknown].ResourceName}
		} else {
			entries, err = e.describeResource(ctx, r, res)
		}
		out := kmsg.NewDescribeConfigsResponseResource()
		out.ResourceType, out.ResourceName = knownResourceType(res.ResourceType), res.ResourceName
		if err != nil {
			out.ErrorCode, out.ErrorMessage = kerr.Code(err), message(err)
			e.logFailure("configs were not described", res.ResourceName, err)
		}
		for _, entry := range entries {
			out.Configs = append(out.Configs, configEntry(entry, req.IncludeSynonyms))
		}
		resp.Resources = append(resp.Resources, out)
	}
	return Respond(resp)
}

// configEntry is an entry of the answer; the value of a sensitive one is null already. IsDefault is
// for v0, which has no source.
func configEntry(entry configs.Entry, withSynonyms bool) kmsg.DescribeConfigsResponseResourceConfig {
	c := kmsg.NewDescribeConfigsResponseResourceConfig()
	c.Name, c.Value, c.ReadOnly, c.IsSensitive = entry.Name, entry.Value, entry.ReadOnly, entry.Sensitive
	c.Source, c.IsDefault = kmsg.ConfigSource(entry.Source), entry.Source == configs.SourceDefault
	if !withSynonyms {
		return c
	}
	for _, s := range entry.Synonyms {
		ks := kmsg.NewDescribeConfigsResponseResourceConfigConfigSynonym()
		ks.Name, ks.Value, ks.Source = s.Name, s.Value, kmsg.ConfigSource(s.Source)
		c.ConfigSynonyms = append(c.ConfigSynonyms, ks)
	}
	return c
}

// describeResource gives the configs of one resource. For topics they are read from ZooKeeper, not
// from what this broker has learned, so that whoever has just changed one sees it.
func (e *Env) describeResource(ctx context.Context, r *Request, res *kmsg.DescribeConfigsRequestResource) ([]configs.Entry, error) {
	name := res.ResourceName
	switch res.ResourceType {
	case kmsg.ConfigResourceTypeTopic:
		if !e.allowed(r, acl.DescribeConfigs, acl.Topic, name) {
			return nil, withoutText(kerr.TopicAuthorizationFailed)
		}
		if err := admin.ValidateTopicName(name); err != nil {
			return nil, err
		}
		if e.Metadata.Snapshot().Topic(name) == nil {
			return nil, &admin.Error{Kind: kerr.UnknownTopicOrPartition} // Kafka gives no text
		}
		overrides, err := e.Admin.Store.Config(ctx, zk.EntityTopics, name)
		if err != nil {
			return nil, err
		}
		if errs := configs.InvalidTopicValues(overrides); len(errs) > 0 { // somebody wrote the node by hand
			return nil, &admin.Error{Kind: kerr.UnknownServerError, Message: errs[0].Error()}
		}
		return e.Configs.DescribeTopic(overrides, res.ConfigNames), nil
	case kmsg.ConfigResourceTypeBroker, kmsg.ConfigResourceTypeBrokerLogger:
		if !e.allowed(r, acl.DescribeConfigs, acl.Cluster, acl.ClusterName) {
			return nil, withoutText(kerr.ClusterAuthorizationFailed)
		}
	}
	if res.ResourceType == kmsg.ConfigResourceTypeBroker && name == "" {
		return e.Configs.DescribeBrokerDefaults(res.ConfigNames), nil
	}
	alternative := " or empty string,"
	if res.ResourceType == kmsg.ConfigResourceTypeBrokerLogger {
		if alternative = ""; name == "" {
			return nil, &admin.Error{Kind: kerr.InvalidRequest, Message: "Broker id must not be empty"}
		}
	}
	if err := e.checkOwnResource(name, alternative); err != nil {
		return nil, err
	}
	if res.ResourceType == kmsg.ConfigResourceTypeBroker {
		return e.Configs.DescribeBroker(res.ConfigNames), nil
	}
	return e.describeLoggers(res.ConfigNames), nil
}

// checkOwnResource checks that a resource names this broker; alternative is what the error says
// after the id.
func (e *Env) checkOwnResource(name, alternative string) error {
	id, err := strconv.Atoi(name)
	if err != nil {
		return &admin.Error{Kind: kerr.InvalidRequest, Message: "Broker id must be an integer, but it is: " + name}
	}
	if int32(id) == e.BrokerID {
		return nil
	}
	expected := strconv.Itoa(int(e.BrokerID))
	return &admin.Error{Kind: kerr.InvalidRequest, Message: "Unexpected broker id, expected " + expected + alternative + " but received " + name}
}

// describeLoggers gives the levels of the loggers that are named, all when none are (KIP-412).
func (e *Env) describeLoggers(names []string) (entries []configs.Entry) {
	if e.Loggers == nil {
		return nil
	}
	levels := e.Loggers.Levels()
	if names == nil {
		for name := range levels {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	for _, name := range names {
		if level, ok := levels[name]; ok {
			entries = append(entries, configs.Entry{Name: name, Value: &level, Source: configs.SourceLogger})
		}
	}
	return entries
}

// javaResourceType is the name of Java's enum, for texts of errors.
func javaResourceType(t kmsg.ConfigResourceType) string {
	switch t {
	case kmsg.ConfigResourceTypeTopic:
		return "TOPIC"
	case kmsg.ConfigResourceTypeBroker:
		return "BROKER"
	case kmsg.ConfigResourceTypeBrokerLogger:
		return "BROKER_LOGGER"
	}
	return unknownResourceType
}

const unknownResourceType = "UNKNOWN"

// knownResourceType is the type that is answered for: 0 for those that Kafka 2.5 does not know.
func knownResourceType(t kmsg.ConfigResourceType) kmsg.ConfigResourceType {
	if javaResourceType(t) == unknownResourceType {
		return kmsg.ConfigResourceTypeUnknown
	}
	return t
}
