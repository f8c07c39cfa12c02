// Package outside uses momus and momustest from another module, with three clients, as their users
// do.
package outside

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"momus"
	"momus/momustest"
)

// sarama's metrics have one goroutine for the whole process.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

const records = 200

// cluster is three brokers with a topic of three replicas, of which the one that leads is killed
// while the test runs.
func cluster(t *testing.T) (*momustest.Cluster, func()) {
	t.Helper()
	c := momustest.Start(t, momustest.Brokers(3), momustest.Property("min.insync.replicas", "2"))
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Bootstrap()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(t.Context(), 1, 3, nil, "t"); err != nil {
		t.Fatal(err)
	}
	c.WaitTopic("t", 1)
	return c, func() { c.Kill(c.Leader("t", 0)) }
}

func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// send produces the numbers 0 to records-1, and kills the leader after half of them; none may fail.
func send(t *testing.T, kill func(), produce func(value string) error) {
	t.Helper()
	for i := range records {
		if i == records/2 {
			kill()
		}
		if err := produce(fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFranzGo(t *testing.T) {
	t.Parallel()
	c, kill := cluster(t)
	ctx := patient(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Bootstrap()...), kgo.ConsumerGroup("g"), kgo.ConsumeTopics("t"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	send(t, kill, func(value string) error {
		return client.ProduceSync(ctx, &kgo.Record{Topic: "t", Value: []byte(value)}).FirstErr()
	})
	seen := 0
	for seen < records {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("%d of %d records: %v", seen, records, fetches.Errors())
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if string(r.Value) != fmt.Sprint(seen) {
				t.Errorf("record %d is %s", seen, r.Value)
			}
			seen++
		})
	}
}

func TestSarama(t *testing.T) {
	t.Parallel()
	c, kill := cluster(t)
	config := sarama.NewConfig()
	config.Version = sarama.V2_5_0_0
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Return.Successes = true
	config.Producer.Retry.Max = 100
	producer, err := sarama.NewSyncProducer(c.Bootstrap(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	send(t, kill, func(value string) error {
		_, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: "t", Value: sarama.StringEncoder(value)})
		return err
	})
	consumer, err := sarama.NewConsumer(c.Bootstrap(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer consumer.Close()
	partition, err := consumer.ConsumePartition("t", 0, sarama.OffsetOldest)
	if err != nil {
		t.Fatal(err)
	}
	defer partition.Close()
	ctx := patient(t)
	seen := map[string]bool{}
	for len(seen) < records {
		select {
		case m := <-partition.Messages():
			seen[string(m.Value)] = true
		case <-ctx.Done():
			t.Fatalf("%d of %d records", len(seen), records)
		}
	}
}

func TestKafkaGo(t *testing.T) {
	t.Parallel()
	c, kill := cluster(t)
	ctx := patient(t)
	transport := &kafka.Transport{MetadataTTL: time.Second}
	defer transport.CloseIdleConnections()
	writer := &kafka.Writer{Addr: kafka.TCP(c.Bootstrap()...), Topic: "t", RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond, MaxAttempts: 100, Transport: transport}
	defer writer.Close()
	send(t, kill, func(value string) error { return writer.WriteMessages(ctx, kafka.Message{Value: []byte(value)}) })
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: c.Bootstrap(), Topic: "t", MaxWait: 100 * time.Millisecond})
	defer reader.Close()
	seen := map[string]bool{}
	for len(seen) < records {
		m, err := reader.ReadMessage(ctx)
		if err != nil {
			t.Fatalf("%d of %d records: %v", len(seen), records, err)
		}
		seen[string(m.Value)] = true
	}
}

func TestOneBrokerOfAProgram(t *testing.T) {
	broker, err := momus.Start(t.Context(), momus.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	if err := broker.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn, err := kafka.DialContext(t.Context(), "tcp", broker.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Brokers(); err != nil {
		t.Error(err)
	}
}
