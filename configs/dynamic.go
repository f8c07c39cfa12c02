package configs

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sort"
	"strings"
)

var listenerPrefix = regexp.MustCompile(`^listener\.name\.[^.]*\.(.*)$`)

// mechanismKeys may stand behind listener.name.<listener>.<mechanism>.
var mechanismKeys = [...]string{"sasl.jaas.config", "sasl.login.callback.handler.class", "sasl.login.class",
	"sasl.server.callback.handler.class", "connections.max.reauth.ms"}

// storeKeys are those that can change only for one listener, with its prefix.
var storeKeys = [...]string{"ssl.keystore.type", "ssl.keystore.location", "ssl.keystore.password", "ssl.key.password",
	"ssl.truststore.type", "ssl.truststore.location", "ssl.truststore.password"}

// threadKeys may only change between half and double of what they are.
var threadKeys = [...]string{"background.threads", "num.io.threads", "num.network.threads", "num.recovery.threads.per.data.dir", "num.replica.fetchers"}

// baseKey strips listener.name.<listener>. and the mechanism from a name; ok tells that it had such
// a prefix.
func baseKey(name string) (base string, ok bool) {
	m := listenerPrefix.FindStringSubmatch(name)
	if m == nil {
		return name, false
	}
	for _, k := range mechanismKeys {
		if strings.HasSuffix(m[1], k) {
			return k, true
		}
	}
	return m[1], true
}

// SetDynamicDefault replaces the cluster-wide dynamic configs (of /config/brokers/<default>).
// Settings that do not fit are left out and named by the error; what fits takes effect. When the
// whole contradicts itself nothing changes. Subscribers run before it returns.
func (c *Config) SetDynamicDefault(settings map[string]string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear, unread := c.decodePasswords(settings)
	kept, left := usable(clear, false)
	return errors.Join(unread, left, c.applyLocked(kept, c.mu.dynamicBroker))
}

// SetDynamicBroker replaces the dynamic configs of this broker (of /config/brokers/<id>), see
// SetDynamicDefault.
func (c *Config) SetDynamicBroker(settings map[string]string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear, unread := c.decodePasswords(settings)
	kept, left := usable(clear, true)
	return errors.Join(unread, left, c.applyLocked(c.mu.dynamicDefault, kept))
}

// WithoutEffect lists those of the settings, in order, that Kafka knows and this broker has no use
// for, such as sizes of thread pools.
func WithoutEffect(settings map[string]string) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		base, _ := baseKey(name)
		if k, ok := BrokerKey(base); ok && k.NoEffect {
			names = append(names, name)
		}
	}
	return names
}

// Subscribe calls fn after each dynamic change with the snapshots before and after it, one call at
// a time. fn must not change dynamic configs itself.
func (c *Config) Subscribe(fn func(old, new *Broker)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.subscribers = append(c.mu.subscribers, fn)
}

// applyLocked computes the snapshot for the dynamic settings and publishes it.
func (c *Config) applyLocked(dynamicDefault, dynamicBroker map[string]string) error {
	next, err := c.snapshot(dynamicDefault, dynamicBroker)
	if err != nil {
		return err
	}
	if c.mu.brokerID != noBrokerID {
		next.broker.BrokerID = c.mu.brokerID
	}
	old := c.current.Swap(next)
	c.mu.dynamicDefault, c.mu.dynamicBroker = dynamicDefault, dynamicBroker
	if maps.Equal(old.dynamicDefault, dynamicDefault) && maps.Equal(old.dynamicBroker, dynamicBroker) {
		return nil
	}
	for _, fn := range c.mu.subscribers {
		fn(old.broker, next.broker)
	}
	return nil
}

// snapshot computes what the given dynamic settings on top of the static ones make.
func (c *Config) snapshot(dynamicDefault, dynamicBroker map[string]string) (*snapshot, error) {
	values := maps.Clone(c.static)
	for k, v := range dynamicDefault {
		values[k] = Setting{Value: v, Origin: Origin{Kind: FromDynamicDefault}}
	}
	for k, v := range dynamicBroker {
		values[k] = Setting{Value: v, Origin: Origin{Kind: FromDynamicBroker}}
	}
	x := &build{values: values, hostname: c.hostname}
	listeners := x.run()
	if len(x.errs) > 0 {
		return nil, errors.Join(x.errs...)
	}
	return &snapshot{broker: x.broker, listeners: listeners, topicDefaults: topicDefaults(x.broker),
		dynamicDefault: dynamicDefault, dynamicBroker: dynamicBroker, values: values}, nil
}

// usable drops from stored dynamic settings what cannot apply, with one error for each.
func usable(settings map[string]string, perBroker bool) (map[string]string, error) {
	kept := make(map[string]string, len(settings))
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if err := validateDynamic(map[string]string{name: settings[name]}, perBroker); err != nil {
			errs = append(errs, fmt.Errorf("dynamic config left out: %w", err))
			continue
		}
		kept[name] = settings[name]
	}
	return kept, errors.Join(errs...)
}

// validateDynamic checks names, levels and values, in Kafka's order and words.
func validateDynamic(settings map[string]string, perBroker bool) error {
	var fixed, unprefixed, brokerOnly []string
	for name := range settings {
		if k, ok := BrokerKey(name); ok && k.Update == ReadOnly {
			fixed = append(fixed, name)
		}
		if slices.Contains(storeKeys[:], name) {
			unprefixed = append(unprefixed, name)
		}
		base, prefixed := baseKey(name)
		if k, ok := BrokerKey(base); prefixed && base != "max.connections" || !prefixed && ok && k.Update == PerBroker {
			brokerOnly = append(brokerOnly, name)
		}
	}
	if len(fixed) > 0 {
		return conflict("Cannot update these configs dynamically: ", fixed)
	}
	if len(unprefixed) > 0 {
		return conflict("These security configs can be dynamically updated only per-listener using the listener prefix: ", unprefixed)
	}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		base, _ := baseKey(name)
		if k, ok := BrokerKey(base); ok {
			if _, err := k.parse(settings[name]); err != nil {
				return err
			}
		}
	}
	if !perBroker && len(brokerOnly) > 0 {
		return conflict("Cannot update these configs at default cluster level, broker id must be specified: ", brokerOnly)
	}
	return nil
}

func conflict(text string, names []string) error {
	sort.Strings(names)
	return &ConflictError{Text: text + "Set(" + strings.Join(names, ", ") + ")"}
}

// ValidateBrokerUpdate checks the dynamic settings that are to be stored, all of them, not only
// those that change: for this broker, else for all. The error has Kafka's text.
func (c *Config) ValidateBrokerUpdate(settings map[string]string, perBroker bool) error {
	settings, err := c.decodePasswords(settings)
	if err != nil {
		return err
	}
	if err := validateDynamic(settings, perBroker); err != nil {
		return err
	}
	for name := range settings {
		if isDynamicPassword(name) && c.Broker().PasswordEncoderSecret == "" {
			return &ConflictError{Text: errNoSecret.Error()}
		}
	}
	c.mu.Lock()
	dynamicDefault, dynamicBroker := c.mu.dynamicDefault, c.mu.dynamicBroker
	c.mu.Unlock()
	if perBroker {
		dynamicBroker = settings
	} else {
		dynamicDefault = settings
	}
	next, err := c.snapshot(dynamicDefault, dynamicBroker)
	if err != nil {
		return err
	}
	if err := validateChange(c.current.Load(), next); err != nil {
		return err
	}
	c.mu.Lock()
	checks := slices.Clone(c.mu.checks)
	c.mu.Unlock()
	for _, check := range checks {
		if err := check(next.values); err != nil {
			return &ConflictError{Text: err.Error()}
		}
	}
	return nil
}

// AddCheck lets a part of the broker refuse dynamic settings before they are stored. check gets all
// settings as they would be.
func (c *Config) AddCheck(check func(next Values) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.checks = append(c.mu.checks, check)
}

// validateChange checks what depends on the value before.
func validateChange(old, next *snapshot) error {
	for _, name := range threadKeys {
		k, _ := BrokerKey(name)
		was, is := *k.broker(old.broker).(*int32), *k.broker(next.broker).(*int32)
		if was == is {
			continue
		}
		text := fmt.Sprintf("Dynamic thread count update validation failed for %s=%d, value should ", name, is)
		switch {
		case is <= 0:
			return &ConflictError{Text: text + "be at least 1"}
		case is < was/2:
			return &ConflictError{Text: fmt.Sprintf("%sbe at least half the current value %d", text, was)}
		case is > was*2:
			return &ConflictError{Text: fmt.Sprintf("%snot be greater than double the current value %d", text, was)}
		}
	}
	was, is := old.broker.LogCleanerThreads, next.broker.LogCleanerThreads
	switch {
	case is < 1:
		return &ConflictError{Text: "Log cleaner threads should be at least 1"}
	case is < was/2:
		return &ConflictError{Text: fmt.Sprintf("Log cleaner threads cannot be reduced to less than half the current value %d", was)}
	case is > was*2:
		return &ConflictError{Text: fmt.Sprintf("Log cleaner threads cannot be increased to more than double the current value %d", was)}
	}
	return validateListenerChange(old.listeners, next.listeners)
}

func validateListenerChange(old, next *Listeners) error {
	for _, e := range next.Bind {
		for _, f := range old.Bind {
			if e.Listener == f.Listener && e.Protocol != f.Protocol {
				return &ConflictError{Text: "Security protocol cannot be updated for existing listener " + e.Listener}
			}
		}
	}
	if !slices.Contains(names(next.Advertised), next.InterBroker) {
		return &ConflictError{Text: "Advertised listener must be specified for inter-broker listener " + next.InterBroker}
	}
	return nil
}

// noBrokerID tells that no id was chosen yet.
const noBrokerID = -1

// SetBrokerID sets the id that was read from meta.properties or generated, when broker.id is -1.
func (c *Config) SetBrokerID(id int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.brokerID = id
	s := *c.current.Load()
	b := *s.broker
	b.BrokerID = id
	s.broker = &b
	c.current.Store(&s)
}
