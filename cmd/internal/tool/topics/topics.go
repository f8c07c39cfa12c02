// Package topics is kafka-topics, by the brokers (broker.go) or in ZooKeeper (zookeeper.go).
package topics

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/cmd/internal/tool/options"
	"momus/cmd/internal/tool/screen"
	"momus/configs"
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

func topicsOptions() *options.Options {
	o := options.New("This tool helps to create, delete, describe, or change a topic.")
	o.Value("bootstrap-server", "HOST:PORT,…", "brokers to ask; or --zookeeper")
	o.Value("command-config", "FILE", "properties of the client, with --bootstrap-server")
	o.Value("zookeeper", "HOST:PORT,…", "ZooKeeper to work on directly (deprecated)")
	o.Flag("list", "list the topics")
	o.Flag("create", "create a topic")
	o.Flag("delete", "delete topics")
	o.Flag("alter", "add partitions to topics; with --zookeeper also change configs")
	o.Flag("describe", "show topics and where their partitions are")
	o.Value("topic", "NAME", "the topic to create; for other actions a regular expression of names")
	o.Value("config", "KEY=VALUE", "a config of the topic; may be repeated")
	o.Value("delete-config", "KEY", "a config to remove, with --alter and --zookeeper; may be repeated")
	o.Value("partitions", "N", "how many partitions the topic is to have")
	o.Value("replication-factor", "N", "how many replicas each partition is to have")
	o.Value("replica-assignment", "ID:ID,ID:ID,…", "the brokers of each partition, instead of letting Kafka choose")
	o.Flag("under-replicated-partitions", "show only partitions with missing replicas")
	o.Flag("unavailable-partitions", "show only partitions without a leader")
	o.Flag("under-min-isr-partitions", "show only partitions with fewer replicas in sync than min.insync.replicas")
	o.Flag("at-min-isr-partitions", "show only partitions with just as many replicas in sync as min.insync.replicas")
	o.Flag("topics-with-overrides", "show only topics with configs of their own")
	o.Flag("if-exists", "do nothing, without an error, when the topic does not exist (--zookeeper)")
	o.Flag("if-not-exists", "do nothing, without an error, when the topic exists (--zookeeper)")
	o.Flag("disable-rack-aware", "ignore racks when choosing replicas")
	o.Flag("force", "ask nothing")
	o.Flag("exclude-internal", "leave internal topics out")
	o.Json()
	return o.Standard()
}

func checkTopicsOptions(o *options.Options) error {
	actions := []string{"alter", "create", "describe", "list", "delete"}
	n := 0
	for _, a := range actions {
		if o.Has(a) {
			n++
		}
	}
	if n != 1 {
		return options.Misuse("Command must include exactly one action: --list, --describe, --create, --alter or --delete")
	}
	if o.Has("bootstrap-server") == o.Has("zookeeper") {
		return java.IllegalArgument("Only one of --bootstrap-server or --zookeeper must be specified")
	}
	if o.Has("describe") && o.Has("if-exists") || !o.Any("list", "describe") {
		if err := o.Require("topic"); err != nil {
			return err
		}
	}
	if o.Has("create") && !o.Has("replica-assignment") && o.Has("zookeeper") {
		if err := o.Require("partitions", "replication-factor"); err != nil {
			return err
		}
	}
	if o.Has("bootstrap-server") && o.Has("alter") {
		if o.Has("config") {
			return options.Misuse(`Option combination "[bootstrap-server],[config]" can't be used with option "[alter]"`)
		}
		if err := o.Require("partitions"); err != nil {
			return err
		}
	}
	if err := o.JsonOnlyWith("list", "describe"); err != nil {
		return err
	}
	reports := []string{"under-replicated-partitions", "under-min-isr-partitions", "at-min-isr-partitions", "unavailable-partitions", "topics-with-overrides"}
	rules := []options.Rule{
		{Name: "config", Others: options.Without(actions, "alter", "create")},
		{Name: "delete-config", Others: append(options.Without(actions, "alter"), "bootstrap-server")},
		{Name: "partitions", Others: options.Without(actions, "alter", "create")},
		{Name: "replication-factor", Others: options.Without(actions, "create")},
		{Name: "replica-assignment", Others: options.Without(actions, "create", "alter")},
	}
	if o.Has("create") {
		rules = append(rules, options.Rule{Name: "replica-assignment", Others: []string{"partitions", "replication-factor"}})
	}
	for _, r := range reports {
		others := append(options.Without(actions, "describe"), options.Without(reports, r)...)
		if r == "under-min-isr-partitions" || r == "at-min-isr-partitions" {
			others = append(others, "zookeeper")
		}
		rules = append(rules, options.Rule{Name: r, Others: others})
	}
	rules = append(rules,
		options.Rule{Name: "if-exists", Others: append(options.Without(actions, "alter", "delete", "describe"), "bootstrap-server")},
		options.Rule{Name: "if-not-exists", Others: append(options.Without(actions, "create"), "bootstrap-server")},
		options.Rule{Name: "exclude-internal", Others: options.Without(actions, "list", "describe")})
	return o.ExcludeAll(rules)
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
	resized      bool  // the number of partitions was given, whatever it is
	replicated   bool  // the number of replicas was
	assignment   [][]int32
	configs      map[string]string
	order        []string // keys of configs in the order they were given
	deleted      []string
	rackAware    bool
	unlessExists bool
}

// Tool is kafka-topics.sh.
func Tool() core.Tool {
	return core.Tool{Name: "kafka-topics", Help: "create, list, describe, alter and delete topics", Main: topics,
		Class:   "kafka.admin.TopicCommand",
		Options: core.TableOf(topicsOptions),
		Values:  map[string]core.Values{"topic": core.ValueList}}
}

func topics(ctx context.Context, c *core.Call) error {
	o := topicsOptions()
	if err := c.Begin(o, "Create, delete, describe, or change a topic."); err != nil {
		return err
	}
	if err := checkTopicsOptions(o); err != nil {
		return err
	}
	run := &topicRun{Call: c, o: o}
	service, err := run.service(ctx)
	if err != nil {
		return err
	}
	defer service.close()
	form := c.Form(o)
	if form != screen.Exact && o.Any("list", "describe") {
		run.view = &topicsView{Topics: []*topicView{}, list: o.Has("list"), reports: !describesTopics(o)}
	}
	err = java.Of(run.act(ctx, service))
	if err == nil && run.view != nil {
		return c.Show(form, run.view)
	}
	if err == nil || ctx.Err() != nil {
		return err
	}
	c.Printf("Error while executing topic command : %s\n", err.Error())
	c.Log("ERROR", topicCommand, "%s\n", java.Text(err))
	c.Failure = err
	return core.Exit(1)
}

// topicRun is one run of the topics command.
type topicRun struct {
	*core.Call
	o    *options.Options
	view *topicsView // collects what is listed or described; nil to print Kafka's lines
}

// service reaches for the cluster in the way that the command line names.
func (r *topicRun) service(ctx context.Context) (topicService, error) {
	c, o := r.Call, r.o
	texts, err := o.Texts("zookeeper", "bootstrap-server", "command-config")
	if err != nil {
		return nil, err
	}
	if o.Has("zookeeper") {
		client, err := clients.DialZooKeeper(c, ctx, texts["zookeeper"])
		return &zkTopics{c: r, o: o, client: client, admin: &admin.Admin{Store: client}}, err
	}
	client, err := clients.AdminFor(c, texts["bootstrap-server"], texts["command-config"], nil)
	return &brokerTopics{c: r, o: o, admin: client}, err
}

// act does what the command line asks for.
func (c *topicRun) act(ctx context.Context, s topicService) error {
	o := c.o
	if o.Has("create") {
		t, err := c.spec()
		if err != nil {
			return err
		}
		if strings.ContainsAny(t.name, "._") {
			c.Println(collisionWarning)
		}
		return s.create(ctx, t)
	}
	pattern, err := o.One("topic")
	if err != nil {
		return err
	}
	match := func(string) bool { return true }
	if o.Has("topic") {
		if match, err = topicPattern(pattern); err != nil {
			return err
		}
	}
	all, err := s.names(ctx, !o.Has("exclude-internal"))
	if err != nil {
		return err
	}
	near := core.Meant(pattern, all)
	names := slices.DeleteFunc(all, func(n string) bool { return !match(n) || o.Has("exclude-internal") && model.IsInternalTopic(n) })
	if o.Has("topic") && len(names) == 0 && !o.Has("list") && !o.Has("if-exists") && !(o.Has("describe") && o.Has("bootstrap-server")) {
		c.Hint("kafka-topics --list shows the topics")
		if near != "" {
			c.Hints = []string{"did you mean topic " + near + "?"}
		}
		return java.IllegalArgument("Topic '%s' does not exist as expected", pattern)
	}
	if o.Has("topic") && o.Has("describe") && len(names) == 0 && c.Terminal.Err { // Kafka's tool says nothing
		c.Troubled = true
		c.Hint("no topic matches %s; kafka-topics --list shows the topics", pattern)
		if near != "" {
			c.Hints = []string{"no topic matches " + pattern + "; did you mean " + near + "?"}
		}
	}
	switch {
	case o.Has("alter"):
		return s.alter(ctx, names)
	case o.Has("delete"):
		return s.delete(ctx, names)
	case o.Has("describe"):
		return s.describe(ctx, names)
	}
	if o.Has("bootstrap-server") {
		if c.view != nil {
			c.view.names(names, nil)
			return nil
		}
		c.Println(strings.Join(names, "\n"))
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
		c.Println(n)
	}
	return nil
}

// openCount is a brace that begins no count of repetitions, which Java does not take.
var openCount = regexp.MustCompile(`(?:^|[^\\])\{(?:[^0-9]|[0-9]+(?:,[0-9]*)?(?:[^0-9,}]|$)|$)`)

// topicPattern makes a test for names of --topic and --whitelist: a regular expression of the whole
// name, in which a comma means or.
func topicPattern(raw string) (func(string) bool, error) {
	s := strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(raw), ",", "|"), " ", "")
	s = strings.Trim(s, `"'`)
	invalid := &java.Error{Class: "java.lang.RuntimeException", Text: s + " is an invalid regex."}
	if openCount.MatchString(s) { // to Go it is a letter
		return nil, invalid
	}
	re, err := regexp.Compile("^(?:" + s + ")$")
	if err != nil {
		return nil, invalid
	}
	return re.MatchString, nil
}

// topicSpec reads what describes a topic to create, or a change.
func (c *topicRun) spec() (*topicSpec, error) {
	o := c.o
	t := &topicSpec{partitions: -1, replication: -1, resized: o.Has("partitions"), replicated: o.Has("replication-factor"), rackAware: !o.Has("disable-rack-aware"), unlessExists: o.Has("if-not-exists")}
	var err error
	if t.name, err = o.One("topic"); err != nil {
		return nil, err
	}
	number := func(name string, to *int32) {
		if err == nil && o.Has(name) {
			var n int64
			n, err = o.Number(name, 32)
			*to = int32(n)
		}
	}
	number("partitions", &t.partitions)
	number("replication-factor", &t.replication)
	if err != nil {
		return nil, err
	}
	assignment, err := o.One("replica-assignment")
	if err != nil {
		return nil, err
	}
	if o.Has("replica-assignment") && assignment != "" {
		if t.assignment, err = parseAssignment(assignment); err != nil {
			return nil, err
		}
	}
	t.deleted = o.All("delete-config")
	for _, k := range t.deleted {
		var unknown *configs.UnknownKeyError
		if err := configs.ValidateTopic(map[string]string{k: ""}); errors.As(err, &unknown) {
			return nil, &java.Error{Class: java.ErrorsPackage + "InvalidConfigurationException", Text: unknown.Error()}
		}
	}
	t.configs, t.order, err = c.topicConfigs(o.All("config"))
	return t, err
}

func parseAssignment(s string) ([][]int32, error) {
	var out [][]int32
	for i, part := range strings.Split(strings.TrimRight(s, ","), ",") { // Java drops empty words at the end
		if part == "" && i == 0 {
			return nil, nil
		}
		var ids []int32
		for _, w := range strings.Split(part, ":") {
			id, err := strconv.ParseInt(strings.TrimSpace(w), 10, 32)
			if err != nil {
				return nil, &java.Error{Class: "java.lang.NumberFormatException", Text: fmt.Sprintf("For input string: %q", strings.TrimSpace(w))}
			}
			if slices.Contains(ids, int32(id)) {
				return nil, &java.Error{Class: "kafka.common.AdminCommandFailedException", Text: fmt.Sprintf("Partition replica lists may not contain duplicate entries: %d", id)}
			}
			ids = append(ids, int32(id))
		}
		if i > 0 && len(ids) != len(out[0]) {
			// Java prints the identity of an array here.
			return nil, &java.Error{Class: "kafka.admin.AdminOperationException", Text: fmt.Sprintf("Partition %d has different replication factor: [I@%x", i, uint32(java.HashCode(part)))}
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
			return nil, nil, java.IllegalArgument(`requirement failed: Invalid topic config: all configs to be added must be in the format "key=val".`)
		}
		if _, twice := configs[k]; !twice {
			order = append(order, k)
		}
		configs[k] = v
	}
	if err := admin.ValidateNewConfig(configs); err != nil {
		return nil, nil, err
	}
	if v, ok := configs["message.format.version"]; ok {
		c.Printf("WARNING: The configuration message.format.version=%s is specified. This configuration will be ignored if the version is newer than the inter.broker.protocol.version specified in the broker.\n", v)
	}
	return configs, order, nil
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
	c.Printf("Topic: %s\tPartitionCount: %d\tReplicationFactor: %d\tConfigs: %s", topic, partitions, replication, strings.Join(configs, ","))
	if deleted {
		c.Printf("\tMarkedForDeletion: true")
	}
	c.Printf("\n")
}

// describePartition prints a partition unless the report that was asked for leaves it out.
func (c *topicRun) describePartition(o *options.Options, alive map[int32]bool, p *partitionLine) {
	replication := p.replication
	if replication == 0 {
		replication = len(p.replicas)
	}
	switch {
	case o.Has("under-replicated-partitions"):
		if len(p.isr) >= replication {
			return
		}
	case o.Has("unavailable-partitions"):
		if p.leader >= 0 && alive[p.leader] {
			return
		}
	case o.Has("under-min-isr-partitions"):
		if p.leader >= 0 && len(p.isr) >= p.minISR() {
			return
		}
	case o.Has("at-min-isr-partitions"):
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
	c.Printf("\tTopic: %s\tPartition: %d\tLeader: %s\tReplicas: %s\tIsr: %s", p.topic, p.partition, leader, core.JoinIDs(p.replicas), core.JoinIDs(p.isr))
	if p.deleted {
		c.Printf("\tMarkedForDeletion: true")
	}
	c.Printf("\n")
}

// describesTopics tells whether topic lines are shown, describesPartitions whether partition lines
// are.
func describesTopics(o *options.Options) bool {
	return !o.Any("under-replicated-partitions", "unavailable-partitions", "under-min-isr-partitions", "at-min-isr-partitions")
}

func describesPartitions(o *options.Options) bool { return !o.Has("topics-with-overrides") }
