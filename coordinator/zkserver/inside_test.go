package zkserver_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"go.uber.org/goleak"

	"momus/coordinator/zkserver"
	"momus/coordinator/zkserver/zkservertest"
)

func TestSessionsAreSeenAndEnded(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	server, _ := zkservertest.Run(t, zkserver.Options{Dir: filepath.Join(t.TempDir(), "zk"), NoSync: true})
	c, _ := connect(t, server.Addr().String(), 30*time.Second)
	defer c.Close()
	if _, err := c.Create("/x", nil, zk.FlagEphemeral, zk.WorldACL(zk.PermAll)); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := c.GetW("/x"); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := c.ChildrenW("/"); err != nil {
		t.Fatal(err)
	}
	id := c.SessionID()
	if data, children := server.Watchers("/x"); !slices.Equal(data, []int64{id}) || len(children) > 0 {
		t.Error(data, children)
	}
	if data, children := server.Watchers("/"); !slices.Equal(children, []int64{id}) || len(data) > 0 {
		t.Error(data, children)
	}
	if ms, ok := server.SessionLeft(id); !ok || ms <= 0 || ms > 40_000 {
		t.Error(ms, ok)
	}
	if !server.EndSession(id) {
		t.Fatal("there was no session")
	}
	other, _ := connect(t, server.Addr().String(), 30*time.Second)
	defer other.Close()
	deadline := time.Now().Add(20 * time.Second)
	for {
		found, _, err := other.Exists("/x")
		if err != nil {
			t.Fatal(err)
		}
		if !found {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the ephemeral node is still there")
		}
	}
	if server.EndSession(id) {
		t.Error("ended twice")
	}
	if _, ok := server.SessionLeft(id); ok {
		t.Error("it has time left")
	}
}
