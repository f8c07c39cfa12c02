package tour

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// How long a step waits for what it expects: with nobody there as long as a slow machine may take, and
// less for a person, who can run it again.
const (
	patience         = 60 * time.Second
	patienceOfPeople = 20 * time.Second
)

// Session is a course under way: a cluster, and what chapters have started in the background. It is
// used by one caller at a time.
type Session struct {
	cluster    *cluster
	program    string // this program, which has all tools in it
	patience   time.Duration
	vars       *vars
	background map[string]*background
	order      []string          // names in background, in the order of their start
	seen       map[string]uint64 // by broker, the last entry of its journal that News has told
}

// Options say what a Session runs on.
type Options struct {
	Program string // the momus binary
	Dir     string // an empty directory for the cluster's data
	Brokers int    // 1 or more
	// Ports are those of the first broker and the coordination server; 0 for free ones.
	BrokerPort, ZooKeeperPort int
	// Person says that somebody waits for what the steps do.
	Person bool
}

// Outcome is what came of a step.
type Outcome struct {
	Output string // standard output and error together, as a person sees them
	// Err says in which way it was not as expected; nil if all is well.
	Err error
	// Why is what kept the command from running, or from ending by itself; nil if nothing did.
	// Problem tells it.
	Why error
	// Left says that the step takes more brokers than there are.
	Left bool
}

// NewSession starts a cluster and returns when it serves.
func NewSession(ctx context.Context, o Options) (*Session, error) {
	c, err := startCluster(ctx, o)
	if err != nil {
		return nil, err
	}
	s := &Session{cluster: c, program: o.Program, patience: patience, vars: &vars{}, background: map[string]*background{}, seen: map[string]uint64{}}
	if o.Person {
		s.patience = patienceOfPeople
	}
	s.reset()
	return s, nil
}

// Close ends everything that the session has started.
func (s *Session) Close() {
	s.endBackground()
	s.cluster.close()
}

// Brokers is how many brokers the cluster has.
func (s *Session) Brokers() int { return len(s.cluster.brokers) }

// Web lists the addresses of the brokers' HTTP ports.
func (s *Session) Web() []string { return s.cluster.web() }

// Begin prepares for a chapter: nothing of the last one runs, all brokers are up, its topics and
// groups are gone.
func (s *Session) Begin(ctx context.Context) error {
	s.endBackground()
	s.reset()
	if err := s.cluster.heal(ctx); err != nil {
		return err
	}
	return s.sweep(ctx)
}

// reset forgets what the steps of a chapter have remembered: what is left are the names in braces
// that every text and command may use.
func (s *Session) reset() {
	c := s.cluster
	words := map[string]string{
		"bootstrap": c.brokers[0].addr, "zookeeper": c.coordination.addr, "brokers": strconv.Itoa(len(c.brokers)),
		"factor": strconv.Itoa(min(3, len(c.brokers))), "dir": c.dir,
	}
	var all []string
	for i, b := range c.brokers {
		words["broker"+strconv.Itoa(i)], words["logs"+strconv.Itoa(i)] = b.addr, filepath.Join(b.dir, "logs")
		all = append(all, b.addr)
	}
	// Of every broker, for commands that are to find the cluster while the first one is down.
	words["all"] = strings.Join(all, ",")
	s.vars.mu.Lock()
	defer s.vars.mu.Unlock()
	s.vars.words = words
}

// sweep deletes what the last chapter has left: topics whose names begin with tour, and its groups.
func (s *Session) sweep(ctx context.Context) error {
	names, err := s.lines(ctx, "kafka-topics.sh --bootstrap-server {bootstrap} --list --exclude-internal")
	if err != nil {
		return err
	}
	for _, name := range names {
		// Topics of the learner's own with other names stay.
		if strings.HasPrefix(name, "tour") {
			if _, err := s.exec(ctx, "kafka-topics.sh --bootstrap-server {bootstrap} --delete --topic "+name, ""); err != nil {
				return err
			}
		}
	}
	groups, err := s.lines(ctx, "kafka-consumer-groups.sh --bootstrap-server {bootstrap} --list")
	if err != nil {
		return err
	}
	for _, name := range groups {
		if strings.HasPrefix(name, "tour") {
			// A group whose members have just been killed is deleted by the next sweep.
			_, _ = s.exec(ctx, "kafka-consumer-groups.sh --bootstrap-server {bootstrap} --delete --group "+name, "")
		}
	}
	return nil
}

// lines runs a command for the session itself and gives the words that it prints.
func (s *Session) lines(ctx context.Context, command string) ([]string, error) {
	out, err := s.exec(ctx, command, "")
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", command, err, out)
	}
	return strings.Fields(out), nil
}

// Shown is a step's command as a person would type it.
func (s *Session) Shown(step *Step) string { return s.vars.expand(step.Command()) }

// Expand replaces the words in braces of a text.
func (s *Session) Expand(text string) string { return s.vars.expand(text) }

// Do carries a step out. typed is the command to run instead of the step's own, "" for that.
func (s *Session) Do(ctx context.Context, step *Step, typed string) Outcome {
	if step.Needs > s.Brokers() {
		return Outcome{Left: true}
	}
	switch {
	case step.Run != "":
		return s.run(ctx, step, typed)
	case step.Start != "":
		return s.start(ctx, step, typed)
	case step.Wait != "":
		return s.wait(ctx, step)
	case step.Stop != "":
		return s.stop(step)
	case step.Do != "":
		err := s.cluster.do(ctx, s.vars.expand(step.Do))
		return Outcome{Err: err, Why: err}
	}
	return Outcome{}
}

// run runs a command to its end, again and again if the step waits for something.
func (s *Session) run(ctx context.Context, step *Step, typed string) (o Outcome) {
	command := step.Run
	if typed != "" {
		command = typed
	}
	// Things take a moment after a failure: sessions end, leaders change, followers come back.
	deadline := time.Now().Add(s.patience)
	for {
		var failed error
		o.Output, failed = s.exec(ctx, command, step.Input)
		o.Why = nil
		var exit *exec.ExitError
		if failed != nil && !errors.As(failed, &exit) {
			o.Why = failed
		}
		// What came out counts more than how the command ended: the first is the lesson.
		switch o.Err = mismatch(step, s.vars, o.Output); {
		case o.Err != nil:
		case failed == nil && step.Fails:
			o.Err = errSucceeded
		case failed != nil && !step.Fails:
			o.Err = failed
		}
		if o.Err == nil {
			o.Err = s.vars.capture(step, o.Output)
		}
		// A line of the learner's own that fails does so the next time, too.
		mistaken := typed != "" && failed != nil && !step.Fails
		if o.Err == nil || !step.Until || mistaken || time.Now().After(deadline) || ctx.Err() != nil {
			return o
		}
		pause(ctx, 200*time.Millisecond)
	}
}

// pause waits a little, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// exec runs a command line and returns what it prints. The tour's own words are ls, which lists a
// directory, cat, and write, which writes a text into a file.
func (s *Session) exec(ctx context.Context, line, input string) (string, error) {
	args, through, err := pipeline(s.vars.expand(line))
	if err != nil {
		return "", err
	}
	out, err := s.execArgs(ctx, args, input)
	return pass(out, through), err
}

// execArgs runs one command with an input and gives what it printed, both streams in the order in
// which they came. One that does not end by itself is ended after patience.
func (s *Session) execArgs(ctx context.Context, args []string, input string) (string, error) {
	if len(args) == 0 {
		return "", Because("there is no command", "명령이 없습니다")
	}
	if own, ok := builtins[args[0]]; ok {
		return s.builtin(args[0], own, args[1:])
	}
	// Not s.patience: some commands of the course are at work for that long.
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := s.command(ctx, args)
	cmd.Stdin = strings.NewReader(s.vars.expand(input))
	var out printed
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	// Told apart from the person's leaving, which ends the outer context.
	if ctx.Err() == context.DeadlineExceeded {
		err = Because("it did not end within %.0f s; a consumer ends with --max-messages or --timeout-ms", "%.0f초 안에 끝나지 않았습니다. 컨슈머는 --max-messages나 --timeout-ms로 끝낼 수 있습니다", patience.Seconds())
	}
	return out.String(), err
}

// maxPrinted bounds what is kept of a program's output: a learner may well read a topic of
// gigabytes.
const maxPrinted = 1 << 20

// printed is a program's output, of which the first maxPrinted bytes are kept.
type printed struct {
	text bytes.Buffer
	more int64 // bytes that are not kept
}

// Write takes output.
func (p *printed) Write(b []byte) (int, error) {
	n := min(len(b), maxPrinted-p.text.Len())
	p.text.Write(b[:n])
	p.more += int64(len(b) - n)
	return len(b), nil
}

// String is what is kept, and how much is not.
func (p *printed) String() string {
	if p.more == 0 {
		return p.text.String()
	}
	return fmt.Sprintf("%s\n… %d bytes more\n", p.text.String(), p.more)
}

// command is a tool of Kafka, or momus itself, as a process.
func (s *Session) command(ctx context.Context, args []string) *exec.Cmd {
	// Tools are commands of the same program.
	if args[0] == "momus" {
		args = args[1:]
	}
	cmd := exec.CommandContext(ctx, s.program, args...)
	cmd.Dir, cmd.SysProcAttr = s.cluster.dir, apart()
	return cmd
}

// builtin runs one of the tour's own words. They see the cluster's directory and nothing else, for
// what is typed may come from a page.
func (s *Session) builtin(verb string, own func(args []string) (string, error), args []string) (string, error) {
	if verb == "ls" && len(args) == 0 {
		args = []string{"."}
	}
	names := args
	if verb == "write" {
		names = args[:min(1, len(args))] // the rest is text
	}
	for i, name := range names {
		if !filepath.IsAbs(name) {
			name = filepath.Join(s.cluster.dir, name)
		}
		if inside, err := filepath.Rel(s.cluster.dir, name); err != nil || !filepath.IsLocal(inside) {
			return "", Because("%s is not in %s", "%[2]s 안에 %[1]s 파일이 없습니다", args[i], s.cluster.dir)
		}
		args[i] = name
	}
	return own(args)
}

// builtins are the commands that the course brings along, so that it is the same on systems without
// them: no chapter needs a shell.
var builtins = map[string]func(args []string) (string, error){
	"write": func(args []string) (string, error) {
		if len(args) != 2 {
			return "", Because("write FILE TEXT", "write 파일 내용")
		}
		return "", os.WriteFile(args[0], []byte(args[1]+"\n"), 0o644)
	},
	"ls": func(args []string) (string, error) {
		var b strings.Builder
		for _, dir := range args {
			list, err := os.ReadDir(dir)
			if err != nil {
				return b.String(), err
			}
			for _, f := range list {
				if info, err := f.Info(); err == nil && !f.IsDir() {
					fmt.Fprintf(&b, "%10d  %s\n", info.Size(), f.Name())
				} else {
					fmt.Fprintf(&b, "%10s  %s/\n", "", f.Name())
				}
			}
		}
		return b.String(), nil
	},
	"cat": func(args []string) (string, error) {
		var b strings.Builder
		for _, name := range args {
			if err := appendFile(&b, name); err != nil {
				return b.String(), err
			}
		}
		return b.String(), nil
	},
}

// appendFile adds a file to what was printed, up to maxPrinted bytes of it.
func appendFile(b *strings.Builder, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(b, io.LimitReader(f, maxPrinted))
	return err
}

// background is a program that runs beside the learner.
type background struct {
	cmd  *exec.Cmd
	in   interface{ Close() error }
	done chan struct{} // closed when it has ended

	mu      sync.Mutex
	out     printed
	changed chan struct{} // closed and replaced when there is more output

	told int // how much of the output the learner has seen
}

// Write takes the program's output.
func (b *background) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.out.Write(p)
	close(b.changed)
	b.changed = make(chan struct{})
	return len(p), nil
}

// output is what was printed so far, and a channel that is closed when there is more.
func (b *background) output() (string, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.out.String(), b.changed
}

// news is the part of an output that the learner has not seen.
func (b *background) news(output string) string {
	from := min(b.told, len(output))
	b.told = len(output)
	return output[from:]
}

// start begins a program that runs beside the next steps, until one of them stops it; typed is the
// command as a person changed it.
func (s *Session) start(ctx context.Context, step *Step, typed string) Outcome {
	command := step.Start
	if typed != "" {
		command = typed
	}
	args, through, err := pipeline(s.vars.expand(command))
	switch {
	case err != nil:
		return Outcome{Err: err}
	case len(args) == 0 || len(through) > 0:
		return Outcome{Err: Because("%s: this cannot run in the background", "%s: 뒤에서 실행할 수 없습니다", command)}
	}
	if s.background[step.As] != nil { // the person tries again; the first would never be ended
		s.end(step.As)
	}
	// Not ended with the step's context: it goes on beside the next steps.
	b := &background{cmd: s.command(context.WithoutCancel(ctx), args), done: make(chan struct{}), changed: make(chan struct{})}
	b.cmd.Stdout, b.cmd.Stderr = b, b
	in, err := b.cmd.StdinPipe()
	if err != nil {
		return Outcome{Err: err}
	}
	b.in = in
	if err := b.cmd.Start(); err != nil {
		return Outcome{Err: err}
	}
	go func() { // ends with the program, which endBackground kills
		defer close(b.done)
		_ = b.cmd.Wait() // its exit code does not matter here, its output does
	}()
	s.background[step.As] = b
	s.order = append(s.order, step.As)
	if step.Input != "" {
		if _, err := in.Write([]byte(s.vars.expand(step.Input))); err != nil {
			return Outcome{Err: err}
		}
	}
	if len(step.Expect) > 0 {
		return s.await(ctx, b, step)
	}
	// What a person has typed may be wrong, which tools find out soon.
	if typed != "" {
		select {
		case <-b.done:
			s.end(step.As)
			output, _ := b.output()
			return Outcome{Output: output, Err: Because("it has ended; the next steps want it to go on.", "벌써 끝났습니다. 다음 단계 동안 계속 실행되어야 합니다.")}
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
	return Outcome{}
}

// wait gives a command in the background the time to print what the step expects.
func (s *Session) wait(ctx context.Context, step *Step) Outcome {
	b := s.background[step.Wait]
	if b == nil { // its start was skipped
		return Outcome{Err: Because("%s does not run: its start was skipped", "%s 실행 중이 아닙니다. 시작을 건너뛰었습니다", step.Wait)}
	}
	return s.await(ctx, b, step)
}

// await waits until a program in the background has printed what a step expects. What is new of
// its output is the step's.
func (s *Session) await(ctx context.Context, b *background, step *Step) (o Outcome) {
	defer func() { o.Output = b.news(o.Output) }()
	limit := time.NewTimer(s.patience)
	defer limit.Stop()
	for {
		var more <-chan struct{}
		o.Output, more = b.output()
		if o.Err = mismatch(step, s.vars, o.Output); o.Err == nil {
			o.Err = s.vars.capture(step, o.Output)
			return o
		}
		select {
		case <-more:
		case <-b.done:
			// The program has ended, and what it printed last may have come after the look above.
			if last, _ := b.output(); last == o.Output {
				return o
			}
		case <-limit.C:
			return o
		case <-ctx.Done():
			return Outcome{Output: o.Output, Err: ctx.Err()}
		}
	}
}

// stop ends a program as Ctrl-C does and shows what it printed.
func (s *Session) stop(step *Step) (o Outcome) {
	b := s.background[step.Stop]
	if b == nil { // its start was skipped
		return Outcome{}
	}
	s.end(step.Stop)
	o.Output, _ = b.output()
	o.Err = mismatch(step, s.vars, o.Output)
	if o.Err == nil {
		o.Err = s.vars.capture(step, o.Output)
	}
	o.Output = b.news(o.Output)
	return o
}

// end interrupts a program in the background, and kills it when that does not help.
func (s *Session) end(name string) {
	b := s.background[name]
	delete(s.background, name)
	s.order = slices.DeleteFunc(s.order, func(n string) bool { return n == name })
	// A program that reads standard input ends with it; others need the signal.
	_ = b.in.Close()
	if interrupt(b.cmd.Process) != nil {
		_ = b.cmd.Process.Kill()
	}
	select {
	case <-b.done:
	case <-time.After(10 * time.Second):
		_ = b.cmd.Process.Kill()
		<-b.done
	}
}

// endBackground ends what still runs.
func (s *Session) endBackground() {
	// Last started first, so that a reader ends before what it reads from.
	for len(s.order) > 0 {
		s.end(s.order[len(s.order)-1])
	}
}
