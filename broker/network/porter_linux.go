package network

import (
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// porter waits with one goroutine for all strangers who have not spoken yet: each costs an entry
// here and in the kernel instead of a goroutine, of which there would be as many as strangers like.
type porter struct {
	f   *os.File // an epoll of its own, which the poller of the runtime finds like a connection
	raw syscall.RawConn

	mu      sync.Mutex
	last    uint64           // ticket
	waiting map[uint64]*Conn // by ticket
}

// newPorter returns a porter for run, and close to end it.
func newPorter() (*porter, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an epoll: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // or NewFile would not give it to the poller
		unix.Close(fd)
		return nil, fmt.Errorf("make an epoll: %w", err)
	}
	p := &porter{f: os.NewFile(uintptr(fd), "epoll"), waiting: map[uint64]*Conn{}}
	if p.raw, err = p.f.SyscallConn(); err != nil {
		p.f.Close()
		return nil, fmt.Errorf("make an epoll: %w", err)
	}
	return p, nil
}

// watch has the porter wait for a connection; false when he cannot.
func (p *porter) watch(c *Conn) bool {
	if p == nil {
		return false
	}
	p.mu.Lock()
	p.last++
	c.ticket = p.last
	p.waiting[c.ticket] = c
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET, Fd: int32(c.ticket), Pad: int32(c.ticket >> 32)}
	p.mu.Unlock()
	if !p.control(c, unix.EPOLL_CTL_ADD, &event) {
		return !p.forget(c) // who has closed it has forgotten it, and it needs nobody any more
	}
	if c.phase.Load() == away {
		p.forget(c)
	}
	return true
}

// control changes what the kernel watches; false when one of the files is closed, or it cannot.
func (p *porter) control(c *Conn, operation int, event *unix.EpollEvent) bool {
	err := syscall.EINVAL
	ok := onSocket(c.base, func(fd uintptr) {
		_ = p.raw.Control(func(epoll uintptr) {
			err, _ = unix.EpollCtl(int(epoll), operation, int(fd), event).(syscall.Errno)
		})
	})
	return ok && err == 0
}

// forget ends the wait for a connection; it reports whether he has waited. A closed socket the
// kernel forgets by itself.
func (p *porter) forget(c *Conn) bool {
	if p == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, waits := p.waiting[c.ticket]
	delete(p.waiting, c.ticket)
	return waits
}

// run calls heard for each connection whose client has spoken, or will never, until close. It is not
// waited for any more then.
func (p *porter) run(heard func(c *Conn)) {
	var events [64]unix.EpollEvent
	for n := 0; ; {
		err := p.raw.Read(func(epoll uintptr) bool {
			var err error
			n, err = unix.EpollWait(int(epoll), events[:], 0)
			return n > 0 || err != nil && err != unix.EINTR
		})
		if err != nil {
			return
		}
		for _, e := range events[:max(n, 0)] {
			p.mu.Lock()
			c := p.waiting[uint64(uint32(e.Fd))|uint64(uint32(e.Pad))<<32]
			p.mu.Unlock()
			if c != nil {
				c.srv.guard(c, func() { p.look(c, heard) })
			}
		}
	}
}

// look has a connection served if its client has spoken. A panic costs that connection: the others
// wait for the same goroutine.
func (p *porter) look(c *Conn, heard func(c *Conn)) {
	if !c.spoken() {
		return
	}
	p.control(c, unix.EPOLL_CTL_DEL, nil)
	if p.forget(c) {
		heard(c)
	}
}

// close ends run.
func (p *porter) close() {
	if p != nil {
		p.f.Close()
	}
}

// spoken reports whether there is something to read, of TLS a whole record, or never will be.
func (c *Conn) spoken() (yes bool) {
	return onSocket(c.base, func(fd uintptr) {
		if c.tls != nil && takesHello(c.srv.o.Limits().RecvBuffer) {
			yes = helloArrived(fd)
		} else {
			yes = readable(fd)
		}
	}) && yes
}
