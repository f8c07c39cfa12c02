package tool

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"momus/coordinator/zkserver"
	"momus/internal/model"
)

// runTool runs a tool in this process.
func runTool(t *testing.T, tool Tool, e *Env) (code int, out, errs string) {
	t.Helper()
	var o, x bytes.Buffer
	e.Stdout, e.Stderr = &o, &x
	if e.Stdin == nil {
		e.Stdin = strings.NewReader("")
	}
	if e.Getenv == nil {
		e.Getenv = func(string) string { return "" }
	}
	code = tool.Run(t.Context(), e)
	return code, o.String(), x.String()
}

func coordinationServer(t *testing.T) string {
	t.Helper()
	s, err := zkserver.New(zkserver.Options{Dir: t.TempDir(), TickTime: 50 * time.Millisecond, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("server: %v", err)
		}
	})
	return s.Addr().String()
}

func TestACLsInZooKeeper(t *testing.T) {
	zookeeper := coordinationServer(t)
	acls := func(stdin, words string) (int, string, string) {
		return runTool(t, registerAclsTool(), &Env{Args: append([]string{"--authorizer-properties", "zookeeper.connect=" + zookeeper}, strings.Fields(words)...), Stdin: strings.NewReader(stdin)})
	}
	const head = "ACLs for resource `ResourcePattern(resourceType=TOPIC, name=t1, patternType=LITERAL)`: \n "
	const bob = "\t(principal=User:bob, host=*, operation=READ, permissionType=ALLOW)"
	code, out, errs := acls("", "--add --allow-principal User:bob --operation Read --topic t1")
	if want := "Adding " + head + bob + " \n\nCurrent " + head + bob + " \n\n"; code != 0 || out != want || errs != "" {
		t.Errorf("add: exit %d\n%q\n%q\n%s", code, out, want, errs)
	}
	acls("", "--add --allow-principal User:prod --producer --idempotent --transactional-id tx --topic t --resource-pattern-type prefixed")
	if _, out, _ := acls("", "--list --topic team --resource-pattern-type match"); !strings.Contains(out, "name=t, patternType=PREFIXED") || strings.Contains(out, "name=t1") {
		t.Errorf("match: %s", out)
	}
	if _, out, _ := acls("", "--list --principal User:bob"); out != "ACLs for principal `User:bob`\nCurrent "+head+bob+" \n\n" {
		t.Errorf("principal: %q", out)
	}
	if code, out, _ := acls("n\n", "--remove --topic t1"); code != 0 || !strings.Contains(out, "Are you sure you want to delete all ACLs") || !strings.Contains(out, "Current "+head) {
		t.Errorf("no: exit %d, %s", code, out)
	}
	if code, _, _ := acls("", "--remove --topic t1"); code != 1 {
		t.Errorf("no answer: exit %d", code)
	}
	if code, out, _ := acls("Y\n", "--remove --topic t1"); code != 0 || strings.Contains(out, "Current") {
		t.Errorf("yes: exit %d, %s", code, out)
	}
	if _, out, _ := acls("", "--list"); strings.Contains(out, "t1") || strings.Count(out, "Current ACLs") != 3 {
		t.Errorf("what is left: %s", out)
	}
}

func TestMisuseOfACLs(t *testing.T) {
	for words, want := range map[string]string{
		"--list":                           `Missing required argument "[authorizer-properties]"`,
		"--bootstrap-server a:1 --topic t": "Command must include exactly one action: --list, --add, --remove. ",
		"--bootstrap-server a:1 --add --topic t --allow-principal User:a --operation Foo":             "ResourceType TOPIC only supports operations ALL,DELETE,ALTER,",
		"--bootstrap-server a:1 --add --allow-principal User:a --operation Read":                      "You must provide at least one resource",
		"--bootstrap-server a:1 --add --operation Read --topic t":                                     "You must specify one of: --allow-principal, --deny-principal",
		"--bootstrap-server a:1 --add --allow-principal User:a --topic t --resource-pattern-type any": "A '--resource-pattern-type' value of 'ANY' is not valid",
		"--bootstrap-server a:1 --add --allow-principal User:a --consumer --topic t":                  "With --consumer you must specify",
		"--authorizer-properties zookeeper.connect=a:1 --command-config x --list":                     "The --command-config option can only be used",
	} {
		code, out, errs := runTool(t, registerAclsTool(), &Env{Args: strings.Fields(words)})
		if code != 1 || out != "" || !strings.HasPrefix(errs, want) {
			t.Errorf("%s: exit %d\n%s%s", words, code, out, errs)
		}
	}
	for words, want := range map[string]string{
		"--bootstrap-server a:1 --add --allow-principal bob --topic t":                                "expected a string in format principalType:principalName but got bob",
		"--bootstrap-server a:1 --add --allow-principal User:a --topic t --resource-pattern-type foo": "Cannot parse argument 'foo' of option resource-pattern-type",
		"--authorizer-properties zookeeper.connect --list":                                            "Missing value for key zookeeper.connect",
		"--authorizer-properties x=y --list":                                                          `Missing required configuration "zookeeper.connect" which has no default value.`,
		"--authorizer a.B --authorizer-properties zookeeper.connect=a:1 --list":                       "a.B",
	} {
		code, out, _ := runTool(t, registerAclsTool(), &Env{Args: strings.Fields(words)})
		if code != 1 || !strings.HasPrefix(out, "Error while executing ACL command: "+want+"\n") {
			t.Errorf("%s: exit %d\n%s", words, code, out)
		}
	}
}

func TestZooKeeperShellLines(t *testing.T) {
	zookeeper := coordinationServer(t)
	const connected = "\nWATCHER::\n\nWatchedEvent state:SyncConnected type:None path:null\n"
	lines := `create /a one
create /a/b "two words"
get /a/b
get -w /a
set /a other
ls -R /a
getAcl /a
setquota -n 5 /a
listquota /a
delquota /a
delete /a
stat /nope
deleteall /a
create bad x
foo
history
quit
`
	code, out, errs := runTool(t, registerZooKeeperShell(), &Env{Args: []string{zookeeper}, Stdin: strings.NewReader(lines)})
	for _, want := range []string{"Connecting to " + zookeeper + "\nWelcome to ZooKeeper!\nJLine support is disabled\n" + connected, "\ntwo words\none\n", "/a\n/a/b\n",
		"\nWATCHER::\n\nWatchedEvent state:SyncConnected type:NodeDataChanged path:/a\n", "'world,'anyone\n: cdrwa\n", "Output quota for /a count=5,bytes=-1\n",
		"5 - ls -R /a\n", "15 - history\n", "\nWATCHER::\n\nWatchedEvent state:Closed type:None path:null\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("stdout has no %q", want)
		}
	}
	for _, want := range []string{"Created /a\n", "Node not empty: /a\n", "Node does not exist: /nope\n", "Path must start with / character\n", "Command not found: Command not found foo\n"} {
		if !strings.Contains(errs, want) {
			t.Errorf("stderr has no %q", want)
		}
	}
	if code != 0 || t.Failed() {
		t.Errorf("exit %d\n%s\n%s", code, out, errs)
	}
}

func TestZooKeeperShellCommand(t *testing.T) {
	zookeeper := coordinationServer(t)
	for _, c := range []struct {
		args           []string
		code           int
		out, errs      string // the last lines
		withConnection bool
	}{
		{args: []string{"create", "/x", "1"}, errs: "Created /x\n", withConnection: true},
		{args: []string{"get", "/x"}, out: "1\n", withConnection: true},
		{args: []string{"ls", "/"}, out: "[x, zookeeper]\n", withConnection: true},
		{args: []string{"get", "/y"}, code: 1, errs: "org.apache.zookeeper.KeeperException$NoNodeException: KeeperErrorCode = NoNode for /y\n", withConnection: true},
		{args: []string{"nonsense"}, code: 127, errs: "Command not found: Command not found nonsense\n"},
	} {
		code, out, errs := runTool(t, registerZooKeeperShell(), &Env{Args: append([]string{zookeeper}, c.args...)})
		want := "Connecting to " + zookeeper + "\n"
		if c.withConnection {
			want += "\nWATCHER::\n\nWatchedEvent state:SyncConnected type:None path:null\n"
		}
		if code != c.code || out != want+c.out || !strings.HasSuffix(errs, c.errs) {
			t.Errorf("%v: exit %d\n%s%s", c.args, code, out, errs)
		}
	}
	if code, _, errs := runTool(t, registerZooKeeperShell(), &Env{Args: []string{zookeeper, "create", "/z", "1", "nonsense"}}); code != 1 ||
		errs != "nonsense does not have the form scheme:id:perm\nKeeperErrorCode = InvalidACL\nAcl is not valid : null\n" {
		t.Errorf("empty ACL: exit %d, %s", code, errs)
	}
	if code, out, _ := runTool(t, registerZooKeeperShell(), &Env{Program: "/opt/bin/zookeeper-shell.sh"}); code != 1 ||
		out != "USAGE: /opt/bin/zookeeper-shell.sh zookeeper_host:port[/path] [-zk-tls-config-file file] [args...]\n" {
		t.Errorf("no arguments: exit %d, %s", code, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // nobody listens there now
	if code, _, errs := runTool(t, registerZooKeeperShell(), &Env{Args: []string{l.Addr().String(), "ls", "/"}}); code != 1 || errs != "KeeperErrorCode = ConnectionLoss for /\n" {
		t.Errorf("unreachable: exit %d, %s", code, errs)
	}
}

func TestPathsOfZooKeeper(t *testing.T) {
	for path, want := range map[string]string{"/": "", "/a/b": "", "": "Path length must be > 0", "a": "Path must start with / character", "/a/": "Path must not end with / character",
		"/a//b": `Invalid path string "/a//b" caused by empty node name specified @3`, "/a/../b": `Invalid path string "/a/../b" caused by relative paths not allowed @4`,
		"/a/.": `Invalid path string "/a/." caused by relative paths not allowed @3`, "/a\x01": "Invalid path string \"/a\x01\" caused by invalid character @2"} {
		got := ""
		if err := checkPath(path); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %s", path, got)
		}
	}
}

func TestServerStopSignalsBrokersOnly(t *testing.T) {
	var signalled []int
	process := func(id int, command string) Process {
		return Process{ID: id, Command: strings.Fields(command), Signal: func(s os.Signal) error {
			signalled = append(signalled, id)
			if s != os.Kill {
				t.Errorf("signal %v", s)
			}
			return nil
		}}
	}
	all := []Process{process(1, "/sbin/init"), process(2, "/opt/bin/momus broker server.properties"), process(3, "momus quickstart --brokers 3"),
		process(4, "/usr/bin/java -Xmx1G -cp x kafka.Kafka server.properties"), process(5, "kafka-server-start.sh server.properties"),
		process(6, "vi kafka.Kafka"), process(7, "momus zookeeper"), process(8, "java -cp x org.apache.zookeeper.server.quorum.QuorumPeerMain zoo.cfg"), {ID: 9}}
	stop := func(tool Tool, list []Process) (int, string) {
		signalled = nil
		code, out, _ := runTool(t, tool, &Env{Getenv: func(k string) string { return map[string]string{"SIGNAL": "KILL"}[k] }, Processes: func() ([]Process, error) { return list, nil }})
		return code, out
	}
	if code, out := stop(registerServerStop(), all); code != 0 || out != "" || !slices.Equal(signalled, []int{2, 4, 5}) {
		t.Errorf("exit %d, %q, %v", code, out, signalled)
	}
	if code, out := stop(registerCoordinationStop(), all); code != 0 || out != "" || !slices.Equal(signalled, []int{7, 8}) {
		t.Errorf("exit %d, %q, %v", code, out, signalled)
	}
	if code, out := stop(registerServerStop(), all[:1]); code != 1 || out != "No kafka server to stop\n" || signalled != nil {
		t.Errorf("none: exit %d, %q, %v", code, out, signalled)
	}
	if code, out := stop(registerCoordinationStop(), nil); code != 1 || out != "No zookeeper server to stop\n" {
		t.Errorf("none: exit %d, %q", code, out)
	}
}

func TestProcessesAreListed(t *testing.T) {
	all, err := processes()
	if err != nil || slices.ContainsFunc(all, func(p Process) bool { return p.ID == os.Getpid() }) {
		t.Errorf("%v, and this process must not be in the list", err)
	}
	if !slices.ContainsFunc(all, func(p Process) bool { return p.ID == os.Getppid() && len(p.Command) > 0 }) {
		t.Error("the parent is not in the list")
	}
}

// testBatch is the head of a batch of format 2 and what must follow it.
func testBatch(base int64, last int32, crc uint32) []byte {
	b := make([]byte, 61)
	binary.BigEndian.PutUint64(b, uint64(base))
	binary.BigEndian.PutUint32(b[8:], 49)
	b[16] = 2
	binary.BigEndian.PutUint32(b[17:], crc)
	binary.BigEndian.PutUint32(b[23:], uint32(last))
	return b
}

func TestReplicasAreCompared(t *testing.T) {
	tp := model.TopicPartition{Topic: "t", Partition: 1}
	verify := func(replicas ...fetched) (*replicaVerifier, string, error) {
		var out, errs bytes.Buffer
		c := &call{Env: &Env{Stdout: &out, Stderr: &errs}, out: newOutput(&out)}
		v := &replicaVerifier{c: c, partitions: []model.TopicPartition{tp}, next: map[model.TopicPartition]int64{tp: 0}}
		err := v.verify(map[model.TopicPartition][]fetched{tp: replicas})
		c.out.Flush()
		return v, out.String(), err
	}
	two := append(testBatch(0, 4, 7), testBatch(5, 0, 8)...)
	if v, out, err := verify(fetched{1, 6, two}, fetched{2, 6, two}); err != nil || out != "" || v.maxLag != 0 || v.next[tp] != 6 {
		t.Errorf("equal: %v %q, lag %d at %d", err, out, v.maxLag, v.next[tp])
	}
	if v, out, err := verify(fetched{1, 6, two}, fetched{2, 6, two[:61]}); err != nil || out != "" || v.maxLag != 1 || v.offsetOfLag != 5 || *v.lagging != tp {
		t.Errorf("behind: %v %q, lag %d at %d", err, out, v.maxLag, v.offsetOfLag)
	}
	if _, out, err := verify(fetched{1, 6, testBatch(0, 4, 7)}, fetched{2, 6, testBatch(0, 4, 9)}); err != nil ||
		!strings.HasSuffix(out, ": partition t-1 has unmatched checksum at offset 4; replica 1's checksum 7; replica 2's checksum 9\n") {
		t.Errorf("checksum: %v %q", err, out)
	}
	if _, out, err := verify(fetched{1, 9, testBatch(0, 4, 7)}, fetched{2, 9, testBatch(0, 5, 7)}); err != exit(1) ||
		!strings.HasSuffix(out, ": partition t-1: replica 1's offset 4 doesn't match replica 2's offset 5\n") {
		t.Errorf("offset: %v %q", err, out)
	}
	if v, _, err := verify(fetched{1, -1, nil}, fetched{2, 3, testBatch(0, 1, 7)}); err != nil || v.maxLag != 3 {
		t.Errorf("one does not answer: %v, lag %d", err, v.maxLag)
	}
}

func FuzzNextBatch(f *testing.F) {
	f.Add(testBatch(3, 4, 5))
	f.Fuzz(func(t *testing.T, b []byte) {
		for {
			_, rest, found := nextBatch(b)
			if !found {
				return
			}
			if len(rest) >= len(b) {
				t.Fatal("no progress")
			}
			b = rest
		}
	})
}

func FuzzShellOptions(f *testing.F) {
	f.Add(`create -se -t5 /a "b c"`)
	f.Fuzz(func(t *testing.T, line string) {
		if words := shellWords(line); len(words) > 0 {
			if o, err := parseShellOptions(words, "s", "e", "t:"); err == nil && o.has("t") && o.value("t") == "" && !slices.Contains(words, "") {
				t.Fatalf("%q: an option without its value", line)
			}
		}
		_ = checkPath(line)
	})
}
