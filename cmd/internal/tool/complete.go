package tool

import (
	"context"

	"momus/cmd/internal/tool/complete"
	"momus/cmd/internal/tool/core"
)

// Complete lists what may stand in place of word, the beginning of a word, after args. Names of
// topics, groups, brokers and configs are asked of the cluster that the line names, of
// localhost:9092 when it names none; a cluster that does not answer has none.
func Complete(ctx context.Context, t core.Tool, getenv func(string) string, args []string, word string) complete.Completion {
	if t.Name == "kafka-run-class" {
		return completeClass(ctx, getenv, args, word)
	}
	return complete.Options(ctx, t, getenv, args, word)
}

// completeClass completes the words of kafka-run-class: first a class of Kafka's, then what the
// tool of that class takes.
func completeClass(ctx context.Context, getenv func(string) string, args []string, word string) complete.Completion {
	if len(args) > 0 {
		if t, ok := toolOf(args[0]); ok {
			return complete.Options(ctx, t, getenv, args[1:], word)
		}
		return complete.Completion{Files: true}
	}
	var out []complete.Candidate
	for _, t := range Tools() {
		if t.Class != "" {
			out = append(out, complete.Candidate{Word: t.Class, Help: t.Name})
		}
	}
	return complete.Completion{Words: complete.Matching(out, word)}
}
