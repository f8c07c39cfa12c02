package network

import (
	"net"
	"testing"
	"time"
)

// Elsewhere rounds are those of the scheduler.

// TestRoundIsLeftEarly leaves a round that somebody else has begun.
func TestRoundIsLeftEarly(t *testing.T) {
	r := &Round{over: make(chan struct{})} // which never ends
	enough := make(chan struct{}, 1)
	enough <- struct{}{}
	r.Wait(enough)
	if len(enough) != 0 {
		t.Error("nothing was received")
	}
}

// TestRoundReadsOthersFirst has data arrive at connections whose readers sleep: they have read it
// when a round is over.
func TestRoundReadsOthersFirst(t *testing.T) {
	r, err := NewRound()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	const n = 10
	read := make(chan struct{}, n)
	var out []net.Conn
	for range n {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		in, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		out = append(out, c)
		go func() {
			if _, err := in.Read(make([]byte, 1)); err == nil {
				read <- struct{}{}
			}
		}()
	}
	for _, c := range out {
		if _, err := c.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
	}
	rounds := 0
	for deadline := time.Now().Add(30 * time.Second); len(read) < n; rounds++ {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d have read after %d rounds", len(read), n, rounds)
		}
		r.Wait(nil)
	}
	t.Logf("%d rounds", rounds)
}
