package tools

import (
	"bufio"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"momus/internal/shellwords"
)

// Odd is one command line with an odd value, and what the released tool made of it.
type Odd struct {
	Note   []string // lines of comment before it
	Args   []string // the tool's name first
	Stdin  string
	Mode   string // of Same, for standard output; "" compares lines in order
	Why    string // the answer is momus' own, on purpose, and the reason; "" when it is Kafka's
	Java   Answer
	Native Answer // what is expected when Why is set
	Line   int    // in the file
}

// Answer is what a command printed and how it ended.
type Answer struct {
	Stdout, Stderr string
	Exit           int
}

// OddCases are the cases of one file, which run one after the other against the same cluster.
type OddCases struct {
	Files map[string]string // written before the first case: name and content
	order []string
	Cases []*Odd
	tail  []string // comment after the last case
}

// LoadOdd reads a file of cases. Each line says by its first word what it is:
//
//	# TEXT    a comment
//	file NAME, then | LINE for each of its lines
//	$ TOOL ARG...   a case, its words quoted as in a shell
//	< LINE    of standard input
//	~ MODE    how standard output is compared
//	> LINE, ! LINE, = CODE   what Java printed on standard output and error, and its exit code
//	% TEXT    why momus answers something else, then >> LINE, !! LINE, == CODE
func LoadOdd(path string) (*OddCases, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out := &OddCases{Files: map[string]string{}}
	var note []string
	var last *Odd
	file := ""
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		if last == nil && strings.Contains(" < ~ > ! = % >> !! == ", " "+word+" ") && word != "" {
			return nil, fmt.Errorf("%s:%d: %q belongs to no case", path, n, lines.Text())
		}
		switch word {
		case "":
		case "#":
			note = append(note, rest)
		case "file":
			file = rest
			out.order = append(out.order, file)
			out.Files[file] = ""
		case "|":
			out.Files[file] += rest + "\n"
		case "$":
			last = &Odd{Note: note, Args: shellwords.Split(rest), Line: n}
			note = nil
			out.Cases = append(out.Cases, last)
		case "<":
			last.Stdin += rest + "\n"
		case "~":
			last.Mode = rest
		case "%":
			last.Why = rest
		case ">":
			last.Java.Stdout += rest + "\n"
		case "!":
			last.Java.Stderr += rest + "\n"
		case ">>":
			last.Native.Stdout += rest + "\n"
		case "!!":
			last.Native.Stderr += rest + "\n"
		case "=":
			last.Java.Exit, err = strconv.Atoi(rest)
		case "==":
			last.Native.Exit, err = strconv.Atoi(rest)
		default:
			return nil, fmt.Errorf("%s:%d: not understood: %q", path, n, lines.Text())
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
	}
	out.tail = note
	return out, lines.Err()
}

// Save writes the cases as LoadOdd reads them.
func (o *OddCases) Save(path string) error {
	var b strings.Builder
	each := func(mark, text string) {
		for line := range strings.Lines(text) {
			b.WriteString(strings.TrimRight(mark+" "+strings.TrimRight(line, "\n"), " ") + "\n")
		}
	}
	answer := func(out, err, code string, a Answer) {
		each(out, a.Stdout)
		each(err, a.Stderr)
		fmt.Fprintf(&b, "%s %d\n", code, a.Exit)
	}
	for _, name := range o.order {
		fmt.Fprintf(&b, "file %s\n", name)
		each("|", o.Files[name])
	}
	for _, c := range o.Cases {
		b.WriteString("\n")
		for _, n := range c.Note {
			each("#", n+"\n")
		}
		b.WriteString("$")
		for _, a := range c.Args {
			b.WriteString(" " + quoted(a))
		}
		b.WriteString("\n")
		each("<", c.Stdin)
		if c.Mode != "" {
			each("~", c.Mode)
		}
		answer(">", "!", "=", c.Java)
		if c.Why != "" {
			each("%", c.Why)
			answer(">>", "!!", "==", c.Native)
		}
	}
	for _, n := range o.tail {
		each("#", n+"\n")
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// quoted is a word as a shell would want it.
func quoted(word string) string {
	if word == "" || strings.ContainsAny(word, ` "`) {
		return "'" + word + "'"
	}
	if strings.Contains(word, "'") {
		return `"` + word + `"`
	}
	return word
}

var (
	// loggedAt is log4j's time, and stackLines, causes and uncaught what a JVM prints of
	// exceptions.
	loggedAt   = regexp.MustCompile(`(?m)^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\]`)
	stackLines = regexp.MustCompile(`(?m)^\s+(?:at .*|\.\.\. \d+ more|\.\.\. \d+ common frames omitted|Suppressed: .*)\n`)
	causes     = regexp.MustCompile(`(?m)^Caused by: .*\n`)
	// deadlines are the times in the text of a time-out, of the admin client's own clock.
	deadlines = regexp.MustCompile(`deadlineMs=\d+(, tries=\d+, nextAllowedTryMs=-?\d+)?\) (?:timed out|aborted) at \d+`)
	// table is joptsimple's table of options, to the end: ours has other words on purpose.
	table = regexp.MustCompile(`(?m)^Option(?: \(\* = required\))? +Description *\n(?s:.*)`)
	// mbeans are complaints of two clients of one name in a JVM, which do not matter to anybody.
	mbeans   = regexp.MustCompile(`(?m)^\[<TS>\] WARN Error registering AppInfo mbean .*\n(?:javax\.management.*\n)?`)
	uncaught = regexp.MustCompile(`(?m)^Exception in thread "main" ([\w.$]+)(?:: ?)?`)
	// thrown is a line that is an exception and nothing else.
	thrown = regexp.MustCompile(`^[a-z]+(?:\.[a-z]+)*\.[A-Z][\w$]*(?:Exception|Error)(?:: (.*))?$`)
	// identities are the hash codes with which Java prints an array.
	identities = regexp.MustCompile(`\[I@[0-9a-f]+`)
	// groups are the random names of groups, and moments and millis the times of a run.
	groups  = regexp.MustCompile(`\b(console-consumer|perf-consumer)-\d+`)
	moments = regexp.MustCompile(`\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d:\d{3}\b`)
	millis  = regexp.MustCompile(`\b1[5-9]\d{11}\b`)
)

// Plain takes out of an answer what differs from run to run, stack traces, and the tables of
// options, which are in our own words.
func (a Answer) Plain() Answer {
	plain := func(s string) string {
		s = loggedAt.ReplaceAllString(strings.ReplaceAll(s, "\r\n", "\n"), "[<TS>]")
		s = causes.ReplaceAllString(stackLines.ReplaceAllString(s, ""), "")
		s = mbeans.ReplaceAllString(s, "")
		s = deadlines.ReplaceAllString(s, "deadlineMs=<MS>) timed out at <MS>")
		s = table.ReplaceAllString(s, "<USAGE>\n")
		s = moments.ReplaceAllString(groups.ReplaceAllString(s, "$1-<N>"), "<TS>")
		s = identities.ReplaceAllString(s, "[I@<HASH>")
		return millis.ReplaceAllString(s, "<MS>")
	}
	return Answer{plain(a.Stdout), plain(a.Stderr), a.Exit}
}

// Differs tells in which of its parts an answer is not what was wanted, "" for none; both are
// Plain. Hints do not count, nor in which order lines come on standard error, nor how often one is
// repeated there while a connection is tried. An exception that nothing caught stands in Java's
// answer with its class and a stack trace, in ours with its text.
func (want Answer) Differs(mode string, got Answer) string {
	var what []string
	if want.Exit != got.Exit {
		what = append(what, fmt.Sprintf("exit code %d", got.Exit))
	}
	if mode != "none" && !slices.Equal(arranged(mode, want.Stdout), arranged(mode, got.Stdout)) {
		what = append(what, "stdout")
	}
	if !sameMessages(want.Stderr, got.Stderr) {
		what = append(what, "stderr")
	}
	return strings.Join(what, ", ")
}

// arranged are the lines of a text without blanks at their ends, in an order and a form that are
// alike for texts that are the same in a mode: "" as they are, "sorted" in any order, "fields" in
// any order with any blanks between their words.
func arranged(mode, s string) []string {
	if strings.HasPrefix(s, "usage: ") { // Java wraps these at a width; behind an empty line comes the table of options
		head, _, _ := strings.Cut(s, "\n\n")
		return []string{strings.Join(strings.Fields(head), "")}
	}
	head, _, table := strings.Cut(s, "<USAGE>")
	var out []string
	for line := range strings.Lines(head) {
		line = strings.TrimRight(line, " \t\n")
		if thrown.MatchString(strings.TrimSuffix(line, ":")) { // an exception without a text
			line = strings.TrimSuffix(line, ":")
		}
		if mode == "fields" {
			words := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' })
			slices.Sort(words)
			line = strings.Join(words, " ")
		}
		out = append(out, line)
	}
	for len(out) > 0 && out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	if mode != "" {
		slices.Sort(out)
	}
	if table {
		out = append(out, "<USAGE>")
	}
	return out
}

// messages are the lines of standard error that are compared, each once, in order of their text.
func messages(s string) []string {
	if strings.HasPrefix(s, "usage: ") {
		s, _, _ = strings.Cut(s, "\nhint: ")
		return []string{strings.Join(strings.Fields(s), "")}
	}
	return slices.Compact(slices.DeleteFunc(arranged("sorted", s), func(l string) bool { return l == "" || strings.HasPrefix(l, "hint: ") }))
}

// sameMessages compares messages and leaves stack traces and tables of options out: of an exception
// the text counts.
func sameMessages(want, got string) bool {
	if at := uncaught.FindStringSubmatchIndex(want); at != nil {
		text := want[at[1]:]
		if strings.TrimSpace(text) == "" {
			text = want[at[2]:at[3]]
		}
		want = want[:at[0]] + text
	}
	w, g := messages(want), messages(got)
	if head, _, table := strings.Cut(want, "<USAGE>"); table { // ours has no such mark: the rest of it is the table
		for _, line := range messages(head) {
			if !slices.Contains(g, line) {
				return false
			}
		}
		return true
	}
	for i := range w { // ours may tell the cause behind the text
		j := slices.IndexFunc(g, func(l string) bool { return l == w[i] || strings.HasPrefix(l, w[i]+": ") })
		if m := thrown.FindStringSubmatch(w[i]); m != nil && j < 0 { // the head of a stack trace, of which we give the text
			j = slices.IndexFunc(g, func(l string) bool { return m[1] != "" && (l == m[1] || strings.HasPrefix(l, m[1]+": ")) })
			if j < 0 {
				continue // or it stands on standard output
			}
		}
		if j < 0 {
			return false
		}
		g = slices.Delete(g, j, j+1)
	}
	return len(g) == 0
}

// OddSettings are those of the one broker that the cases run against.
func OddSettings() []string {
	return []string{"offsets.topic.replication.factor=1", "offsets.topic.num.partitions=3", "transaction.state.log.replication.factor=1",
		"transaction.state.log.min.isr=1", "group.initial.rebalance.delay.ms=0", "log.cleaner.dedupe.buffer.size=20000000", "auto.create.topics.enable=true"}
}

// OddAddresses replaces the addresses in the cases, localhost:9092 and localhost:2181, by those of
// a cluster, and back in its answers.
func OddAddresses(bootstrap, zookeeper string) (there, back *strings.Replacer) {
	return strings.NewReplacer("localhost:9092", bootstrap, "localhost:2181", zookeeper),
		strings.NewReplacer("//"+bootstrap, "//localhost:9092", "/"+bootstrap, "localhost/127.0.0.1:9092", bootstrap, "localhost:9092", zookeeper, "localhost:2181")
}
