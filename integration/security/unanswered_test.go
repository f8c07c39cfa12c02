//go:build interop

package security

import (
	"context"
	"crypto/x509/pkix"
	"fmt"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kadm"

	"momus/integration/testkit"
)

// A producer that wants no answers and hangs up at once loses nothing, on either kind of broker:
// over TLS its records and its farewell come together.
func TestRecordsOfWhoHangsUpAtOnceAreKept(t *testing.T) {
	certs := testkit.NewCertificates(t)
	certs.Sign("broker", pkix.Name{CommonName: "localhost", Organization: []string{"momus"}}, time.Time{})
	zookeeper := testkit.ZooKeeper(t, "zookeeper")
	for _, kind := range []struct {
		name  string
		start func(t testing.TB, id, port int, zookeeper string, lines ...string) *testkit.Cluster
	}{{"Kafka", testkit.KafkaAt}, {"momus", testkit.BrokerAt}} {
		t.Run(kind.name, func(t *testing.T) {
			plain, ssl := testkit.FreePort(t), testkit.FreePort(t)
			c := kind.start(t, 1, plain, zookeeper+"/"+kind.name, fmt.Sprintf("listeners=PLAINTEXT://127.0.0.1:%d,SSL://localhost:%d", plain, ssl), "ssl.keystore.type=PKCS12",
				"ssl.keystore.location="+certs.Path("broker.p12"), "ssl.keystore.password="+store)
			b := &broker{Cluster: c, certs: certs}
			for name, listener := range map[string]string{"plain": c.Bootstrap, "ssl": fmt.Sprintf("localhost:%d", ssl)} {
				for i := range 10 {
					topic := fmt.Sprintf("%s-%d", name, i)
					if i%2 == 0 { // else the first record makes it
						b.create(t, topic)
					}
					hangUpAtOnce(t, b, listener, topic)
				}
			}
		})
	}
}

// hangUpAtOnce writes twenty records and waits until they are in the topic.
func hangUpAtOnce(t *testing.T, b *broker, listener, topic string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	transport := &kafkago.Transport{}
	if listener != b.Bootstrap {
		transport.TLS = b.tls(login{mechanism: "none"})
	}
	w := &kafkago.Writer{Addr: kafkago.TCP(listener), Topic: topic, AllowAutoTopicCreation: true, Transport: transport, BatchTimeout: 10 * time.Millisecond, RequiredAcks: kafkago.RequireNone}
	var records []kafkago.Message
	for i := range 20 {
		records = append(records, kafkago.Message{Value: fmt.Append(nil, i)})
	}
	var err error
	testkit.Eventually(t, patience, "the records are sent", func() bool { // there is no leader at first
		err = w.WriteMessages(ctx, records...)
		return err == nil
	})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	transport.CloseIdleConnections()
	admin := testkit.Admin(t, b.Bootstrap)
	var ends kadm.ListedOffsets
	testkit.Eventually(t, patience, "all records are in "+topic, func() bool {
		ends, err = admin.ListEndOffsets(ctx, topic)
		end, _ := ends.Lookup(topic, 0)
		return err == nil && end.Offset == 20
	})
}
