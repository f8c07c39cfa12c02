// Package screen is what a person sees: buffered standard output, tables that fit a terminal, and
// progress bars. What goes to a pipe or a file does not come through its tables: that is Kafka's
// own text, which each tool prints itself.
package screen

import (
	"bufio"
	"io"
	"sync"
)

// Output is standard output, buffered. A client's goroutines flush it before they write to standard
// error, while the tool prints.
type Output struct {
	mu sync.Mutex
	w  *bufio.Writer
}

// NewOutput buffers what is written to w until Flush.
func NewOutput(w io.Writer) *Output { return &Output{w: bufio.NewWriterSize(w, 1<<16)} }

// Write implements io.Writer; p is copied.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(p)
}

// WriteString implements io.StringWriter.
func (o *Output) WriteString(s string) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.WriteString(s)
}

// Flush writes what is buffered; its error is that of any write before it.
func (o *Output) Flush() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Flush()
}

// Discard throws away what is buffered and what comes.
func (o *Output) Discard() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.w.Reset(io.Discard)
}
