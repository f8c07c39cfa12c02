//go:build !windows

package command

import "os"

// parentAlive reports whether the parent is still the process that this one began under: an orphan
// is given another parent.
func parentAlive(began int) bool { return os.Getppid() == began }
