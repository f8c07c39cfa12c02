package tour

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Lang is a language of the course.
type Lang string

// The languages.
const (
	English Lang = "en"
	Korean  Lang = "ko"
)

// Text is what people read, in each language.
type Text struct {
	English string `yaml:"en"`
	Korean  string `yaml:"ko"`
}

// In is the text in a language, without white space around it.
func (t Text) In(l Lang) string {
	if l == Korean {
		return strings.TrimSpace(t.Korean)
	}
	return strings.TrimSpace(t.English)
}

// empty reports whether there is nothing in either language.
func (t Text) empty() bool { return t == Text{} }

// Chapter is a lesson, or an exercise when it has Goal.
type Chapter struct {
	Number int    `yaml:"number"`
	Name   string `yaml:"name"` // as on the command line
	Title  Text   `yaml:"title"`
	Intro  Text   `yaml:"intro"`
	// Goal is what the learner has to find out or repair; the steps after the first Repaired are
	// the solution.
	Goal  Text   `yaml:"goal"`
	Steps []Step `yaml:"steps"`
}

// Step is one thing that happens. Run, Start, Wait, Stop, Do and Question say which; a step may
// have only Text.
type Step struct {
	Text Text `yaml:"text"`

	// Run is a command that ends by itself: a tool of Kafka with its arguments, or one of the
	// tour's own (see Session.run).
	Run string `yaml:"run"`
	// Start is a command that goes on in the background under the name As, until Stop names it.
	Start string `yaml:"start"`
	As    string `yaml:"as"`
	Stop  string `yaml:"stop"`
	// Wait is the name of a program in the background whose output has to have Expect.
	Wait string `yaml:"wait"`
	// Do is something that befalls the cluster: kill, pause, resume, restart, stop, break-disk or
	// mend-disk, and the number of a broker.
	Do string `yaml:"do"`

	// Input is what is typed into the command, before its end of file; for Start what is typed when
	// it is up.
	Input string `yaml:"input"`
	// Expect must come out, in this order: parts of lines, or a regular expression behind "re:".
	Expect []string `yaml:"expect"`
	// Absent must not come out.
	Absent []string `yaml:"absent"`
	// Until repeats the command until it prints what is expected, as things take a moment.
	Until bool `yaml:"until"`
	// Fails says that the command has to end with another status than 0.
	Fails bool `yaml:"fails"`
	// Capture keeps what the first group of a regular expression finds in the output, for {name} in
	// later steps.
	Capture map[string]string `yaml:"capture"`
	// Hidden commands are carried out without being shown: they break what an exercise is about.
	Hidden bool `yaml:"hidden"`
	// Needs is how many brokers the step takes; with fewer it is told and left out.
	Needs int `yaml:"needs"`

	Question Text `yaml:"question"`
	Answer   Text `yaml:"answer"`
	Try      Text `yaml:"try"` // what to try by oneself
	// Repaired marks the check that ends an exercise.
	Repaired bool `yaml:"repaired"`
}

// RepairCheck is the step that checks an exercise.
func (c *Chapter) RepairCheck() *Step {
	for i := range c.Steps {
		if c.Steps[i].Repaired {
			return &c.Steps[i]
		}
	}
	return &c.Steps[len(c.Steps)-1]
}

// Command is what the step runs, in the foreground or the background; "" for none.
func (s *Step) Command() string {
	if s.Run != "" {
		return s.Run
	}
	return s.Start
}

//go:embed chapters/*.yaml
var files embed.FS

// Chapters loads the course: chapters in order, then exercises.
func Chapters() ([]*Chapter, error) {
	names, err := fs.Glob(files, "chapters/*.yaml")
	if err != nil {
		return nil, err
	}
	var chapters []*Chapter
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		c, err := Parse(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path.Base(name), err)
		}
		chapters = append(chapters, c)
	}
	// Numbers decide, not the names of the files; those of exercises follow the chapters.
	slices.SortStableFunc(chapters, func(a, b *Chapter) int { return a.Number - b.Number })
	return chapters, nil
}

// Parse reads and checks a chapter. Unknown keys are errors, and so is a text that a language
// lacks.
func Parse(text []byte) (*Chapter, error) {
	c := &Chapter{}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(c); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return c, c.check()
}

// check finds what a chapter lacks; whatever a step starts has to be stopped by the end.
func (c *Chapter) check() error {
	switch {
	case c.Name == "" || c.Title.empty() || len(c.Steps) == 0:
		return errors.New("a chapter has a name, a title and steps")
	case !c.Title.whole() || !c.Intro.whole() || !c.Goal.whole():
		return errors.New("title, intro and goal are in both languages")
	}
	// Programs that go on are followed through the steps, so that none is waited for that does not
	// run.
	running := map[string]bool{}
	for i := range c.Steps {
		if err := c.Steps[i].check(running); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	if len(running) > 0 {
		return fmt.Errorf("not stopped at the end: %v", running)
	}
	return nil
}

// whole reports whether the text is in both languages, or in none.
func (t Text) whole() bool {
	return (strings.TrimSpace(t.English) == "") == (strings.TrimSpace(t.Korean) == "")
}

// check finds what is wrong with a step; running has the programs that earlier ones have left in
// the background.
func (s *Step) check(running map[string]bool) error {
	kinds := 0
	for _, k := range []string{s.Run, s.Start, s.Stop, s.Wait, s.Do} {
		if k != "" {
			kinds++
		}
	}
	switch {
	case kinds > 1:
		return errors.New("only one of run, start, stop, wait and do")
	case kinds == 0 && s.Text.empty() && s.Question.empty() && s.Try.empty():
		return errors.New("nothing happens")
	case !s.Text.whole() || !s.Question.whole() || !s.Answer.whole() || !s.Try.whole():
		return errors.New("a text is missing in a language")
	case s.Question.empty() != s.Answer.empty():
		return errors.New("a question has an answer")
	case (s.Start != "") != (s.As != ""):
		return errors.New("start and as go together")
	case (s.Wait != "" || s.Until) && len(s.Expect) == 0:
		return errors.New("nothing to wait for")
	case s.Wait != "" && !running[s.Wait], s.Stop != "" && !running[s.Stop]:
		return fmt.Errorf("%s%s is not running", s.Wait, s.Stop)
	}
	if s.Start != "" {
		running[s.As] = true
	}
	delete(running, s.Stop)
	return s.checkPatterns()
}

// checkPatterns compiles the expressions of a step, so that a chapter fails when it is read and not
// in its middle.
func (s *Step) checkPatterns() error {
	for _, e := range append(slices.Clone(s.Expect), s.Absent...) {
		if p, ok := strings.CutPrefix(e, "re:"); ok {
			if _, err := regexp.Compile(p); err != nil {
				return err
			}
		}
	}
	for name, p := range s.Capture {
		if r, err := regexp.Compile(p); err != nil || r.NumSubexp() != 1 {
			return fmt.Errorf("capture %s wants one group: %v", name, err)
		}
	}
	return nil
}
