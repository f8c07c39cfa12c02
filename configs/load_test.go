package configs

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestLoad runs the transcripts in testdata/load. A command takes lines of one source and prints
// what they make:
//
//	file name=server.properties    writes a file for the load commands that follow, below their root
//	remove name=server.properties    removes it
//	load [file=…] [env] [overrides] [container]    lines are variables or overrides
//
// Commands of the images are answered by commands below.
func TestLoad(t *testing.T) {
	commands := map[string]string{
		"hostname":                             "kafka-7f9c",
		"hostname -i":                          "172.18.0.5",
		"echo ${HOSTNAME##*-}":                 "3",
		"docker port kafka 9092 | cut -d: -f2": "32768",
		"curl -s http://169.254.169.254/latest/meta-data/placement/availability-zone": "eu-central-1a",
	}
	run := func(command string) (string, error) {
		if out, ok := commands[command]; ok {
			return out + "\n", nil
		}
		switch {
		case strings.HasPrefix(command, "docker inspect"):
			return "", &CommandError{Stderr: "sh: docker: not found"}
		case command == "true":
			return "", nil
		case strings.HasPrefix(command, "route"):
			return "", &CommandError{Err: errors.New("exit status 1"), Stderr: "route: /proc/net/route: no such file"}
		}
		return "", errors.New("exit status 127")
	}
	datadriven.Walk(t, "testdata/load", func(t *testing.T, path string) {
		dir := t.TempDir()
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, "etc/tmpfiles.d"), 0o755),
			os.WriteFile(filepath.Join(dir, "etc/tmpfiles.d/tmp.conf"), []byte("# D\nD /tmp 1777 root root -\n"), 0o600)); err != nil {
			t.Fatal(err)
		}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "file":
				var name string
				d.ScanArgs(t, "name", &name)
				file := filepath.Join(dir, name)
				if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(d.Input+"\n"), 0o600)); err != nil {
					t.Fatal(err)
				}
				return ""
			case "remove":
				var name string
				d.ScanArgs(t, "name", &name)
				if err := os.Remove(filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
				return ""
			case "load":
				container := d.HasArg("container")
				s := Sources{Run: run, Hostname: "kafka-7f9c", Container: &container, root: dir, secrets: dir}
				if d.HasArg("file") {
					var name string
					d.ScanArgs(t, "file", &name)
					s.File = filepath.Join(dir, name)
				}
				var lines []string
				for _, l := range strings.Split(d.Input, "\n") {
					if l != "" {
						lines = append(lines, strings.ReplaceAll(l, "<newline>", "\n"))
					}
				}
				if d.HasArg("overrides") {
					s.Overrides = lines
				} else {
					s.Env = lines
				}
				return describeLoad(s, dir)
			}
			t.Fatalf("unknown command %s", d.Cmd)
			return ""
		})
	})
}

func describeLoad(s Sources, dir string) string {
	var b strings.Builder
	c, warnings, err := Load(s)
	for _, w := range warnings {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	if err != nil {
		for _, l := range strings.Split(err.Error(), "\n") {
			fmt.Fprintf(&b, "error: %s\n", l)
		}
		return strings.ReplaceAll(b.String(), dir, "DIR")
	}
	if d := c.Environment().Dialect; d != NoDialect {
		fmt.Fprintf(&b, "dialect: %s (%s)\n", d, c.Environment().DialectReason)
	}
	if w := c.Environment().ZooKeeperWait; w != 0 {
		fmt.Fprintf(&b, "wait for ZooKeeper: %v\n", w)
	}
	if h := c.Environment().MaxHeap; h != 0 {
		fmt.Fprintf(&b, "max heap: %d\n", h)
	}
	for _, topic := range c.Environment().CreateTopics {
		fmt.Fprintf(&b, "create topic: %+v\n", topic)
	}
	for _, k := range slices.Sorted(maps.Keys(c.static)) {
		set := c.static[k]
		fmt.Fprintf(&b, "%s=%s (%s)\n", k, set.Value, set.Origin)
	}
	l := c.Listeners()
	fmt.Fprintf(&b, "listen %s, advertise %s, between brokers %s\n", formatEndpoints(l.Bind), formatEndpoints(l.Advertised), l.InterBroker)
	if l.ControlPlane != "" {
		fmt.Fprintf(&b, "control plane %s\n", l.ControlPlane)
	}
	if n := c.NoEffect(); len(n) > 0 {
		fmt.Fprintf(&b, "no effect: %s\n", strings.Join(n, " "))
	}
	return strings.ReplaceAll(b.String(), dir, "DIR")
}

// The marks of a container count only where the disk is not this machine's own.
func TestContainerIsTold(t *testing.T) {
	const overlay, whole, part = "1 0 0:66 / / rw - overlay overlay rw\n", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n", "1 0 8:1 /dk/vfs/dir/1 / rw - ext4 /dev/sda1 rw\n"
	for _, c := range []struct {
		mounts, mark, content string
		want                  bool
	}{
		{overlay, ".dockerenv", "", true},
		{whole, ".dockerenv", "", false},
		{part, ".dockerenv", "", true},
		{overlay, "run/.containerenv", "", true},
		{overlay, "proc/1/cgroup", "0::/kubepods/x\n", true},
		{overlay, "proc/1/cgroup", "0::/lxc/x\n", false},
		{overlay, "x", "", false},
	} {
		root := t.TempDir()
		for name, content := range map[string]string{"proc/self/mountinfo": c.mounts, c.mark: c.content} {
			f := filepath.Join(root, name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(f), 0o755), os.WriteFile(f, []byte(content), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		if got := detectContainer(root); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestWhatBecomesOfTmp(t *testing.T) {
	for _, c := range []struct{ file, content, want string }{
		{"proc/self/mountinfo", "1 0 0:4 / /tmp rw - tmpfs tmpfs rw\n", "memory"},
		{"usr/lib/tmpfiles.d/tmp.conf", "D /tmp 1777 root root -\n", "at boot"},
		{"usr/lib/tmpfiles.d/tmp.conf", "q /tmp 1777 root root 10d\n", "older than 10d"},
		{"usr/lib/tmpfiles.d/tmp.conf", "q /var/tmp 1777 root root 30d\n", ""},
		{"none", "", ""},
	} {
		root := t.TempDir()
		f := filepath.Join(root, c.file)
		if err := errors.Join(os.MkdirAll(filepath.Dir(f), 0o755), os.WriteFile(f, []byte(c.content), 0o600)); err != nil {
			t.Fatal(err)
		}
		if got := tmpFate(root); !strings.Contains(got, c.want) || (c.want == "") != (got == "") {
			t.Errorf("%q: %q", c.content, got)
		}
	}
}
