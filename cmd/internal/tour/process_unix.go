//go:build unix

package tour

import (
	"os"
	"syscall"
)

// interrupt is Ctrl-C.
func interrupt(p *os.Process) error { return p.Signal(syscall.SIGINT) }

// suspend stops a process without its knowing, as a long pause of a JVM's garbage collector does:
// to the others it looks dead, and when it goes on it does not know how much time has passed.
func suspend(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }

// resume lets it go on.
func resume(p *os.Process) error { return p.Signal(syscall.SIGCONT) }
