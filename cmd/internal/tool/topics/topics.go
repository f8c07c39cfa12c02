// Package topics is kafka-topics, by the brokers (broker.go) or in ZooKeeper (zookeeper.go). Both
// are a topicService; this file has what comes before and after: options, the names that are meant,
// and the lines that are printed. view.go has what people at a terminal and programs see instead of
// Kafka's lines.
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

// topicCommand is the logger that Kafka's lines of log name.
const topicCommand = "kafka.admin.TopicCommand$"

// They are Kafka's, word for word; scripts look for them.
const (
	collisionWarning = "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') could collide. To avoid issues it is best to use either, but not both."
	partitionWarning = "WARNING: If partitions are increased for a topic that has a key, the partition logic or ordering of the messages will be affected"
	alterWarning     = "WARNING: Altering topic configuration from this script has been deprecated and may be removed in future releases.\n         Going forward, please use kafka-configs.sh for this functionality"
)

// topicsOptions are those of kafka.admin.TopicCommand, and --json. The same options work over
// brokers (KIP-377) and over ZooKeeper, but for a few that only one of the two has.
func topicsOptions() *options.Options {
	return options.Read("This tool helps to create, delete, describe, or change a topic.", `
		--bootstrap-server <HOST:PORT,…>      brokers to ask; or --zookeeper
		--command-config <FILE>               properties of the client, with --bootstrap-server
		--zookeeper <HOST:PORT,…>             ZooKeeper to work on directly (deprecated)
		--list                                list the topics
		--create                              create a topic
		--delete                              delete topics
		--alter                               add partitions to topics; with --zookeeper also change configs
		--describe                            show topics and where their partitions are
		--topic <NAME>                        the topic to create; for other actions a regular expression of names
		--config <KEY=VALUE>                  a config of the topic; may be repeated
		--delete-config <KEY>                 a config to remove, with --alter and --zookeeper; may be repeated
		--partitions <N>                      how many partitions the topic is to have
		--replication-factor <N>              how many replicas each partition is to have
		--replica-assignment <ID:ID,ID:ID,…>  the brokers of each partition, instead of letting Kafka choose
		--under-replicated-partitions         show only partitions with missing replicas
		--unavailable-partitions              show only partitions without a leader
		--under-min-isr-partitions            show only partitions with fewer replicas in sync than min.insync.replicas
		--at-min-isr-partitions               show only partitions with just as many replicas in sync as min.insync.replicas
		--topics-with-overrides               show only topics with configs of their own
		--if-exists                           do nothing, without an error, when the topic does not exist (--zookeeper)
		--if-not-exists                       do nothing, without an error, when the topic exists (--zookeeper)
		--disable-rack-aware                  ignore racks when choosing replicas
		--force                               ask nothing
		--exclude-internal                    leave internal topics out
	`).JSON().Standard().WithoutWords("Create, delete, describe, or change a topic.").Checks(checkTopicsOptions)
}

// checkTopicsOptions refuses what does not go together, with the words of
// TopicCommandOptions.checkArgs and in its order.
func checkTopicsOptions(o *options.Options) error {
	actions := []string{"alter", "create", "describe", "list", "delete"}
	if len(o.Given(actions...)) != 1 {
		return options.Misuse("Command must include exactly one action: --list, --describe, --create, --alter or --delete")
	}
	if o.Has("bootstrap-server") == o.Has("zookeeper") {
		return java.IllegalArgument("Only one of --bootstrap-server or --zookeeper must be specified")
	}
	// Kafka asks for a topic with --describe --if-exists, although it then describes one that need
	// not be there.
	if o.Has("describe") && o.Has("if-exists") || !o.Any("list", "describe") {
		if err := o.Require("topic"); err != nil {
			return err
		}
	}
	// A broker of 2.4 and later chooses both by its defaults (KIP-464); ZooKeeper has none.
	if o.Has("create") && !o.Has("replica-assignment") && o.Has("zookeeper") {
		if err := o.Require("partitions", "replication-factor"); err != nil {
			return err
		}
	}
	// Over the admin API configs are changed with kafka-configs. The refusal has Kafka's words,
	// which name the options the other way round.
	if o.Has("bootstrap-server") && o.Has("alter") {
		if o.Has("config") {
			return options.Misuse(`Option combination "[bootstrap-server],[config]" can't be used with option "[alter]"`)
		}
		if err := o.Require("partitions"); err != nil {
			return err
		}
	}
	// --json is ours; Kafka's checks come first where they can.
	if err := o.JSONOnlyWith("list", "describe"); err != nil {
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
		// Only the broker knows the default of min.insync.replicas.
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

// topicService is what the two ways to work on topics have in common. names may answer with more
// than was asked for: act leaves internal topics out once more. The errors are those that Kafka's
// tool would have thrown.
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
	return core.Tool{Name: "kafka-topics", Help: "create, list, describe, alter and delete topics", Class: "kafka.admin.TopicCommand",
		Values: map[string]core.Values{"topic": core.ValueList}}.
		Begun(topicsOptions, topics)
}

// topics prints a failure on standard output behind "Error while executing topic command" and logs
// the exception, as Kafka does.
func topics(ctx context.Context, c *core.Call, o *options.Options) error {
	run := &topicRun{Call: c, o: o}
	service, err := run.service(ctx)
	if err != nil {
		return err
	}
	defer service.close()
	// In a terminal a table is shown, for a program JSON; a script gets Kafka's lines, byte for
	// byte.
	form := c.Form(o)
	if form != screen.Exact && o.Any("list", "describe") {
		run.view = &topicsView{Topics: []*topicView{}, list: o.Has("list"), reports: !describesTopics(o)}
	}
	err = java.Of(run.act(ctx, service))
	if err == nil && run.view != nil {
		return c.Show(form, run.view)
	}
	// Who was interrupted is told nothing: Kafka's tool dies by the signal.
	if err == nil || ctx.Err() != nil {
		return err
	}
	c.Printf("Error while executing topic command : %s\n", err.Error())
	c.Log("ERROR", topicCommand, "%s\n", java.Text(err))
	c.Failure = err
	return core.Exit(1)
}

// topicRun is one run of the topics command. It collects the view and owns nothing: the service is
// closed by who opened it.
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
		// Kafka warns before it tries, so that the line also stands before an error.
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
	// A name that is nearly the one that was typed is worked out before names is cut: DeleteFunc
	// clears the end of all.
	near := core.Meant(pattern, all)
	names := slices.DeleteFunc(all, func(n string) bool { return !match(n) || o.Has("exclude-internal") && model.IsInternalTopic(n) })
	// Kafka's tool of 2.5 fails for a topic that is not there with --alter and --delete, and with
	// --describe only over ZooKeeper. --list is never wrong.
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
	// All names in one Println, as Kafka does: without topics that is an empty line.
	if o.Has("bootstrap-server") {
		if c.view != nil {
			c.view.names(names, nil)
			return nil
		}
		c.Println(strings.Join(names, "\n"))
		return nil
	}
	// Only ZooKeeper knows which topics are marked; over the admin API they are gone from the first
	// moment.
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
// name, in which a comma means or. Blanks are dropped and quotes around it too
// (kafka.utils.Whitelist). It is Go's dialect, in which Java's look-around and back references are
// errors.
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

// spec reads what describes a topic to create, or a change. Numbers come out as they were typed:
// whether they make sense is checked where Kafka checks it, on this side over the admin API, by the
// placement over ZooKeeper.
func (c *topicRun) spec() (*topicSpec, error) {
	o := c.o
	t := &topicSpec{partitions: -1, replication: -1, resized: o.Has("partitions"), replicated: o.Has("replication-factor"), rackAware: !o.Has("disable-rack-aware"), unlessExists: o.Has("if-not-exists")}
	var err error
	if t.name, err = o.One("topic"); err != nil {
		return nil, err
	}
	// number reads an option unless an earlier one was wrong already.
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
	// Kafka's tool checks the keys to remove, too, so that a typing error is no success.
	for _, k := range t.deleted {
		var unknown *configs.UnknownKeyError
		if err := configs.ValidateTopic(map[string]string{k: ""}); errors.As(err, &unknown) {
			return nil, &java.Error{Class: java.ErrorsPackage + "InvalidConfigurationException", Text: unknown.Error()}
		}
	}
	t.configs, t.order, err = c.topicConfigs(o.All("config"))
	return t, err
}

// parseAssignment reads 1:2,2:1: brokers of each partition, as many for each. What is read is what
// AdminClient is given by Kafka's TopicCommand.parseReplicaAssignment, with its errors; nil is no
// assignment.
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

// topicConfigs reads --config; the values are checked before anything else happens. A value with =
// in it is refused, since Kafka splits at every one. A key that is given twice has its last value,
// at its first place.
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

// partitionLine is one partition as describe shows it. replication is less than the number of
// replicas while a reassignment adds some (KIP-455).
type partitionLine struct {
	topic         string
	partition     int32
	leader        int32 // -1: none
	replicas, isr []int32
	deleted       bool
	minISR        func() int // asked for only when needed
	replication   int        // what under-replicated compares with; 0: the number of replicas
}

// describeTopicLine prints a topic's line, or keeps it for the view. Kafka separates by tabs, and
// ends the line with "Configs: " and a blank if there are none.
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

// describePartition prints a partition unless the report that was asked for leaves it out. alive
// are the brokers that the cluster has: a leader that is not among them is none, which only
// ZooKeeper can show.
func (c *topicRun) describePartition(o *options.Options, alive map[int32]bool, p *partitionLine) {
	replication := p.replication
	if replication == 0 {
		replication = len(p.replicas)
	}
	// One report at most: the options exclude each other.
	switch {
	case o.Has("under-replicated-partitions"):
		if len(p.isr) >= replication {
			return
		}
	case o.Has("unavailable-partitions"):
		if p.leader >= 0 && alive[p.leader] {
			return
		}
	// A partition without a leader is below any minimum.
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
	// -1 is "none" in Kafka's lines, null in JSON.
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

// describesPartitions reports whether --describe shows partitions, and not only topics.
func describesPartitions(o *options.Options) bool { return !o.Has("topics-with-overrides") }
