//go:build invariants

package rank

import (
	"bytes"
	"fmt"
	"reflect"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
)

// Mutex is a sync.Mutex of rank R.
type Mutex[R any] struct{ mu sync.Mutex }

// Lock locks m; a lock of a rank at or before a held one ends the process.
func (m *Mutex[R]) Lock() { lock[R](m.mu.Lock) }

// TryLock tries to lock m. As it does not wait, it may be called in any order.
func (m *Mutex[R]) TryLock() bool {
	if !m.mu.TryLock() {
		return false
	}
	goroutines.push(place[R]())
	return true
}

// Unlock unlocks m.
func (m *Mutex[R]) Unlock() { unlock[R](m.mu.Unlock) }

// RWMutex is a sync.RWMutex of rank R.
type RWMutex[R any] struct{ mu sync.RWMutex }

// Lock locks m for writing; see Mutex.Lock.
func (m *RWMutex[R]) Lock() { lock[R](m.mu.Lock) }

// Unlock undoes Lock.
func (m *RWMutex[R]) Unlock() { unlock[R](m.mu.Unlock) }

// RLock locks m for reading, in the order of Lock: a writer that waits keeps readers out, so that
// two locks for reading can wait for each other, too.
func (m *RWMutex[R]) RLock() { lock[R](m.mu.RLock) }

// RUnlock undoes RLock.
func (m *RWMutex[R]) RUnlock() { unlock[R](m.mu.RUnlock) }

// lock enters a rank, and takes the lock only then: an order that is wrong shows before it hangs.
func lock[R any](take func()) {
	enter(place[R]())
	take()
}

func unlock[R any](give func()) {
	give()
	goroutines.pop(place[R]())
}

// places is where each rank stands in the order; constant.
var places = sync.OnceValue(func() map[reflect.Type]int {
	m := map[reflect.Type]int{}
	for i, r := range order() {
		m[reflect.TypeOf(r)] = i
	}
	return m
})

func place[R any]() int {
	i, ok := places()[reflect.TypeFor[R]()]
	if !ok {
		panic(fmt.Sprintf("%s has no place in the order of locks", reflect.TypeFor[R]()))
	}
	return i
}

// goroutines are the locks that each goroutine holds: the state of a debugging aid, which has no
// owner.
var goroutines = &holders{held: map[uint64][]int{}}

type holders struct {
	mu   sync.Mutex
	held map[uint64][]int // by goroutine id, in the order in which they were taken
}

func enter(at int) {
	id := goroutineID()
	goroutines.mu.Lock()
	text := violation(goroutines.held[id], at)
	if text == "" {
		goroutines.held[id] = append(goroutines.held[id], at)
	}
	goroutines.mu.Unlock()
	if text != "" {
		fail(text)
	}
}

// violation says what is wrong with taking a lock while others are held, "" if nothing is.
func violation(held []int, at int) string {
	for _, h := range held {
		if h >= at {
			all := order()
			return fmt.Sprintf("lock order: %T is taken while %T is held", all[at], all[h])
		}
	}
	return ""
}

// fail ends the process: a panic here might be recovered by somebody who must not.
func fail(text string) {
	stack := debug.Stack()
	go func() { panic(fmt.Sprintf("%s\n%s", text, stack)) }()
	select {}
}

func (h *holders) push(at int) {
	id := goroutineID()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held[id] = append(h.held[id], at)
}

func (h *holders) pop(at int) {
	id := goroutineID()
	h.mu.Lock()
	defer h.mu.Unlock()
	held := h.held[id]
	for i := len(held) - 1; i >= 0; i-- {
		if held[i] == at {
			held = append(held[:i], held[i+1:]...)
			break
		}
	}
	if len(held) == 0 {
		delete(h.held, id)
		return
	}
	h.held[id] = held
}

// goroutineID reads the id from the first line of the stack, "goroutine 12 [running]:".
func goroutineID() uint64 {
	var buf [32]byte
	line := bytes.TrimPrefix(buf[:runtime.Stack(buf[:], false)], []byte("goroutine "))
	digits, _, _ := bytes.Cut(line, []byte(" "))
	id, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil {
		panic(fmt.Sprintf("no goroutine id in %q", line))
	}
	return id
}
