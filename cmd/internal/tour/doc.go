// Package tour is a course on operating Kafka 2.x, played on a live cluster. What is taught is
// data, one YAML file a chapter with both languages side by side; this package loads it, runs its
// commands and checks what they print. It does not talk to people: that is the Player's, for a
// terminal, and whoever else shows a chapter. A Session owns the cluster and the programs that
// chapters start in the background, all of them processes of their own, and ends them when it is
// closed.
package tour
