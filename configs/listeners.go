package configs

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"momus/internal/model"
)

// Utils.getHost and EndPoint.uriParseExp: a host may be empty, and brackets belong to IPv6.
var listenerForm = regexp.MustCompile(`^(.*)://\[?([0-9a-zA-Z\-%._:]*)\]?:(-?[0-9]+)$`)

// parseEndpoints reads NAME://host:port,… with the protocols of names. Names are upper-cased; an
// empty host stays empty.
func parseEndpoints(list string, protocols map[string]model.SecurityProtocol) ([]model.Endpoint, error) {
	var out []model.Endpoint
	for _, s := range splitList(list) {
		if s == "" {
			continue
		}
		m := listenerForm.FindStringSubmatch(s)
		if m == nil {
			return nil, fmt.Errorf("%q is not a listener; the form is NAME://host:port, for example PLAINTEXT://0.0.0.0:9092", s)
		}
		name := strings.ToUpper(strings.TrimSpace(m[1]))
		if name == "" {
			return nil, fmt.Errorf("%q has no listener name; write for example PLAINTEXT://%s:%s", s, m[2], m[3])
		}
		port, err := strconv.ParseInt(m[3], 10, 32)
		if err != nil || port < 0 || port > 65535 {
			return nil, fmt.Errorf("%q: port %s is not valid; valid are 0 (any free port) to 65535", s, m[3])
		}
		protocol, ok := protocols[name]
		if !ok {
			return nil, fmt.Errorf("no security protocol for %q; add %s:PLAINTEXT to listener.security.protocol.map "+
				"(environment: KAFKA_LISTENER_SECURITY_PROTOCOL_MAP); setting it replaces the default, so list every name", name, name)
		}
		out = append(out, model.Endpoint{Listener: name, Protocol: protocol, Host: m[2], Port: int32(port)})
	}
	return out, nil
}

// parseProtocolMap reads NAME:PROTOCOL,….
func parseProtocolMap(s string) (map[string]model.SecurityProtocol, error) {
	out := map[string]model.SecurityProtocol{}
	for _, item := range splitList(s) {
		if item == "" {
			continue
		}
		// A name may not have a colon, but nothing forbids it before this.
		i := strings.LastIndexByte(item, ':')
		if i <= 0 {
			return nil, fmt.Errorf("%q is not of the form NAME:PROTOCOL", item)
		}
		p, err := model.ParseSecurityProtocol(strings.TrimSpace(item[i+1:]))
		if err != nil {
			return nil, fmt.Errorf("%q: %w", item, err)
		}
		out[strings.ToUpper(strings.TrimSpace(item[:i]))] = p
	}
	return out, nil
}

func formatEndpoints(list []model.Endpoint) string {
	s := make([]string, len(list))
	for i, e := range list {
		s[i] = e.String()
	}
	return strings.Join(s, ",")
}

func names(list []model.Endpoint) []string {
	s := make([]string, len(list))
	for i, e := range list {
		s[i] = e.Listener
	}
	return s
}

// resolveListeners applies the rules of Kafka's KafkaConfig to the listener keys. Errors are
// *SettingError; hostname stands in for an empty advertised host.
func (x *build) resolveListeners() *Listeners {
	b := x.broker
	protocols, err := parseProtocolMap(b.ListenerSecurityProtocolMap)
	if err != nil {
		x.fail("listener.security.protocol.map", err.Error())
		return nil
	}
	l := &Listeners{}

	// The keys of 0.9, port and host.name, make one PLAINTEXT listener.
	key, list := "listeners", b.Listeners
	if !x.given("listeners") {
		key = "port"
		list = "PLAINTEXT://" + bracket(b.HostName) + ":" + strconv.Itoa(int(b.Port))
	}
	if l.Bind, err = parseEndpoints(list, protocols); err != nil {
		x.fail(key, err.Error())
		return nil
	}
	if len(l.Bind) == 0 {
		x.fail(key, "no listener; give at least one, for example PLAINTEXT://:9092")
		return nil
	}
	x.checkBind(key, l.Bind)

	advertisedKey := "advertised.listeners"
	switch {
	case x.given("advertised.listeners"):
		l.Advertised, err = parseEndpoints(b.AdvertisedListeners, protocols)
	case x.given("advertised.host.name") || x.given("advertised.port"):
		host, port := b.AdvertisedHostName, b.AdvertisedPort
		advertisedKey = "advertised.host.name"
		if !x.given("advertised.host.name") {
			host = b.HostName
		}
		if !x.given("advertised.port") {
			port = b.Port
		}
		l.Advertised, err = parseEndpoints("PLAINTEXT://"+bracket(host)+":"+strconv.Itoa(int(port)), protocols)
	default:
		advertisedKey = key
		l.Advertised = slices.Clone(l.Bind)
	}
	if err != nil {
		x.fail(advertisedKey, err.Error())
		return nil
	}
	x.checkAdvertised(advertisedKey, l)
	// Clients are told a name, never an empty one: Kafka takes InetAddress.getCanonicalHostName.
	for i := range l.Advertised {
		if l.Advertised[i].Host == "" {
			l.Advertised[i].Host = x.hostname
		}
	}
	x.interBroker(l)
	x.controlPlane(l)
	return l
}

func bracket(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// checkBind refuses listeners of the same name or port; port 0 is a free one, and may be there more
// than once.
func (x *build) checkBind(key string, list []model.Endpoint) {
	for i, e := range list {
		for _, f := range list[:i] {
			if e.Listener == f.Listener {
				x.fail(key, fmt.Sprintf("two listeners are called %s; each listener must have a different name", e.Listener))
			}
			// 2.5 compares ports alone: two hosts of one machine do not help.
			if e.Port == f.Port && e.Port != 0 {
				x.fail(key, fmt.Sprintf("%s and %s both use port %d; each listener must have a different port", f.Listener, e.Listener, e.Port))
			}
		}
	}
}

// checkAdvertised refuses what clients could not connect to, and says what to set instead.
func (x *build) checkAdvertised(key string, l *Listeners) {
	if len(l.Advertised) == 0 {
		x.fail(key, "no advertised listener; give at least one of "+strings.Join(names(l.Bind), ","))
		return
	}
	bound := names(l.Bind)
	for i, e := range l.Advertised {
		if e.Host == "0.0.0.0" || e.Host == "::" {
			hint := "set advertised.listeners (environment: KAFKA_ADVERTISED_LISTENERS) to " + e.Listener + "://HOST:" + strconv.Itoa(int(e.Port)) +
				", where HOST is this machine's name or address as its clients see it"
			x.fail(key, fmt.Sprintf("%s cannot be advertised: clients would be told to connect to %s, which is an address to listen on only; %s", e, e.Host, hint))
		}
		if !slices.Contains(bound, e.Listener) {
			x.fail(key, fmt.Sprintf("%s is advertised but is not among listeners (%s); advertised names must be a subset of the names in listeners",
				e.Listener, strings.Join(bound, ",")))
		}
		for _, f := range l.Advertised[:i] {
			if !x.given(key) || key == "listeners" {
				break // the same was said about listeners
			}
			switch {
			case e.Listener == f.Listener:
				x.fail(key, fmt.Sprintf("two advertised listeners are called %s; each must have a different name", e.Listener))
			case e.Port == f.Port && e.Port != 0 && e.Host == f.Host:
				x.fail(key, fmt.Sprintf("%s and %s advertise the same address %s:%d; a client of one would reach the other",
					f.Listener, e.Listener, e.Host, e.Port))
			}
		}
	}
}

// interBroker finds the listener that brokers use among themselves, by its name or by its protocol;
// both together are a mistake, as in Kafka.
func (x *build) interBroker(l *Listeners) {
	b := x.broker
	advertised := names(l.Advertised)
	// An empty value is as good as none.
	if x.given("inter.broker.listener.name") && b.InterBrokerListenerName != "" {
		if x.given("security.inter.broker.protocol") {
			x.fail("inter.broker.listener.name", "only one of inter.broker.listener.name and security.inter.broker.protocol may be set")
			return
		}
		l.InterBroker = strings.ToUpper(b.InterBrokerListenerName)
		if !slices.Contains(advertised, l.InterBroker) {
			x.fail("inter.broker.listener.name", fmt.Sprintf("%s is not an advertised listener; valid are %s", l.InterBroker, strings.Join(advertised, ",")))
		}
		return
	}
	// The protocol names the listener: SSL is the listener called SSL.
	p, err := model.ParseSecurityProtocol(b.SecurityInterBrokerProtocol)
	if err != nil {
		x.fail("security.inter.broker.protocol", err.Error())
		return
	}
	l.InterBroker = p.String()
	if !slices.Contains(advertised, l.InterBroker) {
		x.fail("inter.broker.listener.name", fmt.Sprintf("not set, so brokers would use the listener %s, which is not advertised; set it to one of %s "+
			"(environment: KAFKA_INTER_BROKER_LISTENER_NAME)", l.InterBroker, strings.Join(advertised, ",")))
	}
}

// controlPlane finds the listener for the controller's requests (KIP-291); it is advertised, and
// another than the one for data.
func (x *build) controlPlane(l *Listeners) {
	if !x.given("control.plane.listener.name") || x.broker.ControlPlaneListenerName == "" {
		return
	}
	l.ControlPlane = strings.ToUpper(x.broker.ControlPlaneListenerName)
	if !slices.Contains(names(l.Advertised), l.ControlPlane) {
		x.fail("control.plane.listener.name", fmt.Sprintf("%s is not an advertised listener; valid are %s", l.ControlPlane, strings.Join(names(l.Advertised), ",")))
	}
	if l.ControlPlane == l.InterBroker {
		x.fail("control.plane.listener.name", "must differ from the listener that brokers use, "+l.InterBroker)
	}
}

// AdvertisedWith gives the advertised endpoints with port 0 replaced by what port says for the
// listener.
func (l *Listeners) AdvertisedWith(port func(listener string) int32) []model.Endpoint {
	out := slices.Clone(l.Advertised)
	for i := range out {
		if out[i].Port == 0 {
			out[i].Port = port(out[i].Listener)
		}
	}
	return out
}
