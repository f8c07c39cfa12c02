package interop

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"momus/integration/testkit"
)

// record is what a consumer saw: headers is "?" when the client cannot see headers.
type record struct {
	partition           int
	key, value, headers string
}

// client produces and consumes in its own way.
type client struct {
	name    string
	headers bool            // it writes and sees record headers
	codecs  map[string]bool // those it can write and read
	produce func(t testing.TB, bootstrap, topic, codec, name string, n int)
	consume func(t testing.TB, bootstrap, topic string, n int) []record
	member  func(t testing.TB, bootstrap, topic, group string) *testkit.Process // nil: no group members
}

// codecs is a set of codecs, of names that are separated by blanks.
func codecs(list string) map[string]bool {
	m := map[string]bool{}
	for _, c := range strings.Fields(list) {
		m[c] = true
	}
	return m
}

// everyCodec are the codecs of Kafka 2.5. zstd came with 2.1 (KIP-110); older clients cannot read
// it.
const everyCodec = "none gzip snappy lz4 zstd"

// external is a client that is a program with the commands of java/src/Client.java.
func external(name, codecList string, headers bool, argv func(t testing.TB) testkit.Spec) client {
	with := func(t testing.TB, more ...string) testkit.Spec {
		s := argv(t)
		// A copy: two tests may ask for the same client at once.
		s.Args = append(append([]string{}, s.Args...), more...)
		return s
	}
	return client{
		name: name, headers: headers, codecs: codecs(codecList),
		produce: func(t testing.TB, bootstrap, topic, codec, name string, n int) {
			// The commands of the external clients: produce BOOTSTRAP TOPIC CODEC COUNT NAME,
			// consume BOOTSTRAP TOPIC COUNT, and member BOOTSTRAP TOPIC GROUP, which runs until it
			// is ended.
			testkit.Run(t, 2*time.Minute, with(t, "produce", bootstrap, topic, codec, fmt.Sprint(n), name))
		},
		consume: func(t testing.TB, bootstrap, topic string, n int) []record {
			return parse(t, testkit.Run(t, 2*time.Minute, with(t, "consume", bootstrap, topic, fmt.Sprint(n))))
		},
		member: func(t testing.TB, bootstrap, topic, group string) *testkit.Process {
			return testkit.Start(t, name+" member", with(t, "member", bootstrap, topic, group))
		},
	}
}

// parse reads the lines that clients in other languages print: partition, key, value, headers.
func parse(t testing.TB, out string) []record {
	t.Helper()
	var rs []record
	for l := range strings.Lines(out) {
		f := strings.Split(strings.TrimSuffix(l, "\n"), "\t")
		// A line is made of four fields with tabs between them, whatever the language.
		if len(f) != 4 {
			continue // a client library's own warning
		}
		var r record
		if _, err := fmt.Sscan(f[0], &r.partition); err != nil {
			continue
		}
		r.key, r.value, r.headers = f[1], f[2], f[3]
		rs = append(rs, r)
	}
	return rs
}

// java is the Java client of a version, in a JVM that starts fast and is small: many of them run
// beside the brokers.
func java(version, codecList string, headers bool) client {
	return external("java-"+version, codecList, headers, func(t testing.TB) testkit.Spec {
		return testkit.Spec{Args: []string{"java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp",
			filepath.Join(testkit.Peers(t, "clients-"+version), "*") + ":" + testkit.Peers(t, "java-client"), "Client"}}
	})
}

// python is a client of a Python library, which env makes speak an older version of the protocol.
func python(library, codecList string, env ...string) client {
	name, headers := library, true
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, "MOMUS_API_VERSION="); ok {
			name += "-as-" + v
			headers = false
		}
	}
	return external(name, codecList, headers, func(t testing.TB) testkit.Spec {
		dir := testkit.Peers(t, "python")
		for i, e := range env {
			env[i] = strings.ReplaceAll(e, "$PEER", dir)
		}
		return testkit.Spec{Args: []string{filepath.Join(dir, "bin/python"), filepath.Join(testkit.Root(t), "integration/python/client.py"), library}, Env: env}
	})
}

// node is kafkajs, with the codecs that it takes from other packages.
func node() client {
	return external("kafkajs", everyCodec, true, func(t testing.TB) testkit.Spec {
		return testkit.Spec{Args: []string{"node", filepath.Join(testkit.Root(t), "integration/node/client.js")},
			Env: []string{"NODE_PATH=" + filepath.Join(testkit.Peers(t, "node"), "node_modules"), "KAFKAJS_NO_PARTITIONER_WARNING=1"}}
	})
}

// value is the i-th record of a producer of that name, the same whichever client writes it; the
// header is named n.
var value = func(name string, i int) (key, val, header string) {
	return fmt.Sprintf("%s-%d", name, i), fmt.Sprintf("%s value %d", name, i), fmt.Sprint(i)
}

// goClients are those that run inside the test.
func goClients() []client { return []client{franzGo(), newSarama(), plainSarama(), kafkaGo()} }

// franzGo is franz-go, each produce with one codec, and a consumer without a group.
func franzGo() client {
	return client{
		name: "franz-go", headers: true, codecs: codecs(everyCodec),
		produce: func(t testing.TB, bootstrap, topic, codec, name string, n int) {
			// franz-go takes a list of codecs and falls back to what the broker has; a list of
			// one is that codec.
			comp := map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
				"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}[codec]
			cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(bootstrap, ",")...), kgo.ProducerBatchCompression(comp), kgo.DefaultProduceTopic(topic))
			if err != nil {
				t.Fatal(err)
			}
			defer cl.Close()
			var rs []*kgo.Record
			for i := range n {
				k, v, h := value(name, i)
				rs = append(rs, &kgo.Record{Key: []byte(k), Value: []byte(v), Headers: []kgo.RecordHeader{{Key: "n", Value: []byte(h)}}})
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := cl.ProduceSync(ctx, rs...).FirstErr(); err != nil {
				t.Fatal(err)
			}
		},
		consume: func(t testing.TB, bootstrap, topic string, n int) []record {
			// Without a group: the partitions are all this client's, and nothing is committed.
			cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(bootstrap, ",")...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
			if err != nil {
				t.Fatal(err)
			}
			defer cl.Close()
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			var rs []record
			for len(rs) < n && ctx.Err() == nil {
				fs := cl.PollFetches(ctx)
				fs.EachRecord(func(r *kgo.Record) {
					hs := ""
					for _, h := range r.Headers {
						hs += h.Key + "=" + string(h.Value)
					}
					rs = append(rs, record{int(r.Partition), string(r.Key), string(r.Value), hs})
				})
			}
			return rs
		},
	}
}

// newSarama is sarama with the versions of requests that belong to Kafka 2.5.
func newSarama() client {
	return client{
		name: "sarama", headers: true, codecs: codecs(everyCodec),
		produce: func(t testing.TB, bootstrap, topic, codec, name string, n int) {
			cfg := sarama.NewConfig()
			// The version decides which versions of requests sarama sends: its default is an
			// old one.
			cfg.Version = sarama.V2_5_0_0
			cfg.Producer.RequiredAcks = sarama.WaitForAll
			cfg.Producer.Return.Successes = true
			cfg.Producer.Compression = map[string]sarama.CompressionCodec{"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP,
				"snappy": sarama.CompressionSnappy, "lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD}[codec]
			p, err := sarama.NewSyncProducer(strings.Split(bootstrap, ","), cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			var ms []*sarama.ProducerMessage
			for i := range n {
				k, v, h := value(name, i)
				ms = append(ms, &sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder(k), Value: sarama.StringEncoder(v),
					Headers: []sarama.RecordHeader{{Key: []byte("n"), Value: []byte(h)}}})
			}
			if err := p.SendMessages(ms); err != nil {
				t.Fatal(err)
			}
		},
		consume: consumeSarama(sarama.V2_5_0_0),
	}
}

// plainSarama is sarama as the users' documents write it: no configuration, the library's oldest
// defaults, one partition consumer each.
func plainSarama() client {
	return client{
		name: "sarama-plain", headers: false, codecs: codecs("none gzip snappy"),
		produce: func(t testing.TB, bootstrap, topic, codec, name string, n int) {
			cfg := sarama.NewConfig()
			// Message sets of magic 0, which the broker stores as batches and turns back for
			// this consumer.
			cfg.Version = sarama.V0_8_2_0
			cfg.Producer.Return.Successes = true
			cfg.Producer.Compression = map[string]sarama.CompressionCodec{"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy}[codec]
			p, err := sarama.NewSyncProducer(strings.Split(bootstrap, ","), cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			for i := range n {
				k, v, _ := value(name, i)
				if _, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder(k), Value: sarama.StringEncoder(v)}); err != nil {
					t.Fatal(err)
				}
			}
		},
		consume: consumeSarama(sarama.V0_8_2_0),
	}
}

// kafkaGo is kafka-go, which spreads keys by a hash of its own and reads a topic partition by partition.
func kafkaGo() client {
	return client{
		name: "kafka-go", headers: true, codecs: codecs(everyCodec),
		produce: func(t testing.TB, bootstrap, topic, codec, name string, n int) {
			tr := &kafka.Transport{} // its own: the shared one keeps metadata of before the topic was created
			defer tr.CloseIdleConnections()
			w := &kafka.Writer{Transport: tr, Addr: kafka.TCP(strings.Split(bootstrap, ",")...), Topic: topic, RequiredAcks: kafka.RequireAll, BatchTimeout: 10 * time.Millisecond,
				// Hash spreads keys by FNV-1a and not by murmur2: the partition is this
				// client's own choice.
				Balancer: &kafka.Hash{}, Compression: map[string]kafka.Compression{"none": 0, "gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd}[codec]}
			defer w.Close()
			var ms []kafka.Message
			for i := range n {
				k, v, h := value(name, i)
				ms = append(ms, kafka.Message{Key: []byte(k), Value: []byte(v), Headers: []kafka.Header{{Key: "n", Value: []byte(h)}}})
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := w.WriteMessages(ctx, ms...); err != nil {
				t.Fatal(err)
			}
		},
		consume: func(t testing.TB, bootstrap, topic string, n int) []record {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			brokers := strings.Split(bootstrap, ",")
			// kafka-go reads a topic without a group by a reader for each partition, which have
			// to be known.
			conn, err := kafka.DialContext(ctx, "tcp", brokers[0])
			if err != nil {
				t.Fatal(err)
			}
			ps, err := conn.ReadPartitions(topic)
			conn.Close()
			if err != nil {
				t.Fatal(err)
			}
			var rs []record
			for _, p := range ps {
				// A short wait: the reader asks for more than there is, and the last answer
				// takes as long.
				r := kafka.NewReader(kafka.ReaderConfig{Brokers: brokers, Topic: topic, Partition: p.ID, MaxWait: 50 * time.Millisecond})
				leader, err := kafka.DialLeader(ctx, "tcp", brokers[0], topic, p.ID)
				if err != nil {
					t.Fatal(err)
				}
				// ListOffsets with -1: where the partition ends now, and where this reader has
				// to stop.
				end, err := leader.ReadLastOffset()
				leader.Close()
				if err != nil {
					t.Fatal(err)
				}
				for next := int64(0); next < end; {
					m, err := r.ReadMessage(ctx)
					if err != nil {
						t.Fatal(err)
					}
					hs := ""
					for _, h := range m.Headers {
						hs += h.Key + "=" + string(h.Value)
					}
					rs = append(rs, record{m.Partition, string(m.Key), string(m.Value), hs})
					next = m.Offset + 1
				}
				r.Close()
			}
			return rs
		},
	}
}

// consumeSarama reads all partitions of a topic from the beginning with sarama, which asks for the
// versions of the Kafka that it is told, not for the newest that the broker has.
func consumeSarama(v sarama.KafkaVersion) func(t testing.TB, bootstrap, topic string, n int) []record {
	return func(t testing.TB, bootstrap, topic string, n int) []record {
		cfg := sarama.NewConfig()
		cfg.Version = v
		c, err := sarama.NewConsumer(strings.Split(bootstrap, ","), cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ps, err := c.Partitions(topic)
		if err != nil {
			t.Fatal(err)
		}
		all := make(chan *sarama.ConsumerMessage, 1000)
		stop := make(chan struct{})
		defer close(stop)
		for _, p := range ps {
			pc, err := c.ConsumePartition(topic, p, sarama.OffsetOldest)
			if err != nil {
				t.Fatal(err)
			}
			defer pc.Close()
			go func() {
				for m := range pc.Messages() {
					select {
					case all <- m:
					case <-stop:
						return
					}
				}
			}()
		}
		var rs []record
		limit := time.After(time.Minute)
		for len(rs) < n {
			select {
			case m := <-all:
				hs := ""
				for _, h := range m.Headers {
					hs += string(h.Key) + "=" + string(h.Value)
				}
				rs = append(rs, record{int(m.Partition), string(m.Key), string(m.Value), hs})
			case <-limit:
				return rs
			}
		}
		return rs
	}
}

// provesItself tells that the tests run against the real thing, to prove the tests:
// MOMUS_TEST_APACHE is set.
func provesItself() bool { return os.Getenv("MOMUS_TEST_APACHE") != "" }

// clusterUnderTest is one momus with its own coordination.
func clusterUnderTest(t testing.TB) *testkit.Cluster {
	if provesItself() {
		return testkit.Kafka(t, 1, testkit.ZooKeeper(t, "zookeeper"))
	}
	return testkit.Quickstart(t, 1)
}

// brokerUnderTest is one momus on the given ZooKeeper.
func brokerUnderTest(t testing.TB, id int, zookeeper string, lines ...string) *testkit.Cluster {
	if provesItself() {
		return testkit.Kafka(t, id, zookeeper, lines...)
	}
	return testkit.Broker(t, id, zookeeper, lines...)
}
