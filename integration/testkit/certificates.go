package testkit

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// StorePassword opens the PKCS12 stores of Certificates.
const StorePassword = "storepw"

// Certificates are an authority and what it has signed, as files in a directory: ca.pem and
// trust.p12 of the authority; NAME.p12, NAME.pem (certificate and key), NAME.crt and NAME.key of
// whom it has signed.
type Certificates struct {
	Dir  string
	Pool *x509.CertPool

	t      testing.TB
	ca     *x509.Certificate
	caKey  *ecdsa.PrivateKey
	serial int64
}

// NewCertificates makes an authority.
func NewCertificates(t testing.TB) *Certificates {
	t.Helper()
	c := &Certificates{Dir: t.TempDir(), t: t, Pool: x509.NewCertPool()}
	c.caKey = c.key()
	der := c.sign(&x509.Certificate{Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil, c.caKey)
	c.ca, _ = x509.ParseCertificate(der)
	c.Pool.AddCert(c.ca)
	c.write("ca.pem", pemBlock("CERTIFICATE", der))
	// Modern encryption: the Java 17 of the peers reads it.
	trust, err := pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{c.ca}, StorePassword)
	c.must(err)
	c.write("trust.p12", trust)
	return c
}

// Path is the path of a file.
func (c *Certificates) Path(name string) string { return filepath.Join(c.Dir, name) }

// Sign makes a key and a certificate for localhost and 127.0.0.1, valid until a time, and writes
// its files.
func (c *Certificates) Sign(name string, subject pkix.Name, until time.Time) tls.Certificate {
	c.t.Helper()
	return c.issue(name, subject, until, "localhost", "127.0.0.1")
}

// SignFor is Sign for other hosts.
func (c *Certificates) SignFor(name string, subject pkix.Name, hosts ...string) tls.Certificate {
	c.t.Helper()
	return c.issue(name, subject, time.Time{}, hosts...)
}

// issue makes a key and a certificate that serves brokers and clients, and writes both in the forms
// that Java (PKCS#12) and the other clients (PEM) read.
func (c *Certificates) issue(name string, subject pkix.Name, until time.Time, hosts ...string) tls.Certificate {
	c.t.Helper()
	key := c.key()
	var names []string
	var addresses []net.IP
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			addresses = append(addresses, ip)
		} else {
			names = append(names, h)
		}
	}
	der := c.sign(&x509.Certificate{Subject: subject, DNSNames: names, IPAddresses: addresses, NotAfter: until,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}, c.ca, key)
	leaf, err := x509.ParseCertificate(der)
	c.must(err)
	store, err := pkcs12.Modern.Encode(key, leaf, []*x509.Certificate{c.ca}, StorePassword)
	c.must(err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	c.must(err)
	c.write(name+".p12", store)
	c.write(name+".crt", pemBlock("CERTIFICATE", der))
	c.write(name+".key", pemBlock("PRIVATE KEY", pkcs8))
	c.write(name+".pem", append(pemBlock("CERTIFICATE", der), pemBlock("PRIVATE KEY", pkcs8)...))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// sign signs a certificate with the authority's key.
func (c *Certificates) sign(t, parent *x509.Certificate, key *ecdsa.PrivateKey) []byte {
	c.serial++
	// A day back, for a clock of another container.
	t.SerialNumber, t.NotBefore = big.NewInt(c.serial), time.Now().Add(-24*time.Hour)
	if t.NotAfter.IsZero() {
		t.NotAfter = time.Now().Add(24 * time.Hour)
	}
	// The authority signs itself.
	if parent == nil {
		parent = t
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, &key.PublicKey, c.caKey)
	c.must(err)
	return der
}

// key makes a key: ECDSA, since RSA takes a second or more on a busy machine.
func (c *Certificates) key() *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	c.must(err)
	return k
}

// write writes a file that only its owner may read.
func (c *Certificates) write(name string, data []byte) {
	c.must(os.WriteFile(c.Path(name), data, 0o600))
}

// must ends the test at an error: without certificates there is nothing to test.
func (c *Certificates) must(err error) {
	if err != nil {
		c.t.Helper()
		c.t.Fatal(err)
	}
}

// pemBlock is DER in the armour of PEM.
func pemBlock(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
