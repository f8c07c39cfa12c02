// Package zktest opens sessions at ZooKeeper for tests. It is for tests alone.
package zktest

import (
	"testing"

	"momus/coordinator/zk"
)

// Dial opens a session that ends with the test.
func Dial(t testing.TB, o zk.Options) *zk.Client {
	t.Helper()
	c, err := zk.Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
