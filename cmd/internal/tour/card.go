package tour

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// Card is the course on one page.
type Card struct {
	Title    Text          `yaml:"title"`
	Sections []CardSection `yaml:"sections"`
	Footer   Text          `yaml:"footer"`
}

// CardSection is a part of the card with a heading.
type CardSection struct {
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

// cardWidth is that of the card as text: it fits a terminal, and a printed page.
const cardWidth = 80

// Print writes the card as text.
func (c *Card) Print(l Lang) string {
	var b strings.Builder
	heading := c.Title.In(l)
	fmt.Fprintf(&b, "%s\n%s\n", heading, strings.Repeat("=", width(heading)))
	for _, s := range c.Sections {
		fmt.Fprintf(&b, "\n%s\n", s.Title.In(l))
		for _, r := range s.Rows {
			if r.Run != "" {
				fmt.Fprintf(&b, "  %s\n", r.Text.In(l))
				b.WriteString(indent(strings.Join(shellLines(r.Run, cardWidth-6), "\n"), "    ") + "\n")
				continue
			}
			const column = 18
			lead := "  " + r.Word + strings.Repeat(" ", max(1, column-width(r.Word)))
			for _, line := range wrap(r.Text.In(l), cardWidth-column-2) {
				b.WriteString(lead + line + "\n")
				lead = strings.Repeat(" ", column+2)
			}
		}
	}
	fmt.Fprintf(&b, "\n%s\n", strings.Join(wrap(c.Footer.In(l), cardWidth), "\n"))
	return b.String()
}
