package momus_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"momus"
	"momus/internal/testbase"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A broker in memory, and a record through it.
func Example() {
	ctx := context.Background()
	broker, err := momus.Start(ctx, momus.Options{Properties: map[string]string{"num.partitions": "1"}})
	if err != nil {
		panic(err)
	}
	defer broker.Close()
	if err := broker.Ready(ctx); err != nil {
		panic(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.Addr()), kgo.AllowAutoTopicCreation(), kgo.ConsumeTopics("greetings"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		panic(err)
	}
	defer client.Close()
	if err := client.ProduceSync(ctx, &kgo.Record{Topic: "greetings", Value: []byte("hello")}).FirstErr(); err != nil {
		panic(err)
	}
	for done := false; !done; {
		client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			fmt.Println(string(r.Value))
			done = true
		})
	}
	// Output: hello
}

func roundTrip(t *testing.T, address, topic string, value string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.AllowAutoTopicCreation(), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if value != "" {
		if err := client.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(value)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	fetches := client.PollFetches(ctx)
	if err := fetches.Err0(); err != nil || fetches.NumRecords() == 0 {
		t.Fatalf("%v, %d records", err, fetches.NumRecords())
	}
}

func ready(t *testing.T, o momus.Options) *momus.Broker {
	t.Helper()
	b, err := momus.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	if err := b.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

// What is in a directory is there again, and a file of Kafka's is taken as it is.
func TestDirectoryAndFile(t *testing.T) {
	dir := t.TempDir()
	b := ready(t, momus.Options{Dir: dir, ID: 7})
	if b.ID() != 7 || b.Addr() == "" || b.ListenerAddr("PLAINTEXT") != b.Addr() || b.ListenerAddr("SSL") != "" || b.ZooKeeper() == "" || b.HTTPAddr() != "" {
		t.Errorf("%d %s %s %s", b.ID(), b.Addr(), b.ZooKeeper(), b.HTTPAddr())
	}
	roundTrip(t, b.Addr(), "kept", "x")
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil || b.Err() != nil {
		t.Errorf("closed twice: %v, %v", err, b.Err())
	}
	<-b.Done()
	b = ready(t, momus.Options{Dir: dir, ID: 7, HTTP: "localhost:0"})
	if b.HTTPAddr() == "" {
		t.Error("no address of /metrics")
	}
	roundTrip(t, b.Addr(), "kept", "")

	file := filepath.Join(t.TempDir(), "server.properties")
	content := "broker.id=9\nlisteners=INSIDE://localhost:0,OUTSIDE://localhost:0\nlistener.security.protocol.map=INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT\n" +
		"inter.broker.listener.name=INSIDE\nlog.dirs=" + filepath.ToSlash(t.TempDir()) + "\n"
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	nine := ready(t, momus.Options{File: file, ZooKeeper: b.ZooKeeper(), Properties: map[string]string{"num.partitions": "1", "offsets.topic.replication.factor": "1"}})
	if nine.ID() != 9 || nine.ListenerAddr("INSIDE") == "" || nine.ListenerAddr("OUTSIDE") == nine.ListenerAddr("INSIDE") {
		t.Errorf("%d %s %s", nine.ID(), nine.ListenerAddr("INSIDE"), nine.ListenerAddr("OUTSIDE"))
	}
}

// The caller's handler gets what the broker says, at the levels that it wants.
func TestLoggerOfTheCaller(t *testing.T) {
	var said testbase.Buffer
	b := ready(t, momus.Options{Logger: slog.NewJSONHandler(&said, &slog.HandlerOptions{Level: slog.LevelInfo}), Properties: map[string]string{"num.partitionz": "1"}})
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"level":"INFO","msg":"started","broker":0`, `"logger":"kafka.server.KafkaServer"`, `"level":"WARN"`, "did you mean num.partitions?", `"msg":"stopped"`} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("no %s in\n%s", want, said.String())
		}
	}
	if strings.Contains(said.String(), "DEBUG") {
		t.Error("the handler does not want debug lines")
	}
}

func TestWrongOptionsAndEndedContexts(t *testing.T) {
	for want, o := range map[string]momus.Options{
		"num.partitions": {Properties: map[string]string{"num.partitions": "many"}},
		"missing port":   {Listen: "localhost"},
		"no such file":   {File: "no.properties"},
	} {
		if _, err := momus.Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	b, err := momus.Start(ctx, momus.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-b.Done()
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if err := b.Ready(t.Context()); err == nil {
		t.Error("a broker that has ended is ready")
	}
}
