package terminal

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// completion asks for answers as the scripts do, and then types into each shell that this machine
// has.
func completion(t *testing.T, server, zooKeeper string) {
	for _, c := range []struct {
		line string // as for bash
		want string // candidates, in order; + behind for at least these
	}{
		{"momus compl", "completion"},
		{"momus completion ", "bash fish zsh"},
		{"momus quickstart --br", "--brokers"},
		{"momus broker ser", ":files"},
		{"momus kafka-top", "kafka-topics"},
		{"kafka-topics.sh --rep", "--replica-assignment --replication-factor"},
		{"kafka-topics --bootstrap-server " + server + " --describe --topic or", "orders"},
		{"FOO=1 /usr/bin/kafka-topics.sh --bootstrap-server " + server + " --describe --topic=or", "--topic=orders"},
		{"kafka-topics --bootstrap-server=" + server + " --describe --topic orders,a-t", "orders," + longTopic},
		{"kafka-topics --zookeeper " + zooKeeper + " --describe --topic or", "orders"},
		{"momus topics --create --topic new --config retention.m", "retention.ms="},
		{"momus consumer-groups --describe --bootstrap-server " + server + " --group re", "readers"},
		{"momus configs --bootstrap-server " + server + " --entity-type to", "topics"},
		{"momus configs --bootstrap-server " + server + " --entity-type topics --entity-name or", "orders"},
		{"momus configs --bootstrap-server " + server + " --entity-type topics --entity-name orders --alter --add-config segment.by", "segment.bytes="},
		{"momus configs --bootstrap-server " + server + " --topic orders --alter --add-config segment.bytes=1,retention.by", "segment.bytes=1,retention.bytes="},
		{"momus configs --bootstrap-server " + server + " --topic orders --alter --delete-config re", "retention.ms"},
		{"momus configs --bootstrap-server " + server + " --broker 1 --alter --add-config log.cleaner.thr", "log.cleaner.threads="},
		{"momus console-consumer --bootstrap-server " + server + " --topic orders --partition ", "0 1"},
		{"momus console-consumer --formatter kafka.coordinator.transaction.", `kafka.coordinator.transaction.TransactionLog\$TransactionLogMessageFormatter`},
		{"momus topics --command-config /e", ":files"},
		{"momus producer-perf-test --producer-props bootstrap.servers=" + server + " --topic or", "orders"},
		{"momus producer-perf-test --producer-props a", "acks="},
		{"kafka-run-class.sh kafka.tools.GetOff", "kafka.tools.GetOffsetShell"},
		{"kafka-run-class.sh kafka.tools.GetOffsetShell --broker-list " + server + " --topic or", "orders"},
		{"momus topics --bootstrap-server 127.0.0.1:1 --topic ", ""},
		{"momus no-such-command --x", ""},
	} {
		p := pipe(t, "complete", "--shell", "bash", "--breaks", " \t", "--", c.line)
		if got := strings.Join(strings.Fields(p.out), " "); got != c.want || p.code != 0 || p.err != "" {
			t.Errorf("%s: %q, want %q (exit %d, %q)", c.line, got, c.want, p.code, p.err)
		}
	}
	// What bash cuts off at = and : must not come twice.
	p := pipe(t, "complete", "--shell", "bash", "--breaks", " =:", "--", "kafka-topics --bootstrap-server "+server+" --topic=or")
	if p.out != "orders\n" {
		t.Errorf("after =: %q", p.out)
	}
	if p := pipe(t, "completion", "tcsh"); p.code != 1 || !strings.Contains(p.err, "source <(momus completion bash)") {
		t.Errorf("another shell: %+v", p)
	}
	bin := links(t)
	for _, shell := range []string{"bash", "zsh", "fish"} {
		script := pipe(t, "completion", shell).out
		if strings.Contains(script, "@") && strings.Contains(script, "@MOMUS@") || !strings.Contains(script, " kafka-topics.sh ") {
			t.Errorf("script for %s:\n%s", shell, script)
		}
		path, err := exec.LookPath(shell)
		if err != nil {
			continue // its script was looked at
		}
		t.Run(shell, func(t *testing.T) { typeInto(t, shell, path, bin, server) })
	}
}

// typeInto starts an interactive shell in a terminal and presses the tab key.
func typeInto(t *testing.T, shell, path, bin, server string) {
	env := []string{"PATH=" + bin + ":" + filepath.Dir(path) + ":/usr/bin:/bin", "HOME=" + t.TempDir(), "PS1=ready> ", "PROMPT=ready> ", "fish_greeting="}
	start := map[string][]string{"bash": {path, "--norc", "--noprofile", "-i"}, "zsh": {path, "-f", "-i"}, "fish": {path, "--no-config", "-i"}}[shell]
	load := map[string]string{"bash": "bind 'set show-all-if-ambiguous on'; source <(momus completion bash)", "zsh": "autoload -Uz compinit; compinit -u -D; source <(momus completion zsh)", "fish": "momus completion fish | source"}[shell]
	s := open(t, env, start...)
	s.send(t, load+"; echo loa''ded\r")
	s.await(t, 0, "loaded")
	// A name of a topic, then a list of an option's names, then the whole line is run.
	n := len(s.text())
	s.send(t, fmt.Sprintf("kafka-topics.sh --bootstrap-server %s --under-rep\t --desc\t --topic or\t", server))
	n = s.await(t, n, "orders")
	if !strings.Contains(s.text(), "--under-replicated-partitions") || !strings.Contains(s.text(), "--describe") {
		t.Errorf("options were not completed: %q", s.text())
	}
	s.send(t, "; echo status="+map[string]string{"bash": "$?", "zsh": "$?", "fish": "$status"}[shell]+"\r")
	s.await(t, n, "status=0")
	// Several candidates are listed.
	n = len(s.text())
	s.send(t, "momus topics --re\t\t")
	s.await(t, n, "--replication-factor")
}

// TestEveryToolCompletesItsOptions compares what is completed with the table of options that a tool
// prints.
func TestEveryToolCompletesItsOptions(t *testing.T) {
	for _, name := range strings.Fields(pipe(t, "help", "--tools").out) {
		if slices.Contains([]string{"kafka-run-class", "zookeeper-shell", "kafka-server-stop", "zookeeper-server-start", "zookeeper-server-stop"}, name) {
			continue // these take words, not options
		}
		p := pipe(t, "complete", "--shell", "fish", "--", name, "--")
		if n := strings.Count(p.out, "--"); n < 1 || p.code != 0 {
			t.Errorf("%s: %d options\n%s%s", name, n, p.out, p.err)
		}
	}
}
