//go:build transcripts

package tools

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"momus/integration/testkit"
)

// static are the settings of the brokers that were recorded.
func static() []string {
	var out []string
	for _, s := range []string{"offsets.topic.replication.factor=1", "transaction.state.log.replication.factor=1", "transaction.state.log.min.isr=1",
		"group.initial.rebalance.delay.ms=0", "background.threads=4", "num.network.threads=2", "num.io.threads=4", "num.recovery.threads.per.data.dir=1",
		"log.cleaner.dedupe.buffer.size=20000000"} {
		out = append(out, "--override", s)
	}
	return out
}

// TestMain lets all transcripts run at once: they mostly wait.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// before are commands that a transcript expects to have been run before a step.
func before() map[string]map[string]string {
	return map[string]map[string]string{
		"option-parsing": {"single-dash": "kafka-topics.sh --bootstrap-server localhost:9092 --create --topic quirk --partitions 1 --replication-factor 1"},
		"kafka-topics":   {"list-with-internal": "kafka-console-consumer.sh --bootstrap-server localhost:9092 --topic extra --timeout-ms 2000"},
	}
}

func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			steps, err := Load(file)
			if err != nil {
				t.Fatal(err)
			}
			newReplay(t, name).run(t, steps)
		})
	}
}

// replay runs the steps of one transcript in a directory of its own against a cluster of its own.
type replay struct {
	dir, bin   string
	there      *strings.Replacer // addresses of the transcript to those of the cluster
	back       *strings.Replacer
	running    map[string]*command
	exceptions map[string]string
	before     map[string]string
}

func newReplay(t *testing.T, name string) *replay {
	t.Helper()
	r := &replay{dir: t.TempDir(), bin: t.TempDir(), running: map[string]*command{}, exceptions: exceptions()[name], before: before()[name]}
	binary := testkit.Binary(t)
	fixtures, err := filepath.Abs("testdata/fixtures")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(fixtures, filepath.Join(r.dir, "fixtures")); err != nil {
		t.Fatal(err)
	}
	for _, tool := range []string{"kafka-topics", "kafka-console-producer", "kafka-console-consumer", "kafka-consumer-groups", "kafka-run-class", "kafka-configs",
		"kafka-delete-records", "kafka-log-dirs", "kafka-dump-log", "kafka-broker-api-versions", "kafka-reassign-partitions", "kafka-leader-election",
		"kafka-preferred-replica-election", "kafka-producer-perf-test", "kafka-consumer-perf-test", "kafka-verifiable-producer",
		"kafka-verifiable-consumer"} {
		if err := os.Symlink(binary, filepath.Join(r.bin, tool+".sh")); err != nil {
			t.Fatal(err)
		}
	}
	if name == "kafka-dump-log" {
		r.there, r.back = strings.NewReplacer(), strings.NewReplacer()
		return r
	}
	c := testkit.Quickstart(t, 3, append(static(), "--http-port", "-1")...)
	list := strings.ReplaceAll(c.Bootstrap, "127.0.0.1", "localhost")
	zk := strings.ReplaceAll(c.ZooKeeper, "127.0.0.1", "localhost")
	b := strings.Split(list, ",")
	r.there = strings.NewReplacer("localhost:2181", zk, "localhost:9092", list, "localhost:9093", b[1], "localhost:9094", b[2])
	r.back = strings.NewReplacer(list, "localhost:9092", zk, "localhost:2181", b[0], "localhost:9092", b[1], "localhost:9093", b[2], "localhost:9094")
	return r
}

func (r *replay) run(t *testing.T, steps []*Step) {
	defer func() {
		for _, c := range r.running {
			c.kill()
		}
	}()
	for _, s := range steps {
		if strings.HasPrefix(s.Cmd, "@") || strings.HasPrefix(r.exceptions[s.ID], "not run:") {
			continue
		}
		r.step(t, s)
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
		c.awaitLines(strings.Count(s.Stdout, "\n"), 10*time.Second)
		c.signal(s.Signal)
		r.check(t, s, c)
	case s.Background != "":
		c := r.start(t, s)
		r.running[s.Background] = c
		if !c.awaitLines(s.ReadyLines, 20*time.Second) {
			t.Errorf("%s: %d lines did not come\n%s", s.ID, s.ReadyLines, c.err.String())
		}
	default:
		// What only looks may look again: recorded tools took seconds to start, in which the cluster went on.
		end := time.Now().Add(time.Duration(s.RetryMs) * time.Millisecond)
		if looks(s.Cmd) {
			end = time.Now().Add(12 * time.Second)
		}
		for {
			c := r.start(t, s)
			if s.Signal != "" {
				if s.AfterLines > 0 {
					c.awaitLines(s.AfterLines, 20*time.Second)
				} else {
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
	return strings.Contains(cmd, "--describe") || strings.Contains(cmd, "--list") || strings.Contains(cmd, "--verify") || strings.Contains(cmd, "GetOffsetShell")
}

func (r *replay) differs(s *Step, c *command) string {
	var what []string
	if c.code != s.Exit {
		what = append(what, "exit code")
	}
	if !Same(s.Compare, s.Stdout, r.back.Replace(c.out.String())) {
		what = append(what, "stdout")
	}
	if !SameErrors(s.Stderr, r.back.Replace(c.err.String())) {
		what = append(what, "stderr")
	}
	return strings.Join(what, ", ")
}

func (r *replay) check(t *testing.T, s *Step, c *command) {
	t.Helper()
	c.wait(time.Minute)
	if what := r.differs(s, c); what != "" && r.exceptions[s.ID] == "" {
		t.Errorf("%s: %s differ\n%s\n--- recorded, exit %d\n%s--- printed, exit %d\n%s--- recorded on stderr\n%s--- printed on stderr\n%s", s.ID, what, s.Cmd,
			s.Exit, s.Stdout, c.code, r.back.Replace(c.out.String()), s.Stderr, r.back.Replace(c.err.String()))
	}
}

// command is a running tool.
type command struct {
	cmd      *exec.Cmd
	out, err buffer
	done     chan struct{}
	code     int
}

func (r *replay) start(t *testing.T, s *Step) *command {
	t.Helper()
	words := Words(s.Cmd)
	env := append(os.Environ(), "TZ=UTC")
	if words[0] == "env" {
		env, words = append(env, words[1]), words[2:]
	}
	for i := range words {
		words[i] = r.there.Replace(words[i])
		if i > 0 && words[i-1] == "--timeout-ms" && len(words[i]) == 4 { // seconds, in which Java starts
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
	for end := time.Now().Add(limit); c.out.lines() < n; time.Sleep(20 * time.Millisecond) {
		select {
		case <-c.done:
			return c.out.lines() >= n
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

// buffer collects output while others look at it.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (b *buffer) lines() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Count(b.b.Bytes(), []byte("\n"))
}
