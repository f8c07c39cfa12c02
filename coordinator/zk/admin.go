package zk

import (
	"context"
	"errors"

	"momus/internal/model"
)

// NotifyISRChanges tells the controller that the leaders of these partitions have written their
// ISR.
func (c *Client) NotifyISRChanges(ctx context.Context, tps []model.TopicPartition) error {
	_, err := c.createSequential(ctx, isrChangePrefix, EncodePartitions(tps))
	return err
}

// NotifyLogDirFailure tells the controller that a log directory of the broker has failed.
func (c *Client) NotifyLogDirFailure(ctx context.Context, brokerID int32) error {
	_, err := c.createSequential(ctx, logDirEventPrefix, EncodeLogDirEvent(brokerID))
	return err
}

// ISRChanges lists the ISR change notifications, sorted, and arms the child watch.
func (c *Client) ISRChanges(ctx context.Context) ([]string, error) {
	return c.sortedChildren(ctx, ISRChangesPath)
}

// ReadISRChanges reads notifications and joins their partitions; what is gone or malformed is left
// out.
func (c *Client) ReadISRChanges(ctx context.Context, names []string) ([]model.TopicPartition, error) {
	lists := make([][]model.TopicPartition, len(names))
	err := c.each(ctx, len(names), func(ctx context.Context, i int) error {
		data, _, err := c.get(ctx, ISRChangesPath+"/"+names[i])
		if err == nil {
			lists[i], _ = DecodePartitions(data)
		}
		// A notification that is gone was another's to handle; only an error of the session ends
		// the reading.
		return fatal(err)
	})
	var all []model.TopicPartition
	seen := map[model.TopicPartition]bool{}
	for _, tps := range lists {
		for _, tp := range tps {
			if !seen[tp] {
				seen[tp] = true
				all = append(all, tp)
			}
		}
	}
	return all, err
}

// DeleteISRChanges removes processed notifications.
func (c *Client) DeleteISRChanges(ctx context.Context, epoch ControllerEpoch, names []string) error {
	return c.checkedDeleteAll(ctx, epoch, below(ISRChangesPath, names))
}

// LogDirEvents lists the log directory notifications, sorted, and arms the child watch.
func (c *Client) LogDirEvents(ctx context.Context) ([]string, error) {
	return c.sortedChildren(ctx, LogDirEventsPath)
}

// ReadLogDirEvents reads which brokers have notified; what is gone or malformed is left out.
func (c *Client) ReadLogDirEvents(ctx context.Context, names []string) (brokers []int32, err error) {
	for _, name := range names {
		data, _, err := c.get(ctx, LogDirEventsPath+"/"+name)
		if errors.Is(err, ErrNoNode) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if id, err := DecodeLogDirEvent(data); err == nil {
			brokers = append(brokers, id)
		}
	}
	return brokers, nil
}

// DeleteLogDirEvents removes processed notifications.
func (c *Client) DeleteLogDirEvents(ctx context.Context, epoch ControllerEpoch, names []string) error {
	return c.checkedDeleteAll(ctx, epoch, below(LogDirEventsPath, names))
}

func below(parent string, names []string) []string {
	paths := make([]string, len(names))
	for i, n := range names {
		paths[i] = parent + "/" + n
	}
	return paths
}

// PreferredElection reads /admin/preferred_replica_election and arms its watch; ok is false when
// there is none. A malformed one counts as empty.
func (c *Client) PreferredElection(ctx context.Context) (tps []model.TopicPartition, ok bool, err error) {
	return wish(ctx, c, PreferredElectionPath, DecodePartitions)
}

// wish reads a node by which a tool asks for something, and arms its watch; ok is false when there
// is none. What cannot be read counts as empty.
func wish[T any](ctx context.Context, c *Client, path string, decode func([]byte) ([]T, error)) (list []T, ok bool, err error) {
	data, ok, err := c.findOrAwait(ctx, path)
	if err != nil || !ok {
		return nil, false, err
	}
	if list, err = decode(data); err != nil {
		c.log.WithError(err).Warn("ignored " + path)
		list = nil
	}
	return list, true, nil
}

// DeletePreferredElection removes /admin/preferred_replica_election, whether it exists or not.
func (c *Client) DeletePreferredElection(ctx context.Context, epoch ControllerEpoch) error {
	if err := c.checkedDelete(ctx, epoch, PreferredElectionPath); !errors.Is(err, ErrNoNode) {
		return err
	}
	return nil
}

// Reassignments reads /admin/reassign_partitions and arms its watch; ok is false when there is
// none. A malformed one counts as empty and stays where it is.
func (c *Client) Reassignments(ctx context.Context) (rs []Reassignment, ok bool, err error) {
	return wish(ctx, c, ReassignPartitionsPath, DecodeReassignments)
}

// SetReassignments rewrites what is left of /admin/reassign_partitions, and deletes it when nothing
// is.
func (c *Client) SetReassignments(ctx context.Context, epoch ControllerEpoch, rs []Reassignment) error {
	var err error
	if len(rs) == 0 {
		err = c.checkedDelete(ctx, epoch, ReassignPartitionsPath)
	} else {
		// Without a version, as Kafka: what a tool writes meanwhile is lost. It waits for the node
		// to be gone before it writes another.
		_, err = c.checkedSet(ctx, epoch, ReassignPartitionsPath, EncodeReassignments(rs), -1)
	}
	if errors.Is(err, ErrNoNode) {
		return nil
	}
	return err
}
