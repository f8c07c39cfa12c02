package tool

import (
	"momus/cmd/internal/tool/complete"
	"momus/cmd/internal/tool/core"
)

// What the program's commands need of the packages below.
type (
	// Tool is one of Kafka's command-line tools.
	Tool = core.Tool
	// Env is what a tool may use of the world.
	Env = core.Env
	// Completion is what may stand where the cursor is.
	Completion = complete.Completion
	// Candidate is a word that may come next on a command line.
	Candidate = complete.Candidate
)

// Version is what --version of Kafka's tools and scripts prints.
const Version = core.Version

// Nearest is the candidate that a word becomes with the fewest edits; see core.Nearest.
func Nearest(word string, candidates []string, most int) string {
	return core.Nearest(word, candidates, most)
}
