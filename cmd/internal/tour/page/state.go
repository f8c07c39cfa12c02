package page

import (
	"strings"

	"momus/cmd/internal/tour"
)

// State is what the page shows, in one language.
type State struct {
	Chapters []Title `json:"chapters"`
	// Chapter is the one that is open; nil for none.
	Chapter *Chapter `json:"chapter,omitempty"`
	Busy    bool     `json:"busy"`
	Problem string   `json:"problem,omitempty"`
	Solved  bool     `json:"solved"`
	Checked *Result  `json:"checked,omitempty"` // what the check printed
	Free    *Result  `json:"free,omitempty"`
	// Kafka and ZooKeeper are the addresses for commands of the learner's own.
	Kafka     string `json:"kafka"`
	ZooKeeper string `json:"zookeeper"`
}

// Title is a chapter in the list.
type Title struct {
	Number   int    `json:"number"`
	Name     string `json:"name"`
	Title    string `json:"title"`
	Exercise bool   `json:"exercise"`
}

// Chapter is the one that is open.
type Chapter struct {
	Title
	Intro string `json:"intro,omitempty"`
	Goal  string `json:"goal,omitempty"`
	Needs int    `json:"needs,omitempty"` // brokers for an exercise, if there are fewer
	Next  int    `json:"next"`            // the step to carry out next
	Steps []Step `json:"steps"`
}

// Step is a step that is shown.
type Step struct {
	progress
	Index    int    `json:"index"`
	Text     string `json:"text,omitempty"`
	Kind     string `json:"kind,omitempty"` // run, start, stop, wait or do; "" for a text alone
	Command  string `json:"command,omitempty"`
	As       string `json:"as,omitempty"` // the program in the background
	Input    string `json:"input,omitempty"`
	Needs    int    `json:"needs,omitempty"` // brokers, if there are fewer
	Question string `json:"question,omitempty"`
	Answer   string `json:"answer,omitempty"`
	Try      string `json:"try,omitempty"`
}

// State tells where the learner stands.
func (c *Course) State(lang tour.Lang) *State {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &State{Busy: c.busy, Problem: c.problem, Solved: c.solved, Checked: c.checked, Free: c.free,
		Kafka: c.session.Expand("{bootstrap}"), ZooKeeper: c.session.Expand("{zookeeper}")}
	for _, x := range c.chapters {
		s.Chapters = append(s.Chapters, title(x, lang))
	}
	if c.chapter == nil {
		return s
	}
	text := func(t tour.Text) string { return flowing(tour.Blanked(c.session.Expand(t.In(lang)))) }
	s.Chapter = &Chapter{Title: title(c.chapter, lang), Intro: text(c.chapter.Intro), Goal: text(c.chapter.Goal), Next: c.next}
	if n := c.chapter.RepairCheck().Needs; s.Chapter.Exercise && n > c.session.Brokers() {
		s.Chapter.Needs = n
	}
	for i := range c.chapter.Steps {
		x := &c.chapter.Steps[i]
		if x.Hidden {
			continue
		}
		step := Step{progress: c.steps[i], Index: i, Text: text(x.Text), Input: c.session.Expand(x.Input),
			Question: text(x.Question), Answer: text(x.Answer), Try: text(x.Try)}
		step.Kind, step.Command, step.As = action(x)
		step.Command = tour.Blanked(c.session.Expand(step.Command))
		if step.Kind == "do" {
			step.Command = tour.Deed(step.Command, lang)
		}
		if x.Needs > c.session.Brokers() {
			step.Needs = x.Needs
		}
		s.Chapter.Steps = append(s.Chapter.Steps, step)
	}
	return s
}

// flowing is a text without the ends of lines that its file has within paragraphs; those that begin
// with a blank stay as they are.
func flowing(text string) string {
	paragraphs := strings.Split(strings.TrimRight(text, "\n"), "\n\n")
	for i, p := range paragraphs {
		if !strings.HasPrefix(p, " ") {
			paragraphs[i] = strings.Join(strings.Fields(p), " ")
		}
	}
	return strings.Join(paragraphs, "\n\n")
}

// title is a chapter in the list; one with a goal is an exercise.
func title(c *tour.Chapter, lang tour.Lang) Title {
	return Title{Number: c.Number, Name: c.Name, Title: c.Title.In(lang), Exercise: c.Goal != tour.Text{}}
}

// action says what a step does, with which words, and which program in the background it is about.
func action(s *tour.Step) (kind, words, as string) {
	switch {
	case s.Run != "":
		return "run", s.Run, ""
	case s.Start != "":
		return "start", s.Start, s.As
	case s.Stop != "":
		return "stop", "", s.Stop
	case s.Wait != "":
		return "wait", "", s.Wait
	case s.Do != "":
		return "do", s.Do, ""
	}
	return "", "", ""
}
