package network

import (
	"crypto/tls"
	"net"
	"sync/atomic"
	"testing"

	"momus/internal/model"
	"momus/internal/testbase"
)

// TestNothingIsComputedForWhoHasGone has clients that wait for their turn and go.
func TestNothingIsComputedForWhoHasGone(t *testing.T) {
	var hellos atomic.Int32
	f := start(t, func(o *Options, _ *Limits) {
		o.Listeners = append(o.Listeners, Listener{Name: "SASL_SSL", Protocol: model.SASLSSL, Addr: "127.0.0.1:0",
			TLS: &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
				hellos.Add(1)
				return nil, nil
			}}})
	})
	never := make(chan struct{})
	for range f.gate.slots {
		f.gate.enter("busy", never)
	}
	var all []net.Conn
	for range 10 {
		c := f.dialListener("SASL_SSL")
		all = append(all, c)
		go func() { _ = tls.Client(&testbase.Mute{Conn: c}, &tls.Config{InsecureSkipVerify: true}).Handshake() }()
	}
	testbase.Eventually(t, "all wait for a slot", func() bool {
		f.gate.mu.Lock()
		defer f.gate.mu.Unlock()
		return len(f.gate.others.queue["127.0.0.1"]) == len(all)
	})
	for _, c := range all {
		c.Close()
	}
	for range f.gate.slots {
		f.gate.leave("busy", 0)
	}
	f.waitConnections("SASL_SSL", 0)
	if n := hellos.Load(); n != 0 {
		t.Errorf("%d hellos of clients that have gone were answered", n)
	}
}
