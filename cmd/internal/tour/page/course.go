// Package page is the course in a browser: the script of momus tour beside the picture of the
// cluster that it plays on. Each step has a button that runs exactly the command that is shown.
package page

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"momus/cmd/internal/tour"
	"momus/internal/fan"
)

// runner is what a Course plays on; *tour.Session in life.
type runner interface {
	Begin(ctx context.Context) error
	Do(ctx context.Context, step *tour.Step, typed string) tour.Outcome
	News(ctx context.Context, lang tour.Lang) []string
	Brokers() int
	Shown(step *tour.Step) string
	Expand(text string) string
}

// Course is where a learner stands. Its methods may be called from any goroutine; what takes time
// runs in one goroutine of its own, and State tells how it goes.
type Course struct {
	session  runner
	chapters []*tour.Chapter
	ctx      context.Context
	stop     context.CancelFunc
	work     sync.WaitGroup

	mu      sync.Mutex
	chapter *tour.Chapter // nil before the first is opened
	steps   []progress    // one for each step of chapter
	next    int           // the first step that has not been carried out
	busy    bool          // something runs, and the session is its
	problem string        // why the chapter could not be opened, or what is still wrong
	solved  bool          // the exercise is
	checked *Result       // what the last check of the exercise printed, if it is not solved
	free    *Result       // of the last command that belongs to no step
}

// progress is what came of a step.
type progress struct {
	Done    bool     `json:"done"`
	Running bool     `json:"running"`
	Result  *Result  `json:"result,omitempty"`
	Inside  []string `json:"inside,omitempty"` // what the brokers' journals said meanwhile
}

// Result is what a command printed, and in which way that was not as expected.
type Result struct {
	Command string `json:"command,omitempty"`
	Output  string `json:"output"`
	Problem string `json:"problem,omitempty"`
	Why     string `json:"why,omitempty"` // what kept it from running, or from ending
}

// Errors of what a learner asks for.
var (
	errBusy    = tour.Because("something is still running", "아직 실행 중입니다")
	errOrder   = tour.Because("the steps above come first", "앞 단계를 먼저 하세요")
	errMoved   = tour.Because("the course has gone on in another window; here it is where it stands", "다른 창에서 과정이 진행되었습니다. 지금 상태를 보여 줍니다")
	errNothing = tour.Because("there is nothing of that kind to do", "할 수 있는 일이 아닙니다")
)

// New makes a course; Close ends it. The session must outlive it.
func New(session runner, chapters []*tour.Chapter) *Course {
	c := &Course{session: session, chapters: chapters}
	c.ctx, c.stop = context.WithCancel(context.Background())
	return c
}

// Close ends what runs.
func (c *Course) Close() {
	c.stop()
	c.work.Wait()
}

// begin takes the session for work, which runs beside the caller. c.mu is held.
func (c *Course) begin(work func(ctx context.Context)) error {
	if c.busy {
		return errBusy
	}
	c.busy = true
	c.work.Go(func() { // ended by Close
		fault := fan.Guard(func() { work(c.ctx) })
		c.mu.Lock()
		defer c.mu.Unlock()
		c.busy = false
		// What runs beside the course, brokers and page, goes on.
		if fault != nil {
			c.problem = fmt.Sprintf("This program has a fault; please report it. panic: %s", fault)
		}
	})
	return nil
}

// Open begins a chapter. An exercise is broken first, as its hidden steps say.
func (c *Course) Open(name string, lang tour.Lang) error {
	at := slices.IndexFunc(c.chapters, func(x *tour.Chapter) bool { return x.Name == name })
	if at < 0 {
		return tour.Because("there is no chapter %q", "%q 장이 없습니다", name)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy {
		return errBusy
	}
	c.chapter = c.chapters[at]
	c.steps, c.next, c.problem, c.solved, c.checked, c.free = make([]progress, len(c.chapter.Steps)), 0, "", false, nil, nil
	return c.begin(func(ctx context.Context) {
		err := c.session.Begin(ctx)
		if err == nil {
			err = c.hidden(ctx, len(c.steps))
		}
		c.session.News(ctx, lang) // what came before does not belong to the chapter
		if err != nil {
			c.set(func() { c.problem = tour.Problem(err, lang) })
		}
	})
}

// Place is where a page believes that the course is: in a chapter, with a step to carry out next.
type Place struct {
	Chapter string
	Next    int
}

// isAt reports whether the course is there still: a page may be open twice.
func (c *Course) isAt(p Place) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.chapter != nil && c.chapter.Name == p.Chapter && c.next == p.Next
}

// set changes what State tells.
func (c *Course) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

// hidden carries out the steps that nobody sees, from next up to the first that is seen or before.
func (c *Course) hidden(ctx context.Context, before int) error {
	for {
		var i int
		c.set(func() {
			for c.next < len(c.steps) && !acts(&c.chapter.Steps[c.next], c.session.Brokers()) {
				c.next++
			}
			i = c.next
		})
		if i >= before || i >= len(c.steps) || !c.chapter.Steps[i].Hidden {
			return nil
		}
		step := &c.chapter.Steps[i]
		if o := c.session.Do(ctx, step, ""); o.Err != nil {
			return fmt.Errorf("%s: %w\n%s", c.session.Shown(step), o.Err, o.Output)
		}
		c.set(func() { c.next = i + 1 })
	}
}

// acts reports whether a step does something on a cluster of that many brokers.
func acts(s *tour.Step, brokers int) bool {
	return s.Needs <= brokers && s.Run+s.Start+s.Stop+s.Wait+s.Do != ""
}

// Step carries a step out. typed is what the learner wrote instead of its command, "" for that. A
// command that ends by itself may be run again.
func (c *Course) Step(i int, typed string, lang tour.Lang) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.busy:
		return errBusy
	case c.chapter == nil || i < 0 || i >= len(c.steps) || !acts(&c.chapter.Steps[i], c.session.Brokers()):
		return errNothing
	case i > c.next || i < c.next && c.chapter.Steps[i].Run == "":
		return errOrder
	}
	step := &c.chapter.Steps[i]
	c.steps[i] = progress{Done: c.steps[i].Done, Running: true}
	return c.begin(func(ctx context.Context) {
		o := c.session.Do(ctx, step, typed)
		p := progress{Done: o.Err == nil || c.steps[i].Done, Result: result("", o, lang), Inside: c.session.News(ctx, lang)}
		c.set(func() {
			c.steps[i] = p
			if p.Done {
				c.next = max(c.next, i+1)
			}
			if o.Err == nil && step.Repaired {
				c.solved, c.problem, c.checked = true, "", nil
			}
		})
		if err := c.hidden(ctx, len(c.steps)); err != nil {
			c.set(func() { c.problem = tour.Problem(err, lang) })
		}
	})
}

// Skip passes over the next step.
func (c *Course) Skip(i int, lang tour.Lang) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.busy:
		return errBusy
	case c.chapter == nil || i != c.next || i >= len(c.steps):
		return errOrder
	}
	c.next++
	return c.begin(func(ctx context.Context) {
		if err := c.hidden(ctx, len(c.steps)); err != nil {
			c.set(func() { c.problem = tour.Problem(err, lang) })
		}
	})
}

// maxShown bounds the output that a page is sent, again and again while something runs.
const maxShown = 32 << 10

// result is what a step or command printed, as a learner is shown it: its beginning and its end if it
// is long.
func result(command string, o tour.Outcome, lang tour.Lang) *Result {
	r := &Result{Command: command, Output: tour.Tidy(o.Output)}
	if n := len(r.Output); n > maxShown {
		r.Output = strings.ToValidUTF8(r.Output[:maxShown/2]+"\n…\n"+r.Output[n-maxShown/2:], "")
	}
	switch {
	case o.Why != nil:
		r.Why = tour.Problem(o.Why, lang)
	case o.Err != nil:
		r.Problem = tour.Problem(o.Err, lang)
	}
	return r
}

// Check looks whether an exercise is solved.
func (c *Course) Check(lang tour.Lang) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.chapter == nil || c.chapter.Goal == (tour.Text{}) || !acts(c.chapter.RepairCheck(), c.session.Brokers()) {
		return errNothing
	}
	check := *c.chapter.RepairCheck()
	check.Until = false // the learner waits, not the check
	return c.begin(func(ctx context.Context) {
		o := c.session.Do(ctx, &check, "")
		c.set(func() {
			if c.solved, c.problem, c.checked = o.Err == nil, "", nil; !c.solved {
				// The check's own output says how things stand, and not what to do.
				c.checked = result(c.session.Shown(&check), o, lang)
				c.problem = c.checked.Problem + c.checked.Why
			}
		})
	})
}

// Run runs a command that belongs to no step: what a learner wants to try.
func (c *Course) Run(command string, lang tour.Lang) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if command == "" {
		return errNothing
	}
	return c.begin(func(ctx context.Context) {
		o := c.session.Do(ctx, &tour.Step{Run: command}, "")
		c.set(func() { c.free = result(command, o, lang) })
	})
}
