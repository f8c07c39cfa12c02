package tool

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"momus/cmd/internal/tool/acls"
	"momus/cmd/internal/tool/configs"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/tooltest"
	"momus/cmd/internal/tool/zookeepershell"
)

func TestToolsReachZooKeeperOverTLS(t *testing.T) {
	address, trusted := tooltest.TLSInFrontOf(t, tooltest.ZooKeeper(t))
	file := filepath.Join(t.TempDir(), "tls.properties")
	if err := os.WriteFile(file, []byte("zookeeper.ssl.client.enable=true\nzookeeper.clientCnxnSocket=org.apache.zookeeper.ClientCnxnSocketNetty\nzookeeper.ssl.truststore.location="+trusted+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := tooltest.Run(t, zookeepershell.Tool(), &core.Env{Args: []string{address, "-zk-tls-config-file", file, "ls", "/"}}); code != 0 || !strings.HasSuffix(out, "\n[zookeeper]\n") {
		t.Errorf("shell: exit %d\n%s%s", code, out, errs)
	}
	if code, out, errs := tooltest.Run(t, acls.Tool(), &core.Env{Args: []string{"--authorizer-properties", "zookeeper.connect=" + address, "--zk-tls-config-file", file,
		"--add", "--allow-principal", "User:a", "--topic", "t"}}); code != 0 || !strings.Contains(out, "Current ACLs for resource") {
		t.Errorf("acls: exit %d\n%s%s", code, out, errs)
	}
	if code, out, errs := tooltest.Run(t, configs.Tool(), &core.Env{Args: []string{"--zookeeper", address, "--zk-tls-config-file", file, "--alter", "--entity-type", "users", "--entity-name", "u",
		"--add-config", "producer_byte_rate=1024"}}); code != 0 || !strings.Contains(out, "Completed updating config for entity: user-principal 'u'.") {
		t.Errorf("configs: exit %d\n%s%s", code, out, errs)
	}
	if err := os.WriteFile(file, []byte("zookeeper.ssl.client.enable=true\nzookeeper.ssl.truststore.location=/nonexistent.pem\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := tooltest.Run(t, zookeepershell.Tool(), &core.Env{Args: []string{address, "-zk-tls-config-file", file, "ls", "/"}}); code != 1 || !strings.Contains(errs, "/nonexistent.pem") {
		t.Errorf("no trust store: exit %d, %s", code, errs)
	}
}
