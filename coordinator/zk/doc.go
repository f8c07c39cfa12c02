// Package zk is Kafka's schema in ZooKeeper: the session, the paths, the JSON of each znode, and
// typed operations on them (Kafka's KafkaZkClient and ZkData). It decides nothing; who writes what
// and when is up to its users.
//
// A Client is opened and closed by the broker. It owns one goroutine, which replaces expired
// sessions, beside those of the ZooKeeper library. One library connection serves exactly one
// session: when the session expires its connection is prevented from opening another, so nothing
// that was begun under an old session can ever run under a new one. Operations that meet a lost
// connection are repeated for as long as the session lives, as Kafka does; every write therefore
// tolerates having been applied already. Operations that meet an expired session return
// ErrSessionExpired.
//
// Watches are armed by reads: OnNode and OnChildren register an interest in a path, and each later
// read of that path sets the watch again when it is not set. Handlers run on the connection's
// goroutine: they must not block and must not call the Client.
package zk
