// Package testbase has the small things that tests of many packages need: output that is read while
// it grows, waiting for a condition, what runs until the test ends, recordings, pages that are made
// from the code, frames of Kafka's protocol, a server of TLS handshakes. It is for tests alone.
package testbase

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// Buffer collects output, and may be read while it is written. Its zero value is empty.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer; it does not fail.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// String is all that was written so far.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// Reset forgets what was written.
func (b *Buffer) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.b.Reset()
}

// Eventually waits until a condition holds, which is asked every few milliseconds; it ends the test
// when it does not within a minute. what says the condition.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline, tick := time.After(time.Minute), time.NewTicker(2*time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}

// Run runs serve until the test ends or stop is called, which may happen more than once; it has to
// end without an error but for the end of its context.
func Run(t testing.TB, serve func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- serve(ctx) }() // ended by stop
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// Page wants the page at path to be what is made from the code. write writes it anew, which command
// does.
func Page(t testing.TB, path, made string, write bool, command string) {
	t.Helper()
	if write {
		if err := os.WriteFile(path, []byte(made), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != made {
		t.Errorf("%s does not show the tables as they are; write it with: %s", path, command)
	}
}

// ReadFrame reads one request or answer of Kafka's protocol, without its length.
func ReadFrame(r io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	frame := make([]byte, binary.BigEndian.Uint32(size[:]))
	_, err := io.ReadFull(r, frame)
	return frame, err
}

// Mute is a connection on which only what is written first is sent.
type Mute struct {
	net.Conn
	spoken bool
}

// Write implements net.Conn.
func (m *Mute) Write(p []byte) (int, error) {
	if m.spoken {
		return len(p), nil
	}
	m.spoken = true
	return m.Conn.Write(p)
}

// Dial connects to a port; the connection is closed with the test.
func Dial(t testing.TB, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// ServeTLS answers handshakes until the test ends, and gives its address on this machine. Without a
// config it answers as a port does that speaks plaintext.
func ServeTLS(t testing.TB, config *tls.Config) string {
	t.Helper()
	return Listen(t, func(c net.Conn) {
		if config == nil {
			_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n"))
			return
		}
		server := tls.Server(c, config)
		if server.Handshake() == nil {
			_, _ = server.Read(make([]byte, 1)) // the client's end
		}
		server.Close()
	})
}
