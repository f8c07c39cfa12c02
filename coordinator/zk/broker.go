package zk

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"time"

	gozk "github.com/go-zookeeper/zk"

	"momus/internal/bell"
	"momus/internal/model"
)

// CreateTopLevelPaths makes the nodes that every broker creates at start.
func (c *Client) CreateTopLevelPaths(ctx context.Context) error {
	for _, path := range topLevelPaths {
		if err := c.makeSure(ctx, path); err != nil {
			return err
		}
	}
	return nil
}

// ClusterID reads the cluster's id, and makes it when this is the first broker ever.
func (c *Client) ClusterID(ctx context.Context) (string, error) {
	for {
		data, _, err := c.get(ctx, ClusterIDPath)
		if err == nil {
			return DecodeClusterID(data)
		}
		if !errors.Is(err, ErrNoNode) {
			return "", err
		}
		var uuid [16]byte
		if _, err := rand.Read(uuid[:]); err != nil {
			return "", err
		}
		uuid[6], uuid[8] = uuid[6]&0x0f|0x40, uuid[8]&0x3f|0x80 // a random (version 4) UUID, as Kafka's
		id := base64.RawURLEncoding.EncodeToString(uuid[:])
		if err := c.createRecursive(ctx, ClusterIDPath, EncodeClusterID(id)); err == nil {
			return id, nil
			// Another broker of a new cluster was faster: its id is the cluster's.
		} else if !errors.Is(err, ErrNodeExists) {
			return "", err
		}
	}
}

// GenerateBrokerID makes a broker id above reserved (reserved.broker.max.id).
func (c *Client) GenerateBrokerID(ctx context.Context, reserved int32) (int32, error) {
	for {
		stat, err := c.set(ctx, SequencePath, []byte{}, -1)
		if err == nil {
			// The data version of the node is the sequence: ZooKeeper counts it up with each write,
			// whoever writes.
			return reserved + stat.Version, nil
		}
		if !errors.Is(err, ErrNoNode) {
			return 0, err
		}
		if err := c.makeSure(ctx, SequencePath); err != nil {
			return 0, err
		}
	}
}

// RegisterBroker creates the broker's ephemeral node and returns its czxid, the broker epoch
// (KIP-380). previous is the session under which this process registered before, 0 for none: a node
// it left behind is removed. A node of another session may belong to this broker's previous
// process, whose session has not ended yet: RegisterBroker says so and waits up to wait (Kafka 2.5
// gives up at once); after that it fails.
func (c *Client) RegisterBroker(ctx context.Context, id int32, r *Registration, previous int64, wait time.Duration) (epoch int64, err error) {
	path, data := BrokerPath(id), EncodeBroker(r)
	started := time.Now()
	for said := false; ; {
		stat, err := c.tryRegister(ctx, path, data)
		if err == nil {
			return stat.Czxid, nil
		}
		if !errors.Is(err, ErrNodeExists) {
			return 0, fmt.Errorf("register broker %d: %w", id, err)
		}
		found, stat, err := c.exists(ctx, path)
		switch {
		case err != nil:
			return 0, fmt.Errorf("register broker %d: %w", id, err)
		case !found:
			continue
		case stat.EphemeralOwner == c.SessionID(): // the reply to an earlier attempt was lost
			return stat.Czxid, nil
		case previous != 0 && stat.EphemeralOwner == previous:
			if err := c.remove(ctx, path, -1); err != nil && !errors.Is(err, ErrNoNode) {
				return 0, fmt.Errorf("register broker %d: %w", id, err)
			}
			continue
		case time.Since(started) >= wait:
			return 0, fmt.Errorf("register broker %d: %s exists and belongs to session 0x%x; another broker with broker.id=%d is running: "+
				"stop it or choose another broker.id: %w", id, path, stat.EphemeralOwner, id, ErrNodeExists)
		}
		if !said {
			said = true
			c.log.WithField("broker", id).WithField("session", fmt.Sprintf("0x%x", stat.EphemeralOwner)).
				Warnf("broker id is still registered, probably by the previous process; waiting up to %v for its session to end", wait)
		}
		// At most a second at a time: the watch may be lost with a connection.
		if err := c.awaitGone(ctx, path, min(wait-time.Since(started), time.Second)); err != nil {
			return 0, fmt.Errorf("register broker %d: %w", id, err)
		}
	}
}

// awaitGone waits until the node is deleted, at most for the given time.
func (c *Client) awaitGone(ctx context.Context, path string, atMost time.Duration) error {
	gone := bell.New()
	cancel := c.OnNode(path, func(NodeEvent) { gone.Ring() })
	defer cancel()
	// After the handler is registered, so that no deletion falls between.
	if exists, err := c.Watch(ctx, path); err != nil || !exists {
		return err
	}
	timer := time.NewTimer(max(atMost, time.Millisecond))
	defer timer.Stop()
	select {
	case <-gone:
	case <-timer.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// tryRegister creates the node empty and sets its data in one transaction, as ZooKeeper 3.4 returns
// a Stat only for the set.
func (c *Client) tryRegister(ctx context.Context, path string, data []byte) (*Stat, error) {
	results, _, _, err := c.multi(ctx, "create", path,
		&gozk.CreateRequest{Path: c.abs(path), Acl: c.acl(path), Flags: gozk.FlagEphemeral},
		&gozk.SetDataRequest{Path: c.abs(path), Data: data, Version: 0})
	if err != nil {
		return nil, err
	}
	return results[1].Stat, nil
}

// UpdateBroker rewrites the registration of this broker, after its listeners have changed; the
// epoch stays.
func (c *Client) UpdateBroker(ctx context.Context, id int32, r *Registration) error {
	_, err := c.set(ctx, BrokerPath(id), EncodeBroker(r), -1)
	return err
}

// BrokerIDs lists the registered brokers by id and arms the child watch.
func (c *Client) BrokerIDs(ctx context.Context) ([]int32, error) {
	names, err := c.sortedChildren(ctx, BrokerIDsPath)
	if err != nil {
		return nil, err
	}
	ids := make([]int32, 0, len(names))
	for _, name := range names {
		if id, err := strconv.ParseInt(name, 10, 32); err == nil {
			ids = append(ids, int32(id))
		}
	}
	sortIDs(ids)
	return ids, nil
}

// Brokers reads all registrations, sorted by id, with their epochs. A node that is gone in between
// is left out; one that cannot be read as a registration is left out and logged.
func (c *Client) Brokers(ctx context.Context) ([]*model.Broker, error) {
	ids, err := c.BrokerIDs(ctx)
	if err != nil {
		return nil, err
	}
	found := make([]*model.Broker, len(ids))
	err = c.each(ctx, len(ids), func(ctx context.Context, i int) (err error) {
		found[i], _, err = c.Broker(ctx, ids[i])
		return unlessBad(err, func() { c.log.WithError(err).Warn("ignored a broker registration") })
	})
	if err != nil {
		return nil, err
	}
	brokers := found[:0]
	for _, b := range found {
		if b != nil {
			brokers = append(brokers, b)
		}
	}
	return brokers, nil
}

// Broker reads one registration; ok is false when there is none.
func (c *Client) Broker(ctx context.Context, id int32) (b *model.Broker, ok bool, err error) {
	data, stat, ok, err := c.find(ctx, BrokerPath(id))
	if err != nil || !ok {
		return nil, false, err
	}
	if b, err = DecodeBroker(id, data); err != nil {
		return nil, false, &badNodeError{err}
	}
	b.Epoch = stat.Czxid
	return b, true, nil
}

// badNodeError marks a node whose content cannot be understood, as opposed to one that could not be
// read.
type badNodeError struct{ err error }

func (e *badNodeError) Error() string { return e.err.Error() }
func (e *badNodeError) Unwrap() error { return e.err }

// unlessBad is err, but nil when it is about a bad node: one of many that are read is left out, and
// ignored told of it.
func unlessBad(err error, ignored func()) error {
	var bad *badNodeError
	if errors.As(err, &bad) {
		ignored()
		return nil
	}
	return err
}

// ClaimProducerIDs claims the next block of 1000 producer ids for a broker.
func (c *Client) ClaimProducerIDs(ctx context.Context, brokerID int32) (ProducerIDBlock, error) {
	const size = 1000
	for {
		data, stat, err := c.get(ctx, ProducerIDBlockPath)
		if err != nil {
			return ProducerIDBlock{}, err
		}
		next := ProducerIDBlock{Broker: brokerID, First: 0, Last: size - 1}
		if len(data) > 0 {
			last, err := DecodeProducerIDBlock(data)
			if err != nil {
				return ProducerIDBlock{}, err
			}
			if last.Last > (1<<63-1)-size {
				return ProducerIDBlock{}, fmt.Errorf("producer ids are exhausted: %s ends at %d", ProducerIDBlockPath, last.Last)
			}
			// A block that was claimed and not used up, as before a crash, is lost; there are
			// enough.
			next.First, next.Last = last.Last+1, last.Last+size
		}
		encoded := EncodeProducerIDBlock(next)
		_, err = c.set(ctx, ProducerIDBlockPath, encoded, stat.Version)
		if errors.Is(err, ErrBadVersion) {
			// Another broker was faster, or our own write was applied and its reply lost.
			if now, stat2, err := c.get(ctx, ProducerIDBlockPath); err == nil && stat2.Version == stat.Version+1 && string(now) == string(encoded) {
				return next, nil
			}
			continue
		}
		return next, err
	}
}
