package broker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"

	"github.com/sirupsen/logrus"

	"momus/broker/quota"
	"momus/configs"
	"momus/coordinator/zk"
	"momus/internal/bell"
	"momus/storage/logdir"
)

// dynamic keeps what ZooKeeper says about configuration: the overrides of topics and the dynamic
// configs of brokers. It is told by the config change notifications, and reads the nodes that those
// name.
type dynamic struct {
	config *configs.Config
	zk     *zk.Client
	id     int32
	logger *logrus.Entry
	quotas *quota.Set // of clients
	scram  *scramUsers
	logs   *logdir.Manager // nil until the logs are open
	// onTopic is told that a topic's overrides have changed.
	onTopic func(topic string, overrides map[string]string)
	// history tells the journal of changes.
	history configHistory
	// onBroker is told that the dynamic configs of this broker have been read again.
	onBroker func(ctx context.Context) error

	// mu guards what follows; it is never held across ZooKeeper, nor while logs are told.
	mu        sync.RWMutex
	overrides map[string]map[string]string // by topic, of all topics that were read, those without overrides too
	effective map[string]*configs.Topic    // the same, with the broker's defaults
	defaults  *configs.Topic
	unread    map[string]bool // topics that go by the defaults because their configs could not be read

	retry bell.Bell // unread has grown
}

// defaultEntity is the name of the entity whose settings hold for all others.
const defaultEntity = "<default>"

func newDynamic(c *configs.Config, client *zk.Client, id int32, logger *logrus.Entry) *dynamic {
	d := &dynamic{config: c, zk: client, id: id, logger: logger, quotas: newQuotas(c.Broker()), scram: &scramUsers{},
		overrides: map[string]map[string]string{}, effective: map[string]*configs.Topic{}, defaults: c.Topic(nil),
		unread: map[string]bool{}, retry: bell.New()}
	c.Subscribe(func(_, _ *configs.Broker) { d.rebase() })
	return d
}

// loadBroker reads the dynamic configs of brokers, before anything is built from the configuration.
func (d *dynamic) loadBroker(ctx context.Context) error {
	if err := d.reencodePasswords(ctx); err != nil {
		return err
	}
	// The order does not matter for the result: a broker's own setting wins over that of all.
	for _, entity := range []string{defaultEntity, strconv.Itoa(int(d.id))} {
		if err := d.applyBroker(ctx, entity); err != nil {
			return err
		}
	}
	return nil
}

// reencodePasswords rewrites this broker's passwords that are encrypted with
// password.encoder.old.secret.
func (d *dynamic) reencodePasswords(ctx context.Context) error {
	entity := strconv.Itoa(int(d.id))
	settings, err := d.zk.Config(ctx, zk.EntityBrokers, entity)
	if err != nil {
		return fmt.Errorf("read the dynamic configs of broker %s: %w", entity, err)
	}
	settings, changed, err := d.config.ReencodePasswords(settings)
	if err != nil {
		return fmt.Errorf("encrypt passwords with the new secret: %w", err)
	}
	if !changed {
		return nil
	}
	d.logger.WithField("broker", entity).Info("encrypted the dynamic passwords with the new secret")
	if err := d.zk.SetConfig(ctx, zk.EntityBrokers, entity, settings); err != nil {
		return fmt.Errorf("write the dynamic configs of broker %s: %w", entity, err)
	}
	// A crash before it loses nothing: the passwords are written, and a start reads them with the
	// new secret.
	if err := d.zk.NotifyConfigChange(ctx, zk.ConfigChange{Type: zk.EntityBrokers, Entity: entity}); err != nil {
		return fmt.Errorf("notify of the dynamic configs of broker %s: %w", entity, err)
	}
	return nil
}

// loadTopics reads the overrides of all topics.
func (d *dynamic) loadTopics(ctx context.Context) error {
	topics, err := d.zk.Topics(ctx)
	if err != nil {
		return fmt.Errorf("list topics: %w", err)
	}
	all, err := d.zk.Configs(ctx, zk.EntityTopics, topics)
	if err != nil {
		return fmt.Errorf("read topic configs: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for t, o := range all {
		d.setTopicLocked(t, o)
	}
	return nil
}

// Topic is the configuration of a topic; the broker's defaults for one that this broker does not
// know.
func (d *dynamic) Topic(topic string) *configs.Topic {
	d.mu.RLock()
	t, ok := d.effective[topic]
	if !ok {
		t = d.defaults
	}
	d.mu.RUnlock()
	return t
}

// Overrides are the overrides of a topic, nil if it has none or is not known. They must not be
// changed.
func (d *dynamic) Overrides(topic string) map[string]string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.overrides[topic]
}

// setTopicLocked takes the overrides of a topic over, but for values that do not fit their keys, of
// which it tells.
func (d *dynamic) setTopicLocked(topic string, overrides map[string]string) {
	d.warnOfTopic(topic, overrides, "a topic's config in ZooKeeper has values that are not valid; the broker's defaults hold for them until they are corrected")
	d.overrides[topic] = overrides
	d.effective[topic] = d.config.Topic(overrides)
	delete(d.unread, topic)
}

// warnOfTopic logs what is wrong with the overrides of a topic and reports whether anything is.
func (d *dynamic) warnOfTopic(topic string, overrides map[string]string, text string) bool {
	errs := configs.InvalidTopicValues(overrides)
	if len(errs) > 0 {
		d.logger.WithError(errors.Join(errs...)).WithField("topic", topic).Error(text)
	}
	return len(errs) > 0
}

// rebase recomputes all topics after the broker's own settings have changed.
func (d *dynamic) rebase() {
	d.recompute()
	if d.logs != nil {
		if err := d.logs.UpdateDefaults(); err != nil {
			d.logger.WithError(err).Error("could not apply the changed defaults to all logs")
		}
	}
}

// recompute makes the effective configs anew. A panic over what ZooKeeper holds leaves the lock free, as
// in takeOver: handlers ask for configs.
func (d *dynamic) recompute() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.defaults = d.config.Topic(nil)
	for t, o := range d.overrides {
		d.effective[t] = d.config.Topic(o)
	}
}

// takeOver makes overrides a topic's.
func (d *dynamic) takeOver(topic string, overrides map[string]string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.setTopicLocked(topic, overrides)
}

// apply carries out one config change notification.
func (d *dynamic) apply(ctx context.Context, ch zk.ConfigChange) error {
	switch ch.Type {
	case zk.EntityTopics:
		return d.applyTopic(ctx, ch.Entity)
	case zk.EntityBrokers:
		// Every broker hears of every change; those of other brokers are theirs.
		if ch.Entity != defaultEntity && ch.Entity != strconv.Itoa(int(d.id)) {
			return nil
		}
		return d.applyBroker(ctx, ch.Entity)
	case zk.EntityUsers, zk.EntityClients:
		return d.applyQuotas(ctx, ch.Type, ch.Entity)
	}
	return nil
}

// applyAll reads everything again, as after a lost session.
func (d *dynamic) applyAll(ctx context.Context) error {
	if err := d.loadBroker(ctx); err != nil {
		return err
	}
	if err := d.loadQuotas(ctx); err != nil {
		return err
	}
	topics, err := d.zk.ConfigEntities(ctx, zk.EntityTopics)
	if err != nil {
		return fmt.Errorf("list topic configs: %w", err)
	}
	all, err := d.zk.Configs(ctx, zk.EntityTopics, topics)
	if err != nil {
		return fmt.Errorf("read topic configs: %w", err)
	}
	for t, o := range all {
		if !maps.Equal(o, d.Overrides(t)) {
			if err := d.changeTopic(t, o); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *dynamic) applyTopic(ctx context.Context, topic string) error {
	o, err := d.zk.Config(ctx, zk.EntityTopics, topic)
	if err != nil {
		return fmt.Errorf("read the configs of topic %s: %w", topic, err)
	}
	return d.changeTopic(topic, o)
}

// changeTopic takes changed overrides of a topic over. As in Kafka the configs that were in use
// stay when a value does not fit its key.
func (d *dynamic) changeTopic(topic string, overrides map[string]string) error {
	d.mu.RLock()
	// For a topic that goes by the defaults for want of its configs, anything that can be used is
	// better.
	known := d.effective[topic] != nil && !d.unread[topic]
	d.mu.RUnlock()
	if known && d.warnOfTopic(topic, overrides, "a topic's config in ZooKeeper has values that are not valid; the configs before the change stay in use") {
		return nil
	}
	// Of a topic that has no replica here, what was set before is not known, and not the default.
	if known {
		d.history.was("topic "+topic, d.Overrides(topic))
	} else {
		d.history.forget("topic " + topic)
	}
	d.history.saw("topic "+topic, overrides, publicTopicKey)
	d.takeOver(topic, overrides)
	d.logger.WithFields(logrus.Fields{"topic": topic, "overrides": len(overrides)}).Debug("topic configs changed")
	var err error
	// Outside of the lock: each log takes its own.
	if d.logs != nil {
		err = d.logs.UpdateTopicConfig(topic, d.Topic(topic))
	}
	if d.onTopic != nil {
		d.onTopic(topic, overrides)
	}
	return err
}

// forget drops what is known of deleted topics: they may come back with other configs.
func (d *dynamic) forget(topics ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range topics {
		delete(d.overrides, t)
		delete(d.effective, t)
		delete(d.unread, t)
	}
}

func (d *dynamic) applyBroker(ctx context.Context, entity string) error {
	settings, err := d.zk.Config(ctx, zk.EntityBrokers, entity)
	if err != nil {
		return fmt.Errorf("read the dynamic configs of broker %s: %w", entity, err)
	}
	d.history.saw("broker "+entity, settings, publicBrokerKey)
	if entity == defaultEntity {
		err = d.config.SetDynamicDefault(settings)
	} else {
		err = d.config.SetDynamicBroker(settings)
	}
	if err != nil { // Kafka keeps the valid ones and logs the rest
		d.logger.WithError(err).WithField("broker", entity).Error("some dynamic configs in ZooKeeper are not valid and are left out")
	}
	if idle := configs.WithoutEffect(settings); len(idle) > 0 {
		d.logger.WithFields(logrus.Fields{"broker": entity, "keys": strings.Join(idle, ",")}).Info("accepted dynamic configs that have no effect here")
	}
	if d.onBroker == nil {
		return nil
	}
	if err := d.onBroker(ctx); err != nil {
		return fmt.Errorf("use the changed configs of broker %s: %w", entity, err)
	}
	return nil
}
