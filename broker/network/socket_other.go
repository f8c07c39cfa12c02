//go:build !unix

package network

import "net"

// listenConfig sets what all connections have, with the system's times of keep-alive, as in Java.
func listenConfig(*Limits) net.ListenConfig {
	return net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: -1, Interval: -1, Count: -1}}
}

// tune sets what a connection does not inherit.
func tune(c *net.TCPConn, l *Limits) {
	if l.SendBuffer > 0 {
		_ = c.SetWriteBuffer(int(l.SendBuffer)) // the system's default serves as well
	}
}
