// Package crash kills a broker under load and checks what it promised: every acknowledged record is
// there once and in order, offsets go on, groups resume where they committed.
package crash

import (
	"testing"

	"momus/integration/testkit"
)

func TestKillUnderLoadLosesNothingAcknowledged(t *testing.T) {
	c := testkit.Quickstart(t, 1)
	load := testkit.StartLoad(t, c.Bootstrap, "crash", 4)
	for round := range 3 {
		load.WaitAcked(t, (round+1)*4000)
		c.Process.Kill()
		c.Restart(t)
	}
	load.WaitAcked(t, 16000)
	load.Stop()
	load.Check(t, c.Bootstrap)
}
