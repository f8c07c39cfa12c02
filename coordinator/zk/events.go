package zk

import (
	"sync/atomic"

	gozk "github.com/go-zookeeper/zk"
)

// Events counts what has happened to the connection and its sessions, as the meters
// ZooKeeper…PerSec of Kafka's ZooKeeperClient do.
type Events struct {
	AuthFailures        atomic.Int64 // logins that the server did not take
	Disconnects         atomic.Int64
	Expires             atomic.Int64 // sessions that the server has ended
	SaslAuthentications atomic.Int64
	SyncConnects        atomic.Int64 // connections with a session
}

// Events are those since Dial.
func (c *Client) Events() *Events { return &c.events }

// count takes a change of the library's state.
func (e *Events) count(state gozk.State) {
	switch state {
	case gozk.StateHasSession:
		e.SyncConnects.Add(1)
	case gozk.StateDisconnected:
		e.Disconnects.Add(1)
	case gozk.StateExpired:
		e.Expires.Add(1)
	case gozk.StateAuthFailed:
		e.AuthFailures.Add(1)
	}
}
