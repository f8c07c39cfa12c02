package tool

import (
	"context"
	"errors"
	"slices"
	"strings"
)

const consumerGroupCommand = "kafka.admin.ConsumerGroupCommand$"

const dryRunWarning = "WARN: No action will be performed as the --execute option is missing." +
	"In a future major release, the default behavior of this command will be to prompt the user before executing the reset rather than doing a dry run. " +
	"You should add the --dry-run option explicitly if you are scripting this command and want to keep the current default behavior without prompting."

// resetScenarios are the ways to reset, in the order in which Kafka lists them.
func resetScenarios() []string {
	return []string{"by-duration", "to-offset", "from-file", "to-datetime", "to-earliest", "to-current", "shift-by", "to-latest"}
}

func consumerGroupsOptions() *options {
	o := newOptions("This tool helps to list all consumer groups, describe a consumer group, delete consumer group info, or reset consumer group offsets.")
	o.value("bootstrap-server", "HOST:PORT,…", "brokers to begin with")
	o.value("command-config", "FILE", "properties of the client")
	o.value("group", "GROUP", "a group; may be repeated")
	o.flag("all-groups", "all groups")
	o.value("topic", "TOPIC[:N,N…]", "a topic, or some of its partitions; may be repeated")
	o.flag("all-topics", "all topics the group has offsets of")
	o.flag("list", "list the groups")
	o.flag("describe", "show offsets, members or state of groups")
	o.flag("delete", "delete groups")
	o.flag("delete-offsets", "delete the offsets of topics")
	o.flag("reset-offsets", "set the offsets of groups without members")
	o.valueOr("timeout", "MS", "5000", "time limit of each request")
	o.flag("dry-run", "only show what would be reset")
	o.flag("execute", "reset")
	o.flag("export", "show what is to be reset as CSV")
	o.value("to-offset", "OFFSET", "reset to this offset")
	o.value("from-file", "FILE", "reset to the offsets in a CSV file: topic,partition,offset or group,topic,partition,offset")
	o.value("to-datetime", "TIME", "reset to a time such as 2020-04-15T10:00:00.000")
	o.value("by-duration", "DURATION", "reset to so long ago, such as P1DT2H")
	o.flag("to-earliest", "reset to the beginning")
	o.flag("to-latest", "reset to the end")
	o.value("shift-by", "N", "move by so many messages")
	o.flag("to-current", "reset to the committed offset")
	o.flag("members", "describe the members")
	o.flag("offsets", "describe the offsets; the default")
	o.flag("state", "describe the state")
	o.flag("verbose", "with --members: show which partitions they own")
	o.json()
	return o.standard()
}

// checkAvailable are joptsimple's conditions between options.
func checkAvailable(o *options) error {
	var bad []string
	views := []string{"members", "offsets", "state"}
	for _, v := range append(views, "verbose") {
		if !o.has(v) {
			continue
		}
		if !o.has("describe") || v != "verbose" && o.any(without(views, v)...) {
			bad = append(bad, v)
		}
	}
	if len(bad) > 0 {
		slices.Sort(bad)
		return &optionError{"joptsimple.UnavailableOptionException", "Option(s) [" + strings.Join(bad, ", ") + "] are unavailable given other options on the command line"}
	}
	return nil
}

func (c *call) checkConsumerGroupsOptions(o *options) error {
	actions := []string{"list", "describe", "delete", "reset-offsets", "delete-offsets"}
	n := 0
	for _, a := range actions {
		if o.has(a) {
			n++
		}
	}
	if n != 1 {
		return misuse("Command must include exactly one action: --list, --describe, --delete, --reset-offsets, --delete-offsets")
	}
	if err := o.jsonOnlyWith("list", "describe"); err != nil {
		return err
	}
	if err := o.require("bootstrap-server"); err != nil {
		return err
	}
	scoped := o.any("group", "all-groups")
	switch {
	case o.has("describe") && !scoped:
		return misuse("Option [describe] takes one of these options: [group], [all-groups]")
	case o.has("delete") && !scoped:
		return misuse("Option [delete] takes one of these options: [group], [all-groups]")
	case o.has("delete") && o.has("topic"):
		return misuse("The consumer does not support topic-specific offset deletion from a consumer group.")
	case o.has("delete-offsets") && !(o.has("group") && o.has("topic")):
		return misuse("Option [delete-offsets] takes the following options: [group], [topic]")
	}
	if o.has("reset-offsets") {
		if o.has("dry-run") && o.has("execute") {
			return misuse("Option [reset-offsets] only accepts one of [execute] and [dry-run]")
		}
		if !o.any("dry-run", "execute") {
			c.errorf("%s\n", dryRunWarning)
		}
		if !scoped {
			return misuse("Option [reset-offsets] takes one of these options: [group], [all-groups]")
		}
		for _, s := range []string{"to-offset", "to-datetime", "by-duration", "to-earliest", "to-latest", "to-current", "shift-by", "from-file"} {
			if err := o.exclude(s, without(resetScenarios(), s)...); err != nil {
				return err
			}
		}
	}
	return o.excludeAll([]rule{{"group", []string{"all-groups"}}, {"group", []string{"list"}}, {"topic", []string{"list", "describe"}}})
}

// registerConsumerGroups is kafka-consumer-groups.sh.
func registerConsumerGroups() Tool {
	return Tool{Name: "kafka-consumer-groups", Help: "list, describe, delete and reset consumer groups", run: consumerGroups,
		Class:   "kafka.admin.ConsumerGroupCommand",
		Options: tableOf(consumerGroupsOptions)}
}

func consumerGroups(ctx context.Context, c *call) error {
	o := consumerGroupsOptions()
	c.options = o
	if err := o.parse(c.Args); err != nil {
		return err
	}
	if err := checkAvailable(o); err != nil && !o.any("help", "version") {
		return err
	}
	if err := c.helpOrVersion(o, ""); err != nil {
		return err
	}
	if err := c.checkConsumerGroupsOptions(o); err != nil {
		return err
	}
	texts, err := o.texts("bootstrap-server", "command-config")
	if err != nil {
		return err
	}
	timeout, err := o.number("timeout", 64)
	if err != nil {
		return err
	}
	a, err := c.adminFor(texts["bootstrap-server"], texts["command-config"], map[string]string{"default.api.timeout.ms": itoa(timeout)})
	if err != nil {
		return err
	}
	defer a.Close()
	s := &groupService{c: c, o: o, admin: a, form: c.form(o)}
	err = s.run(ctx)
	var misuse *usageError
	if err != nil && ctx.Err() == nil && !errors.As(err, &misuse) {
		s.printError("Executing consumer group command failed due to " + err.Error())
		c.troubled = true
		return nil // Kafka's tool has exit code 0 here
	}
	return err
}

// groupService does what the consumer groups command was asked for.
type groupService struct {
	c     *call
	o     *options
	admin *adminClient
	form  form // of lists and descriptions
}

func (s *groupService) printError(text string) { s.c.printf("\nError: %s\n", text) }

func (s *groupService) run(ctx context.Context) error {
	o := s.o
	if o.has("list") {
		groups, err := s.admin.listGroups(ctx)
		if s.form != formExact && err == nil {
			v := &groupsView{Groups: []*groupView{}, list: true}
			for _, g := range groups {
				v.Groups = append(v.Groups, &groupView{Group: g})
			}
			return s.c.show(s.form, v)
		}
		for _, g := range groups {
			s.c.println(g)
		}
		return err
	}
	if o.has("delete-offsets") {
		group, err := o.one("group")
		if err != nil {
			return err
		}
		return s.deleteOffsets(ctx, group)
	}
	groups := o.all("group")
	if o.has("all-groups") {
		var err error
		if groups, err = s.admin.listGroups(ctx); err != nil {
			return err
		}
	}
	groups = slices.Compact(slices.Sorted(slices.Values(groups)))
	switch {
	case o.has("describe"):
		return s.describe(ctx, groups)
	case o.has("delete"):
		return s.delete(ctx, groups)
	}
	return s.reset(ctx, groups)
}

func (s *groupService) describe(ctx context.Context, groups []string) error {
	described, err := s.admin.describeGroups(ctx, groups)
	if err != nil {
		return execution(err)
	}
	if s.form != formExact {
		return s.showGroups(ctx, groups, described)
	}
	switch {
	case s.o.has("members"):
		return s.printMembers(groups, described)
	case s.o.has("state"):
		return s.printStates(groups, described)
	}
	rows := map[string][]offsetRow{}
	for _, g := range groups {
		if rows[g], err = s.offsetRows(ctx, described[g]); err != nil {
			return execution(err)
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
func (s *groupService) showGroups(ctx context.Context, groups []string, described map[string]*describedGroup) error {
	v := &groupsView{Groups: []*groupView{}}
	for _, name := range groups {
		g := described[name]
		if _, err := s.announce(g, 1); err != nil {
			return err
		}
		if g.state == "Dead" { // it does not exist
			continue
		}
		x := v.describe(g)
		switch {
		case s.o.has("members"):
			x.members(g, s.o.has("verbose"))
		case s.o.has("state"):
			x.state(g)
		default:
			rows, err := s.offsetRows(ctx, g)
			if err != nil {
				return execution(err)
			}
			x.offsets(rows)
		}
	}
	return s.c.show(s.form, v)
}

// announce says what is special about a group; it tells whether there is a table to print.
func (s *groupService) announce(g *describedGroup, rows int) (bool, error) {
	switch g.state {
	case "Dead":
		s.printError("Consumer group '" + g.name + "' does not exist.")
	case "Empty":
		s.c.errorf("\nConsumer group '%s' has no active members.\n", g.name)
	case "PreparingRebalance", "CompletingRebalance":
		s.c.errorf("\nWarning: Consumer group '%s' is rebalancing.\n", g.name)
	case "Stable":
	default:
		return false, &javaError{class: "org.apache.kafka.common.KafkaException", text: "Expected a valid consumer group state, but found '" + g.state + "'."}
	}
	return g.state != "Dead" && rows > 0, nil
}

func (s *groupService) delete(ctx context.Context, groups []string) error {
	errs, err := s.admin.deleteGroups(ctx, groups)
	if err != nil {
		return execution(err)
	}
	var deleted, failed []string
	for _, g := range hashOrder(groups, 0, hashCode) {
		if errs[g] == nil {
			deleted = append(deleted, "'"+g+"'")
		} else {
			failed = append(failed, g)
		}
	}
	if len(failed) == 0 {
		s.c.printf("Deletion of requested consumer groups (%s) was successful.\n", strings.Join(deleted, ", "))
		return nil
	}
	s.printError("Deletion of some consumer groups failed:")
	for _, g := range failed {
		s.c.printf("* Group '%s' could not be deleted due to: %s\n", g, javaText(execution(errs[g])))
	}
	if len(deleted) > 0 {
		s.c.printf("\nThese consumer groups were deleted successfully: %s\n", strings.Join(deleted, ", "))
	}
	return nil
}
