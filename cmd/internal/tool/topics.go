package tool

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"momus/coordinator/admin"
	"momus/coordinator/zk"
	"momus/internal/model"
)

const topicCommand = "kafka.admin.TopicCommand$"

const (
	collisionWarning = "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') could collide. To avoid issues it is best to use either, but not both."
	partitionWarning = "WARNING: If partitions are increased for a topic that has a key, the partition logic or ordering of the messages will be affected"
	alterWarning     = "WARNING: Altering topic configuration from this script has been deprecated and may be removed in future releases.\n         Going forward, please use kafka-configs.sh for this functionality"
)

func topicsOptions() *options {
	o := newOptions("This tool helps to create, delete, describe, or change a topic.")
	o.value("bootstrap-server", "HOST:PORT,…", "brokers to ask; or --zookeeper")
	o.value("command-config", "FILE", "properties of the client, with --bootstrap-server")
	o.value("zookeeper", "HOST:PORT,…", "ZooKeeper to work on directly (deprecated)")
	o.flag("list", "list the topics")
	o.flag("create", "create a topic")
	o.flag("delete", "delete topics")
	o.flag("alter", "add partitions to topics; with --zookeeper also change configs")
	o.flag("describe", "show topics and where their partitions are")
	o.value("topic", "NAME", "the topic to create; for other actions a regular expression of names")
	o.value("config", "KEY=VALUE", "a config of the topic; may be repeated")
	o.value("delete-config", "KEY", "a config to remove, with --alter and --zookeeper; may be repeated")
	o.value("partitions", "N", "how many partitions the topic is to have")
	o.value("replication-factor", "N", "how many replicas each partition is to have")
	o.value("replica-assignment", "ID:ID,ID:ID,…", "the brokers of each partition, instead of letting Kafka choose")
	o.flag("under-replicated-partitions", "show only partitions with missing replicas")
	o.flag("unavailable-partitions", "show only partitions without a leader")
	o.flag("under-min-isr-partitions", "show only partitions with fewer replicas in sync than min.insync.replicas")
	o.flag("at-min-isr-partitions", "show only partitions with just as many replicas in sync as min.insync.replicas")
	o.flag("topics-with-overrides", "show only topics with configs of their own")
	o.flag("if-exists", "do nothing, without an error, when the topic does not exist (--zookeeper)")
	o.flag("if-not-exists", "do nothing, without an error, when the topic exists (--zookeeper)")
	o.flag("disable-rack-aware", "ignore racks when choosing replicas")
	o.flag("force", "ask nothing")
	o.flag("exclude-internal", "leave internal topics out")
	o.json()
	return o.standard()
}

func checkTopicsOptions(o *options) error {
	actions := []string{"alter", "create", "describe", "list", "delete"}
	n := 0
	for _, a := range actions {
		if o.has(a) {
			n++
		}
	}
	if n != 1 {
		return misuse("Command must include exactly one action: --list, --describe, --create, --alter or --delete")
	}
	if o.has("bootstrap-server") == o.has("zookeeper") {
		return illegalArgument("Only one of --bootstrap-server or --zookeeper must be specified")
	}
	if o.has("describe") && o.has("if-exists") || !o.any("list", "describe") {
		if err := o.require("topic"); err != nil {
			return err
		}
	}
	if o.has("create") && !o.has("replica-assignment") && o.has("zookeeper") {
		if err := o.require("partitions", "replication-factor"); err != nil {
			return err
		}
	}
	if o.has("bootstrap-server") && o.has("alter") {
		if o.has("config") {
			return misuse(`Option combination "[bootstrap-server],[config]" can't be used with option "[alter]"`)
		}
		if err := o.require("partitions"); err != nil {
			return err
		}
	}
	if err := o.jsonOnlyWith("list", "describe"); err != nil {
		return err
	}
	reports := []string{"under-replicated-partitions", "under-min-isr-partitions", "at-min-isr-partitions", "unavailable-partitions", "topics-with-overrides"}
	rules := []rule{
		{"config", without(actions, "alter", "create")},
		{"delete-config", append(without(actions, "alter"), "bootstrap-server")},
		{"partitions", without(actions, "alter", "create")},
		{"replication-factor", without(actions, "create")},
		{"replica-assignment", without(actions, "create", "alter")},
	}
	if o.has("create") {
		rules = append(rules, rule{"replica-assignment", []string{"partitions", "replication-factor"}})
	}
	for _, r := range reports {
		others := append(without(actions, "describe"), without(reports, r)...)
		if r == "under-min-isr-partitions" || r == "at-min-isr-partitions" {
			others = append(others, "zookeeper")
		}
		rules = append(rules, rule{r, others})
	}
	rules = append(rules,
		rule{"if-exists", append(without(actions, "alter", "delete", "describe"), "bootstrap-server")},
		rule{"if-not-exists", append(without(actions, "create"), "bootstrap-server")},
		rule{"exclude-internal", without(actions, "list", "describe")})
	return o.excludeAll(rules)
}

// topicService is what the two ways to work on topics have in common.
type topicService interface {
	names(ctx context.Context, internal bool) ([]string, error) // sorted
	create(ctx context.Context, t *topicSpec) error
	alter(ctx context.Context, names []string) error
	describe(ctx context.Context, names []string) error
	delete(ctx context.Context, names []string) error
	close()
}

// topicSpec is what the command line says about topics.
type topicSpec struct {
	name         string
	partitions   int32 // -1: not given
	replication  int32 // -1: not given
	assignment   [][]int32
	configs      map[string]string
	order        []string // keys of configs in the order they were given
	deleted      []string
	rackAware    bool
	unlessExists bool
}

// registerTopics is kafka-topics.sh.
func registerTopics() Tool {
	return Tool{Name: "kafka-topics", Help: "create, list, describe, alter and delete topics", run: topics,
		Class:   "kafka.admin.TopicCommand",
		Options: tableOf(topicsOptions),
		Values:  map[string]Values{"topic": valueList}}
}

func topics(ctx context.Context, c *call) error {
	o := topicsOptions()
	if err := c.begin(o, "Create, delete, describe, or change a topic."); err != nil {
		return err
	}
	if err := checkTopicsOptions(o); err != nil {
		return err
	}
	run := &topicRun{call: c, o: o}
	service, err := run.service(ctx)
	if err != nil {
		return err
	}
	defer service.close()
	form := c.form(o)
	if form != formExact && o.any("list", "describe") {
		run.view = &topicsView{Topics: []*topicView{}, list: o.has("list"), reports: !describesTopics(o)}
	}
	err = javaOf(run.act(ctx, service))
	if err == nil && run.view != nil {
		return c.show(form, run.view)
	}
	if err == nil || ctx.Err() != nil {
		return err
	}
	c.printf("Error while executing topic command : %s\n", err.Error())
	c.log("ERROR", topicCommand, "%s\n", javaText(err))
	return exit(1)
}

// topicRun is one run of the topics command.
type topicRun struct {
	*call
	o    *options
	view *topicsView // collects what is listed or described; nil to print Kafka's lines
}

// service reaches for the cluster in the way that the command line names.
func (r *topicRun) service(ctx context.Context) (topicService, error) {
	c, o := r.call, r.o
	texts, err := o.texts("zookeeper", "bootstrap-server", "command-config")
	if err != nil {
		return nil, err
	}
	if texts["zookeeper"] != "" {
		client, err := c.dialZooKeeper(ctx, texts["zookeeper"])
		return &zkTopics{c: r, o: o, client: client, admin: &admin.Admin{Store: client}}, err
	}
	client, err := c.adminFor(texts["bootstrap-server"], texts["command-config"], nil)
	return &brokerTopics{c: r, o: o, admin: client}, err
}

// act does what the command line asks for.
func (c *topicRun) act(ctx context.Context, s topicService) error {
	o := c.o
	if o.has("create") {
		t, err := c.spec()
		if err != nil {
			return err
		}
		if strings.ContainsAny(t.name, "._") {
			c.println(collisionWarning)
		}
		return s.create(ctx, t)
	}
	pattern, err := o.one("topic")
	if err != nil {
		return err
	}
	match := func(string) bool { return true }
	if o.has("topic") {
		if match, err = topicPattern(pattern); err != nil {
			return err
		}
	}
	all, err := s.names(ctx, !o.has("exclude-internal"))
	if err != nil {
		return err
	}
	near := nearest(pattern, all)
	names := slices.DeleteFunc(all, func(n string) bool { return !match(n) || o.has("exclude-internal") && model.IsInternalTopic(n) })
	if o.has("topic") && len(names) == 0 && !o.has("list") && !o.has("if-exists") && !(o.has("describe") && o.has("bootstrap-server")) {
		c.hint("kafka-topics --list shows the topics")
		if near != "" {
			c.hints = []string{"did you mean topic " + near + "?"}
		}
		return illegalArgument("Topic '%s' does not exist as expected", pattern)
	}
	switch {
	case o.has("alter"):
		return s.alter(ctx, names)
	case o.has("delete"):
		return s.delete(ctx, names)
	case o.has("describe"):
		return s.describe(ctx, names)
	}
	if o.has("bootstrap-server") {
		if c.view != nil {
			c.view.names(names, nil)
			return nil
		}
		c.println(strings.Join(names, "\n"))
		return nil
	}
	deleted, err := s.(*zkTopics).client.TopicDeletions(ctx)
	if err != nil && !errors.Is(err, zk.ErrNoNode) {
		return err
	}
	if c.view != nil {
		c.view.names(names, deleted)
		return nil
	}
	for _, n := range names {
		if slices.Contains(deleted, n) {
			n += " - marked for deletion"
		}
		c.println(n)
	}
	return nil
}

// topicPattern makes a test for names of --topic and --whitelist: a regular expression of the whole name, in which a comma means or.
func topicPattern(raw string) (func(string) bool, error) {
	s := strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(raw), ",", "|"), " ", "")
	s = strings.Trim(s, `"'`)
	re, err := regexp.Compile("^(?:" + s + ")$")
	if err != nil {
		return nil, &javaError{class: "java.lang.RuntimeException", text: s + " is an invalid regex."}
	}
	return re.MatchString, nil
}

// topicSpec reads what describes a topic to create, or a change.
func (c *topicRun) spec() (*topicSpec, error) {
	o := c.o
	t := &topicSpec{partitions: -1, replication: -1, rackAware: !o.has("disable-rack-aware"), unlessExists: o.has("if-not-exists")}
	var err error
	if t.name, err = o.one("topic"); err != nil {
		return nil, err
	}
	number := func(name string, to *int32) {
		if err == nil && o.has(name) {
			var n int64
			n, err = o.number(name, 32)
			*to = int32(n)
		}
	}
	number("partitions", &t.partitions)
	number("replication-factor", &t.replication)
	if err != nil {
		return nil, err
	}
	assignment, err := o.one("replica-assignment")
	if err != nil {
		return nil, err
	}
	if assignment != "" {
		if t.assignment, err = parseAssignment(assignment); err != nil {
			return nil, err
		}
	}
	t.deleted = o.all("delete-config")
	t.configs, t.order, err = c.topicConfigs(o.all("config"))
	return t, err
}

func parseAssignment(s string) ([][]int32, error) {
	var out [][]int32
	for i, part := range strings.Split(s, ",") {
		var ids []int32
		for _, w := range strings.Split(part, ":") {
			id, err := strconv.ParseInt(strings.TrimSpace(w), 10, 32)
			if err != nil {
				return nil, &javaError{class: "java.lang.NumberFormatException", text: fmt.Sprintf("For input string: %q", strings.TrimSpace(w))}
			}
			if slices.Contains(ids, int32(id)) {
				return nil, &javaError{class: "kafka.common.AdminCommandFailedException", text: fmt.Sprintf("Partition replica lists may not contain duplicate entries: %d", id)}
			}
			ids = append(ids, int32(id))
		}
		if i > 0 && len(ids) != len(out[0]) {
			// Java prints the identity of an array here.
			return nil, &javaError{class: "kafka.admin.AdminOperationException", text: fmt.Sprintf("Partition %d has different replication factor: [I@%x", i, uint32(hashCode(part)))}
		}
		out = append(out, ids)
	}
	return out, nil
}

// topicConfigs reads --config; the values are checked before anything else happens.
func (c *topicRun) topicConfigs(words []string) (configs map[string]string, order []string, err error) {
	configs = map[string]string{}
	for _, w := range words {
		k, v, ok := strings.Cut(w, "=")
		if k, v = strings.TrimSpace(k), strings.TrimSpace(v); !ok || v == "" || strings.Contains(v, "=") {
			return nil, nil, illegalArgument(`requirement failed: Invalid topic config: all configs to be added must be in the format "key=val".`)
		}
		if _, twice := configs[k]; !twice {
			order = append(order, k)
		}
		configs[k] = v
	}
	if v, ok := configs["message.format.version"]; ok {
		c.printf("WARNING: The configuration message.format.version=%s is specified. This configuration will be ignored if the version is newer than the inter.broker.protocol.version specified in the broker.\n", v)
	}
	return configs, order, admin.ValidateNewConfig(configs)
}

// partitionLine is one partition as describe shows it.
type partitionLine struct {
	topic         string
	partition     int32
	leader        int32 // -1: none
	replicas, isr []int32
	deleted       bool
	minISR        func() int // asked for only when needed
	replication   int        // what under-replicated compares with; 0: the number of replicas
}

func (c *topicRun) describeTopicLine(topic string, partitions, replication int, configs []string, deleted bool) {
	if c.view != nil {
		c.view.topic(topic, partitions, replication, configs, deleted)
		return
	}
	c.printf("Topic: %s\tPartitionCount: %d\tReplicationFactor: %d\tConfigs: %s", topic, partitions, replication, strings.Join(configs, ","))
	if deleted {
		c.printf("\tMarkedForDeletion: true")
	}
	c.printf("\n")
}

// describePartition prints a partition unless the report that was asked for leaves it out.
func (c *topicRun) describePartition(o *options, alive map[int32]bool, p *partitionLine) {
	replication := p.replication
	if replication == 0 {
		replication = len(p.replicas)
	}
	switch {
	case o.has("under-replicated-partitions"):
		if len(p.isr) >= replication {
			return
		}
	case o.has("unavailable-partitions"):
		if p.leader >= 0 && alive[p.leader] {
			return
		}
	case o.has("under-min-isr-partitions"):
		if p.leader >= 0 && len(p.isr) >= p.minISR() {
			return
		}
	case o.has("at-min-isr-partitions"):
		if len(p.isr) != p.minISR() {
			return
		}
	}
	if c.view != nil {
		c.view.partition(p)
		return
	}
	leader := "none"
	if p.leader >= 0 {
		leader = strconv.Itoa(int(p.leader))
	}
	c.printf("\tTopic: %s\tPartition: %d\tLeader: %s\tReplicas: %s\tIsr: %s", p.topic, p.partition, leader, joinIDs(p.replicas), joinIDs(p.isr))
	if p.deleted {
		c.printf("\tMarkedForDeletion: true")
	}
	c.printf("\n")
}

// describesTopics tells whether topic lines are shown, describesPartitions whether partition lines are.
func describesTopics(o *options) bool {
	return !o.any("under-replicated-partitions", "unavailable-partitions", "under-min-isr-partitions", "at-min-isr-partitions")
}

func describesPartitions(o *options) bool { return !o.has("topics-with-overrides") }

func joinIDs(ids []int32) string {
	var b strings.Builder
	for i, id := range ids {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(int(id)))
	}
	return b.String()
}

// joinConfigs lists configs as a java.util.Properties of them does.
func joinConfigs(configs map[string]string) string { return strings.Join(configWords(configs), ",") }

// configWords are key=value for each config, in the order of a java.util.Properties.
func configWords(configs map[string]string) []string {
	keys := hashOrder(slices.Sorted(maps.Keys(configs)), 0, hashCode)
	for i, k := range keys {
		keys[i] = k + "=" + configs[k]
	}
	return keys
}
