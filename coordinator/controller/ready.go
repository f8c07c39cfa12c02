package controller

import (
	"errors"
	"fmt"
	"iter"
	"runtime/debug"
)

// Ready is what a step wants of the world at one point, as in etcd's raft: first the effects in Do,
// in order, then the operation Ask, whose result the step needs before it goes on (Resume). Without
// Ask the step is over, with Err.
type Ready struct {
	Do  []Effect
	Ask Op
	Err error
}

// Effect is something that the step does not wait for: a request to a broker, an interest in a
// node, an answer to who asked.
type Effect interface{ on(r *runner) }

// Result is the outcome of an Op. A value may come with an error: what was done before it.
type Result struct {
	Value any
	Err   error
}

// errAbandoned ends a step whose runner has given it up.
var errAbandoned = errors.New("the step was given up")

// running is an event that is being processed. It is a coroutine: between Begin or Resume and the
// Ready that they return only it runs, and it touches nothing but the core, so a step is a function
// of the core's state, the event and the results that it is given.
type running struct {
	next   func() (Ready, bool)
	stop   func()
	yield  func(Ready) bool
	do     []Effect
	result Result
	over   bool // given up: nothing more is asked
}

// begin starts a step. The caller carries out what it is given and calls resume until Ask is nil,
// or abandon.
func (c *core) begin(body func() error) Ready {
	s := &running{}
	s.next, s.stop = iter.Pull(func(yield func(Ready) bool) {
		s.yield = yield
		defer keepStack()
		err := body()
		yield(Ready{Do: s.do, Err: err})
	})
	c.step = s
	return c.resume(Result{})
}

// stepPanic is a panic of a step. It comes out where the step is driven, on another stack.
type stepPanic struct {
	reason any
	stack  []byte
}

// Error implements error.
func (p *stepPanic) Error() string { return fmt.Sprint(p.reason) }

// keepStack is deferred by a step.
func keepStack() {
	if p := recover(); p != nil {
		panic(&stepPanic{p, debug.Stack()})
	}
}

// resume goes on with the result of what was asked for.
func (c *core) resume(r Result) Ready {
	s := c.step
	s.result = r
	ready, _ := s.next()
	if ready.Ask == nil {
		c.abandon()
	}
	return ready
}

// abandon ends a step, which may be over. What it has not asked for is not done.
func (c *core) abandon() {
	if s := c.step; s != nil {
		c.step = nil
		s.stop()
	}
}

// do adds an effect.
func (c *core) do(e Effect) { c.step.do = append(c.step.do, e) }

// await hands out what has been added and waits for the result of op.
func await[T any](c *core, op Op) (T, error) {
	var none T
	s := c.step
	if s == nil || s.over {
		return none, errAbandoned
	}
	ready := Ready{Do: s.do, Ask: op}
	s.do = nil
	if !s.yield(ready) {
		s.over = true
		return none, errAbandoned
	}
	v, _ := s.result.Value.(T)
	return v, s.result.Err
}
