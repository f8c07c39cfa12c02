package command

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/dlclark/regexp2"

	"momus/cmd/internal/certs"
	"momus/cmd/internal/tool"
	"momus/cmd/internal/tool/core"
	"momus/internal/testbase"
)

// onTerminal runs a tool as a person does, with standard error on a terminal, and gives everything
// that it says.
func onTerminal(t *testing.T, stdin, name string, args ...string) string {
	t.Helper()
	i := slices.IndexFunc(tool.Tools(), func(x core.Tool) bool { return x.Name == name })
	master, terminal, err := pty.Open()
	if i < 0 || err != nil {
		t.Fatal(name, i, err)
	}
	var out, errs bytes.Buffer
	copied := make(chan struct{})
	go func() { // ends with the terminal
		defer close(copied)
		io.Copy(&errs, master)
	}()
	tool.Tools()[i].Run(t.Context(), &core.Env{Args: args, Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: terminal, Program: name, Getenv: func(string) string { return "" }})
	terminal.Close()
	<-copied
	master.Close()
	return out.String() + errs.String()
}

// changed writes the file of a user with other settings.
func changed(t *testing.T, dir, user string, settings map[string]string) string {
	t.Helper()
	p := properties(t, dir, user)
	for k, v := range settings {
		p[k] = v
	}
	var text strings.Builder
	for k, v := range p {
		text.WriteString(k + "=" + v + "\n")
	}
	path := filepath.Join(t.TempDir(), "client.properties")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// What goes wrong between a tool and a secured cluster is said with what to do about it.
func TestToolsSayWhatIsWrongWithASecuredCluster(t *testing.T) {
	t.Cleanup(regexp2.StopTimeoutClock)
	dir := filepath.Join(t.TempDir(), "data")
	port := testbase.FreePorts(t, 2)
	_, stop := startQuickstart(t, "--secure", "--dir", dir, "--port", strconv.Itoa(port), "--zookeeper-port", strconv.Itoa(port+1))
	defer stop()
	bootstrap := "localhost:" + strconv.Itoa(port)
	file := func(user string) string { return filepath.Join(dir, securityDir, user+".properties") }
	stranger, err := certs.NewAuthority(certs.Spec{Name: "stranger"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(t.TempDir(), "foreign.pem")
	if err := os.WriteFile(foreign, stranger.RootPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	topics := func(config string, args ...string) string {
		return onTerminal(t, "", "kafka-topics", append([]string{"--bootstrap-server", bootstrap, "--command-config", config}, args...)...)
	}
	for what, c := range map[string]struct {
		out  string
		want []string
	}{
		"alice writes":    {onTerminal(t, "hi\n", "kafka-console-producer", "--bootstrap-server", bootstrap, "--topic", "hello", "--producer.config", file("alice")), []string{">"}},
		"the admin lists": {topics(file("admin"), "--list"), []string{"hello"}},
		"wrong mechanism": {topics(changed(t, dir, "admin", map[string]string{"sasl.mechanism": "SCRAM-SHA-256"}), "--list"), []string{"does not have sasl.mechanism SCRAM-SHA-256; it has SCRAM-SHA-512"}},
		"unknown authority": {topics(changed(t, dir, "admin", map[string]string{"ssl.truststore.type": "PEM", "ssl.truststore.location": foreign}), "--list"),
			[]string{"momus quickstart CA is not trusted", "ssl.truststore.location"}},
		"no right to create": {topics(file("bob"), "--create", "--topic", "other"),
			[]string{"User:bob may not", "kafka-acls --bootstrap-server " + bootstrap, "--add --allow-principal 'User:bob' --operation Create --topic other"}},
		"no right to write": {onTerminal(t, "hi\n", "kafka-console-producer", "--bootstrap-server", bootstrap, "--topic", "hello", "--producer.config", file("bob")),
			[]string{"User:bob may not", "--operation Write --topic hello"}},
		"no right to read": {onTerminal(t, "", "kafka-console-consumer", "--bootstrap-server", bootstrap, "--topic", "hello", "--consumer.config", file("alice"), "--timeout-ms", "5000"),
			[]string{"User:alice may not", "--allow-principal 'User:alice' --operation Read --group"}},
	} {
		for _, w := range c.want {
			if !strings.Contains(c.out, w) {
				t.Errorf("%s: no %q in\n%s", what, w, c.out)
			}
		}
	}
}
