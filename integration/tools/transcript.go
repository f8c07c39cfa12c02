package tools

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

// Step is one step of a transcript: a command and what it printed.
type Step struct {
	ID, Note   string
	Files      map[string]string // written before the command
	Cmd        string
	Stdin      *string
	Background string // the name under which the command is left running
	ReadyLines int    `json:"ready_lines"`
	Stop       string // the name of a background command to end
	Signal     string
	AfterLines int `json:"signal_after_lines"`
	AfterMs    int `json:"signal_after_ms"`
	WaitMs     int `json:"wait_ms"`
	RetryMs    int `json:"retry_ms"`
	TimeoutMs  int `json:"timeout_ms"`
	Compare    string
	Stdout     string
	Stderr     string
	Exit       int
	line       int
}

// stepLine is a key of a step; the first one of a step stands behind a dash.
var stepLine = regexp.MustCompile(`^(  - |    |)([a-z_]+):(?: (.*))?$`)

// Load reads a transcript: YAML of which only scalars on one line, as JSON, and literal blocks are
// used.
func Load(path string) ([]*Step, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(string(data), "\n")
	var steps []*Step
	var fields map[string]any
	flush := func(at int) error {
		if fields == nil {
			return nil
		}
		raw, err := json.Marshal(fields)
		if err != nil {
			return err
		}
		s := &Step{line: at}
		if err := json.Unmarshal(raw, s); err != nil {
			return fmt.Errorf("%s:%d: %w", path, at, err)
		}
		steps = append(steps, s)
		return nil
	}
	for i := 0; i < len(lines); {
		line := lines[i]
		i++
		if strings.TrimSpace(line) == "" || strings.HasPrefix(strings.TrimSpace(line), "#") || line == "steps:" {
			continue
		}
		m := stepLine.FindStringSubmatch(line)
		if m == nil {
			return nil, fmt.Errorf("%s:%d: not understood: %q", path, i, line)
		}
		var value any
		if strings.HasPrefix(m[3], "|2") {
			var block []string
			for i < len(lines) && (strings.HasPrefix(lines[i], "      ") || lines[i] == "") {
				block = append(block, strings.TrimPrefix(lines[i], "      "))
				i++
			}
			text := strings.Join(block, "\n")
			switch m[3] {
			case "|2-":
				text = strings.TrimRight(text, "\n")
			case "|2":
				text = strings.TrimRight(text, "\n") + "\n"
			case "|2+":
				text += "\n"
			}
			value = text
		} else if err := json.Unmarshal([]byte(m[3]), &value); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, i, err)
		}
		if m[1] == "  - " {
			if err := flush(i); err != nil {
				return nil, err
			}
			fields = map[string]any{}
		}
		if m[1] != "" {
			fields[m[2]] = value
		}
	}
	return steps, flush(len(lines))
}

// placeholder is a text that is another in each run, such as <ADDRESS>.
var placeholder = regexp.MustCompile(`<[A-Z0-9]+>`)

// patterns are what the placeholders of the transcripts stand for.
var patterns = map[string]string{
	"TS": `\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[,:]\d{3}`, "DATE": `[^\n]{10,40}?`, "MS": `\d{10,}`,
	"UUID": `[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}`, "N": `-?\d+`,
	"F": `-?(?:\d+(?:[.,]\d+)?(?:E-?\d+)?|NaN|Infinity|∞)`, "ID": `(?:-?\d+|none)`, "IDS": `(?:\d+(?:,\d+)*)?`, "PORT": `\d+`,
	"HOST": `/[0-9a-fA-F.:%\w]+ *`, "HASH": `[0-9a-f]+`, "HEX": `0x[0-9a-f]+`, "TOKENID": `[\w-]{22}`, "HMAC": `[\w+/=]+ *`,
	"B64": `[\w+/=]+`, "CLUSTERID": `[\w-]{22}`, "TP": `\S+`, "X": `[^\n]*`, "PARTITIONS": `[^\n]*`, "CWD": `[^\n"]*`, "PATH": `\S*`,
}

// lineMatches compares a line with one that has placeholders such as <PORT>, each of which stands
// for a pattern.
func lineMatches(want, got string) bool {
	var b strings.Builder
	last := 0
	for _, at := range placeholder.FindAllStringIndex(want, -1) {
		p, ok := patterns[want[at[0]+1:at[1]-1]]
		if !ok {
			continue
		}
		b.WriteString(regexp.QuoteMeta(want[last:at[0]]))
		b.WriteString(p)
		last = at[1]
	}
	b.WriteString(regexp.QuoteMeta(want[last:]))
	if regexp.MustCompile(`^(?s:` + b.String() + `)$`).MatchString(got) {
		return true
	}
	if strings.Contains(want, "<PORT>") { // the width of a port moves the columns behind it
		return strings.Join(strings.Fields(want), " ") != want && lineMatches(strings.Join(strings.Fields(want), " "), strings.Join(strings.Fields(got), " "))
	}
	return false
}

// allFound tells whether each wanted line is among the lines, each used once.
func allFound(want, got []string) bool {
	got = slices.Clone(got)
	for _, w := range want {
		i := slices.IndexFunc(got, func(g string) bool { return lineMatches(w, g) })
		if i < 0 {
			return false
		}
		got = slices.Delete(got, i, i+1)
	}
	return true
}

// blocks are the entries of an answer that each take several lines, from one that is not indented
// to one that is a bracket; their order is that of a table in Java.
var blocks = regexp.MustCompile(`(?ms)^\S.*?^\)\n`)

// Same compares what was printed with what was recorded. Stack traces are left out of what was
// recorded: native tools have none.
func Same(mode, want, got string) bool {
	want = strings.ReplaceAll(want, "\t<TRACE>\n", "")
	if head, _, ok := strings.Cut(want, "<USAGE>"); ok { // the table of options is in our own words
		return strings.HasPrefix(got, head)
	}
	w, g := strings.Split(sortedDirs(want), "\n"), strings.Split(sortedDirs(got), "\n")
	switch mode {
	case "none":
		return true
	case "sorted":
		return len(w) == len(g) && allFound(w, g)
	case "present":
		return allFound(slices.DeleteFunc(w, func(s string) bool { return s == "" }), g)
	case "fields":
		return sameFields(w, g)
	case "blocks":
		return len(blocks.FindAllString(want, -1)) == len(blocks.FindAllString(got, -1)) && allFound(blocks.FindAllString(want, -1), blocks.FindAllString(got, -1))
	}
	return len(w) == len(g) && allInOrder(w, g)
}

// logDirLists is the document of kafka-log-dirs.sh, a single line.
var logDirLists = regexp.MustCompile(`(?m)^\{"version":1,"brokers":\[.*\]\}$`)

// sortedDirs sorts the directories in answers of kafka-log-dirs.sh, whose order is that of a table
// in Java.
func sortedDirs(s string) string {
	return logDirLists.ReplaceAllStringFunc(s, func(line string) string {
		var answer struct {
			Version int `json:"version"`
			Brokers []struct {
				Broker  int                          `json:"broker"`
				LogDirs []map[string]json.RawMessage `json:"logDirs"`
			} `json:"brokers"`
		}
		if json.Unmarshal([]byte(line), &answer) != nil {
			return line
		}
		for _, b := range answer.Brokers {
			slices.SortFunc(b.LogDirs, func(x, y map[string]json.RawMessage) int {
				return strings.Compare(string(x["logDir"]), string(y["logDir"]))
			})
		}
		again, err := json.Marshal(answer)
		if err != nil {
			return line
		}
		return string(again)
	})
}

// allInOrder compares line by line.
func allInOrder(w, g []string) bool {
	for i := range w {
		if !lineMatches(w[i], g[i]) {
			return false
		}
	}
	return true
}

// sameFields compares words: runs of blanks do not count, and words may be in any order.
func sameFields(w, g []string) bool {
	squeeze := func(lines []string) []string {
		var out []string
		for _, l := range lines {
			out = append(out, strings.Join(strings.Fields(l), " "))
		}
		return out
	}
	w, g = squeeze(w), squeeze(g)
	if len(w) != len(g) {
		return false
	}
	words := func(lines []string) []string {
		return strings.Fields(strings.NewReplacer(",", " ", "(", " ", ")", " ").Replace(strings.Join(lines, " ")))
	}
	return allInOrder(w, g) || len(words(w)) == len(words(g)) && allFound(words(w), words(g))
}

// SameErrors compares standard error: lines in any order, and only those before a usage table.
// Lines that depend on how fast a leader was elected do not count.
func SameErrors(want, got string) bool {
	if strings.Contains(want, "<TRACE>") || strings.Contains(want, "<REPEATS>") {
		return true
	}
	plain := func(s string) string { return s }
	if strings.HasPrefix(want, "usage: ") { // Java wraps these at a width, and justifies them
		plain = func(s string) string { return strings.Join(strings.Fields(s), "") }
	}
	if head, _, ok := strings.Cut(want, "<USAGE>"); ok {
		return strings.HasPrefix(plain(got), plain(head)) && len(got) >= len(head)
	}
	if strings.HasPrefix(want, "usage: ") {
		return plain(want) == plain(got)
	}
	count := func(s string) []string {
		return slices.DeleteFunc(strings.Split(s, "\n"), func(l string) bool { return strings.Contains(l, "=LEADER_NOT_AVAILABLE}") })
	}
	w, g := count(want), count(got)
	return len(w) == len(g) && allFound(w, g)
}
