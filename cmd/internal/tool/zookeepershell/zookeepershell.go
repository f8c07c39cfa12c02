// Package zookeepershell is zookeeper-shell: ZooKeeper 3.5.7's command line, interactive or with
// one command.
package zookeepershell

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	gozk "github.com/go-zookeeper/zk"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/coordinator/zk"
)

// Tool is zookeeper-shell.sh.
func Tool() core.Tool {
	return core.Tool{Name: "zookeeper-shell", Help: "look at and change znodes", Main: zooKeeperShell,
		Class: "org.apache.zookeeper.ZooKeeperMainWithTlsSupportForKafka"}
}

// zooKeeperShell is zookeeper-shell.sh, the shell of ZooKeeper 3.5.7 that Kafka 2.5 brings.
func zooKeeperShell(ctx context.Context, c *core.Call) error {
	if len(c.Args) == 0 {
		c.Printf("USAGE: %s zookeeper_host:port[/path] [-zk-tls-config-file file] [args...]\n", c.CalledAs("zookeeper-shell.sh"))
		return core.Exit(1)
	}
	// zookeeper.session.timeout's default in ZooKeeperMain is 30000.
	sh := &zkShell{c: c, timeout: 30 * time.Second, watches: true, history: map[int]string{}, armed: map[zkWatch]bool{}}
	words, err := sh.options(c.Args)
	if err != nil {
		return err
	}
	c.Printf("Connecting to %s\n", sh.connect)
	if len(words) == 0 {
		c.Println("Welcome to ZooKeeper!\nJLine support is disabled")
	}
	c.Out.Flush()
	// The shell parses a command before it needs the server.
	if len(words) > 0 && commandUsage()[words[0]] == nil { // nothing to connect for
		return core.Exit(sh.execute(ctx, words))
	}
	if err := sh.dial(ctx, sh.connect); err != nil {
		return err
	}
	defer sh.hangUp(false)
	if len(words) > 0 {
		return core.Exit(sh.execute(ctx, words))
	}
	return core.Exit(sh.interact(ctx))
}

// zkShell is one run of the shell.
type zkShell struct {
	c       *core.Call
	connect string // host:port,…/chroot
	timeout time.Duration
	dialer  zk.Dialer // nil for plain TCP

	conn     *zkConn // nil when not connected
	commands int     // executed so far
	// By their number from 0; lines as typed, so that redo splits them anew.
	history map[int]string
	quit    bool

	mu      sync.Mutex // output comes from the connection's goroutine too
	watches bool       // whether events are printed
	armed   map[zkWatch]bool
}

// zkWatch is a watch that was asked for.
type zkWatch struct {
	path string // as typed
	kind string // data or child
}

// options reads what stands before the command: the address and -r, -timeout and
// -zk-tls-config-file, as the shell does.
func (sh *zkShell) options(args []string) (command []string, err error) {
	file := ""
	if i := slices.Index(args, "-zk-tls-config-file"); i >= 0 {
		if i+1 == len(args) {
			return nil, java.IllegalArgument("Error: no filename provided with option -zk-tls-config-file")
		}
		file = args[i+1]
		args = slices.Concat(args[:i], args[i+2:])
	}
	security, err := clients.ZooKeeperSecurity(sh.c, file)
	if err != nil {
		return nil, err
	}
	sh.dialer = security.Dialer(func(_ string, err error) {
		if err != nil {
			sh.c.GiveHints([]string{fmt.Sprintf("%s: %v", security.Who, err)})
		}
	})
	if len(args) == 0 {
		return nil, errors.New("Error: no argument found for option -server")
	}
	sh.connect = args[0]
	for i := 1; i < len(args); i++ {
		switch {
		// Other options, -r among them, are passed over without a word.
		case args[i] == "-timeout":
			if i++; i == len(args) {
				return nil, errors.New("Error: no argument found for option -timeout")
			}
			n, err := strconv.Atoi(args[i])
			if err != nil || n <= 0 {
				return nil, &java.Error{Class: "java.lang.NumberFormatException", Text: fmt.Sprintf("For input string: %q", args[i])}
			}
			sh.timeout = time.Duration(n) * time.Millisecond
		case !strings.HasPrefix(args[i], "-"):
			return args[i:], nil
		}
	}
	return nil, nil
}

// interact executes lines of standard input and returns the exit code: that of the last command.
func (sh *zkShell) interact(ctx context.Context) int {
	if !sh.await(ctx) {
		sh.explain()
	}
	lines := make(chan string)
	go func() { // ends with standard input, or with the process
		defer close(lines)
		in := bufio.NewScanner(sh.c.Stdin)
		in.Buffer(nil, math.MaxInt32) // data of a znode may be a megabyte and more
		for in.Scan() {
			select {
			case lines <- in.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	code := 0
	for !sh.quit {
		sh.prompt()
		select {
		case <-ctx.Done():
			return code
		case line, ok := <-lines:
			if !ok {
				return code
			}
			if words := shellWords(line); len(words) > 0 {
				// Under the number that it has while it runs: history shows the command itself.
				sh.history[sh.commands] = line
				code = sh.execute(ctx, words)
				sh.commands++
			}
		}
	}
	return code
}

// prompt is for terminals.
func (sh *zkShell) prompt() {
	f, ok := sh.c.Stdin.(*os.File)
	if !ok {
		return
	}
	// Only a terminal gets one: scripts read the output.
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 || info.Mode()&os.ModeDevice == 0 || f.Name() == os.DevNull {
		return
	}
	state := "CLOSED"
	if sh.conn != nil {
		state = "CONNECTING"
		if sh.conn.isConnected() {
			state = "CONNECTED"
		}
	}
	sh.printf("[zk: %s(%s) %d] ", sh.connect, state, sh.commands)
}

// printf writes to standard output at once: events of watches come from another goroutine, between
// the commands.
func (sh *zkShell) printf(format string, a ...any) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.c.Printf(format, a...)
	sh.c.Out.Flush()
}

// errorf writes to standard error; events of watches may come from another goroutine.
func (sh *zkShell) errorf(format string, a ...any) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.c.Errorf(format, a...)
}

// event prints an event of the connection or of a watch.
func (sh *zkShell) event(state, kind, path string) {
	sh.mu.Lock()
	show := sh.watches
	sh.mu.Unlock()
	if show {
		sh.printf("\nWATCHER::\n\nWatchedEvent state:%s type:%s path:%s\n", state, kind, path)
	}
}

// execute runs one command and returns its exit code.
func (sh *zkShell) execute(ctx context.Context, words []string) int {
	err := sh.command(ctx, words)
	var (
		failed *shellError
		keeper *keeperError
	)
	switch {
	case err == nil:
		return 0
	case errors.As(err, &failed):
		sh.errorf("%s\n", failed.text)
		return failed.code
	case errors.As(err, &keeper):
		sh.errorf("%s\n", keeper.friendly())
		if keeper.err == errNotConnected {
			sh.explain()
		}
		return 1
	}
	sh.errorf("%s\n", err)
	return 1
}

// usage lists the commands, sorted.
func (sh *zkShell) usage() {
	all := commandUsage()
	sh.errorf("ZooKeeper -server host:port [-zk-tls-config-file <file>] cmd args\n")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		sh.errorf("\t%s %s\n", name, *all[name])
	}
}

// command runs the commands of the shell itself and hands the others on.
func (sh *zkShell) command(ctx context.Context, words []string) error {
	if commandUsage()[words[0]] == nil {
		sh.usage()
		// 127 as shells say of commands that are not found.
		return &shellError{"Command not found: Command not found " + words[0], 127}
	}
	switch words[0] {
	case "quit":
		sh.quit = true
		sh.hangUp(true)
		return nil
	case "redo":
		if len(words) >= 2 {
			return sh.redo(ctx, words[1])
		}
	case "history":
		// The last ten and the one that runs.
		for i := max(0, sh.commands-10); i <= sh.commands; i++ {
			sh.printf("%d - %s\n", i, sh.history[i])
		}
	case "printwatches":
		sh.mu.Lock()
		if len(words) > 1 {
			sh.watches = words[1] == "on"
		}
		on := sh.watches
		sh.mu.Unlock()
		if len(words) == 1 {
			sh.printf("printwatches is %s\n", map[bool]string{true: "on", false: "off"}[on])
		}
	case "connect":
		sh.hangUp(true)
		if len(words) >= 2 {
			sh.connect = words[1]
		}
		return sh.dial(ctx, sh.connect)
	}
	if sh.conn == nil {
		sh.printf("Not connected\n")
		return nil
	}
	return sh.run(ctx, words)
}

// redo runs a command of the history again, and puts it there a second time; a redo cannot be
// redone.
func (sh *zkShell) redo(ctx context.Context, number string) error {
	n, err := strconv.Atoi(number)
	switch {
	case err != nil:
		return shellFailure("For input string: %q", number)
	case n < 0 || n >= sh.commands:
		return shellFailure("Command index out of range")
	}
	words := shellWords(sh.history[n])
	if words[0] == "redo" {
		return shellFailure("No redoing redos")
	}
	sh.history[sh.commands] = sh.history[n]
	return sh.command(ctx, words)
}

// dial begins a session; nothing waits for it here.
func (sh *zkShell) dial(ctx context.Context, connect string) error {
	servers, chroot, err := zk.ParseConnect(connect)
	if err != nil {
		return err
	}
	conn := &zkConn{shell: sh, chroot: chroot, servers: servers, change: make(chan struct{})}
	dial := sh.dialer
	if dial == nil {
		dial = net.DialTimeout
	}
	ready := make(chan struct{})
	// The library calls from its first moment; nothing is shown before the shell knows the session.
	conn.zk, _, err = gozk.Connect(servers, sh.timeout, gozk.WithEventCallback(func(ev gozk.Event) { <-ready; conn.onEvent(ev) }),
		gozk.WithDialer(func(network, address string, timeout time.Duration) (net.Conn, error) {
			nc, err := dial(network, address, timeout)
			if err != nil {
				// Dials count as failures for await: all servers refused is known sooner than the
				// time-out.
				conn.note(func() { conn.failures++ })
			}
			return nc, err
		}), gozk.WithHostProvider(&zkServers{}), gozk.WithLogger(zkSilence{}), gozk.WithLogInfo(false))
	if err != nil {
		return err
	}
	sh.conn = conn
	close(ready)
	return nil
}

// hangUp ends the session; announced tells whether its end is an event.
func (sh *zkShell) hangUp(announced bool) {
	if sh.conn == nil {
		return
	}
	conn := sh.conn
	sh.conn = nil
	conn.note(func() { conn.closed = true })
	conn.zk.Close()
	if announced { // at the end of the process nobody reads it
		sh.event("Closed", "None", "null")
	}
}

// await waits for the session as long as it may come: false when no server could be reached, or the
// only one is a broker.
func (sh *zkShell) await(ctx context.Context) bool {
	limit, look := time.NewTimer(sh.timeout), time.NewTimer(clients.ProbeTime)
	defer limit.Stop()
	defer look.Stop()
	for {
		sh.conn.mu.Lock()
		// As many failures as there are servers: every one was tried.
		connected, failed, change := sh.conn.connected, sh.conn.failures >= len(sh.conn.servers), sh.conn.change
		sh.conn.mu.Unlock()
		if connected || failed {
			return connected
		}
		select {
		case <-change:
		case <-look.C:
			// A broker takes the connection and stays silent, so that the time-out would pass in
			// vain.
			if servers := sh.conn.servers; len(servers) == 1 && clients.AnswersAsBroker(servers[0]) {
				return false
			}
		case <-limit.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// explain says what a person may want to know about a connection that was not made.
func (sh *zkShell) explain() {
	switch first := sh.conn.servers[0]; {
	case clients.AnswersAsBroker(first):
		sh.c.HintPerson("%s is a broker, not ZooKeeper, which usually has port 2181", first)
	case clients.Reachable(first):
		sh.c.HintPerson("%s accepts connections but does not answer as ZooKeeper", first)
	default:
		sh.c.HintPerson("%s cannot be reached; is ZooKeeper running, and is this its port?", first)
	}
}

// zkConn is a session of the shell.
type zkConn struct {
	shell   *zkShell
	zk      *gozk.Conn
	chroot  string
	servers []string

	mu        sync.Mutex
	connected bool
	closed    bool
	failures  int           // servers that were tried in vain since the last session
	change    chan struct{} // closed and replaced when the above change
}

// note changes what is known of the session and wakes who waits for it.
func (z *zkConn) note(fn func()) {
	z.mu.Lock()
	defer z.mu.Unlock()
	fn()
	// Closed and replaced: any number may wait on the old one.
	close(z.change)
	z.change = make(chan struct{})
}

// isConnected reports whether the session has a server now.
func (z *zkConn) isConnected() bool {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.connected
}

// onEvent runs on the library's goroutines.
func (z *zkConn) onEvent(ev gozk.Event) {
	z.mu.Lock()
	was, closed := z.connected, z.closed
	z.mu.Unlock()
	// Events of a session that was given up are the library's, on its way out.
	if closed {
		return
	}
	if ev.Type != gozk.EventSession {
		if name, ok := map[gozk.EventType]string{gozk.EventNodeCreated: "NodeCreated", gozk.EventNodeDeleted: "NodeDeleted",
			gozk.EventNodeDataChanged: "NodeDataChanged", gozk.EventNodeChildrenChanged: "NodeChildrenChanged"}[ev.Type]; ok && ev.Err == nil {
			z.shell.watchFired(z.typed(ev.Path), name)
		}
		return
	}
	switch ev.State {
	case gozk.StateHasSession:
		z.shell.event("SyncConnected", "None", "null")
		z.note(func() { z.connected, z.failures = true, 0 })
	case gozk.StateDisconnected:
		// Java reports the loss of a session only, not each attempt in vain.
		if was {
			z.shell.event("Disconnected", "None", "null")
		}
		z.note(func() {
			z.connected = false
			if !was {
				z.failures++
			}
		})
	case gozk.StateExpired:
		z.shell.event("Expired", "None", "null")
		z.note(func() { z.connected = false })
	case gozk.StateAuthFailed:
		z.shell.event("AuthFailed", "None", "null")
	}
}

// abs is a path as the server knows it.
func (z *zkConn) abs(path string) string {
	// The root of a chroot is the chroot's own path, without a slash behind it.
	if path == "/" && z.chroot != "" {
		return z.chroot
	}
	return z.chroot + path
}

// typed is a path as the shell shows it.
func (z *zkConn) typed(path string) string {
	if rest := strings.TrimPrefix(path, z.chroot); rest != "" {
		return rest
	}
	return "/"
}

// watchFired prints the event of a watch that is still wanted.
func (sh *zkShell) watchFired(path, kind string) {
	if sh.disarm(path, kind) {
		sh.event("SyncConnected", kind, path)
	}
}

// disarm takes away the watches that an event has used up, and reports whether there was one: a change
// of the children leaves a watch of the data, a change of the data one of the children, and the end of
// a node ends both.
func (sh *zkShell) disarm(path, kind string) (wanted bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, w := range []zkWatch{{path, "data"}, {path, "child"}} {
		if kind == "NodeDeleted" || (kind == "NodeChildrenChanged") == (w.kind == "child") {
			wanted = wanted || sh.armed[w]
			delete(sh.armed, w)
		}
	}
	return wanted
}

// zkServers offers the servers in turn; names are resolved when they are dialled.
type zkServers struct {
	servers []string
	next    int
	tried   int
}

// Init implements gozk.HostProvider.
func (h *zkServers) Init(servers []string) error { h.servers = servers; return nil }

// Len implements gozk.HostProvider.
func (h *zkServers) Len() int { return len(h.servers) }

// Next implements gozk.HostProvider: retryStart when all have been tried.
func (h *zkServers) Next() (server string, retryStart bool) {
	server = h.servers[h.next%len(h.servers)]
	// All tried: the library pauses before it begins again.
	retryStart = h.tried >= len(h.servers)
	h.next++
	h.tried++
	return server, retryStart
}

// Connected implements gozk.HostProvider.
func (h *zkServers) Connected() { h.tried = 0 }

// zkSilence keeps the library's own log off the screen.
type zkSilence struct{}

// Printf implements gozk.Logger.
func (zkSilence) Printf(string, ...any) {}
