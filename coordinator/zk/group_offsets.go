package zk

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"momus/internal/model"
)

// groupOffsetPath is where OffsetCommit version 0 keeps an offset.
func groupOffsetPath(group string, tp model.TopicPartition) string {
	return "/consumers/" + group + "/offsets/" + tp.Topic + "/" + strconv.Itoa(int(tp.Partition))
}

// SetGroupOffset writes the offset of a group whose consumers use version 0 of OffsetCommit.
func (c *Client) SetGroupOffset(ctx context.Context, group string, tp model.TopicPartition, offset int64) error {
	return c.setOrCreate(ctx, groupOffsetPath(group, tp), strconv.AppendInt(nil, offset, 10))
}

// GroupOffset reads such an offset; ok is false if there is none.
func (c *Client) GroupOffset(ctx context.Context, group string, tp model.TopicPartition) (offset int64, ok bool, err error) {
	path := groupOffsetPath(group, tp)
	data, _, ok, err := c.find(ctx, path)
	if err != nil || !ok {
		return 0, false, err
	}
	offset, err = strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	if err != nil {
		return 0, false, fmt.Errorf("%s holds no offset: %w", path, err)
	}
	return offset, true, nil
}
