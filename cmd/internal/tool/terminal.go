package tool

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"
)

// terminal tells what standard output and standard error are. What goes to a pipe or a file is Kafka's, byte for byte; tables,
// colours, progress and some of the hints are for terminals only.
type terminal struct {
	out, err bool
	width    int  // of standard output, in columns
	colour   bool // NO_COLOR is not set (no-color.org), and the terminal is not dumb
}

func newTerminal(e *Env) terminal {
	t := terminal{width: 80}
	if f, ok := e.Stdout.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		t.out = true
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			t.width = w
		}
	}
	if f, ok := e.Stderr.(*os.File); ok {
		t.err = term.IsTerminal(int(f.Fd()))
	}
	t.colour = e.Getenv != nil && e.Getenv("NO_COLOR") == "" && e.Getenv("TERM") != "dumb"
	return t
}

// form is how a list or a description is shown.
type form int

const (
	formExact form = iota // Kafka's own lines
	formTable             // aligned tables, for a terminal
	formJSON              // a document, for --json
)

// form decides by --json and by what standard output is. With --json everything but the document goes to standard error from here on.
func (c *call) form(o *options) form {
	switch {
	case o.has("json"):
		c.document, c.out = c.out, newOutput(c.Stderr)
		return formJSON
	case c.terminal.out:
		return formTable
	}
	return formExact
}

// view is what a list or a description shows: it marshals to the document that docs/tools.md describes, and it has tables.
type view interface{ tables() []viewTable }

// viewTable is a table for people.
type viewTable struct {
	title  string
	header []string
	right  []string // the columns with numbers, by their headers
	rows   [][]cell
}

// cell is one field of a table, with what is to be noticed about it.
type cell struct {
	text string
	mood mood
}

type mood int

const (
	calm mood = iota
	warning
	alarm
)

func cells(texts ...string) []cell {
	var out []cell
	for _, t := range texts {
		out = append(out, cell{text: t})
	}
	return out
}

// show prints a view in its form.
func (c *call) show(f form, v view) error {
	if f == formJSON {
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
	for i, t := range v.tables() {
		if i > 0 {
			c.println()
		}
		t.render(c.out, c.terminal)
	}
	return nil
}

// render writes the table no wider than the terminal: the widest columns are wrapped.
func (t viewTable) render(w io.Writer, on terminal) {
	tw := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatDefault
	tw.SetStyle(style)
	tw.SuppressTrailingSpaces()
	if t.title != "" {
		if on.colour {
			t.title = text.Colors{text.Bold, text.FgCyan}.Sprint(t.title)
		}
		io.WriteString(w, t.title+"\n")
	}
	if len(t.header) == 0 {
		return
	}
	head, configs := table.Row{}, []table.ColumnConfig{}
	limits := t.widths(on.width)
	for i, h := range t.header {
		head = append(head, h)
		cc := table.ColumnConfig{Number: i + 1, WidthMax: limits[i], WidthMaxEnforcer: text.WrapHard}
		for _, r := range t.right {
			if r == h {
				cc.Align, cc.AlignHeader = text.AlignRight, text.AlignRight
			}
		}
		configs = append(configs, cc)
	}
	tw.AppendHeader(head)
	tw.SetColumnConfigs(configs)
	for _, row := range t.rows {
		var r table.Row
		for _, x := range row {
			s := x.text
			switch {
			case !on.colour:
			case x.mood == warning:
				s = text.Colors{text.FgYellow}.Sprint(s)
			case x.mood == alarm:
				s = text.Colors{text.FgRed, text.Bold}.Sprint(s)
			}
			r = append(r, s)
		}
		tw.AppendRow(r)
	}
	header, rows, _ := strings.Cut(tw.Render(), "\n")
	if on.colour {
		header = text.Bold.Sprint(header)
	}
	io.WriteString(w, header+"\n")
	if rows != "" {
		io.WriteString(w, rows+"\n")
	}
}

// widths are the columns' widths: as wide as the longest text, and the widest made narrower until all fit.
func (t viewTable) widths(total int) []int {
	out := make([]int, len(t.header))
	sum := 0
	for i, h := range t.header {
		out[i] = text.StringWidth(h)
		for _, r := range t.rows {
			out[i] = max(out[i], text.StringWidth(r[i].text))
		}
		sum += out[i] + 2
	}
	const least = 8
	for sum-2 > total {
		widest := 0
		for i := range out {
			if out[i] > out[widest] {
				widest = i
			}
		}
		if out[widest] <= least {
			break
		}
		out[widest]--
		sum--
	}
	return out
}
