package core

import (
	"strings"
)

// CalledAs is the name that the tool was called by, for usage lines: with its directory when there
// is one.
func (c *Call) CalledAs(script string) string {
	if strings.TrimSuffix(script, ".sh") == ProgramName(c.Program) {
		return c.Program
	}
	return "./" + script
}
