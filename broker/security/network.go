package security

import (
	"crypto/tls"

	"momus/broker/network"
	"momus/broker/security/principal"
	"momus/broker/security/sasl"
	"momus/internal/model"
)

// ServerTLS is the TLS of a listener's accepted connections, nil for none.
func (s *Security) ServerTLS(listener string) *tls.Config {
	if l := s.Listener(listener); l != nil && l.TLS != nil {
		return l.TLS.Server()
	}
	return nil
}

// SASL is the authentication of a listener, nil for none.
func (s *Security) SASL(listener string) *sasl.Server {
	if l := s.Listener(listener); l != nil {
		return l.SASL
	}
	return nil
}

// CertificatePrincipal names the client of a connection by its certificate; one without is
// anonymous.
func (s *Security) CertificatePrincipal(c *network.Conn) (model.Principal, error) {
	state, l := c.TLS(), s.Listener(c.Listener)
	if l == nil || state == nil || len(state.PeerCertificates) == 0 {
		return model.Anonymous(), nil
	}
	dn, err := principal.DistinguishedName(state.PeerCertificates[0].RawSubject)
	if err == nil {
		dn, err = l.certificates.Name(dn)
	}
	if err != nil {
		return model.Principal{}, err
	}
	return model.User(dn), nil
}
