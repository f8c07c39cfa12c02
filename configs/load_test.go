package configs

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestLoad runs the transcripts in testdata/load. A command takes lines of one source and prints what they make:
//
//	file name=server.properties    writes a file for the load commands that follow
//	load [file=…] [env] [overrides] [container]    lines are variables or overrides
//
// Commands of the images are answered by commands below.
func TestLoad(t *testing.T) {
	commands := map[string]string{
		"hostname":                             "kafka-7f9c",
		"hostname -i":                          "172.18.0.5",
		"echo ${HOSTNAME##*-}":                 "3",
		"docker port kafka 9092 | cut -d: -f2": "32768",
		"curl -s http://169.254.169.254/latest/meta-data/placement/availability-zone": "eu-central-1a",
	}
	run := func(command string) (string, error) {
		if out, ok := commands[command]; ok {
			return out + "\n", nil
		}
		return "", errors.New("exit status 127")
	}
	datadriven.Walk(t, "testdata/load", func(t *testing.T, path string) {
		dir := t.TempDir()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "file":
				var name string
				d.ScanArgs(t, "name", &name)
				if err := os.WriteFile(filepath.Join(dir, name), []byte(d.Input+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				return ""
			case "load":
				container := d.HasArg("container")
				s := Sources{Run: run, Hostname: "kafka-7f9c", Container: &container, secrets: dir, mounted: []string{filepath.Join(dir, "mounted.properties")}}
				if d.HasArg("file") {
					var name string
					d.ScanArgs(t, "file", &name)
					s.File = filepath.Join(dir, name)
				}
				var lines []string
				for _, l := range strings.Split(d.Input, "\n") {
					if l != "" {
						lines = append(lines, strings.ReplaceAll(l, "<newline>", "\n"))
					}
				}
				if d.HasArg("overrides") {
					s.Overrides = lines
				} else {
					s.Env = lines
				}
				return describeLoad(s, dir)
			}
			t.Fatalf("unknown command %s", d.Cmd)
			return ""
		})
	})
}

func describeLoad(s Sources, dir string) string {
	var b strings.Builder
	c, warnings, err := Load(s)
	for _, w := range warnings {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	if err != nil {
		for _, l := range strings.Split(err.Error(), "\n") {
			fmt.Fprintf(&b, "error: %s\n", l)
		}
		return strings.ReplaceAll(b.String(), dir, "DIR")
	}
	if d := c.Environment().Dialect; d != NoDialect {
		fmt.Fprintf(&b, "dialect: %s\n", d)
	}
	if h := c.Environment().MaxHeap; h != 0 {
		fmt.Fprintf(&b, "max heap: %d\n", h)
	}
	for _, topic := range c.Environment().CreateTopics {
		fmt.Fprintf(&b, "create topic: %+v\n", topic)
	}
	for _, k := range slices.Sorted(maps.Keys(c.static)) {
		set := c.static[k]
		fmt.Fprintf(&b, "%s=%s (%s)\n", k, set.Value, set.Origin)
	}
	l := c.Listeners()
	fmt.Fprintf(&b, "listen %s, advertise %s, between brokers %s\n", formatEndpoints(l.Bind), formatEndpoints(l.Advertised), l.InterBroker)
	if l.ControlPlane != "" {
		fmt.Fprintf(&b, "control plane %s\n", l.ControlPlane)
	}
	if n := c.NoEffect(); len(n) > 0 {
		fmt.Fprintf(&b, "no effect: %s\n", strings.Join(n, " "))
	}
	return strings.ReplaceAll(b.String(), dir, "DIR")
}
