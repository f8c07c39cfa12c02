package tool

import (
	"testing"

	"momus/cmd/internal/tool/tooltest"
)

// What --help says: the table that stands in the tool's source, sorted and lined up, on standard
// error, with the exit code of Kafka's tools. The tools with argparse4j print it on standard output.
func TestHelpOfEachTool(t *testing.T) {
	s := &tooltest.Session{Tools: Tools(), Full: true}
	s.PlayFile(t, "testdata/sessions/help.txt")
}
