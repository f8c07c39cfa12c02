package manual

import (
	"fmt"
	"strings"
)

// Markdown is the page for the site.
func (p Page) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n\n```\n%s\n```\n", p.Name, sentence(plain(p.Help)), strings.Join(p.Synopsis, "\n"))
	for _, part := range p.Parts {
		if part.Title != "DESCRIPTION" {
			fmt.Fprintf(&b, "\n## %s\n", strings.ToUpper(part.Title[:1])+strings.ToLower(part.Title[1:]))
		}
		for i, t := range part.Text {
			if part.Title == "DESCRIPTION" && i == 0 && t == sentence(p.Help) {
				continue // it stands below the title
			}
			fmt.Fprintf(&b, "\n%s\n", plain(t))
		}
		if len(part.Items) > 0 {
			b.WriteString("\n| | |\n|---|---|\n")
		}
		for _, item := range part.Items {
			fmt.Fprintf(&b, "| `%s` | %s |\n", strings.ReplaceAll(item.Term, "|", `\|`), cell(strings.Join(item.Text, " ")))
		}
	}
	return b.String()
}

// plain is text that Markdown shows as it stands.
func plain(s string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "_", `\_`, "`", "\\`", "<", "&lt;", "[", `\[`).Replace(s)
}

// cell escapes what would end a cell of a table.
func cell(s string) string { return strings.ReplaceAll(plain(s), "|", `\|`) }
