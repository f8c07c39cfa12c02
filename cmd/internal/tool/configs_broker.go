package tool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/coordinator/zk"
)

// brokerConfigs works on configs over the admin API.
type brokerConfigs struct {
	c      *call
	admin  *adminClient
	change *configChange
	all    bool
	form   form
}

type configEntry = kmsg.DescribeConfigsResponseResourceConfig

func (s *brokerConfigs) describe(ctx context.Context) error {
	kind := s.change.types[0]
	names := s.change.names
	if len(names) == 0 {
		var err error
		if names, err = s.entities(ctx, kind); err != nil {
			return err
		}
	}
	if s.form != formExact {
		return s.show(ctx, kind, names)
	}
	for _, name := range names {
		word := "Dynamic"
		if s.all {
			word = "All"
		}
		if name == "" {
			s.c.printf("Default configs for %s in the cluster are:\n", kind)
		} else {
			s.c.printf("%s configs for %s %s are:\n", word, strings.TrimSuffix(kind, "s"), name)
		}
		entries, err := s.entries(ctx, kind, name)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if !s.all && !isDynamic(kind, name, e) {
				continue
			}
			var synonyms []string
			for _, y := range e.ConfigSynonyms {
				synonyms = append(synonyms, fmt.Sprintf("%s:%s=%s", y.Source, y.Name, stringOf(y.Value)))
			}
			s.c.printf("  %s=%s sensitive=%t synonyms={%s}\n", e.Name, stringOf(e.Value), e.IsSensitive, strings.Join(synonyms, ", "))
		}
	}
	return nil
}

// show describes entities in a form of our own; the name that is no broker's is left out.
func (s *brokerConfigs) show(ctx context.Context, kind string, names []string) error {
	v := &configsView{Entities: []entityView{}}
	for _, name := range names {
		if name == zk.DefaultEntity {
			continue
		}
		entries, err := s.entries(ctx, kind, name)
		if err != nil {
			return err
		}
		if !s.all {
			entries = slices.DeleteFunc(entries, func(e configEntry) bool { return !isDynamic(kind, name, e) })
		}
		v.addBroker(kind, name, entries)
	}
	return s.c.show(s.form, v)
}

// entities lists all topics, or all brokers and then, as Kafka 2.5.0 does, a name that is no broker's.
func (s *brokerConfigs) entities(ctx context.Context, kind string) ([]string, error) {
	if kind == "topics" {
		resp, err := s.admin.metadata(ctx, "listTopics", nil)
		if err != nil {
			return nil, execution(err)
		}
		var names []string
		for _, t := range resp.Topics {
			names = append(names, stringOf(t.Topic))
		}
		slices.Sort(names)
		return hashOrder(names, 0, hashCode), nil
	}
	resp, err := s.admin.metadata(ctx, "listNodes", []string{})
	if err != nil {
		return nil, execution(err)
	}
	var ids []int
	for _, b := range resp.Brokers {
		ids = append(ids, int(b.NodeID))
	}
	slices.Sort(ids)
	var names []string
	for _, id := range ids {
		names = append(names, strconv.Itoa(id))
	}
	return append(names, zk.DefaultEntity), nil
}

// isDynamic tells whether an entry was set for just this entity.
func isDynamic(kind, name string, e configEntry) bool {
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

// entries describes one entity in the order of Java's table.
func (s *brokerConfigs) entries(ctx context.Context, kind, name string) ([]configEntry, error) {
	if _, err := strconv.ParseInt(name, 10, 32); err != nil && kind != "topics" && name != "" {
		return nil, badArgument("The entity name for ", kind, " must be a valid integer broker id, found: ", name)
	}
	entries, err := s.admin.describeConfigs(ctx, kind, name)
	var je *javaError
	if errors.As(err, &je) && je.class == errorsPackage+"UnknownTopicOrPartitionException" {
		s.c.hint("topic %s does not exist; kafka-topics --list shows the topics", name)
	}
	return entries, execution(err)
}

func (s *brokerConfigs) alter(ctx context.Context) error {
	kind, name := s.change.types[0], s.change.names[0]
	entries, err := s.entries(ctx, kind, name)
	if err != nil {
		return err
	}
	old := map[string]configEntry{}
	for _, e := range entries {
		if isDynamic(kind, name, e) {
			old[e.Name] = e
		}
	}
	has := func(k string) bool { _, ok := old[k]; return ok }
	switch kind {
	case "brokers":
		if err := s.change.missing(has); err != nil {
			return err
		}
		err = s.replaceBroker(ctx, name, old)
	case "broker-loggers":
		var bad []string
		for _, k := range slices.Concat(s.change.gone, s.change.order) {
			if !has(k) {
				bad = append(bad, k)
			}
		}
		if len(bad) > 0 {
			return badArgument("Invalid broker logger(s): ", strings.Join(bad, ","))
		}
		err = s.incremental(ctx, kmsg.ConfigResourceTypeBrokerLogger, name)
	default:
		if err := s.change.missing(has); err != nil {
			return err
		}
		err = s.incremental(ctx, kmsg.ConfigResourceTypeTopic, name)
	}
	if err != nil {
		return execution(err)
	}
	if name == "" {
		s.c.printf("Completed updating default config for %s in the cluster.\n", kind)
	} else {
		s.c.printf("Completed updating config for %s %s.\n", strings.TrimSuffix(kind, "s"), name)
	}
	return nil
}

func (s *brokerConfigs) incremental(ctx context.Context, kind kmsg.ConfigResourceType, name string) error {
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName = kind, name
	add := func(op kmsg.IncrementalAlterConfigOp, key string, value *string) {
		rc := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		rc.Op, rc.Name, rc.Value = op, key, value
		r.Configs = append(r.Configs, rc)
	}
	for _, k := range s.change.order {
		add(kmsg.IncrementalAlterConfigOpSet, k, kmsg.StringPtr(s.change.added[k]))
	}
	for _, k := range s.change.gone {
		add(kmsg.IncrementalAlterConfigOpDelete, k, kmsg.StringPtr(""))
	}
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	req.Resources = append(req.Resources, r)
	resp, err := request[*kmsg.IncrementalAlterConfigsResponse](ctx, s.admin, "incrementalAlterConfigs", req)
	if err != nil {
		return err
	}
	for _, r := range resp.Resources {
		if err := apiError(r.ErrorCode, r.ErrorMessage); err != nil {
			return err
		}
	}
	return nil
}

// replaceBroker writes all dynamic configs of a broker, as Kafka 2.5's tool does.
func (s *brokerConfigs) replaceBroker(ctx context.Context, name string, old map[string]configEntry) error {
	r := kmsg.NewAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeBroker, name
	values := map[string]*string{}
	for k, e := range old {
		values[k] = e.Value
	}
	for k, v := range s.change.added {
		values[k] = kmsg.StringPtr(v)
	}
	for _, k := range s.change.gone {
		delete(values, k)
	}
	var hidden []string
	for k, v := range values {
		if v == nil {
			hidden = append(hidden, k)
			continue
		}
		rc := kmsg.NewAlterConfigsRequestResourceConfig()
		rc.Name, rc.Value = k, v
		r.Configs = append(r.Configs, rc)
	}
	if len(hidden) > 0 {
		slices.Sort(hidden)
		return badArgument("All sensitive broker config entries must be specified for --alter, missing entries: Set(", strings.Join(hidden, ", "), ")")
	}
	req := kmsg.NewPtrAlterConfigsRequest()
	req.Resources = append(req.Resources, r)
	resp, err := request[*kmsg.AlterConfigsResponse](ctx, s.admin, "alterConfigs", req)
	if err != nil {
		return err
	}
	for _, r := range resp.Resources {
		if err := apiError(r.ErrorCode, r.ErrorMessage); err != nil {
			return err
		}
	}
	return nil
}
