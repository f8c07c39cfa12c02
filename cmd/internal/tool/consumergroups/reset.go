package consumergroups

import (
	"context"
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
	"momus/cmd/internal/tool/options"
	"momus/internal/model"
)

// topicPartitions reads TOPIC and TOPIC:0,1 of --topic; a topic that does not exist is an error of
// its own, in unknown.
func (s *groupService) topicPartitions(ctx context.Context) (tps []model.TopicPartition, unknown map[string]error, err error) {
	unknown = map[string]error{}
	for _, word := range s.o.All("topic") {
		// No topic can have a colon in its name.
		topic, list, some := strings.Cut(word, ":")
		var ids []int32
		if some {
			if ids, err = partitionIDs(list); err != nil {
				return nil, nil, err
			}
		} else {
			ids, err = s.admin.PartitionsOf(ctx, topic)
			switch {
			case err == clients.ErrNoName:
				unknown[topic] = java.Execution(err)
				continue
			case err != nil:
				return nil, nil, java.Execution(err)
			// Code 3 is UNKNOWN_TOPIC_OR_PARTITION.
			case ids == nil:
				unknown[topic] = java.Execution(java.OfCode(3, nil))
			}
		}
		for _, id := range ids {
			tps = append(tps, model.TopicPartition{Topic: topic, Partition: id})
		}
	}
	return tps, unknown, nil
}

// partitionIDs reads the part of TOPIC:0,1 behind the colon, up to another one; each is listed
// once.
func partitionIDs(list string) ([]int32, error) {
	list, _, _ = strings.Cut(list, ":")
	list = strings.TrimRight(list, ",")
	if list == "" {
		// Scala's split leaves one element when nothing is behind the colon.
		return nil, &java.Error{Class: "java.lang.ArrayIndexOutOfBoundsException", Text: "Index 1 out of bounds for length 1"}
	}
	var ids []int32
	for _, w := range strings.Split(list, ",") {
		n, err := strconv.ParseInt(w, 10, 32)
		if err != nil {
			return nil, &java.Error{Class: "java.lang.NumberFormatException", Text: fmt.Sprintf("For input string: %q", w)}
		}
		if !slices.Contains(ids, int32(n)) {
			ids = append(ids, int32(n))
		}
	}
	return ids, nil
}

// reset shows, and with --execute makes, new offsets of groups without members.
func (s *groupService) reset(ctx context.Context, groups []string) error {
	described, err := s.admin.DescribeGroups(ctx, groups)
	if err != nil {
		return java.Execution(err)
	}
	plan := map[string]map[model.TopicPartition]int64{}
	// Groups are a Scala set, whose order is the output's.
	order := java.HashOrder(groups, 0, java.HashCode)
	for _, g := range order {
		// Only a group without members can be set from outside; the coordinator would refuse the
		// commit.
		if state := described[g].State; state != "Empty" && state != "Dead" {
			s.printError(fmt.Sprintf("Assignments can only be reset if the group '%s' is inactive, but the current state is %s.", g, state))
			continue
		}
		// Groups before this one are reset already when one fails: Kafka's tool works group by
		// group, too.
		if plan[g], err = s.newOffsets(ctx, g); err != nil {
			return err
		}
		if s.o.Has("execute") && len(plan[g]) > 0 {
			if err := s.admin.CommitOffsets(ctx, g, plan[g]); err != nil {
				return java.Execution(err)
			}
		}
	}
	if s.o.Has("export") {
		for _, g := range order {
			for _, tp := range core.SortedPartitions(plan[g]) {
				// A file for one group has three columns, so that --from-file reads it again.
				// Even if --all-groups has found only one.
				if len(s.o.All("group")) != 1 {
					s.c.Printf("%s,", g)
				}
				s.c.Printf("%s,%d,%d\n", tp.Topic, tp.Partition, plan[g][tp])
			}
		}
		s.c.Println()
		return nil
	}
	if len(groups) > 0 {
		s.c.Printf("\n%-30s %-30s %-10s %-15s\n", "GROUP", "TOPIC", "PARTITION", "NEW-OFFSET")
	}
	for _, g := range order {
		for _, tp := range core.SortedPartitions(plan[g]) {
			s.c.Printf("%-30s %-30s %-10d %-15d\n", g, tp.Topic, tp.Partition, plan[g][tp])
		}
	}
	return nil
}

// newOffsets finds the new offsets of one group.
func (s *groupService) newOffsets(ctx context.Context, group string) (map[model.TopicPartition]int64, error) {
	o := s.o
	var (
		tps []model.TopicPartition
		err error
	)
	switch {
	case o.Has("all-topics"):
		committed, err := s.admin.CommittedOffsets(ctx, group)
		if err != nil {
			return nil, java.Execution(err)
		}
		// All topics are those that the group has offsets of, not those of the cluster.
		tps = core.SortedPartitions(committed)
	case o.Has("topic"):
		var unknown map[string]error
		if tps, unknown, err = s.topicPartitions(ctx); err != nil {
			return nil, err
		}
		// Any one of them: Kafka's exception is that of the first topic it asks about.
		for _, err := range unknown {
			return nil, err
		}
	case !o.Has("from-file"):
		return nil, options.Misuse("One of the reset scopes should be defined: --all-topics, --topic.")
	}
	switch {
	case o.Has("to-offset"):
		n, err := o.Number("to-offset", 64)
		if err != nil {
			return nil, err
		}
		return s.clamp(ctx, clients.AllAt(tps, n))
	case o.Has("to-earliest"):
		return s.admin.OffsetsAt(ctx, tps, -2)
	case o.Has("to-latest"):
		return s.admin.OffsetsAt(ctx, tps, -1)
	case o.Has("shift-by"):
		return s.shifted(ctx, group, tps)
	case o.Has("to-datetime"):
		text, err := o.One("to-datetime")
		if err != nil {
			return nil, err
		}
		at, err := java.ParseDateTime(text)
		if err != nil {
			return nil, err
		}
		return s.admin.OffsetsAt(ctx, tps, at.UnixMilli())
	case o.Has("by-duration"):
		text, err := o.One("by-duration")
		if err != nil {
			return nil, err
		}
		at, err := java.Before(time.Now(), text)
		if err != nil {
			return nil, err
		}
		return s.admin.OffsetsAt(ctx, tps, at.UnixMilli())
	case o.Has("from-file"):
		wanted, err := s.fromFile(group)
		if err != nil {
			return nil, err
		}
		return s.clamp(ctx, wanted)
	case o.Has("to-current"):
		return s.current(ctx, group, tps)
	}
	return nil, options.Misuse("Option '[reset-offsets]' requires one of the following scenarios: Set([%s])", strings.Join(resetScenarios(), "], ["))
}

// clamp keeps offsets within the logs and warns where they were not.
func (s *groupService) clamp(ctx context.Context, wanted map[model.TopicPartition]int64) (map[model.TopicPartition]int64, error) {
	// One look at both ends for all partitions; an offset may be outdated when it is committed,
	// which a reset by policy mends.
	tps := core.SortedPartitions(wanted)
	first, err := s.admin.OffsetsAt(ctx, tps, -2)
	if err != nil {
		return nil, err
	}
	last, err := s.admin.OffsetsAt(ctx, tps, -1)
	if err != nil {
		return nil, err
	}
	for _, tp := range tps {
		switch n := wanted[tp]; {
		// Only what lies outside is told; the end itself is a good offset.
		case n > last[tp]:
			s.c.Log("WARN", consumerGroupCommand, "New offset (%d) is higher than latest offset for topic partition %s-%d. Value will be set to %d", n, tp.Topic, tp.Partition, last[tp])
			wanted[tp] = last[tp]
		case n < first[tp]:
			s.c.Log("WARN", consumerGroupCommand, "New offset (%d) is lower than earliest offset for topic partition %s-%d. Value will be set to %d", n, tp.Topic, tp.Partition, first[tp])
			wanted[tp] = first[tp]
		}
	}
	return wanted, nil
}

// shifted moves committed offsets; what would leave the partition is taken back to its beginning or
// end.
func (s *groupService) shifted(ctx context.Context, group string, tps []model.TopicPartition) (map[model.TopicPartition]int64, error) {
	by, err := s.o.Number("shift-by", 64)
	if err != nil {
		return nil, err
	}
	committed, err := s.admin.CommittedOffsets(ctx, group)
	if err != nil {
		return nil, java.Execution(err)
	}
	wanted := map[model.TopicPartition]int64{}
	for _, tp := range tps {
		n, ok := committed[tp]
		// Kafka shifts only what was committed.
		if !ok {
			return nil, java.IllegalArgument("Cannot shift offset for partition %s-%d since there is no current committed offset", tp.Topic, tp.Partition)
		}
		wanted[tp] = n + by
	}
	return s.clamp(ctx, wanted)
}

// current gives committed offsets, and the end for partitions that have none.
func (s *groupService) current(ctx context.Context, group string, tps []model.TopicPartition) (map[model.TopicPartition]int64, error) {
	committed, err := s.admin.CommittedOffsets(ctx, group)
	if err != nil {
		return nil, java.Execution(err)
	}
	out := map[model.TopicPartition]int64{}
	var rest []model.TopicPartition
	for _, tp := range tps {
		if n, ok := committed[tp]; ok {
			out[tp] = n
		} else {
			rest = append(rest, tp)
		}
	}
	// Kafka's tool: partitions without an offset go to the end.
	// One request a broker for all that is left.
	ends, err := s.admin.OffsetsAt(ctx, rest, -1)
	maps.Copy(out, ends)
	return out, err
}

// fromFile is what the file of --from-file has for a group; that it has nothing is said.
func (s *groupService) fromFile(group string) (map[model.TopicPartition]int64, error) {
	path, err := s.o.One("from-file")
	if err != nil {
		return nil, err
	}
	data, err := core.ReadFile(path)
	if err != nil {
		return nil, &java.Error{Class: "java.io.IOException", Text: "Unable to read file " + path, Cause: err}
	}
	plan, err := parsePlan(string(data), s.o.All("group"))
	// A plan for other groups is no mistake.
	if err == nil && plan[group] == nil {
		s.printError("No reset plan for group " + group + " found")
	}
	return plan[group], err
}

// deleteOffsets deletes the offsets that a group has committed for topics.
func (s *groupService) deleteOffsets(ctx context.Context, group string) error {
	tps, unknown, err := s.topicPartitions(ctx)
	if err != nil {
		return err
	}
	results := map[model.TopicPartition]error{}
	for topic, err := range unknown {
		// -1 prints as Not Provided.
		results[model.TopicPartition{Topic: topic, Partition: -1}] = err
	}
	code := int16(0)
	if len(tps) > 0 {
		if code, err = s.sendOffsetDelete(ctx, group, tps, results); err != nil {
			return java.Execution(err)
		}
	}
	// 24 INVALID_GROUP_ID, 69 GROUP_ID_NOT_FOUND, 30 GROUP_AUTHORIZATION_FAILED, 68
	// NON_EMPTY_GROUP; then errors of partitions: 86 GROUP_SUBSCRIBED_TO_TOPIC, 29
	// TOPIC_AUTHORIZATION_FAILED, 3 UNKNOWN_TOPIC_OR_PARTITION.
	switch code {
	case 0:
		s.c.Printf("Request succeed for deleting offsets with topic %s group %s\n", strings.Join(s.o.All("topic"), ", "), group)
	case 24:
		s.printError("'" + group + "' is not valid.")
	case 69:
		s.printError("'" + group + "' does not exist.")
	case 30:
		s.printError("Access to '" + group + "' is not authorized.")
	case 68:
		s.printError("Deleting offsets of a consumer group '" + group + "' is forbidden if the group is not empty.")
	case 86, 29, 3:
		s.printError("Encounter some partition level error, see the follow-up details:")
	default:
		s.printError("Encounter some unknown error: " + java.ErrorName(code))
	}
	s.c.Printf("\n%-30s %-15s %-15s\n", "TOPIC", "PARTITION", "STATUS")
	for _, tp := range core.SortedPartitions(results) {
		partition, status := "Not Provided", "Successful"
		if tp.Partition >= 0 {
			partition = strconv.Itoa(int(tp.Partition))
		}
		if err := results[tp]; err != nil {
			status = "Error: " + err.Error()
		}
		s.c.Printf("%-30s %-15s %-15s\n", tp.Topic, partition, status)
	}
	return nil
}

// sendOffsetDelete fills in the results; the code is that of the whole, or the first of a
// partition.
func (s *groupService) sendOffsetDelete(ctx context.Context, group string, tps []model.TopicPartition, results map[model.TopicPartition]error) (int16, error) {
	req := kmsg.NewPtrOffsetDeleteRequest()
	req.Group = group
	req.Topics = clients.ByTopic(tps, func(topic string) kmsg.OffsetDeleteRequestTopic {
		rt := kmsg.NewOffsetDeleteRequestTopic()
		rt.Topic = topic
		return rt
	}, func(rt *kmsg.OffsetDeleteRequestTopic, tp model.TopicPartition) {
		rp := kmsg.NewOffsetDeleteRequestTopicPartition()
		rp.Partition = tp.Partition
		rt.Partitions = append(rt.Partitions, rp)
	})
	resp, err := clients.Request[*kmsg.OffsetDeleteResponse](ctx, s.admin, "offsetDelete", req)
	if err != nil {
		return 0, err
	}
	code := resp.ErrorCode
	if e := java.OfCode(code, nil); e != nil {
		// An error of the whole stands in each row.
		for _, tp := range tps {
			results[tp] = java.Execution(e)
		}
		return code, nil
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			tp := model.TopicPartition{Topic: t.Topic, Partition: p.Partition}
			// nil is a success in the table.
			results[tp] = nil
			if e := java.OfCode(p.ErrorCode, nil); e != nil {
				results[tp] = java.Execution(e)
				if code == 0 {
					code = p.ErrorCode
				}
			}
		}
	}
	return code, nil
}
