package tour

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
)

// Player plays chapters to a person at a terminal, or to nobody.
type Player struct {
	Session *Session
	Lang    Lang
	In      *bufio.Reader // what the person types; nil to go on without asking
	Out     io.Writer
	Width   int  // columns; 0: 80
	Color   bool // the terminal shows colours

	seen map[string]uint64 // by broker, the last entry of its journal that was shown
}

// ErrQuit is returned when the person leaves.
var ErrQuit = errors.New("left")

// phrase is what the player itself says.
type phrase int

const (
	sayEnter phrase = iota
	sayCommand
	sayLeft
	sayNotYet
	sayInside
	sayQuestion
	sayAnswer
	sayTry
	sayGoal
	sayGoalEnter
	sayRepaired
	sayOutput
	sayStarted
	sayTyped
	sayWaits
	sayLess
)

var phrases = map[phrase]Text{
	sayEnter:     {"Enter: go on   q: leave", "Enter: 계속   q: 나가기"},
	sayCommand:   {"Enter: run it   or type it yourself   s: skip   q: leave", "Enter: 실행   직접 입력해도 됩니다   s: 건너뛰기   q: 나가기"},
	sayLeft:      {"(This step takes %d brokers: momus tour --brokers %d)", "(이 단계에는 브로커 %d대가 필요합니다: momus tour --brokers %d)"},
	sayNotYet:    {"That is not what should come out: %v", "기대한 결과가 아닙니다: %v"},
	sayInside:    {"What happened inside:", "안에서 일어난 일:"},
	sayQuestion:  {"Question:", "질문:"},
	sayAnswer:    {"Answer:", "답:"},
	sayTry:       {"Try it yourself:", "직접 해 보기:"},
	sayGoal:      {"Your task:", "할 일:"},
	sayGoalEnter: {"Use another terminal. Enter: check   s: show the solution   q: leave", "다른 터미널에서 해 보세요. Enter: 확인   s: 풀이 보기   q: 나가기"},
	sayRepaired:  {"Repaired.", "고쳤습니다."},
	sayOutput:    {"What %s has printed:", "%s 의 출력:"},
	sayStarted:   {"(runs in the background as %s)", "(%s 이라는 이름으로 뒤에서 실행 중)"},
	sayTyped:     {"(typed into it)", "(입력한 내용)"},
	sayWaits:     {"Waiting for %s …", "%s 기다리는 중 …"},
	sayLess:      {"… and %d more", "… 그 밖에 %d개"},
}

func (p *Player) say(w phrase, args ...any) string {
	return fmt.Sprintf(phrases[w].In(p.Lang), args...)
}

// Play plays a chapter. It returns ErrQuit when the person leaves, and without a person the first
// thing that is not as expected.
func (p *Player) Play(ctx context.Context, c *Chapter) error {
	if err := p.Session.Begin(ctx); err != nil {
		return err
	}
	p.journals(ctx) // what came before does not belong to the chapter
	p.heading(c)
	if !c.Goal.empty() {
		return p.exercise(ctx, c)
	}
	for i := range c.Steps {
		if err := p.step(ctx, &c.Steps[i]); err != nil {
			return fmt.Errorf("chapter %d, step %d: %w", c.Number, i+1, err)
		}
	}
	return nil
}

func (p *Player) heading(c *Chapter) {
	title := fmt.Sprintf("%d. %s", c.Number, c.Title.In(p.Lang))
	fmt.Fprintf(p.Out, "\n%s\n%s\n\n", p.paint(bold, title), strings.Repeat("=", runewidth.StringWidth(title)))
	if !c.Intro.empty() {
		p.prose("", c.Intro)
	}
}

// exercise breaks something, lets the person repair it, and checks; the steps behind the first
// visible one are the solution.
func (p *Player) exercise(ctx context.Context, c *Chapter) error {
	steps := c.Steps
	for len(steps) > 0 && steps[0].Hidden {
		if o := p.Session.Do(ctx, &steps[0], ""); o.Err != nil {
			return fmt.Errorf("%s: %w\n%s", p.Session.Shown(&steps[0]), o.Err, o.Output)
		}
		steps = steps[1:]
	}
	p.prose(p.say(sayGoal), c.Goal)
	for p.In != nil {
		answer, err := p.ask(p.say(sayGoalEnter))
		if err != nil {
			return err
		}
		if answer == "s" {
			break
		}
		check := *c.repaired()
		check.Until = false // the person waits, not the check
		o := p.Session.Do(ctx, &check, "")
		if o.Err == nil {
			fmt.Fprintln(p.Out, p.paint(green, p.say(sayRepaired)))
			return nil
		}
		fmt.Fprintln(p.Out, p.paint(red, p.say(sayNotYet, o.Err)))
	}
	for i := range steps {
		if err := p.step(ctx, &steps[i]); err != nil {
			return err
		}
	}
	fmt.Fprintln(p.Out, p.paint(green, p.say(sayRepaired)))
	return nil
}

// repaired is the step that checks an exercise.
func (c *Chapter) repaired() *Step {
	for i := range c.Steps {
		if c.Steps[i].Repaired {
			return &c.Steps[i]
		}
	}
	return &c.Steps[len(c.Steps)-1]
}

// step plays one step.
func (p *Player) step(ctx context.Context, s *Step) error {
	if !s.Text.empty() {
		p.prose("", s.Text)
	}
	if s.Needs > p.Session.Brokers() {
		fmt.Fprintf(p.Out, "%s\n\n", p.paint(dim, p.say(sayLeft, s.Needs, s.Needs)))
		return nil
	}
	if err := p.perform(ctx, s); err != nil {
		return err
	}
	if !s.Question.empty() {
		p.prose(p.say(sayQuestion), s.Question)
		if _, err := p.ask(p.say(sayEnter)); err != nil {
			return err
		}
		p.prose(p.say(sayAnswer), s.Answer)
	}
	if !s.Try.empty() {
		p.prose(p.say(sayTry), s.Try)
	}
	if s.Command() == "" {
		_, err := p.ask(p.say(sayEnter))
		return err
	}
	return nil
}

// perform carries out what a step does and shows what comes of it.
func (p *Player) perform(ctx context.Context, s *Step) error {
	typed := ""
	if command := s.Command(); command != "" && !s.Hidden {
		fmt.Fprintf(p.Out, "  %s\n", p.paint(bold, "$ "+p.Session.Shown(s)))
		if s.Input != "" {
			fmt.Fprintf(p.Out, "%s\n%s\n", indent(strings.TrimRight(p.Session.Expand(s.Input), "\n"), "  > "), p.paint(dim, "  "+p.say(sayTyped)))
		}
		answer, err := p.ask(p.say(sayCommand))
		if err != nil {
			return err
		}
		switch answer {
		case "s":
			return nil
		case "":
		default:
			typed = answer
		}
	}
	for {
		o := p.Session.Do(ctx, s, typed)
		p.show(s, o)
		if o.Err == nil {
			p.inside(ctx)
			return nil
		}
		if p.In == nil || ctx.Err() != nil {
			return fmt.Errorf("%s: %w; it printed:\n%s", p.what(s), o.Err, o.Output)
		}
		fmt.Fprintln(p.Out, p.paint(red, p.say(sayNotYet, o.Err)))
		answer, err := p.ask(p.say(sayCommand))
		if err != nil || answer == "s" {
			return err
		}
		typed = answer
	}
}

// what names a step in an error.
func (p *Player) what(s *Step) string {
	switch {
	case s.Command() != "":
		return p.Session.Shown(s)
	case s.Do != "":
		return p.Session.Expand(s.Do)
	case s.Stop != "":
		return "stop " + s.Stop
	}
	return "wait for " + s.Wait
}

// show prints what came of a step.
func (p *Player) show(s *Step, o Outcome) {
	switch {
	case s.Hidden:
		return
	case s.Start != "":
		fmt.Fprintln(p.Out, p.paint(dim, "  "+p.say(sayStarted, s.As)))
	case s.Do != "":
		fmt.Fprintln(p.Out, p.paint(yellow, "  * "+p.Session.Expand(s.Do)))
	case s.Wait != "" || s.Stop != "":
		fmt.Fprintln(p.Out, p.paint(dim, "  "+p.say(sayOutput, s.Wait+s.Stop)))
	}
	if text := strings.TrimRight(o.Output, "\n"); text != "" {
		fmt.Fprintln(p.Out, indent(text, "  "))
	}
	fmt.Fprintln(p.Out)
}

func indent(text, with string) string {
	return with + strings.ReplaceAll(text, "\n", "\n"+with)
}

// ask waits for a line; without a person the answer is "".
func (p *Player) ask(prompt string) (string, error) {
	if p.In == nil {
		return "", nil
	}
	fmt.Fprintf(p.Out, "%s ", p.paint(dim, "["+prompt+"]"))
	line, err := p.In.ReadString('\n')
	answer := strings.TrimSpace(line)
	if answer == "q" || err != nil && answer == "" {
		fmt.Fprintln(p.Out)
		return "", ErrQuit
	}
	return answer, nil
}

// mostInside bounds the lines that are shown of the journals after a step.
const mostInside = 6

// inside shows what the brokers' journals say of the time since the last step. A broker that is
// down says nothing.
func (p *Player) inside(ctx context.Context) {
	sentences := p.journals(ctx)
	if len(sentences) == 0 {
		return
	}
	fmt.Fprintln(p.Out, p.paint(dim, "  "+p.say(sayInside)))
	for i, line := range sentences {
		if i == mostInside {
			fmt.Fprintln(p.Out, p.paint(dim, "    "+p.say(sayLess, len(sentences)-mostInside)))
			break
		}
		for j, l := range wrap(line, p.width()-6) {
			fmt.Fprintln(p.Out, p.paint(dim, "  "+[]string{"· ", "  "}[min(j, 1)]+l))
		}
	}
	fmt.Fprintln(p.Out)
}

// journals reads what is new in the journals of all brokers.
func (p *Player) journals(ctx context.Context) (sentences []string) {
	if p.seen == nil {
		p.seen = map[string]uint64{}
	}
	for _, base := range p.Session.Web() {
		more, last, err := journal(ctx, base, p.seen[base], p.Lang)
		if err == nil && last < p.seen[base] { // the broker was started again, and so was its journal
			more, last, err = journal(ctx, base, 0, p.Lang)
		}
		if err == nil {
			p.seen[base] = last
			sentences = append(sentences, more...)
		}
	}
	return sentences
}

// journal asks a broker what it did since an entry of its journal, and which entry is the last now.
func journal(ctx context.Context, base string, since uint64, lang Lang) (sentences []string, last uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	q := url.Values{"lang": {string(lang)}, "since": {strconv.FormatUint(since, 10)}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/journal?"+q.Encode(), nil)
	if err != nil {
		return nil, 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer resp.Body.Close()
	var answer struct {
		Last    uint64
		Entries []struct{ Sentence string }
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 16<<20)).Decode(&answer); err != nil {
		return nil, 0, fmt.Errorf("the journal of %s: %w", base, err)
	}
	for _, e := range answer.Entries {
		sentences = append(sentences, e.Sentence)
	}
	return sentences, answer.Last, nil
}

// The colours of a terminal.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func (p *Player) paint(color, text string) string {
	if !p.Color {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

func (p *Player) width() int {
	if p.Width <= 0 {
		return 80
	}
	return p.Width
}

// prose prints paragraphs, wrapped. Lines that begin with a blank stay as they are.
func (p *Player) prose(label string, t Text) {
	text := p.Session.Expand(t.In(p.Lang))
	for i, paragraph := range strings.Split(text, "\n\n") {
		if i == 0 && label != "" {
			paragraph = label + " " + paragraph
		}
		if strings.HasPrefix(paragraph, " ") {
			fmt.Fprintf(p.Out, "%s\n\n", paragraph)
			continue
		}
		for _, line := range wrap(paragraph, min(p.width(), 80)-2) {
			fmt.Fprintln(p.Out, line)
		}
		fmt.Fprintln(p.Out)
	}
}

// wrap breaks text at blanks into lines of at most width columns.
func wrap(text string, width int) (lines []string) {
	line := ""
	for _, w := range strings.Fields(text) {
		if line != "" && runewidth.StringWidth(line)+1+runewidth.StringWidth(w) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += w
	}
	return append(lines, line)
}
