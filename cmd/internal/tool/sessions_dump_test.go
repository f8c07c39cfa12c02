package tool

import (
	"testing"

	"momus/cmd/internal/tool/tooltest"
)

// Files of a log that a released broker wrote, read in all the ways: what is printed for each kind of
// file, and what is said of damage.
func TestDumpOfEachKindOfFile(t *testing.T) {
	s := &tooltest.Session{Tools: Tools(), Files: map[string]string{
		"00000000000000000000.index": "\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x10\x00", "00000000000000000000.timeindex": "short",
		"00000000000000000007.log": "", "00000000000000000007.snapshot": "no snapshot", "00000000000000000007.txnindex": "", "name.log": "x", "plain": ""}}
	s.PlayFile(t, "testdata/sessions/dump.txt")
}
