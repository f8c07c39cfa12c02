package terminal

import (
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/integration/testkit"
	"momus/internal/keystore"
	"momus/internal/testbase"
)

// mistakes are made through a pipe: the exit code is Kafka's, the time is the tool's own limit,
// what to do is said, and nothing of the program's insides is shown.
func mistakes(t *testing.T, server, zooKeeper string) {
	file := testkit.Files(t)
	fast := file("fast.properties", "default.api.timeout.ms=1500\nrequest.timeout.ms=1500\n")
	secure := file("secure.properties", "security.protocol=SSL\ndefault.api.timeout.ms=1500\n")
	sasl := file("sasl.properties", "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\n")
	closed := fmt.Sprintf("127.0.0.1:%d", testkit.FreePort(t))
	encrypted := tlsListener(t)
	guarded := guardedListener(t)
	advertised := misadvertised(t, zooKeeper)

	const second = time.Second
	for _, c := range []struct {
		name, args string
		code       int
		limit      time.Duration
		out, err   string // parts of them
	}{
		{"unknown option", "topics --bootstrap-server x:1 --lst", 1, second, "", "lst is not a recognized option\nhint: did you mean --list?"},
		{"one dash", "topics -bootstrap-servr x:1 --list", 1, second, "", "b is not a recognized option\nhint: did you mean --bootstrap-server?"},
		{"nothing like it", "topics --wxyz", 1, second, "", "hint: --help lists the options"},
		{"unknown option above the usage table", "console-consumer --topicc x", 1, second, "", "hint: did you mean --topic?"},
		{"an option without its value", "topics --list --bootstrap-server", 1, second, "", "Option bootstrap-server requires an argument\nhint: --bootstrap-server <HOST:PORT,…>"},
		{"missing argument", "topics --create --bootstrap-server " + server, 1, second, "", "hint: add --topic <NAME>"},
		{"no server", "console-consumer --topic x", 1, second, "", "hint: add --bootstrap-server <HOST:PORT,…>"},
		{"an address without a port", "topics --list --bootstrap-server localhost", 1, second, "", "Invalid url in bootstrap.servers: localhost"},
		{"a missing property file", "topics --list --bootstrap-server x:1 --command-config " + t.TempDir() + "/none", 1, second, "", "no such file"},

		{"unreachable broker", "topics --list --bootstrap-server " + closed + " --command-config " + fast, 1, 4 * second,
			"Error while executing topic command : org.apache.kafka.common.errors.TimeoutException: Call(callName=listTopics", "hint: " + closed + " cannot be reached: nothing listens there"},
		{"unreachable broker, groups", "consumer-groups --list --timeout 1000 --bootstrap-server " + closed, 0, 4 * second,
			"Failed to find brokers to send ListGroups", "hint: " + closed + " cannot be reached"},
		{"unreachable broker, consumer", "console-consumer --topic orders --timeout-ms 1000 --bootstrap-server " + closed, 0, 6 * second, "", "hint: " + closed + " cannot be reached"},
		{"unreachable broker, versions", "broker-api-versions --bootstrap-server " + closed, 1, 2 * second, "", "hint: " + closed + " cannot be reached"},

		{"ZooKeeper's port", "topics --list --bootstrap-server " + zooKeeper, 1, 4 * second, "TimeoutException", "hint: " + zooKeeper + " is ZooKeeper, not a broker; give the address of a broker, usually port 9092, or --zookeeper " + zooKeeper},
		{"ZooKeeper's port, consumer", "console-consumer --topic orders --timeout-ms 1000 --bootstrap-server " + zooKeeper, 0, 6 * second, "", "is ZooKeeper, not a broker"},
		{"ZooKeeper's port, producer", "verifiable-producer --topic orders --max-messages 1 --broker-list " + zooKeeper, 0, 20 * second, "", "is ZooKeeper, not a broker"},
		{"a broker's port as ZooKeeper's", "topics --list --zookeeper " + server, 1, 5 * second, "", "hint: " + server + " is a broker, not ZooKeeper"},

		{"plain text to TLS", "topics --list --bootstrap-server " + encrypted, 1, 4 * second, "TimeoutException", "hint: " + encrypted + " speaks TLS, and this tool spoke plain text; put security.protocol=SSL"},
		{"plain text to TLS, groups", "consumer-groups --list --bootstrap-server " + encrypted, 0, 4 * second, "Failed to find brokers", "speaks TLS"},
		{"TLS without trust", "topics --list --bootstrap-server " + encrypted + " --command-config " + secure, 1, 4 * second, "SslAuthenticationException: SSL handshake failed", "belongs into ssl.truststore.location if it is the right one"},
		{"TLS to plain text", "topics --list --bootstrap-server " + server + " --command-config " + secure, 1, 4 * second, "TimeoutException", "does not speak TLS; security.protocol=SSL"},
		{"SASL without a user", "topics --list --bootstrap-server " + server + " --command-config " + sasl, 1, second, "", "sasl.jaas.config in the client's properties does as well"},

		{"a listener that wants SASL", "topics --list --bootstrap-server " + guarded + " --command-config " + fast, 1, 4 * second, "TimeoutException", "hint: " + guarded + " closed the connection after the first request; if its listener wants SASL"},

		{"a missing topic", "topics --delete --topic order --bootstrap-server " + server, 1, 2 * second, "Error while executing topic command : Topic 'order' does not exist as expected", "hint: did you mean topic orders?"},
		{"a missing topic's configs", "configs --describe --topic nosuch --bootstrap-server " + server, 1, 2 * second, "", "hint: topic nosuch does not exist"},
		{"an address that cannot be reached is announced", "consumer-groups --list --timeout 1000 --bootstrap-server " + advertised, 0, 6 * second, "Error: ",
			"hint: broker 7 announced itself as 127.0.0.1:1, which cannot be reached from here: nothing listens there. The address comes from advertised.listeners of that broker (KAFKA_ADVERTISED_LISTENERS in a container)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := pipe(t, strings.Fields(c.args)...)
			if p.code != c.code || p.took > c.limit+time.Minute { // the machine may be busy
				t.Errorf("exit %d after %v, want %d in %v", p.code, p.took, c.code, c.limit)
			}
			if !strings.Contains(p.out, c.out) || !strings.Contains(p.err, c.err) {
				t.Errorf("want %q and %q in\n%s%s", c.out, c.err, p.out, p.err)
			}
			if all := p.out + p.err; strings.Contains(all, "goroutine ") || strings.Contains(all, "\tat ") || strings.Contains(all, ".go:") {
				t.Errorf("shows its insides:\n%s", all)
			}
			if strings.Count(p.err, "hint: ") > 1 {
				t.Errorf("more than one hint:\n%s", p.err)
			}
		})
	}
	t.Run("hints that only a terminal gets", func(t *testing.T) {
		const text = "foo is not a recognized option\n"
		if p := pipe(t, "configs", "--foo"); p.err != text || p.code != 1 {
			t.Errorf("through a pipe: %+v", p)
		}
		if shown := open(t, nil, testkit.Binary(t), "configs", "--foo").end(t); shown != text+"hint: did you mean --force?\n" && shown != text+"hint: --help lists the options\n" {
			t.Errorf("in a terminal: %q", shown)
		}
	})
}

// guardedListener does what a broker's SASL listener does with a client that has none: it answers
// ApiVersions and closes the connection at anything else.
func guardedListener(t *testing.T) string {
	t.Helper()
	return testbase.Listen(t, func(conn net.Conn) {
		for {
			head := make([]byte, 12) // size, key, version, correlation id
			if _, err := io.ReadFull(conn, head); err != nil || binary.BigEndian.Uint16(head[4:]) != 18 {
				return
			}
			if _, err := io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint32(head))-8); err != nil {
				return
			}
			resp := kmsg.NewPtrApiVersionsResponse()
			resp.Version = int16(binary.BigEndian.Uint16(head[6:]))
			for key, last := range map[int16]int16{3: 8, 18: 3} {
				k := kmsg.NewApiVersionsResponseApiKey()
				k.ApiKey, k.MaxVersion = key, last
				resp.ApiKeys = append(resp.ApiKeys, k)
			}
			body := resp.AppendTo(append([]byte{0, 0, 0, 0}, head[8:12]...))
			binary.BigEndian.PutUint32(body, uint32(len(body)-4))
			if _, err := conn.Write(body); err != nil {
				return
			}
		}
	})
}

// tlsListener speaks TLS and nothing else.
func tlsListener(t *testing.T) string {
	t.Helper()
	pair, err := keystore.Store{Location: filepath.Join(testkit.Root(t), "internal/keystore/testdata/key.p12"), Password: "secret1"}.KeyPair()
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	return testbase.Serve(t, l, func(conn net.Conn) { conn.Read(make([]byte, 1)) })
}

// misadvertised is a broker that announces an address where nothing listens, as one in a container
// does that was not told its name.
func misadvertised(t *testing.T, zooKeeper string) string {
	t.Helper()
	outside, inside := testkit.FreePort(t), testkit.FreePort(t)
	b := testkit.BrokerAt(t, 7, outside, zooKeeper+"/misadvertised",
		fmt.Sprintf("listeners=OUTSIDE://127.0.0.1:%d,INSIDE://127.0.0.1:%d", outside, inside), fmt.Sprintf("advertised.listeners=OUTSIDE://127.0.0.1:1,INSIDE://127.0.0.1:%d", inside),
		"listener.security.protocol.map=OUTSIDE:PLAINTEXT,INSIDE:PLAINTEXT", "inter.broker.listener.name=INSIDE")
	return b.Bootstrap
}
