//go:build transcripts || interop

package tools

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"momus/integration/testkit"
	"momus/internal/shellwords"
	"momus/internal/testbase"
)

// TestMain lets all transcripts run at once: they mostly wait.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// cluster is what a transcript runs against, at whatever addresses and directories.
type cluster struct {
	brokers   []string // host:port, as localhost:9092, 9093 and 9094 of the transcript
	separate  bool     // localhost:9092 is the first broker alone, not all of them
	zookeeper string
	dirs      string // what the transcript calls /var/lib/kafka; "" when the directories are not those of the transcript
	stop      func(id int)
	start     func(id int)
}

// before are commands that a transcript expects to have been run before a step.
func before() map[string]map[string]string {
	return map[string]map[string]string{
		"option-parsing": {"single-dash": "kafka-topics.sh --bootstrap-server localhost:9092 --create --topic quirk --partitions 1 --replication-factor 1"},
		"kafka-topics":   {"list-with-internal": "kafka-console-consumer.sh --bootstrap-server localhost:9092 --topic extra --timeout-ms 2000"},
	}
}

// bin is a directory with the native tools under their names as scripts.
func bin(t *testing.T) string {
	t.Helper()
	binary, dir := testkit.Binary(t), t.TempDir()
	for _, tool := range strings.Fields(testkit.Run(t, time.Minute, testkit.Spec{Args: []string{binary, "help", "--tools"}})) {
		if err := os.Symlink(binary, filepath.Join(dir, tool+".sh")); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// replay runs the steps of one transcript in a directory of its own.
type replay struct {
	name, dir, bin string
	cluster        *cluster
	there          *strings.Replacer // what the transcript names to what there is
	back           *strings.Replacer
	running        map[string]*command
	exceptions     map[string]string
	before         map[string]string
	hmac           string // that of the first delegation token
	java           bool   // the tools are Java's, which take seconds to start
}

func newReplay(t *testing.T, name string, c *cluster, exceptions map[string]string) *replay {
	t.Helper()
	r := &replay{name: name, dir: t.TempDir(), bin: bin(t), cluster: c, running: map[string]*command{}, exceptions: exceptions, before: before()[name]}
	fixtures, err := filepath.Abs("testdata/fixtures")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(fixtures, filepath.Join(r.dir, "fixtures")); err != nil {
		t.Fatal(err)
	}
	var there, back []string
	if c.zookeeper != "" {
		there, back = append(there, "localhost:2181", c.zookeeper), append(back, c.zookeeper, "localhost:2181")
	}
	if c.dirs != "" {
		there, back = append(there, "/var/lib/kafka", c.dirs), append(back, c.dirs, "/var/lib/kafka")
	}
	if list := strings.Join(c.brokers, ","); len(c.brokers) > 1 && !c.separate {
		there, back = append(there, "localhost:9092", list), append(back, list, "localhost:9092")
	}
	for i, b := range c.brokers {
		recorded := "localhost:" + strconv.Itoa(9092+i)
		there, back = append(there, recorded, b), append(back, b, recorded)
		_, port, _ := strings.Cut(b, ":")
		back = append(back, "/127.0.0.1:"+port, "/127.0.0.1:"+strconv.Itoa(9092+i), `"port":`+port, `"port":`+strconv.Itoa(9092+i))
	}
	r.there, r.back = strings.NewReplacer(there...), strings.NewReplacer(back...)
	return r
}

// run runs the transcript and fails the test for every step that differs.
func (r *replay) run(t *testing.T) {
	steps, err := Load(filepath.Join("testdata", r.name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		for _, c := range r.running {
			c.kill()
		}
	}()
	for _, s := range steps {
		if strings.HasPrefix(r.exceptions[s.ID], "not run:") {
			continue
		}
		if words := strings.Fields(strings.TrimPrefix(s.Cmd, "@")); strings.HasPrefix(s.Cmd, "@") {
			if len(words) == 2 {
				id, err := strconv.Atoi(words[1])
				if err != nil {
					t.Fatalf("%s: %v", s.ID, err)
				}
				limit := time.Duration(s.WaitMs) * time.Millisecond
				if words[0] == "start-broker" { // all can be in sync again, which takes a busy machine longer
					limit = max(limit, patience)
				}
				map[string]func(int){"stop-broker": r.cluster.stop, "start-broker": r.cluster.start}[words[0]](id)
				r.settle(t, limit)
			}
			continue
		}
		r.step(t, s)
	}
}

// patience is how long what does not come is waited for.
const patience = time.Minute

// settle waits until all replicas are in sync, but no longer than limit: while a broker is stopped
// they cannot be.
func (r *replay) settle(t *testing.T, limit time.Duration) {
	t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		c := r.start(t, &Step{ID: "settle", Cmd: "kafka-topics.sh --bootstrap-server localhost:9092 --describe --under-replicated-partitions"})
		if c.wait(limit); c.code == 0 && c.out.String() == "" {
			return
		}
	}
}

func (r *replay) step(t *testing.T, s *Step) {
	for name, text := range s.Files {
		if err := os.WriteFile(filepath.Join(r.dir, name), []byte(r.there.Replace(text)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if cmd := r.before[s.ID]; cmd != "" {
		r.start(t, &Step{ID: s.ID, Cmd: cmd}).wait(time.Minute)
	}
	time.Sleep(time.Duration(min(s.WaitMs, 300)) * time.Millisecond)
	switch {
	case s.Stop != "":
		c := r.running[s.Stop]
		delete(r.running, s.Stop)
		if c == nil {
			t.Errorf("%s: nothing runs under the name %s", s.ID, s.Stop)
			return
		}
		c.awaitLines(strings.Count(s.Stdout, "\n"), patience)
		c.signal(s.Signal)
		r.check(t, s, c)
	case s.Background != "":
		c := r.start(t, s)
		r.running[s.Background] = c
		if !c.awaitLines(s.ReadyLines, patience) {
			t.Errorf("%s: %d lines did not come\n%s", s.ID, s.ReadyLines, c.err.String())
		}
	default:
		// What only looks may look again: recorded tools took seconds to start, in which the
		// cluster went on.
		end := time.Now().Add(time.Duration(s.RetryMs) * time.Millisecond)
		if looks(s.Cmd) || s.RetryMs > 0 {
			end = time.Now().Add(patience)
		}
		for {
			c := r.start(t, s)
			if s.Signal != "" {
				switch n := strings.Count(s.Stdout, "\n"); {
				case s.Exit < 128: // the recorded one had ended by itself before the signal came
					select {
					case <-c.done:
					case <-time.After(max(patience, time.Duration(s.AfterMs)*time.Millisecond)):
					}
				case s.AfterLines > 0:
					c.awaitLines(s.AfterLines, patience)
				case n > 0 && s.Compare == "none": // it goes on printing until it is ended
					c.awaitLines(n, time.Duration(s.AfterMs)*time.Millisecond)
				default:
					time.Sleep(time.Duration(min(s.AfterMs, 2000)) * time.Millisecond)
				}
				c.signal(s.Signal)
			}
			if r.exceptions[s.ID] != "" {
				c.wait(time.Minute)
				return
			}
			if c.wait(time.Minute); r.differs(s, c) == "" || !time.Now().Before(end) {
				r.check(t, s, c)
				return
			}
			time.Sleep(200 * time.Millisecond)
		}
	}
}

func looks(cmd string) bool {
	return slices.ContainsFunc([]string{"--describe", "--list", "--verify", "GetOffsetShell"}, func(w string) bool { return strings.Contains(cmd, w) })
}

func (r *replay) differs(s *Step, c *command) string {
	var what []string
	if c.code != s.Exit {
		what = append(what, "exit code")
	}
	out := r.back.Replace(c.out.String())
	if r.java {
		out = traces.ReplaceAllString(out, "")
	}
	if !Same(s.Compare, s.Stdout, out) {
		what = append(what, "stdout")
	}
	if !SameErrors(s.Stderr, r.back.Replace(c.err.String())) {
		what = append(what, "stderr")
	}
	return strings.Join(what, ", ")
}

// traces are the lines of a stack trace, which recordings have as one word.
var traces = regexp.MustCompile(`(?m)^\t(at .*|\.\.\. \d+ more)\n`)

// printedHMAC finds the HMAC in the table of a token that was created.
var printedHMAC = regexp.MustCompile(`(?m)^[\w-]{22} ([\w+/]{86}==)`)

func (r *replay) check(t *testing.T, s *Step, c *command) {
	t.Helper()
	c.wait(time.Minute)
	if what := r.differs(s, c); what != "" && r.exceptions[s.ID] == "" {
		t.Errorf("%s: %s differ\n%s\n--- recorded, exit %d\n%s--- printed, exit %d\n%s--- recorded on stderr\n%s--- printed on stderr\n%s", s.ID, what, s.Cmd,
			s.Exit, s.Stdout, c.code, r.back.Replace(c.out.String()), s.Stderr, r.back.Replace(c.err.String()))
	}
	if m := printedHMAC.FindStringSubmatch(c.out.String()); m != nil && r.hmac == "" {
		r.hmac = m[1]
	}
}

// command is a running tool.
type command struct {
	cmd      *exec.Cmd
	out, err testbase.Buffer
	done     chan struct{}
	code     int
}

func (r *replay) start(t *testing.T, s *Step) *command {
	t.Helper()
	words := shellwords.Split(strings.ReplaceAll(s.Cmd, "<HMAC>", r.hmac))
	env := append(os.Environ(), "TZ=UTC")
	if words[0] == "env" {
		env, words = append(env, words[1]), words[2:]
	}
	for i := range words {
		words[i] = r.there.Replace(words[i])
		if i > 0 && words[i-1] == "--timeout-ms" && len(words[i]) == 4 && !r.java { // seconds, in which Java starts
			words[i] = "1500"
		}
	}
	c := &command{cmd: exec.Command(filepath.Join(r.bin, words[0]), words[1:]...), done: make(chan struct{})}
	c.cmd.Dir, c.cmd.Env = r.dir, env
	c.cmd.Stdout, c.cmd.Stderr = &c.out, &c.err
	if s.Stdin != nil {
		c.cmd.Stdin = strings.NewReader(*s.Stdin)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatalf("%s: %v", s.ID, err)
	}
	go func() { // ends with the process
		defer close(c.done)
		err := c.cmd.Wait()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			c.code = exit.ExitCode()
		}
	}()
	return c
}

func (c *command) awaitLines(n int, limit time.Duration) bool {
	for end := time.Now().Add(limit); strings.Count(c.out.String(), "\n") < n; time.Sleep(20 * time.Millisecond) {
		select {
		case <-c.done:
			return strings.Count(c.out.String(), "\n") >= n
		default:
		}
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

func (c *command) signal(name string) {
	s := syscall.SIGINT
	if name == "TERM" {
		s = syscall.SIGTERM
	}
	_ = c.cmd.Process.Signal(s) // it may have ended
}

func (c *command) wait(limit time.Duration) {
	select {
	case <-c.done:
	case <-time.After(limit):
		c.kill()
	}
}

func (c *command) kill() {
	_ = c.cmd.Process.Kill()
	<-c.done
}
