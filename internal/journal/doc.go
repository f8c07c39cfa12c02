// Package journal records what a broker did and because of what. An entry holds facts, not text:
// kind, subject, epochs, numbers, and the entry that caused it. The sentence for people is made
// when somebody reads (Sentence), and so are the causes on other brokers: controller and leader
// epochs, which are on the wire anyway, say which decision of the controller an action of a broker
// carried out (Link).
//
// A Journal is a bounded ring in memory, one a broker, owned by who assembles the broker. Recording
// takes a lock of its own that nothing on the way of Produce and Fetch takes, and no entry is
// written for a record, a request or a fetch. There are no goroutines. The package knows nobody:
// whoever acts records.
package journal
