package admin

import (
	"context"
	"maps"
	"strconv"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"momus/configs"
	"momus/coordinator/zk"
)

// DynamicConfigs keeps the configs that live in ZooKeeper: those of topics, and this broker's dynamic ones, which it hands to
// configs.Config (Kafka's DynamicConfigManager). The broker owns one; Run is its goroutine.
type DynamicConfigs struct {
	opts   DynamicOptions
	reader *zk.ChangeReader

	mu     sync.RWMutex
	topics map[string]*topicEntry // topics with overrides, and those asked for
}

type topicEntry struct {
	overrides map[string]string
	config    *configs.Topic
}

// DynamicOptions configure DynamicConfigs. The callbacks run on the goroutine of Run (or Start), one at a time; any may be nil.
type DynamicOptions struct {
	BrokerID int32
	ZK       *zk.Client
	Config   *configs.Config
	Logger   *logrus.Entry
	Now      func() time.Time
	// OnTopic is told each changed topic configuration, also when a broker default has changed it.
	OnTopic func(topic string, config *configs.Topic, overrides map[string]string)
	// OnQuota is told each changed entity of clients and users, encoded as in the path (users may be u/clients/c).
	OnQuota func(t zk.EntityType, entity string, overrides map[string]string)
}

// NewDynamicConfigs does not read anything yet.
func NewDynamicConfigs(o DynamicOptions) *DynamicConfigs {
	d := &DynamicConfigs{opts: o, topics: map[string]*topicEntry{}}
	d.reader = o.ZK.NewConfigChangeReader(o.Now, d.apply)
	return d
}

// LoadBroker reads this broker's dynamic configs, which must happen before anything is built from the configuration.
func (d *DynamicConfigs) LoadBroker(ctx context.Context) error {
	if err := d.applyBroker(ctx, zk.DefaultEntity); err != nil {
		return err
	}
	return d.applyBroker(ctx, strconv.Itoa(int(d.opts.BrokerID)))
}

// LoadTopics reads the overrides of all topics, before their logs are opened.
func (d *DynamicConfigs) LoadTopics(ctx context.Context) error {
	names, err := d.opts.ZK.ConfigEntities(ctx, zk.TopicConfigs)
	if err != nil {
		return err
	}
	all, err := d.opts.ZK.Configs(ctx, zk.TopicConfigs, names)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, overrides := range all {
		if len(overrides) > 0 {
			d.topics[name] = &topicEntry{overrides: overrides, config: d.opts.Config.Topic(overrides)}
		}
	}
	return nil
}

// Start sets the watch, handles pending notifications, and applies everything once.
func (d *DynamicConfigs) Start(ctx context.Context) error {
	if err := d.reader.Start(ctx); err != nil {
		return err
	}
	for _, t := range []zk.EntityType{zk.TopicConfigs, zk.ClientConfigs, zk.UserConfigs, zk.BrokerConfigs} {
		names, err := d.opts.ZK.ConfigEntities(ctx, t)
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := d.apply(ctx, zk.ConfigChange{Type: t, Entity: name}); err != nil {
				d.opts.Logger.WithError(err).WithField("entity", string(t)+"/"+name).Error("could not apply a dynamic config")
			}
		}
	}
	return nil
}

// Run follows the notifications until ctx ends.
func (d *DynamicConfigs) Run(ctx context.Context) error { return d.reader.Run(ctx) }

// Topic is the current configuration of a topic; the broker's defaults for one without overrides.
func (d *DynamicConfigs) Topic(name string) *configs.Topic {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if e := d.topics[name]; e != nil {
		return e.config
	}
	return d.opts.Config.Topic(nil)
}

// Overrides is a copy of what a topic overrides.
func (d *DynamicConfigs) Overrides(name string) map[string]string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if e := d.topics[name]; e != nil {
		return maps.Clone(e.overrides)
	}
	return map[string]string{}
}

// RefreshTopic reads a topic's overrides again. A new topic has no notification: who creates its first log asks for them.
func (d *DynamicConfigs) RefreshTopic(ctx context.Context, name string) (*configs.Topic, error) {
	overrides, err := d.opts.ZK.Config(ctx, zk.TopicConfigs, name)
	if err != nil {
		return nil, err
	}
	return d.setTopic(name, overrides), nil
}

// ForgetTopic drops a deleted topic.
func (d *DynamicConfigs) ForgetTopic(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.topics, name)
}

func (d *DynamicConfigs) setTopic(name string, overrides map[string]string) *configs.Topic {
	config := d.opts.Config.Topic(overrides)
	if d.opts.Config.MessageFormatIgnored(overrides) {
		d.opts.Logger.WithField("topic", name).Warn("message.format.version of the topic is newer than inter.broker.protocol.version and is ignored")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(overrides) == 0 {
		delete(d.topics, name)
	} else {
		d.topics[name] = &topicEntry{overrides: overrides, config: config}
	}
	return config
}

// apply reads an entity's configs again and puts them in force.
func (d *DynamicConfigs) apply(ctx context.Context, ch zk.ConfigChange) error {
	if ch.Type == zk.BrokerConfigs {
		if id := strconv.Itoa(int(d.opts.BrokerID)); ch.Entity == id || ch.Entity == zk.DefaultEntity {
			return d.applyBroker(ctx, ch.Entity)
		}
		return nil
	}
	overrides, err := d.opts.ZK.Config(ctx, ch.Type, ch.Entity)
	if err != nil {
		return err
	}
	if ch.Type == zk.TopicConfigs {
		config := d.setTopic(ch.Entity, overrides)
		if d.opts.OnTopic != nil {
			d.opts.OnTopic(ch.Entity, config, overrides)
		}
		return nil
	}
	if d.opts.OnQuota != nil {
		d.opts.OnQuota(ch.Type, ch.Entity, overrides)
	}
	return nil
}

func (d *DynamicConfigs) applyBroker(ctx context.Context, entity string) error {
	settings, err := d.opts.ZK.Config(ctx, zk.BrokerConfigs, entity)
	if err != nil {
		return err
	}
	before := d.opts.Config.Broker()
	if entity == zk.DefaultEntity {
		err = d.opts.Config.SetDynamicDefault(settings)
	} else {
		err = d.opts.Config.SetDynamicBroker(settings)
	}
	if d.opts.Config.Broker() != before {
		d.rebase()
	}
	return err
}

// rebase makes the topics' configurations again after broker defaults have changed.
func (d *DynamicConfigs) rebase() {
	d.mu.Lock()
	changed := map[string]*topicEntry{}
	for name, e := range d.topics {
		e = &topicEntry{overrides: e.overrides, config: d.opts.Config.Topic(e.overrides)}
		d.topics[name], changed[name] = e, e
	}
	d.mu.Unlock()
	if d.opts.OnTopic != nil {
		for name, e := range changed {
			d.opts.OnTopic(name, e.config, e.overrides)
		}
	}
}
