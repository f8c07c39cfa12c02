// Package cluster takes three brokers, each a process of its own, through what happens to clusters:
// brokers killed, paused and cut off under load. Whatever happens, nothing acknowledged is lost or
// doubled, the replicas end up the same, and every in-sync set is whole again.
//
// These runs take minutes and count on the clock: they have a tag, faults, and a target, make
// faults, of their own.
package cluster
