package controller_test

import (
	"testing"
	"time"

	"momus/coordinator/controller"
	"momus/internal/kerr"
)

// waitActive waits until a node is the active controller.
func (n *node) waitActive(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !n.c.IsActive(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("broker %d does not become controller", n.id)
		}
	}
}

// A controller that panics neither takes its broker down nor goes on with a state that nobody
// knows: it resigns, the others compete, and it comes back when nobody else is there.
func TestAControllerThatPanicsResigns(t *testing.T) {
	address := startServer(t)
	first := startNode(t, address, 1, nil)
	first.waitActive(t)
	second := startNode(t, address, 2, nil)
	second.settle(t)
	epoch := first.c.Epoch()

	failed := first.c.Inspect(t.Context(), func(*controller.Context) { panic("injected") })
	if kerr.Of(failed) != kerr.NotController {
		t.Errorf("the request that set it off was answered %v", failed)
	}
	second.waitActive(t)
	if got := second.c.Epoch(); got != epoch+1 {
		t.Errorf("the new controller has epoch %d after %d", got, epoch)
	}
	first.settle(t) // it goes on as a broker
	if first.c.IsActive() || first.c.ActiveID() != 2 {
		t.Errorf("the failed controller is active: %v, and takes %d for the controller", first.c.IsActive(), first.c.ActiveID())
	}

	second.stop()
	first.waitActive(t)
	if got := first.c.Epoch(); got != epoch+2 {
		t.Errorf("it is back with epoch %d", got)
	}
	first.settle(t)
}
