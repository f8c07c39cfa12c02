package command

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"strings"

	"momus/broker/security/principal"
	"momus/coordinator/zkserver"
	"momus/internal/jaas"
	"momus/internal/javatls"
	"momus/internal/jvm"
	"momus/internal/keystore"
)

// secureCoordination reads what protects a coordination server: section Server of the JAAS file,
// and the settings of TLS in zoo.cfg or, with zookeeper. before them, among the system properties.
//
// A file that names secureClientPort alone asks for no port without TLS, as in ZooKeeper 3.5;
// openPort says that the command line asks for one.
func secureCoordination(settings map[string]string, properties jvm.Properties, openPort bool, o *zkserver.Options) (err error) {
	if o.Users, err = serverUsers(properties); err != nil {
		return err
	}
	o.SuperUser = properties["zookeeper.superUser"]
	port := settings["secureClientPort"]
	if port == "" {
		return nil
	}
	o.SecureListen = net.JoinHostPort(settings["secureClientPortAddress"], port)
	o.SecureOnly = settings["clientPort"] == "" && !openPort
	o.Subject = subject
	o.TLS, err = serverTLS(func(key, fallback string) string {
		if v := settings[key]; v != "" {
			return v
		}
		return properties.Or("zookeeper."+key, fallback)
	})
	return err
}

// subject is how ZooKeeper prints the subject of a certificate.
func subject(c *x509.Certificate) string {
	name, err := principal.DistinguishedName(c.RawSubject)
	if err != nil {
		return c.Subject.String()
	}
	return name
}

// serverUsers are the user_NAME options of section Server; nil when no file or section is named.
func serverUsers(properties jvm.Properties) (map[string]string, error) {
	file, ok := properties.Get(jvm.LoginConfig)
	if !ok {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", jvm.LoginConfig, err)
	}
	sections, err := jaas.ParseFile(string(text), properties.Get)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	section := properties.Or("zookeeper.sasl.serverconfig", "Server")
	entries := sections[section]
	if len(entries) == 0 {
		return nil, nil
	}
	if entries[0].Module != jaas.ZooKeeperDigest {
		return nil, fmt.Errorf("section %s of %s: login module %s cannot be used here; valid is %s, Kerberos needs ZooKeeper itself", section, file, entries[0].Module, jaas.ZooKeeperDigest)
	}
	users := map[string]string{}
	for k, v := range entries[0].Options {
		if name, ok := strings.CutPrefix(k, "user_"); ok {
			users[name] = v
		}
	}
	return users, nil
}

// serverTLS reads the ssl.* settings of a ZooKeeper server.
func serverTLS(get func(key, fallback string) string) (*tls.Config, error) {
	store := func(prefix string) keystore.Store {
		return keystore.Store{Location: get(prefix+".location", ""), Type: keystore.ByContent, Password: get(prefix+".password", "")}
	}
	if get("ssl.keyStore.location", "") == "" {
		return nil, fmt.Errorf("secureClientPort is set, but ssl.keyStore.location is not: the server needs a certificate; momus certs broker HOST makes one")
	}
	pair, err := store("ssl.keyStore").KeyPair()
	if err != nil {
		return nil, fmt.Errorf("ssl.keyStore.location: %w", err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}}
	if config.MinVersion, config.MaxVersion, err = javatls.Versions(strings.Split(get("ssl.enabledProtocols", get("ssl.protocol", "TLSv1.2")), ",")); err != nil {
		return nil, fmt.Errorf("ssl.enabledProtocols: %w", err)
	}
	// ZooKeeper demands a certificate unless it is told not to.
	switch auth := get("ssl.clientAuth", "need"); strings.ToLower(auth) {
	case "need":
		config.ClientAuth = tls.RequireAndVerifyClientCert
	case "want":
		config.ClientAuth = tls.VerifyClientCertIfGiven
	case "none":
		return config, nil
	default:
		return nil, fmt.Errorf("ssl.clientAuth: %q; valid are need, want and none", auth)
	}
	if get("ssl.trustStore.location", "") != "" {
		if config.ClientCAs, err = store("ssl.trustStore").Certificates(); err != nil {
			return nil, fmt.Errorf("ssl.trustStore.location: %w", err)
		}
	}
	return config, nil
}
