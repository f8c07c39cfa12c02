package tool

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"

	"momus/coordinator/zk"
)

// dialZooKeeper opens a session as Kafka's tools do: 30 s for the connection, 30 s for the session.
func (c *call) dialZooKeeper(ctx context.Context, connect string) (*zk.Client, error) {
	return c.dialZooKeeperWith(ctx, zk.Options{Connect: connect, SessionTimeout: 30 * time.Second, ConnectTimeout: 30 * time.Second, MaxInFlight: 64})
}

func (c *call) dialZooKeeperWith(ctx context.Context, opts zk.Options) (*zk.Client, error) {
	client, err := zk.Dial(ctx, opts)
	if err == nil || ctx.Err() != nil {
		return client, err
	}
	hint := err
	first, _, _ := strings.Cut(opts.Connect, ",")
	first, _, _ = strings.Cut(first, "/")
	if conn, derr := net.DialTimeout("tcp", first, time.Second); derr == nil {
		conn.Close()
		hint = errors.New(first + " accepts connections but does not answer as ZooKeeper; is it the address of a broker?")
	}
	return nil, &javaError{class: "kafka.zookeeper.ZooKeeperClientTimeoutException",
		text: "Timed out waiting for connection while in state: CONNECTING", cause: hint}
}
