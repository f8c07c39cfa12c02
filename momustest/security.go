package momustest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	franzsasl "github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"momus/broker/security/sasl"
	"momus/coordinator/zk"
)

// Mechanisms of SASL.
const (
	Plain       = "PLAIN"
	ScramSHA256 = "SCRAM-SHA-256"
	ScramSHA512 = "SCRAM-SHA-512"
)

// Users of a cluster with SASL. The brokers log in at each other as the first, a super user; clients
// may as either. Without an authorizer, which Property sets, both may do everything.
const (
	adminUser  = "admin"
	clientUser = "client"
)

// security is what makes a cluster a secured one: an authority, certificates and passwords that are
// made for the test, and forgotten with it.
type security struct {
	mechanism string // "" without SASL

	authority  []byte // PEM; nil without TLS
	pool       *x509.CertPool
	client     tls.Certificate
	storeFile  string // PEM files of the brokers
	trustFile  string
	passwords  map[string]string
	properties map[string]string
}

// newSecurity makes what the options ask for; dir gives a directory for the
// files of the brokers' stores.
func newSecurity(o *options, dir func() string) (*security, error) {
	s := &security{mechanism: o.mechanism, properties: map[string]string{"security.inter.broker.protocol": protocolOf(o)}}
	if o.tls {
		if err := s.makeTLS(dir()); err != nil {
			return nil, err
		}
	}
	switch o.mechanism {
	case "":
	case Plain, ScramSHA256, ScramSHA512:
		s.makeSASL(protocolOf(o))
	default:
		return nil, fmt.Errorf("SASL %q is none of %s, %s and %s", o.mechanism, Plain, ScramSHA256, ScramSHA512)
	}
	return s, nil
}

func protocolOf(o *options) string {
	switch {
	case o.tls && o.mechanism != "":
		return "SASL_SSL"
	case o.tls:
		return "SSL"
	case o.mechanism != "":
		return "SASL_PLAINTEXT"
	}
	return "PLAINTEXT"
}

// makeTLS makes an authority, a certificate for all brokers, and one for clients.
func (s *security) makeTLS(dir string) error {
	authority, err := issue(&x509.Certificate{Subject: pkix.Name{CommonName: "momustest"}, IsCA: true, KeyUsage: x509.KeyUsageCertSign}, nil)
	if err != nil {
		return err
	}
	broker, err := issue(&x509.Certificate{Subject: pkix.Name{CommonName: "broker"}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}, &authority)
	if err != nil {
		return err
	}
	s.client, err = issue(&x509.Certificate{Subject: pkix.Name{CommonName: clientUser}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, &authority)
	if err != nil {
		return err
	}
	key, err := x509.MarshalPKCS8PrivateKey(broker.PrivateKey)
	if err != nil {
		return err
	}
	s.authority = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Certificate[0]})
	s.pool = x509.NewCertPool()
	s.pool.AddCert(authority.Leaf)
	store := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: broker.Certificate[0]})...)
	s.storeFile, s.trustFile = filepath.Join(dir, "broker.pem"), filepath.Join(dir, "authority.pem")
	for name, data := range map[string][]byte{s.storeFile: append(store, s.authority...), s.trustFile: s.authority} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			return err
		}
	}
	for k, v := range map[string]string{"ssl.keystore.type": "PEM", "ssl.keystore.location": s.storeFile, "ssl.truststore.type": "PEM", "ssl.truststore.location": s.trustFile,
		"ssl.client.auth": "requested"} {
		s.properties[k] = v
	}
	return nil
}

// issue makes a certificate of an hour's more life than any test has, signed by an authority, by
// itself without one.
func issue(t *x509.Certificate, authority *tls.Certificate) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	t.SerialNumber, t.NotBefore, t.NotAfter, t.BasicConstraintsValid = serial, now.Add(-time.Hour), now.Add(25*time.Hour), true
	parent, signer := t, any(key)
	if authority != nil {
		parent, signer = authority.Leaf, authority.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, key.Public(), signer)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
}

// makeSASL makes the users and the brokers' settings.
func (s *security) makeSASL(protocol string) {
	s.passwords = map[string]string{adminUser: newPassword(), clientUser: newPassword()}
	jaas := fmt.Sprintf("org.apache.kafka.common.security.scram.ScramLoginModule required username=%q password=%q;", adminUser, s.passwords[adminUser])
	if s.mechanism == Plain {
		jaas = fmt.Sprintf("org.apache.kafka.common.security.plain.PlainLoginModule required username=%q password=%q user_%s=%q user_%s=%q;",
			adminUser, s.passwords[adminUser], adminUser, s.passwords[adminUser], clientUser, s.passwords[clientUser])
	}
	listener := "listener.name." + strings.ToLower(protocol) + "." + strings.ToLower(s.mechanism)
	for k, v := range map[string]string{"sasl.enabled.mechanisms": s.mechanism, "sasl.mechanism.inter.broker.protocol": s.mechanism, listener + ".sasl.jaas.config": jaas,
		"super.users": "User:" + adminUser} {
		s.properties[k] = v
	}
}

func newPassword() string {
	b := make([]byte, 12)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// provision writes the users of SCRAM into the coordination server, where brokers look for them.
func (s *security) provision(ctx context.Context, zookeeper string) error {
	if s.mechanism != ScramSHA256 && s.mechanism != ScramSHA512 {
		return nil
	}
	client, err := zk.Dial(ctx, zk.Options{Connect: zookeeper, SessionTimeout: patience, ConnectTimeout: patience})
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.CreateTopLevelPaths(ctx); err != nil {
		return err
	}
	for user, password := range s.passwords {
		salt := make([]byte, 16)
		rand.Read(salt)
		credential, err := sasl.NewCredential(s.mechanism, password, salt, 4096)
		if err != nil {
			return err
		}
		if err := client.SetConfig(ctx, zk.EntityUsers, zk.SanitizeEntity(user), map[string]string{s.mechanism: credential.Stored()}); err != nil {
			return err
		}
	}
	return nil
}

// clientTLS is nil without TLS.
func (s *security) clientTLS() *tls.Config {
	if s.authority == nil {
		return nil
	}
	return &tls.Config{RootCAs: s.pool, Certificates: []tls.Certificate{s.client}, MinVersion: tls.VersionTLS12}
}

// options are those of this package's own clients.
func (s *security) options() []kgo.Opt {
	var opts []kgo.Opt
	if c := s.clientTLS(); c != nil {
		opts = append(opts, kgo.DialTLSConfig(c))
	}
	var mechanism franzsasl.Mechanism
	user, password := adminUser, s.passwords[adminUser]
	switch s.mechanism {
	case "":
		return opts
	case Plain:
		mechanism = plain.Auth{User: user, Pass: password}.AsMechanism()
	case ScramSHA256:
		mechanism = scram.Auth{User: user, Pass: password}.AsSha256Mechanism()
	case ScramSHA512:
		mechanism = scram.Auth{User: user, Pass: password}.AsSha512Mechanism()
	}
	return append(opts, kgo.SASL(mechanism))
}

// TLSConfig is what clients of a cluster with TLS connect with: it trusts the cluster's authority,
// and has a certificate of the client's own. It is nil without TLS. The caller may change it.
func (c *Cluster) TLSConfig() *tls.Config { return c.security.clientTLS() }

// Authority is the certificate of the cluster's authority as PEM, for clients that take a file; nil
// without TLS.
func (c *Cluster) Authority() []byte { return append([]byte(nil), c.security.authority...) }

// Credentials are the user and the password that clients of a cluster with SASL log in with, and the
// mechanism. All are "" without SASL.
func (c *Cluster) Credentials() (user, password, mechanism string) {
	if c.security.mechanism == "" {
		return "", "", ""
	}
	return clientUser, c.security.passwords[clientUser], c.security.mechanism
}
