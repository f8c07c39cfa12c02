package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a child whose CPU time and memory are read from /proc; on systems without it they are
// 0.
type process struct {
	cmd     *exec.Cmd
	started time.Time
	done    chan struct{} // closed when it has ended
	errors  bytes.Buffer  // what it has written to standard error, once it has ended
}

// startProcess starts a program and keeps what it says of errors, for when it does not serve.
func startProcess(args []string) (*process, error) {
	p := &process{cmd: exec.Command(args[0], args[1:]...), done: make(chan struct{})}
	p.cmd.Stderr = &p.errors
	p.started = time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", args[0], err)
	}
	go func() {
		p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// ended is an error if the process has ended: how, and its last words.
func (p *process) ended() error {
	select {
	case <-p.done:
		words := p.errors.Bytes()
		return fmt.Errorf("process %d has ended, %v: %s", p.cmd.Process.Pid, p.cmd.ProcessState, words[max(0, len(words)-lastWords):])
	default:
		return nil
	}
}

// lastWords is how much is shown of what a process has written, in bytes.
const lastWords = 4 << 10

// stop ends it as an operator does, and the hard way if it takes more than 20 seconds.
func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		p.cmd.Process.Kill()
		<-p.done
	}
}

// cpu is the user and system time so far in seconds.
func (p *process) cpu() float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	// The name of the program, in brackets, may have blanks and brackets itself: fields are counted
	// from its end.
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / 100 // clock ticks are 1/100 s on Linux
}

// rssMB is the memory that is in use, shared pages among it: what an operator sees in top.
func (p *process) rssMB() float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for l := range strings.Lines(string(b)) {
		if kb, ok := strings.CutPrefix(l, "VmRSS:"); ok {
			v, _ := strconv.ParseFloat(strings.Fields(kb)[0], 64)
			// As /proc has it: kB are 1,024 bytes, of which a thousand are called a megabyte here.
			return v / 1000
		}
	}
	return 0
}
