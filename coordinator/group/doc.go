// Package group is the group coordinator: membership and rebalances of groups, and their committed
// offsets, kept in the internal topic __consumer_offsets in Kafka's own record formats.
//
// Partition is the pure core: all groups of one offsets partition, a state machine without I/O,
// lock or clock. Events go in (a request, the end of an append, a deadline), effects come out
// (append a batch, answer a call). Loading replays the same records through the same state.
// Coordinator is the shell: it finds the partition of a group, answers for partitions that this
// broker does not lead or has not loaded, and runs the cores in a shard.Runtime, one goroutine a
// partition.
//
// A committed offset is visible, and its commit answered, only after its record is on the replicas
// that offsets.commit.required.acks asks for; the same holds for the assignment of a generation.
package group
