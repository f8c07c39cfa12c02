package txn

import (
	"testing"
	"testing/synctest"
	"time"

	"momus/internal/kerr"
)

// A panic in the machine costs nobody a connection: the open transaction is what the log says, and
// goes on under the same epoch.
func TestAPanicCostsOnlyWhatWasNotDurable(t *testing.T) {
	inCoordinator(t, func(w *coordinatorTest) {
		p := w.lead()
		w.add(p, nil)
		w.bomb.Store(true)
		w.end(p, true, kerr.NotCoordinator)
		w.end(p, true, kerr.NotCoordinator)
		time.Sleep(time.Second)
		synctest.Wait()
		w.end(p, true, nil)
		w.sent(2)
	})
}

// config is what the coordinator asks for; it panics once when the bomb is set.
func (w *coordinatorTest) config(cfg Settings) func() Settings {
	return func() Settings {
		if w.bomb.CompareAndSwap(true, false) {
			panic("injected")
		}
		return cfg
	}
}
