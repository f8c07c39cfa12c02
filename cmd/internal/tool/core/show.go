package core

import (
	"bytes"
	"encoding/json"
	"os"

	"golang.org/x/term"

	"momus/cmd/internal/tool/options"
	"momus/cmd/internal/tool/screen"
)

// newTerminal looks at the tool's streams: only a terminal gets tables and colours, so that a pipe
// sees Kafka's bytes. NO_COLOR and TERM=dumb are obeyed.
func newTerminal(e *Env) screen.Terminal {
	t := screen.Terminal{Width: 80}
	if f, ok := e.Stdout.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		t.Out = true
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			t.Width = w
		}
	}
	if f, ok := e.Stderr.(*os.File); ok {
		t.Err = term.IsTerminal(int(f.Fd()))
	}
	t.Colour = e.Getenv != nil && e.Getenv("NO_COLOR") == "" && e.Getenv("TERM") != "dumb"
	return t
}

// Form decides by --json and by what standard output is. With --json everything but the document
// goes to standard error from here on.
func (c *Call) Form(o *options.Options) screen.Form {
	switch {
	case o.Has("json"):
		c.document, c.Out = c.Out, screen.NewOutput(c.Stderr)
		return screen.AsJSON
	case c.Terminal.Out:
		return screen.AsTable
	}
	return screen.Exact
}

// Show prints a view in its form.
func (c *Call) Show(f screen.Form, v screen.View) error {
	if f == screen.AsJSON {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(v); err != nil {
			return err
		}
		if _, err := c.document.Write(b.Bytes()); err != nil {
			return err
		}
		return c.document.Flush()
	}
	for i, t := range v.Tables() {
		if i > 0 {
			c.Println()
		}
		t.Render(c.Out, c.Terminal)
	}
	return nil
}
