package tour

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestChaptersAreWhole(t *testing.T) {
	chapters, err := Chapters()
	if err != nil {
		t.Fatal(err)
	}
	var lessons, exercises int
	numbers, names := map[int]bool{}, map[string]bool{}
	for _, c := range chapters {
		if numbers[c.Number] || names[c.Name] {
			t.Errorf("%d %s is there twice", c.Number, c.Name)
		}
		numbers[c.Number], names[c.Name] = true, true
		if c.Goal.empty() {
			lessons++
			if !slices.ContainsFunc(c.Steps, func(s Step) bool { return !s.Question.empty() }) {
				t.Errorf("chapter %d asks nothing", c.Number)
			}
			continue
		}
		exercises++
		if !c.Steps[0].Hidden || !slices.ContainsFunc(c.Steps, func(s Step) bool { return s.Repaired }) {
			t.Errorf("exercise %d breaks nothing, or checks nothing", c.Number)
		}
	}
	if lessons != 14 || exercises != 10 {
		t.Errorf("%d lessons, %d exercises", lessons, exercises)
	}
}

func TestFaultyChaptersAreRefused(t *testing.T) {
	const head = "number: 1\nname: x\ntitle: {en: T, ko: 제목}\nsteps:\n"
	for steps, want := range map[string]string{
		"  - {run: ls, start: ls, as: a}":   "only one of",
		"  - {text: {en: only}}":            "missing in a language",
		"  - {question: {en: why, ko: 왜}}":  "a question has an answer",
		"  - {start: ls}":                   "start and as go together",
		"  - {wait: nobody, expect: [x]}":   "nobody is not running",
		"  - {stop: nobody}":                "nobody is not running",
		"  - {start: ls, as: a}":            "not stopped at the end",
		"  - {run: ls, until: true}":        "nothing to wait for",
		"  - {run: ls, expect: [\"re:(\"]}": "missing closing",
		"  - {run: ls, capture: {a: x}}":    "wants one group",
		"  - {}":                            "nothing happens",
		"  - {rum: ls}":                     "field rum not found",
	} {
		refused(t, head+steps+"\n", want)
	}
	refused(t, "name: x\n", "has a name, a title and steps")
	refused(t, "number: 1\nname: x\ntitle: {en: T}\nsteps: [{run: ls}]\n", "in both languages")
}

func refused(t *testing.T, chapter, want string) {
	t.Helper()
	if _, err := Parse([]byte(chapter)); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s\nis %v, want %q", chapter, err, want)
	}
}

func TestWordsSplitAsAShellDoes(t *testing.T) {
	for line, want := range map[string][][]string{
		`a  b`:              {{"a", "b"}},
		`a 'b c' d`:         {{"a", "b c", "d"}},
		`a "b 'c'" d''e`:    {{"a", "b 'c'", "de"}},
		`write f '{"v":1}'`: {{"write", "f", `{"v":1}`}},
		` `:                 {nil},
		`a ''`:              {{"a", ""}},
		`a '|'|b c|d`:       {{"a", "|"}, {"b", "c"}, {"d"}},
		`a |`:               {{"a"}, nil},
	} {
		if got, err := words(line); err != nil || !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%s is %q, %v", line, got, err)
		}
	}
	if _, err := words(`a 'b`); err == nil {
		t.Error("an open quote was accepted")
	}
}

func TestOutputGoesThroughFilters(t *testing.T) {
	const output = "one\ntwo\nthree\n"
	for line, want := range map[string]string{
		"x":                            output,
		"x | grep t":                   "two\nthree\n",
		"x | grep -v t":                "one\n",
		"x | grep '^t' | head -1":      "two\n",
		"x | head -n 2":                "one\ntwo\n",
		"x | tail -1":                  "three\n",
		"x | tail -9":                  output,
		"x | grep nothing | tail -n 3": "",
	} {
		args, through, err := pipeline(line)
		if got := pass(output, through); err != nil || got != want || !slices.Equal(args, []string{"x"}) {
			t.Errorf("%s: %q, %v", line, got, err)
		}
	}
	for _, line := range []string{"x |", "x | rm -rf /", "x | grep", "x | grep a b", "x | grep (", "x | head", "x | head -x", "x | head --1 2 3 x"} {
		if _, _, err := pipeline(line); err == nil {
			t.Errorf("%s was accepted", line)
		}
	}
}

func TestOutputIsBounded(t *testing.T) {
	var p printed
	for range 3 {
		if n, err := p.Write(bytes.Repeat([]byte("x"), maxPrinted/2)); n != maxPrinted/2 || err != nil {
			t.Fatal(n, err)
		}
	}
	if s := p.String(); len(s) > maxPrinted+100 || !strings.HasSuffix(s, " 524288 bytes more\n") {
		t.Error(len(s), s[len(s)-40:])
	}
}

func TestCommandsAreBrokenAsAShellWantsIt(t *testing.T) {
	const command = `kafka-topics.sh --bootstrap-server localhost:9092 --create --topic tour-events --partitions 1 --replication-factor 1`
	got := shellLines(command, 76)
	want := []string{`kafka-topics.sh --bootstrap-server localhost:9092 --create \`, `    --topic tour-events --partitions 1 --replication-factor 1`}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := shellLines("short", 76); !slices.Equal(got, []string{"short"}) {
		t.Errorf("%q", got)
	}
	got = shellLines(`write plan.json '{"a": "b c d e f"}' | head -1`, 20)
	if want := []string{`write plan.json \`, `    '{"a": "b c d e f"}' \`, `    | head -1`}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	got = shellLines("cat --some-option /a/long/path", 24)
	if want := []string{`cat --some-option \`, `    /a/long/path`}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	got = shellLines("write plan.json '{\n  \"a\": 1}' | head -1", 40)
	if want := []string{`write plan.json \`, `    '{`, `  "a": 1}' | head -1`}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	chapters, err := Chapters()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range chapters {
		for _, s := range c.Steps {
			// With names as long as those of a learner's machine.
			command := strings.NewReplacer("{dir}", "/tmp/tour-4294967295", "{logs0}", "/tmp/tour-4294967295/broker-0/logs", "{all}", "localhost:30000,localhost:30001,localhost:30002", "{bootstrap}", "localhost:30000", "{zookeeper}", "localhost:30003").Replace(s.Command())
			lines := shellLines(command, 76)
			joined := strings.ReplaceAll(strings.Join(lines, "\n"), " \\\n    ", " ")
			if joined != command {
				t.Errorf("%s\nwas broken into\n%s", command, joined)
			}
			for i, l := range lines {
				// They are shown behind "  $ " and "  ".
				if w := width(l); w > 78 || i == 0 && w > 76 {
					t.Errorf("%d columns: %s", w, l)
				}
			}
		}
	}
}

func TestOutputFitsTheScreen(t *testing.T) {
	for line, want := range map[string][]string{
		"a\tb한글cd":         {"a", "  b한글cd"},
		"12345678901234":   {"12345678901", "  234"},
		"한글한글한글한글":         {"한글한글한", "  글한글"},
		"1234567,90":       {"1234567,90"},
		"1234567,\"01234":  {"1234567,", "  \"01234"},
		"1234567,901234":   {"1234567,901", "  234"},
		"1,\"4567890123":   {"1,\"45678901", "  23"},
		"L: 2\tR: 2,0,1":   {"L: 2", "  R: 2,0,1"},
		"a 4  b 9 12345":   {"a 4  b 9", "  12345"},
		"a b 56  9 12345":  {"a b 56", "  9 12345"},
		"123456789 1":      {"123456789 1"},
		"12345678901   23": {"12345678901", "  23"},
		"":                 {""},
	} {
		if got := fold(line, 11); !slices.Equal(got, want) {
			t.Errorf("%q: %q", line, got)
		}
	}
	var out bytes.Buffer
	p := &Player{In: bufio.NewReader(strings.NewReader("m\n")), Out: &out, Lang: English, Width: 80, Height: 24}
	long := Outcome{Output: strings.Repeat("line\n", 100)}
	if got := p.rows("a  " + strings.Repeat(" ", 90) + "\nb"); !slices.Equal(got, []string{"  a", "  b"}) {
		t.Errorf("blanks at the end make rows: %q", got)
	}
	if err := p.show(t.Context(), &Step{Run: "x"}, long); err != nil {
		t.Fatal(err)
	}
	if first, rest, cut := strings.Cut(out.String(), "[Enter: go on   m: show all lines"); !cut || strings.Count(first, "\n") > 20 || !strings.Contains(first, "86 more lines") || strings.Count(rest, "line\n") != 100 {
		t.Errorf("%s", out.String())
	}
	out.Reset()
	p.In = nil
	if err := p.show(t.Context(), &Step{Run: "x"}, long); err != nil || strings.Count(out.String(), "line\n") != 100 {
		t.Error("without a person all of it is shown:", err, out.String())
	}
	for output, want := range map[string]string{">>>>\n": "", "\n\na\n": "a", ">ERROR": ">ERROR"} {
		if got := Tidy(output); got != want {
			t.Errorf("%q: %q", output, got)
		}
	}
}

func TestProblemsAreToldToLearners(t *testing.T) {
	v := &vars{words: map[string]string{}}
	for _, c := range []struct {
		step   Step
		en, ko string
	}{
		{Step{Expect: []string{"Stable"}}, "Stable should come out.", "Stable 부분이 나와야 합니다."},
		{Step{Expect: []string{"re:^Lag +0"}}, "something else should come out.", "다른 결과가 나와야 합니다."},
		{Step{Absent: []string{"Empty"}}, "Empty should not be there.", "Empty 부분이 없어야 합니다."},
	} {
		err := mismatch(&c.step, v, "Empty")
		if en, ko := Problem(err, English), Problem(err, Korean); en != c.en || ko != c.ko {
			t.Errorf("%v: %q, %q", err, en, ko)
		}
	}
	if got := Problem(errSucceeded, English); got != "the command should have been refused." {
		t.Error(got)
	}
}

func TestDeedsAreToldToLearners(t *testing.T) {
	for _, c := range []struct{ do, en, ko string }{
		{"kill 1", "kill: broker 1", "죽이기: 1번 브로커"},
		{"restart 0 2", "start again: broker 0, broker 2", "다시 시작: 0번 브로커, 2번 브로커"},
	} {
		if en, ko := Deed(c.do, English), Deed(c.do, Korean); en != c.en || ko != c.ko {
			t.Errorf("%s: %s, %s", c.do, en, ko)
		}
	}
	chapters, err := Chapters()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range chapters {
		for _, s := range c.Steps {
			if verb, _, _ := strings.Cut(s.Do, " "); s.Do != "" && deeds[verb].empty() {
				t.Errorf("chapter %d: nobody can say %s", c.Number, verb)
			}
		}
	}
}

// Who types ls alone sees what the course has written.
func TestFilesOfTheCourseAreListed(t *testing.T) {
	s := &Session{cluster: &cluster{dir: t.TempDir()}, vars: &vars{}}
	for _, line := range []string{"write plan.json {}", "ls"} {
		out, err := s.exec(t.Context(), line, "")
		if err != nil || strings.Contains(out, "plan.json") != (line == "ls") {
			t.Errorf("%s: %q, %v", line, out, err)
		}
	}
}

// The broker of a deed is found out by a step before, which may have been skipped.
func TestDeedsWantTheirBroker(t *testing.T) {
	c := &cluster{brokers: []*node{{}}}
	for what, want := range map[string]string{"kill {leader}": "앞 단계", "kill 0 7": `"7"`} {
		if err := c.do(t.Context(), what); err == nil || !strings.Contains(Problem(err, Korean), want) {
			t.Errorf("%s: %v, want %s", what, err, want)
		}
	}
}

// At a suggestion commands are run as often as the person likes; what was typed in place of a program
// in the background is told when it ends at once.
func TestPeopleTryCommands(t *testing.T) {
	program, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	s := &Session{cluster: &cluster{dir: t.TempDir()}, program: program, patience: patience, vars: &vars{}, background: map[string]*background{}}
	defer s.endBackground()
	var out bytes.Buffer
	p := &Player{Session: s, Lang: English, In: bufio.NewReader(strings.NewReader("write a one\ncat a\n\n")), Out: &out}
	if err := p.step(t.Context(), &Step{Try: Text{"Write.", "쓰세요."}}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "$   one\n") {
		t.Errorf("%s", &out)
	}
	step := &Step{Start: "-c 'cat'", As: "reader"}
	if o := s.Do(t.Context(), step, "-c 'echo mistake'"); o.Err == nil || o.Output != "mistake\n" || s.background["reader"] != nil {
		t.Errorf("%+v", o)
	}
	if o := s.Do(t.Context(), step, "-c 'cat; :'"); o.Err != nil || s.background["reader"] == nil {
		t.Errorf("%+v", o)
	}
}

func TestExpectationsComeInOrder(t *testing.T) {
	const output = "Leader: 2\nIsr: 2,0\n"
	v := &vars{words: map[string]string{"leader": "2"}}
	for _, c := range []struct {
		step Step
		ok   bool
	}{
		{Step{Expect: []string{"Leader", "Isr"}}, true},
		{Step{Expect: []string{"Isr", "Leader"}}, false},
		{Step{Expect: []string{"re:^Isr: \\d,\\d$"}}, true},
		{Step{Expect: []string{"Leader: {leader}"}}, true},
		{Step{Expect: []string{"Leader: {nobody}"}}, false},
		{Step{Absent: []string{"Isr"}}, false},
		{Step{Absent: []string{"re:Isr: \\d$"}}, true},
	} {
		if err := mismatch(&c.step, v, output); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c.step, err)
		}
	}
	if err := v.capture(&Step{Capture: map[string]string{"first": `Isr: (\d)`}}, output); err != nil || v.expand("{first}") != "2" {
		t.Error(v.words, err)
	}
	if v.capture(&Step{Capture: map[string]string{"x": `(none)`}}, output) == nil {
		t.Error("captured what is not there")
	}
}

func TestProseIsWrappedByColumns(t *testing.T) {
	for _, line := range wrap("리더가 죽으면 팔로워가 이어받습니다 and goes on", 20) {
		if len([]rune(line)) > 20 {
			t.Error(line)
		}
	}
	if got := wrap("a b c", 3); !slices.Equal(got, []string{"a b", "c"}) {
		t.Errorf("%q", got)
	}
}

func TestAskingEndsWithTheInput(t *testing.T) {
	var out bytes.Buffer
	p := &Player{In: bufio.NewReader(strings.NewReader("\nls\nq\n")), Out: &out, Lang: English}
	for _, want := range []string{"", "ls"} {
		if got, err := p.ask(t.Context(), "?"); got != want || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	}
	if _, err := p.ask(t.Context(), "?"); err != ErrQuit {
		t.Error(err)
	}
	if _, err := p.ask(t.Context(), "?"); err != ErrQuit {
		t.Errorf("at the end of the input: %v", err)
	}
}

// A line that cannot be run at all is answered with the reason, not with silence.
func TestLinesThatCannotRunAreExplained(t *testing.T) {
	s := &Session{cluster: &cluster{dir: t.TempDir()}, patience: time.Hour, vars: &vars{}} // nobody is to wait for it
	for typed, want := range map[string]Text{
		"kafka-topics.sh 'open": {"a ' is open", "' 따옴표가 닫히지"},
		"ls /":                  {"/ is not in", "/ 파일이 없습니다"},
		"ls | sort":             {"behind a | only", "| 뒤에는 grep"},
		"ls . | grep (":         {"grep: error parsing", "정규 표현식이 잘못"},
		"| head -1":             {"there is no command", "명령이 없습니다"},
		"cat nothing":           {"nothing: there is no such file", "nothing: 그런 파일이나 디렉터리가 없습니다"},
		"write":                 {"write FILE TEXT", "write 파일 내용"},
	} {
		for l, want := range map[Lang]string{English: want.English, Korean: want.Korean} {
			var out bytes.Buffer
			p := &Player{Session: s, Lang: l, In: bufio.NewReader(strings.NewReader(typed + "\nq\n")), Out: &out, Width: 300}
			if err := p.perform(t.Context(), &Step{Run: "ls .", Until: true, Expect: []string{"something"}}); err != ErrQuit {
				t.Error(err)
			}
			if n := strings.Count(out.String(), want); n != 1 {
				t.Errorf("%s: %q is said %d times in\n%s", typed, want, n, &out)
			}
		}
	}
	for _, step := range []Step{{Wait: "nobody"}, {Start: "| ls", As: "x"}} {
		var why *reason
		if o := s.Do(t.Context(), &step, ""); !errors.As(o.Err, &why) {
			t.Errorf("%+v: %v", step, o.Err)
		}
	}
}

func TestWhoLeavesIsToldHowToComeBack(t *testing.T) {
	for l, want := range map[Lang]string{English: "(To go on from here later: momus tour 6 7)\n", Korean: "(나중에 여기부터 계속하려면: momus tour 6 7)\n"} {
		var out bytes.Buffer
		p := &Player{Lang: l, Out: &out}
		if p.Leave([]*Chapter{{Number: 6}, {Number: 7}}); out.String() != want {
			t.Errorf("%q", &out)
		}
	}
}

// Ctrl-C at a prompt leaves, although no line comes.
func TestAskingEndsWithTheContext(t *testing.T) {
	in, typing := io.Pipe()
	defer typing.Close()
	ctx, cancel := context.WithCancel(t.Context())
	p := &Player{In: bufio.NewReader(in), Out: writer(func([]byte) { cancel() }), Width: 80, Size: func() (int, int) { return 100, 30 }}
	if _, err := p.ask(ctx, "?"); err != ErrQuit {
		t.Error(err)
	}
	if p.Width != 100 || p.Height != 30 {
		t.Errorf("%d×%d: the terminal was changed meanwhile", p.Width, p.Height)
	}
}

// writer is called with what is written.
type writer func(p []byte)

func (w writer) Write(p []byte) (int, error) {
	w(p)
	return len(p), nil
}

// The card is whole in both languages and fits a terminal.
func TestReferenceCard(t *testing.T) {
	c, err := ReferenceCard()
	if err != nil {
		t.Fatal(err)
	}
	if !c.Title.whole() || !c.Footer.whole() || c.Footer.empty() || !c.Less.whole() || c.Less.empty() {
		t.Error("title or footer is missing in a language")
	}
	for _, s := range c.Sections {
		if s.Title.empty() || !s.Title.whole() || len(s.Rows) == 0 {
			t.Errorf("%+v", s)
		}
		for _, r := range s.Rows {
			if (r.Word == "") == (r.Run == "") || r.Text.empty() || !r.Text.whole() {
				t.Errorf("%s: %+v", s.Title.English, r)
			}
		}
	}
	for _, l := range []Lang{English, Korean} {
		// Narrower than one column of it the card does not become.
		for terminal, highest := range map[int]int{0: 88, 80: 88, 100: 88, 131: 62, 163: 50, 200: 42, 400: 40} {
			text := c.Print(l, terminal, 0)
			lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
			if len(lines) > highest {
				t.Errorf("%s: %d lines on %d columns, instead of %d", l, len(lines), terminal, highest)
			}
			for _, line := range lines {
				if width(line) > max(terminal, cardWidth) || strings.HasSuffix(line, " ") {
					t.Errorf("%d columns: %q", width(line), line)
				}
			}
			// Nothing is left out in any form.
			packed := strings.Join(strings.Fields(text), "")
			for _, s := range c.Sections {
				if !strings.Contains(packed, strings.Join(strings.Fields(s.Title.In(l)), "")) {
					t.Errorf("%s on %d columns is without %s", l, terminal, s.Title.In(l))
				}
			}
		}
	}
}

func TestPartsOfTheCard(t *testing.T) {
	c, err := ReferenceCard()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range c.Sections {
		part, err := c.Parts([]string{s.Name})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range []Lang{English, Korean} {
			if n := strings.Count(part.Print(l, 80, 24), "\n"); n > 24 {
				t.Errorf("%s has %d lines in %s: more than a terminal", s.Name, n, l)
			}
		}
	}
	for rows, want := range map[int]bool{0: false, 24: true, 200: false} {
		if got := strings.HasSuffix(c.Print(English, 80, rows), "A part of it: momus tour --card PART (words, loss, topics, records, groups,\noperating, zookeeper, trouble)\n"); got != want {
			t.Errorf("%d rows: how to see less is told: %v", rows, got)
		}
	}
	if _, err := c.Parts([]string{"groups", "nothing"}); err == nil || !strings.Contains(err.Error(), `no part "nothing"; its parts are words, loss,`) {
		t.Error(err)
	}
}

// FuzzParse: no text of a chapter makes the loader panic.
func FuzzParse(f *testing.F) {
	f.Add([]byte("number: 1\nname: x\ntitle: {en: T, ko: 제목}\nsteps: [{run: ls, expect: [a]}]\n"))
	f.Fuzz(func(_ *testing.T, text []byte) { _, _ = Parse(text) })
}

// A person whose command did not print what was expected starts it again.
func TestWhatIsStartedAgainIsEndedFirst(t *testing.T) {
	program, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	s := &Session{cluster: &cluster{dir: t.TempDir()}, program: program, vars: &vars{}, background: map[string]*background{}}
	defer s.endBackground()
	step := &Step{Start: "60", As: "reader"}
	if o := s.Do(t.Context(), step, ""); o.Err != nil {
		t.Fatal(o.Err)
	}
	first := s.background["reader"]
	if o := s.Do(t.Context(), step, "61"); o.Err != nil {
		t.Fatal(o.Err)
	}
	select {
	case <-first.done:
	default:
		t.Error("the first one runs on, and nobody will end it")
		_ = first.cmd.Process.Kill()
	}
	if len(s.order) != 1 {
		t.Errorf("in the background: %q", s.order)
	}
}

// FuzzPipeline: what a learner types makes nothing but a command, filters that are there, and an
// error.
func FuzzPipeline(f *testing.F) {
	for _, line := range []string{"a 'b c' | grep -v x | head -3", "| |", "'", "a | tail -n 99999999999999999999", "a|grep '['"} {
		f.Add(line, "one\ntwo\n")
	}
	f.Fuzz(func(t *testing.T, line, output string) {
		_, through, err := pipeline(line)
		if err == nil && len(pass(output, through)) > len(output)+1 {
			t.Errorf("%q made more of %q", line, output)
		}
		for _, l := range shellLines(line, 20) {
			fold(l, 20)
		}
	})
}
