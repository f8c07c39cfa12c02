package zookeepershell

import (
	"maps"
	"net"
	"slices"
	"strings"
	"testing"

	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/tooltest"
)

func TestZooKeeperShellLines(t *testing.T) {
	zookeeper := tooltest.ZooKeeper(t)
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
	code, out, errs := tooltest.Run(t, Tool(), &core.Env{Args: []string{zookeeper}, Stdin: strings.NewReader(lines)})
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

// TestAnEventUsesUpTheWatchesOfItsKindAlone has a watch of the data and one of the children of the same
// node: an event of one leaves the other.
func TestAnEventUsesUpTheWatchesOfItsKindAlone(t *testing.T) {
	data, child := zkWatch{"/a", "data"}, zkWatch{"/a", "child"}
	for _, c := range []struct {
		kind        string
		armed, left []zkWatch
		shown       bool
	}{
		{"NodeDataChanged", []zkWatch{data, child}, []zkWatch{child}, true},
		{"NodeChildrenChanged", []zkWatch{data, child}, []zkWatch{data}, true},
		{"NodeDeleted", []zkWatch{data, child}, nil, true},
		{"NodeCreated", []zkWatch{data}, nil, true},
		{"NodeDataChanged", []zkWatch{child}, []zkWatch{child}, false},
		{"NodeDataChanged", nil, nil, false},
	} {
		sh := &zkShell{armed: map[zkWatch]bool{}}
		for _, w := range c.armed {
			sh.armed[w] = true
		}
		shown := sh.disarm("/a", c.kind)
		left := slices.Collect(maps.Keys(sh.armed))
		if shown != c.shown || !slices.Equal(left, c.left) {
			t.Errorf("%s with %v: shown %t, left %v", c.kind, c.armed, shown, left)
		}
	}
}

// TestZooKeeperShellTakesLongLines has a line longer than the scanner's first buffer, as data of a
// znode may be, and a command after it.
func TestZooKeeperShellTakesLongLines(t *testing.T) {
	lines := "create /long " + strings.Repeat("x", 200_000) + "\nstat /long\ncreate /\U0001F600 x\nquit\n"
	code, out, errs := tooltest.Run(t, Tool(), &core.Env{Args: []string{tooltest.ZooKeeper(t)}, Stdin: strings.NewReader(lines)})
	if code != 0 || !strings.Contains(errs, "Created /long\n") || !strings.Contains(out, "dataLength = 200000\n") || !strings.Contains(errs, "caused by invalid character @1") {
		t.Errorf("exit %d\n%s\n%s", code, out, errs)
	}
}

func TestZooKeeperShellCommand(t *testing.T) {
	zookeeper := tooltest.ZooKeeper(t)
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
		code, out, errs := tooltest.Run(t, Tool(), &core.Env{Args: append([]string{zookeeper}, c.args...)})
		want := "Connecting to " + zookeeper + "\n"
		if c.withConnection {
			want += "\nWATCHER::\n\nWatchedEvent state:SyncConnected type:None path:null\n"
		}
		if code != c.code || out != want+c.out || !strings.HasSuffix(errs, c.errs) {
			t.Errorf("%v: exit %d\n%s%s", c.args, code, out, errs)
		}
	}
	if code, _, errs := tooltest.Run(t, Tool(), &core.Env{Args: []string{zookeeper, "create", "/z", "1", "nonsense"}}); code != 1 ||
		errs != "nonsense does not have the form scheme:id:perm\nKeeperErrorCode = InvalidACL\nAcl is not valid : null\n" {
		t.Errorf("empty ACL: exit %d, %s", code, errs)
	}
	if code, out, _ := tooltest.Run(t, Tool(), &core.Env{Program: "/opt/bin/zookeeper-shell.sh"}); code != 1 ||
		out != "USAGE: /opt/bin/zookeeper-shell.sh zookeeper_host:port[/path] [-zk-tls-config-file file] [args...]\n" {
		t.Errorf("no arguments: exit %d, %s", code, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // nobody listens there now
	if code, _, errs := tooltest.Run(t, Tool(), &core.Env{Args: []string{l.Addr().String(), "ls", "/"}}); code != 1 || errs != "KeeperErrorCode = ConnectionLoss for /\n" {
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
