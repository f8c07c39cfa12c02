package security

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"momus/broker/interbroker"
	"momus/broker/network"
	"momus/broker/security/sasl"
	"momus/internal/jaas"
	"momus/internal/krb5"
	"momus/internal/model"
)

// Dialer opens connections to other brokers as the settings of the listener that is dialled say:
// TLS with the listener's own key, SASL with the credentials of its JAAS context. It implements
// interbroker.Dialer.
type Dialer struct{ s *Security }

// Dialer is the one for every connection to a broker.
func (s *Security) Dialer() Dialer { return Dialer{s} }

// Dial implements interbroker.Dialer.
func (d Dialer) Dial(ctx context.Context, to model.Endpoint) (*interbroker.Connection, error) {
	l := d.s.Listener(to.Listener)
	if l == nil || l.Protocol != to.Protocol {
		return nil, fmt.Errorf("broker at %s has a listener %s with %s, which this broker has not: the listeners that brokers use must be the same on all", to, to.Listener, to.Protocol)
	}
	dial := d.s.o.Dial
	if dial == nil {
		dial = func(ctx context.Context, address string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", address)
		}
	}
	conn, err := dial(ctx, net.JoinHostPort(to.Host, strconv.Itoa(int(to.Port))))
	if err != nil {
		return nil, err
	}
	c, err := d.secure(ctx, l, to, conn)
	if err != nil {
		conn.Close()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	return c, nil
}

// secure does the handshakes of a new connection; ctx ends them.
func (d Dialer) secure(ctx context.Context, l *Listener, to model.Endpoint, conn net.Conn) (*interbroker.Connection, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if l.TLS != nil {
		t := tls.Client(conn, l.TLS.Client(to.Host))
		if err := t.Handshake(); err != nil {
			return nil, fmt.Errorf("TLS: %w", err)
		}
		conn = t
	} else {
		conn = network.Quick(conn)
	}
	c := &interbroker.Connection{Conn: conn}
	if l.SASL == nil {
		return c, stopped(ctx, stop)
	}
	mechanism := d.s.o.InterBrokerMechanism()
	login := &interbroker.Login{Mechanism: mechanism, Begin: func() (sasl.Client, error) { return d.s.client(l, mechanism, to.Host) }}
	if err := login.Authenticate(c); err != nil {
		return nil, err
	}
	return c, stopped(ctx, stop)
}

// stopped ends the watch over a context; an error when it has ended the connection already.
func stopped(ctx context.Context, stop func() bool) error {
	if !stop() {
		return context.Cause(ctx)
	}
	return nil
}

// client begins an exchange with another broker.
func (s *Security) client(l *Listener, mechanism, host string) (sasl.Client, error) {
	context, ok := l.contexts[mechanism]
	if !ok {
		return nil, fmt.Errorf("sasl.mechanism.inter.broker.protocol is %s, which is not among the sasl.enabled.mechanisms of listener %s", mechanism, l.Name)
	}
	switch mechanism {
	case sasl.PLAIN:
		name, password, err := context.credentials(jaas.PlainModule)
		if err != nil {
			return nil, err
		}
		return sasl.NewPlainClient(name, password), nil
	case sasl.SCRAMSHA256, sasl.SCRAMSHA512:
		name, password, err := context.credentials(jaas.ScramModule)
		if err != nil {
			return nil, err
		}
		token, _ := context.option(jaas.ScramModule, "tokenauth")
		return sasl.NewScramClient(mechanism, name, password, token == "true", "")
	case sasl.OAUTHBEARER:
		token, err := sasl.UnsecuredToken(context.entries[0].Options, time.Now())
		if err != nil {
			return nil, err
		}
		return sasl.NewOAuthClient(token), nil
	case sasl.GSSAPI:
		return s.kerberosClient(l, context, host)
	}
	return nil, fmt.Errorf("brokers cannot log in with %s", mechanism)
}

// credentials are the user and the password with which this broker logs in.
func (c loginContext) credentials(module string) (name, password string, err error) {
	name, ok := c.option(module, "username")
	password, ok2 := c.option(module, "password")
	if !ok || !ok2 {
		return "", "", fmt.Errorf("%s has no username and password of %s: brokers log in to each other with them", c.from, module)
	}
	return name, password, nil
}

// kerberosClient gets a ticket for the other broker.
func (s *Security) kerberosClient(l *Listener, context loginContext, host string) (sasl.Client, error) {
	entry, err := context.kerberosEntry()
	if err != nil {
		return nil, err
	}
	if entry.Options["isInitiator"] == "false" {
		return nil, errors.New("isInitiator is false in the JAAS entry of Krb5LoginModule, so this broker has no ticket to log in to others with; remove the option")
	}
	service, err := s.serviceName(l.Name, entry)
	if err != nil {
		return nil, err
	}
	login, err := krb5.LoginOf(entry, s.o.Properties)
	if err != nil {
		return nil, err
	}
	i, err := login.Initiate(service + "/" + host)
	if err != nil {
		return nil, err
	}
	return &kerberosInitiator{Initiator: i}, nil
}

func (c loginContext) kerberosEntry() (jaas.Entry, error) {
	for _, e := range c.entries {
		if krb5.IsModule(e.Module) {
			return e, nil
		}
	}
	return jaas.Entry{}, fmt.Errorf("%s has no entry of %s", c.from, jaas.Krb5Module)
}

// serviceName is the first part of the principals of brokers.
func (s *Security) serviceName(listener string, entry jaas.Entry) (string, error) {
	option, setting := entry.Options["serviceName"], s.o.Config.ListenerValue(listener, "sasl.kerberos.service.name")
	switch {
	case option != "" && setting != "" && option != setting:
		return "", fmt.Errorf("Conflicting serviceName values found in JAAS and Kafka configs value in JAAS file %s, value in Kafka config %s", option, setting)
	case option != "":
		return option, nil
	case setting != "":
		return setting, nil
	}
	return "", errors.New("No serviceName defined in either JAAS or Kafka config: set sasl.kerberos.service.name to the first part of the brokers' principals, usually kafka")
}

// kerberosInitiator is GSSAPI as a sasl.Client.
type kerberosInitiator struct {
	*krb5.Initiator
	step int
}

func (k *kerberosInitiator) Silent() bool { return true }

// Next gives the ticket first and then what the mechanism wants; a token after that is a mistake of
// the server.
func (k *kerberosInitiator) Next(token []byte) ([]byte, error) {
	k.step++
	switch k.step {
	case 1:
		return k.First(), nil
	case 2:
		return k.Initiator.Next(token)
	}
	if len(token) > 0 {
		return nil, fmt.Errorf("%w: a token too many", sasl.ErrServer)
	}
	return nil, nil
}
