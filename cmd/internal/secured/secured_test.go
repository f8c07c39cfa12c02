package secured

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"momus/broker/security/sasl"
	"momus/coordinator/acl"
	"momus/coordinator/zk"
	"momus/coordinator/zk/zksasl"
	"momus/coordinator/zkserver"
	"momus/coordinator/zkserver/zkservertest"
	"momus/internal/jaas"
	"momus/internal/keystore"
)

func open(t *testing.T, dir string, now time.Time) *Cluster {
	t.Helper()
	c, err := Open(dir, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSecretsAreMadeOnceAndKept(t *testing.T) {
	dir, now := filepath.Join(t.TempDir(), "security"), time.Now()
	if Exists(dir) {
		t.Error("there are secrets before they are made")
	}
	first := open(t, dir, now)
	if !Exists(dir) || !first.fresh || len(first.secrets.Users) != 4 {
		t.Errorf("%v", first.fresh)
	}
	if err := first.WriteClients("localhost:9092"); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) < 15 {
		t.Error(entries, err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
		}
	}
	again := open(t, dir, now)
	if again.fresh || again.secrets.ZK != first.secrets.ZK || again.secrets.Users[Alice] != first.secrets.Users[Alice] {
		t.Error("the second start has other secrets")
	}
	text, err := os.ReadFile(filepath.Join(dir, jaasFile))
	if err != nil {
		t.Fatal(err)
	}
	sections, err := jaas.ParseFile(string(text), nil)
	if err != nil || sections["Client"][0].Options["password"] != first.secrets.ZK || sections["Server"][0].Options["user_kafka"] != first.secrets.ZK ||
		sections["KafkaServer"][0].Options["password"] != first.secrets.Users[Broker] {
		t.Errorf("%v, %v", sections, err)
	}
}

func TestTheCertificateIsMadeAnewBeforeItEnds(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	leaf := func(c *Cluster) time.Time {
		t.Helper()
		pair, err := keystore.Store{Location: c.path("broker.keystore.p12"), Password: c.secrets.Stores}.KeyPair()
		if err != nil {
			t.Fatal(err)
		}
		return pair.Leaf.NotAfter
	}
	first := leaf(open(t, dir, now))
	if same := leaf(open(t, dir, now.AddDate(0, 0, 700))); !same.Equal(first) {
		t.Errorf("made anew too early: %v", same)
	}
	if later := leaf(open(t, dir, now.AddDate(0, 0, 800))); !later.After(first) {
		t.Errorf("not made anew: %v", later)
	}
}

func TestUsersAndRightsAreWrittenOnceAndProtected(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	c := open(t, t.TempDir(), time.Now())
	o := zkserver.Options{NoSync: true}
	c.Coordination(&o)
	server, _ := zkservertest.Run(t, o)
	ctx := t.Context()
	addr := server.Addr().String()
	if err := c.Provision(ctx, addr); err != nil {
		t.Fatal(err)
	}
	nobody, err := zk.Dial(ctx, zk.Options{Connect: addr, SessionTimeout: 4 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer nobody.Close()
	if _, err := nobody.Config(ctx, zk.EntityUsers, Alice); err == nil {
		t.Error("nobody reads alice's credential")
	}
	if err := nobody.SetConfig(ctx, zk.EntityTopics, "t", nil); err == nil {
		t.Error("nobody writes a topic's config")
	}
	broker, err := zk.Dial(ctx, zk.Options{Connect: addr, SessionTimeout: 4 * time.Second, SASL: zksasl.Digest(zooKeeperUser, c.secrets.ZK)})
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	config, err := broker.Config(ctx, zk.EntityUsers, Alice)
	if err != nil {
		t.Fatal(err)
	}
	got, err := sasl.ParseCredential(config[Mechanism])
	if err != nil {
		t.Fatal(err)
	}
	want, err := sasl.NewCredential(Mechanism, c.secrets.Users[Alice], got.Salt, got.Iterations)
	if err != nil || want.Stored() != config[Mechanism] {
		t.Errorf("the credential is not that of the password: %v", err)
	}
	all, err := broker.ACLs(ctx)
	if err != nil || len(all) != 3 {
		t.Errorf("%v, %v", all, err)
	}
	for _, r := range all {
		if r.Resource.Type == acl.Topic && !slices.ContainsFunc(r.Entries, func(e acl.Entry) bool { return e.Principal == "User:alice" && e.Operation == acl.Write }) {
			t.Errorf("alice may not write: %v", r)
		}
	}
	missing, err := broker.MissingSecureRoots(ctx)
	if err != nil || !slices.Equal(missing, []string{zk.ControllerPath, zk.ControllerEpochPath}) {
		t.Errorf("an epoch without a number would stop the first controller; missing are %v, %v", missing, err)
	}
}

func TestFilesNameWhatClientsNeed(t *testing.T) {
	c := open(t, t.TempDir(), time.Now())
	for text, want := range map[string][]string{
		c.java(Alice, "h:1"):                              {`username="alice"`, "bootstrap.servers=h:1\n", "security.protocol=SASL_SSL\n", "broker.truststore.p12\n"},
		c.librdkafka(Alice, "h:1"):                        {"sasl.username=alice\n", "ca.pem\n", "security.protocol=sasl_ssl\n"},
		c.program(Alice, "h:1"):                           {`kgo.SeedBrokers("h:1")`, `User: "alice"`, "//go:build ignore"},
		Wrap(slices.Concat(Next("momus", "h:1", "d")...)): {"--producer.config", "alice.properties", "bob.properties", "admin.properties"},
	} {
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("no %q in\n%s", w, text)
			}
		}
	}
}

func TestCommandsFitIntoATerminal(t *testing.T) {
	for _, names := range [][2]string{{"momus", "localhost:9092"}, {"bin/momus", "localhost:9092"}, {"./momus", "localhost:29092"}, {"build/bin/momus", "localhost:19092"}} {
		for _, dir := range []string{"momus-data/security", "d", "/home/somebody/projects/kafka/momus-data/security"} {
			for _, command := range Next(names[0], names[1], dir) {
				text := Wrap(command)
				for line := range strings.Lines(text) {
					if len(strings.TrimSuffix(line, "\n")) > 80 {
						t.Errorf("%d columns: %s", len(line)-1, line)
					}
				}
				if got, want := strings.Fields(strings.ReplaceAll(text, "\\\n", "")), strings.Fields(strings.Join(command, " ")); !slices.Equal(got, want) {
					t.Errorf("the shell reads %q, want %q", got, want)
				}
			}
		}
	}
}
