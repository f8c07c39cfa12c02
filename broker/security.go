package broker

import (
	"context"
	"net"

	"momus/broker/handler"
	"momus/broker/network"
	"momus/broker/security"
	"momus/internal/model"
)

// secure reads what the listeners authenticate with.
func (b *Broker) secure() (err error) {
	var dial func(ctx context.Context, address string) (net.Conn, error)
	if b.opts.Net != nil {
		dial = b.opts.Net.Dial
	}
	b.security, err = security.New(security.Options{
		Dial:   dial,
		Config: b.config, Properties: b.config.Environment().Properties, Credentials: b.dynamic.scram, Tokens: b.tokenStore(),
		InterBrokerMechanism: func() string { return b.config.Broker().SASLMechanismInterBrokerProtocol },
		Logger:               b.logFor("org.apache.kafka.common.security.authenticator.LoginManager"),
	})
	if err != nil {
		return err
	}
	b.failures = security.NewFailures(b.logFor("org.apache.kafka.common.network.Selector"), b.opts.Now)
	// AlterConfigs refuses settings of listeners with which none could be opened, before they are
	// stored.
	b.config.AddCheck(b.security.Check)
	return nil
}

// securityEnv is what handlers need of it.
func (b *Broker) securityEnv(e *handler.Env) {
	e.SASL, e.CertificatePrincipal = b.security.SASL, b.security.CertificatePrincipal
	if b.authorizer != nil {
		e.Authorizer = b.authorizer
	}
	e.Tokens = b.tokens
	e.OnFailedLogin, e.OnThrottled = b.sawFailedLogin, b.sawThrottle
	e.LoginFailed = b.failures.Failed
}

// handshaken counts a TLS handshake: on SSL listeners it is the login.
func (b *Broker) handshaken(c *network.Conn) {
	if c.Protocol != model.SSL {
		return
	}
	a := b.metrics.Authentication(c.Listener)
	a.Successful.Inc()
	a.SuccessfulNoReauth.Inc()
}

func (b *Broker) handshakeFailed(c *network.Conn, err error) {
	b.metrics.Authentication(c.Listener).Failed.Inc()
	b.sawFailedLogin(c, err)
	b.failures.Failed(c, "authentication", "SSL handshake failed", err)
}
