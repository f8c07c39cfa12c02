package network

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"
)

// served tells whether an echo answers at an address, where another process may listen by now.
func served(addr string) bool {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.Write(frame("e served")); err != nil {
		return false
	}
	answer := make([]byte, len(frame("e served")))
	_, err = io.ReadFull(c, answer)
	return err == nil && bytes.Equal(answer, frame("e served"))
}

func TestListenersComeAndGoWhileTheServerRuns(t *testing.T) {
	f := start(t, nil)
	stays := f.dial()
	send(t, stays, "e1")
	expect(t, stays, "e1")

	if err := f.AddListener(Listener{Name: "INSIDE", Addr: "127.0.0.1:0"}); err != nil {
		t.Fatal(err)
	}
	inside := f.dialListener("INSIDE")
	send(t, inside, "e2")
	expect(t, inside, "e2")
	first := f.Addr("INSIDE").String()

	// A taken address changes nothing.
	if err := f.AddListener(Listener{Name: "INSIDE", Addr: f.Addr("PLAINTEXT").String()}); err == nil {
		t.Error("a taken address was bound")
	}
	if now := f.Addr("INSIDE").String(); now != first {
		t.Errorf("the listener moved from %s to %s", first, now)
	}

	// Another address: connections of the old one stay, new ones are refused there.
	if err := f.AddListener(Listener{Name: "INSIDE", Addr: "127.0.0.1:0"}); err != nil {
		t.Fatal(err)
	}
	if served(first) {
		t.Error("the old address is still served")
	}
	send(t, inside, "e3")
	expect(t, inside, "e3")
	moved := f.dialListener("INSIDE")
	send(t, moved, "e4")
	expect(t, moved, "e4")

	second := f.Addr("INSIDE").String()
	f.RemoveListener("INSIDE")
	expectClosed(t, inside)
	expectClosed(t, moved)
	if f.Addr("INSIDE") != nil {
		t.Error("a removed listener has an address")
	}
	if served(second) {
		t.Error("a removed listener is still served")
	}
	f.RemoveListener("INSIDE")
	send(t, stays, "e5")
	expect(t, stays, "e5")

	f.stop()
	if err := f.AddListener(Listener{Name: "LATE", Addr: "127.0.0.1:0"}); err == nil {
		t.Error("a stopped server took a listener")
	}
}
