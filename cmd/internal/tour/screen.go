package tour

import (
	"strings"

	"github.com/mattn/go-runewidth"

	"momus/internal/shellwords"
)

// shellLines breaks a command line into lines of at most width columns, each but the last with the
// \ that a shell wants there. An option stays with its value where both fit on a line, and nothing
// in quotes is broken but at the ends of lines that it has itself.
func shellLines(command string, width int) []string {
	var lines []string
	line := ""
	for _, p := range fitting(options(command), width-len("     \\")) {
		// What has lines of its own begins a line and keeps them.
		if own := strings.Split(p, "\n"); len(own) > 1 {
			if line != "" {
				lines = append(lines, line+" \\")
			}
			lines = append(append(lines, "    "+own[0]), own[1:len(own)-1]...)
			line = own[len(own)-1]
			continue
		}
		if line != "" && runewidth.StringWidth(line)+1+runewidth.StringWidth(p) > width-2 {
			lines, line = append(lines, line+" \\"), ""
		}
		switch {
		case line != "":
			line += " " + p
		case len(lines) > 0:
			line = "    " + p
		default:
			line = p
		}
	}
	return append(lines, line)
}

// fitting takes options from their values where both together are wider than width columns.
func fitting(parts []string, width int) (out []string) {
	for _, p := range parts {
		option, value, ok := strings.Cut(p, " ")
		if ok && strings.HasPrefix(p, "-") && runewidth.StringWidth(p) > width {
			out = append(out, option, value)
			continue
		}
		out = append(out, p)
	}
	return out
}

// options are the parts of a command line that belong together: its first word, options with their
// values, other words.
func options(command string) (parts []string) {
	list, _ := shellwords.Cut(command, "") // what has an open quote is shown as it is
	before := ""
	for _, w := range list {
		option := strings.HasPrefix(before, "-") && !strings.HasPrefix(w.Raw, "-")
		if option || before == "|" {
			parts[len(parts)-1] += " " + w.Raw
		} else {
			parts = append(parts, w.Raw)
		}
		before = w.Raw
	}
	return parts
}

// fold breaks a line of output into rows of at most width columns: between columns of a table if there
// are any in the right half of the row, else behind a blank, or a comma of JSON, in its right third, else
// anywhere. Rows after the first are indented. Tabs become blanks, as a terminal shows them.
func fold(line string, width int) (rows []string) {
	const indented = "  "
	type place struct{ end, at int } // a part of the row that may stand alone: in letters, and in columns
	var (
		row                 []rune
		at                  int
		table, blank, comma place
		before              rune
	)
	put := func(r rune, w int) {
		if at+w > width {
			cut := place{len(row), at}
			switch last := max(blank.at, comma.at); {
			case table.at > width/2:
				cut = table
			case last > width*2/3 && last == blank.at:
				cut = blank
			case last > width*2/3:
				cut = comma
			}
			rows = append(rows, strings.TrimRight(string(row[:cut.end]), " "))
			rest := strings.TrimLeft(string(row[cut.end:]), " ")
			row, at = []rune(indented+rest), len(indented)+runewidth.StringWidth(rest)
			table, blank, comma = place{}, place{}, place{}
		}
		if r == ' ' && len(rows) > 0 && string(row) == indented {
			return
		}
		if before == ',' && (r == '"' || r == '{') {
			comma = place{len(row), at}
		}
		row, at = append(row, r), at+w
		if r == ' ' {
			blank = place{len(row), at}
			if before == ' ' {
				table = blank
			}
		}
		before = r
	}
	for _, r := range line {
		if r != '\t' {
			put(r, runewidth.RuneWidth(r))
			continue
		}
		for n := 8 - at%8; n > 0; n-- {
			put(' ', 1)
		}
		table = blank // however few blanks it is
	}
	return append(rows, string(row))
}

// rows are the rows of a screen that an output takes, each behind an indentation.
func (p *Player) rows(output string) (rows []string) {
	for _, line := range strings.Split(Tidy(output), "\n") {
		folded := []string{line}
		if p.Width > 0 {
			folded = fold(strings.TrimRight(line, " \t"), p.Width-2)
		}
		for _, r := range folded {
			rows = append(rows, strings.TrimRight("  "+r, " "))
		}
	}
	return rows
}

// Tidy leaves out of an output what says nothing: the prompts of a console producer without the
// lines that somebody types, and empty lines around it.
func Tidy(output string) string {
	if strings.Trim(output, "> \n") == "" {
		return ""
	}
	return strings.Trim(output, "\n")
}

// width is how many columns a text takes.
func width(text string) int { return runewidth.StringWidth(text) }
