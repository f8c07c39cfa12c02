// Package txn is the transaction coordinator (KIP-98, KIP-360): the state of every transactional
// id, kept in the internal topic __transaction_state in Kafka's own record format, the markers that
// end transactions in the partitions they wrote to, and the producer ids, handed out from blocks
// that brokers claim in ZooKeeper.
//
// Partition is the pure core: all transactional ids of one partition of __transaction_state, a
// state machine without I/O, lock or clock. Events go in (a request, the end of an append, a
// deadline, markers that were written), effects come out (append a record, answer a call, send
// markers). Loading replays the same records through the same state. A state becomes effective, and
// its request is answered, when its record is on all in-sync replicas; until then it is pending and
// other requests have to wait.
//
// Coordinator is the shell: it finds the partition of a transactional id, answers for partitions
// that this broker does not lead or has not loaded, and runs the cores in a shard.Runtime, one
// goroutine a partition. Its markers queue has one goroutine per broker that markers go to, and one
// that looks again for partitions without a living leader. All of them end before Run returns.
//
// Where Kafka answers CONCURRENT_TRANSACTIONS at once, because the end of the previous transaction
// is still under way, the request waits for it here for up to concurrentWait: a client would come
// back after 20 to 100 ms of its own, the end takes about one.
package txn
