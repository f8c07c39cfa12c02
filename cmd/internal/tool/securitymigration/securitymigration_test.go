package securitymigration_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"momus/cmd/internal/tool/acls"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/securitymigration"
	"momus/cmd/internal/tool/tooltest"
	"momus/cmd/internal/tool/zookeepershell"
	"momus/coordinator/zk"
	"momus/coordinator/zkserver"
	"momus/coordinator/zkserver/zkservertest"
)

func jaas(t *testing.T, password string) (getenv func(string) string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "jaas.conf")
	text := `Client { org.apache.zookeeper.server.auth.DigestLoginModule required username="kafka" password="` + password + `"; };`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return environment("-Djava.security.auth.login.config=" + path)
}

func environment(opts string) func(string) string {
	return func(name string) string {
		if name == "KAFKA_OPTS" {
			return opts
		}
		return ""
	}
}

func server(t *testing.T) (addr string, nobody *zk.Client) {
	t.Helper()
	s, _ := zkservertest.Run(t, zkserver.Options{NoSync: true, Users: map[string]string{"kafka": "kafkasecret"}})
	nobody, err := zk.Dial(t.Context(), zk.Options{Connect: s.Addr().String(), SessionTimeout: 4 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nobody.Close() })
	return s.Addr().String(), nobody
}

func migrate(t *testing.T, getenv func(string) string, args ...string) (int, string, string) {
	t.Helper()
	return tooltest.Run(t, securitymigration.Tool(), &core.Env{Args: args, Getenv: getenv})
}

func TestNodesAreProtectedAndOpened(t *testing.T) {
	addr, nobody := server(t)
	ctx := t.Context()
	if err := nobody.CreateTopLevelPaths(ctx); err != nil {
		t.Fatal(err)
	}
	if err := nobody.SetConfig(ctx, zk.EntityUsers, "alice", map[string]string{"a": "b"}); err != nil {
		t.Fatal(err)
	}
	check := func(when string, want map[string]string) {
		t.Helper()
		for path, acl := range want {
			got, err := nobody.ACLOf(ctx, path)
			var text []string
			for _, a := range got {
				text = append(text, fmt.Sprintf("%s:%s=%d", a.Scheme, a.ID, a.Perms))
			}
			if err != nil {
				text = []string{err.Error()}
			}
			if !strings.Contains(strings.Join(text, " "), acl) || acl == "" {
				t.Errorf("%s: %s has %v, want %s", when, path, text, acl)
			}
		}
	}
	getenv := jaas(t, "kafkasecret")
	code, out, errs := migrate(t, getenv, "--zookeeper.acl", "secure", "--zookeeper.connect", addr, "--enable.path.check")
	if code != 1 || !strings.Contains(out, "Warning: The following secure root paths do not exist in ZooKeeper: /cluster,/controller,/controller_epoch,") || !strings.HasSuffix(out, "Exit the command.\n") {
		t.Errorf("exit %d, %s, %s", code, out, errs)
	}
	check("with a missing path", map[string]string{"/": "sasl:kafka=31", "/brokers": "world:anyone=31"})
	if code, out, errs = migrate(t, getenv, "--zookeeper.acl", "secure", "--zookeeper.connect", addr); code != 0 || errs != "" {
		t.Errorf("exit %d, %s, %s", code, out, errs)
	}
	check("secure", map[string]string{"/": "world:anyone=1 sasl:kafka=31", "/brokers/topics": "world:anyone=1 sasl:kafka=31", "/config/users/alice": "not authenticated",
		"/kafka-acl": "sasl:kafka=31", "/consumers": "world:anyone=31"})
	if code, out, errs = tooltest.Run(t, zookeepershell.Tool(), &core.Env{Args: []string{addr, "get", "/config/users/alice"}, Getenv: getenv}); code != 0 || !strings.Contains(out, `"a":"b"`) {
		t.Errorf("the shell with the login: exit %d, %s, %s", code, out, errs)
	}
	if code, out, errs = tooltest.Run(t, acls.Tool(), &core.Env{Args: []string{"--authorizer-properties", "zookeeper.connect=" + addr, "--add", "--allow-principal", "User:a", "--topic", "t"}, Getenv: getenv}); code != 0 {
		t.Errorf("acls with the login: exit %d, %s, %s", code, out, errs)
	}
	check("an ACL of the tool", map[string]string{"/kafka-acl/Topic/t": "world:anyone=1 sasl:kafka=31"})
	if code, out, errs = migrate(t, getenv, "--zookeeper.acl", "unsecure", "--zookeeper.connect", addr); code != 0 {
		t.Errorf("exit %d, %s, %s", code, out, errs)
	}
	check("unsecure", map[string]string{"/": "world:anyone=31", "/brokers/topics": "world:anyone=31", "/config/users/alice": "world:anyone=31"})
}

func TestMistakesOfTheMigrationAreSaid(t *testing.T) {
	addr, _ := server(t)
	other := filepath.Join(t.TempDir(), "other.conf")
	if err := os.WriteFile(other, []byte("KafkaServer { a.B required; };"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		getenv func(string) string
		args   []string
		want   []string
	}{
		{environment(""), []string{"--zookeeper.acl", "secure"}, []string{"ERROR: No JAAS configuration file has been specified", "Incorrect configuration"}},
		{environment("-Djava.security.auth.login.config=" + other), []string{"--zookeeper.acl", "secure"}, []string{"ERROR: Security isn't enabled, most likely the file isn't set properly: " + other}},
		{jaas(t, "kafkasecret"), []string{"--zookeeper.acl", "sure", "--zookeeper.connect", addr}, []string{"ZooKeeper Migration Tool Help"}},
		{jaas(t, "kafkasecret"), []string{"--zookeeper.connect", addr}, []string{"ZooKeeper Migration Tool Help"}},
		{jaas(t, "wrong"), []string{"--zookeeper.acl", "secure", "--zookeeper.connect", addr}, []string{"Auth failed", `user "kafka" of section Client`, "wrong password"}},
	} {
		code, out, errs := migrate(t, c.getenv, c.args...)
		if code != 1 || slices.ContainsFunc(c.want, func(w string) bool { return !strings.Contains(out+errs, w) }) {
			t.Errorf("%v: exit %d, %s%s; want %v", c.args, code, out, errs, c.want)
		}
	}
}
