package tool

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/internal/model"
)

// topicPartitions reads TOPIC and TOPIC:0,1 of --topic; a topic that does not exist is an error of its own, in unknown.
func (s *groupService) topicPartitions(ctx context.Context) (tps []model.TopicPartition, unknown map[string]error, err error) {
	unknown = map[string]error{}
	for _, word := range s.o.all("topic") {
		topic, list, some := strings.Cut(word, ":")
		var ids []int32
		if some {
			for _, w := range strings.Split(list, ",") {
				n, err := strconv.ParseInt(w, 10, 32)
				if err != nil {
					return nil, nil, &javaError{class: "java.lang.NumberFormatException", text: fmt.Sprintf("For input string: %q", w)}
				}
				ids = append(ids, int32(n))
			}
		} else {
			if ids, err = s.admin.partitionsOf(ctx, topic); err != nil {
				return nil, nil, execution(err)
			}
			if ids == nil {
				unknown[topic] = execution(apiError(3, nil))
			}
		}
		for _, id := range ids {
			tps = append(tps, model.TopicPartition{Topic: topic, Partition: id})
		}
	}
	return tps, unknown, nil
}

// reset shows, and with --execute makes, new offsets of groups without members.
func (s *groupService) reset(ctx context.Context, groups []string) error {
	described, err := s.admin.describeGroups(ctx, groups)
	if err != nil {
		return execution(err)
	}
	plan := map[string]map[model.TopicPartition]int64{}
	order := hashOrder(groups, 0, hashCode)
	for _, g := range order {
		if state := described[g].state; state != "Empty" && state != "Dead" {
			s.printError(fmt.Sprintf("Assignments can only be reset if the group '%s' is inactive, but the current state is %s.", g, state))
			continue
		}
		if plan[g], err = s.newOffsets(ctx, g); err != nil {
			return err
		}
		if s.o.has("execute") && len(plan[g]) > 0 {
			if err := s.admin.commitOffsets(ctx, g, plan[g]); err != nil {
				return execution(err)
			}
		}
	}
	if s.o.has("export") {
		for _, g := range order {
			for _, tp := range sortedPartitions(plan[g]) {
				if len(s.o.all("group")) != 1 {
					s.c.printf("%s,", g)
				}
				s.c.printf("%s,%d,%d\n", tp.Topic, tp.Partition, plan[g][tp])
			}
		}
		s.c.println()
		return nil
	}
	if len(groups) > 0 {
		s.c.printf("\n%-30s %-30s %-10s %-15s\n", "GROUP", "TOPIC", "PARTITION", "NEW-OFFSET")
	}
	for _, g := range order {
		for _, tp := range sortedPartitions(plan[g]) {
			s.c.printf("%-30s %-30s %-10d %-15d\n", g, tp.Topic, tp.Partition, plan[g][tp])
		}
	}
	return nil
}

func sortedPartitions[V any](m map[model.TopicPartition]V) []model.TopicPartition {
	return slices.SortedFunc(maps.Keys(m), func(a, b model.TopicPartition) int {
		if a.Topic != b.Topic {
			return strings.Compare(a.Topic, b.Topic)
		}
		return int(a.Partition - b.Partition)
	})
}

// newOffsets finds the new offsets of one group.
func (s *groupService) newOffsets(ctx context.Context, group string) (map[model.TopicPartition]int64, error) {
	o := s.o
	var (
		tps []model.TopicPartition
		err error
	)
	switch {
	case o.has("all-topics"):
		committed, err := s.admin.committedOffsets(ctx, group)
		if err != nil {
			return nil, execution(err)
		}
		tps = sortedPartitions(committed)
	case o.has("topic"):
		var unknown map[string]error
		if tps, unknown, err = s.topicPartitions(ctx); err != nil {
			return nil, err
		}
		for _, err := range unknown {
			return nil, err
		}
	case !o.has("from-file"):
		return nil, misuse("One of the reset scopes should be defined: --all-topics, --topic.")
	}
	switch {
	case o.has("to-offset"):
		n, err := o.number("to-offset", 64)
		if err != nil {
			return nil, err
		}
		wanted := map[model.TopicPartition]int64{}
		for _, tp := range tps {
			wanted[tp] = n
		}
		return s.clamp(ctx, wanted)
	case o.has("to-earliest"):
		return s.admin.offsetsAt(ctx, tps, -2)
	case o.has("to-latest"):
		return s.admin.offsetsAt(ctx, tps, -1)
	case o.has("shift-by"):
		return s.shifted(ctx, group, tps)
	case o.has("to-datetime"):
		text, err := o.one("to-datetime")
		if err != nil {
			return nil, err
		}
		at, err := parseDateTime(text)
		if err != nil {
			return nil, err
		}
		return s.admin.offsetsAt(ctx, tps, at.UnixMilli())
	case o.has("by-duration"):
		text, err := o.one("by-duration")
		if err != nil {
			return nil, err
		}
		at, err := before(time.Now(), text)
		if err != nil {
			return nil, err
		}
		return s.admin.offsetsAt(ctx, tps, at.UnixMilli())
	case o.has("from-file"):
		wanted, err := s.fromFile(group)
		if err != nil {
			return nil, err
		}
		return s.clamp(ctx, wanted)
	case o.has("to-current"):
		return s.current(ctx, group, tps)
	}
	return nil, misuse("Option '[reset-offsets]' requires one of the following scenarios: Set([%s])", strings.Join(resetScenarios(), "], ["))
}

// clamp keeps offsets within the logs and warns where they were not.
func (s *groupService) clamp(ctx context.Context, wanted map[model.TopicPartition]int64) (map[model.TopicPartition]int64, error) {
	tps := sortedPartitions(wanted)
	first, err := s.admin.offsetsAt(ctx, tps, -2)
	if err != nil {
		return nil, err
	}
	last, err := s.admin.offsetsAt(ctx, tps, -1)
	if err != nil {
		return nil, err
	}
	for _, tp := range tps {
		switch n := wanted[tp]; {
		case n > last[tp]:
			s.c.log("WARN", consumerGroupCommand, "New offset (%d) is higher than latest offset for topic partition %s-%d. Value will be set to %d", n, tp.Topic, tp.Partition, last[tp])
			wanted[tp] = last[tp]
		case n < first[tp]:
			s.c.log("WARN", consumerGroupCommand, "New offset (%d) is lower than earliest offset for topic partition %s-%d. Value will be set to %d", n, tp.Topic, tp.Partition, first[tp])
			wanted[tp] = first[tp]
		}
	}
	return wanted, nil
}

func (s *groupService) shifted(ctx context.Context, group string, tps []model.TopicPartition) (map[model.TopicPartition]int64, error) {
	by, err := s.o.number("shift-by", 64)
	if err != nil {
		return nil, err
	}
	committed, err := s.admin.committedOffsets(ctx, group)
	if err != nil {
		return nil, execution(err)
	}
	wanted := map[model.TopicPartition]int64{}
	for _, tp := range tps {
		n, ok := committed[tp]
		if !ok {
			return nil, illegalArgument("Cannot shift offset for partition %s-%d since there is no current committed offset", tp.Topic, tp.Partition)
		}
		wanted[tp] = n + by
	}
	return s.clamp(ctx, wanted)
}

func (s *groupService) current(ctx context.Context, group string, tps []model.TopicPartition) (map[model.TopicPartition]int64, error) {
	committed, err := s.admin.committedOffsets(ctx, group)
	if err != nil {
		return nil, execution(err)
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
	ends, err := s.admin.offsetsAt(ctx, rest, -1)
	maps.Copy(out, ends)
	return out, err
}

// fromFile reads topic,partition,offset, or the same with a group in front, of which those of the group are taken.
func (s *groupService) fromFile(group string) (map[model.TopicPartition]int64, error) {
	path, err := s.o.one("from-file")
	if err != nil {
		return nil, err
	}
	data, err := readFile(path)
	if err != nil {
		return nil, &javaError{class: "java.io.IOException", text: "Unable to read file " + path, cause: err}
	}
	out := map[model.TopicPartition]int64{}
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		fields := strings.Split(line, ",")
		if len(fields) == 4 {
			if strings.TrimSpace(fields[0]) != group {
				continue
			}
			fields = fields[1:]
		}
		if len(fields) != 3 {
			return nil, illegalArgument("%s: not topic,partition,offset: %s", path, line)
		}
		partition, err1 := strconv.ParseInt(strings.TrimSpace(fields[1]), 10, 32)
		offset, err2 := strconv.ParseInt(strings.TrimSpace(fields[2]), 10, 64)
		if err1 != nil || err2 != nil {
			return nil, illegalArgument("%s: not topic,partition,offset: %s", path, line)
		}
		out[model.TopicPartition{Topic: strings.TrimSpace(fields[0]), Partition: int32(partition)}] = offset
	}
	return out, nil
}

// parseDateTime reads yyyy-MM-ddTHH:mm:ss.SSS with an optional zone, UTC when there is none.
func parseDateTime(s string) (time.Time, error) {
	_, clock, ok := strings.Cut(s, "T")
	if !ok {
		return time.Time{}, &javaError{class: "java.lang.ArrayIndexOutOfBoundsException", text: "Index 1 out of bounds for length 1"}
	}
	full := s
	if !strings.ContainsAny(clock, "+-Z") {
		full += "Z"
	}
	for _, layout := range []string{"2006-01-02T15:04:05.000Z07", "2006-01-02T15:04:05.000Z0700", "2006-01-02T15:04:05.000Z07:00"} {
		if t, err := time.Parse(layout, full); err == nil {
			return t, nil
		}
	}
	return time.Time{}, &javaError{class: "java.text.ParseException", text: fmt.Sprintf("Unparseable date: %q", full)}
}

// before takes an ISO 8601 duration, such as PT1H30M or P7D, from a time.
func before(now time.Time, s string) (time.Time, error) {
	bad := &javaError{class: "java.time.format.DateTimeParseException", text: "Text cannot be parsed to a Duration"}
	m := regexp.MustCompile(`(?i)^([-+]?)P(?:([-+]?\d+)D)?(?:T(?:([-+]?\d+)H)?(?:([-+]?\d+)M)?(?:([-+]?\d+(?:[.,]\d{0,9})?)S)?)?$`).FindStringSubmatch(s)
	if m == nil || strings.HasSuffix(strings.ToUpper(s), "T") || m[2]+m[3]+m[4]+m[5] == "" {
		return now, bad
	}
	var total time.Duration
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
		if m[i+2] == "" {
			continue
		}
		n, err := strconv.ParseFloat(strings.Replace(m[i+2], ",", ".", 1), 64)
		if err != nil {
			return now, bad
		}
		total += time.Duration(n * float64(unit))
	}
	if m[1] == "-" {
		total = -total
	}
	return now.Add(-total), nil
}

// deleteOffsets deletes the offsets that a group has committed for topics.
func (s *groupService) deleteOffsets(ctx context.Context, group string) error {
	tps, unknown, err := s.topicPartitions(ctx)
	if err != nil {
		return err
	}
	results := map[model.TopicPartition]error{}
	for topic, err := range unknown {
		results[model.TopicPartition{Topic: topic, Partition: -1}] = err
	}
	code := int16(0)
	if len(tps) > 0 {
		if code, err = s.sendOffsetDelete(ctx, group, tps, results); err != nil {
			return execution(err)
		}
	}
	switch code {
	case 0:
		s.c.printf("Request succeed for deleting offsets with topic %s group %s\n", strings.Join(s.o.all("topic"), ", "), group)
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
		s.printError("Encounter some unknown error: " + errorName(code))
	}
	s.c.printf("\n%-30s %-15s %-15s\n", "TOPIC", "PARTITION", "STATUS")
	for _, tp := range sortedPartitions(results) {
		partition, status := "Not Provided", "Successful"
		if tp.Partition >= 0 {
			partition = strconv.Itoa(int(tp.Partition))
		}
		if err := results[tp]; err != nil {
			status = "Error: " + err.Error()
		}
		s.c.printf("%-30s %-15s %-15s\n", tp.Topic, partition, status)
	}
	return nil
}

// sendOffsetDelete fills in the results; the code is that of the whole, or the first of a partition.
func (s *groupService) sendOffsetDelete(ctx context.Context, group string, tps []model.TopicPartition, results map[model.TopicPartition]error) (int16, error) {
	req := kmsg.NewPtrOffsetDeleteRequest()
	req.Group = group
	byTopic := map[string]int{}
	for _, tp := range tps {
		i, ok := byTopic[tp.Topic]
		if !ok {
			rt := kmsg.NewOffsetDeleteRequestTopic()
			rt.Topic = tp.Topic
			i = len(req.Topics)
			byTopic[tp.Topic] = i
			req.Topics = append(req.Topics, rt)
		}
		rp := kmsg.NewOffsetDeleteRequestTopicPartition()
		rp.Partition = tp.Partition
		req.Topics[i].Partitions = append(req.Topics[i].Partitions, rp)
	}
	resp, err := request[*kmsg.OffsetDeleteResponse](ctx, s.admin, "offsetDelete", req)
	if err != nil {
		return 0, err
	}
	code := resp.ErrorCode
	if e := apiError(code, nil); e != nil {
		for _, tp := range tps {
			results[tp] = execution(e)
		}
		return code, nil
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			tp := model.TopicPartition{Topic: t.Topic, Partition: p.Partition}
			results[tp] = nil
			if e := apiError(p.ErrorCode, nil); e != nil {
				results[tp] = execution(e)
				if code == 0 {
					code = p.ErrorCode
				}
			}
		}
	}
	return code, nil
}
