package loglimit

import (
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
)

func TestLinesAreLimitedAndTheOthersCounted(t *testing.T) {
	logger, hook := logtest.NewNullLogger()
	var l Limit
	at := time.Unix(1000, 0)
	for range PerSecond + 7 {
		l.Log(at, logrus.NewEntry(logger), logrus.WarnLevel, "noise")
	}
	if n := len(hook.AllEntries()); n != PerSecond {
		t.Errorf("%d lines", n)
	}
	l.Log(at.Add(time.Second), logrus.NewEntry(logger), logrus.WarnLevel, "noise")
	if e := hook.LastEntry(); len(hook.AllEntries()) != PerSecond+1 || e.Data["not_logged_before"] != 7 || e.Message != "noise" || e.Level != logrus.WarnLevel {
		t.Errorf("%+v", e)
	}
}
