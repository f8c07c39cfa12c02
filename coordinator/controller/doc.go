// Package controller is the cluster's controller (Kafka's KafkaController): it decides who leads which partition, creates,
// extends and deletes topics, and tells the brokers. All brokers run one; the one that owns /controller is active.
//
// The core (context.go to shutdown.go) is deterministic: Step applies one Event to the Context. It starts no goroutine, reads no
// clock and nothing random, iterates in sorted order, and touches the world through two small interfaces, in the order in
// which Kafka does: Store (ZooKeeper; every write is conditional and fenced by the controller epoch) and Sender (requests
// to brokers, queued per broker). Decisions that need neither are plain functions (election.go, reassign.go).
//
// The shell (controller.go) owns the core: one goroutine takes events from watches, timers, requests and replies, and
// processes each to its end before the next. Controller.Run returns when that goroutine has ended.
package controller
