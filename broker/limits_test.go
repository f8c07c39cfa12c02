package broker

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"testing"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
)

func TestOverridesPerIPAreForTheAddressesOfNames(t *testing.T) {
	logger, hook := logtest.NewNullLogger()
	b := &Broker{log: logrus.NewEntry(logger)}
	lookup := func(_ context.Context, _, host string) ([]netip.Addr, error) {
		switch host {
		case "twice.example.com":
			return []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")}, nil
		case "nobody.example.com":
			return nil, errors.New("no such host")
		}
		a, err := netip.ParseAddr(host)
		return []netip.Addr{a}, err
	}
	got := b.overridesPerIP("twice.example.com:3, nobody.example.com:4,127.0.0.1:5,0:0:0:0:0:0:0:1:6,::ffff:10.0.0.2:7", lookup)
	want := map[string]int32{"10.0.0.1": 3, "fd00::1": 3, "127.0.0.1": 5, "::1": 6, "10.0.0.2": 7}
	if !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if n := len(hook.AllEntries()); n != 1 || hook.LastEntry().Data["host"] != "nobody.example.com" {
		t.Errorf("%d lines", n)
	}
	if got := b.overridesPerIP("a", lookup); len(got) != 0 || len(hook.AllEntries()) != 2 {
		t.Errorf("%v of what is no list", got)
	}
}
