package tooltest

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"momus/cmd/internal/tool/core"
	"momus/internal/shellwords"
)

// Session is a person at a terminal, written down: a line that begins with $ is a command line of a
// tool, and the lines behind it are what it prints, those of standard error with "! " in front, and
// "= N" for an exit code other than 0. BROKERS and ZOOKEEPER stand for the addresses of the cluster,
// FILE/name for one of Files, RECORDED for the directory of recorded log files.
type Session struct {
	Tools   []core.Tool
	Cluster *Cluster          // nil for tools that only look at their words and files
	Files   map[string]string // what is in files, by name
	// Hide are regular expressions of texts that differ from run to run, each with the word that
	// stands for it; they are applied in the order of their texts. Times of log lines are hidden
	// always, tables of options, usages and the commands of ZooKeeper's shell unless the session is
	// Full.
	Hide map[string]string
	Full bool // these are shown
}

// PlayFile is Play of what a file has; long ones are kept there.
func (s *Session) PlayFile(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s.Play(t, string(text))
}

// Play carries the session out, and compares what is printed with what is written down.
func (s *Session) Play(t *testing.T, text string) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range s.Files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	recorded, err := filepath.Abs("../../../integration/tools/testdata/fixtures")
	if err != nil {
		t.Fatal(err)
	}
	there, back := []string{"FILE", dir, "RECORDED", recorded}, []string{dir, "FILE", recorded, "RECORDED"}
	if s.Cluster != nil {
		list := strings.Join(s.Cluster.Bootstrap, ",")
		there = append(there, "BROKERS", list, "ZOOKEEPER", s.Cluster.ZooKeeper)
		back = append(back, list, "BROKERS", s.Cluster.ZooKeeper, "ZOOKEEPER")
		for i, b := range s.Cluster.Bootstrap {
			back = append(back, b, fmt.Sprintf("BROKER%d", i+1))
		}
	}
	var got, want strings.Builder
	for i, part := range strings.Split("\n"+strings.TrimSpace(text)+"\n", "\n$ ") {
		if i == 0 {
			continue
		}
		line, answer, _ := strings.Cut(part, "\n")
		answer = strings.TrimRight(answer, "\n")
		printed := s.run(t, strings.NewReplacer(there...).Replace(line), strings.NewReplacer(back...))
		// Brokers learn of some changes a moment later: who only looks may look again.
		looks := slices.ContainsFunc([]string{" --describe", " --list", " --verify", "kafka-get-offsets"}, func(w string) bool { return strings.Contains(line, w) })
		for end := time.Now().Add(10 * time.Second); looks && s.Cluster != nil && answer != "" && printed != answer && time.Now().Before(end); {
			time.Sleep(50 * time.Millisecond)
			printed = s.run(t, strings.NewReplacer(there...).Replace(line), strings.NewReplacer(back...))
		}
		if s.Cluster != nil && strings.HasPrefix(line, "kafka-topics ") && changes.MatchString(line) {
			s.Cluster.AwaitTopics()
		}
		fmt.Fprintf(&got, "$ %s\n%s\n", line, printed)
		fmt.Fprintf(&want, "$ %s\n%s\n", line, answer)
	}
	if got.String() != want.String() {
		t.Errorf("printed\n%s\nwant\n%s", got.String(), want.String())
	}
}

var (
	// changes finds the commands after which the brokers' metadata are waited for.
	changes = regexp.MustCompile(` --(create|alter|delete)\b`)
	// logTime is the beginning of log4j's lines.
	logTime = regexp.MustCompile(`\[20\d\d-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\]`)
	// usageTable is the table of options of a tool with joptsimple, of at least three.
	usageTable = regexp.MustCompile(`(?m)(^! --.*\n(! +.*\n)*){3,}`)
	// usageLines is the usage of a tool with argparse4j, and shellHelp the list of commands of
	// ZooKeeper's shell.
	usageLines = regexp.MustCompile(`(?m)^! usage: .*\n(!  +.*\n)+`)
	shellHelp  = regexp.MustCompile(`(?m)^! ZooKeeper -server .*\n(! \t.*\n)+`)
)

// run runs one command line and gives what it printed, in the form of a session.
func (s *Session) run(t *testing.T, line string, back *strings.Replacer) string {
	t.Helper()
	words := shellwords.Split(line)
	i := slices.IndexFunc(s.Tools, func(x core.Tool) bool { return x.Name == words[0] })
	if i < 0 {
		t.Fatalf("there is no tool %s", words[0])
	}
	e := &core.Env{Args: words[1:], Program: words[0]}
	if j := slices.Index(e.Args, "<<<"); j >= 0 { // standard input, as in bash
		e.Stdin = strings.NewReader(strings.Join(e.Args[j+1:], "\n") + "\n")
		e.Args = e.Args[:j]
	}
	code, out, errs := Run(t, s.Tools[i], e)
	var b strings.Builder
	b.WriteString(out)
	if out != "" && !strings.HasSuffix(out, "\n") {
		b.WriteString("\n")
	}
	for l := range strings.Lines(errs) {
		b.WriteString("! " + strings.TrimSuffix(l, "\n") + "\n")
	}
	if code != 0 {
		fmt.Fprintf(&b, "= %d\n", code)
	}
	text := back.Replace(b.String())
	for _, x := range slices.Sorted(maps.Keys(s.Hide)) {
		text = regexp.MustCompile(x).ReplaceAllString(text, s.Hide[x])
	}
	text = logTime.ReplaceAllString(text, "[time]")
	if !s.Full {
		text = usageTable.ReplaceAllString(text, "! (the options)\n")
		text = usageLines.ReplaceAllString(text, "! (the usage)\n")
		text = shellHelp.ReplaceAllString(text, "! (the commands)\n")
	}
	var lines []string
	for l := range strings.Lines(text) {
		lines = append(lines, strings.TrimRight(l, " \t\n"))
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}
