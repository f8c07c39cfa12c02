package certs

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
)

// Bundle are the files of one broker or client: everything that it needs, and no more.
type Bundle struct {
	Dir      Dir
	Name     string // begins the files' names
	Password string // of the stores; a new one when ""
	Legacy   bool   // stores for Java before 8u301 and 11.0.12
}

// Names of a bundle's files after its name.
const (
	keyStoreSuffix   = ".keystore.p12"
	trustStoreSuffix = ".truststore.p12"
	pemSuffix        = ".pem"
	keySuffix        = ".key"
	javaSuffix       = ".properties"
	librdkafkaSuffix = ".librdkafka.conf"
)

// Write writes the stores, the same as PEM files, and the settings that name them: for Java, and
// for librdkafka. It returns the names of the files.
func (b Bundle) Write(i *Identity) ([]string, error) {
	// "ca" would put a leaf in the place of the authority, whose files have the same endings.
	if strings.ContainsAny(b.Name, `/\`) || b.Name == "ca" {
		return nil, fmt.Errorf("%q cannot be the name of files", b.Name)
	}
	if b.Password == "" {
		b.Password = NewPassword()
	}
	keys, err := i.KeyStore(b.Password, b.Legacy)
	if err != nil {
		return nil, err
	}
	trust, err := i.TrustStore(b.Password, b.Legacy)
	if err != nil {
		return nil, err
	}
	key, err := i.KeyPEM()
	if err != nil {
		return nil, err
	}
	files := []struct {
		suffix string
		data   []byte
	}{{keyStoreSuffix, keys}, {trustStoreSuffix, trust}, {pemSuffix, i.CertificatesPEM()}, {keySuffix, key},
		{javaSuffix, b.java()}, {librdkafkaSuffix, b.librdkafka()}}
	var names []string
	for _, f := range files {
		if err := b.Dir.Write(b.Name+f.suffix, f.data); err != nil {
			return names, err
		}
		names = append(names, b.Name+f.suffix)
	}
	return names, nil
}

// path is the absolute path of a file, as settings need it.
func (b Bundle) path(name string) string {
	path := filepath.Join(b.Dir.Path, name)
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return filepath.ToSlash(path)
}

// java are the settings of brokers and Java's clients.
func (b Bundle) java() []byte {
	return settings("# For a broker: add these lines to server.properties. For a client: security.protocol=SSL belongs to it.\n",
		"ssl.keystore.type", "PKCS12", "ssl.keystore.location", b.path(b.Name+keyStoreSuffix), "ssl.keystore.password", b.Password, "ssl.key.password", b.Password,
		"ssl.truststore.type", "PKCS12", "ssl.truststore.location", b.path(b.Name+trustStoreSuffix), "ssl.truststore.password", b.Password)
}

// librdkafka are the settings of librdkafka and the clients that are made of it.
func (b Bundle) librdkafka() []byte {
	return settings("# For clients of librdkafka.\n", "security.protocol", "ssl", "ssl.ca.location", b.path(AuthorityFile),
		"ssl.certificate.location", b.path(b.Name+pemSuffix), "ssl.key.location", b.path(b.Name+keySuffix))
}

// settings writes a file of properties with a comment at its head; pairs are names and values in
// turn.
func settings(comment string, pairs ...string) []byte {
	var out bytes.Buffer
	out.WriteString(comment)
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(&out, "%s=%s\n", pairs[i], pairs[i+1])
	}
	return out.Bytes()
}
