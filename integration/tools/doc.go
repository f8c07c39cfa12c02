// Package tools replays recorded transcripts of Kafka's command-line tools with the native ones
// against a cluster of momus. The transcripts in testdata were made with the released tools of
// Kafka 2.5.0; how to read them: transcript.go.
package tools
