package broker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync"

	"github.com/sirupsen/logrus"

	"momus/broker/network"
	"momus/internal/model"
)

// listeners are what a broker listens on and tells others about, kept in step with its settings.
type listeners struct {
	mu sync.Mutex // held while they change, so that one change follows the other
	// bound are the settings of the listeners that are open, by name.
	bound map[string]model.Endpoint
	// advertised is what the registration says.
	advertised []model.Endpoint
}

// listen binds all listeners. Connections are accepted by the system from now on, but nothing is
// read before the server runs.
func (b *Broker) listen(h network.Handler) error {
	b.listeners.mu.Lock()
	defer b.listeners.mu.Unlock()
	b.listeners.bound = map[string]model.Endpoint{}
	var ls []network.Listener
	for _, e := range b.config.Listeners().Bind {
		ls = append(ls, b.listener(e))
		b.listeners.bound[e.Listener] = e
	}
	o := network.Options{Listeners: ls, Handler: h, Limits: b.limits(), Logger: b.logFor("kafka.network.SocketServer"), Now: b.opts.Now, Hooks: b.networkHooks()}
	if b.opts.Net != nil {
		o.Wrap, o.Hold = b.opts.Net.Wrap, b.opts.Net.Hold
	}
	b.server = network.New(o)
	if err := b.server.Listen(); err != nil {
		return err
	}
	b.listeners.advertised = b.advertised()
	return nil
}

// listener is what the network needs to know of an endpoint; TLS is nil where there is none.
func (b *Broker) listener(e model.Endpoint) network.Listener {
	return network.Listener{Name: e.Listener, Protocol: e.Protocol, Addr: net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port))), TLS: b.security.ServerTLS(e.Listener)}
}

// followListeners brings the listeners in step with dynamic configs that have changed. Who reads
// the registration never finds an address in it that is not open: what was added is opened first,
// then comes the registration, then what was removed is closed; but for a port that goes from one
// listener to another, which only one of them can have.
func (b *Broker) followListeners(ctx context.Context) error {
	b.listeners.mu.Lock()
	defer b.listeners.mu.Unlock()
	b.server.LimitsChanged()
	errs := []error{b.security.Reload()}
	wanted, removed := b.config.Listeners().Bind, maps.Clone(b.listeners.bound)
	for _, e := range wanted {
		delete(removed, e.Listener)
	}
	for name := range removed {
		if port := b.portOf(name); slices.ContainsFunc(wanted, func(e model.Endpoint) bool { return e.Port == port }) {
			b.closeListenerLocked(name)
			delete(removed, name)
		}
	}
	for _, e := range wanted {
		// A listener whose security could not be read has no settings to be opened with; its error
		// is in errs, from Reload.
		if open, ok := b.listeners.bound[e.Listener]; ok && open == e || b.security.Listener(e.Listener) == nil {
			continue
		}
		if err := b.server.AddListener(b.listener(e)); err != nil {
			errs = append(errs, err)
			continue
		}
		b.listeners.bound[e.Listener] = e
		b.log.WithFields(logrus.Fields{"listener": e.Listener, "address": b.server.Addr(e.Listener)}).Info("opened a listener")
	}
	if now := b.advertised(); !slices.Equal(now, b.listeners.advertised) {
		// The znode is rewritten in place: its czxid, which is the broker's epoch, must stay.
		if err := b.control.UpdateRegistration(ctx); err != nil {
			errs = append(errs, fmt.Errorf("register the changed listeners: %w", err))
		} else {
			b.listeners.advertised = now
		}
	}
	for _, name := range slices.Sorted(maps.Keys(removed)) {
		b.closeListenerLocked(name)
	}
	return errors.Join(errs...)
}

// closeListenerLocked gives up a listener that is open.
func (b *Broker) closeListenerLocked(name string) {
	b.server.RemoveListener(name)
	delete(b.listeners.bound, name)
	b.log.WithField("listener", name).Info("closed a listener")
}

// portOf is the port that a listener has, 0 of one that is not open.
func (b *Broker) portOf(listener string) int32 {
	if a, ok := b.server.Addr(listener).(*net.TCPAddr); ok {
		return int32(a.Port)
	}
	return 0
}

// advertised are the endpoints that others are told: those of listeners that are open. A port 0 is
// replaced by the one that the system chose.
func (b *Broker) advertised() []model.Endpoint {
	endpoints := b.config.Listeners().AdvertisedWith(b.portOf)
	return slices.DeleteFunc(endpoints, func(e model.Endpoint) bool { return b.server.Addr(e.Listener) == nil })
}
