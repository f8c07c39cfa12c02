package zkserver_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"go.uber.org/goleak"

	"momus/coordinator/zkserver"
	"momus/coordinator/zkserver/zkservertest"
	"momus/internal/testbase"
)

// startServer runs a server until the test ends, or until the returned function is called.
func startServer(t *testing.T, o zkserver.Options) (addr string, stop func()) {
	t.Helper()
	s, stop := zkservertest.Run(t, o)
	return s.Addr().String(), stop
}

// startAlone is startServer for the first server of a test that leaves no goroutine behind.
func startAlone(t *testing.T, o zkserver.Options) (addr string, stop func()) {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) })
	return startServer(t, o)
}

func connect(t *testing.T, addr string, timeout time.Duration) (*zk.Conn, <-chan zk.Event) {
	t.Helper()
	return zkservertest.Session(t, addr, timeout, nil)
}

func TestGoZookeeperClientWorks(t *testing.T) {
	addr, stop := startAlone(t, zkserver.Options{})
	c, _ := connect(t, addr, 4*time.Second)
	if _, err := c.Create("/a", []byte("one"), 0, zk.WorldACL(zk.PermAll)); err != nil {
		t.Fatal(err)
	}
	data, stat, watch, err := c.GetW("/a")
	if err != nil || string(data) != "one" || stat.Version != 0 {
		t.Fatalf("get: %q %+v %v", data, stat, err)
	}
	if _, err := c.Set("/a", []byte("two"), 0); err != nil {
		t.Fatal(err)
	}
	if e := <-watch; e.Type != zk.EventNodeDataChanged {
		t.Fatalf("event %+v", e)
	}
	if _, err := c.Set("/a", nil, 0); err != zk.ErrBadVersion {
		t.Fatalf("set with an old version: %v", err)
	}
	path, err := c.Create("/a/s-", nil, zk.FlagEphemeral|zk.FlagSequence, zk.WorldACL(zk.PermAll))
	if err != nil || path != "/a/s-0000000000" {
		t.Fatalf("create: %q %v", path, err)
	}
	_, err = c.Multi(&zk.CheckVersionRequest{Path: "/a", Version: 1}, &zk.DeleteRequest{Path: "/nothing", Version: -1})
	if err != zk.ErrNoNode {
		t.Fatalf("multi: %v", err)
	}
	c.Close()
	stop()
}

func TestStateSurvivesRestart(t *testing.T) {
	dir := t.TempDir()
	addr, stop := startAlone(t, zkserver.Options{Dir: dir})
	c, events := connect(t, addr, 30*time.Second)
	mustCreate(t, c, "/keep", 0)
	mustCreate(t, c, "/gone-with-session", zk.FlagEphemeral)
	id := c.SessionID()
	stop()
	addr2, stop2 := startServer(t, zkserver.Options{Dir: dir, Listen: addr})
	if addr2 != addr {
		t.Fatalf("listens on %s, not %s", addr2, addr)
	}
	for e := range events { // the client finds its way back by itself
		if e.State == zk.StateHasSession {
			break
		}
	}
	if c.SessionID() != id {
		t.Fatalf("session %#x became %#x", id, c.SessionID())
	}
	if _, stat, err := c.Get("/gone-with-session"); err != nil || stat.EphemeralOwner != id {
		t.Fatalf("%+v %v", stat, err)
	}
	c.Close()
	d, _ := connect(t, addr, 4*time.Second)
	if exists, _, err := d.Exists("/gone-with-session"); err != nil || exists {
		t.Fatalf("%v %v", exists, err)
	}
	if exists, _, err := d.Exists("/keep"); err != nil || !exists {
		t.Fatalf("%v %v", exists, err)
	}
	d.Close()
	stop2()
}

func TestOldSessionsEndAtOnceWhenAskedTo(t *testing.T) {
	dir := t.TempDir()
	addr, stop := startAlone(t, zkserver.Options{Dir: dir})
	deadSession(t, addr, "/gone")
	stop()
	addr, stop = startServer(t, zkserver.Options{Dir: dir, EndOldSessions: true})
	c, _ := connect(t, addr, 10*time.Second)
	for {
		exists, _, gone, err := c.ExistsW("/gone")
		if err != nil {
			t.Fatal(err)
		}
		if !exists {
			break
		}
		<-gone // long before the session would have timed out
	}
	c.Close()
	stop()
}

func mustCreate(t *testing.T, c *zk.Conn, path string, flags int32) {
	t.Helper()
	if _, err := c.Create(path, []byte("x"), flags, zk.WorldACL(zk.PermAll)); err != nil {
		t.Fatal(err)
	}
}

// deadSession opens a session with an ephemeral node by hand, and cuts the connection.
func deadSession(t *testing.T, addr, path string) {
	t.Helper()
	nc := testbase.Dial(t, addr)
	defer nc.Close()
	b := binary.BigEndian.AppendUint32(nil, 44) // connect: no read-only flag, as an old client
	b = binary.BigEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint64(b, 0)
	b = binary.BigEndian.AppendUint32(b, 1)
	b = binary.BigEndian.AppendUint64(b, 0)
	b = binary.BigEndian.AppendUint32(b, 16)
	b = append(b, make([]byte, 16)...)
	var r []byte // create
	for _, v := range []uint32{1, 1, uint32(len(path))} {
		r = binary.BigEndian.AppendUint32(r, v)
	}
	r = append(r, path...)
	for _, v := range []uint32{0xffffffff, 1, 31, 5} {
		r = binary.BigEndian.AppendUint32(r, v)
	}
	r = append(r, "world"...)
	r = binary.BigEndian.AppendUint32(r, 6)
	r = append(r, "anyone"...)
	r = binary.BigEndian.AppendUint32(r, zk.FlagEphemeral)
	b = binary.BigEndian.AppendUint32(b, uint32(len(r)))
	if _, err := nc.Write(append(b, r...)); err != nil {
		t.Fatal(err)
	}
	answers := make([]byte, 40+4+16) // the connect response, and the header of the create response
	if _, err := io.ReadFull(nc, answers); err != nil {
		t.Fatal(err)
	}
	if code := binary.BigEndian.Uint32(answers[56:]); code != 0 {
		t.Fatalf("create: %d", int32(code))
	}
}

func TestSilentSessionExpires(t *testing.T) {
	addr, stop := startAlone(t, zkserver.Options{TickTime: 20 * time.Millisecond, MaxSessionTimeout: time.Minute})
	c, _ := connect(t, addr, 10*time.Second)
	deadSession(t, addr, "/dead")
	exists, _, watch, err := c.ExistsW("/dead")
	if err != nil {
		t.Fatal(err)
	}
	if exists {
		if e := <-watch; e.Type != zk.EventNodeDeleted {
			t.Fatalf("%+v", e)
		}
	}
	c.Close()
	stop()
}

func TestConnectionsOfAHostAreLimited(t *testing.T) {
	addr, stop := startAlone(t, zkserver.Options{MaxClientCnxns: 3})
	var open []net.Conn
	for range 3 {
		open = append(open, testbase.Dial(t, addr))
	}
	refused := testbase.Dial(t, addr)
	if _, err := refused.Read(make([]byte, 1)); err == nil {
		t.Fatal("a fourth connection was served")
	}
	refused.Close()
	for _, nc := range open {
		io.WriteString(nc, "ruok")
		if b, err := io.ReadAll(nc); err != nil || string(b) != "imok" {
			t.Fatalf("%q %v", b, err)
		}
		nc.Close()
	}
	stop()
}

func ask(t *testing.T, addr, word string) string {
	t.Helper()
	nc := testbase.Dial(t, addr)
	defer nc.Close()
	if _, err := io.WriteString(nc, word); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(nc)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestFourLetterWords(t *testing.T) {
	dir := t.TempDir()
	addr, stop := startAlone(t, zkserver.Options{Dir: dir})
	c, _ := connect(t, addr, 10*time.Second)
	mustCreate(t, c, "/e", zk.FlagEphemeral)
	if _, _, _, err := c.GetW("/e"); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(addr)
	session := fmt.Sprintf("0x%x", c.SessionID())
	for word, want := range map[string][]string{
		"ruok": {"imok"},
		"isro": {"rw"},
		"srvr": {"Zookeeper version: 3.4.14", "Latency min/avg/max: ", "Zxid: 0x2\n", "Mode: standalone\n", "Node count: 5\n"},
		"stat": {"Clients:\n /127.0.0.1:", "[1](queued=0,recved=", "Mode: standalone\n"},
		"cons": {"sid=" + session + ",lop=GETD,est=", ",to=10000,lcxid=0x", ",lzxid=0x2,"},
		"mntr": {"zk_server_state\tstandalone\n", "zk_znode_count\t5\n", "zk_ephemerals_count\t1\n", "zk_watch_count\t1\n", "zk_approximate_data_size\t30\n"},
		"conf": {"clientPort=" + port + "\n", "dataDir=" + dir + "\n", "tickTime=2000\n", "maxClientCnxns=60\n", "minSessionTimeout=4000\n", "maxSessionTimeout=40000\n", "serverId=0\n"},
		"dump": {"SessionTracker dump:\nSession Sets (1):\n1 expire at ", "\t" + session + "\n", "ephemeral nodes dump:\nSessions with Ephemerals (1):\n" + session + ":\n\t/e\n"},
		"wchs": {"1 connections watching 1 paths\nTotal watches:1\n"},
		"wchp": {"wchp is not executed because it is not in the whitelist."},
		"envi": {"Environment:\nzookeeper.version=3.4.14"},
	} {
		got := ask(t, addr, word)
		for _, part := range want {
			if !strings.Contains(got, part) {
				t.Errorf("%s lacks %q:\n%s", word, part, got)
			}
		}
	}
	for word, want := range map[string]string{"crst": "Connection stats reset.\n", "srst": "Server stats reset.\n"} {
		if got := ask(t, addr, word); got != want {
			t.Errorf("%s: %q", word, got)
		}
	}
	if got := ask(t, addr, "cons"); !strings.Contains(got, ",recved=0,sent=0,sid="+session+",lop=NA,") {
		t.Errorf("cons after crst:\n%s", got)
	}
	if stats, ok := zk.FLWSrvr([]string{addr}, 5*time.Second); !ok || stats[0].Error != nil || stats[0].NodeCount != 5 {
		t.Errorf("go-zookeeper cannot read srvr: %+v", stats[0])
	}
	c.Close()
	stop()
}

func TestHostileBytesCloseTheirConnectionAlone(t *testing.T) {
	addr, stop := startAlone(t, zkserver.Options{})
	c, _ := connect(t, addr, 10*time.Second)
	for _, hostile := range []string{"\x7f\xff\xff\xff", "\xff\xff\xff\xff", "GET / HTTP/1.1\r\n\r\n", "\x00\x00\x00\x00", "\x00\x00\x00\x04junk", "\x00\x10\x00\x00"} {
		nc := testbase.Dial(t, addr)
		io.WriteString(nc, hostile)
		if _, err := nc.Read(make([]byte, 1)); err != io.EOF && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%q: %v", hostile, err)
		}
		nc.Close()
	}
	if _, _, err := c.Get("/"); err != nil {
		t.Fatal(err)
	}
	c.Close()
	stop()
}

// Many servers, many clients, stopped in the middle of it.
func TestServersShareNothingAndLeaveNothing(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	var wg sync.WaitGroup
	var clients []*zk.Conn
	for i := range 3 {
		addr, _ := startServer(t, zkserver.Options{})
		for range 3 {
			c, _ := connect(t, addr, 10*time.Second)
			clients = append(clients, c)
			wg.Go(func() {
				for range 30 {
					mustCreate(t, c, fmt.Sprintf("/s%d-", i), zk.FlagSequence)
				}
			})
		}
	}
	wg.Wait()
	for i, c := range clients {
		names, _, err := c.Children("/")
		if err != nil || len(names) != 91 || !strings.HasPrefix(names[0], fmt.Sprintf("s%d-", i/3)) {
			t.Errorf("%d nodes, %v", len(names), err)
		}
	}
	for _, c := range clients {
		c.Close()
	}
}

// The directory is copied while the server writes, as a crash would leave it: what was acknowledged
// before is in the copy.
func TestAcknowledgedWritesAreInACopyOfTheDirectory(t *testing.T) {
	dir := t.TempDir()
	addr, stop := startServer(t, zkserver.Options{Dir: dir, SnapshotBytes: 4 << 10})
	c, _ := connect(t, addr, 10*time.Second)
	for round := range 5 {
		for range 20 {
			mustCreate(t, c, "/n", zk.FlagSequence)
		}
		crashed := t.TempDir()
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			b, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if errors.Is(err, os.ErrNotExist) {
				continue // superseded meanwhile
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(crashed, e.Name()), b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		addr2, stop2 := startServer(t, zkserver.Options{Dir: crashed})
		d, _ := connect(t, addr2, 10*time.Second)
		names, _, err := d.Children("/")
		if err != nil || len(names) != 1+20*(round+1) {
			t.Fatalf("round %d: %d nodes, %v", round, len(names), err)
		}
		d.Close()
		stop2()
	}
	c.Close()
	stop()
}

// crashDir makes the test binary a server, for the test below to kill.
const crashDir = "MOMUS_ZKSERVER_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		s, err := zkserver.New(zkserver.Options{Dir: dir, SnapshotBytes: 16 << 10})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(s.Addr())
		if err := s.Run(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// A server is killed under load, again and again; what was acknowledged is there, and nothing is
// there twice.
func TestKilledServerHasWhatItAcknowledged(t *testing.T) {
	dir := t.TempDir()
	acknowledged := make(map[string]bool)
	for round := range 4 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), crashDir+"="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		addr, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		c, _ := connect(t, strings.TrimSpace(addr), 10*time.Second)
		names, _, err := c.Children("/")
		if err != nil {
			t.Fatal(err)
		}
		have := make(map[string]bool)
		for _, name := range names {
			have["/"+name] = true
		}
		for path := range acknowledged {
			if !have[path] {
				t.Errorf("round %d: %s was acknowledged and is gone", round, path)
			}
		}
		results := make(chan string)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for {
					path, err := c.Create("/n-", []byte("x"), zk.FlagSequence, zk.WorldACL(zk.PermAll))
					if err != nil {
						return
					}
					results <- path
				}
			})
		}
		go func() { wg.Wait(); close(results) }()
		count := 0
		for path := range results {
			if acknowledged[path] {
				t.Errorf("%s was made twice", path)
			}
			acknowledged[path] = true
			if count++; count == 300 {
				cmd.Process.Kill()
				cmd.Wait()
				c.Close()
			}
		}
	}
}

func TestNoSecondServerOnADirectory(t *testing.T) {
	dir := t.TempDir()
	startServer(t, zkserver.Options{Dir: dir})
	if _, err := zkserver.New(zkserver.Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "another coordination server uses this directory") {
		t.Fatal(err)
	}
}

func BenchmarkCreate(b *testing.B) {
	for _, o := range []zkserver.Options{{}, {NoSync: true}} {
		for _, clients := range []int{1, 64} {
			b.Run(fmt.Sprintf("nosync=%v/clients=%d", o.NoSync, clients), func(b *testing.B) {
				o.Dir = b.TempDir()
				s, stop := zkservertest.Run(b, o)
				c, _, err := zk.Connect([]string{s.Addr().String()}, 10*time.Second, zk.WithLogger(zkservertest.Quiet{}))
				if err != nil {
					b.Fatal(err)
				}
				var wg sync.WaitGroup
				b.ResetTimer()
				for i := range clients {
					wg.Go(func() {
						for n := i; n < b.N; n += clients {
							if _, err := c.Create("/n", []byte("0123456789"), zk.FlagSequence, zk.WorldACL(zk.PermAll)); err != nil {
								b.Error(err)
							}
						}
					})
				}
				wg.Wait()
				b.StopTimer()
				c.Close()
				stop()
			})
		}
	}
}

// BenchmarkOpen opens a directory with many nodes, as after a crash (log) and after a stop
// (snapshot).
func BenchmarkOpen(b *testing.B) {
	for _, nodes := range []int{0, 1000, 20_000} {
		for _, clean := range []bool{false, true} {
			b.Run(fmt.Sprintf("nodes=%d/clean=%v", nodes, clean), func(b *testing.B) {
				o := zkserver.Options{Dir: b.TempDir(), NoSync: true}
				serve := func(work func(c *zk.Conn)) {
					s, stop := zkservertest.Run(b, o)
					c, _, err := zk.Connect([]string{s.Addr().String()}, 10*time.Second, zk.WithLogger(zkservertest.Quiet{}))
					if err != nil {
						b.Fatal(err)
					}
					work(c)
					c.Close()
					if !clean { // what a crash would leave
						logs, err := filepath.Glob(filepath.Join(o.Dir, "log.*"))
						if err != nil {
							b.Fatal(err)
						}
						copied := b.TempDir()
						for _, log := range logs {
							data, err := os.ReadFile(log)
							if err != nil {
								b.Fatal(err)
							}
							if err := os.WriteFile(filepath.Join(copied, filepath.Base(log)), data, 0o644); err != nil {
								b.Fatal(err)
							}
						}
						o.Dir = copied
					}
					stop()
				}
				serve(func(c *zk.Conn) {
					var wg sync.WaitGroup
					for w := range 20 {
						wg.Go(func() {
							for n := w; n < nodes; n += 20 {
								if _, err := c.Create("/n", make([]byte, 80), zk.FlagSequence, zk.WorldACL(zk.PermAll)); err != nil {
									b.Error(err)
								}
							}
						})
					}
					wg.Wait()
				})
				for b.Loop() {
					s, err := zkserver.New(o)
					if err != nil {
						b.Fatal(err)
					}
					if err := s.Close(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
