package security

import (
	"errors"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"momus/broker/network"
	"momus/internal/loglimit"
)

func TestFailedLoginsAreLoggedButNotWithoutEnd(t *testing.T) {
	logger, hook := logtest.NewNullLogger()
	at := time.Unix(1000, 0)
	f := NewFailures(logrus.NewEntry(logger), func() time.Time { return at })
	c := &network.Conn{ID: "id", Listener: "L", ClientHost: "/127.0.0.1"}
	f.Failed(c, "authentication", "SSL handshake failed", errors.New("why"))
	if e := hook.LastEntry(); e.Message != "Failed authentication with /127.0.0.1 (SSL handshake failed)" || e.Level != logrus.InfoLevel || e.Data["listener"] != "L" {
		t.Errorf("%+v", e)
	}
	for range 1000 {
		f.Failed(c, "re-authentication", "x\ny", nil)
	}
	if n := len(hook.AllEntries()); n != loglimit.PerSecond {
		t.Errorf("%d lines in one second", n)
	}
	at = at.Add(time.Second)
	f.Failed(c, "re-authentication", "x\ny", nil)
	if e := hook.LastEntry(); e.Message != "Failed re-authentication with /127.0.0.1 (x y)" || e.Data["not_logged_before"] != 1001-loglimit.PerSecond {
		t.Errorf("%+v", e)
	}
}
