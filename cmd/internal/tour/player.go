package tour

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
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
	Width   int  // columns of the terminal; 0 for none: prose has 80 then, and output is as it is
	Height  int  // rows of the terminal; 0 for none: output is shown whole
	Color   bool // the terminal shows colours
	// Size tells Width and Height, which a person changes at any time; nil if they stay.
	Size func() (width, height int)
}

// ErrQuit is returned when the person leaves.
var ErrQuit = errors.New("left")

// phrase is what the player itself says.
type phrase int

const (
	sayEnter phrase = iota
	sayCommand
	sayLeft
	sayTooFew
	sayNotYet
	sayStill
	sayInside
	sayQuestion
	sayAnswer
	sayTry
	sayTryEnter
	sayGoal
	sayGoalEnter
	sayRepaired
	sayOutput
	sayStarted
	sayTyped
	sayMoment
	sayLess
	sayCut
	sayMore
	sayNothing
	sayDone
	sayResume
)

// phrases are all words of the player that do not come from a chapter, in English and Korean. Keys
// and commands are the same in both.
var phrases = map[phrase]Text{
	sayEnter:     {"Enter: go on   q: leave", "Enter: 계속   q: 나가기"},
	sayCommand:   {"Enter: run it   or type it yourself   s: skip   q: leave", "Enter: 실행   직접 입력해도 됩니다   s: 건너뛰기   q: 나가기"},
	sayLeft:      {"(%d steps are left out. They take more brokers:\n momus tour --brokers %d %s)", "(%d단계를 건너뜁니다. 브로커가 더 필요합니다:\n momus tour --brokers %d %s)"},
	sayTooFew:    {"(This exercise takes %d brokers: momus tour --brokers %d %s)", "(이 연습에는 브로커 %d대가 필요합니다: momus tour --brokers %d %s)"},
	sayNotYet:    {"Not yet: %s", "아직 아닙니다: %s"},
	sayStill:     {"Not repaired yet: this is how it stands.", "아직 고쳐지지 않았습니다. 지금은 이렇습니다."},
	sayInside:    {"What happened inside:", "안에서 일어난 일:"},
	sayQuestion:  {"Question:", "질문:"},
	sayAnswer:    {"Answer:", "답:"},
	sayTry:       {"Try it yourself:", "직접 해 보기:"},
	sayTryEnter:  {"Type commands, or Enter: go on   q: leave", "명령을 입력하세요.   Enter: 계속   q: 나가기"},
	sayGoal:      {"Your task:", "할 일:"},
	sayGoalEnter: {"Type commands.   Enter: check   s: show the solution   q: leave", "명령을 입력하세요.   Enter: 확인   s: 풀이 보기   q: 나가기"},
	sayRepaired:  {"Repaired.", "고쳤습니다."},
	sayOutput:    {"What %s has printed:", "%s의 출력:"},
	sayStarted:   {"(runs in the background as %s)", "(뒤에서 실행 중: %s)"},
	sayTyped:     {"and is given these lines:", "실행하고 나서 다음 줄을 입력합니다:"},
	sayMoment:    {"(this takes a moment …)", "(잠시 기다려 주세요 …)"},
	sayLess:      {"… and %d more", "… 그 밖에 %d개"},
	sayCut:       {"… %d more lines …", "… %d줄 더 있음 …"},
	sayMore:      {"Enter: go on   m: show all lines   q: leave", "Enter: 계속   m: 모두 보기   q: 나가기"},
	sayNothing:   {"(it printed nothing)", "(출력 없음)"},
	sayDone:      {"This chapter is done.", "이 장을 마쳤습니다."},
	sayResume:    {"(To go on from here later: momus tour %s)", "(나중에 여기부터 계속하려면: momus tour %s)"},
}

// say is a phrase in the language of the course.
func (p *Player) say(w phrase, args ...any) string {
	return fmt.Sprintf(phrases[w].In(p.Lang), args...)
}

// Play plays a chapter. It returns ErrQuit when the person leaves, and without a person the first
// thing that is not as expected.
func (p *Player) Play(ctx context.Context, c *Chapter) error {
	if err := p.Session.Begin(ctx); err != nil {
		return err
	}
	p.Session.News(ctx, p.Lang) // what came before does not belong to the chapter
	p.heading(c)
	if !c.Goal.empty() {
		return p.exercise(ctx, c)
	}
	for i := 0; i < len(c.Steps); i++ {
		if n := leftOut(c.Steps[i:], p.Session.Brokers()); n > 0 {
			fmt.Fprintf(p.Out, "%s\n\n", p.paint(dim, p.say(sayLeft, n, c.Steps[i].Needs, c.Name)))
			i += n - 1
			continue
		}
		if err := p.step(ctx, &c.Steps[i]); err != nil {
			return fmt.Errorf("chapter %d, step %d: %w", c.Number, i+1, err)
		}
	}
	fmt.Fprintln(p.Out, p.paint(green, p.say(sayDone)))
	return nil
}

// Leave tells a person who leaves how to come back to the chapters that are left.
func (p *Player) Leave(left []*Chapter) {
	numbers := make([]string, len(left))
	for i, c := range left {
		numbers[i] = strconv.Itoa(c.Number)
	}
	for _, line := range wrap(p.say(sayResume, strings.Join(numbers, " ")), p.width()-2) {
		fmt.Fprintln(p.Out, p.paint(dim, line))
	}
}

// leftOut is how many of the next steps take more brokers than there are.
func leftOut(steps []Step, brokers int) (n int) {
	for n < len(steps) && steps[n].Needs > brokers {
		n++
	}
	return n
}

// heading prints number and title, underlined over the width that they take: a Korean letter takes
// two columns.
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
	if n := c.RepairCheck().Needs; n > p.Session.Brokers() {
		fmt.Fprintf(p.Out, "%s\n\n", p.paint(dim, p.say(sayTooFew, n, n, c.Name)))
		return nil
	}
	for len(steps) > 0 && steps[0].Hidden {
		if o := p.Session.Do(ctx, &steps[0], ""); o.Err != nil {
			return fmt.Errorf("%s: %w\n%s", p.Session.Shown(&steps[0]), o.Err, o.Output)
		}
		steps = steps[1:]
	}
	p.Session.News(ctx, p.Lang) // how it was broken is not told
	p.prose(p.say(sayGoal), c.Goal)
	solved, err := p.repair(ctx, c)
	if err != nil || solved {
		return err
	}
	for i := range steps {
		if err := p.step(ctx, &steps[i]); err != nil {
			return err
		}
	}
	fmt.Fprintln(p.Out, p.paint(green, p.say(sayRepaired)))
	return nil
}

// repair lets the person try commands until the check of an exercise says that it is repaired, which
// it reports; it is not when the person gives up, or is nobody.
func (p *Player) repair(ctx context.Context, c *Chapter) (solved bool, err error) {
	for p.In != nil {
		answer, err := p.askCommand(ctx, sayGoalEnter)
		if err != nil || answer == "s" {
			return false, err
		}
		if answer != "" {
			if err := p.own(ctx, answer); err != nil {
				return false, err
			}
			continue
		}
		check := *c.RepairCheck()
		check.Until = false // the person waits, not the check
		o := p.do(ctx, &check, "")
		if o.Err == nil {
			fmt.Fprintln(p.Out, p.paint(green, p.say(sayRepaired)))
			return true, nil
		}
		// The check's own output says how things stand, and not what to do.
		p.command(p.Session.Shown(&check))
		if err := p.show(ctx, &check, o); err != nil {
			return false, err
		}
		fmt.Fprintln(p.Out, p.paint(red, p.say(sayStill)))
	}
	return false, nil
}

// own runs a command that belongs to no step.
func (p *Player) own(ctx context.Context, command string) error {
	step := &Step{Run: command}
	return p.show(ctx, step, p.do(ctx, step, ""))
}

// command shows a command line.
func (p *Player) command(line string) {
	for i, l := range shellLines(line, p.width()-4) {
		fmt.Fprintf(p.Out, "  %s\n", p.paint(bold, []string{"$ ", ""}[min(i, 1)]+l))
	}
}

// moment is after how long a person is told that something takes its time.
const moment = time.Second

// do carries a step out.
func (p *Player) do(ctx context.Context, s *Step, typed string) Outcome {
	if p.In == nil {
		return p.Session.Do(ctx, s, typed)
	}
	said := make(chan struct{})
	timer := time.AfterFunc(moment, func() {
		defer close(said)
		fmt.Fprintln(p.Out, p.paint(dim, "  "+p.say(sayMoment)))
	})
	o := p.Session.Do(ctx, s, typed)
	if !timer.Stop() {
		<-said // nobody else writes meanwhile
	}
	return o
}

// step plays one step.
func (p *Player) step(ctx context.Context, s *Step) error {
	if !s.Text.empty() {
		p.prose("", s.Text)
	}
	if err := p.perform(ctx, s); err != nil {
		return err
	}
	if !s.Question.empty() {
		p.prose(p.say(sayQuestion), s.Question)
		if _, err := p.ask(ctx, p.say(sayEnter)); err != nil {
			return err
		}
		p.prose(p.say(sayAnswer), s.Answer)
	}
	if !s.Try.empty() {
		p.prose(p.say(sayTry), s.Try)
		for {
			answer, err := p.askCommand(ctx, sayTryEnter)
			if err != nil || answer == "" {
				return err
			}
			if err := p.own(ctx, answer); err != nil {
				return err
			}
		}
	}
	if s.Command() == "" {
		_, err := p.ask(ctx, p.say(sayEnter))
		return err
	}
	return nil
}

// perform carries out what a step does and shows what comes of it.
func (p *Player) perform(ctx context.Context, s *Step) error {
	if s.Run+s.Start+s.Wait+s.Stop+s.Do == "" {
		return nil // what happens meanwhile is told with the next step that does something
	}
	typed := ""
	if command := s.Command(); command != "" && !s.Hidden {
		p.command(p.Session.Shown(s))
		if s.Input != "" {
			fmt.Fprintf(p.Out, "%s\n%s\n", p.paint(dim, "  "+p.say(sayTyped)), indent(strings.TrimRight(p.Session.Expand(s.Input), "\n"), "  > "))
		}
		answer, err := p.askCommand(ctx, sayCommand)
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
		o := p.do(ctx, s, typed)
		if err := p.show(ctx, s, o); err != nil {
			return err
		}
		if o.Err == nil {
			p.inside(ctx)
			return nil
		}
		if p.In != nil && ctx.Err() != nil { // the person has pressed Ctrl-C while it ran
			return ErrQuit
		}
		if p.In == nil {
			return fmt.Errorf("%s: %w; it printed:\n%s", p.what(s), errors.Join(o.Err, o.Why), o.Output)
		}
		if o.Why == nil { // that is told already
			fmt.Fprintln(p.Out, p.paint(red, p.say(sayNotYet, Problem(o.Err, p.Lang))))
		}
		answer, err := p.askCommand(ctx, sayCommand)
		// Skipped: the chapter goes on, whatever did not come out.
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

// show prints what came of a step. More than fits on a screen is cut until the person wants to see
// it.
func (p *Player) show(ctx context.Context, s *Step, o Outcome) error {
	switch {
	case s.Hidden:
		return nil
	case s.Start != "":
		fmt.Fprintln(p.Out, p.paint(dim, "  "+p.say(sayStarted, s.As)))
	case s.Do != "":
		fmt.Fprintln(p.Out, p.paint(yellow, "  * "+Deed(Blanked(p.Session.Expand(s.Do)), p.Lang)))
	case s.Wait != "" || s.Stop != "":
		fmt.Fprintln(p.Out, p.paint(dim, "  "+p.say(sayOutput, s.Wait+s.Stop)))
	}
	var rows []string
	if Tidy(o.Output) != "" {
		rows = p.rows(o.Output)
	}
	switch {
	case o.Why != nil:
		for _, line := range wrap(Problem(o.Why, p.Lang), p.width()-4) {
			rows = append(rows, p.paint(red, "  "+line))
		}
	case rows == nil && (s.Run != "" && s.Input == "" || s.Wait != "" || s.Stop != ""):
		rows = []string{p.paint(dim, "  "+p.say(sayNothing))}
	}
	if most := p.Height - 8; p.In == nil || p.Height == 0 || len(rows) <= max(most, 8) {
		fmt.Fprint(p.Out, lines(rows), "\n")
		return nil
	}
	first, last := max(p.Height-14, 4), 4
	fmt.Fprint(p.Out, lines(rows[:first]), p.paint(dim, "  "+p.say(sayCut, len(rows)-first-last)), "\n", lines(rows[len(rows)-last:]))
	answer, err := p.ask(ctx, p.say(sayMore))
	if err != nil {
		return err
	}
	if answer == "m" {
		fmt.Fprint(p.Out, lines(rows))
	}
	fmt.Fprintln(p.Out)
	return nil
}

// lines are rows, each with its end.
func lines(rows []string) string {
	if len(rows) == 0 {
		return ""
	}
	return strings.Join(rows, "\n") + "\n"
}

// indent puts something before each line.
func indent(text, with string) string {
	return with + strings.ReplaceAll(text, "\n", "\n"+with)
}

// line is what a person has typed, or why there is no more.
type line struct {
	text string
	err  error
}

// ask waits for an answer of a letter or none.
func (p *Player) ask(ctx context.Context, prompt string) (string, error) {
	return p.read(ctx, p.paint(dim, "["+prompt+"]")+" ")
}

// read waits for a line; without a person it is "". Who presses Ctrl-C leaves, as with q.
func (p *Player) read(ctx context.Context, prompt string) (string, error) {
	if p.In == nil {
		return "", nil
	}
	fmt.Fprint(p.Out, prompt)
	typed := make(chan line, 1)
	// It ends with the line. When the person leaves without one there is no way to end a read of a
	// terminal, nobody asks again, and it ends with the process.
	go func() {
		text, err := p.In.ReadString('\n')
		typed <- line{text, err}
	}()
	var l line
	select {
	case l = <-typed:
	case <-ctx.Done():
		l.err = ctx.Err()
	}
	p.measure()
	// A last line without its end is an answer, too; an end without one is somebody leaving.
	answer := strings.TrimSpace(l.text)
	if answer == "q" || l.err != nil && answer == "" {
		fmt.Fprintln(p.Out)
		return "", ErrQuit
	}
	return answer, nil
}

// askCommand waits for a line where commands are typed, which have a line of the terminal for themselves.
func (p *Player) askCommand(ctx context.Context, w phrase) (string, error) {
	return p.read(ctx, p.paint(dim, "["+p.say(w)+"]")+"\n$ ")
}

// measure looks how large the terminal is now.
func (p *Player) measure() {
	if p.Size != nil {
		p.Width, p.Height = p.Size()
	}
}

// mostInside bounds the lines that are shown of the journals after a step.
const mostInside = 6

// inside shows what the brokers' journals say of the time since the last step. A broker that is
// down says nothing.
func (p *Player) inside(ctx context.Context) {
	sentences := p.Session.News(ctx, p.Lang)
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

// The colours of a terminal.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

// paint colours a text, with the codes that every terminal understands.
func (p *Player) paint(color, text string) string {
	if !p.Color {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// width is that of the terminal; 80 where there is none.
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
		// Lines beyond 80 columns are hard to read, also where there is room.
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
		// Korean letters are two columns wide.
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
