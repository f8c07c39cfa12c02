//go:build strangers

package strangers

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509/pkix"
	"flag"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"momus/integration/testkit"
	"momus/internal/testbase"
)

const (
	number = 10_000 // of strangers
	// least is the part of the throughput that clients must keep, growth the most that the broker
	// may grow for strangers, remains what may be left of it in the end.
	least   = 0.8
	growth  = 85 << 20
	remains = 50 << 20
)

// measure is how long the throughput is measured each time; the time with strangers is twice as
// long.
var measure = flag.Duration("measure", 10*time.Second, "how long to measure")

// TestMain is the strangers' own process too: it is started with a low priority, as in truth they
// would not share the broker's machine.
func TestMain(m *testing.M) {
	if addr := os.Getenv("STRANGERS_ADDR"); addr != "" {
		crowd(addr)
		return
	}
	os.Exit(m.Run())
}

// crowd keeps many connections of five kinds open to a listener, until standard input ends. It
// prints how many there are.
func crowd(addr string) {
	ctx, cancel := context.WithCancel(context.Background())
	var open atomic.Int64
	var wg sync.WaitGroup
	for i := range number {
		wg.Go(func() {
			for ctx.Err() == nil {
				d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i%200))}, Timeout: 10 * time.Second}
				c, err := d.DialContext(ctx, "tcp", addr)
				if err == nil {
					open.Add(1)
					behave(ctx, i%5, c)
					open.Add(-1)
					c.Close()
				}
				select {
				case <-ctx.Done():
				case <-time.After(time.Second):
				}
			}
		})
	}
	go func() {
		for ctx.Err() == nil {
			fmt.Printf("open %d\n", open.Load())
			time.Sleep(500 * time.Millisecond)
		}
	}()
	_, _ = os.Stdin.Read(make([]byte, 1))
	cancel()
	wg.Wait()
}

// behave is badly: in one of five ways, until the broker closes the connection or ctx ends.
func behave(ctx context.Context, kind int, c net.Conn) {
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	config := &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"} // a stranger does not care
	switch kind {
	case 0: // says nothing
	case 1: // stalls in the middle of its hello
		_, _ = c.Write([]byte{22, 3, 1, 1, 0, 1, 0, 0, 0xfc, 3, 3})
	case 2: // garbage, after a handshake
		t := tls.Client(c, config)
		if t.Handshake() == nil {
			junk := make([]byte, 4096)
			_, _ = rand.Read(junk)
			_, _ = t.Write(append([]byte{0, 7, 0xff, 0xff}, junk...)) // a large frame that never comes whole
		}
	case 3: // stalls in the middle of its handshake, when the broker has computed its part
		if tls.Client(&testbase.Mute{Conn: c}, config).Handshake() == nil {
			panic("a handshake of which nothing was sent but a hello")
		}
		return
	case 4: // guesses passwords
		cl, err := kgo.NewClient(kgo.SeedBrokers(c.RemoteAddr().String()), kgo.SASL(scram.Auth{User: "sally", Pass: "guess"}.AsSha256Mechanism()),
			kgo.Dialer(func(context.Context, string, string) (net.Conn, error) { return tls.Client(c, config), nil }), kgo.RequestRetries(0))
		if err == nil {
			_ = cl.Ping(ctx)
			cl.Close()
		}
		return
	}
	_, _ = c.Read(make([]byte, 1<<16))
	_, _ = c.Read(make([]byte, 1<<16))
}

func TestStrangersLeaveClientsTheirThroughput(t *testing.T) {
	certs := testkit.NewCertificates(t)
	certs.Sign("broker", pkix.Name{CommonName: "localhost"}, time.Time{})
	plain, secure := testkit.FreePort(t), testkit.FreePort(t)
	zookeeper := testkit.Coordination(t)
	testkit.Run(t, time.Minute, testkit.Spec{Args: []string{testkit.Binary(t), "configs", "--zookeeper", zookeeper, "--alter", "--entity-type", "users",
		"--entity-name", "sally", "--add-config", "SCRAM-SHA-256=[password=sallypw]"}})
	b := testkit.BrokerAt(t, 1, plain, zookeeper, fmt.Sprintf("listeners=PLAINTEXT://127.0.0.1:%d,SASL_SSL://localhost:%d", plain, secure), "inter.broker.listener.name=PLAINTEXT",
		"sasl.enabled.mechanisms=SCRAM-SHA-256", "ssl.keystore.type=PKCS12", "ssl.keystore.location="+certs.Path("broker.p12"), "ssl.keystore.password="+testkit.StorePassword,
		`listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;`)

	var sent atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for range 2 {
		cl, err := kgo.NewClient(kgo.SeedBrokers(fmt.Sprintf("localhost:%d", secure)), kgo.SASL(scram.Auth{User: "sally", Pass: "sallypw"}.AsSha256Mechanism()),
			kgo.DialTLSConfig(&tls.Config{RootCAs: certs.Pool, ServerName: "localhost"}), kgo.DefaultProduceTopic("t"), kgo.AllowAutoTopicCreation(), kgo.ProducerLinger(5*time.Millisecond))
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			defer cl.Close()
			payload := make([]byte, 1000)
			for ctx.Err() == nil {
				cl.Produce(ctx, &kgo.Record{Value: payload}, func(_ *kgo.Record, err error) {
					if err == nil {
						sent.Add(1)
					}
				})
			}
		})
	}
	rate := func(d time.Duration) float64 {
		from := sent.Load()
		time.Sleep(d) // the time is what is measured
		return float64(sent.Load()-from) / d.Seconds()
	}
	testkit.Eventually(t, 30*time.Second, "the clients have begun", func() bool { return sent.Load() > 10_000 })
	rate(*measure / 3)
	before, memory, files := rate(*measure), testbase.Resident(t, b.Process.Pid()), open(t, b.Process.Pid())

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	crowd := testkit.Start(t, "strangers", testkit.Spec{Args: []string{"nice", "-n", "19", self}, Env: []string{fmt.Sprintf("STRANGERS_ADDR=127.0.0.1:%d", secure), "GOMAXPROCS=1"}})
	testkit.Eventually(t, 3*time.Minute, "most strangers are there", func() bool { return connected(crowd.Output()) > number*6/10 })
	spent, own := cpu(t, b.Process.Pid()), cpu(t, crowd.Pid())
	during := rate(2 * *measure)
	spent, own = cpu(t, b.Process.Pid())-spent, cpu(t, crowd.Pid())-own
	grown := testbase.Resident(t, b.Process.Pid()) - memory
	t.Logf("%.0f records/s without strangers, %.0f with %d: %.0f %%; the broker had %.2f cores and the strangers themselves %.2f; the broker grew by %d MB; %v failed logins",
		before, during, connected(crowd.Output()), 100*during/before, spent/(2*measure.Seconds()), own/(2*measure.Seconds()), grown>>20,
		b.Metric(t, `kafka_server_socketservermetrics_failed_authentication_total{listener="SASL_SSL"}`))
	if during < least*before {
		t.Errorf("clients kept %.0f %% of their throughput, at least %.0f %% is wanted", 100*during/before, 100*least)
	}
	if grown > growth {
		t.Errorf("the broker grew by %d MB", grown>>20)
	}
	crowd.CloseInput()
	testkit.Eventually(t, time.Minute, "the strangers are gone", func() bool {
		return b.Metric(t, "momus_connections_accepted_total")-b.Metric(t, "momus_connections_closed_total") < 20
	})
	after, kept := rate(*measure), testbase.Resident(t, b.Process.Pid())-memory
	t.Logf("%.0f records/s after the strangers have gone; the broker has %d MB more than before they came, and %d files and sockets, %d before",
		after, kept>>20, open(t, b.Process.Pid()), files)
	if after < least*before {
		t.Errorf("%.0f records/s after the strangers have gone, %.0f before they came", after, before)
	}
	if n := open(t, b.Process.Pid()); n > files+20 {
		t.Errorf("%d files and sockets are open after the strangers have gone, %d before they came", n, files)
	}
	testkit.Eventually(t, 2*time.Minute, "most of the memory is given back", func() bool { return testbase.Resident(t, b.Process.Pid())-memory < remains })
}

// connected is the last number that the crowd has printed.
func connected(output string) int {
	i := strings.LastIndex(output, "open ")
	if i < 0 {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(strings.SplitN(output[i+5:], "\n", 2)[0]))
	return n
}

// open is the number of files and sockets that a process has open.
func open(t *testing.T, pid int) int {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// cpu is the CPU time of a process so far in seconds.
func cpu(t *testing.T, pid int) float64 {
	t.Helper()
	return testkit.ProcessorTime(t, pid).Seconds()
}
