package console

import "crypto/tls"

// TLS is a listener's configuration for the HTTP port: who has no certificate gets in as well, since
// metrics and health answer everybody. One that is shown is verified; http.Access asks for it where
// it is needed.
func TLS(listener *tls.Config) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		c := listener
		if listener.GetConfigForClient != nil {
			var err error
			if c, err = listener.GetConfigForClient(hello); err != nil {
				return nil, err
			}
		}
		if c.ClientAuth != tls.RequireAnyClientCert && c.ClientAuth != tls.RequireAndVerifyClientCert {
			return c, nil
		}
		// The listener's own VerifyConnection stays in the copy: it is what verifies a certificate
		// that is shown. RequestClientCert alone would take any.
		c = c.Clone()
		c.ClientAuth = tls.RequestClientCert
		return c, nil
	}}
}
