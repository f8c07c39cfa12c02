package screen

import (
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// Progress is a bar on standard error, for somebody who waits; on anything but a terminal it is
// nil, and does nothing.
type Progress struct{ bar *progressbar.ProgressBar }

// NewProgress begins a bar on a terminal.
func NewProgress(w io.Writer, what string, total int64, bytes bool) *Progress {
	return &Progress{progressbar.NewOptions64(total, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(what), progressbar.OptionShowBytes(bytes),
		progressbar.OptionShowCount(), progressbar.OptionSetWidth(20), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetPredictTime(true), progressbar.OptionEnableColorCodes(false))}
}

// Set moves the bar to n.
func (p *Progress) Set(n int64) {
	if p != nil {
		p.bar.Set64(min(n, p.bar.GetMax64()))
	}
}

// Clear takes the bar off the screen, so that a line can be printed; the next set draws it again.
func (p *Progress) Clear() {
	if p != nil {
		p.bar.Clear()
	}
}

// Done takes the bar away for good.
func (p *Progress) Done() {
	if p != nil {
		p.bar.Exit()
		p.bar.Clear()
	}
}

// Leave shows the bar at n, and keeps it on the screen: of something that goes on without this
// program.
func (p *Progress) Leave(n int64) {
	if p != nil {
		p.Set(n)
		p.bar.RenderBlank()
		p.bar.Exit()
	}
}
