package zk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"

	gozk "github.com/go-zookeeper/zk"

	"momus/internal/model"
)

// sortedChildren lists children by name, so that what follows from them has the same order each
// time; without the node there are none.
func (c *Client) sortedChildren(ctx context.Context, path string) ([]string, error) {
	names, err := c.children(ctx, path)
	if errors.Is(err, ErrNoNode) {
		return nil, nil
	}
	sort.Strings(names)
	return names, err
}

func sortIDs(ids []int32) { slices.Sort(ids) }

// Topics lists all topics, sorted, and arms the child watch.
func (c *Client) Topics(ctx context.Context) ([]string, error) {
	return c.sortedChildren(ctx, TopicsPath)
}

// TopicExists tells whether the topic has a node.
func (c *Client) TopicExists(ctx context.Context, topic string) (bool, error) {
	found, _, err := c.exists(ctx, TopicPath(topic))
	return found, err
}

// Assignment reads one topic and arms the watch of its node; ok is false when it does not exist.
func (c *Client) Assignment(ctx context.Context, topic string) (a Assignments, ok bool, err error) {
	data, _, ok, err := c.find(ctx, TopicPath(topic))
	if err != nil || !ok {
		return nil, false, err
	}
	if a, err = DecodeTopic(topic, data); err != nil {
		return nil, false, &badNodeError{err}
	}
	return a, true, nil
}

// Assignments reads many topics; those that do not exist, or whose node cannot be understood
// (logged), are left out.
func (c *Client) Assignments(ctx context.Context, topics []string) (map[string]Assignments, error) {
	found := make([]Assignments, len(topics))
	err := c.each(ctx, len(topics), func(ctx context.Context, i int) (err error) {
		found[i], _, err = c.Assignment(ctx, topics[i])
		return unlessBad(err, func() { c.log.WithError(err).WithField("topic", topics[i]).Error("ignored a topic") })
	})
	if err != nil {
		return nil, err
	}
	all := make(map[string]Assignments, len(topics))
	for i, a := range found {
		if a != nil {
			all[topics[i]] = a
		}
	}
	return all, nil
}

// CreateTopic creates the node of a topic: the moment from which it exists.
func (c *Client) CreateTopic(ctx context.Context, topic string, a Assignments) error {
	return c.createRecursive(ctx, TopicPath(topic), EncodeTopic(a))
}

// SetTopic rewrites a topic's node unconditionally, as brokers and tools do when they add
// partitions.
func (c *Client) SetTopic(ctx context.Context, topic string, a Assignments) error {
	_, err := c.set(ctx, TopicPath(topic), EncodeTopic(a), -1)
	return err
}

// SetTopicAsController is SetTopic with the check of the controller epoch.
func (c *Client) SetTopicAsController(ctx context.Context, epoch ControllerEpoch, topic string, a Assignments) error {
	_, err := c.checkedSet(ctx, epoch, TopicPath(topic), EncodeTopic(a), -1)
	return err
}

// States reads the leadership records of partitions; those without are left out.
func (c *Client) States(ctx context.Context, tps []model.TopicPartition) (map[model.TopicPartition]model.LeaderAndISR, error) {
	type read struct {
		state model.LeaderAndISR
		found bool
	}
	found := make([]read, len(tps))
	err := c.each(ctx, len(tps), func(ctx context.Context, i int) (err error) {
		found[i].state, found[i].found, err = c.State(ctx, tps[i])
		return unlessBad(err, func() { c.log.WithError(err).Error("ignored a partition state") })
	})
	if err != nil {
		return nil, err
	}
	states := make(map[model.TopicPartition]model.LeaderAndISR, len(tps))
	for i := range found {
		if found[i].found {
			states[tps[i]] = found[i].state
		}
	}
	return states, nil
}

// State reads one leadership record; ok is false when there is none.
func (c *Client) State(ctx context.Context, tp model.TopicPartition) (s model.LeaderAndISR, ok bool, err error) {
	data, stat, ok, err := c.find(ctx, StatePath(tp))
	if err != nil || !ok {
		return s, false, err
	}
	if s, err = DecodeState(data, stat.Version); err != nil {
		return s, false, &badNodeError{fmt.Errorf("%s: %w", tp, err)}
	}
	return s, true, nil
}

// PartitionState is a leadership record to write.
type PartitionState struct {
	model.TopicPartition
	State model.LeaderAndISR
}

// CreateStates makes the nodes partitions, partitions/<p> and partitions/<p>/state, many partitions
// to a transaction, with the check of the controller epoch. The result has one error per partition;
// the error is that of the session or ErrControllerMoved, after which the rest was not tried.
func (c *Client) CreateStates(ctx context.Context, epoch ControllerEpoch, states []PartitionState) ([]error, error) {
	var containers []string
	seen := map[string]bool{}
	for _, s := range states {
		if !seen[s.Topic] {
			seen[s.Topic] = true
			containers = append(containers, PartitionsPath(s.Topic))
		}
	}
	if err := c.checkedCreateAll(ctx, epoch, containers); err != nil {
		return nil, err
	}
	create := func(path string, data []byte) any {
		return &gozk.CreateRequest{Path: c.abs(path), Data: data, Acl: c.acl(path), Flags: gozk.FlagPersistent}
	}
	results := make([]error, len(states))
	err := c.checkedBatch(ctx, epoch, &batch{
		what: "create states", n: len(states),
		ops: func(i int) []any {
			return []any{create(PartitionPath(states[i].TopicPartition), nil), create(StatePath(states[i].TopicPartition), EncodeState(states[i].State))}
		},
		written: func(int, gozk.MultiResponse) {},
		single: func(ctx context.Context, i int, before bool) error {
			results[i] = c.createState(ctx, epoch, &states[i], before)
			return fatal(results[i])
		},
	})
	return results, err
}

// checkedCreateAll makes nodes without data, those of them that are not there yet and whose parent
// is.
func (c *Client) checkedCreateAll(ctx context.Context, epoch ControllerEpoch, paths []string) error {
	return c.checkedBatch(ctx, epoch, &batch{
		what: "create", n: len(paths),
		ops: func(i int) []any {
			return []any{&gozk.CreateRequest{Path: c.abs(paths[i]), Acl: c.acl(paths[i]), Flags: gozk.FlagPersistent}}
		},
		written: func(int, gozk.MultiResponse) {},
		single: func(ctx context.Context, i int, _ bool) error {
			_, err := c.checkedCreate(ctx, epoch, paths[i], nil)
			return fatal(err)
		},
	})
}

// createState makes the nodes of one partition, of which partitions/<p> may exist. before tells
// that an earlier attempt may have arrived.
func (c *Client) createState(ctx context.Context, epoch ControllerEpoch, s *PartitionState, before bool) error {
	if _, err := c.checkedCreate(ctx, epoch, PartitionPath(s.TopicPartition), nil); fatal(err) != nil {
		return err
	}
	path, data := StatePath(s.TopicPartition), EncodeState(s.State)
	repeated, err := c.checkedCreate(ctx, epoch, path, data)
	// Version 0 and the same bytes: it is what our own attempt has written, and nobody has changed
	// it since.
	if (before || repeated) && errors.Is(err, ErrNodeExists) {
		if now, stat, err2 := c.get(ctx, path); err2 == nil && stat.Version == 0 && string(now) == string(data) {
			return nil
		}
	}
	return err
}

// fatal is err if it ends a whole batch, nil if it concerns one partition only.
func fatal(err error) error {
	if errors.Is(err, ErrNoNode) || errors.Is(err, ErrNodeExists) || errors.Is(err, ErrBadVersion) {
		return nil
	}
	return err
}

// StateResult is the outcome of writing one leadership record.
type StateResult struct {
	Version int32 // the new data version, when Err is nil
	Err     error // ErrBadVersion: somebody else wrote; ErrNoNode
}

// SetStates writes leadership records, many to a transaction, each on condition that its data
// version is State.ZKVersion and with the check of the controller epoch. The error is as in
// CreateStates.
func (c *Client) SetStates(ctx context.Context, epoch ControllerEpoch, states []PartitionState) ([]StateResult, error) {
	results := make([]StateResult, len(states))
	err := c.checkedBatch(ctx, epoch, c.stateWrites(states, results, func(ctx context.Context, i int, _ bool) error {
		s := &states[i]
		stat, err := c.checkedSet(ctx, epoch, StatePath(s.TopicPartition), EncodeState(s.State), s.State.ZKVersion)
		results[i].Err = err
		if err == nil {
			results[i].Version = stat.Version
		}
		return fatal(err)
	}))
	return results, err
}

// stateWrites writes each leadership record on condition that its data version is State.ZKVersion.
// single writes one of them alone, and its result.
func (c *Client) stateWrites(states []PartitionState, results []StateResult, single func(ctx context.Context, i int, repeated bool) error) *batch {
	return &batch{
		what: "write states", n: len(states),
		ops: func(i int) []any {
			s := &states[i]
			return []any{&gozk.SetDataRequest{Path: c.abs(StatePath(s.TopicPartition)), Data: EncodeState(s.State), Version: s.State.ZKVersion}}
		},
		written: func(i int, r gozk.MultiResponse) { results[i].Version = r.Stat.Version },
		single:  single,
	}
}

// UpdateISR is the write of a partition's leader: conditional on next.ZKVersion, without the check
// of the controller epoch. It returns the new data version. ErrBadVersion means that the controller
// has written meanwhile; the leader then keeps what it had.
func (c *Client) UpdateISR(ctx context.Context, tp model.TopicPartition, next model.LeaderAndISR) (version int32, err error) {
	data := EncodeState(next)
	stat, err := c.set(ctx, StatePath(tp), data, next.ZKVersion)
	if err == nil {
		return stat.Version, nil
	}
	if errors.Is(err, ErrBadVersion) {
		now, ok, err2 := c.State(ctx, tp)
		if err2 == nil && ok && now.Leader == next.Leader && now.LeaderEpoch == next.LeaderEpoch &&
			now.ControllerEpoch == next.ControllerEpoch && slices.Equal(now.ISR, next.ISR) {
			return now.ZKVersion, nil // the reply to our own write was lost
		}
	}
	return 0, err
}

// UpdateISRs is UpdateISR for many partitions, in few transactions. A record that stands in the way
// of others is written alone. The results are in the order of next; after an error of the session
// those that were not tried have it.
func (c *Client) UpdateISRs(ctx context.Context, next []PartitionState) []StateResult {
	results := make([]StateResult, len(next))
	err := c.batch(ctx, c.stateWrites(next, results, func(ctx context.Context, i int, _ bool) error {
		results[i].Version, results[i].Err = c.UpdateISR(ctx, next[i].TopicPartition, next[i].State)
		return fatal(results[i].Err)
	}), func() []any { return nil }, func(err error) error { return err })
	for i := range results {
		// 0 is "not written": a write makes the version 1 at least.
		if r := &results[i]; err != nil && r.Version == 0 && r.Err == nil {
			r.Err = err
		}
	}
	return results
}

// DeleteTopicNodes removes a topic after its deletion is complete: its tree, its configs and the
// wish to delete it.
func (c *Client) DeleteTopicNodes(ctx context.Context, epoch ControllerEpoch, topic string) error {
	if err := c.checkedDeleteTree(ctx, epoch, TopicPath(topic)); err != nil {
		return err
	}
	// The wish goes last: a controller that crashes before it finds the wish, and begins again.
	for _, path := range []string{ConfigPath(EntityTopics, topic), DeleteTopicPath(topic)} {
		if err := c.checkedDelete(ctx, epoch, path); err != nil && !errors.Is(err, ErrNoNode) {
			return err
		}
	}
	return nil
}

// RequestTopicDeletion creates the wish to delete a topic; ErrNodeExists when there is one already.
func (c *Client) RequestTopicDeletion(ctx context.Context, topic string) error {
	return c.createRecursive(ctx, DeleteTopicPath(topic), nil)
}

// TopicDeletions lists the topics somebody wishes to delete and arms the child watch.
func (c *Client) TopicDeletions(ctx context.Context) ([]string, error) {
	return c.sortedChildren(ctx, DeleteTopicsPath)
}

// IsTopicQueuedForDeletion tells whether there is a wish to delete the topic.
func (c *Client) IsTopicQueuedForDeletion(ctx context.Context, topic string) (bool, error) {
	found, _, err := c.exists(ctx, DeleteTopicPath(topic))
	return found, err
}

// DropTopicDeletions removes wishes without doing anything else.
func (c *Client) DropTopicDeletions(ctx context.Context, epoch ControllerEpoch, topics []string) error {
	paths := make([]string, len(topics))
	for i, t := range topics {
		paths[i] = DeleteTopicPath(t)
	}
	return c.checkedDeleteAll(ctx, epoch, paths)
}
