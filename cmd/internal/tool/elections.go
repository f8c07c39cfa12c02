package tool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/coordinator/zk"
	"momus/internal/model"
)

func leaderElectionOptions() *options {
	o := newOptions("This tool attempts to elect a new leader for a set of topic partitions. The type of elections supported are preferred replicas and unclean replicas.")
	o.value("bootstrap-server", "HOST:PORT,…", "brokers to begin with")
	o.value("admin.config", "FILE", "properties of the client")
	o.value("path-to-json-file", "FILE", `the partitions: {"partitions": [{"topic": "foo", "partition": 1}]}`)
	o.value("topic", "TOPIC", "the topic of --partition")
	o.value("partition", "N", "the partition of --topic")
	o.flag("all-topic-partitions", "all partitions")
	o.value("election-type", "TYPE", "preferred, or unclean, which may lose data and only happens where there is no leader")
	return o.standard()
}

func adminFailed(format string, a ...any) error {
	return &javaError{class: "kafka.common.AdminCommandFailedException", text: fmt.Sprintf(format, a...)}
}

func checkLeaderElection(o *options) error {
	var missing []string
	for _, n := range []string{"bootstrap-server", "election-type"} {
		if !o.has(n) {
			missing = append(missing, n)
		}
	}
	scopes := 0
	for _, n := range []string{"topic", "all-topic-partitions", "path-to-json-file"} {
		if o.has(n) {
			scopes++
		}
	}
	switch {
	case len(missing) > 0:
		return adminFailed("Missing required option(s): %s", strings.Join(missing, ", "))
	case scopes != 1:
		return adminFailed("One and only one of the following options is required: topic, all-topic-partitions, path-to-json-file")
	case o.has("topic") && !o.has("partition"):
		return adminFailed("Missing required option(s): partition")
	case o.has("partition") && !o.has("topic"):
		return adminFailed("Option partition is only allowed if topic is used")
	}
	return nil
}

// registerLeaderElection is kafka-leader-election.sh.
func registerLeaderElection() Tool {
	return Tool{Name: "kafka-leader-election", Help: "elect preferred or unclean leaders", run: leaderElection,
		Class:   "kafka.admin.LeaderElectionCommand",
		Options: tableOf(leaderElectionOptions)}
}

func leaderElection(ctx context.Context, c *call) error {
	o := leaderElectionOptions()
	if err := c.begin(o, ""); err != nil {
		return err
	}
	if err := checkLeaderElection(o); err != nil {
		return err
	}
	texts, err := o.texts("bootstrap-server", "admin.config", "path-to-json-file", "topic", "election-type")
	if err != nil {
		return err
	}
	kind := strings.ToUpper(texts["election-type"])
	if kind != "PREFERRED" && kind != "UNCLEAN" {
		return &optionError{"joptsimple.OptionArgumentConversionException", "Cannot parse argument '" + texts["election-type"] + "' of option election-type: valid are preferred and unclean"}
	}
	var tps []model.TopicPartition
	if o.has("topic") {
		n, err := o.number("partition", 32)
		if err != nil {
			return err
		}
		tps = []model.TopicPartition{{Topic: texts["topic"], Partition: int32(n)}}
	}
	if path := texts["path-to-json-file"]; path != "" {
		if tps, err = readElection(path, "Replica election data is empty", "Replica election data is missing \"partitions\" field", "Replica election data contains duplicate partitions: "); err != nil {
			return err
		}
	}
	a, err := c.electionClient(texts["admin.config"], texts["bootstrap-server"], "30000", "15000")
	if err != nil {
		return err
	}
	defer a.Close()
	r, err := a.elect(ctx, kind == "UNCLEAN", tps)
	if err != nil {
		return execution(err)
	}
	return c.reportElection(r, "leader election ("+kind+")", "Valid replica", "%d replica(s) could not be elected")
}

func (c *call) electionClient(file, servers, api, request string) (*adminClient, error) {
	props, err := readProperties(file)
	if err != nil {
		return nil, err
	}
	props["bootstrap.servers"] = servers
	for key, v := range map[string]string{"default.api.timeout.ms": api, "request.timeout.ms": request} {
		if _, ok := props[key]; !ok {
			props[key] = v
		}
	}
	return c.newAdmin(props)
}

// readElection reads a list of partitions; the texts are those of the mistakes.
func readElection(path, empty, missing, duplicate string) ([]model.TopicPartition, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, &javaError{class: "java.io.IOException", text: "Unable to read file " + path, cause: err}
	}
	var doc struct {
		Partitions *[]struct {
			Topic     string
			Partition int32
		}
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, adminOperation(empty)
	}
	if doc.Partitions == nil {
		return nil, adminOperation(missing)
	}
	tps, seen := []model.TopicPartition{}, map[model.TopicPartition]bool{}
	for _, p := range *doc.Partitions {
		tp := model.TopicPartition{Topic: p.Topic, Partition: p.Partition}
		if seen[tp] {
			return nil, adminOperation(duplicate + partitionText(tp))
		}
		seen[tp] = true
		tps = append(tps, tp)
	}
	return tps, nil
}

func partitionText(tp model.TopicPartition) string {
	return fmt.Sprintf("%s-%d", tp.Topic, tp.Partition)
}

func partitionTexts(tps []model.TopicPartition, separator string) string {
	var out []string
	for _, tp := range tps {
		out = append(out, partitionText(tp))
	}
	return strings.Join(out, separator)
}

// election is what became of the partitions.
type election struct {
	elected, unneeded, failed []model.TopicPartition
	errs                      map[model.TopicPartition]*javaError
}

// elect elects leaders of partitions, nil for all.
func (a *adminClient) elect(ctx context.Context, unclean bool, tps []model.TopicPartition) (*election, error) {
	req := kmsg.NewPtrElectLeadersRequest()
	req.TimeoutMillis = a.timeoutMs
	if unclean {
		req.ElectionType = 1
	}
	if tps != nil {
		req.Topics = []kmsg.ElectLeadersRequestTopic{}
	}
	byTopic := map[string]int{}
	for _, tp := range tps {
		i, ok := byTopic[tp.Topic]
		if !ok {
			rt := kmsg.NewElectLeadersRequestTopic()
			rt.Topic = tp.Topic
			i = len(req.Topics)
			byTopic[tp.Topic] = i
			req.Topics = append(req.Topics, rt)
		}
		req.Topics[i].Partitions = append(req.Topics[i].Partitions, tp.Partition)
	}
	resp, err := request[*kmsg.ElectLeadersResponse](ctx, a, "electLeaders", req)
	if err != nil {
		return nil, err
	}
	if err := apiError(resp.ErrorCode, nil); err != nil {
		return nil, err
	}
	out := &election{errs: map[model.TopicPartition]*javaError{}}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			tp := model.TopicPartition{Topic: t.Topic, Partition: p.Partition}
			switch err := apiError(p.ErrorCode, p.ErrorMessage); {
			case err == nil:
				out.elected = append(out.elected, tp)
			case p.ErrorCode == 84:
				out.unneeded = append(out.unneeded, tp)
			default:
				out.failed = append(out.failed, tp)
				out.errs[tp] = err
			}
		}
	}
	return out, nil
}

func (c *call) reportElection(r *election, what, noop, failure string) error {
	if len(r.elected) > 0 {
		c.printf("Successfully completed %s for partitions %s\n", what, partitionTexts(r.elected, ", "))
	}
	if len(r.unneeded) > 0 { // Kafka 2.5.0 names those that were elected
		c.printf("%s already elected for partitions %s\n", noop, partitionTexts(r.elected, ", "))
	}
	for _, tp := range r.failed {
		c.printf("Error completing %s for partition: %s: %s\n", what, partitionText(tp), r.errs[tp].java())
	}
	if len(r.failed) > 0 {
		return adminFailed(failure, len(r.failed))
	}
	return nil
}

func preferredElectionOptions() *options {
	o := newOptions("This tool helps to causes leadership for each partition to be transferred back to the 'preferred replica', it can be used to balance leadership among the servers.")
	o.value("path-to-json-file", "FILE", "the partitions; without it all")
	o.value("zookeeper", "HOST:PORT,…", "ZooKeeper to write the request to (deprecated)")
	o.value("bootstrap-server", "HOST:PORT,…", "brokers to begin with")
	o.value("admin.config", "FILE", "properties of the client, with --bootstrap-server")
	return o.standard()
}

// registerPreferredElection is kafka-preferred-replica-election.sh.
func registerPreferredElection() Tool {
	return Tool{Name: "kafka-preferred-replica-election", Help: "elect preferred leaders (deprecated)", run: preferredElection,
		Class:   "kafka.admin.PreferredReplicaLeaderElectionCommand",
		Options: tableOf(preferredElectionOptions)}
}

func preferredElection(ctx context.Context, c *call) error {
	c.println("This tool is deprecated. Please use kafka-leader-election tool. Tracking issue: KAFKA-8405")
	o := preferredElectionOptions()
	c.options = o
	if err := o.parse(c.Args); err != nil {
		return err
	}
	if o.has("admin.config") && !o.has("bootstrap-server") && !o.any("help", "version") {
		return &optionError{"joptsimple.UnavailableOptionException", "Option(s) [admin.config] are unavailable given other options on the command line"}
	}
	if err := c.helpOrVersion(o, ""); err != nil {
		return err
	}
	if o.has("bootstrap-server") == o.has("zookeeper") {
		return misuse("Exactly one of '[bootstrap-server]' or '[zookeeper]' must be provided")
	}
	texts, err := o.texts("path-to-json-file", "zookeeper", "bootstrap-server", "admin.config")
	if err != nil {
		return err
	}
	var tps []model.TopicPartition
	if path := texts["path-to-json-file"]; path != "" {
		const empty = "Preferred replica election data is empty"
		if tps, err = readElection(path, empty, empty, "Preferred replica election data contains duplicate partitions: "); err != nil {
			return err
		}
	}
	if o.has("zookeeper") {
		c.println("Warning: --zookeeper is deprecated and will be removed in a future version of Kafka.")
		c.println("Use --bootstrap-server instead to specify a broker to connect to.")
		return c.electOverZooKeeper(ctx, texts["zookeeper"], tps)
	}
	a, err := c.electionClient(texts["admin.config"], texts["bootstrap-server"], "60000", "30000")
	if err != nil {
		return err
	}
	defer a.Close()
	r, err := a.elect(ctx, false, tps)
	if err != nil {
		return execution(err)
	}
	return c.reportElection(r, "preferred leader election", "Preferred replica", "%d preferred replica(s) could not be elected")
}

// electOverZooKeeper writes the request for the partitions that exist, nil for all.
func (c *call) electOverZooKeeper(ctx context.Context, connect string, tps []model.TopicPartition) error {
	client, err := c.dialZooKeeper(ctx, connect)
	if err != nil {
		return err
	}
	defer client.Close()
	names, err := client.Topics(ctx)
	if err != nil {
		return err
	}
	assignments, err := client.Assignments(ctx, names)
	if err != nil {
		return err
	}
	var valid, invalid []model.TopicPartition
	if tps == nil {
		for _, n := range names {
			for _, p := range assignments[n].Partitions() {
				valid = append(valid, model.TopicPartition{Topic: n, Partition: p})
			}
		}
	}
	for _, tp := range tps {
		if _, ok := assignments[tp.Topic][tp.Partition]; ok {
			valid = append(valid, tp)
		} else {
			invalid = append(invalid, tp)
		}
	}
	err = client.RequestPreferredElection(ctx, valid)
	if errors.Is(err, zk.ErrNodeExists) {
		running, _, err := client.PreferredElection(ctx)
		if err != nil {
			return err
		}
		return adminOperation(fmt.Sprintf("Preferred replica leader election currently in progress for Set(%s). Aborting operation", partitionTexts(running, ", ")))
	}
	if err != nil {
		return err
	}
	c.printf("Created preferred replica election path with %s\n", partitionTexts(valid, ","))
	c.printf("Successfully started preferred replica election for partitions Set(%s)\n", partitionTexts(valid, ", "))
	for _, tp := range invalid {
		c.printf("Skipping preferred replica leader election for partition %s since it doesn't exist.\n", partitionText(tp))
	}
	return nil
}
