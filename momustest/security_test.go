package momustest_test

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"momus/momustest"
)

// secured are the options of a client of a secured cluster.
func secured(c *momustest.Cluster, password string) []kgo.Opt {
	var opts []kgo.Opt
	if config := c.TLSConfig(); config != nil {
		opts = append(opts, kgo.DialTLSConfig(config))
	}
	user, right, mechanism := c.Credentials()
	if password == "" {
		password = right
	}
	var m sasl.Mechanism
	switch mechanism {
	case momustest.Plain:
		m = plain.Auth{User: user, Pass: password}.AsMechanism()
	case momustest.ScramSHA256:
		m = scram.Auth{User: user, Pass: password}.AsSha256Mechanism()
	case momustest.ScramSHA512:
		m = scram.Auth{User: user, Pass: password}.AsSha512Mechanism()
	default:
		return opts
	}
	return append(opts, kgo.SASL(m))
}

func TestSecuredClusters(t *testing.T) {
	for name, opts := range map[string][]momustest.Option{
		"TLS":                   {momustest.TLS()},
		"PLAIN":                 {momustest.SASL(momustest.Plain)},
		"SCRAM-SHA-256":         {momustest.SASL(momustest.ScramSHA256)},
		"TLS and SCRAM-SHA-512": {momustest.TLS(), momustest.SASL(momustest.ScramSHA512)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			c := momustest.Start(t, append(opts, momustest.Brokers(3))...)
			t.Logf("ready after %v", time.Since(began))
			cl := client(t, c, secured(c, "")...)
			create(t, cl, "t", 3, nil)
			produce(t, cl, "t", 0, 10)
			c.WaitISR("t", 0, 1, 2, 3) // brokers reach each other
			leader := c.Leader("t", 0)
			c.Kill(leader)
			produce(t, cl, "t", 10, 20)
			c.Restart(leader)
			c.WaitISR("t", 0, 1, 2, 3)
			if config := c.TLSConfig(); config != nil {
				config.RootCAs, config.Certificates = nil, nil
				if conn, err := tls.Dial("tcp", c.Addr(1), config); err == nil {
					conn.Close()
					t.Error("a certificate of the test is trusted by the system")
				}
			}
			if _, _, mechanism := c.Credentials(); mechanism != "" {
				stranger, err := kgo.NewClient(append(secured(c, "wrong"), kgo.SeedBrokers(c.Bootstrap()...), kgo.RequestRetries(0))...)
				if err != nil {
					t.Fatal(err)
				}
				defer stranger.Close()
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				if err := stranger.Ping(ctx); !errors.Is(err, kerr.SaslAuthenticationFailed) {
					t.Errorf("a wrong password: %v", err)
				}
			}
		})
	}
}

func TestJournalTellsWhatHappened(t *testing.T) {
	c := momustest.Start(t, momustest.Brokers(3), momustest.SessionTimeout(500*time.Millisecond))
	cl := client(t, c)
	create(t, cl, "t", 3, nil)
	produce(t, cl, "t", 0, 1)
	c.WaitISR("t", 0, 1, 2, 3)
	leader := c.Leader("t", 0)
	c.Kill(leader)
	produce(t, cl, "t", 1, 2)
	c.Restart(leader)
	events := c.Journal()
	if !slices.IsSortedFunc(events, func(a, b momustest.Event) int { return a.Time.Compare(b.Time) }) {
		t.Error("the events are not in the order of time")
	}
	about := func(match func(momustest.Event) bool) bool { return slices.ContainsFunc(events, match) }
	if !about(func(e momustest.Event) bool { return e.Subject == "t" && e.Partition == 0 && e.Broker != leader }) {
		t.Error("nothing is told of the partition by those who stayed")
	}
	if !about(func(e momustest.Event) bool { return e.Broker == leader }) {
		t.Error("what the killed broker recorded is gone")
	}
	for _, e := range events {
		if e.Kind == "" || e.Text == "" || e.Time.IsZero() || e.Broker == 0 {
			t.Fatalf("%+v", e)
		}
	}
	t.Logf("%d events, the last: %s", len(events), events[len(events)-1].Text)
}
