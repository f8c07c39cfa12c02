package javatls_test

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"

	"momus/internal/javatls"
)

func TestVersions(t *testing.T) {
	for list, want := range map[string][2]uint16{
		"TLSv1.2":                 {tls.VersionTLS12, tls.VersionTLS12},
		"TLSv1.3, TLSv1.2":        {tls.VersionTLS12, tls.VersionTLS13},
		"SSLv2Hello,TLSv1,":       {tls.VersionTLS10, tls.VersionTLS10},
		"TLSv1.1,TLSv1.2,TLSv1.3": {tls.VersionTLS11, tls.VersionTLS13},
	} {
		lowest, highest, err := javatls.Versions(strings.Split(list, ","))
		if err != nil || lowest != want[0] || highest != want[1] {
			t.Errorf("%s: %x, %x, %v", list, lowest, highest, err)
		}
	}
	for _, list := range []string{"", "SSLv3", "tlsv1.2"} {
		if _, _, err := javatls.Versions([]string{list}); err == nil || !strings.Contains(err.Error(), "valid are") {
			t.Errorf("%q: %v", list, err)
		}
	}
}

func TestCipherSuites(t *testing.T) {
	suites, unknown := javatls.CipherSuites([]string{"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", " SSL_RSA_WITH_AES_128_CBC_SHA", "TLS_AES_128_GCM_SHA256",
		"TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", ""})
	want := []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256}
	if !slices.Equal(suites, want) || !slices.Equal(unknown, []string{"TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"}) {
		t.Errorf("%v, %v", suites, unknown)
	}
}
