package clients

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"momus/cmd/internal/tool/java"
	"momus/internal/jaas"
	"momus/internal/jvm"
	"momus/internal/krb5"
)

// mechanisms that a tool can speak.
const mechanisms = "GSSAPI, PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER"

// loginEntry is the login module of a client: sasl.jaas.config, or section KafkaClient of the JAAS
// file.
func loginEntry(props map[string]string, properties jvm.Properties) (jaas.Entry, error) {
	// The property wins over the file (KIP-85).
	if text, ok := props["sasl.jaas.config"]; ok {
		e, err := jaas.ParseProperty(text)
		if err != nil {
			return e, java.IllegalArgument("%v", err)
		}
		return e, nil
	}
	file, ok := properties.Get(jvm.LoginConfig)
	if !ok {
		return jaas.Entry{}, java.IllegalArgument("Could not find a 'KafkaClient' entry in the JAAS configuration. System property 'java.security.auth.login.config' is not set; sasl.jaas.config in the client's properties does as well")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return jaas.Entry{}, fmt.Errorf("%s: %w", jvm.LoginConfig, err)
	}
	sections, err := jaas.ParseFile(string(text), properties.Get)
	if err != nil {
		return jaas.Entry{}, fmt.Errorf("%s: %w", file, err)
	}
	if len(sections["KafkaClient"]) == 0 {
		return jaas.Entry{}, java.IllegalArgument("Could not find a 'KafkaClient' entry in the JAAS configuration. System property 'java.security.auth.login.config' is %s", file)
	}
	// Of several modules in a section Kafka takes the first, and refuses more only in the property.
	return sections["KafkaClient"][0], nil
}

// module is the class that belongs to a mechanism.
func module(mechanism string) string {
	switch mechanism {
	case "PLAIN":
		return jaas.PlainModule
	case "OAUTHBEARER":
		return jaas.OAuthBearerModule
	case "GSSAPI":
		return jaas.Krb5Module
	}
	return jaas.ScramModule
}

// mechanismOf is sasl.mechanism with its default.
func mechanismOf(props map[string]string) string {
	if m := props["sasl.mechanism"]; m != "" {
		return m
	}
	return "GSSAPI"
}

// saslMechanism reads sasl.mechanism and the login module.
func saslMechanism(props map[string]string, properties jvm.Properties) (sasl.Mechanism, error) {
	mechanism := mechanismOf(props)
	switch mechanism {
	case "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "GSSAPI":
	default:
		return nil, ConfigError("sasl.mechanism: %q is not supported; valid are %s", mechanism, mechanisms)
	}
	login, err := loginEntry(props, properties)
	if err != nil {
		return nil, err
	}
	// The class that Java would load; here none but Kafka's own have a meaning, and IBM's for Kerberos.
	if want := module(mechanism); login.Module != want && !(krb5.IsModule(login.Module) && want == jaas.Krb5Module) {
		return nil, ConfigError("sasl.mechanism %s goes with login module %s, but the login module is %s", mechanism, want, login.Module)
	}
	user, password := login.Options["username"], login.Options["password"]
	switch mechanism {
	case "OAUTHBEARER":
		return bearerToken(props, login.Options)
	case "GSSAPI":
		return kerberos(props, login, properties)
	}
	if user == "" {
		return nil, ConfigError("sasl.jaas.config names no user: set it to %s required username=\"…\" password=\"…\";", module(mechanism))
	}
	// tokenauth is an extension of the client's first message: the user is a delegation token's id
	// (KIP-48).
	credential := scram.Auth{User: user, Pass: password, IsToken: strings.EqualFold(login.Options["tokenauth"], "true")}
	switch mechanism {
	case "PLAIN":
		return plain.Auth{User: user, Pass: password}.AsMechanism(), nil
	case "SCRAM-SHA-256":
		return credential.AsSha256Mechanism(), nil
	}
	return credential.AsSha512Mechanism(), nil
}

// kerberosLogin is GSSAPI: each connection gets a ticket for the broker's host.
type kerberosLogin struct {
	login   krb5.Login
	service string
}

// kerberos reads a login with GSSAPI. The service name may stand in either place, but not differ:
// Kafka's KerberosLogin refuses that, too.
func kerberos(props map[string]string, login jaas.Entry, properties jvm.Properties) (sasl.Mechanism, error) {
	l, err := krb5.LoginOf(login, properties)
	if err != nil {
		return nil, ConfigError("%v", err)
	}
	own, set := login.Options["serviceName"], props["sasl.kerberos.service.name"]
	switch {
	case own != "" && set != "" && own != set:
		return nil, java.IllegalArgument("Conflicting serviceName values found in JAAS and Kafka configs value in JAAS file %s, value in Kafka config %s", own, set)
	case own == "" && set == "":
		return nil, java.IllegalArgument("No serviceName defined in either JAAS or Kafka config: set sasl.kerberos.service.name to the name that the brokers' principals begin with, usually kafka")
	case own == "":
		own = set
	}
	return kerberosLogin{l, own}, nil
}

// Name is the mechanism's in SaslHandshake.
func (kerberosLogin) Name() string { return "GSSAPI" }

// Authenticate implements sasl.Mechanism.
func (k kerberosLogin) Authenticate(_ context.Context, address string) (sasl.Session, []byte, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	i, err := k.login.Initiate(k.service + "/" + host)
	if err != nil {
		return nil, nil, err
	}
	// The initial response is the first token of GSSAPI, with the ticket (RFC 4752).
	return kerberosSession{i}, i.First(), nil
}

// kerberosSession is one login, between its token and the end.
type kerberosSession struct{ initiator *krb5.Initiator }

// Challenge implements sasl.Session: the answer to the offer of security layers is the last word.
func (s kerberosSession) Challenge(offer []byte) (bool, []byte, error) {
	answer, err := s.initiator.Next(offer)
	return err == nil, answer, err
}

// bearerToken is OAUTHBEARER: a token from the file that sasl.oauthbearer.token.endpoint.url names,
// as later Kafkas take it (KIP-768), or an unsecured one.
func bearerToken(props map[string]string, options map[string]string) (sasl.Mechanism, error) {
	endpoint := props["sasl.oauthbearer.token.endpoint.url"]
	if endpoint == "" {
		return unsecuredToken(options)
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "file" || u.Path == "" {
		return nil, ConfigError("sasl.oauthbearer.token.endpoint.url: %q is not supported; valid is the URL of a file with a token, such as file:///run/token", endpoint)
	}
	// Read at each login: whoever renews the token replaces the file.
	return oauth.Oauth(func(context.Context) (oauth.Auth, error) {
		token, err := os.ReadFile(u.Path)
		if err != nil {
			return oauth.Auth{}, fmt.Errorf("sasl.oauthbearer.token.endpoint.url: %w", err)
		}
		return oauth.Auth{Token: strings.TrimSpace(string(token))}, nil
	}), nil
}

// unsecuredToken is OAUTHBEARER as Kafka has it without handlers of one's own: a JSON Web Token
// without a signature, made of the unsecuredLogin… options of the login module (KIP-255).
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
			// KIP-255 has three kinds of claims, by prefix.
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
		return nil, ConfigError("sasl.jaas.config names no user: add unsecuredLoginStringClaim_%s=\"…\"", principal)
	}
	lifetime, err := strconv.ParseInt(option("LifetimeSeconds", "3600"), 10, 32)
	if err != nil {
		return nil, NotANumber(option("LifetimeSeconds", ""), "unsecuredLoginLifetimeSeconds", "INT")
	}
	return oauth.Oauth(func(context.Context) (oauth.Auth, error) {
		// A new token for each connection and each re-authentication (KIP-368).
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
