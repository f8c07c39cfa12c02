package configs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/cmd/internal/tool/screen"
	"momus/coordinator/zk"
)

// brokerConfigs works on configs over the admin API.
type brokerConfigs struct {
	c      *core.Call
	admin  *clients.Admin
	change *configChange
	all    bool
	form   screen.Form
}

// describe prints what was set dynamically, or with --all everything that is in force, with the
// places where else a value is set, the one that counts first.
func (s *brokerConfigs) describe(ctx context.Context) error {
	kind := s.change.types[0]
	names := s.change.names
	if len(names) == 0 {
		var err error
		if names, err = s.entities(ctx, kind); err != nil {
			return err
		}
	}
	if s.form != screen.Exact {
		return s.show(ctx, kind, names)
	}
	for _, name := range names {
		word := "Dynamic"
		if s.all {
			word = "All"
		}
		if name == "" {
			// The heading comes before the question, so that it stands above errors too.
			s.c.Printf("Default configs for %s in the cluster are:\n", kind)
		} else {
			s.c.Printf("%s configs for %s %s are:\n", word, strings.TrimSuffix(kind, "s"), name)
		}
		entries, err := s.entries(ctx, kind, name)
		if err != nil {
			return err
		}
		for _, e := range entries {
			// What is dynamic depends on the entity: for a topic its own configs, for a broker's
			// name those of that broker, for "" the cluster's.
			if !s.all && !clients.IsDynamic(kind, name, e) {
				continue
			}
			var synonyms []string
			for _, y := range e.ConfigSynonyms {
				synonyms = append(synonyms, fmt.Sprintf("%s:%s=%s", y.Source, y.Name, core.StringOf(y.Value)))
			}
			s.c.Printf("  %s=%s sensitive=%t synonyms={%s}\n", e.Name, core.StringOf(e.Value), e.IsSensitive, strings.Join(synonyms, ", "))
		}
	}
	return nil
}

// show describes entities in a form of our own; the name that is no broker's is left out. Kafka's
// own list ends with an error for that name, see entities.
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
			entries = slices.DeleteFunc(entries, func(e clients.ConfigEntry) bool { return !clients.IsDynamic(kind, name, e) })
		}
		v.addBroker(kind, name, entries)
	}
	return s.c.Show(s.form, v)
}

// entities lists all topics, or all brokers and then, as Kafka 2.5.0 does, a name that is no
// broker's. That name is <default>, whose description fails: in 2.5.0 a list of all brokers
// therefore ends with exit code 1.
func (s *brokerConfigs) entities(ctx context.Context, kind string) ([]string, error) {
	if kind == "topics" {
		resp, err := s.admin.Metadata(ctx, "listTopics", nil)
		if err != nil {
			return nil, java.Execution(err)
		}
		var names []string
		for _, t := range resp.Topics {
			names = append(names, core.StringOf(t.Topic))
		}
		slices.Sort(names)
		// By name, then in Java's order of a hash set: topics that share a bucket come in the order
		// in which they were put there.
		return java.HashOrder(names, 0, java.HashCode), nil
	}
	resp, err := s.admin.Metadata(ctx, "listNodes", []string{})
	if err != nil {
		return nil, java.Execution(err)
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

// entries describes one entity in the order of Java's table.
func (s *brokerConfigs) entries(ctx context.Context, kind, name string) ([]clients.ConfigEntry, error) {
	// kafka-configs checks it for the names that it found itself, too.
	if _, err := strconv.ParseInt(name, 10, 32); err != nil && kind != "topics" && name != "" {
		return nil, badArgument("The entity name for ", kind, " must be a valid integer broker id, found: ", name)
	}
	entries, err := s.admin.DescribeConfigs(ctx, kind, name)
	var je *java.Error
	if errors.As(err, &je) && je.Class == java.ErrorsPackage+"UnknownTopicOrPartitionException" {
		s.c.Hint("topic %s does not exist; kafka-topics --list shows the topics", name)
	}
	return entries, java.Execution(err)
}

// alter looks before it writes, as Kafka does, so that a key to delete that was never set is an
// error. Topics and loggers are altered key by key (KIP-339); for brokers the 2.5 tool replaces the
// whole set.
func (s *brokerConfigs) alter(ctx context.Context) error {
	kind, name := s.change.types[0], s.change.names[0]
	entries, err := s.entries(ctx, kind, name)
	if err != nil {
		return err
	}
	old := map[string]clients.ConfigEntry{}
	for _, e := range entries {
		if clients.IsDynamic(kind, name, e) {
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
	// A logger is there or not: setting one that the broker does not know is an error, too.
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
	// Errors of the answer come out of a future in Kafka, and are printed as ExecutionException.
	if err != nil {
		return java.Execution(err)
	}
	if name == "" {
		s.c.Printf("Completed updating default config for %s in the cluster.\n", kind)
	} else {
		s.c.Printf("Completed updating config for %s %s.\n", strings.TrimSuffix(kind, "s"), name)
	}
	return nil
}

// incremental sends the changes alone: what others changed meanwhile stays.
func (s *brokerConfigs) incremental(ctx context.Context, kind kmsg.ConfigResourceType, name string) error {
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName = kind, name
	// add is one operation of KIP-339.
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
	resp, err := clients.Request[*kmsg.IncrementalAlterConfigsResponse](ctx, s.admin, "incrementalAlterConfigs", req)
	if err != nil {
		return err
	}
	return java.FirstOf(resp.Resources, func(r kmsg.IncrementalAlterConfigsResponseResource) (int16, *string) {
		return r.ErrorCode, r.ErrorMessage
	})
}

// replaceBroker writes all dynamic configs of a broker, as Kafka 2.5's tool does. Two that do so at
// once undo each other's changes, and a sensitive value, which no broker tells, cannot be written
// back: Kafka's tool then asks for it to be given anew.
func (s *brokerConfigs) replaceBroker(ctx context.Context, name string, old map[string]clients.ConfigEntry) error {
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
	// A value that is not told is a password.
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
	resp, err := clients.Request[*kmsg.AlterConfigsResponse](ctx, s.admin, "alterConfigs", req)
	if err != nil {
		return err
	}
	return java.FirstOf(resp.Resources, func(r kmsg.AlterConfigsResponseResource) (int16, *string) { return r.ErrorCode, r.ErrorMessage })
}
