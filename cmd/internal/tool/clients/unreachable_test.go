package clients

import (
	"errors"
	"net"
	"strings"
	"testing"
)

// TestAHostIsSaidToBeMissingOnlyWhenItIs: a busy machine may not get to look a name up in time.
func TestAHostIsSaidToBeMissingOnlyWhenItIs(t *testing.T) {
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	for want, err := range map[string]error{
		"there is no host of that name":     dial(&net.DNSError{Err: "no such host", Name: "h", IsNotFound: true}),
		"its name could not be looked up":   dial(&net.DNSError{Err: "i/o timeout", Name: "h", IsTimeout: true}),
		"nothing listens there; is the":     dial(errors.New("connect: connection refused")),
		"no answer; is the broker running,": dial(errors.New("i/o timeout")),
	} {
		if got := (&connections{}).unreachable(peer{host: "h", id: -1, err: err}, "h:9092"); !strings.Contains(got, want) {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
}
