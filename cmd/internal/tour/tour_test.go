package tour

import (
	"bufio"
	"bytes"
	"slices"
	"strings"
	"testing"
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
	for _, c := range []struct{ text, want string }{
		{head + "  - {run: ls, start: ls, as: a}\n", "only one of"},
		{head + "  - {text: {en: only}}\n", "missing in a language"},
		{head + "  - {question: {en: why, ko: 왜}}\n", "a question has an answer"},
		{head + "  - {start: ls}\n", "start and as go together"},
		{head + "  - {wait: nobody, expect: [x]}\n", "nobody is not running"},
		{head + "  - {stop: nobody}\n", "nobody is not running"},
		{head + "  - {start: ls, as: a}\n", "not stopped at the end"},
		{head + "  - {run: ls, until: true}\n", "nothing to wait for"},
		{head + "  - {run: ls, expect: [\"re:(\"]}\n", "missing closing"},
		{head + "  - {run: ls, capture: {a: x}}\n", "wants one group"},
		{head + "  - {}\n", "nothing happens"},
		{head + "  - {rum: ls}\n", "field rum not found"},
		{"name: x\n", "has a name, a title and steps"},
		{"number: 1\nname: x\ntitle: {en: T}\nsteps: [{run: ls}]\n", "in both languages"},
	} {
		if _, err := Parse([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\nis %v, want %q", c.text, err, c.want)
		}
	}
}

func TestWordsSplitAsAShellDoes(t *testing.T) {
	for line, want := range map[string][]string{
		`a  b`:              {"a", "b"},
		`a 'b c' d`:         {"a", "b c", "d"},
		`a "b 'c'" d''e`:    {"a", "b 'c'", "de"},
		`write f '{"v":1}'`: {"write", "f", `{"v":1}`},
		` `:                 nil,
		`a ''`:              {"a", ""},
	} {
		if got, err := words(line); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s is %q, %v", line, got, err)
		}
	}
	if _, err := words(`a 'b`); err == nil {
		t.Error("an open quote was accepted")
	}
}

func TestExpectationsComeInOrder(t *testing.T) {
	const output = "Leader: 2\nIsr: 2,0\n"
	v := vars{"leader": "2"}
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
	if err := v.capture(&Step{Capture: map[string]string{"first": `Isr: (\d)`}}, output); err != nil || v["first"] != "2" {
		t.Error(v, err)
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
		if got, err := p.ask("?"); got != want || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	}
	if _, err := p.ask("?"); err != ErrQuit {
		t.Error(err)
	}
	if _, err := p.ask("?"); err != ErrQuit {
		t.Errorf("at the end of the input: %v", err)
	}
}

// FuzzParse: no text of a chapter makes the loader panic.
func FuzzParse(f *testing.F) {
	f.Add([]byte("number: 1\nname: x\ntitle: {en: T, ko: 제목}\nsteps: [{run: ls, expect: [a]}]\n"))
	f.Fuzz(func(_ *testing.T, text []byte) { _, _ = Parse(text) })
}
