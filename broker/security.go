package broker

import (
	"fmt"

	"github.com/sirupsen/logrus"

	"momus/broker/handler"
	"momus/broker/network"
	"momus/broker/security"
	"momus/configs"
	"momus/internal/model"
)

// checkSecurity refuses settings that promise a protection that this version cannot give. To ignore them would open what they close.
func checkSecurity(c *configs.Config) error {
	if class := c.Broker().AuthorizerClassName; class != "" {
		return fmt.Errorf("authorizer.class.name is %s, but this version has no authorizer yet: every client may do everything; remove the key to start all the same", class)
	}
	return nil
}

// secure reads what the listeners authenticate with.
func (b *Broker) secure() (err error) {
	b.security, err = security.New(security.Options{
		Config: b.config, Properties: b.config.Environment().Properties, Credentials: b.dynamic.scram,
		Logger: b.logFor("org.apache.kafka.common.security.authenticator.LoginManager"),
	})
	return err
}

// securityEnv is what handlers need of it.
func (b *Broker) securityEnv(e *handler.Env) {
	e.SASL, e.CertificatePrincipal = b.security.SASL, b.security.CertificatePrincipal
	e.AuthLog = b.logFor("org.apache.kafka.common.network.Selector")
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
	b.logFor("org.apache.kafka.common.network.Selector").WithFields(logrus.Fields{"connection": c.ID, "listener": c.Listener}).WithError(err).
		Info(handler.FailedAuthentication("authentication", c, "SSL handshake failed"))
}
