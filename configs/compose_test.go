package configs

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// composeCase is an environment of testdata/compose: variables as people give them to the three
// images, and what the images' own start scripts made of them with Kafka 2.5.0.
type composeCase struct {
	ID       string            `json:"id"`
	Dialect  string            `json:"dialect"`
	Hostname string            `json:"hostname"`
	Env      map[string]string `json:"env"`
	Expected map[string]any    `json:"expected"`
}

// twins are environments that another image's users write just so; without a sign of the container
// they are read as that image's, which starts with them.
var twins = map[string]string{"wurstmeister-12": "the same as confluent-05"}

// better are values on which we differ on purpose.
var better = map[string]map[string]string{
	// Kubernetes' link to a service called kafka, which the image takes for the key port and then
	// fails with.
	"wurstmeister-14": {"port": "9092"},
	// The number of the container in the answer of a docker that the test plays.
	"wurstmeister-08": {"broker.id": "3"},
}

func composeCases(t *testing.T) []composeCase {
	t.Helper()
	return golden[composeCase](t, "compose/environments.json")
}

func (c *composeCase) load(t *testing.T, root string, extra ...string) (*Config, []Warning, error) {
	t.Helper()
	secrets := t.TempDir()
	for k, file := range c.Env {
		if strings.HasSuffix(k, "_CREDENTIALS") {
			if err := os.WriteFile(filepath.Join(secrets, file), []byte("testtest\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	env := extra
	for k, v := range c.Env {
		env = append(env, k+"="+v)
	}
	yes := true
	return Load(Sources{Env: env, Hostname: c.Hostname, Container: &yes, root: root, secrets: secrets,
		Run: func(command string) (string, error) {
			switch {
			case strings.HasPrefix(command, "docker inspect"):
				return "3", nil
			case strings.Contains(command, "hostname"):
				return c.Hostname + "\n", nil
			case strings.HasPrefix(command, "echo "):
				return strings.TrimPrefix(command, "echo "), nil
			}
			return "", errors.New("unknown command")
		}})
}

// differs compares a configuration with what the image made of the same variables.
func (c *composeCase) differs(got *Config) []string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(c.Expected)) {
		want, ok := c.Expected[key].(string)
		if !ok || key == "note" {
			continue
		}
		if b, ok := better[c.ID][key]; ok {
			want = b
		}
		value := ""
		if set, ok := got.Get(key); ok {
			value = set.Value
		} else if k, ok := BrokerKey(key); ok {
			value = k.Default
		}
		// port is in the image's file always, and counts only without listeners.
		if value != want {
			out = append(out, key+": "+value+", the image has "+want)
		}
	}
	topics, _ := c.Expected["topics"].(map[string]any)
	for name, want := range topics {
		partitions := int32(want.([]any)[0].(float64))
		if !slices.ContainsFunc(got.Environment().CreateTopics, func(s TopicSpec) bool { return s.Name == name && s.Partitions == partitions }) {
			out = append(out, "no topic "+name)
		}
	}
	return out
}

// Every environment gives what its image gave: told by the variables alone, by the variable that
// decides, and by the volume.
func TestEnvironmentsOfComposeFiles(t *testing.T) {
	volumes := map[string]string{"wurstmeister": "/kafka", "bitnami": "/bitnami", "confluent": "/var/lib/kafka/data"}
	counted := 0
	for _, c := range composeCases(t) {
		volume, claimed := volumes[c.Dialect]
		if !claimed {
			if _, _, err := c.load(t, t.TempDir()); err == nil || !strings.Contains(err.Error(), "is not understood here") {
				t.Errorf("%s: %v", c.ID, err)
			}
			continue
		}
		counted++
		for _, way := range []struct {
			name, root string
			extra      []string
		}{
			{"variables alone", t.TempDir(), nil},
			{"the variable that decides", t.TempDir(), []string{DialectVariable + "=" + c.Dialect}},
			{"the volume", rootWithMounts(t, volume), nil},
		} {
			if twins[c.ID] != "" && way.name == "variables alone" {
				continue
			}
			got, warnings, err := c.load(t, way.root, way.extra...)
			if c.Expected["starts"] == false {
				if err == nil {
					t.Errorf("%s, %s: starts as %s, the image refuses", c.ID, way.name, got.Environment().Dialect)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s, %s: %v", c.ID, way.name, err)
				continue
			}
			if d, err := ParseDialect(c.Dialect); err != nil || got.Environment().Dialect != d || got.Environment().DialectReason == "" {
				t.Errorf("%s, %s: taken for %s (%s)", c.ID, way.name, got.Environment().Dialect, got.Environment().DialectReason)
			}
			for _, d := range c.differs(got) {
				t.Errorf("%s, %s: %s", c.ID, way.name, d)
			}
			for _, w := range warnings {
				if w.Key == "log.dirs" {
					t.Errorf("%s, %s: %s", c.ID, way.name, w)
				}
			}
		}
	}
	if counted < 40 {
		t.Errorf("%d environments", counted)
	}
}

// rootWithMounts makes a directory that looks like a container's root with these mount points.
func rootWithMounts(t *testing.T, mounts ...string) string {
	t.Helper()
	root := t.TempDir()
	info := "1100 905 0:66 / / rw,relatime - overlay overlay rw\n"
	for _, m := range mounts {
		info += "1120 1100 8:1 /var/lib/docker/volumes/x/_data " + strings.ReplaceAll(m, " ", `\040`) + " rw,relatime - ext4 /dev/sda1 rw\n"
	}
	if err := errors.Join(os.MkdirAll(filepath.Join(root, "proc/self"), 0o755), os.WriteFile(filepath.Join(root, "proc/self/mountinfo"), []byte(info), 0o600)); err != nil {
		t.Fatal(err)
	}
	return root
}

// Whatever the variables look like, the data goes to a volume when there is one at a place of the
// images.
func TestDataNeverLeavesTheVolume(t *testing.T) {
	volumes := map[string]string{"/kafka": "/kafka/", "/bitnami": "/bitnami/", "/bitnami/kafka": "/bitnami/kafka/", "/var/lib/kafka/data": "/var/lib/kafka/data", "/kafka/logs": "/kafka/logs"}
	for _, c := range composeCases(t) {
		for volume, prefix := range volumes {
			for _, dialect := range []string{"", "wurstmeister", "bitnami", "confluent"} {
				extra := []string{}
				if dialect != "" {
					extra = append(extra, DialectVariable+"="+dialect)
				}
				got, warnings, err := c.load(t, rootWithMounts(t, volume), extra...)
				if err != nil {
					continue
				}
				dir, _ := got.Get("log.dirs")
				warned := slices.ContainsFunc(warnings, func(w Warning) bool { return strings.Contains(w.Text, "is not on a volume") })
				switch {
				case dir.Origin.Name == "KAFKA_LOG_DIRS" && !warned && !strings.HasPrefix(dir.Value+"/", prefix):
					t.Errorf("%s as %q with a volume at %s: no warning for %s", c.ID, dialect, volume, dir.Value)
				case dir.Origin.Name != "KAFKA_LOG_DIRS" && !strings.HasPrefix(dir.Value, prefix):
					t.Errorf("%s as %q with a volume at %s: the data goes to %s (%s)", c.ID, dialect, volume, dir.Value, dir.Origin)
				}
			}
		}
	}
}

// A directory in which a broker has left its files tells the image, whatever the variables look
// like.
func TestFilesOfABrokerTellTheImage(t *testing.T) {
	env := composeCase{Hostname: "kafka", Env: map[string]string{"KAFKA_ZOOKEEPER_CONNECT": "z:1", "KAFKA_LISTENERS": "PLAINTEXT://:9092", "KAFKA_ADVERTISED_LISTENERS": "PLAINTEXT://kafka:9092"}}
	for dir, want := range map[string]Dialect{"/kafka/kafka-logs-old": Wurstmeister, "/bitnami/kafka/data": Bitnami, "/var/lib/kafka/data": Confluent} {
		root := rootWithMounts(t)
		if err := errors.Join(os.MkdirAll(filepath.Join(root, dir), 0o755), os.WriteFile(filepath.Join(root, dir, "meta.properties"), []byte("broker.id=1\n"), 0o600)); err != nil {
			t.Fatal(err)
		}
		got, _, err := env.load(t, root)
		if want == Bitnami {
			// Bitnami's image refuses without ALLOW_PLAINTEXT_LISTENER, and so says which image was
			// meant.
			if err == nil || !strings.Contains(err.Error(), "ALLOW_PLAINTEXT_LISTENER") {
				t.Errorf("%s: %v", dir, err)
			}
			continue
		}
		if err != nil || got.Environment().Dialect != want || !strings.Contains(got.Environment().DialectReason, "meta.properties") {
			t.Errorf("%s: %v, %+v", dir, err, got)
		}
	}
}

// TestMixedEnvironments has what people made by mixing examples of several images: which image
// they are taken for, where the data goes, and what is said where nothing can start.
func TestMixedEnvironments(t *testing.T) {
	for _, c := range []struct {
		env, volume string // variables, one a word
		image       Dialect
		data        string
		err         string // part of the error; then nothing else counts
	}{
		{env: "KAFKA_BROKER_ID=1 KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://10.1.1.1:9092 KAFKA_ADVERTISED_HOST_NAME=10.1.1.1 KAFKA_ADVERTISED_PORT=9092 KAFKA_LISTENERS=PLAINTEXT://0.0.0.0:9092 ALLOW_PLAINTEXT_LISTENER=true",
			volume: "/kafka", image: Wurstmeister, data: "/kafka/kafka-logs-broker"},
		{env: "KAFKA_LISTENERS=PLAINTEXT://0.0.0.0:9092 KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://broker:9092 ALLOW_PLAINTEXT_LISTENER=yes", volume: "/var/lib/kafka/data",
			image: Confluent, data: "/var/lib/kafka/data"},
		{env: "KAFKA_LISTENERS=PLAINTEXT://0.0.0.0:9092 KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://broker:9092 ALLOW_PLAINTEXT_LISTENER=yes", image: Bitnami, data: "/bitnami/kafka/data"},
		{env: "KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://broker:9092 KAFKA_ADVERTISED_HOST_NAME=broker ALLOW_PLAINTEXT_LISTENER=yes KAFKA_CFG_NUM_PARTITIONS=3", volume: "/kafka",
			image: Bitnami, data: "/kafka/kafka-logs"},
		{env: "KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://127.0.0.1:9092 KAFKA_ADVERTISED_HOST_NAME=127.0.0.1 KAFKA_CREATE_TOPICS=a:1:1 DOCKER_API_VERSION=1.22", volume: "/var/run/docker.sock",
			image: Confluent, data: "/var/lib/kafka/data"},
		{env: "KAFKA_LISTENERS=PLAINTEXT://0.0.0.0:29092,PLAINTEXT_HOST://0.0.0.0:9092 KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://broker:29092,PLAINTEXT_HOST://localhost:9092 " +
			"KAFKA_LISTENER_SECURITY_PROTOCOL_MAP=PLAINTEXT:PLAINTEXT,PLAINTEXT_HOST:PLAINTEXT", volume: "/var/run/docker.sock", image: Wurstmeister, data: "/kafka/kafka-logs-broker"},
		{env: "KAFKA_ADVERTISED_LISTENERS=127.0.0.1", err: `"127.0.0.1" is not a listener; the form is NAME://host:port, for example PLAINTEXT://0.0.0.0:9092 (KAFKA_ADVERTISED_LISTENERS)`},
		{env: "KAFKA_BROKER_ID=1 KAFKA_ADVERTISED_PORT=9092", err: "KAFKA_ADVERTISED_LISTENERS: missing"},
	} {
		root := t.TempDir()
		if c.volume != "" {
			root = rootWithMounts(t, c.volume)
		}
		x := composeCase{Hostname: "broker", Env: map[string]string{"KAFKA_ZOOKEEPER_CONNECT": "zookeeper:2181"}}
		for _, kv := range strings.Fields(c.env) {
			k, v, _ := strings.Cut(kv, "=")
			x.Env[k] = v
		}
		got, _, err := x.load(t, root)
		if c.err != "" || err != nil {
			if err == nil || c.err == "" || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v, want %q", c.env, err, c.err)
			}
			continue
		}
		if e := got.Environment(); e.Dialect != c.image {
			t.Errorf("%s with %q: taken for %s (%s)", c.env, c.volume, e.Dialect, e.DialectReason)
		}
		if dir, _ := got.Get("log.dirs"); dir.Value != c.data {
			t.Errorf("%s with %q: the data goes to %s", c.env, c.volume, dir.Value)
		}
	}
}
