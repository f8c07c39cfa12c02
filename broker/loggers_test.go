package broker

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
)

func TestLoggerLevelsAreInherited(t *testing.T) {
	var out bytes.Buffer
	base := logrus.New()
	base.SetOutput(&out)
	l := newLoggers(base)
	manager, server := l.entry("kafka.log.LogManager"), l.entry("kafka.server.KafkaServer")
	manager.Debug("not shown")
	if !l.SetLevel("kafka.log", "DEBUG") || l.SetLevel("no.such", "DEBUG") || l.SetLevel("kafka.log", "LOUD") || l.SetLevel("root", "") {
		t.Fatal("SetLevel accepts what it must not, or the reverse")
	}
	manager.Debug("shown one")
	server.Debug("not shown")
	if !l.SetLevel("root", "ERROR") {
		t.Fatal("root")
	}
	server.Info("not shown")
	manager.Debug("shown two")
	if !l.SetLevel("kafka.log", "") {
		t.Fatal("remove")
	}
	manager.Info("not shown")
	if got := out.String(); strings.Contains(got, "not shown") || !strings.Contains(got, "shown one") || !strings.Contains(got, "shown two") {
		t.Fatal(got)
	}
	if lv := l.Levels(); lv["root"] != "ERROR" || lv["kafka.log.LogManager"] != "ERROR" {
		t.Fatal(lv)
	}
}
