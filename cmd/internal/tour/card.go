package tour

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Card is the course on one page.
type Card struct {
	Title    Text          `yaml:"title"`
	Sections []CardSection `yaml:"sections"`
	Footer   Text          `yaml:"footer"`
	Less     Text          `yaml:"less"` // says how to see a part of it
}

// CardSection is a part of the card with a heading.
type CardSection struct {
	Name  string    `yaml:"name"` // as on the command line
	Title Text      `yaml:"title"`
	Rows  []CardRow `yaml:"rows"`
}

// CardRow explains a word, or what a command is for: one of Word and Run is set.
type CardRow struct {
	Word string `yaml:"word"`
	Run  string `yaml:"run"`
	Text Text   `yaml:"text"`
}

//go:embed card.yaml
var cardFile []byte

// ReferenceCard loads the card.
func ReferenceCard() (*Card, error) {
	c := &Card{}
	d := yaml.NewDecoder(bytes.NewReader(cardFile))
	d.KnownFields(true)
	if err := d.Decode(c); err != nil {
		return nil, fmt.Errorf("card.yaml: %w", err)
	}
	return c, nil
}

// Columns of the card as text: as wide as is good to read, and as narrow as the commands bear.
const (
	cardWidth   = 80
	columnWidth = 64
	columnGap   = 3
)

// Parts is a card of some parts of this one, by their names.
func (c *Card) Parts(names []string) (*Card, error) {
	part := &Card{Title: c.Title, Footer: c.Footer, Less: c.Less}
	known := c.names()
	for _, name := range names {
		i := slices.Index(known, name)
		if i < 0 {
			return nil, fmt.Errorf("the card has no part %q; its parts are %s", name, strings.Join(known, ", "))
		}
		part.Sections = append(part.Sections, c.Sections[i])
	}
	return part, nil
}

// names are those of its parts.
func (c *Card) names() (names []string) {
	for i := range c.Sections {
		names = append(names, c.Sections[i].Name)
	}
	return names
}

// Print writes the card as text for a terminal of that size, 0 for none: its parts stand beside each
// other where there is room, and what is higher than the terminal ends with how to see less.
func (c *Card) Print(l Lang, terminal, rows int) string {
	if terminal <= 0 {
		terminal = cardWidth
	}
	columns := max(1, min((terminal+columnGap)/(columnWidth+columnGap), len(c.Sections)))
	each := min(cardWidth, (terminal+columnGap)/columns-columnGap)
	var parts [][]string
	for _, s := range c.Sections {
		parts = append(parts, s.lines(l, each))
	}
	var b strings.Builder
	heading := c.Title.In(l)
	fmt.Fprintf(&b, "%s\n%s\n", heading, strings.Repeat("=", width(heading)))
	for _, row := range beside(stack(parts, columns), each+columnGap) {
		b.WriteString(row + "\n")
	}
	fmt.Fprintf(&b, "\n%s\n", strings.Join(wrap(c.Footer.In(l), columns*(each+columnGap)-columnGap), "\n"))
	if rows > 0 && len(c.Sections) > 1 && strings.Count(b.String(), "\n") >= rows {
		less := fmt.Sprintf("%s momus tour --card PART (%s)", c.Less.In(l), strings.Join(c.names(), ", "))
		fmt.Fprintf(&b, "%s\n", strings.Join(wrap(less, terminal), "\n"))
	}
	return b.String()
}

// lines are a part of the card, at most so many columns wide.
func (s *CardSection) lines(l Lang, most int) []string {
	all := []string{"", s.Title.In(l)}
	for _, r := range s.Rows {
		text := r.Text.In(l)
		if r.Run == "" {
			// The words stand in a column of their own.
			const column = 18
			lead := "  " + r.Word + strings.Repeat(" ", max(1, column-width(r.Word)))
			for _, line := range wrap(text, most-column-2) {
				all = append(all, lead+line)
				lead = strings.Repeat(" ", column+2)
			}
			continue
		}
		// What a command is for stands behind it as a comment, or below where there is no room.
		command := shellLines(r.Run, most-4)
		if last := &command[len(command)-1]; 2+width(*last)+width("  # "+text) <= most {
			*last += "  # " + text
		} else {
			for _, line := range wrap(text, most-8) {
				command = append(command, "    # "+line)
			}
		}
		for _, line := range command {
			all = append(all, "  "+line)
		}
	}
	return all
}

// stack puts parts into columns, in their order, so that the highest is as low as can be.
func stack(parts [][]string, columns int) [][]string {
	for most := 1; ; most++ {
		var out [][]string
		for _, p := range parts {
			if n := len(out); n > 0 && len(out[n-1])+len(p) <= most {
				out[n-1] = append(out[n-1], p...)
			} else {
				out = append(out, slices.Clone(p))
			}
		}
		if len(out) <= columns && !slices.ContainsFunc(out, func(c []string) bool { return len(c) > most }) {
			return out
		}
	}
}

// beside puts columns of a width next to each other.
func beside(columns [][]string, each int) (rows []string) {
	for i, c := range columns {
		for k, line := range c {
			if k == len(rows) {
				rows = append(rows, "")
			}
			if line != "" { // no blanks at the ends of rows
				rows[k] += strings.Repeat(" ", i*each-width(rows[k])) + line
			}
		}
	}
	return rows
}
