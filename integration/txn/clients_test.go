//go:build interop

package txn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"momus/integration/testkit"
)

// oneBroker is momus, or Apache Kafka to prove the tests (MOMUS_TEST_APACHE), that looks for
// transactions that take too long all the time.
func oneBroker(t *testing.T) *testkit.Cluster {
	t.Helper()
	const often = "transaction.abort.timed.out.transaction.cleanup.interval.ms=200"
	if os.Getenv("MOMUS_TEST_APACHE") != "" {
		return testkit.Kafka(t, 1, testkit.ZooKeeper(t, "zookeeper"), often)
	}
	return testkit.Broker(t, 1, coordination(t), often)
}

// txnProducer is a transactional producer of a library for Go.
type txnProducer struct {
	begin, commit, abort, close func() error
	send                        func(topic, value string) error // to partition 0, and waits for the answer
	offsets                     func(group, topic string) error // nil: the library has no such call
}

// script runs the commands of java/src/Transactions.java and returns what they print. timedOut is
// called between "sent" and the commit.
type script func(t *testing.T, bootstrap, command, topic, id string, timedOut func()) string

func program(argv func(t *testing.T) []string) script {
	return func(t *testing.T, bootstrap, command, topic, id string, timedOut func()) string {
		args := append(argv(t), command, bootstrap, topic, id)
		if command != "timeout" {
			return testkit.Run(t, time.Minute, testkit.Spec{Args: args})
		}
		p := testkit.Start(t, command, testkit.Spec{Args: append(args, "1000")})
		p.WaitOutput(t, "sent", 30*time.Second)
		timedOut()
		p.CloseInput()
		p.Wait(t, time.Minute)
		_, all, _ := strings.Cut(p.Output(), "sent\n")
		out := ""
		for line := range strings.Lines(all) {
			if !strings.HasPrefix(line, "%") { // librdkafka's own log
				out += line
			}
		}
		return out
	}
}

func inGo(open func(t *testing.T, bootstrap, id string, timeout time.Duration) (txnProducer, error), name func(error) string) script {
	return func(t *testing.T, bootstrap, command, topic, id string, timedOut func()) string {
		var out strings.Builder
		attempt := func(what string, err error) {
			if err == nil {
				fmt.Fprintf(&out, "%s: ok\n", what)
			} else {
				fmt.Fprintf(&out, "%s: %s\n", what, name(err))
			}
		}
		must := func(p txnProducer, err error) txnProducer {
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		transact := func(p txnProducer, values ...string) {
			err := p.begin()
			for _, v := range values {
				err = errors.Join(err, p.send(topic, v))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		switch command {
		case "states":
			for i := range 3 {
				p := must(open(t, bootstrap, id, time.Minute))
				transact(p)
				attempt("empty commit", p.commit())
				transact(p)
				attempt("empty abort", p.abort())
				transact(p, fmt.Sprint("committed ", i))
				attempt("commit", p.commit())
				transact(p, fmt.Sprint("aborted ", i))
				attempt("abort", p.abort())
				p.close()
			}
		case "fence":
			for _, what := range []string{"commit", "abort", "send", "offsets", "begin"} {
				first := must(open(t, bootstrap, id+"-"+what, time.Minute))
				if what == "offsets" && first.offsets == nil {
					continue
				}
				if what != "begin" {
					transact(first, "of the fenced")
				}
				second := must(open(t, bootstrap, id+"-"+what, time.Minute))
				attempt("fenced "+what, map[string]func() error{
					"commit": first.commit, "abort": first.abort,
					"send":    func() error { return first.send(topic, "of the fenced") },
					"offsets": func() error { return first.offsets(id+"-"+what, topic) },
					"begin": func() error {
						if err := first.begin(); err != nil {
							return err
						}
						return first.send(topic, "of the fenced")
					},
				}[what]())
				if what == "send" {
					attempt("commit after that", first.commit())
				}
				transact(second, "of the second")
				attempt("second commits", second.commit())
				first.close()
				second.close()
			}
			_, err := open(t, bootstrap, id+"-long", 1_000_000*time.Second)
			attempt("timeout above the limit", err)
		case "timeout":
			p := must(open(t, bootstrap, id, time.Second))
			transact(p, "too late")
			timedOut()
			attempt("commit after the timeout", p.commit())
			p.close()
			next := must(open(t, bootstrap, id, time.Minute))
			transact(next, "in time")
			attempt("as a new producer", next.commit())
			next.close()
		}
		return out.String()
	}
}

func openFranz(t *testing.T, bootstrap, id string, timeout time.Duration) (txnProducer, error) {
	ctx := deadline(t)
	cl, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.TransactionalID(id), kgo.TransactionTimeout(timeout), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return txnProducer{}, err
	}
	t.Cleanup(cl.Close)
	if _, _, err := cl.ProducerID(ctx); err != nil {
		return txnProducer{}, err
	}
	return txnProducer{
		begin:  cl.BeginTransaction,
		commit: func() error { return cl.EndTransaction(ctx, kgo.TryCommit) },
		abort:  func() error { return cl.EndTransaction(ctx, kgo.TryAbort) },
		close:  func() error { cl.Close(); return nil },
		send: func(topic, value string) error {
			return cl.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(value)}).FirstErr()
		},
	}, nil
}

func franzName(err error) string {
	if e, ok := errors.AsType[*kerr.Error](err); ok {
		return e.Message
	}
	return err.Error()
}

func openSarama(t *testing.T, bootstrap, id string, timeout time.Duration) (txnProducer, error) {
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V2_5_0_0
	cfg.Producer.RequiredAcks = sarama.WaitForAll
	cfg.Producer.Idempotent = true
	cfg.Net.MaxOpenRequests = 1
	cfg.Producer.Return.Successes = true
	cfg.Producer.Partitioner = sarama.NewManualPartitioner
	cfg.Producer.Transaction.ID = id
	cfg.Producer.Transaction.Timeout = timeout
	cfg.Producer.Transaction.Retry.Max = 5
	p, err := sarama.NewSyncProducer([]string{bootstrap}, cfg)
	if err != nil {
		return txnProducer{}, err
	}
	return txnProducer{
		begin: p.BeginTxn, commit: p.CommitTxn, abort: p.AbortTxn, close: p.Close,
		send: func(topic, value string) error {
			_, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(value)})
			return err
		},
		offsets: func(group, topic string) error {
			if err := p.AddOffsetsToTxn(map[string][]*sarama.PartitionOffsetMetadata{topic: {{Partition: 0, Offset: 1}}}, group); err != nil {
				return err
			}
			return p.CommitTxn() // that is when it sends them
		},
	}, nil
}

// saramaName is the first of Kafka's errors that the library tells of.
func saramaName(err error) string {
	if e, ok := errors.AsType[sarama.KError](err); ok {
		return strings.TrimPrefix(e.Error(), "kafka server: ")
	}
	for part := range strings.SplitSeq(err.Error(), "kafka server: ") {
		if !strings.HasPrefix(part, "kafka") {
			return part
		}
	}
	return err.Error()
}

func java(version string) script {
	return program(func(t *testing.T) []string { return javaClient(t, version)() })
}

func librdkafka(t *testing.T) []string {
	return []string{filepath.Join(testkit.Peers(t, "python"), "bin/python"), filepath.Join(testkit.Root(t), "integration/python/transactions.py")}
}

var fencedAll = []string{"commit", "abort", "send", "offsets", "begin"}

const tooLong = "KafkaException: Unexpected error in InitProducerIdResponse; The transaction timeout is larger than the maximum value allowed by the broker " +
	"(as configured by transaction.max.timeout.ms)."

// fenced is what the command fence prints: the same error for all cases, but for those in others
// (case, error, …).
func fenced(cases []string, err, timeout string, others ...string) string {
	errs := map[string]string{}
	for i := 0; i < len(others); i += 2 {
		errs[others[i]] = others[i+1]
	}
	var out strings.Builder
	for _, c := range cases {
		fmt.Fprintf(&out, "fenced %s: %s\n", c, cmp.Or(errs[c], err))
		if c == "send" {
			fmt.Fprintf(&out, "commit after that: %s\n", cmp.Or(errs["commit after that"], err))
		}
		fmt.Fprint(&out, "second commits: ok\n")
	}
	fmt.Fprintf(&out, "timeout above the limit: %s\n", timeout)
	return out.String()
}

// What each library makes of the errors of transactions: INVALID_PRODUCER_EPOCH for a fenced
// producer, from the coordinator and from the partition, INVALID_TRANSACTION_TIMEOUT for a timeout
// above the limit.
func TestTransactionalProducersOfEveryLibrary(t *testing.T) {
	for _, c := range []struct {
		name           string
		run            script
		fence, timeout string // what fence prints; what the commit after the timeout gets
	}{
		{"java-2.5.0", java("2.5.0"), fenced(fencedAll, "ProducerFencedException", tooLong), "ProducerFencedException"},
		{"java-3.9.0", java("3.9.0"), fenced(fencedAll, "ProducerFencedException", tooLong, "send", "InvalidProducerEpochException", "commit after that", "InvalidProducerEpochException"),
			"ProducerFencedException"},
		{"librdkafka", program(librdkafka), fenced(fencedAll, "_FENCED fatal", "INVALID_TRANSACTION_TIMEOUT fatal", "send", "INVALID_PRODUCER_EPOCH"), "_FENCED fatal"},
		{"franz-go", inGo(openFranz, franzName), fenced([]string{"commit", "abort", "send", "begin"}, "INVALID_PRODUCER_EPOCH", "INVALID_TRANSACTION_TIMEOUT",
			"commit after that", "OPERATION_NOT_ATTEMPTED"), "INVALID_PRODUCER_EPOCH"},
		{"sarama", inGo(openSarama, saramaName), fenced(fencedAll, "Producer attempted an operation with an old epoch",
			"The transaction timeout is larger than the maximum value allowed by the broker (as configured by max.transaction.timeout.ms)"),
			"Producer attempted an operation with an old epoch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx := deadline(t)
			b := oneBroker(t)
			admin := kadm.NewClient(client(t, b))
			for _, topic := range []string{"states", "fence", "timeout"} {
				createTopic(ctx, t, b, topic, 2)
			}
			round := "empty commit: ok\nempty abort: ok\ncommit: ok\nabort: ok\n"
			if out := c.run(t, b.Bootstrap, "states", "states", "s", nil); out != strings.Repeat(round, 3) {
				t.Errorf("states:\n%s", out)
			}
			if got := read(ctx, t, b, "states", 3, kgo.ReadCommitted()); fmt.Sprint(got) != "map[committed 0:1 committed 1:1 committed 2:1]" {
				t.Errorf("committed %v", got)
			}
			out := c.run(t, b.Bootstrap, "fence", "fence", "f", nil)
			if out != c.fence {
				t.Errorf("fence:\n%s", out)
			}
			seconds := strings.Count(out, "second commits: ok\n")
			if got := read(ctx, t, b, "fence", seconds, kgo.ReadCommitted()); fmt.Sprint(got) != fmt.Sprintf("map[of the second:%d]", seconds) {
				t.Errorf("committed %v", got)
			}
			out = c.run(t, b.Bootstrap, "timeout", "timeout", "t", func() {
				testkit.Eventually(t, 20*time.Second, "the transaction is aborted", func() bool {
					return committedEnd(ctx, t, admin, "timeout") == 2 // the record and the marker
				})
			})
			if want := "commit after the timeout: " + c.timeout + "\nas a new producer: ok\n"; out != want {
				t.Errorf("timeout:\n%s", out)
			}
			if got := read(ctx, t, b, "timeout", 1, kgo.ReadCommitted()); fmt.Sprint(got) != "map[in time:1]" {
				t.Errorf("committed %v", got)
			}
			noneOpen(ctx, t, admin, "states", "fence", "timeout")
		})
	}
}

// noneOpen waits until no transaction holds readers back.
func noneOpen(ctx context.Context, t *testing.T, admin *kadm.Client, topics ...string) {
	t.Helper()
	testkit.Eventually(t, 20*time.Second, "no transaction is open", func() bool {
		stable, err1 := admin.ListCommittedOffsets(ctx, topics...)
		end, err2 := admin.ListEndOffsets(ctx, topics...)
		if err1 != nil || err2 != nil {
			return false
		}
		same := true
		end.Each(func(o kadm.ListedOffset) {
			s, _ := stable.Lookup(o.Topic, o.Partition)
			same = same && s.Offset == o.Offset
		})
		return same
	})
}
