package tool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"momus/coordinator/admin"
	"momus/coordinator/zk"
	"momus/internal/model"
)

func reassignOptions() *options {
	o := newOptions("This tool helps to moves topic partitions between replicas.")
	o.value("bootstrap-server", "HOST:PORT,…", "brokers to begin with, needed for plans with log directories")
	o.value("command-config", "FILE", "properties of the client")
	o.value("zookeeper", "HOST:PORT,…", "ZooKeeper to write the plan to")
	o.flag("generate", "propose a plan")
	o.flag("execute", "start a plan")
	o.flag("verify", "tell how far a plan is, and remove the throttle when it is done")
	o.value("reassignment-json-file", "FILE", `the plan: {"partitions": [{"topic": "foo", "partition": 1, "replicas": [1,2], "log_dirs": ["dir1","any"]}], "version": 1}`)
	o.value("topics-to-move-json-file", "FILE", `the topics, with --generate: {"topics": [{"topic": "foo"}], "version": 1}`)
	o.value("broker-list", "ID,…", "the brokers to move to, with --generate")
	o.flag("disable-rack-aware", "ignore racks")
	o.valueOr("throttle", "BYTES", "-1", "limit between brokers, bytes per second")
	o.valueOr("replica-alter-log-dirs-throttle", "BYTES", "-1", "limit between log directories, bytes per second")
	o.valueOr("timeout", "MS", "10000", "how long to wait until directories can be named")
	return o.standard()
}

func checkReassign(o *options) error {
	n := 0
	for _, a := range []string{"generate", "execute", "verify"} {
		if o.has(a) {
			n++
		}
	}
	if n != 1 {
		return misuse("Command must include exactly one action: --generate, --execute or --verify")
	}
	if err := o.require("zookeeper"); err != nil {
		return err
	}
	switch {
	case o.has("verify") && !o.has("reassignment-json-file"):
		return misuse("If --verify option is used, command must include --reassignment-json-file that was used during the --execute option")
	case o.has("generate") && !(o.has("topics-to-move-json-file") && o.has("broker-list")):
		return misuse("If --generate option is used, command must include both --topics-to-move-json-file and --broker-list options")
	case o.has("execute") && !o.has("reassignment-json-file"):
		return misuse("If --execute option is used, command must include --reassignment-json-file that was output during the --generate option")
	}
	return o.excludeAll([]rule{
		{"verify", []string{"broker-list", "disable-rack-aware", "throttle", "replica-alter-log-dirs-throttle", "topics-to-move-json-file"}},
		{"generate", []string{"throttle", "replica-alter-log-dirs-throttle", "reassignment-json-file"}},
		{"execute", []string{"broker-list", "disable-rack-aware", "topics-to-move-json-file"}}})
}

// reassigner does what kafka-reassign-partitions was asked for.
type reassigner struct {
	c      *call
	o      *options
	client *zk.Client
	store  *admin.Admin
	admin  *adminClient // nil without --bootstrap-server
	texts  map[string]string
}

// registerReassign is kafka-reassign-partitions.sh.
func registerReassign() Tool {
	return Tool{Name: "kafka-reassign-partitions", Help: "move partitions to other brokers or log directories", run: reassign,
		Class:   "kafka.admin.ReassignPartitionsCommand",
		Options: tableOf(reassignOptions),
		Values:  map[string]Values{"broker-list": valueBrokerIDs | valueList}}
}

func reassign(ctx context.Context, c *call) error {
	o := reassignOptions()
	if err := c.begin(o, ""); err != nil {
		return err
	}
	if err := checkReassign(o); err != nil {
		return err
	}
	texts, err := o.texts("zookeeper", "bootstrap-server", "command-config", "reassignment-json-file", "topics-to-move-json-file", "broker-list")
	if err != nil {
		return err
	}
	client, err := c.dialZooKeeper(ctx, texts["zookeeper"])
	if err != nil {
		return err
	}
	defer client.Close()
	r := &reassigner{c: c, o: o, client: client, store: &admin.Admin{Store: client}, texts: texts}
	if texts["bootstrap-server"] != "" {
		if r.admin, err = c.adminFor(texts["bootstrap-server"], texts["command-config"], map[string]string{"client.id": "reassign-partitions-tool"}); err != nil {
			return err
		}
		defer r.admin.Close()
	}
	switch {
	case o.has("verify"):
		err = r.verify(ctx)
	case o.has("generate"):
		err = r.generate(ctx)
	default:
		err = r.execute(ctx)
	}
	if err = javaOf(err); err == nil || ctx.Err() != nil {
		return err
	}
	c.printf("Partitions reassignment failed due to %s\n%s\n", err, javaText(err))
	if cause := (*javaError)(nil); errors.As(errors.Unwrap(err), &cause) {
		c.printf("Caused by: %s\n", cause.java())
	}
	c.println()
	return nil // the exit code of Kafka's tool is 0
}

// planned is one partition of a plan.
type planned struct {
	tp       model.TopicPartition
	replicas []int32
	dirs     []string // as long as replicas; any leaves the choice to the broker
}

func parsePlan(data []byte) ([]planned, error) {
	var doc struct {
		Version    *int
		Partitions []struct {
			Topic     string
			Partition int32
			Replicas  []int32
			Dirs      []string `json:"log_dirs"`
		}
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, adminOperation("The input string is not a valid JSON")
	}
	if doc.Version != nil && *doc.Version != 1 {
		return nil, adminOperation(fmt.Sprintf("Not supported version field value %d", *doc.Version))
	}
	var out []planned
	for _, p := range doc.Partitions {
		x := planned{model.TopicPartition{Topic: p.Topic, Partition: p.Partition}, p.Replicas, p.Dirs}
		if x.dirs == nil {
			x.dirs = slices.Repeat([]string{"any"}, len(p.Replicas))
		}
		if len(x.dirs) != len(x.replicas) {
			return nil, adminFailed("Size of replicas list Vector(%s) is different from size of log dirs list Vector(%s) for partition %s",
				strings.ReplaceAll(joinIDs(x.replicas), ",", ", "), strings.Join(x.dirs, ", "), partitionText(x.tp))
		}
		out = append(out, x)
	}
	return out, nil
}

func (r *reassigner) readPlan() ([]planned, error) {
	path := r.texts["reassignment-json-file"]
	data, err := readFile(path)
	if err != nil {
		return nil, &javaError{class: "java.io.IOException", text: "Unable to read file " + path, cause: err}
	}
	return parsePlan(data)
}

// checkPlan is what Kafka checks before it starts a plan; existing are the topics of the plan.
func checkPlan(plan []planned, existing map[string]zk.Assignments, brokers []int32) error {
	if len(plan) == 0 {
		return adminFailed("Partition reassignment data file is empty")
	}
	seen := map[model.TopicPartition]bool{}
	var twice, repeated, missing []string
	var unknown []int32
	for _, p := range plan {
		if len(p.replicas) == 0 {
			return adminFailed("Partition replica list cannot be empty")
		}
		if seen[p.tp] {
			twice = append(twice, partitionText(p.tp))
		}
		seen[p.tp] = true
		var again []int32
		for i, id := range p.replicas {
			if slices.Contains(p.replicas[:i], id) && !slices.Contains(again, id) {
				again = append(again, id)
			}
			if !slices.Contains(brokers, id) && !slices.Contains(unknown, id) {
				unknown = append(unknown, id)
			}
		}
		if len(again) > 0 {
			repeated = append(repeated, fmt.Sprintf("%s contains multiple entries for %s", partitionText(p.tp), joinIDs(again)))
		}
		if _, ok := existing[p.tp.Topic][p.tp.Partition]; !ok {
			missing = append(missing, partitionText(p.tp))
		}
	}
	switch {
	case len(twice) > 0:
		return adminFailed("Partition reassignment contains duplicate topic partitions: %s", strings.Join(twice, ","))
	case len(repeated) > 0:
		return adminFailed("Partition replica lists may not contain duplicate entries: %s", strings.Join(repeated, ". "))
	case len(missing) > 0:
		return adminFailed("The proposed assignment contains non-existent partitions: ListBuffer(%s)", strings.Join(missing, ", "))
	case len(unknown) > 0:
		return adminFailed("The proposed assignment contains non-existent brokerIDs: %s", joinIDs(unknown))
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
	return string(out)
}

func planTopics(plan []planned) []string {
	var topics []string
	for _, p := range plan {
		topics = append(topics, p.tp.Topic)
	}
	slices.Sort(topics)
	return slices.Compact(topics)
}

func (r *reassigner) generate(ctx context.Context) error {
	path := r.texts["topics-to-move-json-file"]
	data, err := readFile(path)
	if err != nil {
		return &javaError{class: "java.io.IOException", text: "Unable to read file " + path, cause: err}
	}
	var ids []int32
	for _, w := range strings.Split(r.texts["broker-list"], ",") {
		n, err := strconv.ParseInt(w, 10, 32)
		if err != nil {
			return &javaError{class: "java.lang.NumberFormatException", text: fmt.Sprintf("For input string: %q", w)}
		}
		if slices.Contains(ids, int32(n)) {
			return adminFailed("Broker list contains duplicate entries: %d", n)
		}
		ids = append(ids, int32(n))
	}
	var doc struct{ Topics []struct{ Topic string } }
	if err := json.Unmarshal(data, &doc); err != nil {
		return adminOperation("The input string is not a valid JSON")
	}
	var topics []string
	for _, t := range doc.Topics {
		if slices.Contains(topics, t.Topic) {
			return adminFailed("List of topics to reassign contains duplicate entries: %s", t.Topic)
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
	var brokers []*model.Broker
	for _, b := range all {
		if slices.Contains(ids, b.ID) {
			brokers = append(brokers, b)
		}
	}
	if r.o.has("disable-rack-aware") {
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
		first := as[as.Partitions()[0]]
		if proposed[t], err = r.store.Place(brokers, int32(len(as)), len(first.Replicas)); err != nil {
			return err
		}
	}
	r.c.printf("Current partition replica assignment\n%s\n\n", planJSON(topics, current))
	r.c.printf("Proposed partition reassignment configuration\n%s\n", planJSON(topics, proposed))
	return nil
}
