package tool

import "strings"

// program is the name that the tool was called by, for usage lines: with its directory when there is one.
func (c *call) program(script string) string {
	if strings.TrimSuffix(script, ".sh") == programName(c.Program) {
		return c.Program
	}
	return "./" + script
}
