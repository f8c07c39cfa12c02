package core

import (
	"momus/cmd/internal/tool/screen"
)

// NewProgress begins a bar of total units, bytes or plain numbers.
func (c *Call) NewProgress(what string, total int64, bytes bool) *screen.Progress {
	if !c.Terminal.Err || total <= 0 {
		return nil
	}
	return screen.NewProgress(c.Stderr, what, total, bytes)
}
