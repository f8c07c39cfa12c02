// Package consumergroups is kafka-consumer-groups: groups, their members and offsets; deleting and
// resetting them.
package consumergroups

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/cmd/internal/tool/options"
	"momus/cmd/internal/tool/screen"
)

// consumerGroupCommand is the logger of the tool.
const consumerGroupCommand = "kafka.admin.ConsumerGroupCommand$"

// dryRunWarning is Kafka's text, with the blank that is missing in it.
const dryRunWarning = "WARN: No action will be performed as the --execute option is missing." +
	"In a future major release, the default behavior of this command will be to prompt the user before executing the reset rather than doing a dry run. " +
	"You should add the --dry-run option explicitly if you are scripting this command and want to keep the current default behavior without prompting."

// resetScenarios are the ways to reset, in the order in which Kafka lists them.
func resetScenarios() []string {
	return []string{"by-duration", "to-offset", "from-file", "to-datetime", "to-earliest", "to-current", "shift-by", "to-latest"}
}

// consumerGroupsOptions are those of kafka.admin.ConsumerGroupCommand, and --json. --all-groups,
// and more than one --group, are of 2.4 and later (KAFKA-7471).
func consumerGroupsOptions() *options.Options {
	return options.Read("This tool helps to list all consumer groups, describe a consumer group, delete consumer group info, or reset consumer group offsets.", `
		--bootstrap-server <HOST:PORT,…>  brokers to begin with
		--command-config <FILE>           properties of the client
		--group <GROUP>                   a group; may be repeated
		--all-groups                      all groups
		--topic <TOPIC[:N,N…]>            a topic, or some of its partitions; may be repeated
		--all-topics                      all topics the group has offsets of
		--list                            list the groups
		--describe                        show offsets, members or state of groups
		--delete                          delete groups
		--delete-offsets                  delete the offsets of topics
		--reset-offsets                   set the offsets of groups without members
		--timeout <MS>                    time limit of each request (default: 5000)
		--dry-run                         only show what would be reset
		--execute                         reset
		--export                          show what is to be reset as CSV
		--to-offset <OFFSET>              reset to this offset
		--from-file <FILE>                reset to the offsets in a CSV file: topic,partition,offset or group,topic,partition,offset
		--to-datetime <TIME>              reset to a time such as 2020-04-15T10:00:00.000
		--by-duration <DURATION>          reset to so long ago, such as P1DT2H
		--to-earliest                     reset to the beginning
		--to-latest                       reset to the end
		--shift-by <N>                    move by so many messages
		--to-current                      reset to the committed offset
		--members                         describe the members
		--offsets                         describe the offsets; the default
		--state                           describe the state
		--verbose                         with --members: show which partitions they own
	`).JSON().Standard().Conditions(checkAvailable)
}

// checkAvailable are joptsimple's conditions between options; it sorts the names that it complains
// of.
func checkAvailable(o *options.Options) error {
	var bad []string
	views := []string{"members", "offsets", "state"}
	for _, v := range append(views, "verbose") {
		if !o.Has(v) {
			continue
		}
		if !o.Has("describe") || v != "verbose" && o.Any(options.Without(views, v)...) {
			bad = append(bad, v)
		}
	}
	if len(bad) > 0 {
		slices.Sort(bad)
		return options.Unavailable(bad...)
	}
	return nil
}

// checkConsumerGroupsOptions refuses what does not go together, in Kafka's order. Its warning of a
// reset without --execute comes before the mistakes that are found later.
func checkConsumerGroupsOptions(c *core.Call, o *options.Options) error {
	actions := []string{"list", "describe", "delete", "reset-offsets", "delete-offsets"}
	if len(o.Given(actions...)) != 1 {
		return options.Misuse("Command must include exactly one action: --list, --describe, --delete, --reset-offsets, --delete-offsets")
	}
	if err := o.JSONOnlyWith("list", "describe"); err != nil {
		return err
	}
	if err := o.Require("bootstrap-server"); err != nil {
		return err
	}
	scoped := o.Any("group", "all-groups")
	switch {
	case o.Has("describe") && !scoped:
		return options.Misuse("Option [describe] takes one of these options: [group], [all-groups]")
	case o.Has("delete") && !scoped:
		return options.Misuse("Option [delete] takes one of these options: [group], [all-groups]")
	case o.Has("delete") && o.Has("topic"):
		return options.Misuse("The consumer does not support topic-specific offset deletion from a consumer group.")
	case o.Has("delete-offsets") && !(o.Has("group") && o.Has("topic")):
		return options.Misuse("Option [delete-offsets] takes the following options: [group], [topic]")
	}
	if o.Has("reset-offsets") {
		if o.Has("dry-run") && o.Has("execute") {
			return options.Misuse("Option [reset-offsets] only accepts one of [execute] and [dry-run]")
		}
		if !o.Any("dry-run", "execute") {
			c.Errorf("%s\n", dryRunWarning)
		}
		if !scoped {
			return options.Misuse("Option [reset-offsets] takes one of these options: [group], [all-groups]")
		}
		for _, s := range []string{"to-offset", "to-datetime", "by-duration", "to-earliest", "to-latest", "to-current", "shift-by", "from-file"} {
			if err := o.Exclude(s, options.Without(resetScenarios(), s)...); err != nil {
				return err
			}
		}
	}
	return o.ExcludeAll([]options.Rule{{Name: "group", Others: []string{"all-groups"}}, {Name: "group", Others: []string{"list"}}, {Name: "topic", Others: []string{"list", "describe"}}})
}

// Tool is kafka-consumer-groups.sh.
func Tool() core.Tool {
	return core.Tool{Name: "kafka-consumer-groups", Help: "list, describe, delete and reset consumer groups", Class: "kafka.admin.ConsumerGroupCommand"}.
		Begun(consumerGroupsOptions, consumerGroups)
}

// consumerGroups has the exit code 0 also when its command failed, as Kafka's has; only mistakes in
// the options are 1. Whether it failed is kept for the hints.
func consumerGroups(ctx context.Context, c *core.Call, o *options.Options) error {
	if err := checkConsumerGroupsOptions(c, o); err != nil {
		return err
	}
	a, err := clients.OpenAdmin(c, o, nil)
	if err != nil {
		return err
	}
	defer a.Close()
	s := &groupService{c: c, o: o, admin: a, form: c.Form(o)}
	timeout, err := o.Number("timeout", 64)
	if err == nil {
		// Java adds the time-out to each call's options, and not to the whole command.
		a.ApiTimeout = time.Duration(timeout) * time.Millisecond // of each call
		a.TimeoutMs = int32(min(int64(a.TimeoutMs), timeout))
		err = s.run(ctx)
	}
	var misuse *options.UsageError
	if err != nil && ctx.Err() == nil && !errors.As(err, &misuse) {
		s.printError("Executing consumer group command failed due to " + err.Error())
		c.Troubled, c.Failure = true, err
		return nil // Kafka's tool has exit code 0 here
	}
	return err
}

// groupService does what the consumer groups command was asked for.
type groupService struct {
	c     *core.Call
	o     *options.Options
	admin *clients.Admin
	form  screen.Form // of lists and descriptions
}

// printError is how the tool tells most mistakes: on standard output, behind an empty line.
func (s *groupService) printError(text string) { s.c.Printf("\nError: %s\n", text) }

// run finds the groups that are meant and does what was asked with them.
func (s *groupService) run(ctx context.Context) error {
	o := s.o
	if o.Has("list") {
		groups, err := s.admin.ListGroups(ctx)
		if s.form != screen.Exact && err == nil {
			v := &groupsView{Groups: []*groupView{}, list: true}
			for _, g := range groups {
				v.Groups = append(v.Groups, &groupView{Group: g})
			}
			return s.c.Show(s.form, v)
		}
		for _, g := range groups {
			s.c.Println(g)
		}
		return err
	}
	if o.Has("delete-offsets") {
		group, err := o.One("group")
		if err != nil {
			return err
		}
		return s.deleteOffsets(ctx, group)
	}
	groups := o.All("group")
	if o.Has("all-groups") {
		var err error
		if groups, err = s.admin.ListGroups(ctx); err != nil {
			return err
		}
	}
	// Java puts them in a set; sorted, the output is the same each time.
	groups = slices.Compact(slices.Sorted(slices.Values(groups)))
	switch {
	case o.Has("describe"):
		return s.describe(ctx, groups)
	case o.Has("delete"):
		return s.delete(ctx, groups)
	}
	return s.reset(ctx, groups)
}

// describe asks for all groups before it prints the first, so that an error is not in the middle of
// tables.
func (s *groupService) describe(ctx context.Context, groups []string) error {
	described, err := s.admin.DescribeGroups(ctx, groups)
	if err != nil {
		return java.Execution(err)
	}
	if s.form != screen.Exact {
		return s.showGroups(ctx, groups, described)
	}
	switch {
	case s.o.Has("members"):
		return s.printMembers(groups, described)
	case s.o.Has("state"):
		return s.printStates(groups, described)
	}
	rows := map[string][]offsetRow{}
	for _, g := range groups {
		if rows[g], err = s.offsetRows(ctx, described[g]); err != nil {
			return java.Execution(err)
		}
	}
	for _, g := range groups {
		ok, err := s.announce(described[g], len(rows[g]))
		if err != nil {
			return err
		}
		if ok {
			s.printOffsets(rows[g])
		}
	}
	return nil
}

// showGroups describes groups in a form of our own.
func (s *groupService) showGroups(ctx context.Context, groups []string, described map[string]*clients.DescribedGroup) error {
	v := &groupsView{Groups: []*groupView{}}
	for _, name := range groups {
		g := described[name]
		if _, err := s.announce(g, 1); err != nil {
			return err
		}
		if g.State == "Dead" { // it does not exist
			// DescribeGroups answers Dead for a group that does not exist.
			continue
		}
		x := v.describe(g)
		switch {
		case s.o.Has("members"):
			x.members(g, s.o.Has("verbose"))
		case s.o.Has("state"):
			x.state(g)
		default:
			rows, err := s.offsetRows(ctx, g)
			if err != nil {
				return java.Execution(err)
			}
			x.offsets(rows)
		}
	}
	return s.c.Show(s.form, v)
}

// announce says what is special about a group; it tells whether there is a table to print.
func (s *groupService) announce(g *clients.DescribedGroup, rows int) (bool, error) {
	switch g.State {
	case "Dead":
		s.printError("Consumer group '" + g.Name + "' does not exist.")
	case "Empty":
		s.c.Errorf("\nConsumer group '%s' has no active members.\n", g.Name)
	case "PreparingRebalance", "CompletingRebalance":
		s.c.Errorf("\nWarning: Consumer group '%s' is rebalancing.\n", g.Name)
	case "Stable":
	default:
		return false, &java.Error{Class: "org.apache.kafka.common.KafkaException", Text: "Expected a valid consumer group state, but found '" + g.State + "'."}
	}
	return g.State != "Dead" && rows > 0, nil
}

// delete reports in the order of a Scala map of the groups, which is what a script sees of Kafka's
// tool.
func (s *groupService) delete(ctx context.Context, groups []string) error {
	errs, err := s.admin.DeleteGroups(ctx, groups)
	if err != nil {
		return java.Execution(err)
	}
	var deleted, failed []string
	for _, g := range java.HashOrder(groups, 0, java.HashCode) {
		if errs[g] == nil {
			deleted = append(deleted, "'"+g+"'")
		} else {
			failed = append(failed, g)
		}
	}
	if len(failed) == 0 {
		s.c.Printf("Deletion of requested consumer groups (%s) was successful.\n", strings.Join(deleted, ", "))
		return nil
	}
	s.printError("Deletion of some consumer groups failed:")
	for _, g := range failed {
		s.c.Printf("* Group '%s' could not be deleted due to: %s\n", g, java.Text(java.Execution(errs[g])))
	}
	if len(deleted) > 0 {
		s.c.Printf("\nThese consumer groups were deleted successfully: %s\n", strings.Join(deleted, ", "))
	}
	return nil
}
