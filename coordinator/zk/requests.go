package zk

import (
	"context"

	"momus/internal/model"
)

// RequestPreferredElection asks the controller to give partitions back to their preferred leaders;
// ErrNodeExists when it was asked before and has not answered yet.
func (c *Client) RequestPreferredElection(ctx context.Context, tps []model.TopicPartition) error {
	return c.createRecursive(ctx, PreferredElectionPath, EncodePartitions(tps))
}

// RequestReassignments asks the controller to move partitions; ErrNodeExists when it is moving some
// already.
func (c *Client) RequestReassignments(ctx context.Context, rs []Reassignment) error {
	return c.createRecursive(ctx, ReassignPartitionsPath, EncodeReassignments(rs))
}
