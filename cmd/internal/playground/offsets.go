package playground

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"

	"momus/broker/console"
	"momus/broker/sabotage"
)

// resetRow says what becomes of a committed offset.
type resetRow struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Now       int64  `json:"now"` // -1: none
	New       int64  `json:"new"`
	Start     int64  `json:"start"`
	End       int64  `json:"end"`
}

// resetPlan is what a reset does, or would do.
type resetPlan struct {
	State   string     `json:"state"` // of the group
	Rows    []resetRow `json:"rows"`
	Applied bool       `json:"applied"`
}

// resetOffsets moves a group's committed offsets of a topic, or of all that it has some for, as
// kafka-consumer-groups --reset-offsets does: only while the group has no members, and within the
// log. Without Apply it only says what it would do.
func (p *Playground) resetOffsets(ctx context.Context, o *console.Order) (any, error) {
	if o.Group == "" {
		return nil, errors.New("a group is needed")
	}
	// A network of its own, which nobody cuts.
	client, err := p.client(sabotage.NewNetwork())
	if err != nil {
		return nil, err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	groups, err := admin.DescribeGroups(ctx, o.Group)
	if err != nil {
		return nil, err
	}
	plan := &resetPlan{State: groups[o.Group].State, Rows: []resetRow{}}
	committed, err := admin.FetchOffsets(ctx, o.Group)
	if err != nil {
		return nil, err
	}
	topics := committed.Offsets().TopicsSet().Topics()
	if o.Topic != "" {
		topics = []string{o.Topic}
	}
	if len(topics) == 0 {
		return plan, nil
	}
	if err := plan.fill(ctx, admin, committed, topics, o); err != nil {
		return nil, err
	}
	if !o.Apply {
		return plan, nil
	}
	// The coordinator would refuse it with UNKNOWN_MEMBER_ID; this says why.
	if plan.State != "Empty" && plan.State != "Dead" {
		return nil, fmt.Errorf("group %s is %s: its offsets can be reset only while it has no members", o.Group, plan.State)
	}
	var offsets kadm.Offsets
	for _, r := range plan.Rows {
		// No leader epoch, as in Kafka's tool.
		offsets.AddOffset(r.Topic, r.Partition, r.New, -1)
	}
	if err := admin.CommitAllOffsets(ctx, o.Group, offsets); err != nil {
		return nil, err
	}
	plan.Applied = true
	return plan, nil
}

// fill finds the new offsets.
func (plan *resetPlan) fill(ctx context.Context, admin *kadm.Client, committed kadm.OffsetResponses, topics []string, o *console.Order) error {
	starts, err := admin.ListStartOffsets(ctx, topics...)
	if err != nil {
		return err
	}
	ends, err := admin.ListEndOffsets(ctx, topics...)
	if err != nil {
		return err
	}
	var at kadm.ListedOffsets
	// Asked once for all partitions, before the rows are made.
	if o.To == "time" {
		if at, err = admin.ListOffsetsAfterMilli(ctx, o.Number, topics...); err != nil {
			return err
		}
	}
	// Sorted, so that the page's table does not jump from one look to the next.
	for _, end := range ends.Offsets().Sorted() {
		r := resetRow{Topic: end.Topic, Partition: end.Partition, Now: -1, End: end.At}
		if start, ok := starts.Lookup(r.Topic, r.Partition); ok {
			if start.Err != nil {
				return start.Err
			}
			r.Start = start.Offset
		}
		if c, ok := committed.Lookup(r.Topic, r.Partition); ok {
			r.Now = c.At
		} else if o.Topic == "" {
			continue // as --all-topics: what it has offsets for
		}
		switch o.To {
		case "earliest":
			r.New = r.Start
		case "latest":
			r.New = r.End
		case "offset":
			r.New = o.Number
		case "shift":
			if r.Now < 0 {
				// There is nothing to move from.
				continue
			}
			r.New = r.Now + o.Number
		case "time":
			listed, ok := at.Lookup(r.Topic, r.Partition)
			if !ok || listed.Err != nil {
				return fmt.Errorf("%s-%d: %w", r.Topic, r.Partition, errors.Join(errors.New("no offset for that time"), listed.Err))
			}
			r.New = listed.Offset
		default:
			return errors.New("an offset is reset to earliest, latest, offset, shift or time")
		}
		// Within the log: Kafka's tool does the same, with a warning.
		r.New = max(r.Start, min(r.New, r.End))
		plan.Rows = append(plan.Rows, r)
	}
	return nil
}
