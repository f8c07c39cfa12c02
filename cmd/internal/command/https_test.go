package command

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// momus.console.tls makes the HTTP port one of HTTPS: momus healthcheck, why and doctor find that
// out, and trust whom their properties name.
func TestAnHTTPPortOfHTTPS(t *testing.T) {
	dir := t.TempDir()
	data, file := filepath.Join(dir, "data"), filepath.Join(dir, "ready")
	out, _ := startQuickstart(t, "--secure", "--dir", data, "--port", "0", "--zookeeper-port", "0", "--http-port", "0", "--ready-file", file, "--override", "momus.console.tls=SASL_SSL")
	text, err := os.ReadFile(file)
	var ready readyContent
	if err == nil {
		err = json.Unmarshal(text, &ready)
	}
	if err != nil || len(ready.Brokers) != 1 || !ready.Brokers[0].HTTPS || !strings.Contains(out.String(), "https://localhost:") {
		t.Fatalf("%v, %s\n%s", err, text, out)
	}
	b, admin := ready.Brokers[0], filepath.Join(data, "security", "admin.properties")
	for _, args := range [][]string{{"--ready-file", file}, {"--url", "http://" + b.HTTP + "/healthz"}, {"--url", "https://" + b.HTTP + "/healthz"}} {
		if answer, err := momus(t, append([]string{"healthcheck"}, args...)...); err != nil || answer != "ok\n" {
			t.Errorf("%v: %q, %v", args, answer, err)
		}
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--bootstrap-server", ready.Bootstrap, "--command-config", admin}, "became the controller"},
		{[]string{"--bootstrap-server", "", "--http", b.HTTP, "--command-config", admin}, "became the controller"},
		{[]string{"--bootstrap-server", "", "--http", b.HTTP}, "ssl.truststore.location in the client's properties says whom to trust"},
	} {
		if answer, err := momus(t, append([]string{"why", "--broker", "1"}, tt.args...)...); err != nil || !strings.Contains(answer, tt.want) {
			t.Errorf("%v: %v\n%s", tt.args, err, answer)
		}
	}
	answer, _ := momus(t, "doctor", "--bootstrap-server", ready.Bootstrap, "--command-config", admin) // it has findings, and says so by its exit code
	if !strings.Contains(answer, "Not known:") || strings.Contains(answer, "compaction.uncleanable") {
		t.Errorf("the doctor has not read /metrics:\n%s", answer)
	}
}

// A listener with SASL answers one request for its versions before a login.
func TestHealthcheckOfAListenerWithSASL(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "ready")
	_, stop := startQuickstart(t, "--secure", "--dir", filepath.Join(dir, "data"), "--port", "0", "--zookeeper-port", "0", "--ready-file", file)
	if answer, err := momus(t, "healthcheck", "--ready-file", file); err != nil || answer != "broker 1 serves\n" {
		t.Errorf("%q, %v", answer, err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var ready readyContent
	if err := json.Unmarshal(text, &ready); err != nil {
		t.Fatal(err)
	}
	stop()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := askKafka(ctx, ready.Brokers[0]); err == nil {
		t.Error("a broker that is stopped is healthy")
	}
}
