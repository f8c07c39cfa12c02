package screen

import (
	"bytes"
	"strings"
	"testing"
)

func TestTablesFitTheTerminal(t *testing.T) {
	v := Table{Title: "Things", Header: []string{"NAME", "COUNT", "NOTE"}, Right: []string{"COUNT"}, Rows: [][]Cell{
		{{Text: "short"}, {Text: "7"}, {Text: strings.Repeat("x", 90)}}, {{Text: "a name"}, {Text: "1234", Mood: Alarm}, {}}}}
	var b bytes.Buffer
	v.Render(&b, Terminal{Width: 40})
	lines := strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
	if lines[0] != "Things" || lines[1] != "NAME    COUNT  NOTE" || lines[len(lines)-1] != "a name   1234" || strings.Contains(b.String(), "\x1b") {
		t.Errorf("table:\n%s", b.String())
	}
	for _, l := range lines {
		if len(l) > 40 || strings.HasSuffix(l, " ") {
			t.Errorf("%d columns: %q", len(l), l)
		}
	}
}
