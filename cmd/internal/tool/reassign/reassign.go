// Package reassign is kafka-reassign-partitions: it makes, starts and checks plans that move
// replicas (KIP-455), by the brokers or in ZooKeeper.
package reassign

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/cmd/internal/tool/options"
	"momus/coordinator/admin"
	"momus/coordinator/zk"
	"momus/internal/model"
)

// reassignOptions are those of kafka.admin.ReassignPartitionsCommand of 2.5, which still works over
// ZooKeeper; brokers are asked for log directories only (KIP-113). The API of KIP-455 is there, and
// the tool does not use it before 2.6.
func reassignOptions() *options.Options {
	return options.Read("This tool helps to moves topic partitions between replicas.", `
		--bootstrap-server <HOST:PORT,…>      brokers to begin with, needed for plans with log directories
		--command-config <FILE>               properties of the client
		--zookeeper <HOST:PORT,…>             ZooKeeper to write the plan to
		--generate                            propose a plan
		--execute                             start a plan
		--verify                              tell how far a plan is, and remove the throttle when it is done
		--reassignment-json-file <FILE>       the plan: {"partitions": [{"topic": "foo", "partition": 1, "replicas": [1,2], "log_dirs": ["dir1","any"]}], "version": 1}
		--topics-to-move-json-file <FILE>     the topics, with --generate: {"topics": [{"topic": "foo"}], "version": 1}
		--broker-list <ID,…>                  the brokers to move to, with --generate
		--disable-rack-aware                  ignore racks
		--throttle <BYTES>                    limit between brokers, bytes per second (default: -1)
		--replica-alter-log-dirs-throttle <BYTES>  limit between log directories, bytes per second (default: -1)
		--timeout <MS>                        how long to wait until directories can be named (default: 10000)
	`).Standard().Checks(checkReassign)
}

// checkReassign refuses what an action does not take. ZooKeeper is needed always: in 2.5 a plan is
// a znode.
func checkReassign(o *options.Options) error {
	if len(o.Given("generate", "execute", "verify")) != 1 {
		return options.Misuse("Command must include exactly one action: --generate, --execute or --verify")
	}
	if err := o.Require("zookeeper"); err != nil {
		return err
	}
	switch {
	case o.Has("verify") && !o.Has("reassignment-json-file"):
		return options.Misuse("If --verify option is used, command must include --reassignment-json-file that was used during the --execute option")
	case o.Has("generate") && !(o.Has("topics-to-move-json-file") && o.Has("broker-list")):
		return options.Misuse("If --generate option is used, command must include both --topics-to-move-json-file and --broker-list options")
	case o.Has("execute") && !o.Has("reassignment-json-file"):
		return options.Misuse("If --execute option is used, command must include --reassignment-json-file that was output during the --generate option")
	}
	return o.ExcludeAll([]options.Rule{
		{Name: "verify", Others: []string{"broker-list", "disable-rack-aware", "throttle", "replica-alter-log-dirs-throttle", "topics-to-move-json-file"}},
		{Name: "generate", Others: []string{"throttle", "replica-alter-log-dirs-throttle", "reassignment-json-file"}},
		{Name: "execute", Others: []string{"broker-list", "disable-rack-aware", "topics-to-move-json-file"}}})
}

// reassigner does what kafka-reassign-partitions was asked for.
type reassigner struct {
	c      *core.Call
	o      *options.Options
	client *zk.Client
	store  *admin.Admin
	admin  *clients.Admin // nil without --bootstrap-server
	texts  map[string]string
}

// Tool is kafka-reassign-partitions.sh.
func Tool() core.Tool {
	return core.Tool{Name: "kafka-reassign-partitions", Help: "move partitions to other brokers or log directories", Class: "kafka.admin.ReassignPartitionsCommand",
		Values: map[string]core.Values{"broker-list": core.ValueBrokerIDs | core.ValueList}}.
		Begun(reassignOptions, core.WithTexts(reassign, "zookeeper", "bootstrap-server", "command-config", "reassignment-json-file", "topics-to-move-json-file", "broker-list"))
}

// reassign has the exit code 0 also for a plan that failed, as Kafka's has.
func reassign(ctx context.Context, c *core.Call, o *options.Options, texts map[string]string) error {
	client, err := clients.DialZooKeeper(c, ctx, texts["zookeeper"])
	if err != nil {
		return err
	}
	defer client.Close()
	// What may be written to the znodes, and how a placement is made, is known to
	// coordinator/admin.
	r := &reassigner{c: c, o: o, client: client, store: &admin.Admin{Store: client}, texts: texts}
	if texts["bootstrap-server"] != "" {
		if r.admin, err = clients.AdminFor(c, texts["bootstrap-server"], texts["command-config"], map[string]string{"client.id": "reassign-partitions-tool"}); err != nil {
			return err
		}
		defer r.admin.Close()
	}
	switch {
	case o.Has("verify"):
		err = r.verify(ctx)
	case o.Has("generate"):
		err = r.generate(ctx)
	default:
		err = r.execute(ctx)
	}
	// Errors of ours get the class that Java's tool would show.
	if err = java.Of(err); err == nil || ctx.Err() != nil {
		return err
	}
	// The blank line below stands where Java has its stack trace.
	c.Printf("Partitions reassignment failed due to %s\n%s\n", err, java.Text(err))
	if cause := (*java.Error)(nil); errors.As(errors.Unwrap(err), &cause) {
		c.Printf("Caused by: %s\n", cause.ToString())
	}
	c.Println()
	return nil // the exit code of Kafka's tool is 0
}

// planned is one partition of a plan.
type planned struct {
	tp       model.TopicPartition
	replicas []int32
	dirs     []string // as long as replicas; any leaves the choice to the broker
}

// parsePlan reads a plan of version 1. Directories are optional; if there are any, there is one for
// each replica, "any" for whichever the broker likes.
func parsePlan(data []byte) ([]planned, error) {
	// Fields are matched without regard to case by encoding/json; Kafka's decoder knows these
	// spellings alone, and files have them.
	var doc struct {
		Version    *int
		Partitions []struct {
			Topic     string
			Partition int32
			Replicas  *[]int32
			// A list that is missing is an error, an empty one another.
			Dirs []string `json:"log_dirs"`
		}
	}
	if err := java.ParseJSON(data, &doc, java.AdminOperation("The input string is not a valid JSON")); err != nil {
		return nil, err
	}
	// Without a version Kafka takes the file for one of version 1.
	if doc.Version != nil && *doc.Version != 1 {
		return nil, java.AdminOperation(fmt.Sprintf("Not supported version field value %d", *doc.Version))
	}
	var out []planned
	for _, p := range doc.Partitions {
		if p.Replicas == nil {
			return nil, java.NoField("replicas")
		}
		x := planned{model.TopicPartition{Topic: p.Topic, Partition: p.Partition}, *p.Replicas, p.Dirs}
		if x.dirs == nil {
			x.dirs = slices.Repeat([]string{"any"}, len(x.replicas))
		}
		if len(x.dirs) != len(x.replicas) {
			return nil, java.AdminFailed("Size of replicas list Vector(%s) is different from size of log dirs list Vector(%s) for partition %s",
				strings.ReplaceAll(core.JoinIDs(x.replicas), ",", ", "), strings.Join(x.dirs, ", "), core.PartitionText(x.tp))
		}
		out = append(out, x)
	}
	return out, nil
}

// readPlan reads the plan that --reassignment-json-file names.
func (r *reassigner) readPlan() ([]planned, error) {
	data, err := r.readPlanFile()
	if err != nil {
		return nil, err
	}
	return parsePlan(data)
}

// readPlanFile gives its bytes; --verify prints its heading between reading and parsing them.
func (r *reassigner) readPlanFile() ([]byte, error) {
	path := r.texts["reassignment-json-file"]
	data, err := core.ReadFile(path)
	if err != nil {
		return nil, &java.Error{Class: "java.io.IOException", Text: "Unable to read file " + path, Cause: err}
	}
	return data, nil
}

// checkPlan is what Kafka checks before it starts a plan; existing are the topics of the plan.
func checkPlan(plan []planned, existing map[string]zk.Assignments, brokers []int32) error {
	// In Kafka's order: the first kind of mistake that there is gets told, with all of its cases.
	if len(plan) == 0 {
		return java.AdminFailed("Partition reassignment data file is empty")
	}
	seen := map[model.TopicPartition]bool{}
	var twice, repeated, missing []string
	var unknown []int32
	for _, p := range plan {
		if len(p.replicas) == 0 {
			return java.AdminFailed("Partition replica list cannot be empty")
		}
		if seen[p.tp] {
			twice = append(twice, core.PartitionText(p.tp))
		}
		seen[p.tp] = true
		var again []int32
		// Repetitions of one broker in a list are named once.
		for i, id := range p.replicas {
			if slices.Contains(p.replicas[:i], id) && !slices.Contains(again, id) {
				again = append(again, id)
			}
			if !slices.Contains(brokers, id) && !slices.Contains(unknown, id) {
				unknown = append(unknown, id)
			}
		}
		if len(again) > 0 {
			repeated = append(repeated, fmt.Sprintf("%s contains multiple entries for %s", core.PartitionText(p.tp), core.JoinIDs(again)))
		}
		if _, ok := existing[p.tp.Topic][p.tp.Partition]; !ok {
			missing = append(missing, core.PartitionText(p.tp))
		}
	}
	switch {
	case len(twice) > 0:
		return java.AdminFailed("Partition reassignment contains duplicate topic partitions: %s", strings.Join(twice, ","))
	case len(repeated) > 0:
		return java.AdminFailed("Partition replica lists may not contain duplicate entries: %s", strings.Join(repeated, ". "))
	case len(missing) > 0:
		return java.AdminFailed("The proposed assignment contains non-existent partitions: ListBuffer(%s)", strings.Join(missing, ", "))
	case len(unknown) > 0:
		return java.AdminFailed("The proposed assignment contains non-existent brokerIDs: %s", core.JoinIDs(unknown))
	}
	return nil
}

// planJSON writes assignments as a plan; partitions in the order that Kafka's tables give them.
func planJSON(topics []string, as map[string]zk.Assignments) string {
	type entry struct {
		Topic     string   `json:"topic"`
		Partition int32    `json:"partition"`
		Replicas  []int32  `json:"replicas"`
		Dirs      []string `json:"log_dirs"`
	}
	doc := struct {
		Version    int     `json:"version"`
		Partitions []entry `json:"partitions"`
	}{1, []entry{}}
	for _, t := range topics {
		// Kafka's tool prints the highest partition first, from a map of Scala's.
		ids := as[t].Partitions()
		slices.Reverse(ids)
		for _, p := range ids {
			replicas := as[t][p].Replicas
			doc.Partitions = append(doc.Partitions, entry{t, p, replicas, slices.Repeat([]string{"any"}, len(replicas))})
		}
	}
	out, err := json.Marshal(doc)
	if err != nil {
		return ""
	}
	// Marshal cannot fail for these types.
	return string(out)
}

// planTopics are the topics of a plan, each once, by name.
func planTopics(plan []planned) []string {
	var topics []string
	for _, p := range plan {
		topics = append(topics, p.tp.Topic)
	}
	slices.Sort(topics)
	return slices.Compact(topics)
}

// generate proposes a placement on the brokers of the list, as for a new topic of the same size,
// and prints today's beside it, to go back with. It changes nothing.
func (r *reassigner) generate(ctx context.Context) error {
	path := r.texts["topics-to-move-json-file"]
	data, err := core.ReadFile(path)
	if err != nil {
		return &java.Error{Class: "java.io.IOException", Text: "Unable to read file " + path, Cause: err}
	}
	var ids []int32
	for _, w := range strings.Split(r.texts["broker-list"], ",") {
		n, err := strconv.ParseInt(w, 10, 32)
		if err != nil {
			return &java.Error{Class: "java.lang.NumberFormatException", Text: fmt.Sprintf("For input string: %q", w)}
		}
		if slices.Contains(ids, int32(n)) {
			return java.AdminFailed("Broker list contains duplicate entries: %d", n)
		}
		ids = append(ids, int32(n))
	}
	var doc struct{ Topics []struct{ Topic string } }
	if err := java.ParseJSON(data, &doc, java.AdminOperation("The input string is not a valid JSON")); err != nil {
		return err
	}
	var topics []string
	for _, t := range doc.Topics {
		if slices.Contains(topics, t.Topic) {
			return java.AdminFailed("List of topics to reassign contains duplicate entries: %s", t.Topic)
		}
		topics = append(topics, t.Topic)
	}
	current, err := r.client.Assignments(ctx, topics)
	if err != nil {
		return err
	}
	all, err := r.client.Brokers(ctx)
	if err != nil {
		return err
	}
	// Brokers of the list that do not run are left out; too few of them is an error of the
	// placement.
	var brokers []*model.Broker
	for _, b := range all {
		if slices.Contains(ids, b.ID) {
			brokers = append(brokers, b)
		}
	}
	if r.o.Has("disable-rack-aware") {
		// A copy, since the list belongs to the client.
		for i, b := range brokers {
			plain := *b
			plain.Rack = ""
			brokers[i] = &plain
		}
	}
	proposed := map[string]zk.Assignments{}
	for _, t := range topics {
		as, ok := current[t]
		if !ok {
			continue
		}
		// As many replicas as its first partition has; a topic whose partitions differ gets one
		// number.
		first := as[as.Partitions()[0]]
		if proposed[t], err = r.store.Place(brokers, int32(len(as)), len(first.Replicas)); err != nil {
			return err
		}
	}
	r.c.Printf("Current partition replica assignment\n%s\n\n", planJSON(topics, current))
	r.c.Printf("Proposed partition reassignment configuration\n%s\n", planJSON(topics, proposed))
	return nil
}
