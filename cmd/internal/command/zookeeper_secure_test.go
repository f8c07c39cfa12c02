package command

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"momus/coordinator/zkserver"
	"momus/internal/jvm"
)

func TestACoordinationServerIsSecuredAsZooKeeperIs(t *testing.T) {
	const stores = "../../../internal/keystore/testdata/"
	write := func(text string) jvm.Properties {
		path := filepath.Join(t.TempDir(), "jaas.conf")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return jvm.Properties{jvm.LoginConfig: path, "zookeeper.superUser": "admin"}
	}
	const digest = "org.apache.zookeeper.server.auth.DigestLoginModule required"
	keys := map[string]string{"secureClientPort": "2281", "ssl.keyStore.location": stores + "key.p12", "ssl.keyStore.password": "secret1", "ssl.trustStore.location": stores + "cert.pem"}
	var o zkserver.Options
	if err := secureCoordination(keys, write("Server { "+digest+` user_kafka="a" user_admin="b"; };`), false, &o); err != nil {
		t.Fatal(err)
	}
	if o.Users["kafka"] != "a" || o.Users["admin"] != "b" || o.SuperUser != "admin" || o.SecureListen != ":2281" || o.TLS.ClientAuth != tls.RequireAndVerifyClientCert || o.TLS.ClientCAs == nil ||
		o.TLS.MinVersion != tls.VersionTLS12 || o.Subject == nil || !o.SecureOnly {
		t.Errorf("%+v", o)
	}
	for _, c := range []struct {
		clientPort string
		option     bool
	}{{"2181", false}, {"", true}} {
		keys["clientPort"], o = c.clientPort, zkserver.Options{}
		if err := secureCoordination(keys, nil, c.option, &o); err != nil || o.SecureOnly {
			t.Errorf("with clientPort %q and --port %t the port without TLS is gone (%v)", c.clientPort, c.option, err)
		}
	}
	o = zkserver.Options{}
	if err := secureCoordination(nil, write("KafkaServer { a.B required; };"), false, &o); err != nil || o.Users != nil || o.TLS != nil {
		t.Errorf("%+v, %v", o, err)
	}
	with := func(k, v string) map[string]string {
		c := map[string]string{}
		for key, value := range keys {
			c[key] = value
		}
		c[k] = v
		return c
	}
	for want, c := range map[string]struct {
		settings   map[string]string
		properties jvm.Properties
	}{
		"Kerberos needs ZooKeeper":  {nil, write("Server { com.sun.security.auth.module.Krb5LoginModule required; };")},
		"no such file":              {nil, jvm.Properties{jvm.LoginConfig: "/nonexistent"}},
		"momus certs broker":        {map[string]string{"secureClientPort": "2281"}, nil},
		"ssl.keyStore.location: ":   {with("ssl.keyStore.password", "wrong"), nil},
		"ssl.trustStore.location: ": {with("ssl.trustStore.location", "/nonexistent"), nil},
		"need, want and none":       {with("ssl.clientAuth", "maybe"), nil},
		"ssl.enabledProtocols":      {with("ssl.enabledProtocols", "SSLv3"), nil},
	} {
		if err := secureCoordination(c.settings, c.properties, false, new(zkserver.Options)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
