package clients

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"momus/cmd/internal/tool/java"
	"momus/internal/keystore"
)

// configError is an error of a setting, as Java's clients name it.
func configError(format string, a ...any) error {
	return &java.Error{Class: "org.apache.kafka.common.config.ConfigException", Text: fmt.Sprintf(format, a...)}
}

// protocol is security.protocol.
func (cc *Config) protocol() string {
	if p := strings.ToUpper(cc.Props["security.protocol"]); p != "" {
		return p
	}
	return "PLAINTEXT"
}

// security turns security.protocol, sasl.* and ssl.* into options.
func (cc *Config) security() ([]kgo.Opt, error) {
	var opts []kgo.Opt
	switch p := cc.protocol(); p {
	case "PLAINTEXT", "SASL_PLAINTEXT":
	case "SSL", "SASL_SSL":
		config, err := cc.tls()
		if err != nil {
			return nil, err
		}
		opts = append(opts, kgo.DialTLSConfig(config))
	default:
		return nil, configError("Invalid value %s for configuration security.protocol: valid are PLAINTEXT, SSL, SASL_PLAINTEXT and SASL_SSL", p)
	}
	if !strings.HasPrefix(cc.protocol(), "SASL_") {
		return opts, nil
	}
	mechanism, err := saslMechanism(cc.Props)
	if err != nil {
		return nil, err
	}
	return append(opts, kgo.SASL(mechanism)), nil
}

var jaasOption = regexp.MustCompile(`([\w.]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([^\s;]+))`)

// jaasOptions reads the options in sasl.jaas.config: key="value" words after the name of a login module.
func jaasOptions(text string) map[string]string {
	out := map[string]string{}
	for _, m := range jaasOption.FindAllStringSubmatch(text, -1) {
		out[m[1]] = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(m[2]) + m[3] + m[4]
	}
	return out
}

// saslMechanism reads sasl.mechanism and the user in sasl.jaas.config.
func saslMechanism(props map[string]string) (sasl.Mechanism, error) {
	jaas := jaasOptions(props["sasl.jaas.config"])
	user, password := jaas["username"], jaas["password"]
	mechanism := props["sasl.mechanism"]
	if (mechanism == "PLAIN" || strings.HasPrefix(mechanism, "SCRAM-")) && user == "" {
		module := "plain.PlainLoginModule"
		if mechanism != "PLAIN" {
			module = "scram.ScramLoginModule"
		}
		return nil, configError("sasl.jaas.config names no user: set it to org.apache.kafka.common.security.%s required username=\"…\" password=\"…\";", module)
	}
	switch mechanism {
	case "PLAIN":
		return plain.Auth{User: user, Pass: password}.AsMechanism(), nil
	case "SCRAM-SHA-256":
		return scram.Auth{User: user, Pass: password, IsToken: jaas["tokenauth"] == "true"}.AsSha256Mechanism(), nil
	case "SCRAM-SHA-512":
		return scram.Auth{User: user, Pass: password, IsToken: jaas["tokenauth"] == "true"}.AsSha512Mechanism(), nil
	case "OAUTHBEARER":
		return unsecuredToken(jaas)
	case "":
		return nil, configError("sasl.mechanism is not set, and its default GSSAPI is not supported; valid are PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER")
	}
	return nil, configError("sasl.mechanism: %q is not supported; valid are PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER", mechanism)
}

// unsecuredToken is OAUTHBEARER as Kafka has it without handlers of one's own: a JSON Web Token without a signature, made of the
// unsecuredLogin… options of the login module (KIP-255).
func unsecuredToken(jaas map[string]string) (sasl.Mechanism, error) {
	option := func(name, fallback string) string {
		if v, ok := jaas["unsecuredLogin"+name]; ok {
			return v
		}
		return fallback
	}
	claims := map[string]any{}
	extensions := map[string]string{}
	for k, v := range jaas {
		if name, ok := strings.CutPrefix(k, "unsecuredLoginStringClaim_"); ok {
			claims[name] = v
		}
		if name, ok := strings.CutPrefix(k, "unsecuredLoginListClaim_"); ok && v != "" {
			claims[name] = strings.Split(v[1:], v[:1]) // the first character separates
		}
		if name, ok := strings.CutPrefix(k, "unsecuredLoginNumberClaim_"); ok {
			n, err := strconv.ParseFloat(v, 64)
			if err != nil {
				return nil, NotANumber(v, k, "DOUBLE")
			}
			claims[name] = n
		}
		if name, ok := strings.CutPrefix(k, "unsecuredLoginExtension_"); ok {
			extensions[name] = v
		}
	}
	if principal := option("PrincipalClaimName", "sub"); claims[principal] == nil {
		return nil, configError("sasl.jaas.config names no user: add unsecuredLoginStringClaim_%s=\"…\"", principal)
	}
	lifetime, err := strconv.ParseInt(option("LifetimeSeconds", "3600"), 10, 32)
	if err != nil {
		return nil, NotANumber(option("LifetimeSeconds", ""), "unsecuredLoginLifetimeSeconds", "INT")
	}
	return oauth.Oauth(func(context.Context) (oauth.Auth, error) {
		now, dated := time.Now().Unix(), maps.Clone(claims)
		dated["iat"], dated["exp"] = now, now+lifetime
		body, err := json.Marshal(dated)
		if err != nil {
			return oauth.Auth{}, err
		}
		b64 := base64.RawURLEncoding.EncodeToString
		return oauth.Auth{Token: b64([]byte(`{"alg":"none"}`)) + "." + b64(body) + ".", Extensions: extensions}, nil
	}), nil
}

// tls reads ssl.*.
func (cc *Config) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if err := cc.tlsVersions(config); err != nil {
		return nil, err
	}
	var err error
	switch location, inline := cc.Props["ssl.truststore.location"], cc.Props["ssl.truststore.certificates"]; {
	case location != "":
		store := keystore.Store{Location: location, Type: cc.Props["ssl.truststore.type"], Password: cc.Props["ssl.truststore.password"]}
		config.RootCAs, err = store.Certificates()
	case inline != "":
		config.RootCAs, err = keystore.PEMCertificates([]byte(inline))
	}
	if err != nil {
		return nil, fmt.Errorf("ssl.truststore: %w", err)
	}
	var pair tls.Certificate
	location, chain := cc.Props["ssl.keystore.location"], cc.Props["ssl.keystore.certificate.chain"]
	switch {
	case location != "":
		store := keystore.Store{Location: location, Type: cc.Props["ssl.keystore.type"], Password: cc.Props["ssl.keystore.password"], KeyPassword: cc.Props["ssl.key.password"]}
		pair, err = store.KeyPair()
	case chain != "":
		pair, err = keystore.PEMKeyPair([]byte(chain), []byte(cc.Props["ssl.keystore.key"]))
	}
	if err != nil {
		return nil, fmt.Errorf("ssl.keystore: %w", err)
	}
	if location != "" || chain != "" {
		// Given whatever authorities the server names, as Java's key manager does with a single key.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	if v, ok := cc.Props["ssl.endpoint.identification.algorithm"]; ok && v == "" {
		trustAnyName(config)
	}
	return config, nil
}

// tlsVersions reads ssl.enabled.protocols.
func (cc *Config) tlsVersions(config *tls.Config) error {
	list := cc.Props["ssl.enabled.protocols"]
	if list == "" {
		return nil
	}
	known := map[string]uint16{"TLSv1": tls.VersionTLS10, "TLSv1.1": tls.VersionTLS11, "TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13}
	config.MinVersion, config.MaxVersion = 0xffff, 0
	for _, name := range strings.Split(list, ",") {
		v, ok := known[strings.TrimSpace(name)]
		if !ok {
			return configError("Invalid value %s for configuration ssl.enabled.protocols: valid are TLSv1.2, TLSv1.3, TLSv1.1 and TLSv1", name)
		}
		config.MinVersion, config.MaxVersion = min(config.MinVersion, v), max(config.MaxVersion, v)
	}
	return nil
}

// trustAnyName turns off the check of the server's name; its certificates are checked all the same.
func trustAnyName(config *tls.Config) {
	roots := config.RootCAs
	config.InsecureSkipVerify = true
	config.VerifyConnection = func(s tls.ConnectionState) error {
		intermediates := x509.NewCertPool()
		for _, cert := range s.PeerCertificates[1:] {
			intermediates.AddCert(cert)
		}
		_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates})
		return err
	}
}
