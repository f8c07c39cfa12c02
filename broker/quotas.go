package broker

import (
	"context"
	"fmt"
	"time"

	"momus/broker/quota"
	"momus/broker/view"
	"momus/configs"
	"momus/coordinator/zk"
)

// newQuotas makes the client quotas, of which ZooKeeper will tell.
func newQuotas(c *configs.Broker) *quota.Set {
	return quota.NewSet(quota.SetOptions{
		Samples: int(c.QuotaWindowNum), Window: time.Duration(c.QuotaWindowSizeSeconds) * time.Second,
		ProducerDefault: c.QuotaProducerDefault, ConsumerDefault: c.QuotaConsumerDefault,
	})
}

// loadQuotas reads the quotas of all users and clients. Those that are no longer there are taken
// away.
func (d *dynamic) loadQuotas(ctx context.Context) error {
	gone, users := map[quota.Entity]struct{}{}, map[string]struct{}{}
	for _, e := range d.quotas.Entities() {
		// Entities whose node was deleted have no notification to read: they are found by what is
		// missing.
		gone[e] = struct{}{}
	}
	for _, t := range []zk.EntityType{zk.EntityUsers, zk.EntityClients} {
		entities, err := d.zk.ConfigEntities(ctx, t)
		if err != nil {
			return fmt.Errorf("list configs of %s: %w", t, err)
		}
		all, err := d.zk.Configs(ctx, t, entities)
		if err != nil {
			return fmt.Errorf("read configs of %s: %w", t, err)
		}
		for entity, settings := range all {
			if e, ok := d.setQuotas(t, entity, settings); ok {
				delete(gone, e)
			}
			d.setCredentials(t, entity, settings)
			if user, ok := scramUser(t, entity); ok {
				users[user] = struct{}{}
			}
		}
	}
	d.scram.retain(users)
	for e := range gone {
		if err := d.quotas.Apply(e, nil); err != nil {
			return err
		}
	}
	return nil
}

// applyQuotas reads the quotas of one entity, of which a notification has told.
func (d *dynamic) applyQuotas(ctx context.Context, t zk.EntityType, entity string) error {
	settings, err := d.zk.Config(ctx, t, entity)
	if err != nil {
		return fmt.Errorf("read configs of %s/%s: %w", t, entity, err)
	}
	d.history.none(string(t) + " " + entity) // loadQuotas has read all that there were
	d.setQuotas(t, entity, settings)
	d.setCredentials(t, entity, settings)
	return nil
}

// setQuotas makes the settings of an entity its quotas; what is not valid is logged.
func (d *dynamic) setQuotas(t zk.EntityType, entity string, settings map[string]string) (quota.Entity, bool) {
	d.history.saw(string(t)+" "+entity, settings, publicQuotaKey)
	e, err := view.QuotaEntity(t, entity)
	if err != nil {
		d.logger.WithError(err).Error("quotas in ZooKeeper are passed over")
		return e, false
	}
	if err := d.quotas.Apply(e, settings); err != nil {
		d.logger.WithError(err).WithField("entity", string(t)+"/"+entity).Error("some quotas in ZooKeeper are not valid and are left out")
	}
	return e, true
}
