package tool

import (
	"bufio"
	"io"
	"sync"
)

// output is standard output, buffered. A client's goroutines flush it before they write to standard error, while the tool prints.
type output struct {
	mu sync.Mutex
	w  *bufio.Writer
}

func newOutput(w io.Writer) *output { return &output{w: bufio.NewWriterSize(w, 1<<16)} }

// Write implements io.Writer; p is copied.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(p)
}

// WriteString implements io.StringWriter.
func (o *output) WriteString(s string) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.WriteString(s)
}

// Flush writes what is buffered; its error is that of any write before it.
func (o *output) Flush() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Flush()
}

// discard throws away what is buffered and what comes.
func (o *output) discard() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.w.Reset(io.Discard)
}
