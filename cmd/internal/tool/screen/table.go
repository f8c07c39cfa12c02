package screen

import (
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Terminal tells what standard output and standard error are. What goes to a pipe or a file is
// Kafka's, byte for byte; tables, colours, progress and some of the hints are for terminals only.
type Terminal struct {
	Out, Err bool
	Width    int  // of standard output, in columns
	Colour   bool // NO_COLOR is not set (no-color.org), and the terminal is not dumb
}

// Form is how a list or a description is shown.
type Form int

const (
	Exact   Form = iota // Kafka's own lines
	AsTable             // aligned tables, for a terminal
	AsJSON              // a document, for --json
)

// View is what a list or a description shows: it marshals to the document that docs/tools.md
// describes, and it has tables.
type View interface{ Tables() []Table }

// Table is a table for people.
type Table struct {
	Title  string
	Header []string
	Right  []string // the columns with numbers, by their headers
	Short  []string // the columns with ids, whose middle is left out where they are too wide; others are wrapped
	Rows   [][]Cell
}

// Cell is one field of a table, with what is to be noticed about it.
type Cell struct {
	Text string
	Mood mood
}

// mood is how bad what a cell says is; colours show it where there are any.
type mood int

const (
	calm mood = iota
	Warning
	Alarm
)

// Cells are fields without anything to be noticed about them.
func Cells(texts ...string) []Cell {
	var out []Cell
	for _, t := range texts {
		out = append(out, Cell{Text: t})
	}
	return out
}

// Render writes the table no wider than the terminal: the widest columns are wrapped.
func (t Table) Render(w io.Writer, on Terminal) {
	tw := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatDefault
	tw.SetStyle(style)
	tw.SuppressTrailingSpaces()
	if t.Title != "" {
		if on.Colour {
			t.Title = text.Colors{text.Bold, text.FgCyan}.Sprint(t.Title)
		}
		io.WriteString(w, t.Title+"\n")
	}
	if len(t.Header) == 0 {
		return
	}
	head, configs := table.Row{}, []table.ColumnConfig{}
	limits := t.widths(on.Width)
	for i, h := range t.Header {
		head = append(head, h)
		cc := table.ColumnConfig{Number: i + 1, WidthMax: limits[i], WidthMaxEnforcer: text.WrapHard}
		if slices.Contains(t.Short, h) {
			cc.WidthMaxEnforcer = shorten
		}
		for _, r := range t.Right {
			if r == h {
				cc.Align, cc.AlignHeader = text.AlignRight, text.AlignRight
			}
		}
		configs = append(configs, cc)
	}
	tw.AppendHeader(head)
	tw.SetColumnConfigs(configs)
	for _, row := range t.Rows {
		var r table.Row
		for _, x := range row {
			s := x.Text
			switch {
			case !on.Colour:
			case x.Mood == Warning:
				s = text.Colors{text.FgYellow}.Sprint(s)
			case x.Mood == Alarm:
				s = text.Colors{text.FgRed, text.Bold}.Sprint(s)
			}
			r = append(r, s)
		}
		tw.AppendRow(r)
	}
	header, rows, _ := strings.Cut(tw.Render(), "\n")
	if on.Colour {
		header = text.Bold.Sprint(header)
	}
	io.WriteString(w, header+"\n")
	if rows != "" {
		io.WriteString(w, rows+"\n")
	}
}

// shorten leaves out the middle of an id: its beginning tells the program, its end one of its kind
// from the others.
func shorten(id string, width int) string {
	runes := []rune(id)
	if len(runes) <= width || width < 3 {
		return text.Snip(id, width, "")
	}
	end := (width - 1) / 2
	return string(runes[:width-1-end]) + "…" + string(runes[len(runes)-end:])
}

// widths are the columns' widths: as wide as the longest text, and the widest made narrower until
// all fit, those that may be shortened before the others.
func (t Table) widths(total int) []int {
	out := make([]int, len(t.Header))
	sum := 0
	for i, h := range t.Header {
		out[i] = text.StringWidth(h)
		for _, r := range t.Rows {
			out[i] = max(out[i], text.StringWidth(r[i].Text))
		}
		sum += out[i] + 2
	}
	const least = 8
	for sum-2 > total {
		widest := t.widest(out, least, true)
		if widest < 0 {
			widest = t.widest(out, least, false)
		}
		if widest < 0 {
			break
		}
		out[widest]--
		sum--
	}
	return out
}

// widest is the widest column above a least width, of those that may be shortened or of all; -1
// when there is none.
func (t Table) widest(widths []int, least int, short bool) int {
	widest := -1
	for i, w := range widths {
		if w > least && (!short || slices.Contains(t.Short, t.Header[i])) && (widest < 0 || w > widths[widest]) {
			widest = i
		}
	}
	return widest
}
