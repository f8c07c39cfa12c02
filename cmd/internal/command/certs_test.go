package command

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"momus/internal/keystore"
	"momus/internal/testbase"
)

// momus runs a command and gives its output and error.
func momus(t *testing.T, args ...string) (out string, err error) {
	t.Helper()
	var stdout, stderr strings.Builder
	err = run(t.Context(), &Env{Args: append([]string{"momus"}, args...), Stdout: &stdout, Stderr: &stderr})
	return stdout.String() + stderr.String(), err
}

func TestCertificatesOfAClusterAreMadeAndChecked(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "certs")
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("longenough\nrest"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"ca"}, {"broker", "localhost", "127.0.0.1", "--name", "b1", "--password-file", password}, {"client", "alice", "bob", "--legacy"}} {
		out, err := momus(t, append(append([]string{"certs"}, args...), "--dir", dir)...)
		if err != nil || !strings.Contains(out, dir) {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		if strings.Contains(out, "longenough") {
			t.Errorf("the password is printed: %s", out)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2+3*6 {
		t.Errorf("%v, %v", entries, err)
	}
	for _, f := range entries {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f.Name(), info.Mode(), err)
		}
	}
	properties, err := os.ReadFile(filepath.Join(dir, "b1.properties"))
	if err != nil || !strings.Contains(string(properties), "ssl.keystore.password=longenough\n") || !strings.Contains(string(properties), "ssl.truststore.location="+dir) {
		t.Errorf("%s, %v", properties, err)
	}
	pair, err := keystore.Store{Location: filepath.Join(dir, "b1.keystore.p12"), Password: "longenough"}.KeyPair()
	if err != nil {
		t.Fatal(err)
	}
	pool, err := keystore.Store{Location: filepath.Join(dir, "b1.truststore.p12"), Password: "longenough"}.Certificates()
	if err != nil {
		t.Fatal(err)
	}
	addr := testbase.ServeTLS(t, &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool})
	ca := filepath.Join(dir, "ca.pem")
	out, err := momus(t, "certs", "check", addr, "--ca", ca, "--cert", filepath.Join(dir, "alice.pem"))
	if err != nil || !strings.Contains(out, "a client connects") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = momus(t, "certs", "check", addr, "--ca", ca, "--name", "elsewhere")
	var exit *Exit
	if !asExit(err, &exit) || exit.Code != 1 || !strings.Contains(out, "elsewhere is not in the certificate, which is for: localhost, 127.0.0.1") || !strings.Contains(out, "wants a client certificate") {
		t.Errorf("%v\n%s", err, out)
	}
}

func asExit(err error, exit **Exit) bool {
	e, ok := err.(*Exit)
	*exit = e
	return ok
}

func TestMistakesWithCertsAreExplained(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"cert"}, "did you mean certs?"},
		{[]string{"certs", "server"}, `there is no "server"`},
		{[]string{"certs", "broker", "h", "--dir", dir}, "momus certs ca --dir " + dir},
		{[]string{"certs", "broker", "--dir", dir}, "advertised.listeners"},
		{[]string{"certs", "client", "--dir", dir}, "needs a name"},
		{[]string{"certs", "ca", "x"}, "takes no arguments"},
		{[]string{"certs", "ca", "--days", "0"}, "--days 0"},
		{[]string{"certs", "ca", "--dayz", "1"}, "did you mean --days?"},
		{[]string{"certs", "check"}, "needs one address"},
		{[]string{"certs", "check", "localhost:1", "--ca", filepath.Join(dir, "none")}, "--ca"},
	} {
		if out, err := momus(t, c.args...); err == nil || !strings.Contains(err.Error()+out, c.want) {
			t.Errorf("%v: %v %s, want %s", c.args, err, out, c.want)
		}
	}
}

func TestNoCertificateTakesTheAuthoritysPlace(t *testing.T) {
	dir := t.TempDir()
	if _, err := momus(t, "certs", "ca", "--dir", dir); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(dir, "ca.key"))
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"broker", "ca"}, {"broker", "localhost", "--name", "ca"}, {"broker", "localhost", "--name", "../x"}, {"client", "ca"}} {
		_, err := momus(t, append([]string{"certs", args[0], "--dir", dir, "--force"}, args[1:]...)...)
		if err == nil || !strings.Contains(err.Error(), "cannot be the name of files") {
			t.Errorf("%v: %v", args, err)
		}
	}
	if after, err := os.ReadFile(filepath.Join(dir, "ca.key")); err != nil || string(after) != string(before) {
		t.Errorf("the authority's key is another (%v)", err)
	}
}
