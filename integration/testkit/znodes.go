package testkit

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
)

// Znode is a node as the recordings hold it: data is nil where the node has none, ACL entries are
// scheme:id:perms with perms out of cdrwa.
type Znode struct {
	Data      *string  `json:"data"`
	Ephemeral bool     `json:"ephemeral"`
	Version   int32    `json:"version"`
	ACL       []string `json:"acl"`
}

// Znodes is a tree by paths.
type Znodes map[string]Znode

// RecordedZnodes reads a recorded tree.
func RecordedZnodes(t testing.TB, file string) Znodes {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var tree Znodes
	if err := json.Unmarshal(b, &tree); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return tree
}

// Difference tells what of two lists stands in one of them only, a line each.
func Difference(want, got []string) string {
	var b strings.Builder
	for _, w := range want {
		if !slices.Contains(got, w) {
			fmt.Fprintln(&b, "missing ", w)
		}
	}
	for _, g := range got {
		if !slices.Contains(want, g) {
			fmt.Fprintln(&b, "surplus ", g)
		}
	}
	return b.String()
}

// ZooKeeperConn is a session of the test's own; it ends with the test.
func ZooKeeperConn(t testing.TB, addr string) *zk.Conn {
	t.Helper()
	conn, events, err := zk.Connect([]string{addr}, 10*time.Second, zk.WithLogger(quietZK{}))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range events {
		}
	}()
	t.Cleanup(func() {
		conn.Close()
		<-done
	})
	return conn
}

// DumpZnodes reads all nodes from path on, but for ZooKeeper's own.
func DumpZnodes(t testing.TB, c *zk.Conn, path string) Znodes {
	t.Helper()
	tree := Znodes{}
	dumpZnodes(t, c, path, tree)
	return tree
}

// dumpZnodes reads a tree with data and ACLs; a node that goes away meanwhile is left out.
func dumpZnodes(t testing.TB, c *zk.Conn, path string, into Znodes) {
	t.Helper()
	data, stat, err := c.Get(path)
	if errors.Is(err, zk.ErrNoNode) {
		return
	}
	if err != nil {
		t.Fatal(path, err)
	}
	acls, _, err := c.GetACL(path)
	if errors.Is(err, zk.ErrNoNode) {
		return
	}
	if err != nil {
		t.Fatal(path, err)
	}
	n := Znode{Ephemeral: stat.EphemeralOwner != 0, Version: stat.Version}
	if data != nil {
		s := string(data)
		n.Data = &s
	}
	for _, a := range acls {
		perms := ""
		// The bits of ZooDefs.Perms are in another order than the letters.
		for i, p := range "cdrwa" {
			bit := []int32{zk.PermCreate, zk.PermDelete, zk.PermRead, zk.PermWrite, zk.PermAdmin}[i]
			if a.Perms&bit != 0 {
				perms += string(p)
			}
		}
		n.ACL = append(n.ACL, a.Scheme+":"+a.ID+":"+perms)
	}
	into[path] = n
	children, _, err := c.Children(path)
	if err != nil && !errors.Is(err, zk.ErrNoNode) {
		t.Fatal(path, err)
	}
	for _, ch := range children {
		if child := strings.TrimSuffix(path, "/") + "/" + ch; child != "/zookeeper" {
			dumpZnodes(t, c, child, into)
		}
	}
}
