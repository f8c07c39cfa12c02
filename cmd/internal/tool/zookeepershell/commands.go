package zookeepershell

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	gozk "github.com/go-zookeeper/zk"

	"momus/configs"
)

// errNotConnected is what becomes of a request that cannot be sent.
var errNotConnected = errors.New("not connected")

// commandUsage are the commands and their arguments.
func commandUsage() map[string]*string {
	out := map[string]*string{}
	for name, arguments := range map[string]string{
		"addauth": "scheme auth", "close": "", "config": "[-c] [-w] [-s]", "connect": "host:port",
		"create": "[-s] [-e] [-c] [-t ttl] path [data] [acl]", "delete": "[-v version] path", "deleteall": "path", "delquota": "[-n|-b] path",
		"get": "[-s] [-w] path", "getAcl": "[-s] path", "history": "", "listquota": "path", "ls": "[-s] [-w] [-R] path", "ls2": "path [watch]",
		"printwatches": "on|off", "quit": "",
		"reconfig": "[-s] [-v version] [[-file path] | [-members serverID=host:port1:port2;port3[,...]*]] | [-add serverId=host:port1:port2;port3[,...]]* [-remove serverId[,...]*]",
		"redo":     "cmdno", "removewatches": "path [-c|-d|-a] [-l]", "rmr": "path", "set": "[-s] [-v version] path data",
		"setAcl": "[-s] [-v version] [-R] path acl", "setquota": "-n|-b val path", "stat": "[-w] path", "sync": "path",
	} {
		// A pointer tells a command that has no arguments from one that there is not.
		out[name] = &arguments
	}
	return out
}

// zkCommand is a command that needs a session.
type zkCommand struct {
	options []string // as parseShellOptions wants them
	words   int      // how many words it needs at least, its name included
	compat  string   // the options in the note about an old form with a third word, "" for none
	run     func(sh *zkShell, ctx context.Context, o *shellOptions) error
}

// zkCommands are the commands of ZooKeeper 3.5's shell: the options that Apache Commons CLI knows
// for each ("v:" has a value), and how many words there must be.
func zkCommands() map[string]zkCommand {
	return map[string]zkCommand{
		"addauth":       {words: 2, run: (*zkShell).addAuth},
		"config":        {options: []string{"s", "w", "c"}, words: 1, run: (*zkShell).showConfig},
		"create":        {options: []string{"e", "s", "c", "t:"}, words: 2, run: (*zkShell).create},
		"delete":        {options: []string{"v:"}, words: 2, run: (*zkShell).delete},
		"deleteall":     {words: 2, run: (*zkShell).deleteAll},
		"rmr":           {words: 2, run: (*zkShell).deleteAll},
		"delquota":      {options: []string{"b", "n"}, words: 2, run: (*zkShell).deleteQuota},
		"get":           {options: []string{"s", "w"}, words: 2, compat: "[-s] [-w]", run: (*zkShell).get},
		"getAcl":        {options: []string{"s"}, words: 2, run: (*zkShell).getACL},
		"listquota":     {words: 2, run: (*zkShell).listQuota},
		"ls":            {options: []string{"?", "s", "w", "R"}, words: 2, compat: "[-w]", run: (*zkShell).list},
		"ls2":           {words: 2, run: (*zkShell).list2},
		"reconfig":      {options: []string{"s", "v:", "file:", "members:", "add:", "remove:"}, words: 1, run: (*zkShell).reconfig},
		"removewatches": {options: []string{"c", "d", "a", "l"}, words: 2, run: (*zkShell).removeWatches},
		"set":           {options: []string{"s", "v:"}, words: 3, run: (*zkShell).set},
		"setAcl":        {options: []string{"s", "v:", "R"}, words: 3, run: (*zkShell).setACL},
		"setquota":      {options: []string{"b:", "n:"}, words: 2, run: (*zkShell).setQuota},
		"stat":          {options: []string{"w"}, words: 2, compat: "[-w]", run: (*zkShell).stat},
		"sync":          {words: 2, run: (*zkShell).sync},
	}
}

// run executes a command that needs a session.
func (sh *zkShell) run(ctx context.Context, words []string) error {
	if words[0] == "close" {
		sh.hangUp(true)
		return nil
	}
	cmd, ok := zkCommands()[words[0]]
	if !ok {
		// Names that the shell lists and does not run, such as redo without a number, do nothing.
		return nil
	}
	o, err := parseShellOptions(words, cmd.options...)
	if err != nil {
		return err
	}
	if cmd.compat != "" && len(o.args) > 2 { // the third word once meant a watch
		sh.errorf("'%s path [watch]' has been deprecated. Please use '%s %s path' instead.\n", words[0], words[0], cmd.compat)
		// The words are the history's too.
		words = slices.Clone(words)
		words[2] = "-w"
		if o, err = parseShellOptions(words, cmd.options...); err != nil {
			return err
		}
	}
	if len(o.args) < cmd.words {
		// MalformedCommandException in Java: the usage alone, and exit code 1.
		return shellFailure("%s %s", words[0], *commandUsage()[words[0]])
	}
	return cmd.run(sh, ctx, o)
}

// ask checks a path and sends a request about it.
func (sh *zkShell) ask(ctx context.Context, path string, send func(conn *gozk.Conn, abs string) error) error {
	if err := checkPath(path); err != nil {
		return err
	}
	// The shell has printed its prompt before the session was there; the first request waits for
	// it.
	if !sh.await(ctx) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &keeperError{errNotConnected, path}
	}
	if err := send(sh.conn.zk, sh.conn.abs(path)); err != nil {
		return &keeperError{err, path}
	}
	return nil
}

// arm remembers a watch, so that its event is shown.
func (sh *zkShell) arm(path, kind string) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.armed[zkWatch{path, kind}] = true
}

// printStat prints the eleven fields of a node in the order of ZooKeeper's StatPrinter.
func (sh *zkShell) printStat(s *gozk.Stat) {
	// java.util.Date's form, in the zone of this machine.
	date := func(ms int64) string { return time.UnixMilli(ms).Format("Mon Jan 02 15:04:05 MST 2006") }
	sh.printf("cZxid = 0x%x\nctime = %s\nmZxid = 0x%x\nmtime = %s\npZxid = 0x%x\ncversion = %d\ndataVersion = %d\naclVersion = %d\nephemeralOwner = 0x%x\ndataLength = %d\nnumChildren = %d\n",
		s.Czxid, date(s.Ctime), s.Mzxid, date(s.Mtime), s.Pzxid, s.Cversion, s.Version, s.Aversion, uint64(s.EphemeralOwner), s.DataLength, s.NumChildren)
}

// addAuth logs the session in with a scheme of ZooKeeper, such as digest; it stays so until the
// end.
func (sh *zkShell) addAuth(ctx context.Context, o *shellOptions) error {
	var auth []byte
	// A scheme without a credential is sent with an empty one.
	if len(o.args) > 2 {
		auth = []byte(o.args[2])
	}
	return sh.ask(ctx, "/", func(conn *gozk.Conn, _ string) error { return conn.AddAuth(o.args[1], auth) })
}

// create makes a node of any of the kinds; what cannot be combined is refused here, with the
// shell's own words, before the server is asked.
func (sh *zkShell) create(ctx context.Context, o *shellOptions) error {
	path, ttl := o.args[1], int64(0)
	var err error
	switch {
	case o.has("c") && (o.has("e") || o.has("s")):
		return shellFailure("-c cannot be combined with -s or -e. Containers cannot be ephemeral or sequential.")
	case o.has("t"):
		if ttl, err = strconv.ParseInt(o.value("t"), 10, 64); err != nil {
			return shellFailure("-t argument must be a long value")
		}
	}
	switch {
	case o.has("t") && o.has("e"):
		return shellFailure("TTLs cannot be used with Ephemeral znodes")
	case o.has("t") && o.has("c"):
		return shellFailure("TTLs cannot be used with Container znodes")
	case o.has("t") && (ttl <= 0 || ttl > maxTTL):
		return shellFailure("ttl must be positive and cannot be larger than: %d", maxTTL)
	}
	var data []byte
	if len(o.args) > 2 {
		data = []byte(o.args[2])
	}
	// World: anyone, as Kafka's own znodes in a cluster without security.
	acl := gozk.WorldACL(gozk.PermAll)
	if len(o.args) > 3 {
		acl = parseZNodeACL(o.args[3], sh.errorf)
	}
	// A list of parts that all made no sense is refused by the client in Java.
	if len(acl) == 0 { // not even sent
		err := &keeperError{err: gozk.ErrInvalidACL}
		sh.errorf("%s\n", err.Error())
		return err
	}
	flags, checked := int32(0), path
	if o.has("e") {
		flags |= gozk.FlagEphemeral
	}
	if o.has("s") {
		flags |= gozk.FlagSequence
		// PathUtils lets "/a/" be one with digits behind it.
		checked += "1" // the server appends digits
	}
	if err := checkPath(checked); err != nil {
		return err
	}
	created := ""
	err = sh.ask(ctx, checked, func(conn *gozk.Conn, _ string) (err error) {
		switch abs := sh.conn.abs(path); {
		case o.has("c"):
			created, err = conn.CreateContainer(abs, data, gozk.FlagContainer, acl)
		case o.has("t") && o.has("s"):
			created, err = conn.CreateTTL(abs, data, gozk.FlagPersistentSequentialWithTTL, acl, time.Duration(ttl)*time.Millisecond)
		case o.has("t"):
			created, err = conn.CreateTTL(abs, data, gozk.FlagTTL, acl, time.Duration(ttl)*time.Millisecond)
		default:
			created, err = conn.Create(abs, data, flags, acl)
		}
		return err
	})
	var keeper *keeperError
	if errors.As(err, &keeper) {
		// The error is about what was typed, without the digit of the check.
		keeper.path = path
		if keeper.err == gozk.ErrInvalidACL {
			sh.errorf("%s\n", keeper.Error())
		}
	}
	// To standard error, as all that Java's commands print with err.
	if err == nil {
		sh.errorf("Created %s\n", sh.conn.typed(created))
	}
	return err
}

// maxTTL is the longest time to live of a znode in ms, of which the server keeps 40 bits.
const maxTTL = 1<<40 - 1

// delete deletes a node without children; the version may be given in the older way, which warns.
func (sh *zkShell) delete(ctx context.Context, o *shellOptions) error {
	if len(o.args) > 2 {
		sh.errorf("'delete path [version]' has been deprecated. Please use 'delete [-v version] path' instead.\n")
	}
	version, err := o.version()
	if err != nil {
		return err
	}
	return sh.ask(ctx, o.args[1], func(conn *gozk.Conn, abs string) error { return conn.Delete(abs, version) })
}

// deleteAll deletes a tree, leaves first. A node that somebody adds meanwhile makes it fail, as in
// ZooKeeper.
func (sh *zkShell) deleteAll(ctx context.Context, o *shellOptions) error {
	if o.args[0] == "rmr" {
		sh.errorf("The command 'rmr' has been deprecated. Please use 'deleteall' instead.\n")
	}
	tree := []string{o.args[1]}
	// The tree is listed breadth first, so that backwards every child comes before its parent.
	for i := 0; i < len(tree); i++ {
		names, err := sh.children(ctx, tree[i])
		if err != nil {
			return err
		}
		for _, n := range names {
			tree = append(tree, childPath(tree[i], n))
		}
	}
	for _, path := range slices.Backward(tree) {
		if err := sh.ask(ctx, path, func(conn *gozk.Conn, abs string) error { return conn.Delete(abs, -1) }); err != nil {
			return err
		}
	}
	return nil
}

// childPath is the path of a child; the root ends in the slash already.
func childPath(parent, name string) string { return strings.TrimSuffix(parent, "/") + "/" + name }

// children lists the names of children in order.
func (sh *zkShell) children(ctx context.Context, path string) (names []string, err error) {
	err = sh.ask(ctx, path, func(conn *gozk.Conn, abs string) (err error) {
		names, _, err = conn.Children(abs)
		return err
	})
	slices.Sort(names)
	return names, err
}

// get prints a node's data as they are, whatever bytes they may be.
func (sh *zkShell) get(ctx context.Context, o *shellOptions) error {
	var data []byte
	var stat *gozk.Stat
	err := sh.ask(ctx, o.args[1], func(conn *gozk.Conn, abs string) (err error) {
		if !o.has("w") {
			data, stat, err = conn.Get(abs)
			return err
		}
		data, stat, _, err = conn.GetW(abs)
		return err
	})
	var keeper *keeperError
	if errors.As(err, &keeper) { // this command alone shows the exception itself
		// A hint for people; the exception's text is for scripts.
		if keeper.err == errNotConnected {
			sh.explain()
		}
		return &shellError{keeper.java(), 1}
	}
	if err != nil {
		return err
	}
	if o.has("w") {
		sh.arm(o.args[1], "data")
	}
	// A node made without data has null, which Java prints like that.
	if data == nil {
		data = []byte("null")
	}
	sh.printf("%s\n", data)
	sh.showStat(o, stat)
	return nil
}

// list prints the names of the children, sorted, in one line.
func (sh *zkShell) list(ctx context.Context, o *shellOptions) error {
	path := o.args[1]
	// The library's HelpFormatter prints this and the command still runs, which then fails of the
	// missing path or lists it.
	if o.has("?") {
		sh.printf("usage: ls [options] path\n -?   help\n -R   recurse\n -s   stat\n -w   watch\n")
	}
	if o.has("R") {
		return sh.walk(ctx, path, o.has("w"), func(p string) error { sh.printf("%s\n", p); return nil })
	}
	names, stat, err := sh.listed(ctx, path, o.has("w"))
	if err != nil {
		return err
	}
	// No line break before the statistics, as in ZooKeeper 3.5.
	sh.printf("[%s]", strings.Join(names, ", "))
	sh.showStat(o, stat)
	sh.printf("\n")
	return nil
}

// listed lists the children of a node and arms a watch if that is wanted.
func (sh *zkShell) listed(ctx context.Context, path string, watch bool) (names []string, stat *gozk.Stat, err error) {
	err = sh.ask(ctx, path, func(conn *gozk.Conn, abs string) (err error) {
		if !watch {
			names, stat, err = conn.Children(abs)
			return err
		}
		names, stat, _, err = conn.ChildrenW(abs)
		return err
	})
	if err == nil && watch {
		sh.arm(path, "child")
	}
	slices.Sort(names)
	return names, stat, err
}

// list2 is the older ls -s.
func (sh *zkShell) list2(ctx context.Context, o *shellOptions) error {
	sh.errorf("'ls2' has been deprecated. Please use 'ls [-s] path' instead.\n")
	names, stat, err := sh.listed(ctx, o.args[1], len(o.args) > 2)
	if err != nil {
		return err
	}
	sh.printf("[%s]\n", strings.Join(names, ", "))
	sh.printStat(stat)
	return nil
}

// showStat prints what belongs to an answer besides it, if -s asks for that.
func (sh *zkShell) showStat(o *shellOptions, stat *gozk.Stat) {
	if o.has("s") {
		sh.printStat(stat)
	}
}

// walk visits a node and all below it: children before their children.
func (sh *zkShell) walk(ctx context.Context, path string, watch bool, visit func(path string) error) error {
	if err := sh.ask(ctx, path, func(conn *gozk.Conn, abs string) (err error) {
		if !watch {
			_, _, err = conn.Get(abs)
			return err
		}
		_, _, _, err = conn.GetW(abs)
		return err
	}); err != nil {
		return err
	}
	if watch {
		sh.arm(path, "data")
	}
	if err := visit(path); err != nil {
		return err
	}
	var below func(path string) error
	below = func(path string) error {
		names, _, err := sh.listed(ctx, path, watch)
		var keeper *keeperError
		// ZKUtil passes over what went away while it walked.
		if errors.As(err, &keeper) && keeper.err == gozk.ErrNoNode { // gone meanwhile
			return nil
		}
		if err != nil {
			return err
		}
		for _, n := range names {
			if err := visit(childPath(path, n)); err != nil {
				return err
			}
		}
		for _, n := range names {
			if err := below(childPath(path, n)); err != nil {
				return err
			}
		}
		return nil
	}
	return below(path)
}

// stat prints what ZooKeeper knows of a node besides its data.
func (sh *zkShell) stat(ctx context.Context, o *shellOptions) error {
	var stat *gozk.Stat
	err := sh.ask(ctx, o.args[1], func(conn *gozk.Conn, abs string) (err error) {
		found := false
		if !o.has("w") {
			found, stat, err = conn.Exists(abs)
		} else {
			found, stat, _, err = conn.ExistsW(abs)
			// Armed although the node may be missing: its creation is the event then.
			sh.arm(o.args[1], "data")
		}
		if err == nil && !found {
			err = gozk.ErrNoNode
		}
		return err
	})
	if err == nil {
		sh.printStat(stat)
	}
	return err
}

// set replaces a node's data, at the version that was given or at any.
func (sh *zkShell) set(ctx context.Context, o *shellOptions) error {
	version, err := o.version()
	if err != nil {
		return err
	}
	var stat *gozk.Stat
	err = sh.ask(ctx, o.args[1], func(conn *gozk.Conn, abs string) (err error) {
		// Data are what was typed; nothing is decoded.
		stat, err = conn.Set(abs, []byte(o.args[2]), version)
		return err
	})
	if err == nil {
		sh.showStat(o, stat)
	}
	return err
}

// sync waits until the server of this session has all that was written before.
func (sh *zkShell) sync(ctx context.Context, o *shellOptions) error {
	err := sh.ask(ctx, o.args[1], func(conn *gozk.Conn, abs string) error {
		_, err := conn.Sync(abs)
		return err
	})
	if err == nil {
		sh.printf("Sync is OK\n")
	}
	return err
}

// getACL prints each entry in two lines: scheme and id, and the letters of its rights.
func (sh *zkShell) getACL(ctx context.Context, o *shellOptions) error {
	var acl []gozk.ACL
	var stat *gozk.Stat
	err := sh.ask(ctx, o.args[1], func(conn *gozk.Conn, abs string) (err error) {
		acl, stat, err = conn.GetACL(abs)
		return err
	})
	if err != nil {
		return err
	}
	for _, a := range acl {
		letters := ""
		for _, p := range permissions() {
			if a.Perms&p.bit != 0 {
				letters += string(p.letter)
			}
		}
		// A quote before each, and none behind: CliCommand's own format.
		sh.printf("'%s,'%s\n: %s\n", a.Scheme, a.ID, letters)
	}
	sh.showStat(o, stat)
	return nil
}

// setACL replaces a node's ACL, or with -R those of a whole tree; there a node that fails is
// reported, and the others are still done.
func (sh *zkShell) setACL(ctx context.Context, o *shellOptions) error {
	version, err := o.version()
	if err != nil {
		return err
	}
	acl := parseZNodeACL(o.args[2], sh.errorf)
	if len(acl) == 0 {
		return &keeperError{err: gozk.ErrInvalidACL}
	}
	var stat *gozk.Stat
	one := func(path string) error {
		return sh.ask(ctx, path, func(conn *gozk.Conn, abs string) (err error) {
			stat, err = conn.SetACL(abs, acl, version)
			return err
		})
	}
	if o.has("R") {
		// ACLs are set on the way down, so that a right which is taken away can end the walk: Java
		// does the same.
		return sh.walk(ctx, o.args[1], false, func(path string) error {
			if err := one(path); err != nil {
				sh.printf("%s", err)
			}
			return nil
		})
	}
	if err := one(o.args[1]); err != nil {
		return err
	}
	sh.showStat(o, stat)
	return nil
}

// removeWatches forgets watches of this shell. The library has no call for it, and the server may
// still send their events, which are not shown then.
func (sh *zkShell) removeWatches(_ context.Context, o *shellOptions) error {
	path, found := o.args[1], false
	if err := checkPath(path); err != nil {
		return err
	}
	// -a and no option are both kinds.
	for _, w := range []struct{ option, kind, event string }{{"c", "child", "ChildWatchRemoved"}, {"d", "data", "DataWatchRemoved"}} {
		if !o.has(w.option) && (o.has("c") || o.has("d")) {
			continue
		}
		sh.mu.Lock()
		armed := sh.armed[zkWatch{path, w.kind}]
		delete(sh.armed, zkWatch{path, w.kind})
		sh.mu.Unlock()
		if armed {
			found = true
			// The server is not asked, so the event of the removal is made here.
			sh.event("SyncConnected", w.event, path)
		}
	}
	if !found {
		return shellFailure("KeeperErrorCode = No such watcher for %s", path)
	}
	return nil
}

// configNode is where ZooKeeper 3.5 keeps the configuration of the ensemble; no chroot applies.
const configNode = "/zookeeper/config"

// readConfig reads the ensemble's own configuration, which is a node.
func (sh *zkShell) readConfig(ctx context.Context) (data []byte, stat *gozk.Stat, err error) {
	// ask wants a path for its errors; the chroot does not apply to this one.
	err = sh.ask(ctx, configNode, func(conn *gozk.Conn, _ string) (err error) {
		data, stat, err = conn.Get(configNode)
		return err
	})
	return data, stat, err
}

// showConfig prints it, with -c as the connection string of a client.
func (sh *zkShell) showConfig(ctx context.Context, o *shellOptions) error {
	data, stat, err := sh.readConfig(ctx)
	if err != nil {
		return err
	}
	text := string(data)
	if data == nil {
		text = "null"
	}
	if o.has("c") {
		text = clientConfigText(text)
	}
	sh.printf("%s\n", text)
	sh.showStat(o, stat)
	return nil
}

// clientConfigText reduces a configuration to what clients want: its version and the addresses for
// them.
func clientConfigText(text string) string {
	version, addresses := "", []string{}
	for _, line := range strings.Split(text, "\n") {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch {
		case key == "version":
			version = value
		case strings.HasPrefix(key, "server."):
			servers, client, found := strings.Cut(value, ";")
			if !found {
				continue
			}
			// A client port without an address stands on the server's own.
			if !strings.Contains(client, ":") {
				client = strings.SplitN(servers, ":", 2)[0] + ":" + client
			}
			addresses = append(addresses, client)
		}
	}
	return version + " " + strings.Join(addresses, ",")
}

// reconfig changes the members of the ensemble, by steps or as a whole, and never both at once.
func (sh *zkShell) reconfig(ctx context.Context, o *shellOptions) error {
	whole, steps := o.has("file") || o.has("members"), o.has("add") || o.has("remove")
	version := int64(-1)
	var err error
	switch {
	case !whole && !steps:
		return shellFailure("reconfig %s", *commandUsage()["reconfig"])
	case o.has("v"):
		// Versions of configurations are printed, and read, in hexadecimal.
		if version, err = strconv.ParseInt(o.value("v"), 16, 64); err != nil {
			return shellFailure("-v must be followed by a long (configuration version)")
		}
	}
	switch {
	case whole && steps:
		return shellFailure("Can't use -file or -members together with -add or -remove (mixing incremental and non-incremental modes is not allowed)")
	case o.has("file") && o.has("members"):
		return shellFailure("Can't use -file and -members together (conflicting non-incremental modes)")
	}
	// The server's parser knows only lower case.
	members := strings.ToLower(o.value("members"))
	if o.has("file") {
		if members, err = readMembers(o.value("file")); err != nil {
			return shellFailure("Error processing %s%v", o.value("file"), err)
		}
	}
	var stat *gozk.Stat
	err = sh.ask(ctx, configNode, func(conn *gozk.Conn, _ string) (err error) {
		if whole {
			stat, err = conn.Reconfig([]string{members}, version)
			return err
		}
		stat, err = conn.IncrementalReconfig(notEmpty(strings.ToLower(o.value("add"))), notEmpty(strings.ToLower(o.value("remove"))), version)
		return err
	})
	var keeper *keeperError
	// ZooKeeper's exception of this request has no path.
	if errors.As(err, &keeper) {
		keeper.path = ""
	}
	if err != nil {
		return err
	}
	data, _, err := sh.readConfig(ctx)
	if err != nil {
		return err
	}
	sh.printf("Committed new configuration:\n%s\n", data)
	sh.showStat(o, stat)
	return nil
}

// notEmpty is a list of one text, or of none.
func notEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// readMembers takes the members of an ensemble out of a dynamic configuration file.
func readMembers(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	settings, err := configs.ParseProperties(data)
	if err != nil {
		return "", err
	}
	var out []string
	for k, v := range settings {
		if strings.HasPrefix(k, "server.") || strings.HasPrefix(k, "group.") || strings.HasPrefix(k, "weight.") {
			out = append(out, fmt.Sprintf("%s=%s", k, v))
		}
	}
	// ZooKeeper compares nothing but the whole; an order makes it the same each time.
	slices.Sort(out)
	return strings.Join(out, "\n"), nil
}
