package tool

import (
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress is a bar on standard error, for somebody who waits; on anything but a terminal it is nil, and does nothing.
type progress struct{ bar *progressbar.ProgressBar }

// newProgress begins a bar of total units, bytes or plain numbers.
func (c *call) newProgress(what string, total int64, bytes bool) *progress {
	if !c.terminal.err || total <= 0 {
		return nil
	}
	return progressOn(c.Stderr, what, total, bytes)
}

// progressOn begins a bar on a terminal.
func progressOn(w io.Writer, what string, total int64, bytes bool) *progress {
	return &progress{progressbar.NewOptions64(total, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(what), progressbar.OptionShowBytes(bytes),
		progressbar.OptionShowCount(), progressbar.OptionSetWidth(20), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetPredictTime(true), progressbar.OptionEnableColorCodes(false))}
}

// set moves the bar to n.
func (p *progress) set(n int64) {
	if p != nil {
		p.bar.Set64(min(n, p.bar.GetMax64()))
	}
}

// clear takes the bar off the screen, so that a line can be printed; the next set draws it again.
func (p *progress) clear() {
	if p != nil {
		p.bar.Clear()
	}
}

// done takes the bar away for good.
func (p *progress) done() {
	if p != nil {
		p.bar.Exit()
		p.bar.Clear()
	}
}

// leave shows the bar at n, and keeps it on the screen: of something that goes on without this program.
func (p *progress) leave(n int64) {
	if p != nil {
		p.set(n)
		p.bar.RenderBlank()
		p.bar.Exit()
	}
}
