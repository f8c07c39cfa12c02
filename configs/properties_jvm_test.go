package configs

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"momus/internal/jvm"
)

func TestTheJAASFileIsFoundAsTheImagesFindIt(t *testing.T) {
	root := t.TempDir()
	mounted := filepath.Join(root, "opt/bitnami/kafka/config/kafka_jaas.conf")
	if err := errors.Join(os.MkdirAll(filepath.Dir(mounted), 0o755), os.WriteFile(mounted, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	bitnami := []string{"KAFKA_CFG_ZOOKEEPER_CONNECT=z", "ALLOW_PLAINTEXT_LISTENER=yes"}
	confluent := []string{"KAFKA_ZOOKEEPER_CONNECT=z", "KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://h:9092"}
	for _, c := range []struct {
		env  []string
		want string
	}{
		{append(bitnami, "A=b"), mounted},
		{append(bitnami, "KAFKA_OPTS=-Dx=y -Djava.security.auth.login.config=/a"), "/a"},
		{append(confluent, "KAFKA_OPTS=-Djava.security.auth.login.config=/a", "MOMUS_JAAS_CONFIG=/b"), "/a"},
		{append(confluent, "MOMUS_JAAS_CONFIG=/b"), "/b"},
		{confluent, ""},
	} {
		config, _, err := Load(Sources{Env: c.env, root: root, Container: new(bool)})
		if err != nil {
			t.Fatal(err)
		}
		if got := config.Environment().Properties[jvm.LoginConfig]; got != c.want {
			t.Errorf("%v: %q, want %q", c.env, got, c.want)
		}
	}
}
