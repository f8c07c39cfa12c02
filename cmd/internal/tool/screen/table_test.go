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

func TestIDsAreShortenedAndTheRestIsWhole(t *testing.T) {
	id := "consumer-readers-1-0d5f8a3e-98b1-4c35-9df7-5c4e9a1b2c3d"
	v := Table{Header: []string{"TOPIC", "PARTITION", "CONSUMER-ID", "HOST"}, Right: []string{"PARTITION"}, Short: []string{"CONSUMER-ID", "HOST"}, Rows: [][]Cell{
		Cells("a-topic-with-quite-a-long-name", "0", id, "/127.0.0.1"), Cells("a-topic-with-quite-a-long-name", "11", id[:len(id)-4]+"ffff", "/127.0.0.1")}}
	for width, want := range map[int]string{
		200: id,
		80:  "a-topic-with-quite-a-long-name          0  consumer-rea…5c4e9a1b2c3d  /127.0.0.1",
		64:  "a-topic-with-quite-a-long-name",
	} {
		var b bytes.Buffer
		v.Render(&b, Terminal{Width: width})
		if !strings.Contains(b.String(), want) || strings.Count(b.String(), "\n") != 3 {
			t.Errorf("%d columns:\n%s", width, b.String())
		}
		for line := range strings.Lines(b.String()) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > width {
				t.Errorf("%d columns of %d: %s", n, width, line)
			}
		}
	}
	for _, c := range []struct {
		id    string
		width int
		want  string
	}{{"abcdefghij", 10, "abcdefghij"}, {"abcdefghij", 5, "ab…ij"}, {"abcdefghij", 4, "ab…j"}, {"abcdefghij", 2, "ab"}, {"äöüßäöüß", 5, "äö…üß"}, {"", 3, ""}} {
		if got := shorten(c.id, c.width); got != c.want {
			t.Errorf("%q at %d: %q", c.id, c.width, got)
		}
	}
}
