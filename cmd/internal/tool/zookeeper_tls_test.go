package tool

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// tlsInFrontOf ends TLS in front of a server and gives the address and a file with the certificate to trust.
func tlsInFrontOf(t *testing.T, server string) (address, trusted string) {
	t.Helper()
	web := httptest.NewTLSServer(nil) // for its certificate, which is valid for 127.0.0.1
	web.Close()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: web.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(wg.Wait)
	t.Cleanup(func() { l.Close() })
	wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", server)
			if err != nil {
				in.Close()
				continue
			}
			for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
				wg.Go(func() {
					defer pair[0].Close()
					defer pair[1].Close()
					_, _ = io.Copy(pair[0], pair[1]) // until either side ends
				})
			}
		}
	})
	trusted = filepath.Join(t.TempDir(), "trusted.pem")
	if err := os.WriteFile(trusted, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String(), trusted
}

func TestToolsReachZooKeeperOverTLS(t *testing.T) {
	address, trusted := tlsInFrontOf(t, coordinationServer(t))
	file := filepath.Join(t.TempDir(), "tls.properties")
	if err := os.WriteFile(file, []byte("zookeeper.ssl.client.enable=true\nzookeeper.clientCnxnSocket=org.apache.zookeeper.ClientCnxnSocketNetty\nzookeeper.ssl.truststore.location="+trusted+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := runTool(t, registerZooKeeperShell(), &Env{Args: []string{address, "-zk-tls-config-file", file, "ls", "/"}}); code != 0 || !strings.HasSuffix(out, "\n[zookeeper]\n") {
		t.Errorf("shell: exit %d\n%s%s", code, out, errs)
	}
	if code, out, errs := runTool(t, registerAclsTool(), &Env{Args: []string{"--authorizer-properties", "zookeeper.connect=" + address, "--zk-tls-config-file", file,
		"--add", "--allow-principal", "User:a", "--topic", "t"}}); code != 0 || !strings.Contains(out, "Current ACLs for resource") {
		t.Errorf("acls: exit %d\n%s%s", code, out, errs)
	}
	if code, out, errs := runTool(t, registerConfigsTool(), &Env{Args: []string{"--zookeeper", address, "--zk-tls-config-file", file, "--alter", "--entity-type", "users", "--entity-name", "u",
		"--add-config", "producer_byte_rate=1024"}}); code != 0 || !strings.Contains(out, "Completed updating config for entity: user-principal 'u'.") {
		t.Errorf("configs: exit %d\n%s%s", code, out, errs)
	}
	if err := os.WriteFile(file, []byte("zookeeper.ssl.client.enable=true\nzookeeper.ssl.truststore.location=/nonexistent.pem\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := runTool(t, registerZooKeeperShell(), &Env{Args: []string{address, "-zk-tls-config-file", file, "ls", "/"}}); code != 1 || !strings.Contains(errs, "/nonexistent.pem") {
		t.Errorf("no trust store: exit %d, %s", code, errs)
	}
}
