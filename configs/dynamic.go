package configs

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sort"
	"strconv"
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
// a prefix. SASL keys may carry both: listener.name.NAME.scram-sha-256.sasl.jaas.config.
func baseKey(name string) (base string, ok bool) {
	m := listenerPrefix.FindStringSubmatch(name)
	if m == nil {
		return name, false
	}
	// The mechanism stands between listener and key, and keys have dots themselves: only the end
	// tells them apart.
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
	// Passwords come encrypted from ZooKeeper; what the secret does not open is left out like a
	// value that does not fit.
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
	// A generated id belongs to no source; every new snapshot gets it.
	if c.mu.brokerID != noBrokerID {
		next.broker.BrokerID = c.mu.brokerID
	}
	old := c.current.Swap(next)
	c.mu.dynamicDefault, c.mu.dynamicBroker = dynamicDefault, dynamicBroker
	// The znode was written without a change of ours, for example by a second notification.
	if maps.Equal(old.dynamicDefault, dynamicDefault) && maps.Equal(old.dynamicBroker, dynamicBroker) {
		return nil
	}
	// Under the lock, so that changes are seen in order: fn may read the configuration and not
	// change it.
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
	// Collected first: an error names all of a kind, as Kafka's does.
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
			// max.connections of a listener is the one prefixed key that all brokers may share
			// (KIP-402).
			brokerOnly = append(brokerOnly, name)
		}
	}
	if len(fixed) > 0 {
		return conflict("Cannot update these configs dynamically: ", fixed)
	}
	if len(unprefixed) > 0 {
		return conflict("These security configs can be dynamically updated only per-listener using the listener prefix: ", unprefixed)
	}
	// In order, so that of several wrong values it is always the same one that is reported.
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
	// The lock is not held over the checks, which may ask other parts of the broker.
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
		return invalidChange(err)
	}
	c.mu.Lock()
	checks := slices.Clone(c.mu.checks)
	c.mu.Unlock()
	for _, check := range checks {
		if err := check(next.values); err != nil {
			return invalidChange(err)
		}
	}
	return nil
}

// invalidChange is how Kafka says what its parts have found wrong with new values of theirs.
func invalidChange(err error) error {
	return &ConflictError{Text: "Invalid value org.apache.kafka.common.config.ConfigException: " + err.Error() + " for configuration Invalid dynamic configuration"}
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
	// DynamicThreadPool: half or double, compared with what runs now.
	// Kafka resizes its pools in steps. The limits stay also where a size has no effect here:
	// scripts go by the errors.
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
	if err := validateListenerLimits(old, next); err != nil {
		return err
	}
	return validateListenerChange(old.listeners, next.listeners)
}

// validateListenerLimits wants a new limit of a listener to let a connection in, be it the
// listener's own or that of all.
func validateListenerLimits(old, next *snapshot) error {
	limit := func(s *snapshot, listener string) string {
		own, ok := s.values["listener.name."+strings.ToLower(listener)+".max.connections"]
		if !ok {
			own = s.values["max.connections"]
		}
		return own.Value
	}
	for _, e := range next.listeners.Bind {
		// A limit that stays is not judged again: it was there when the broker started.
		if is := limit(next, e.Listener); is != "" && is != limit(old, e.Listener) {
			if n, err := strconv.ParseInt(is, 10, 32); err != nil || n < 1 {
				return &ConflictError{Text: fmt.Sprintf("Invalid max.connections %s: listener %s would take no connection", is, e.Listener)}
			}
		}
	}
	return nil
}

// validateListenerChange refuses what a broker that runs cannot do: another protocol for a listener
// that is there, and no way for its peers to reach it.
func validateListenerChange(old, next *Listeners) error {
	for _, e := range next.Bind {
		for _, f := range old.Bind {
			if e.Listener == f.Listener && e.Protocol != f.Protocol {
				return &ConflictError{Text: "Security protocol cannot be updated for existing listener ListenerName(" + e.Listener + ")"}
			}
		}
	}
	if !slices.Contains(names(next.Advertised), next.InterBroker) {
		return &ConflictError{Text: "Advertised listener must be specified for inter-broker listener ListenerName(" + next.InterBroker + ")"}
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
	// A copy of the snapshot, since readers hold the old one.
	s := *c.current.Load()
	b := *s.broker
	b.BrokerID = id
	s.broker = &b
	c.current.Store(&s)
}
