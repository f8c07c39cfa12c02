package clients

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"time"

	"momus/cmd/internal/certs"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/coordinator/zk"
)

// DialZooKeeper opens a session as Kafka's tools do: 30 s for the connection, 30 s for the session.
func DialZooKeeper(c *core.Call, ctx context.Context, connect string) (*zk.Client, error) {
	return DialZooKeeperTLS(c, ctx, connect, "")
}

// toolSession is a session as Kafka's tools make it: KafkaZkClient gets 30 seconds for both
// time-outs, whatever zookeeper.session.timeout.ms the brokers have.
func toolSession(connect string) zk.Options {
	return zk.Options{Connect: connect, SessionTimeout: 30 * time.Second, ConnectTimeout: 30 * time.Second, MaxInFlight: 64}
}

// DialZooKeeperWith waits for ZooKeeper as long as the options say, but not for something that
// turns out to be a broker.
func DialZooKeeperWith(c *core.Call, ctx context.Context, opts zk.Options) (*zk.Client, error) {
	if opts.Connect == "" {
		return nil, java.IllegalArgument("A HostProvider may not be empty!")
	}
	first, _, _ := strings.Cut(opts.Connect, ",")
	first, _, _ = strings.Cut(first, "/")
	dial, cancel := context.WithCancel(ctx)
	defer cancel()
	looked := make(chan bool, 1) // one: nobody may wait for it
	look := time.AfterFunc(ProbeTime, func() {
		// Of several servers one that is wrong does no harm; of one nothing else will answer.
		broker := !strings.Contains(opts.Connect, ",") && AnswersAsBroker(first)
		looked <- broker
		if broker {
			cancel()
		}
	})
	client, err := zk.Dial(dial, opts)
	if err == nil || ctx.Err() != nil {
		look.Stop()
		return client, err
	}
	var refused *zk.RefusedError
	if errors.As(err, &refused) {
		look.Stop()
		c.Hint("%s", explainRefusal(refused, first))
		return nil, &java.Error{Class: "kafka.zookeeper.ZooKeeperClientAuthFailedException", Text: "Auth failed either before or while waiting for connection"}
	}
	switch {
	// Stop tells that the look has begun, and then it has an answer within ProbeTime.
	case !look.Stop() && <-looked:
		c.Hint("%s is a broker, not ZooKeeper, which usually has port 2181; with a broker's address it is --bootstrap-server %[1]s", first)
	case Reachable(first):
		c.Hint("%s accepts connections but does not answer as ZooKeeper", first)
	default:
		c.Hint("%s cannot be reached; is ZooKeeper running, and is this its port?", first)
	}
	return nil, &java.Error{Class: "kafka.zookeeper.ZooKeeperClientTimeoutException", Text: "Timed out waiting for connection while in state: CONNECTING"}
}

// explainRefusal says why ZooKeeper and this tool do not come together.
func explainRefusal(refused *zk.RefusedError, address string) string {
	var certificate *tls.CertificateVerificationError
	if errors.As(refused, &certificate) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			host = address
		}
		return address + ": " + certs.Explain(refused, nil, host, time.Now())
	}
	return refused.Error()
}
