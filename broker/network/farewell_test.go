package network

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"momus/internal/model"
)

// TestTheLastFrameBeforeAFarewellIsServed sends requests and the farewell of TLS in one segment, as
// a producer does that wants no answers.
func TestTheLastFrameBeforeAFarewellIsServed(t *testing.T) {
	f := start(t, func(o *Options, _ *Limits) {
		o.Listeners = append(o.Listeners, Listener{Name: "SSL", Protocol: model.SSL, Addr: "127.0.0.1:0",
			TLS: &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}, MinVersion: tls.VersionTLS12}})
	})
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, name := range []string{"s", "s" + strings.Repeat("x", 40<<10)} {
			held := &heldBack{Conn: f.dialListener("SSL")}
			c := tls.Client(held, &tls.Config{InsecureSkipVerify: true, MaxVersion: version})
			send(t, c, "e1")
			expect(t, c, "e1")
			held.hold = true
			send(t, c, name, "slast")
			c.Close()
			for _, want := range []string{"e1", name[:min(len(name), 16)], "slast"} {
				select {
				case got := <-f.h.served:
					if got != want {
						t.Errorf("%.20q was served, want %.20q", got, want)
					}
				case <-time.After(20 * time.Second):
					t.Fatalf("%.20q was not served", want)
				}
			}
		}
	}
}

// heldBack keeps what is written to a connection until it is closed.
type heldBack struct {
	net.Conn
	hold bool
	held []byte
}

func (h *heldBack) Write(p []byte) (int, error) {
	if !h.hold {
		return h.Conn.Write(p)
	}
	h.held = append(h.held, p...)
	return len(p), nil
}

func (h *heldBack) Close() error {
	_ = h.Conn.SetWriteDeadline(time.Time{}) // crypto/tls lets nothing be written behind its farewell
	if _, err := h.Conn.Write(h.held); err != nil {
		return err
	}
	return h.Conn.Close()
}
