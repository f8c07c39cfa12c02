// Package keystore reads what ssl.keystore.* and ssl.truststore.* name: Java's JKS stores, PKCS12
// stores and PEM files. It only reads, keeps nothing, and starts nothing; how TLS is spoken is
// decided by whoever asks.
package keystore

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Store is one store as Kafka's settings describe it.
type Store struct {
	Location string // the file
	// Type is JKS, PKCS12 or PEM, "" for JKS. As in Java since 9, a file of type JKS may hold
	// PKCS12 and the reverse. ByContent takes any of the three.
	Type string
	// Password opens the store; a trust store of type JKS may be read without one, unchecked.
	Password string
	// KeyPassword opens the key in it; "" for the same as Password.
	KeyPassword string
}

// ByContent is the Type of a store whose file says what it is, as ZooKeeper's own settings have it.
const ByContent = "by content"

// The first bytes of a JKS and of a JCEKS store.
var (
	jksMagic   = []byte{0xfe, 0xed, 0xfe, 0xed}
	jceksMagic = []byte{0xce, 0xce, 0xce, 0xce}
)

// read reads the file and tells its format.
func (s Store) read() (data []byte, format string, err error) {
	switch strings.ToUpper(s.Type) {
	case "", "JKS", "PKCS12", "PEM", strings.ToUpper(ByContent):
	default:
		return nil, "", fmt.Errorf("store type %s is not supported; valid are JKS, PKCS12 and PEM", s.Type)
	}
	if data, err = os.ReadFile(s.Location); err != nil {
		return nil, "", err
	}
	switch {
	case strings.EqualFold(s.Type, "PEM"):
		return data, "PEM", nil
	// The content tells the format, except PEM, which may have any text before its first block.
	case bytes.HasPrefix(data, jksMagic):
		return data, "JKS", nil
	case bytes.HasPrefix(data, jceksMagic):
		return nil, "", fmt.Errorf("%s is a JCEKS store; make a PKCS12 store of it: keytool -importkeystore -srckeystore %[1]s -destkeystore new.p12 -deststoretype PKCS12", s.Location)
	case s.Type == ByContent && bytes.Contains(data, []byte("-----BEGIN ")):
		return data, "PEM", nil
	case bytes.Contains(data, []byte("-----BEGIN ")):
		return nil, "", fmt.Errorf("%s is a PEM file; set the type of the store to PEM", s.Location)
	}
	return data, "PKCS12", nil
}

// Certificates reads a trust store as a pool.
func (s Store) Certificates() (*x509.CertPool, error) {
	list, err := s.Trusted()
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	for _, c := range list {
		pool.AddCert(c)
	}
	return pool, nil
}

// Trusted reads a trust store: the certificates that are trusted, in the order of the file.
func (s Store) Trusted() (list []*x509.Certificate, err error) {
	data, format, err := s.read()
	if err != nil {
		return nil, err
	}
	switch format {
	case "PEM":
		list, err = parsePEMCertificates(data)
	case "JKS":
		list, err = s.trustedJKS(data)
	default:
		var p *p12Store
		if p, err = readPKCS12(data, s.Password); err == nil {
			list = p.trusted()
		}
	}
	if err != nil {
		return nil, s.explain(err)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s holds no trusted certificate; keytool -importcert adds one", s.Location)
	}
	return list, nil
}

// Identities lists who a key store's entries are for, in the order of the store: the subject and
// the alternative names of each first certificate. Two stores with the same list are the same to
// those who connect.
func (s Store) Identities() ([]string, error) {
	data, format, err := s.read()
	if err != nil {
		return nil, err
	}
	var leaves [][]byte
	switch format {
	case "JKS":
		entries, err := readJKS(data, s.Password)
		if err != nil {
			return nil, s.explain(err)
		}
		// Trusted certificates count as well: they decide who is let in.
		for _, e := range entries {
			if len(e.certificates) > 0 {
				leaves = append(leaves, e.certificates[0])
			}
		}
	case "PKCS12":
		p, err := readPKCS12(data, s.Password)
		if err != nil {
			return nil, s.explain(err)
		}
		for _, c := range p.trusted() {
			leaves = append(leaves, c.Raw)
		}
	default:
		pair, err := s.KeyPair()
		if err != nil {
			return nil, err
		}
		leaves = pair.Certificate[:1]
	}
	var out []string
	for _, der := range leaves {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, s.explain(err)
		}
		names := slices.Concat(c.DNSNames, c.EmailAddresses)
		for _, ip := range c.IPAddresses {
			names = append(names, ip.String())
		}
		for _, u := range c.URIs {
			names = append(names, u.String())
		}
		slices.Sort(names)
		// The names in order: their order within a certificate means nothing.
		out = append(out, c.Subject.String()+" "+strings.Join(slices.Compact(names), " "))
	}
	return out, nil
}

// KeyPair reads a key store: the private key and its certificates, the first key by alias when
// there are several.
func (s Store) KeyPair() (tls.Certificate, error) {
	data, format, err := s.read()
	if err != nil {
		return tls.Certificate{}, err
	}
	var pair tls.Certificate
	switch format {
	case "PEM":
		return PEMKeyPair(data, data)
	case "JKS":
		pair, err = s.keyJKS(data)
	default:
		pair, err = s.keyPKCS12(data)
	}
	if err != nil {
		return tls.Certificate{}, s.explain(err)
	}
	return pair, nil
}

func (s Store) keyPassword() string {
	if s.KeyPassword != "" {
		return s.KeyPassword
	}
	return s.Password
}

// explain adds the file, and what a wrong password means in the words of the libraries.
func (s Store) explain(err error) error {
	if errors.Is(err, errPKCS12Password) || errors.Is(err, errStorePassword) {
		return fmt.Errorf("%s: the password is wrong, or the store was changed: %w", s.Location, err)
	}
	return fmt.Errorf("%s: %w", s.Location, err)
}

// errNoKey is a key store without a key.
var errNoKey = errors.New("there is no private key in the store")

// trustedJKS are the certificates that the store trusts: as in Java the first one of each key too.
func (s Store) trustedJKS(data []byte) ([]*x509.Certificate, error) {
	entries, err := readJKS(data, s.Password)
	if err != nil {
		return nil, err
	}
	var out []*x509.Certificate
	for _, e := range entries {
		if len(e.certificates) == 0 {
			continue
		}
		c, err := x509.ParseCertificate(e.certificates[0])
		if err != nil {
			return nil, fmt.Errorf("entry %q: %w", e.alias, err)
		}
		out = append(out, c)
	}
	return out, nil
}

func (s Store) keyJKS(data []byte) (tls.Certificate, error) {
	var pair tls.Certificate
	entries, err := readJKS(data, s.Password)
	if err != nil {
		return pair, err
	}
	// A key without a chain cannot be shown to anybody.
	entries = slices.DeleteFunc(entries, func(e jksEntry) bool { return e.key == nil || len(e.certificates) == 0 })
	if len(entries) == 0 {
		return pair, errNoKey
	}
	// Java's key manager takes the first alias in its own order; by name it is the same each time.
	e := slices.MinFunc(entries, func(a, b jksEntry) int { return strings.Compare(a.alias, b.alias) })
	der, err := decryptJKSKey(e.key, s.keyPassword())
	if err == nil {
		pair.PrivateKey, err = x509.ParsePKCS8PrivateKey(der)
	}
	if err != nil {
		return pair, fmt.Errorf("key %q: %w", e.alias, err)
	}
	pair.Certificate = e.certificates
	return pair, nil
}

func (s Store) keyPKCS12(data []byte) (tls.Certificate, error) {
	p, err := readPKCS12(data, s.Password)
	if err != nil {
		return tls.Certificate{}, err
	}
	pair, err := p.keyPair(s.keyPassword())
	// Java reads PKCS12 only if both passwords are the same.
	if errors.Is(err, errPKCS12Password) {
		err = errors.New("the password of the key is wrong; ssl.key.password has to be that of the store, or be left out")
	}
	return pair, err
}

// parsePEMCertificates reads all certificates of a text.
func parsePEMCertificates(data []byte) (list []*x509.Certificate, err error) {
	for {
		var b *pem.Block
		if b, data = pem.Decode(data); b == nil {
			break
		}
		if b.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	if len(list) == 0 {
		return nil, errors.New("there is no PEM certificate in it")
	}
	return list, nil
}

// PEMCertificates reads certificates in PEM form: a file, or the value of
// ssl.truststore.certificates.
func PEMCertificates(data []byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, errors.New("there is no PEM certificate in it")
	}
	return pool, nil
}

// PEMKeyPair reads certificates and a private key in PEM form, which may be the same bytes: a file,
// or the values of ssl.keystore.certificate.chain and ssl.keystore.key. A key with a password is
// refused with the way to remove it.
func PEMKeyPair(certificates, key []byte) (tls.Certificate, error) {
	// X509KeyPair would only say that it cannot parse the key.
	for rest := key; ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		if b.Type == "ENCRYPTED PRIVATE KEY" || b.Headers["DEK-Info"] != "" {
			return tls.Certificate{}, errors.New("the private key has a password; openssl pkcs8 -in FILE -topk8 -nocrypt removes it, or use a PKCS12 store")
		}
	}
	return tls.X509KeyPair(certificates, key)
}
