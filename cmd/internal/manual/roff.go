package manual

import (
	"fmt"
	"strings"
)

// Roff is the page for man(1), with the version in its footer. There is no date in it, so that two
// builds of a version are equal.
func (p Page) Roff(version string) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s %d \"\" \"momus %s\" \"momus\"\n", quoted(strings.ToUpper(p.Name)), p.Section, version)
	b.WriteString(".nh\n.ad l\n")
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n.SH SYNOPSIS\n", escaped(p.Name), escaped(p.Help))
	for i, s := range p.Synopsis {
		if i > 0 {
			b.WriteString(".br\n")
		}
		name, rest, _ := strings.Cut(s, " ")
		fmt.Fprintf(&b, "\\fB%s\\fR %s\n", escaped(name), escaped(rest))
	}
	for _, part := range p.Parts {
		fmt.Fprintf(&b, ".SH %s\n", quoted(part.Title))
		for _, t := range part.Text {
			fmt.Fprintf(&b, ".PP\n%s\n", line(t))
		}
		for _, item := range part.Items {
			fmt.Fprintf(&b, ".TP\n\\fB%s\\fR\n", escaped(item.Term))
			for i, t := range item.Text {
				if i > 0 {
					b.WriteString(".br\n")
				}
				fmt.Fprintf(&b, "%s\n", line(t))
			}
		}
	}
	if len(p.SeeAlso) > 0 {
		fmt.Fprintf(&b, ".SH SEE ALSO\n%s\n", line(strings.Join(p.SeeAlso, ", ")))
	}
	return b.String()
}

// escaped is text that roff prints as it stands. Lists without blanks may be broken behind a comma.
func escaped(s string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, "…", "...", ",", `,\:`).Replace(s)
}

// line is text at the beginning of a line, where a dot or an apostrophe would begin a request.
func line(s string) string {
	s = escaped(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		return `\&` + s
	}
	return s
}

// quoted is an argument of a macro that may have blanks.
func quoted(s string) string { return `"` + escaped(s) + `"` }
