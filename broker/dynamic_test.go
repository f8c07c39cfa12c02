package broker

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	gozk "github.com/go-zookeeper/zk"
	"github.com/sirupsen/logrus"

	"momus/configs"
	"momus/coordinator/zk"
	"momus/coordinator/zkserver"
	"momus/coordinator/zkserver/zkservertest"
	"momus/internal/testbase"
)

// A broker that starts with password.encoder.old.secret rewrites its own passwords, once, and tells
// the others.
func TestPasswordsAreEncryptedWithTheNewSecretAtStart(t *testing.T) {
	ctx, client, address := coordination(t)
	config := func(settings map[string]string) *configs.Config {
		t.Helper()
		settings["zookeeper.connect"], settings["password.encoder.iterations"] = "x", "1024"
		c, err := configs.New(settings)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	const name = "listener.name.inside.ssl.key.password"
	stored, err := config(map[string]string{"password.encoder.secret": "old"}).EncodePasswords(map[string]string{name: "secret words", "log.retention.ms": "5"})
	if err != nil {
		t.Fatal(err)
	}
	for _, broker := range []string{"1", "2"} {
		if err := client.SetConfig(ctx, zk.EntityBrokers, broker, stored); err != nil {
			t.Fatal(err)
		}
	}
	log := testbase.Quiet()
	start := func(settings map[string]string) *configs.Config {
		t.Helper()
		c := config(settings)
		if err := newDynamic(c, client, 1, log).loadBroker(ctx); err != nil {
			t.Fatal(err)
		}
		return c
	}
	read := func(broker string) map[string]string {
		t.Helper()
		now, err := client.Config(ctx, zk.EntityBrokers, broker)
		if err != nil {
			t.Fatal(err)
		}
		return now
	}
	changes := func() []string {
		t.Helper()
		conn, events, err := gozk.Connect([]string{address}, 10*time.Second, gozk.WithLogger(log))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		go func() {
			for range events {
			}
		}()
		names, _, err := conn.Children("/config/changes")
		if err != nil {
			t.Fatal(err)
		}
		return names
	}

	c := start(map[string]string{"password.encoder.secret": "new", "password.encoder.old.secret": "old"})
	if got := c.ListenerValue("INSIDE", "ssl.key.password"); got != "secret words" {
		t.Errorf("the broker has the password %q", got)
	}
	moved := read("1")
	if moved[name] == stored[name] || !strings.HasPrefix(moved[name], "encryptedPassword:") || moved["log.retention.ms"] != "5" || len(moved) != 2 {
		t.Errorf("stored is %v", moved)
	}
	if other := read("2"); !maps.Equal(other, stored) {
		t.Errorf("another broker's node became %v", other)
	}
	if n := changes(); len(n) != 1 {
		t.Errorf("notifications: %v", n)
	}

	// The new secret alone is enough now; a second start with both changes nothing.
	if got := start(map[string]string{"password.encoder.secret": "new"}).ListenerValue("INSIDE", "ssl.key.password"); got != "secret words" {
		t.Errorf("with the new secret alone the broker has the password %q", got)
	}
	start(map[string]string{"password.encoder.secret": "new", "password.encoder.old.secret": "old"})
	if again := read("1"); again[name] != moved[name] {
		t.Error("the password was written again")
	}
	if n := changes(); len(n) != 1 {
		t.Errorf("notifications: %v", n)
	}
}

// coordination is a client of a coordination server that has the top-level nodes.
func coordination(t *testing.T) (ctx context.Context, client *zk.Client, address string) {
	t.Helper()
	server, _ := zkservertest.Run(t, zkserver.Options{NoSync: true})
	ctx = context.Background()
	client, err := zk.Dial(ctx, zk.Options{Connect: server.Addr().String(), SessionTimeout: 30 * time.Second, ConnectTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	if err := client.CreateTopLevelPaths(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx, client, server.Addr().String()
}

// Who follows the broker's configs is told of each change of them, its own and that of all brokers,
// and its failure is reported.
func TestChangedConfigsOfTheBrokerAreFollowed(t *testing.T) {
	ctx, client, _ := coordination(t)
	c, err := configs.New(map[string]string{"zookeeper.connect": "x", "broker.id": "1", "listeners": "PLAINTEXT://127.0.0.1:9092"})
	if err != nil {
		t.Fatal(err)
	}
	d := newDynamic(c, client, 1, testbase.Quiet())
	var seen []string
	d.onBroker = func(context.Context) error {
		seen = append(seen, c.Listeners().Advertised[0].String())
		return nil
	}
	for _, change := range []struct {
		entity   string
		settings map[string]string
	}{
		{"1", map[string]string{"advertised.listeners": "PLAINTEXT://other:9094"}},
		{"2", map[string]string{"advertised.listeners": "PLAINTEXT://third:9094"}},
		{zk.DefaultEntity, map[string]string{"log.retention.ms": "6"}},
		{"1", nil},
	} {
		if err := client.SetConfig(ctx, zk.EntityBrokers, change.entity, change.settings); err != nil {
			t.Fatal(err)
		}
		if err := d.apply(ctx, zk.ConfigChange{Type: zk.EntityBrokers, Entity: change.entity}); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(seen, " "); got != "PLAINTEXT://other:9094 PLAINTEXT://other:9094 PLAINTEXT://127.0.0.1:9092" {
		t.Errorf("seen %s", got)
	}
	d.onBroker = func(context.Context) error { return errors.New("no session") }
	if err := d.apply(ctx, zk.ConfigChange{Type: zk.EntityBrokers, Entity: "1"}); err == nil {
		t.Error("a failure is not reported")
	}
}

// dynamicThatLogs follows the configs of broker 1, which has log.retention.ms=777, and writes its log
// to a text.
func dynamicThatLogs(t *testing.T, client *zk.Client) (*dynamic, *strings.Builder) {
	t.Helper()
	c, err := configs.New(map[string]string{"zookeeper.connect": "x", "broker.id": "1", "log.retention.ms": "777"})
	if err != nil {
		t.Fatal(err)
	}
	var logged strings.Builder
	log := logrus.New()
	log.SetOutput(&logged)
	return newDynamic(c, client, 1, logrus.NewEntry(log)), &logged
}

// A topic's znode that somebody wrote by hand with values that are none: said once in the log; a
// change is not taken over at all, as in Kafka, and at the start, where 2.5.0 dies of it, the rest
// is.
func TestWrongValuesOfTopicsAreLoggedAndLeftOut(t *testing.T) {
	ctx, client, _ := coordination(t)
	d, logged := dynamicThatLogs(t, client)
	told := 0
	d.onTopic = func(string, map[string]string) { told++ }
	write := func(topic string, settings map[string]string) {
		t.Helper()
		if err := client.SetConfig(ctx, zk.EntityTopics, topic, settings); err != nil {
			t.Fatal(err)
		}
	}
	change := func(topic string, settings map[string]string) {
		t.Helper()
		logged.Reset()
		write(topic, settings)
		if err := d.apply(ctx, zk.ConfigChange{Type: zk.EntityTopics, Entity: topic}); err != nil {
			t.Fatal(err)
		}
	}
	const wrong = "Invalid value abc for configuration retention.ms: Not a number of type LONG"

	write("t", map[string]string{"retention.ms": "abc", "segment.ms": "5"})
	if err := client.CreateTopic(ctx, "t", zk.Assignments{0: {Replicas: []int32{1}}}); err != nil {
		t.Fatal(err)
	}
	if err := d.loadTopics(ctx); err != nil {
		t.Fatal(err)
	}
	if got := d.Topic("t"); got.RetentionMs != 777 || got.SegmentMs != 5 {
		t.Errorf("at the start retention.ms=%d segment.ms=%d", got.RetentionMs, got.SegmentMs)
	}
	if text := logged.String(); strings.Count(text, wrong) != 1 || !strings.Contains(text, "topic=t") {
		t.Errorf("at the start this was logged: %s", text)
	}

	change("t", map[string]string{"retention.ms": "6", "segment.ms": "6"})
	if got := d.Topic("t"); got.RetentionMs != 6 || logged.Len() > 0 || told != 1 {
		t.Errorf("corrected: retention.ms=%d, logged %s", got.RetentionMs, logged.String())
	}
	change("t", map[string]string{"retention.ms": "abc", "segment.ms": "-7", "unknown": "x"})
	if got := d.Topic("t"); got.RetentionMs != 6 || got.SegmentMs != 6 || told != 1 {
		t.Errorf("a wrong change was taken over: retention.ms=%d segment.ms=%d", got.RetentionMs, got.SegmentMs)
	}
	if text := logged.String(); !strings.Contains(text, wrong) || !strings.Contains(text, "segment.ms: Value must be at least 1") {
		t.Errorf("of a wrong change this was logged: %s", text)
	}

	// One that is new to this broker is read when it gets a partition of it.
	logged.Reset()
	write("new", map[string]string{"retention.ms": "abc", "segment.ms": "8"})
	d.Learn(ctx, []string{"t", "new"})
	if got := d.Topic("new"); got.RetentionMs != 777 || got.SegmentMs != 8 || !strings.Contains(logged.String(), wrong) {
		t.Errorf("new: retention.ms=%d segment.ms=%d, logged %s", got.RetentionMs, got.SegmentMs, logged.String())
	}
}
