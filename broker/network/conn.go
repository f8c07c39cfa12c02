package network

// conn is the connection's own part of a Conn.
type conn struct{}
