package zkserver_test

import (
	"crypto/tls"
	"strings"
	"testing"

	"momus/coordinator/zkserver"
	"momus/coordinator/zkserver/zkservertest"
)

// TestAServerForTLSAloneHasNoOtherPort holds what a zoo.cfg with secureClientPort alone asks for.
func TestAServerForTLSAloneHasNoOtherPort(t *testing.T) {
	s, stop := zkservertest.Run(t, zkserver.Options{SecureOnly: true, TLS: &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil }}})
	defer stop()
	if s.SecureAddr() == nil || s.Addr().String() != s.SecureAddr().String() {
		t.Errorf("listens on %v, and for TLS on %v", s.Addr(), s.SecureAddr())
	}
	if _, err := zkserver.New(zkserver.Options{Dir: t.TempDir(), SecureOnly: true}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without a certificate: %v", err)
	}
}
