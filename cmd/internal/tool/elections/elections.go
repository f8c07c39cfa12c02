// Package elections is kafka-leader-election (KIP-460) and its deprecated forerunner,
// kafka-preferred-replica-election.
package elections

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/cmd/internal/tool/options"
	"momus/coordinator/zk"
	"momus/internal/model"
)

// leaderElectionOptions are those of kafka.admin.LeaderElectionCommand (KIP-460).
func leaderElectionOptions() *options.Options {
	return options.Read("This tool attempts to elect a new leader for a set of topic partitions. The type of elections supported are preferred replicas and unclean replicas.", `
		--bootstrap-server <HOST:PORT,…>  brokers to begin with
		--admin.config <FILE>             properties of the client
		--path-to-json-file <FILE>        the partitions: {"partitions": [{"topic": "foo", "partition": 1}]}
		--topic <TOPIC>                   the topic of --partition
		--partition <N>                   the partition of --topic
		--all-topic-partitions            all partitions
		--election-type <TYPE>            preferred, or unclean, which may lose data and only happens where there is no leader
	`).Standard().Checks(checkLeaderElection)
}

// checkLeaderElection asks for exactly one way of naming partitions.
func checkLeaderElection(o *options.Options) error {
	var missing []string
	for _, n := range []string{"bootstrap-server", "election-type"} {
		if !o.Has(n) {
			missing = append(missing, n)
		}
	}
	scopes := 0
	for _, n := range []string{"topic", "all-topic-partitions", "path-to-json-file"} {
		if o.Has(n) {
			scopes++
		}
	}
	switch {
	case len(missing) > 0:
		return java.AdminFailed("Missing required option(s): %s", strings.Join(missing, ", "))
	case scopes != 1:
		return java.AdminFailed("One and only one of the following options is required: topic, all-topic-partitions, path-to-json-file")
	case o.Has("topic") && !o.Has("partition"):
		return java.AdminFailed("Missing required option(s): partition")
	case o.Has("partition") && !o.Has("topic"):
		return java.AdminFailed("Option partition is only allowed if topic is used")
	}
	return nil
}

// Leader is kafka-leader-election.sh.
func Leader() core.Tool {
	return core.Tool{Name: "kafka-leader-election", Help: "elect preferred or unclean leaders", Class: "kafka.admin.LeaderElectionCommand"}.
		Begun(leaderElectionOptions, core.WithTexts(leaderElection, "bootstrap-server", "admin.config", "path-to-json-file", "topic", "election-type"))
}

// leaderElection elects leaders over the brokers (KIP-460); the exit code is 1 when any partition
// failed.
func leaderElection(ctx context.Context, c *core.Call, o *options.Options, texts map[string]string) error {
	kind := strings.ToUpper(texts["election-type"])
	if kind != "PREFERRED" && kind != "UNCLEAN" {
		return &options.ParseError{Class: "joptsimple.OptionArgumentConversionException", Text: "Cannot parse argument '" + texts["election-type"] + "' of option election-type: valid are preferred and unclean"}
	}
	var tps []model.TopicPartition
	if o.Has("topic") {
		n, err := o.Number("partition", 32)
		if err != nil {
			return err
		}
		tps = []model.TopicPartition{{Topic: texts["topic"], Partition: int32(n)}}
	}
	if path := texts["path-to-json-file"]; o.Has("path-to-json-file") {
		var err error
		if tps, err = readElection(path, "Replica election data is empty", "Replica election data is missing \"partitions\" field", "Replica election data contains duplicate partitions: "); err != nil {
			return err
		}
	}
	// LeaderElectionCommand's own limits: 30 s for all, 15 s for a request.
	a, err := electionClient(c, texts["admin.config"], texts["bootstrap-server"], "30000", "15000")
	if err != nil {
		return err
	}
	defer a.Close()
	r, err := elect(a, ctx, kind == "UNCLEAN", tps)
	if err != nil {
		return java.Execution(err)
	}
	return reportElection(c, r, "leader election ("+kind+")", "Valid replica", "%d replica(s) could not be elected")
}

// electionClient makes a client with the tool's own time limits, unless the file has others.
func electionClient(c *core.Call, file, servers, api, request string) (*clients.Admin, error) {
	props, err := core.ReadProperties(file)
	if err != nil {
		return nil, err
	}
	props["bootstrap.servers"] = servers
	// The tool's limits are defaults to Kafka, too: it sets them only where the file has none.
	for key, v := range map[string]string{"default.api.timeout.ms": api, "request.timeout.ms": request} {
		if _, ok := props[key]; !ok {
			props[key] = v
		}
	}
	return clients.NewAdmin(c, props)
}

// readElection reads a list of partitions; the texts are those of the mistakes.
func readElection(path, empty, missing, duplicate string) ([]model.TopicPartition, error) {
	data, err := core.ReadFile(path)
	if err != nil {
		return nil, &java.Error{Class: "java.io.IOException", Text: "Unable to read file " + path, Cause: err}
	}
	var doc struct {
		Partitions *[]struct {
			Topic     string
			Partition int32
		}
	}
	// Fields that are not known are ignored: Kafka looks for its own.
	if err := java.ParseJSON(data, &doc, java.AdminOperation(empty)); err != nil {
		return nil, err
	}
	// A pointer, since an empty list is one and a missing list is not.
	if doc.Partitions == nil {
		return nil, java.AdminOperation(missing)
	}
	tps, seen := []model.TopicPartition{}, map[model.TopicPartition]bool{}
	for _, p := range *doc.Partitions {
		tp := model.TopicPartition{Topic: p.Topic, Partition: p.Partition}
		if seen[tp] {
			return nil, java.AdminOperation(duplicate + core.PartitionText(tp))
		}
		seen[tp] = true
		tps = append(tps, tp)
	}
	return tps, nil
}

// election is what became of the partitions.
type election struct {
	elected, unneeded, failed []model.TopicPartition
	errs                      map[model.TopicPartition]*java.Error
}

// elect elects leaders of partitions, nil for all.
func elect(a *clients.Admin, ctx context.Context, unclean bool, tps []model.TopicPartition) (*election, error) {
	req := kmsg.NewPtrElectLeadersRequest()
	req.TimeoutMillis = a.TimeoutMs
	if unclean {
		// 0 is a preferred election.
		req.ElectionType = 1
	}
	// null is all partitions: ByTopic gives that for none.
	req.Topics = clients.ByTopic(tps, func(topic string) kmsg.ElectLeadersRequestTopic {
		rt := kmsg.NewElectLeadersRequestTopic()
		rt.Topic = topic
		return rt
	}, func(rt *kmsg.ElectLeadersRequestTopic, tp model.TopicPartition) {
		rt.Partitions = append(rt.Partitions, tp.Partition)
	})
	if tps != nil && req.Topics == nil { // none is not the same as all
		req.Topics = []kmsg.ElectLeadersRequestTopic{}
	}
	resp, err := clients.Request[*kmsg.ElectLeadersResponse](ctx, a, "electLeaders", req)
	if err != nil {
		return nil, err
	}
	if err := java.OfCode(resp.ErrorCode, nil); err != nil {
		return nil, err
	}
	out := &election{errs: map[model.TopicPartition]*java.Error{}}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			tp := model.TopicPartition{Topic: t.Topic, Partition: p.Partition}
			switch err := java.OfCode(p.ErrorCode, p.ErrorMessage); {
			case err == nil:
				out.elected = append(out.elected, tp)
			// ELECTION_NOT_NEEDED: the preferred replica leads already.
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

// reportElection prints one line for all that succeeded and one for each that did not; the error
// counts those.
func reportElection(c *core.Call, r *election, what, noop, failure string) error {
	if len(r.elected) > 0 {
		c.Printf("Successfully completed %s for partitions %s\n", what, core.PartitionTexts(r.elected, ", "))
	}
	if len(r.unneeded) > 0 { // Kafka 2.5.0 names those that were elected
		c.Printf("%s already elected for partitions %s\n", noop, core.PartitionTexts(r.elected, ", "))
	}
	for _, tp := range r.failed {
		c.Printf("Error completing %s for partition: %s: %s\n", what, core.PartitionText(tp), r.errs[tp].ToString())
	}
	if len(r.failed) > 0 {
		return java.AdminFailed(failure, len(r.failed))
	}
	return nil
}

// preferredElectionOptions are those of the older
// kafka.admin.PreferredReplicaLeaderElectionCommand; joptsimple knows that the client's properties
// go with brokers, and the tool that only one way may be chosen.
func preferredElectionOptions() *options.Options {
	return options.Read("This tool helps to causes leadership for each partition to be transferred back to the 'preferred replica', it can be used to balance leadership among the servers.", `
		--path-to-json-file <FILE>        the partitions; without it all
		--zookeeper <HOST:PORT,…>         ZooKeeper to write the request to (deprecated)
		--bootstrap-server <HOST:PORT,…>  brokers to begin with
		--admin.config <FILE>             properties of the client, with --bootstrap-server
	`).Standard().Conditions(func(o *options.Options) error {
		if o.Has("admin.config") && !o.Has("bootstrap-server") {
			return options.Unavailable("admin.config")
		}
		return nil
	}).Checks(func(o *options.Options) error {
		if o.Has("bootstrap-server") == o.Has("zookeeper") {
			return options.Misuse("Exactly one of '[bootstrap-server]' or '[zookeeper]' must be provided")
		}
		return nil
	})
}

// Preferred is kafka-preferred-replica-election.sh.
func Preferred() core.Tool {
	return core.Tool{Name: "kafka-preferred-replica-election", Help: "elect preferred leaders (deprecated)", Class: "kafka.admin.PreferredReplicaLeaderElectionCommand"}.
		WithOptions(preferredElectionOptions, preferredElection)
}

// preferredElection is the older tool: its first line tells that it is deprecated, also before
// --help.
func preferredElection(ctx context.Context, c *core.Call, o *options.Options) error {
	c.Println("This tool is deprecated. Please use kafka-leader-election tool. Tracking issue: KAFKA-8405")
	if err := c.Begin(o); err != nil {
		return err
	}
	texts, err := o.Texts("path-to-json-file", "zookeeper", "bootstrap-server", "admin.config")
	if err != nil {
		return err
	}
	var tps []model.TopicPartition
	if path := texts["path-to-json-file"]; o.Has("path-to-json-file") {
		const empty = "Preferred replica election data is empty"
		if tps, err = readElection(path, empty, empty, "Preferred replica election data contains duplicate partitions: "); err != nil {
			return err
		}
	}
	if o.Has("zookeeper") {
		c.Println("Warning: --zookeeper is deprecated and will be removed in a future version of Kafka.")
		c.Println("Use --bootstrap-server instead to specify a broker to connect to.")
		return electOverZooKeeper(c, ctx, texts["zookeeper"], tps)
	}
	a, err := electionClient(c, texts["admin.config"], texts["bootstrap-server"], "60000", "30000")
	if err != nil {
		return err
	}
	defer a.Close()
	r, err := elect(a, ctx, false, tps)
	if err != nil {
		return java.Execution(err)
	}
	return reportElection(c, r, "preferred leader election", "Preferred replica", "%d preferred replica(s) could not be elected")
}

// electOverZooKeeper writes the request for the partitions that exist, nil for all.
func electOverZooKeeper(c *core.Call, ctx context.Context, connect string, tps []model.TopicPartition) error {
	client, err := clients.DialZooKeeper(c, ctx, connect)
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
	// The node is there until the controller has dealt with the request before.
	if errors.Is(err, zk.ErrNodeExists) {
		running, _, err := client.PreferredElection(ctx)
		if err != nil {
			return err
		}
		return java.AdminOperation(fmt.Sprintf("Preferred replica leader election currently in progress for Set(%s). Aborting operation", core.PartitionTexts(running, ", ")))
	}
	if err != nil {
		return err
	}
	c.Printf("Created preferred replica election path with %s\n", core.PartitionTexts(valid, ","))
	c.Printf("Successfully started preferred replica election for partitions Set(%s)\n", core.PartitionTexts(valid, ", "))
	for _, tp := range invalid {
		c.Printf("Skipping preferred replica leader election for partition %s since it doesn't exist.\n", core.PartitionText(tp))
	}
	return nil
}
