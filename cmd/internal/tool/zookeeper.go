package tool

import (
	"context"
	"strings"
	"time"

	"momus/coordinator/zk"
)

// dialZooKeeper opens a session as Kafka's tools do: 30 s for the connection, 30 s for the session.
func (c *call) dialZooKeeper(ctx context.Context, connect string) (*zk.Client, error) {
	return c.dialZooKeeperWith(ctx, toolSession(connect))
}

func toolSession(connect string) zk.Options {
	return zk.Options{Connect: connect, SessionTimeout: 30 * time.Second, ConnectTimeout: 30 * time.Second, MaxInFlight: 64}
}

// dialZooKeeperWith waits for ZooKeeper as long as the options say, but not for something that turns out to be a broker.
func (c *call) dialZooKeeperWith(ctx context.Context, opts zk.Options) (*zk.Client, error) {
	first, _, _ := strings.Cut(opts.Connect, ",")
	first, _, _ = strings.Cut(first, "/")
	dial, cancel := context.WithCancel(ctx)
	defer cancel()
	looked := make(chan bool, 1) // one: nobody may wait for it
	look := time.AfterFunc(probeTime, func() {
		broker := !strings.Contains(opts.Connect, ",") && answersAsBroker(first)
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
	switch {
	case !look.Stop() && <-looked:
		c.hint("%s is a broker, not ZooKeeper, which usually has port 2181; with a broker's address it is --bootstrap-server %[1]s", first)
	case reachable(first):
		c.hint("%s accepts connections but does not answer as ZooKeeper", first)
	default:
		c.hint("%s cannot be reached; is ZooKeeper running, and is this its port?", first)
	}
	return nil, &javaError{class: "kafka.zookeeper.ZooKeeperClientTimeoutException", text: "Timed out waiting for connection while in state: CONNECTING"}
}
