package rank

import (
	"reflect"
	"testing"
	"unsafe"
)

// Every rank stands in the order once.
func TestOrder(t *testing.T) {
	seen := map[reflect.Type]bool{}
	for _, r := range order() {
		if typ := reflect.TypeOf(r); seen[typ] || typ.Size() != 0 {
			t.Errorf("%s stands twice in the order, or has a size", typ)
		} else {
			seen[typ] = true
		}
	}
}

func TestMutexesWork(t *testing.T) {
	var outer Mutex[ReplicaControl]
	var inner RWMutex[Partition]
	outer.Lock()
	inner.RLock()
	if outer.TryLock() {
		t.Error("locked twice")
	}
	inner.RUnlock()
	inner.Lock()
	if outer.TryLock() {
		t.Error("locked twice")
	}
	inner.Unlock()
	outer.Unlock()
	if !outer.TryLock() {
		t.Error("still locked")
	}
	outer.Unlock()
	if s := unsafe.Sizeof(outer); s > 8 {
		t.Errorf("a mutex takes %d bytes", s)
	}
}
