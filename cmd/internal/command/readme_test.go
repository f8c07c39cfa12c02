package command

import (
	"regexp"
	"strings"
	"testing"
)

// What the README tells a newcomer to type is there after make run, and fits a terminal of 80
// columns.
func TestReadmeCommandsExistAfterMakeRun(t *testing.T) {
	content := text(t, "README.md")
	commands := regexp.MustCompile(`(?m)^    (?:.*\| )?bin/momus ([a-z-]+)`).FindAllStringSubmatch(content, -1)
	if len(commands) < 15 {
		t.Fatalf("%d commands", len(commands))
	}
	for _, c := range commands {
		if _, ok := find(c[1]); !ok {
			t.Errorf("there is no command %s", c[1])
		}
	}
	walk := content[strings.Index(content, "## A walk-through"):strings.Index(content, "## In earnest")]
	for _, line := range strings.Split(walk, "\n") {
		if strings.HasPrefix(line, "    ") && len(line) > 80 {
			t.Errorf("%d columns: %s", len(line), line)
		}
		if strings.HasPrefix(line, "    kafka-") {
			t.Errorf("not there after make run: %s", line)
		}
	}
	for name, word := range map[string]string{"README.md": "ARGS=", "Makefile": "ARGS=\"--brokers 3\""} {
		if !strings.Contains(text(t, name), word) {
			t.Errorf("%s does not say how ARGS is used", name)
		}
	}
}
