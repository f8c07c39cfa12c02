// Package streamsreset is kafka-streams-application-reset: offsets of an application's inputs go
// back, its own topics away.
package streamsreset

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/cmd/internal/tool/options"
	"momus/internal/model"
)

// resetPlans are the options that say where input topics are to be read from; one at most.
func resetPlans() []string {
	return []string{"to-offset", "to-datetime", "by-duration", "to-earliest", "to-latest", "from-file", "shift-by"}
}

// streamsResetOptions are those of kafka.tools.StreamsResetter. It does what it says unless
// --dry-run is given, the other way round than kafka-consumer-groups.
func streamsResetOptions() *options.Options {
	return options.Read("This tool sets a Kafka Streams application back: its input topics are read again from the beginning (or from where an option says), "+
		"intermediate topics are skipped to their end, and its internal topics are deleted.\n"+
		"Stop the application first. Afterwards clean its local state: call KafkaStreams#cleanUp() or remove its state.dir, or its output will be wrong.\n", `
		--application-id <ID>              the application's application.id
		--bootstrap-servers <HOST:PORT,…>  brokers to begin with (default: localhost:9092)
		--input-topics <TOPIC,…>           topics to read again; may be repeated
		--intermediate-topics <TOPIC,…>    topics of through() to skip to the end; may be repeated
		--to-offset <N>                    read input topics from this offset
		--to-datetime <TIME>               read input topics from this time, such as 2020-04-15T10:00:00.000
		--by-duration <DURATION>           read input topics from so long ago, such as PT1H
		--to-earliest                      read input topics from the beginning (the default)
		--to-latest                        read input topics from the end
		--from-file <FILE>                 read input topics from the offsets in lines of topic,partition,offset
		--shift-by <N>                     move the offsets of input topics by so many, also backwards
		--config-file <FILE>               properties of the clients
		--execute                          do it (the default)
		--dry-run                          only show what would be done
		--zookeeper                        not used any more
	`).Standard().UsageOfMistakes().Conditions(needsApplication).Checks(checkStreamsReset)
}

// Tool is kafka-streams-application-reset.sh.
func Tool() core.Tool {
	return core.Tool{Name: "kafka-streams-application-reset", Help: "set a Kafka Streams application back to its beginning", Class: "kafka.tools.StreamsResetter"}.
		Begun(streamsResetOptions, streamsReset)
}

// streamsReset is kafka-streams-application-reset.sh.
func streamsReset(ctx context.Context, c *core.Call, o *options.Options) error {
	s := &streamsResetter{c: c, o: o, dryRun: o.Has("dry-run")}
	err := java.Of(s.run(ctx))
	var code core.Exit
	if err == nil || ctx.Err() != nil || errors.As(err, &code) {
		return err
	}
	c.Errorf("ERROR: %s\n", java.Text(err))
	return core.Exit(1)
}

// needsApplication is the one option that joptsimple requires of the tool.
func needsApplication(o *options.Options) error {
	if !o.Has("application-id") {
		return options.Misuse("Missing required option(s) [application-id]")
	}
	return nil
}

// checkStreamsReset refuses to do it and only to show it, and more than one place to move to.
func checkStreamsReset(o *options.Options) error {
	if o.Has("execute") && o.Has("dry-run") {
		return options.Misuse("Only one of --dry-run and --execute can be specified")
	}
	var rules []options.Rule
	for _, p := range resetPlans() {
		rules = append(rules, options.Rule{Name: p, Others: options.Without(resetPlans(), p)})
	}
	return o.ExcludeAll(rules)
}

// streamsResetter is one run of the tool.
type streamsResetter struct {
	c             *core.Call
	o             *options.Options
	admin         *clients.Admin
	dryRun        bool
	application   string
	topics        []string // all of the cluster that are not internal to Kafka
	input, middle []string // as named
	missing       bool     // whether a topic that was named does not exist
}

// commaList splits values at commas, each name once, in order.
func commaList(words []string) []string {
	var out []string
	for _, w := range words {
		for part := range strings.SplitSeq(w, ",") {
			if part != "" && !slices.Contains(out, part) {
				out = append(out, part)
			}
		}
	}
	return out
}

// run refuses while the application has members, which would overwrite its offsets. Offsets come
// first, then the application's own topics.
func (s *streamsResetter) run(ctx context.Context) error {
	texts, err := s.o.Texts("application-id", "bootstrap-servers", "config-file")
	if err != nil {
		return err
	}
	// In 2.5 the option is --bootstrap-servers, in the plural, unlike that of all other tools.
	if s.admin, err = clients.AdminFor(s.c, texts["bootstrap-servers"], texts["config-file"], nil); err != nil {
		return err
	}
	defer s.admin.Close()
	// The application's id is the name of its consumer group and the beginning of its topics'
	// names.
	s.application = texts["application-id"]
	s.input, s.middle = commaList(s.o.All("input-topics")), commaList(s.o.All("intermediate-topics"))
	if err := s.checkStopped(ctx); err != nil {
		return err
	}
	if s.topics, err = s.admin.TopicNames(ctx, false); err != nil {
		return err
	}
	if s.dryRun {
		s.c.Println("----Dry run displays the actions which will be performed when running Streams Reset Tool----")
	}
	if err := s.resetOffsets(ctx); err != nil {
		return err
	}
	if err := s.deleteTopics(ctx); err != nil {
		return err
	}
	// What was found is done all the same; the code alone tells that something was not.
	if s.missing {
		return core.Exit(1)
	}
	return nil
}

// checkStopped refuses to go on while the application runs.
func (s *streamsResetter) checkStopped(ctx context.Context) error {
	// A group that nobody knows is Dead and without members, which is as good as stopped.
	groups, err := s.admin.DescribeGroups(ctx, []string{s.application})
	if err != nil {
		return java.Execution(err)
	}
	g := groups[s.application]
	if g == nil || len(g.Members) == 0 {
		return nil
	}
	var members []string
	for _, m := range g.Members {
		// The text is MemberDescription.toString, in which what is not there is null.
		instance := m.Instance
		if instance == "" {
			instance = "null"
		}
		var assigned []string
		for _, tp := range m.Assigned {
			assigned = append(assigned, tp.String())
		}
		members = append(members, fmt.Sprintf("(memberId=%s, groupInstanceId=%s, clientId=%s, host=%s, assignment=(topicPartitions=%s))", m.Id, instance, m.Client, m.Host, strings.Join(assigned, ",")))
	}
	return &java.Error{Class: "java.lang.IllegalStateException", Text: fmt.Sprintf("Consumer group '%s' is still active and has following members: [%s]. Make sure to stop all running application instances before running the reset tool.",
		s.application, strings.Join(members, ", "))}
}

// partitions lists those of the topics that exist.
func (s *streamsResetter) partitions(ctx context.Context, topics []string) ([]model.TopicPartition, error) {
	var out []model.TopicPartition
	for _, t := range topics {
		if !slices.Contains(s.topics, t) {
			continue
		}
		ids, err := s.admin.PartitionsOf(ctx, t)
		if err != nil {
			return nil, java.Execution(err)
		}
		for _, p := range ids {
			out = append(out, model.TopicPartition{Topic: t, Partition: p})
		}
	}
	return out, nil
}

// resetOffsets commits, for the application's group, input topics where an option says and
// intermediate topics at their end, and prints both before. A dry run only prints.
func (s *streamsResetter) resetOffsets(ctx context.Context) error {
	if len(s.input)+len(s.middle) == 0 {
		s.c.Println("No input or intermediate topics specified. Skipping seek.")
		return nil
	}
	if len(s.input) > 0 {
		s.c.Printf("Reset-offsets for input topics [%s]\n", strings.Join(s.input, ", "))
	}
	if len(s.middle) > 0 {
		s.c.Printf("Seek-to-end for intermediate topics [%s]\n", strings.Join(s.middle, ", "))
	}
	// One label has a blank and the other has none, as in Kafka.
	s.reportMissing("input", "Topic: ", s.input)
	s.reportMissing("intermediate", "Topic:", s.middle)
	input, err := s.partitions(ctx, s.input)
	if err != nil {
		return err
	}
	// A topic that is named as both is an input topic: reading it again is what was asked for.
	middle, err := s.partitions(ctx, slices.DeleteFunc(slices.Clone(s.middle), func(t string) bool { return slices.Contains(s.input, t) }))
	if err != nil {
		return err
	}
	if len(input)+len(middle) == 0 {
		return nil
	}
	offsets := map[model.TopicPartition]int64{}
	if len(input) > 0 {
		s.c.Printf("Following input topics offsets will be reset to (for consumer group %s)\n", s.application)
		// Looked up before anything is printed of it, so that a mistake in an option changes
		// nothing.
		found, err := s.wanted(ctx, input)
		if err != nil {
			return err
		}
		for _, tp := range input {
			s.c.Printf("Topic: %s Partition: %d Offset: %d\n", tp.Topic, tp.Partition, found[tp])
		}
		maps.Copy(offsets, found)
	}
	if len(middle) > 0 {
		s.c.Printf("Following intermediate topics offsets will be reset to end (for consumer group %s)\n", s.application)
		for _, tp := range middle {
			s.c.Printf("Topic: %s\n", tp.Topic)
		}
		ends, err := s.at(ctx, middle, -1)
		if err != nil {
			return err
		}
		maps.Copy(offsets, ends)
	}
	// A group without members takes a commit that names no generation.
	if !s.dryRun {
		if err := s.admin.CommitOffsets(ctx, s.application, offsets); err != nil {
			return err
		}
	}
	s.c.Println("Done.")
	return nil
}

// reportMissing lists topics that are not there; the exit code will tell of them.
func (s *streamsResetter) reportMissing(kind, label string, topics []string) {
	var lost []string
	for _, t := range topics {
		if !slices.Contains(s.topics, t) {
			lost = append(lost, t)
		}
	}
	if len(lost) == 0 {
		return
	}
	s.missing = true
	s.c.Printf("Following %s topics are not found, skipping them\n", kind)
	for _, t := range lost {
		s.c.Printf("%s%s\n", label, t)
	}
}

// at looks offsets up; after the last message it is the end.
func (s *streamsResetter) at(ctx context.Context, tps []model.TopicPartition, at int64) (map[model.TopicPartition]int64, error) {
	// As in ListOffsets: -1 is the end, -2 the beginning, anything else a time in ms since 1970.
	return s.admin.OffsetsAt(ctx, tps, at)
}

// wanted are the offsets from which input topics are to be read.
func (s *streamsResetter) wanted(ctx context.Context, tps []model.TopicPartition) (map[model.TopicPartition]int64, error) {
	o := s.o
	texts, err := o.Texts("to-datetime", "by-duration", "from-file")
	if err != nil {
		return nil, err
	}
	switch {
	case o.Has("to-offset"):
		n, err := o.Number("to-offset", 64)
		if err != nil {
			return nil, err
		}
		return s.clamp(ctx, tps, clients.AllAt(tps, n))
	case o.Has("to-latest"):
		return s.at(ctx, tps, -1)
	case o.Has("shift-by"):
		n, err := o.Number("shift-by", 64)
		if err != nil {
			return nil, err
		}
		return s.shifted(ctx, tps, n)
	case o.Has("to-datetime"):
		when, err := java.ParseDateTime(texts["to-datetime"])
		// Kafka looks for the T first, and says this in place of the parser's own text.
		if !strings.Contains(texts["to-datetime"], "T") {
			s.c.Errorf("ERROR: Resetting offsets failed.\n")
			err = &java.Error{Class: "java.text.ParseException", Text: "Error parsing timestamp. It does not contain a 'T' according to ISO8601 format"}
		}
		if err != nil {
			return nil, err
		}
		return s.at(ctx, tps, when.UnixMilli())
	case o.Has("by-duration"):
		when, err := java.Before(time.Now(), texts["by-duration"])
		if err != nil {
			return nil, err
		}
		return s.at(ctx, tps, when.UnixMilli())
	case o.Has("from-file"):
		// Every partition has to be in the file: what is left out would be read from nowhere in
		// particular.
		wanted, err := readResetPlan(texts["from-file"])
		if err != nil {
			s.c.Errorf("ERROR: Resetting offsets failed.\n")
			var missing *java.Error
			if errors.As(err, &missing) && missing.Class == "java.nio.file.NoSuchFileException" {
				err = &java.Error{Class: "java.io.IOException", Text: "Unable to read file " + texts["from-file"]}
			}
			return nil, err
		}
		for _, tp := range tps {
			if _, ok := wanted[tp]; !ok {
				return nil, java.IllegalArgument("%s has no offset for partition %s of an input topic", texts["from-file"], tp)
			}
		}
		return s.clamp(ctx, tps, wanted)
	}
	return s.at(ctx, tps, -2)
}

// shifted moves offsets from where the application is: what it has committed, else the end.
func (s *streamsResetter) shifted(ctx context.Context, tps []model.TopicPartition, by int64) (map[model.TopicPartition]int64, error) {
	committed, err := s.admin.CommittedOffsets(ctx, s.application)
	if err != nil {
		return nil, java.Execution(err)
	}
	ends, err := s.at(ctx, tps, -1)
	if err != nil {
		return nil, err
	}
	wanted := map[model.TopicPartition]int64{}
	for _, tp := range tps {
		from, ok := committed[tp]
		if !ok {
			from = ends[tp]
		}
		wanted[tp] = from + by
	}
	return s.clamp(ctx, tps, wanted)
}

// clamp keeps offsets within the logs and says where they were not.
func (s *streamsResetter) clamp(ctx context.Context, tps []model.TopicPartition, wanted map[model.TopicPartition]int64) (map[model.TopicPartition]int64, error) {
	first, err := s.at(ctx, tps, -2)
	if err != nil {
		return nil, err
	}
	last, err := s.at(ctx, tps, -1)
	if err != nil {
		return nil, err
	}
	out := map[model.TopicPartition]int64{}
	for _, tp := range tps {
		switch n := wanted[tp]; {
		// The order matters for an empty log, whose first and last offset are the same.
		case n >= last[tp]: // the end itself is reported too
			s.c.Printf("New offset (%d) is higher than latest offset. Value will be set to %d\n", n, last[tp])
			out[tp] = last[tp]
		case n <= first[tp]:
			s.c.Printf("New offset (%d) is lower than earliest offset. Value will be set to %d\n", n, first[tp])
			out[tp] = first[tp]
		default:
			out[tp] = n
		}
	}
	return out, nil
}

// readResetPlan reads lines of topic,partition,offset.
func readResetPlan(path string) (map[model.TopicPartition]int64, error) {
	data, err := core.ReadFile(path)
	if err != nil {
		return nil, core.MissingFile(err, path)
	}
	if len(data) == 0 {
		return nil, &java.Error{Class: "java.text.ParseException", Text: "Error parsing reset plan CSV file. It is empty,"}
	}
	out := map[model.TopicPartition]int64{}
	for line := range strings.SplitSeq(strings.TrimRight(string(data), "\n"), "\n") {
		// No quotes and no heading, unlike the CSV of kafka-consumer-groups.
		fields := strings.Split(strings.TrimRight(line, "\r"), ",")
		if len(fields) != 3 {
			return nil, &java.Error{Class: "java.text.ParseException", Text: "Reset plan CSV file is not following the format `TOPIC,PARTITION,OFFSET`."}
		}
		partition, err1 := strconv.ParseInt(fields[1], 10, 32)
		offset, err2 := strconv.ParseInt(fields[2], 10, 64)
		if err1 != nil || err2 != nil {
			return nil, &java.Error{Class: "java.lang.NumberFormatException", Text: fmt.Sprintf("For input string: %q", fields[1]+","+fields[2])}
		}
		out[model.TopicPartition{Topic: fields[0], Partition: int32(partition)}] = offset
	}
	return out, nil
}

// isInternal tells whether a topic is one that Kafka Streams made for the application.
func (s *streamsResetter) isInternal(topic string) bool {
	if slices.Contains(s.input, topic) || slices.Contains(s.middle, topic) || !strings.HasPrefix(topic, s.application+"-") {
		return false
	}
	// Those of StreamsResetter in 2.5. They are only names: a topic of somebody else that is named
	// so is deleted, too.
	return slices.ContainsFunc([]string{"-changelog", "-repartition", "-subscription-registration-topic", "-subscription-response-topic"},
		func(suffix string) bool { return strings.HasSuffix(topic, suffix) })
}

// deleteTopics deletes the topics that Kafka Streams made for the application, which are known by
// their names; a dry run lists them.
func (s *streamsResetter) deleteTopics(ctx context.Context) error {
	s.c.Printf("Deleting all internal/auto-created topics for application %s\n", s.application)
	// Topics that were named on the command line are never among them.
	internal := slices.DeleteFunc(slices.Clone(s.topics), func(t string) bool { return !s.isInternal(t) })
	switch {
	case s.dryRun:
		for _, t := range internal {
			s.c.Printf("Topic: %s\n", t)
		}
	case len(internal) > 0:
		if err := s.deleteAll(ctx, internal); err != nil {
			return err
		}
	}
	s.c.Println("Done.")
	return nil
}

// deleteAll deletes topics and says which could not be deleted.
func (s *streamsResetter) deleteAll(ctx context.Context, topics []string) error {
	results, err := s.admin.DeleteTopics(ctx, topics)
	if err != nil {
		return java.Execution(err)
	}
	failed := false
	for _, r := range results {
		if r.Err != nil {
			failed = true
			// Told one by one; the tool goes on and fails at the end.
			s.c.Errorf("ERROR: deleting topic %s\n%s\n", r.Topic, r.Err.ToString())
		}
	}
	if failed {
		return &java.Error{Class: "java.lang.RuntimeException", Text: "Encountered an error deleting one or more topics"}
	}
	return nil
}
