// Package javatls reads what Kafka's TLS settings name in Java's words: protocol versions and
// cipher suites. How TLS is used is decided by its users.
package javatls

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
)

var versions = map[string]uint16{"TLSv1": tls.VersionTLS10, "TLSv1.1": tls.VersionTLS11, "TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13}

// Versions gives the lowest and the highest version of a list such as TLSv1.2,TLSv1.3. Blanks and
// empty names are passed over, and so is SSLv2Hello, which only allows a form of hello that nobody
// sends any more. Gaps in a list are filled.
func Versions(names []string) (lowest, highest uint16, err error) {
	for _, name := range names {
		name = strings.TrimSpace(name)
		if name == "" || name == "SSLv2Hello" {
			continue
		}
		v, ok := versions[name]
		if !ok {
			return 0, 0, fmt.Errorf("%q is no protocol that can be spoken; valid are TLSv1.2, TLSv1.3, TLSv1.1 and TLSv1", name)
		}
		if lowest == 0 || v < lowest {
			lowest = v
		}
		highest = max(highest, v)
	}
	if lowest == 0 {
		return 0, 0, fmt.Errorf("no protocol is named; valid are TLSv1.2, TLSv1.3, TLSv1.1 and TLSv1")
	}
	return lowest, highest, nil
}

// CipherSuites gives the suites of TLS 1.2 and before that Java's names name; unknown are the names
// that this program cannot speak. Those of TLS 1.3 are always on and are neither.
func CipherSuites(names []string) (suites []uint16, unknown []string) {
	for _, name := range names {
		name = strings.TrimSpace(name)
		iana := name
		if rest, ok := strings.CutPrefix(name, "SSL_"); ok {
			iana = "TLS_" + rest
		}
		if iana == "" {
			continue
		}
		id, found, newest := suite(iana)
		switch {
		case !found:
			unknown = append(unknown, name)
		case !newest && !slices.Contains(suites, id):
			suites = append(suites, id)
		}
	}
	return suites, unknown
}

// suite finds a suite by its IANA name; newest reports whether it is one of TLS 1.3.
func suite(name string) (id uint16, found, newest bool) {
	for _, list := range [][]*tls.CipherSuite{tls.CipherSuites(), tls.InsecureCipherSuites()} {
		for _, s := range list {
			if s.Name == name || s.Name == name+"_SHA256" { // Go's names of ChaCha20 have the hash at their end
				return s.ID, true, slices.Equal(s.SupportedVersions, []uint16{tls.VersionTLS13})
			}
		}
	}
	return 0, false, false
}

// TrustAnyName turns off the check of the server's name, which an empty
// ssl.endpoint.identification.algorithm asks for; its certificates are checked all the same.
func TrustAnyName(config *tls.Config) {
	roots := config.RootCAs
	config.InsecureSkipVerify = true
	config.VerifyConnection = func(s tls.ConnectionState) error {
		intermediates := x509.NewCertPool()
		for _, cert := range s.PeerCertificates[1:] {
			intermediates.AddCert(cert)
		}
		if _, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates}); err != nil {
			return &tls.CertificateVerificationError{UnverifiedCertificates: s.PeerCertificates, Err: err}
		}
		return nil
	}
}
