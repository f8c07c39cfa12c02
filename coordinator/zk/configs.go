package zk

import (
	"context"
	"errors"
)

// Config reads the overrides of a config entity; none and no node are both an empty map. entity is
// encoded (SanitizeEntity).
func (c *Client) Config(ctx context.Context, t EntityType, entity string) (map[string]string, error) {
	data, _, err := c.get(ctx, ConfigPath(t, entity))
	if errors.Is(err, ErrNoNode) {
		return map[string]string{}, nil
	}
	if err != nil {
		return nil, err
	}
	return DecodeConfig(data)
}

// ConfigEntities lists the entities of a type that have a config node; for users also
// users/<u>/clients/<c>.
func (c *Client) ConfigEntities(ctx context.Context, t EntityType) ([]string, error) {
	names, err := c.sortedChildren(ctx, "/config/"+string(t))
	if err != nil || t != EntityUsers {
		return names, err
	}
	all := names
	for _, user := range names {
		clients, err := c.sortedChildren(ctx, ConfigPath(t, user)+"/clients")
		if err != nil {
			return nil, err
		}
		for _, client := range clients {
			// A quota of a user's client lies below the user's node, in the form that change
			// notifications have, too.
			all = append(all, user+"/clients/"+client)
		}
	}
	return all, nil
}

// Configs reads many entities of a type. Entities without a node have an empty map; one that cannot
// be understood is logged and left out.
func (c *Client) Configs(ctx context.Context, t EntityType, entities []string) (map[string]map[string]string, error) {
	found := make([]map[string]string, len(entities))
	err := c.each(ctx, len(entities), func(ctx context.Context, i int) error {
		data, _, err := c.get(ctx, ConfigPath(t, entities[i]))
		if errors.Is(err, ErrNoNode) {
			found[i] = map[string]string{}
			return nil
		}
		if err != nil {
			return err
		}
		if found[i], err = DecodeConfig(data); err != nil {
			c.log.WithError(err).WithField("entity", string(t)+"/"+entities[i]).Error("ignored a config node")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	all := make(map[string]map[string]string, len(entities))
	for i, overrides := range found {
		if overrides != nil {
			all[entities[i]] = overrides
		}
	}
	return all, nil
}

// SetConfig writes the whole overrides of an entity, without telling anybody.
func (c *Client) SetConfig(ctx context.Context, t EntityType, entity string, overrides map[string]string) error {
	return c.setOrCreate(ctx, ConfigPath(t, entity), EncodeConfig(overrides))
}

// CreateConfig is SetConfig for an entity that most likely has no node yet: one write then, where
// SetConfig takes two.
func (c *Client) CreateConfig(ctx context.Context, t EntityType, entity string, overrides map[string]string) error {
	err := c.createRecursive(ctx, ConfigPath(t, entity), EncodeConfig(overrides))
	if errors.Is(err, ErrNodeExists) {
		return c.SetConfig(ctx, t, entity, overrides)
	}
	return err
}

// NotifyConfigChange tells all brokers to read the entity's configs again. There need not have been
// any broker before.
func (c *Client) NotifyConfigChange(ctx context.Context, ch ConfigChange) error {
	data := EncodeConfigChange(ch)
	_, err := c.createSequential(ctx, configChangePrefix, data)
	if errors.Is(err, ErrNoNode) {
		if err := c.makeSure(ctx, ConfigChangesPath); err != nil {
			return err
		}
		_, err = c.createSequential(ctx, configChangePrefix, data)
	}
	return err
}
