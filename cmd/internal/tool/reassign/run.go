package reassign

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/coordinator/zk"
	"momus/internal/model"
)

// needsBootstrap is Kafka's text for a plan with log directories and without brokers to ask.
const needsBootstrap = "bootstrap-server needs to be provided in order to reassign replica to the specified log directory"

// replica is one replica of a partition.
type replica struct {
	tp     model.TopicPartition
	broker int32
}

// String names a replica as Kafka's log lines do.
func (x replica) String() string { return fmt.Sprintf("%s-%d", core.PartitionText(x.tp), x.broker) }

// wantedDirs lists the replicas for which a plan names a directory, in order.
func wantedDirs(plan []planned) (order []replica, dirs map[replica]string) {
	dirs = map[replica]string{}
	for _, p := range plan {
		for i, id := range p.replicas {
			if p.dirs[i] != "any" {
				x := replica{p.tp, id}
				order = append(order, x)
				dirs[x] = p.dirs[i]
			}
		}
	}
	return order, dirs
}

// execute checks the plan and starts it, or, when one is running, only changes its throttle.
// Throttles are written before the plan: replicas must not begin to move without them.
func (r *reassigner) execute(ctx context.Context) error {
	throttle, err := r.o.Number("throttle", 64)
	if err != nil {
		return err
	}
	dirThrottle, err := r.o.Number("replica-alter-log-dirs-throttle", 64)
	if err != nil {
		return err
	}
	timeout, err := r.o.Number("timeout", 64)
	if err != nil {
		return err
	}
	plan, err := r.readPlan()
	if err != nil {
		return err
	}
	topics := planTopics(plan)
	existing, err := r.client.Assignments(ctx, topics)
	if err != nil {
		return err
	}
	brokers, err := r.client.BrokerIDs(ctx)
	if err != nil {
		return err
	}
	if err := checkPlan(plan, existing, brokers); err != nil {
		return err
	}
	// Read after the checks, as in Kafka: a wrong plan is told even while another runs.
	_, running, err := r.client.Reassignments(ctx)
	if err != nil {
		return err
	}
	if running {
		r.c.Println("There is an existing assignment running.")
		// The throttle of the plan that runs is that of the topics in the file.
		return r.limit(ctx, plan, existing, throttle, dirThrottle)
	}
	r.c.Printf("Current partition replica assignment\n\n%s\n\nSave this to use as the --reassignment-json-file option during rollback\n", planJSON(topics, existing))
	if throttle >= 0 || dirThrottle >= 0 {
		r.c.Println("Warning: You must run Verify periodically, until the reassignment completes, to ensure the throttle is removed. You can also alter the throttle by rerunning the Execute command passing a new value.")
	}
	if throttle >= 0 {
		if err := r.throttleReplicas(ctx, plan, existing); err != nil {
			return err
		}
	}
	if err := r.limit(ctx, plan, existing, throttle, dirThrottle); err != nil {
		return err
	}
	return r.start(ctx, plan, time.Duration(timeout)*time.Millisecond)
}

// start writes the plan, and asks brokers for the directories that it names.
func (r *reassigner) start(ctx context.Context, plan []planned, timeout time.Duration) error {
	order, dirs := wantedDirs(plan)
	if len(order) > 0 && r.admin == nil {
		return java.AdminFailed("%s", needsBootstrap)
	}
	// --timeout counts from here, and only for directories.
	deadline := time.Now().Add(timeout)
	// Before the plan: a broker that does not have the replica yet remembers where it is to be
	// made.
	left, err := r.alterDirs(ctx, order, dirs)
	if err != nil {
		return err
	}
	var rs []zk.Reassignment
	for _, p := range plan {
		rs = append(rs, zk.Reassignment{TopicPartition: p.tp, Replicas: p.replicas})
	}
	err = r.client.RequestReassignments(ctx, rs)
	// Between the look above and this somebody else has started one.
	if errors.Is(err, zk.ErrNodeExists) {
		running, _, err := r.client.Reassignments(ctx)
		if err != nil {
			return err
		}
		var tps []model.TopicPartition
		for _, x := range running {
			tps = append(tps, x.TopicPartition)
		}
		return java.AdminFailed("Partition reassignment currently in progress for Map(%s). Aborting operation", core.PartitionTexts(tps, ", "))
	}
	if err != nil {
		return err
	}
	for len(left) > 0 && time.Now().Before(deadline) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
		if left, err = r.alterDirs(ctx, left, dirs); err != nil {
			return err
		}
	}
	if len(left) > 0 {
		var tps []model.TopicPartition
		for _, p := range plan {
			tps = append(tps, p.tp)
		}
		r.c.Printf("Failed to reassign partitions Map(%s)\n", core.PartitionTexts(tps, ", "))
		return nil
	}
	r.c.Println("Successfully started reassignment of partitions.")
	return nil
}

// alterDirs tells brokers in which directory a replica is to be; it returns those that brokers do
// not have yet.
func (r *reassigner) alterDirs(ctx context.Context, replicas []replica, dirs map[replica]string) (left []replica, err error) {
	for _, x := range replicas {
		req := kmsg.NewPtrAlterReplicaLogDirsRequest()
		rd := kmsg.NewAlterReplicaLogDirsRequestDir()
		rt := kmsg.NewAlterReplicaLogDirsRequestDirTopic()
		rt.Topic, rt.Partitions = x.tp.Topic, []int32{x.tp.Partition}
		rd.Dir, rd.Topics = dirs[x], append(rd.Topics, rt)
		req.Dirs = append(req.Dirs, rd)
		resp, err := clients.BrokerRequest[*kmsg.AlterReplicaLogDirsResponse](ctx, r.admin, "alterReplicaLogDirs", x.broker, req)
		if err != nil {
			return nil, java.Execution(err)
		}
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				switch err := java.OfCode(p.ErrorCode, nil); {
				// 9, REPLICA_NOT_AVAILABLE: the broker has taken note of the directory, and has no
				// replica to move.
				case p.ErrorCode == 9:
					left = append(left, x)
				case err != nil:
					return nil, &java.Error{Class: "kafka.common.AdminCommandFailedException", Text: "Failed to alter dir for " + x.String(), Cause: err}
				}
			}
		}
	}
	return left, nil
}

// throttleReplicas names the replicas that the throttle is for: those there are now as leaders, new
// ones as followers.
func (r *reassigner) throttleReplicas(ctx context.Context, plan []planned, existing map[string]zk.Assignments) error {
	leaders, followers := map[string][]string{}, map[string][]string{}
	// KIP-73's lists: PARTITION:BROKER, separated by commas; leaders are those that are read from,
	// followers those that read.
	for _, p := range plan {
		old := existing[p.tp.Topic][p.tp.Partition].Replicas
		// Only the order of what stays may have changed; nothing is copied then.
		if slices.Equal(old, p.replicas) {
			continue
		}
		for _, id := range old {
			leaders[p.tp.Topic] = append(leaders[p.tp.Topic], fmt.Sprintf("%d:%d", p.tp.Partition, id))
		}
		for _, id := range p.replicas {
			if !slices.Contains(old, id) {
				followers[p.tp.Topic] = append(followers[p.tp.Topic], fmt.Sprintf("%d:%d", p.tp.Partition, id))
			}
		}
	}
	// Topics without a move get empty lists, as Kafka writes them.
	for _, t := range planTopics(plan) {
		configs, err := r.client.Config(ctx, zk.EntityTopics, t)
		if err != nil {
			return err
		}
		configs["leader.replication.throttled.replicas"] = strings.Join(leaders[t], ",")
		configs["follower.replication.throttled.replicas"] = strings.Join(followers[t], ",")
		if err := r.store.SetTopicConfig(ctx, t, configs); err != nil {
			return err
		}
	}
	return nil
}

// limit sets the rates of all brokers that have, or are to have, replicas of the topics.
func (r *reassigner) limit(ctx context.Context, plan []planned, existing map[string]zk.Assignments, throttle, dirThrottle int64) error {
	if throttle < 0 && dirThrottle < 0 {
		return nil
	}
	ids := map[int32]bool{}
	for _, p := range plan {
		for _, id := range p.replicas {
			ids[id] = true
		}
		// All partitions of a topic, not only those of the plan: Kafka's choice, which limits a few
		// brokers more.
		for _, a := range existing[p.tp.Topic] {
			for _, id := range a.Replicas {
				ids[id] = true
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		configs, err := r.client.Config(ctx, zk.EntityBrokers, strconv.Itoa(int(id)))
		if err != nil {
			return err
		}
		if throttle >= 0 {
			// One number for both sides: a byte that moves is counted at the leader and at the
			// follower.
			configs["leader.replication.throttled.rate"], configs["follower.replication.throttled.rate"] = core.Itoa(throttle), core.Itoa(throttle)
		}
		if dirThrottle >= 0 {
			configs["replica.alter.log.dirs.io.max.bytes.per.second"] = core.Itoa(dirThrottle)
		}
		if err := r.store.SetBrokerConfig(ctx, strconv.Itoa(int(id)), configs); err != nil {
			return err
		}
	}
	if throttle >= 0 {
		r.c.Printf("The inter-broker throttle limit was set to %d B/s\n", throttle)
	}
	if dirThrottle >= 0 {
		r.c.Printf("The replica-alter-dir throttle limit was set to %d B/s\n", dirThrottle)
	}
	return nil
}

// verify tells of each partition and each directory how far it is. When nothing is left to do it
// removes the throttles, of topics and of brokers.
func (r *reassigner) verify(ctx context.Context) error {
	data, err := r.readPlanFile()
	if err != nil {
		return err
	}
	// Printed before the file is parsed, whose error comes behind this line in Kafka's tool.
	r.c.Println("Status of partition reassignment: ")
	plan, err := parsePlan(data)
	if err != nil {
		return err
	}
	list, _, err := r.client.Reassignments(ctx)
	if err != nil {
		return err
	}
	running := map[model.TopicPartition]bool{}
	for _, x := range list {
		running[x.TopicPartition] = true
	}
	existing, err := r.client.Assignments(ctx, planTopics(plan))
	if err != nil {
		return err
	}
	order, dirs := wantedDirs(plan)
	if len(order) > 0 && r.admin == nil {
		return java.AdminFailed("%s", needsBootstrap)
	}
	done, finished := true, 0
	count := func(status string) {
		if status == "completed successfully" {
			finished++
		} else {
			done = false
		}
	}
	for _, p := range plan {
		status := "failed"
		switch {
		// While the znode lists it; the controller takes a partition out as soon as it is done.
		case running[p.tp]:
			status = "is still in progress"
		// With the order, since the first replica is the preferred leader.
		case slices.Equal(existing[p.tp.Topic][p.tp.Partition].Replicas, p.replicas):
			status = "completed successfully"
		}
		count(status)
		r.c.Printf("Reassignment of partition %s %s\n", core.PartitionText(p.tp), status)
	}
	for _, x := range order {
		status, err := r.dirStatus(ctx, x, dirs[x])
		if err != nil {
			return err
		}
		count(status)
		r.c.Printf("Reassignment of replica %s %s\n", x, status)
	}
	if !done {
		r.c.Out.Flush()
		// The rest that is left to do is shown to somebody at a terminal.
		r.c.NewProgress("moved", int64(len(plan)+len(order)), false).Leave(int64(finished))
		return nil
	}
	return r.removeThrottle(ctx, planTopics(plan))
}

// dirStatus asks a broker where it has a replica.
func (r *reassigner) dirStatus(ctx context.Context, x replica, wanted string) (string, error) {
	resp, err := clients.BrokerRequest[*kmsg.DescribeLogDirsResponse](ctx, r.admin, "describeReplicaLogDirs", x.broker, kmsg.NewPtrDescribeLogDirsRequest())
	if err != nil {
		return "", java.Execution(err)
	}
	current, future := "", ""
	// A directory that is offline answers with an error and no topics.
	for _, d := range resp.Dirs {
		for _, t := range d.Topics {
			for _, p := range t.Partitions {
				switch {
				case t.Topic != x.tp.Topic || p.Partition != x.tp.Partition:
				case p.IsFuture:
					future = d.Dir
				default:
					current = d.Dir
				}
			}
		}
	}
	switch {
	// The replica in the new directory is still filling up.
	case future == wanted:
		return "is still in progress", nil
	case future != "":
		r.c.Printf("Partition %s on broker %d is being moved to log dir %s instead of %s\n", core.PartitionText(x.tp), x.broker, future, wanted)
	case current == wanted:
		return "completed successfully", nil
	case current == "":
		r.c.Printf("Partition %s is not found in any live log dir on broker %d. There is likely offline log directory on the broker.\n", core.PartitionText(x.tp), x.broker)
	default:
		r.c.Printf("Partition %s on broker %d is not being moved from log dir %s to %s\n", core.PartitionText(x.tp), x.broker, current, wanted)
	}
	return "failed", nil
}

// removeThrottle takes the rates from all brokers and the lists from the topics.
func (r *reassigner) removeThrottle(ctx context.Context, topics []string) error {
	ids, err := r.client.BrokerIDs(ctx)
	if err != nil {
		return err
	}
	changed := false
	drop := func(configs map[string]string, keys ...string) bool {
		before := len(configs)
		for _, k := range keys {
			delete(configs, k)
		}
		changed = changed || len(configs) < before
		return len(configs) < before
	}
	// All brokers that run, whatever the plan says: rates are not kept by plan.
	for _, id := range ids {
		configs, err := r.client.Config(ctx, zk.EntityBrokers, strconv.Itoa(int(id)))
		if err != nil {
			return err
		}
		if drop(configs, clients.Throttles()...) {
			if err := r.store.SetBrokerConfig(ctx, strconv.Itoa(int(id)), configs); err != nil {
				return err
			}
		}
	}
	for _, t := range topics {
		configs, err := r.client.Config(ctx, zk.EntityTopics, t)
		if err != nil {
			return err
		}
		if drop(configs, "leader.replication.throttled.replicas", "follower.replication.throttled.replicas") {
			if err := r.store.SetTopicConfig(ctx, t, configs); err != nil {
				return err
			}
		}
	}
	if changed {
		r.c.Println("Throttle was removed.")
	}
	return nil
}
