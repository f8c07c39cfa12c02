//go:build interop

package security

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	krb5 "github.com/jcmturner/gokrb5/v8/client"
	krb5config "github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/keytab"
	kafkago "github.com/segmentio/kafka-go"
	kafkagosasl "github.com/segmentio/kafka-go/sasl"
	kafkagoplain "github.com/segmentio/kafka-go/sasl/plain"
	kafkagoscram "github.com/segmentio/kafka-go/sasl/scram"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/kerberos"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	xdgscram "github.com/xdg-go/scram"
)

// patience is how long a client in Go tries.
const patience = 20 * time.Second

// inGo is a client that is a library of Go: write and read do with values what the client in Java
// does.
func inGo(name, mechanisms string, write func(ctx context.Context, b *broker, l login, topic string, values []string) error,
	read func(ctx context.Context, b *broker, l login, topic string, n int) ([]string, error)) client {
	return client{name, mechanisms, func(t *testing.T, b *broker, l login, args ...string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if args[0] == "produce" {
			n, err := strconv.Atoi(args[4])
			var values []string
			for i := range n {
				values = append(values, fmt.Sprintf("%s value %d", args[5], i))
			}
			return "", errors.Join(err, write(ctx, b, l, args[2], values))
		}
		n, err := strconv.Atoi(args[3])
		if err != nil {
			return "", err
		}
		values, err := read(ctx, b, l, args[2], n)
		return strings.Join(values, "\n"), err
	}}
}

// tls is how clients in Go check the broker, and show their certificate.
func (b *broker) tls(l login) *tls.Config {
	c := &tls.Config{RootCAs: b.certs.Pool, ServerName: "localhost"}
	if l.mechanism == "" {
		// Shown whatever authorities the broker names, as the others do.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(b.certs.Path(l.certificate+".crt"), b.certs.Path(l.certificate+".key"))
			return &pair, err
		}
	}
	return c
}

func (b *broker) franz(l login, more ...kgo.Opt) []kgo.Opt {
	opts := append(more, kgo.SeedBrokers(b.address(l)), kgo.AllowAutoTopicCreation())
	if b.certs != nil {
		opts = append(opts, kgo.DialTLSConfig(b.tls(l)))
	}
	auth := scram.Auth{User: l.user, Pass: l.password, IsToken: l.delegation}
	switch l.mechanism {
	case "PLAIN":
		opts = append(opts, kgo.SASL(plain.Auth{User: l.user, Pass: l.password}.AsMechanism()))
	case "SCRAM-SHA-256":
		opts = append(opts, kgo.SASL(auth.AsSha256Mechanism()))
	case "SCRAM-SHA-512":
		opts = append(opts, kgo.SASL(auth.AsSha512Mechanism()))
	case "OAUTHBEARER":
		opts = append(opts, kgo.SASL(oauth.Auth{Token: l.bearer()}.AsMechanism()))
	case "GSSAPI":
		opts = append(opts, kgo.SASL(kerberos.Kerberos(func(context.Context) (kerberos.Auth, error) {
			cl, err := l.gokrb5()
			return kerberos.Auth{Client: cl, Service: "kafka"}, err
		})))
	}
	return opts
}

func franzGo() client {
	return inGo("franz-go", everything, func(ctx context.Context, b *broker, l login, topic string, values []string) error {
		cl, err := kgo.NewClient(b.franz(l)...)
		if err != nil {
			return err
		}
		defer cl.Close()
		if err := cl.Ping(ctx); err != nil { // a producer would try again until its records' time is over
			return err
		}
		for _, v := range values {
			if err := cl.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(v)}).FirstErr(); err != nil {
				return err
			}
		}
		return nil
	}, func(ctx context.Context, b *broker, l login, topic string, n int) (values []string, _ error) {
		cl, err := kgo.NewClient(b.franz(l, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
		if err != nil {
			return nil, err
		}
		defer cl.Close()
		for len(values) < n && ctx.Err() == nil {
			cl.PollFetches(ctx).EachRecord(func(r *kgo.Record) { values = append(values, string(r.Value)) })
		}
		return values, ctx.Err()
	})
}

// gokrb5 is the user's login at the realm, alice's if none is named.
func (l login) gokrb5() (*krb5.Client, error) {
	conf, err := krb5config.Load(l.realm.Config)
	if err != nil {
		return nil, err
	}
	user := cmp.Or(l.user, "alice")
	keys, err := keytab.Load(l.realm.Keytab(user))
	if err != nil {
		return nil, err
	}
	return krb5.NewWithKeytab(user, "EXAMPLE.COM", keys, conf, krb5.DisablePAFXFAST(true)), nil
}

// scramClient is sarama's, over the library that its documentation names.
type scramClient struct {
	hash         xdgscram.HashGeneratorFcn
	conversation *xdgscram.ClientConversation
}

func (s *scramClient) Begin(user, password, authzID string) error {
	c, err := s.hash.NewClient(user, password, authzID)
	if err == nil {
		s.conversation = c.NewConversation()
	}
	return err
}

func (s *scramClient) Step(challenge string) (string, error) { return s.conversation.Step(challenge) }
func (s *scramClient) Done() bool                            { return s.conversation.Done() }

// bearer is sarama's source of tokens.
type bearer string

func (b bearer) Token() (*sarama.AccessToken, error) {
	return &sarama.AccessToken{Token: string(b)}, nil
}

func (b *broker) sarama(l login) *sarama.Config {
	c := sarama.NewConfig()
	c.Producer.Return.Successes = true
	c.Metadata.Retry.Max, c.Producer.Retry.Max = 20, 20 // while the topic is made
	if b.certs != nil {
		c.Net.TLS.Enable, c.Net.TLS.Config = true, b.tls(l)
	}
	if l.mechanism == "" || l.mechanism == "TLS" {
		return c
	}
	c.Net.SASL.Enable, c.Net.SASL.Mechanism, c.Net.SASL.User, c.Net.SASL.Password = true, sarama.SASLMechanism(l.mechanism), l.user, l.password
	hash := map[string]xdgscram.HashGeneratorFcn{"SCRAM-SHA-256": xdgscram.SHA256, "SCRAM-SHA-512": xdgscram.SHA512}[l.mechanism]
	c.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &scramClient{hash: hash} }
	if l.realm != nil {
		c.Net.SASL.GSSAPI = sarama.GSSAPIConfig{AuthType: sarama.KRB5_KEYTAB_AUTH, KeyTabPath: l.realm.Keytab("alice"), KerberosConfigPath: l.realm.Config, ServiceName: "kafka",
			Username: "alice", Realm: "EXAMPLE.COM", DisablePAFXFAST: true}
	}
	if l.mechanism == "OAUTHBEARER" {
		c.Net.SASL.TokenProvider = bearer(l.bearer())
	}
	return c
}

func saramaClient() client {
	return inGo("sarama", everything, func(_ context.Context, b *broker, l login, topic string, values []string) error {
		p, err := sarama.NewSyncProducer([]string{b.address(l)}, b.sarama(l))
		if err != nil {
			return err
		}
		defer p.Close()
		for _, v := range values {
			if _, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(v)}); err != nil {
				return err
			}
		}
		return nil
	}, func(ctx context.Context, b *broker, l login, topic string, n int) (values []string, _ error) {
		c, err := sarama.NewConsumer([]string{b.address(l)}, b.sarama(l))
		if err != nil {
			return nil, err
		}
		defer c.Close()
		p, err := c.ConsumePartition(topic, 0, sarama.OffsetOldest)
		if err != nil {
			return nil, err
		}
		defer p.Close()
		for len(values) < n {
			select {
			case m := <-p.Messages():
				values = append(values, string(m.Value))
			case <-ctx.Done():
				return values, ctx.Err()
			}
		}
		return values, nil
	})
}

func (l login) kafkaGo() (kafkagosasl.Mechanism, error) {
	switch l.mechanism {
	case "PLAIN":
		return kafkagoplain.Mechanism{Username: l.user, Password: l.password}, nil
	case "SCRAM-SHA-256":
		return kafkagoscram.Mechanism(kafkagoscram.SHA256, l.user, l.password)
	case "SCRAM-SHA-512":
		return kafkagoscram.Mechanism(kafkagoscram.SHA512, l.user, l.password)
	}
	return nil, nil
}

func kafkaGo() client {
	return inGo("kafka-go", "TLS cert PLAIN SCRAM-SHA-256 SCRAM-SHA-512", func(ctx context.Context, b *broker, l login, topic string, values []string) error {
		m, err := l.kafkaGo()
		if err != nil {
			return err
		}
		transport := &kafkago.Transport{TLS: b.tls(l), SASL: m}
		defer transport.CloseIdleConnections()
		w := &kafkago.Writer{Addr: kafkago.TCP(b.address(l)), Topic: topic, AllowAutoTopicCreation: true, Transport: transport, BatchTimeout: 10 * time.Millisecond, MaxAttempts: 20}
		var records []kafkago.Message
		for _, v := range values {
			records = append(records, kafkago.Message{Value: []byte(v)})
		}
		return errors.Join(w.WriteMessages(ctx, records...), w.Close())
	}, func(ctx context.Context, b *broker, l login, topic string, n int) (values []string, _ error) {
		m, err := l.kafkaGo()
		if err != nil {
			return nil, err
		}
		r := kafkago.NewReader(kafkago.ReaderConfig{Brokers: []string{b.address(l)}, Topic: topic, Partition: 0, MaxWait: 100 * time.Millisecond,
			Dialer: &kafkago.Dialer{Timeout: 10 * time.Second, TLS: b.tls(l), SASLMechanism: m}})
		defer r.Close()
		for len(values) < n {
			m, err := r.ReadMessage(ctx)
			if err != nil {
				return values, err
			}
			values = append(values, string(m.Value))
		}
		return values, nil
	})
}
