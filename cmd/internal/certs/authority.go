// Package certs makes the certificates of a secured cluster (an authority, brokers, clients) in the
// files that brokers and clients take, and says what a client would find wrong with the
// certificates of a server. It keeps no state; time is passed in.
package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"time"
)

// Lifetimes that are given unless somebody asks for others. Those of certificates are what public
// authorities gave longest; the authority's spans several.
const (
	AuthorityDays = 3650
	Days          = 825
)

// backdated is how far a certificate begins before it is made, for machines whose clocks are late.
const backdated = time.Hour

// Identity is a certificate with its key and the certificates of its authorities, which stand in
// the order in which they are sent.
type Identity struct {
	Certificate *x509.Certificate
	Key         crypto.Signer
	Authorities []*x509.Certificate
}

// Algorithm of keys: the small and fast one that every client of the last ten years knows, or the
// one that all know.
type Algorithm string

// The algorithms.
const (
	EC  Algorithm = "ec"  // P-256
	RSA Algorithm = "rsa" // 2048 bits
)

// generate makes a key: P-256, which every client since Java 7 has, or RSA of 2048 bits.
func (a Algorithm) generate() (crypto.Signer, error) {
	switch a {
	case EC, "":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case RSA:
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return nil, fmt.Errorf("key algorithm %q: valid are %s and %s", string(a), EC, RSA)
}

// Spec says what a certificate is to hold.
type Spec struct {
	Name         string // the common name
	Organization string // "" for none
	// Hosts are the names and addresses under which a broker is reached; none for clients.
	Hosts     []string
	Days      int // Days or AuthorityDays when 0
	Algorithm Algorithm
}

// template is a certificate of the subject that begins now.
func (s Spec) template(now time.Time, days int) (*x509.Certificate, error) {
	if strings.TrimSpace(s.Name) == "" {
		return nil, errors.New("a certificate needs a name")
	}
	if s.Days > 0 {
		days = s.Days
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)),
		Subject:      pkix.Name{CommonName: s.Name},
		NotBefore:    now.Add(-backdated).Truncate(time.Second).UTC(),
		NotAfter:     now.AddDate(0, 0, days).Truncate(time.Second).UTC(),
	}
	if s.Organization != "" {
		t.Subject.Organization = []string{s.Organization}
	}
	for _, h := range s.Hosts {
		if ip := net.ParseIP(strings.Trim(h, "[]")); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
			continue
		}
		if h == "" || strings.ContainsAny(h, " /:@") {
			return nil, fmt.Errorf("%q is neither a host name nor an address; give it without port", h)
		}
		t.DNSNames = append(t.DNSNames, strings.TrimSuffix(h, "."))
	}
	return t, nil
}

// NewAuthority makes an authority that signs itself.
func NewAuthority(s Spec, now time.Time) (*Identity, error) {
	t, err := s.template(now, AuthorityDays)
	if err != nil {
		return nil, err
	}
	t.IsCA, t.BasicConstraintsValid, t.MaxPathLenZero = true, true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	return sign(t, s.Algorithm, nil)
}

// IssueBroker makes the certificate of a broker, which is a server to clients and a client to other
// brokers. Spec.Hosts may not be empty.
func (a *Identity) IssueBroker(s Spec, now time.Time) (*Identity, error) {
	if len(s.Hosts) == 0 {
		return nil, errors.New("a broker's certificate needs the host names under which clients reach it")
	}
	return a.issue(s, now, x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth)
}

// IssueClient makes the certificate of a client.
func (a *Identity) IssueClient(s Spec, now time.Time) (*Identity, error) {
	return a.issue(s, now, x509.ExtKeyUsageClientAuth)
}

// issue signs a certificate with this authority. It never outlives the authority: a longer one
// would be worth nothing after that.
func (a *Identity) issue(s Spec, now time.Time, usage ...x509.ExtKeyUsage) (*Identity, error) {
	t, err := s.template(now, Days)
	if err != nil {
		return nil, err
	}
	if !a.Certificate.IsCA {
		return nil, fmt.Errorf("%s is no authority: it may not sign", a.Certificate.Subject)
	}
	if now.After(a.Certificate.NotAfter) {
		return nil, fmt.Errorf("the authority %s has expired on %s: make a new one", a.Certificate.Subject, day(a.Certificate.NotAfter))
	}
	if t.NotAfter.After(a.Certificate.NotAfter) { // it would be worth nothing after that
		t.NotAfter = a.Certificate.NotAfter
	}
	t.KeyUsage, t.ExtKeyUsage, t.BasicConstraintsValid = x509.KeyUsageDigitalSignature, usage, true
	if s.Algorithm == RSA {
		t.KeyUsage |= x509.KeyUsageKeyEncipherment // suites without forward secrecy, which old clients have
	}
	return sign(t, s.Algorithm, a)
}

// sign signs a template with a key of its own; nil as authority signs itself.
func sign(t *x509.Certificate, algorithm Algorithm, authority *Identity) (*Identity, error) {
	key, err := algorithm.generate()
	if err != nil {
		return nil, err
	}
	parent, signer := t, key
	var chain []*x509.Certificate
	if authority != nil {
		parent, signer = authority.Certificate, authority.Key
		chain = append([]*x509.Certificate{authority.Certificate}, authority.Authorities...)
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, key.Public(), signer)
	if err != nil {
		return nil, fmt.Errorf("sign the certificate of %s: %w", t.Subject.CommonName, err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &Identity{Certificate: c, Key: key, Authorities: chain}, nil
}

// day is a time for a person, to the minute in the zone of this machine; certificates have theirs
// in UTC.
func day(t time.Time) string { return t.Local().Format("2006-01-02 15:04 MST") }
