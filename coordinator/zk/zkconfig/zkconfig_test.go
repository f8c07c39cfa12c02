package zkconfig_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"momus/coordinator/zk"
	"momus/coordinator/zk/zkconfig"
	"momus/coordinator/zkserver"
	"momus/coordinator/zkserver/zkservertest"
	"momus/internal/jvm"
	"momus/internal/keystore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const stores = "../../../internal/keystore/testdata/"

// startServer runs a server with users and TLS, whose certificate is for localhost.
func startServer(t *testing.T) (plain, secure string) {
	t.Helper()
	pair, err := keystore.Store{Location: stores + "key.p12", Password: "secret1"}.KeyPair()
	if err != nil {
		t.Fatal(err)
	}
	pool, err := keystore.Store{Location: stores + "cert.pem", Type: keystore.ByContent}.Certificates()
	if err != nil {
		t.Fatal(err)
	}
	s, _ := zkservertest.Run(t, zkserver.Options{
		MaxSessionTimeout: time.Minute, TickTime: 50 * time.Millisecond, NoSync: true, Users: map[string]string{"kafka": "kafkasecret"},
		TLS:     &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: pool},
		Subject: func(c *x509.Certificate) string { return c.Subject.String() },
	})
	_, port, _ := net.SplitHostPort(s.SecureAddr().String())
	return s.Addr().String(), "localhost:" + port
}

func jaasFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "jaas.conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const module = "org.apache.zookeeper.server.auth.DigestLoginModule required"

func source(settings map[string]string, opts string) zkconfig.Source {
	return zkconfig.Source{Setting: func(k string) (string, bool) { v, ok := settings[k]; return v, ok }, Properties: jvm.ParseOptions(opts)}
}

func dial(src zkconfig.Source, addr string) (*zk.Client, error) {
	return dialWithin(time.Minute, src, addr)
}

func dialWithin(patience time.Duration, src zkconfig.Source, addr string) (*zk.Client, error) {
	s, err := zkconfig.Read(src)
	if err != nil {
		return nil, err
	}
	o := zk.Options{Connect: addr, SessionTimeout: 20 * time.Second, ConnectTimeout: patience, SecureACLs: true}
	s.Apply(&o)
	return zk.Dial(context.Background(), o)
}

func tlsSettings(more ...string) map[string]string {
	s := map[string]string{"zookeeper.ssl.client.enable": "true", "zookeeper.ssl.truststore.location": stores + "trust.jks", "zookeeper.ssl.truststore.password": "secret1"}
	for i := 0; i < len(more); i += 2 {
		s[more[i]] = more[i+1]
	}
	return s
}

func printed(acl []zk.ACL) (out []string) {
	for _, a := range acl {
		out = append(out, fmt.Sprintf("%s:%s %d", a.Scheme, a.ID, a.Perms))
	}
	return out
}

// freshServer is what each case is run against.
type freshServer func(plain, secure string) string

func thePlain(plain, _ string) string   { return plain }
func theSecure(_, secure string) string { return secure }

func TestEachWayToLogInMakesNodesOfOnesOwn(t *testing.T) {
	login := "-Djava.security.auth.login.config=" + jaasFile(t, `Client { `+module+` username="kafka" password="kafkasecret"; };`)
	named := "-Dzookeeper.sasl.clientconfig=ZK -Djava.security.auth.login.config=" + jaasFile(t, `ZK { `+module+` username="kafka" password="kafkasecret"; };`)
	properties := "-Dzookeeper.client.secure=true -Dzookeeper.ssl.trustStore.location=" + stores + "trust.p12 -Dzookeeper.ssl.trustStore.password=secret1"
	for name, c := range map[string]struct {
		src  zkconfig.Source
		addr freshServer
		want string
	}{
		"SASL":                {source(nil, login), thePlain, "sasl:kafka"},
		"another section":     {source(nil, named), thePlain, "sasl:kafka"},
		"SASL over TLS":       {source(tlsSettings(), login), theSecure, "sasl:kafka"},
		"system properties":   {source(nil, login+" "+properties), theSecure, "sasl:kafka"},
		"certificate, PEM":    {source(tlsSettings("zookeeper.ssl.keystore.location", stores+"key.pem"), ""), theSecure, "x509:CN=localhost"},
		"certificate, PKCS12": {source(tlsSettings("zookeeper.ssl.keystore.location", stores+"key.p12", "zookeeper.ssl.keystore.password", "secret1"), ""), theSecure, "x509:CN=localhost"},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := dial(c.src, c.addr(startServer(t)))
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			if s, _ := zkconfig.Read(c.src); !s.Authenticated() {
				t.Error("it does not count as authenticated")
			}
			ctx := context.Background()
			if err := client.CreateTopLevelPaths(ctx); err != nil {
				t.Fatal(err)
			}
			for path, want := range map[string][]string{"/config/users": {c.want + " 31"}, "/brokers": {"world:anyone 1", c.want + " 31"}, "/consumers": {"world:anyone 31"}} {
				acl, err := client.ACLOf(ctx, path)
				if got := printed(acl); err != nil || !slices.Equal(got, want) {
					t.Errorf("%s: %v, %v; want %v", path, got, err, want)
				}
			}
		})
	}
}

// What cannot work ends soon, with what is wrong and where it stands.
func TestWhatCannotWorkEndsWithTheReason(t *testing.T) {
	plain, secure := startServer(t)
	jaas := func(text string) string { return "-Djava.security.auth.login.config=" + jaasFile(t, text) }
	_, port, _ := net.SplitHostPort(secure)
	for name, c := range map[string]struct {
		src  zkconfig.Source
		addr string
		want []string
	}{
		"wrong password": {source(nil, jaas(`Client { `+module+` username="kafka" password="hush"; };`)), plain,
			[]string{plain, `user "kafka" of section Client of `, "wrong password", "section Server"}},
		"unknown authority": {source(map[string]string{"zookeeper.ssl.client.enable": "true"}, ""), secure, []string{"certificate"}},
		"another host":      {source(tlsSettings(), ""), "0.0.0.0:" + port, []string{"0.0.0.0"}},
		"no TLS there":      {source(tlsSettings(), ""), plain, []string{"secureClientPort"}},
		"set.acl=false of a file that is not there": {source(nil, "-Djava.security.auth.login.config=/nonexistent/jaas"), plain, []string{"java.security.auth.login.config", "no such file"}},
		"bad grammar":     {source(nil, jaas(`Client {`)), plain, []string{"end of file"}},
		"other module":    {source(nil, jaas(`Client { a.B required; };`)), plain, []string{"section Client", "a.B", "DigestLoginModule"}},
		"no password":     {source(nil, jaas(`Client { `+module+` username="kafka"; };`)), plain, []string{"needs username"}},
		"switched off":    {source(nil, jaas(`Client { a.B required; };`)+" -Dzookeeper.sasl.client=false"), plain, []string{"zookeeper.sasl.client=false"}},
		"kerberos":        {source(nil, jaas(`Client { com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true; };`)), plain, []string{"keyTab"}},
		"wrong store":     {source(tlsSettings("zookeeper.ssl.truststore.password", "hush"), ""), secure, []string{"zookeeper.ssl.truststore.location", "trust.jks"}},
		"wrong protocol":  {source(tlsSettings("zookeeper.ssl.protocol", "SSLv3"), ""), secure, []string{"SSLv3", "TLSv1.2"}},
		"unknown ciphers": {source(tlsSettings("zookeeper.ssl.cipher.suites", "TLS_X"), ""), secure, []string{"TLS_X"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			patience := 2 * time.Minute
			if name == "no TLS there" { // whose server says nothing
				patience = 3 * time.Second
			}
			began := time.Now()
			client, err := dialWithin(patience, c.src, c.addr)
			if err == nil {
				client.Close()
				t.Fatal("it works")
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %v, want %q in it", err, w)
				}
			}
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("a secret in %v", err)
			}
			if took := time.Since(began); took > time.Minute {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestNamesOfServersMayBePassedOver(t *testing.T) {
	_, secure := startServer(t)
	_, port, _ := net.SplitHostPort(secure)
	for _, src := range []zkconfig.Source{
		source(tlsSettings("zookeeper.ssl.endpoint.identification.algorithm", ""), ""),
		source(tlsSettings(), "-Dzookeeper.ssl.hostnameVerification=false"),
	} {
		client, err := dial(src, "127.0.0.1:"+port)
		if err != nil {
			t.Fatal(err)
		}
		client.Close()
	}
}

func TestAFileWithoutSectionIsAWarning(t *testing.T) {
	s, err := zkconfig.Read(source(nil, "-Djava.security.auth.login.config="+jaasFile(t, `KafkaServer { a.B required; };`)))
	if err != nil || s.Authenticated() || !strings.Contains(s.Warning, "Client") {
		t.Errorf("%+v, %v", s, err)
	}
}

// A server that stops knowing the password does not end a client that runs: it says so and tries
// on, and is there again when the server is.
func TestARunningClientOutlivesARefusal(t *testing.T) {
	dir := t.TempDir()
	run := func(listen, password string) (addr string, stop func()) {
		s, err := zkserver.New(zkserver.Options{Dir: dir, Listen: listen, NoSync: true, TickTime: time.Second, Users: map[string]string{"kafka": password}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		return s.Addr().String(), func() { cancel(); <-done }
	}
	addr, stop := run("", "right")
	client, err := dial(source(nil, "-Djava.security.auth.login.config="+jaasFile(t, `Client { `+module+` username="kafka" password="right"; };`)), addr)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	stop()
	_, stop = run(addr, "other")
	ctx, cancel := context.WithTimeout(context.Background(), 2500*time.Millisecond)
	defer cancel()
	if _, err := client.ControllerID(ctx); err == nil || errors.Is(err, zk.ErrClosed) {
		t.Errorf("while it is refused: %v", err)
	}
	stop()
	_, stop = run(addr, "right")
	defer stop()
	if err := client.CreateTopLevelPaths(context.Background()); err != nil {
		t.Errorf("after it: %v", err)
	}
}
