package command

import (
	"strings"
	"testing"

	rules "momus/internal/doctor"
)

func TestDoctorsOptions(t *testing.T) {
	for _, x := range []struct {
		args string
		code int
		out  string // words of standard output
		errs string // and of standard error
	}{
		{"--list", 0, "broker.missing ", ""},
		{"--help", 0, "USAGE: momus doctor", ""},
		{"--severity bad", 3, "", "valid are advice, warning and critical"},
		{"--ignore broker.mising", 3, "", "did you mean broker.missing?"},
		{"--bootstrap-servers a:1", 3, "", "did you mean --bootstrap-server?"},
		{"--wait -1s", 3, "", "--wait may not be negative"},
		{"orders", 3, "", "Found non argument parameters: orders"},
		{"--bootstrap-server localhost", 3, "", "Invalid url in bootstrap.servers: localhost"},
	} {
		w := newWorld()
		if code := w.do(append([]string{"doctor"}, strings.Fields(x.args)...)...); code != x.code || !strings.Contains(w.stdout.String(), x.out) || !strings.Contains(w.stderr.String(), x.errs) {
			t.Errorf("%s: exit code %d\n%s%s", x.args, code, w.stdout.String(), w.stderr.String())
		}
	}
	w := newWorld()
	w.do("doctor", "--list")
	if n := strings.Count(w.stdout.String(), "\n"); n != len(rules.Rules()) {
		t.Errorf("%d lines", n)
	}
}
