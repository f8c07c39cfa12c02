package zookeepershell

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	gozk "github.com/go-zookeeper/zk"
)

// Quotas of ZooKeeper: below quotaRoot each path has a node with the limits and one with what is
// used.
const (
	quotaRoot  = "/zookeeper/quota"
	quotaLimit = "zookeeper_limits"
	quotaStats = "zookeeper_stats"
)

// quota is what a path may hold or holds; -1 is no limit.
type quota struct{ count, bytes int64 }

// String is a quota as ZooKeeper keeps it in its node.
func (q quota) String() string { return fmt.Sprintf("count=%d,bytes=%d", q.count, q.bytes) }

// parseQuota reads count=N,bytes=N; -1 is no limit.
func parseQuota(data []byte) (quota, error) {
	q := quota{-1, -1}
	for _, part := range strings.Split(string(data), ",") {
		key, value, _ := strings.Cut(part, "=")
		n, err := strconv.ParseInt(value, 10, 64)
		// Also a part without a number: what is not in this form was written by nobody's server.
		if err != nil {
			return q, shellFailure("invalid string %s", data)
		}
		switch key {
		case "count":
			q.count = n
		case "bytes":
			q.bytes = n
		}
	}
	return q, nil
}

// Errors from ask carry the path; the library's value is inside.
func isZooKeeper(err, want error) bool {
	var keeper *keeperError
	return errors.As(err, &keeper) && keeper.err == want
}

// exists asks whether a node is there.
func (sh *zkShell) exists(ctx context.Context, path string) (found bool, err error) {
	err = sh.ask(ctx, path, func(conn *gozk.Conn, abs string) (err error) {
		found, _, err = conn.Exists(abs)
		return err
	})
	return found, err
}

// read gives a node's data.
func (sh *zkShell) read(ctx context.Context, path string) (data []byte, err error) {
	err = sh.ask(ctx, path, func(conn *gozk.Conn, abs string) (err error) {
		data, _, err = conn.Get(abs)
		return err
	})
	return data, err
}

// write replaces a node's data at any version.
func (sh *zkShell) write(ctx context.Context, path string, data []byte) error {
	return sh.ask(ctx, path, func(conn *gozk.Conn, abs string) error {
		_, err := conn.Set(abs, data, -1)
		return err
	})
}

// make creates a node that everybody may change, as ZooKeeper's shell makes those of quotas.
func (sh *zkShell) make(ctx context.Context, path string, data []byte) error {
	return sh.ask(ctx, path, func(conn *gozk.Conn, abs string) error {
		_, err := conn.Create(abs, data, 0, gozk.WorldACL(gozk.PermAll))
		return err
	})
}

// listQuota prints the limit of a node and what the server has counted.
func (sh *zkShell) listQuota(ctx context.Context, o *shellOptions) error {
	path := o.args[1]
	sh.errorf("absolute path is %s/%s\n", quotaRoot+path, quotaLimit)
	for _, part := range []struct{ node, word string }{{quotaLimit, "quota"}, {quotaStats, "stat"}} {
		data, err := sh.read(ctx, quotaRoot+path+"/"+part.node)
		if isZooKeeper(err, gozk.ErrNoNode) {
			// Without either node there is no quota, and the exit code is still 0.
			sh.errorf("quota for %s does not exist.\n", path)
			return nil
		}
		if err != nil {
			return err
		}
		q, err := parseQuota(data)
		if err != nil {
			return err
		}
		sh.printf("Output %s for %s %s\n", part.word, path, q)
	}
	return nil
}

// setQuota sets one limit, of nodes or of bytes; the other stays as it is.
func (sh *zkShell) setQuota(ctx context.Context, o *shellOptions) error {
	wanted := quota{-1, -1}
	var err error
	switch {
	case o.has("b") && o.has("n"):
		// Options of a group exclude each other in the order of declaration.
		return shellFailure("org.apache.commons.cli.AlreadySelectedException: The option 'n' was specified but an option from this group has already been selected: 'b'")
	case o.has("b"):
		wanted.bytes, err = strconv.ParseInt(o.value("b"), 10, 64)
	case o.has("n"):
		// Java counts nodes in an int and bytes in a long.
		wanted.count, err = strconv.ParseInt(o.value("n"), 10, 32)
	default:
		return shellFailure("org.apache.commons.cli.MissingOptionException: Missing required option: [-b bytes quota, -n num quota]")
	}
	if err != nil {
		return shellFailure("For input string: %q", o.value("b")+o.value("n"))
	}
	return sh.createQuota(ctx, o.args[1], wanted)
}

// createQuota sets the limits of a path; no path above or below it may have any.
func (sh *zkShell) createQuota(ctx context.Context, path string, wanted quota) error {
	found, err := sh.exists(ctx, path)
	switch {
	case err != nil:
		return err
	case !found:
		return shellFailure("%s does not exist.", path)
	}
	names, err := sh.children(ctx, quotaRoot+path)
	if err != nil && !isZooKeeper(err, gozk.ErrNoNode) {
		return err
	}
	for _, n := range names {
		// Other names than the two nodes of a quota are children of the path with quotas of their
		// own.
		if !strings.HasPrefix(n, "zookeeper_") {
			return shellFailure("%s has child %s which has a quota", path, n)
		}
	}
	if err := sh.checkParentQuota(ctx, path); err != nil {
		return err
	}
	at := ""
	for part := range strings.SplitSeq(strings.TrimPrefix(quotaRoot+path, "/"), "/") {
		at += "/" + part
		// The nodes of the way down to it have no data and stay when the quota goes, unless they
		// are empty.
		if err := sh.make(ctx, at, nil); err != nil && !isZooKeeper(err, gozk.ErrNodeExists) {
			return err
		}
	}
	switch err := sh.make(ctx, at+"/"+quotaLimit, []byte(wanted.String())); {
	case isZooKeeper(err, gozk.ErrNodeExists):
		data, err := sh.read(ctx, at+"/"+quotaLimit)
		if err != nil {
			return err
		}
		old, err := parseQuota(data)
		if err != nil {
			return err
		}
		if wanted.bytes != -1 {
			old.bytes = wanted.bytes
		}
		if wanted.count != -1 {
			old.count = wanted.count
		}
		return sh.write(ctx, at+"/"+quotaLimit, []byte(old.String()))
	case err != nil:
		return err
	}
	// The server fills it in at the next change below the path.
	return sh.make(ctx, at+"/"+quotaStats, []byte(quota{}.String()))
}

// checkParentQuota refuses a path below one with a quota. As in ZooKeeper a path that has a quota
// itself is refused too.
func (sh *zkShell) checkParentQuota(ctx context.Context, path string) error {
	at := quotaRoot
	for part := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		at += "/" + part
		names, err := sh.children(ctx, at)
		// No node here means no quota above either.
		if isZooKeeper(err, gozk.ErrNoNode) || err == nil && len(names) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		for _, n := range names {
			if n == quotaLimit {
				return shellFailure("%s has a parent %s which has a quota", path, at)
			}
		}
	}
	return nil
}

// deleteQuota takes away the limit that an option names, or the whole quota.
func (sh *zkShell) deleteQuota(ctx context.Context, o *shellOptions) error {
	path := o.args[1]
	if o.has("b") && o.has("n") {
		return shellFailure("org.apache.commons.cli.AlreadySelectedException: The option 'n' was specified but an option from this group has already been selected: 'b'")
	}
	limit := quotaRoot + path + "/" + quotaLimit
	found, err := sh.exists(ctx, limit)
	switch {
	case err != nil:
		return err
	case !found:
		sh.printf("Quota does not exist for %s\n", path)
		return nil
	}
	data, err := sh.read(ctx, limit)
	if err != nil {
		return err
	}
	q, err := parseQuota(data)
	if err != nil {
		return err
	}
	switch {
	case o.has("b"):
		q.bytes = -1
		return sh.write(ctx, limit, []byte(q.String()))
	case o.has("n"):
		q.count = -1
		return sh.write(ctx, limit, []byte(q.String()))
	}
	names, err := sh.children(ctx, quotaRoot+path)
	if err != nil {
		return err
	}
	remove := func(path string) error {
		return sh.ask(ctx, path, func(conn *gozk.Conn, abs string) error { return conn.Delete(abs, -1) })
	}
	for _, n := range names {
		if err := remove(quotaRoot + path + "/" + n); err != nil {
			return err
		}
	}
	// Upwards, as long as nothing else is below.
	for at := quotaRoot + path; at != quotaRoot; at = at[:strings.LastIndexByte(at, '/')] {
		names, err := sh.children(ctx, at)
		if err != nil {
			return err
		}
		if len(names) > 0 {
			break
		}
		if err := remove(at); err != nil {
			return err
		}
	}
	return nil
}
