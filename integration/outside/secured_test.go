package outside

import (
	"testing"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"momus/momustest"
)

// A secured cluster and two clients of it, with what the cluster says of itself and nothing else.
func TestSecured(t *testing.T) {
	t.Parallel()
	c := momustest.Start(t, momustest.Brokers(3), momustest.TLS(), momustest.SASL(momustest.ScramSHA512))
	user, password, _ := c.Credentials()
	ctx := patient(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Bootstrap()...), kgo.DialTLSConfig(c.TLSConfig()),
		kgo.SASL(scram.Auth{User: user, Pass: password}.AsSha512Mechanism()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(ctx, 1, 3, nil, "t"); err != nil {
		t.Fatal(err)
	}
	if err := client.ProduceSync(ctx, &kgo.Record{Topic: "t", Value: []byte("hello")}).FirstErr(); err != nil {
		t.Fatal(err)
	}

	config := sarama.NewConfig()
	config.Net.TLS.Enable, config.Net.TLS.Config = true, c.TLSConfig()
	config.Net.SASL.Enable, config.Net.SASL.Mechanism, config.Net.SASL.User, config.Net.SASL.Password = true, sarama.SASLTypePlaintext, user, password
	if other, err := sarama.NewClient(c.Bootstrap(), config); err == nil {
		other.Close()
		t.Error("a mechanism that the cluster does not have was taken")
	}
	if events := c.Journal(); len(events) == 0 {
		t.Error("the journal is empty")
	}
}
