// Package controller is the cluster's controller (Kafka's KafkaController): it decides who leads
// which partition, creates, extends and deletes topics, and tells the brokers. All brokers run one;
// the one that owns /controller is active.
//
// The core is a function of its state, an event and the results that it is given. It starts no
// goroutine, reads no clock and nothing random, iterates in sorted order, and does no I/O: a step
// hands out, in the order in which Kafka does it, what it wants (ready.go) - effects that it does
// not wait for, such as requests to brokers, and reads and writes in ZooKeeper, with whose results
// it is resumed. world.go has the values for both. Decisions that need neither are plain functions
// (election.go, reassign.go).
//
// The shell owns the core. runner.go carries out what a step wants, through two small interfaces:
// Store (ZooKeeper; every write is conditional and fenced by the controller epoch) and Sender
// (requests to brokers, queued per broker). controller.go has the one goroutine that takes events
// from watches, timers, requests and replies, and processes each to its end before the next; a
// panic on the way makes it resign (failure.go). Controller.Run returns when that goroutine has
// ended.
package controller
