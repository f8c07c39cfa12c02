package network

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Round lets goroutines wait until the poller has been asked once. The scheduler asks it only when
// nothing else can run, and a connection that finds its next request whenever it has answered one
// keeps others from being read. After a round, what had arrived at any connection has been read, and
// can be handled together.
type Round struct {
	f     *os.File // an event, which the poller finds like a connection
	raw   syscall.RawConn
	begin func(fd uintptr) bool
	add   uint64

	mu   sync.Mutex
	over chan struct{} // guarded by mu; closed when the round is over, nil between rounds
	sent bool          // the event is sent; only touched by who made over
}

// NewRound returns a Round. Close must be called when nobody waits any more.
func NewRound() (*Round, error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an event for the poller: %w", err)
	}
	r := &Round{f: os.NewFile(uintptr(fd), "eventfd"), add: 1}
	if r.raw, err = r.f.SyscallConn(); err != nil {
		r.f.Close()
		return nil, fmt.Errorf("make an event for the poller: %w", err)
	}
	r.begin = r.send
	return r, nil
}

// send sends the event and has its caller wait for the poller, who calls it once more.
func (r *Round) send(fd uintptr) (done bool) {
	if r.sent {
		return true
	}
	r.sent = true
	_, _, e := syscall.RawSyscall(syscall.SYS_WRITE, fd, uintptr(unsafe.Pointer(&r.add)), unsafe.Sizeof(r.add))
	return e != 0
}

// Wait waits for the round that goes on, or for a new one. Those that others have begun it leaves
// when something can be received from enough, which is done.
func (r *Round) Wait(enough <-chan struct{}) {
	r.mu.Lock()
	if over := r.over; over != nil {
		r.mu.Unlock()
		select {
		case <-over:
		case <-enough:
		}
		return
	}
	over := make(chan struct{})
	r.over = over
	r.mu.Unlock()
	// Only who made over comes here, and there is one at a time.
	r.sent = false
	_ = r.raw.Read(r.begin) // it fails when it is closed, and then the round is over
	runtime.Gosched()       // what the poller has found last runs first, and that is this
	r.mu.Lock()
	r.over = nil
	r.mu.Unlock()
	close(over)
}

// Close ends the rounds.
func (r *Round) Close() error { return r.f.Close() }
