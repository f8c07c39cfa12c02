package clients

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/cmd/internal/tool/java"
)

// DescribeConfigs describes the configs of one entity, a topic, broker or broker's loggers as
// kafka-configs names their kinds, in the order of Java's table. No name is the defaults of all
// brokers.
func (a *Admin) DescribeConfigs(ctx context.Context, kind, name string) ([]ConfigEntry, error) {
	r := kmsg.NewDescribeConfigsRequestResource()
	r.ResourceName = name
	callName := "describeConfigs"
	switch kind {
	case "topics":
		r.ResourceType = kmsg.ConfigResourceTypeTopic
	default:
		r.ResourceType = kmsg.ConfigResourceTypeBroker
		if kind == "broker-loggers" {
			r.ResourceType = kmsg.ConfigResourceTypeBrokerLogger
		}
		if name != "" {
			callName = "describeBrokerConfigs" // a call of its own, since it goes to that broker
		}
	}
	req := kmsg.NewPtrDescribeConfigsRequest()
	req.IncludeSynonyms = true
	req.Resources = append(req.Resources, r)
	resp, err := Request[*kmsg.DescribeConfigsResponse](ctx, a, callName, req)
	if err != nil {
		return nil, err
	}
	if len(resp.Resources) == 0 {
		return nil, nil
	}
	answer := resp.Resources[0]
	if err := java.OfCode(answer.ErrorCode, answer.ErrorMessage); err != nil {
		return nil, err
	}
	return java.HashOrder(answer.Configs, 0, func(e ConfigEntry) int32 { return java.HashCode(e.Name) }), nil
}

// ConfigEntry is one config of an entity as a broker describes it, with its synonyms.
type ConfigEntry = kmsg.DescribeConfigsResponseResourceConfig

// IsDynamic tells whether an entry was set for just this entity.
func IsDynamic(kind, name string, e ConfigEntry) bool {
	switch {
	case kind == "topics":
		return e.Source == kmsg.ConfigSourceDynamicTopicConfig
	case kind == "broker-loggers":
		return true
	case name == "":
		return e.Source == kmsg.ConfigSourceDynamicDefaultBrokerConfig
	}
	return e.Source == kmsg.ConfigSourceDynamicBrokerConfig
}

// Throttles are the broker configs that may be written to ZooKeeper while the broker runs: it reads
// them there.
func Throttles() []string {
	return []string{"leader.replication.throttled.rate", "follower.replication.throttled.rate", "replica.alter.log.dirs.io.max.bytes.per.second"}
}
