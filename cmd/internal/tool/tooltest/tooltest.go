// Package tooltest runs tools inside a test's process, with servers for them to talk to. Only tests
// import it.
package tooltest

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"momus/cmd/internal/tool/core"
	"momus/coordinator/zkserver/zkservertest"
	"momus/internal/testbase"
)

// Run runs a tool in this process.
func Run(t *testing.T, tool core.Tool, e *core.Env) (code int, out, errs string) {
	t.Helper()
	var o, x bytes.Buffer
	e.Stdout, e.Stderr = &o, &x
	if e.Stdin == nil {
		e.Stdin = strings.NewReader("")
	}
	if e.Getenv == nil {
		e.Getenv = func(string) string { return "" }
	}
	code = tool.Run(t.Context(), e)
	return code, o.String(), x.String()
}

// ZooKeeper starts a coordination server that stops with the test, and gives its address.
func ZooKeeper(t *testing.T) string {
	t.Helper()
	return zkservertest.Start(t)
}

// TLSInFrontOf ends TLS in front of a server and gives the address and a file with the certificate
// to trust.
func TLSInFrontOf(t *testing.T, server string) (address, trusted string) {
	t.Helper()
	web := httptest.NewTLSServer(nil) // for its certificate, which is valid for 127.0.0.1
	web.Close()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: web.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	testbase.Serve(t, l, testbase.Forward(server))
	trusted = filepath.Join(t.TempDir(), "trusted.pem")
	if err := os.WriteFile(trusted, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String(), trusted
}
