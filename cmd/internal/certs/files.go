package certs

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"software.sslmate.com/src/go-pkcs12"
)

// The files of an authority in its directory.
const (
	AuthorityFile    = "ca.pem"
	AuthorityKeyFile = "ca.key"
)

// NewPassword makes a password that needs no quoting anywhere.
func NewPassword() string {
	b := make([]byte, 18)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// CertificatesPEM is the certificate followed by those of its authorities.
func (i *Identity) CertificatesPEM() []byte {
	var b bytes.Buffer
	for _, c := range append([]*x509.Certificate{i.Certificate}, i.Authorities...) {
		pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}) // a buffer takes everything
	}
	return b.Bytes()
}

// KeyPEM is the key, without a password.
func (i *Identity) KeyPEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(i.Key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// Encoding of PKCS12 files: the one of today, or the one that Java before 8u301 and 11.0.12 reads.
func encoder(legacy bool) *pkcs12.Encoder {
	if legacy {
		return pkcs12.LegacyDES
	}
	return pkcs12.Modern2023
}

// KeyStore is a PKCS12 store with the key and its certificates.
func (i *Identity) KeyStore(password string, legacy bool) ([]byte, error) {
	return encoder(legacy).Encode(i.Key, i.Certificate, i.Authorities, password)
}

// TrustStore is a PKCS12 store with the authorities that i trusts: its own, the topmost of them.
func (i *Identity) TrustStore(password string, legacy bool) ([]byte, error) {
	return encoder(legacy).EncodeTrustStore([]*x509.Certificate{i.root()}, password)
}

// root is the topmost authority of i.
func (i *Identity) root() *x509.Certificate {
	if n := len(i.Authorities); n > 0 {
		return i.Authorities[n-1]
	}
	return i.Certificate
}

// RootPEM is the topmost authority.
func (i *Identity) RootPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.root().Raw})
}

// Dir is a directory of certificates.
type Dir struct {
	Path string
	// Replace allows files to be replaced; otherwise one that is there already is an error.
	Replace bool
}

// Write writes a file that only its owner may read, whole or not at all.
func (d Dir) Write(name string, data []byte) error {
	path := filepath.Join(d.Path, name)
	if err := os.MkdirAll(d.Path, 0o755); err != nil {
		return err
	}
	if _, err := os.Lstat(path); err == nil && !d.Replace {
		return fmt.Errorf("%s is there already; remove it, or replace it with --force", path)
	}
	f, err := os.CreateTemp(d.Path, "."+name+"-*") // its mode is 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// WriteAuthority writes an authority: its certificate, for everybody, and its key, to be kept.
func (d Dir) WriteAuthority(a *Identity) error {
	key, err := a.KeyPEM()
	if err != nil {
		return err
	}
	if err := d.Write(AuthorityKeyFile, key); err != nil {
		return err
	}
	return d.Write(AuthorityFile, a.CertificatesPEM())
}

// ReadAuthority reads the authority that is in the directory.
func (d Dir) ReadAuthority() (*Identity, error) {
	certificates, err := os.ReadFile(filepath.Join(d.Path, AuthorityFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no authority in %s; momus certs ca --dir %[1]s makes one", d.Path)
	}
	if err != nil {
		return nil, err
	}
	key, err := os.ReadFile(filepath.Join(d.Path, AuthorityKeyFile))
	if err != nil {
		return nil, fmt.Errorf("the authority's key: %w", err)
	}
	a, err := parseIdentity(certificates, key)
	if err != nil {
		return nil, fmt.Errorf("authority in %s: %w", d.Path, err)
	}
	return a, nil
}

// parseIdentity reads certificates and a key in PEM form.
func parseIdentity(certificates, key []byte) (*Identity, error) {
	i := &Identity{}
	for rest := certificates; ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		c, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, err
		}
		if i.Certificate == nil {
			i.Certificate = c
		} else {
			i.Authorities = append(i.Authorities, c)
		}
	}
	b, _ := pem.Decode(key)
	if b == nil || i.Certificate == nil {
		return nil, errors.New("there is no PEM certificate or key in it")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(b.Bytes)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	signer, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, errors.New("the key cannot sign")
	}
	if public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(i.Certificate.PublicKey) {
		return nil, errors.New("the key does not belong to the certificate")
	}
	i.Key = signer
	return i, nil
}
