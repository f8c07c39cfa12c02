// Package testkit starts and ends the processes of the integration tests: momus itself, and the
// real peers (Apache Kafka, ZooKeeper, clients in other languages). Every process has its own
// directory and free ports, is ended by its process id, and leaves its log behind when the test
// fails. Nothing here waits by sleeping alone: conditions have deadlines.
package testkit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"momus/internal/testbase"
)

// Process is a child process with its output kept in memory.
type Process struct {
	Name string
	cmd  *exec.Cmd
	in   io.WriteCloser
	done chan struct{}
	out  testbase.Buffer
}

// Spec says what to start. Env is added to the test's own environment.
type Spec struct {
	Args []string
	Env  []string
	Dir  string
}

// Start runs a process and ends it with the test. Its output is printed if the test fails.
func Start(t testing.TB, name string, s Spec) *Process {
	t.Helper()
	p := &Process{Name: name, cmd: exec.Command(s.Args[0], s.Args[1:]...), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), s.Env...)
	p.cmd.Dir = s.Dir
	p.cmd.Stdout, p.cmd.Stderr = p, p
	// The kernel's signal goes when the thread that started the child ends; Go's threads end only
	// with their process, unless a locked goroutine returns.
	p.cmd.SysProcAttr = endWithParent()
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.in = in
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	go func() {
		_ = p.cmd.Wait() // the state says how it ended
		close(p.done)
	}()
	t.Cleanup(func() {
		p.Kill()
		if p.panicked() {
			t.Errorf("%s has panicked", name)
		}
		if t.Failed() {
			t.Logf("---- output of %s ----\n%s", name, tail(p.Output(), 24000))
		}
	})
	return p
}

// ProcessorTime is how much processor time a process of this machine has used, in its own code and
// in the kernel's.
func ProcessorTime(t testing.TB, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	// The name of the program, in brackets, may have blanks and brackets itself: fields are counted
	// from its end.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	user, err1 := strconv.Atoi(string(fields[11]))
	system, err2 := strconv.Atoi(string(fields[12]))
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond // ticks of the clock: USER_HZ is 100
}

// Write collects the process's output.
func (p *Process) Write(b []byte) (int, error) { return p.out.Write(b) }

// Output is all that the process has printed so far, standard output and error together.
func (p *Process) Output() string { return p.out.String() }

// panicked reports whether a program in Go has ended by a panic, or by a fault that its runtime has
// found: with status 2, and the stacks of its goroutines.
func (p *Process) panicked() bool {
	out := p.Output()
	return p.ExitCode() == 2 && strings.Contains(out, "\ngoroutine ") && (strings.Contains(out, "panic: ") || strings.Contains(out, "fatal error: "))
}

// Type writes to the process's standard input.
func (p *Process) Type(t testing.TB, text string) {
	t.Helper()
	if _, err := io.WriteString(p.in, text); err != nil {
		t.Fatalf("type to %s: %v", p.Name, err)
	}
}

// CloseInput ends the process's standard input.
func (p *Process) CloseInput() { p.in.Close() }

// Pid is the process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Kill ends the process at once (SIGKILL) and waits for its end.
func (p *Process) Kill() {
	p.cmd.Process.Kill()
	<-p.done
}

// Signal sends a signal.
func (p *Process) Signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatalf("signal %s: %v", p.Name, err)
	}
}

// Stop sends SIGTERM and waits for a clean end: exit status 0, or 143 as Java programs have it.
func (p *Process) Stop(t testing.TB, limit time.Duration) {
	t.Helper()
	p.Signal(t, syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(limit):
		p.Kill()
		t.Fatalf("%s did not end within %s of SIGTERM", p.Name, limit)
	}
	// 143 is 128+SIGTERM: a JVM has that status after an orderly shutdown.
	if c := p.ExitCode(); c != 0 && c != 143 {
		t.Fatalf("%s ended with status %d", p.Name, c)
	}
}

// Wait waits for the process to end by itself with status 0.
func (p *Process) Wait(t testing.TB, limit time.Duration) {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(limit):
		p.Kill()
		t.Fatalf("%s did not end within %s", p.Name, limit)
	}
	if c := p.ExitCode(); c != 0 {
		t.Fatalf("%s ended with status %d", p.Name, c)
	}
}

// ExitCode is the exit status, -1 while running or when ended by a signal.
func (p *Process) ExitCode() int {
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	default:
		return -1
	}
}

// WaitOutput waits until the output holds text.
func (p *Process) WaitOutput(t testing.TB, text string, limit time.Duration) {
	t.Helper()
	Eventually(t, limit, fmt.Sprintf("%s printed %q", p.Name, text), func() bool {
		if strings.Contains(p.Output(), text) {
			return true
		}
		select {
		case <-p.done:
			t.Fatalf("%s ended before it printed %q", p.Name, text)
		default:
		}
		return false
	})
}

// Run runs a command to its end and returns what it printed on standard output.
func Run(t testing.TB, limit time.Duration, s Spec) string {
	t.Helper()
	out, err := TryRun(limit, s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TryRun is Run that returns the error.
func TryRun(limit time.Duration, s Spec) (string, error) {
	cmd := exec.Command(s.Args[0], s.Args[1:]...)
	cmd.Env = append(os.Environ(), s.Env...)
	cmd.Dir = s.Dir
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	cmd.SysProcAttr = endWithParent()
	if err := cmd.Start(); err != nil {
		return "", err
	}
	timer := time.AfterFunc(limit, func() { cmd.Process.Kill() })
	err := cmd.Wait()
	// Stop says that the timer has fired: the process was killed, and its own error says less.
	if !timer.Stop() {
		err = fmt.Errorf("not done after %s", limit)
	}
	if err != nil {
		return out.String(), fmt.Errorf("%s: %w\n%s\n%s", strings.Join(s.Args, " "), err, tail(out.String(), 3000), tail(errOut.String(), 6000))
	}
	return out.String(), nil
}

// Eventually asks until ok says yes; the test fails at the deadline, which is a minute away at least:
// a machine may be busy.
func Eventually(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	limit = max(limit, time.Minute)
	deadline := time.Now().Add(limit)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not so within %s: %s", limit, what)
		}
		// The one place where tests pause between looks.
		time.Sleep(20 * time.Millisecond)
	}
}

// FreePort is one of testbase.FreePorts.
func FreePort(t testing.TB) int {
	t.Helper()
	return testbase.FreePorts(t, 1)
}

// Root is the project's root directory.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("go.mod not found above the working directory")
		}
		dir = parent
	}
}

// tail is the end of a long text.
func tail(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return "…" + s[len(s)-n:]
}
